"""Metadata: what is stored is what was given, or it is refused with the field; merge patches; limits."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.samples import ALPHA, BETA
from support.serving import Client, Daemon, Json, ids, request
from workspaced_protocol.checksum import checksum
from workspaced_protocol.models import Workspace

DEEPEST = 64


def nested(depth: int) -> Json:
    """An object of so many levels, lists among them."""
    value: Any = {"x": 1} if depth % 2 else [1]
    for level in range(depth - 1, 0, -1):
        value = {"x": value} if level % 2 else [value]
    assert isinstance(value, dict)
    return value


KEPT: dict[str, Json] = {
    "plain": {"editor.theme": "dark", "n": 1, "f": 1.5, "yes": True, "no": False, "list": [1, "a", []]},
    "nulls": {"a": None, "b": {"c": None}, "d": [None]},
    "integers": {"greatest": 2**64 - 1, "least": -(2**63), "beyond a double": 2**53 + 1, "zero": 0},
    "floats": {
        "least": 5e-324,
        "greatest": 1.7976931348623157e308,
        "minus zero": -0.0,
        "whole": 3.0,
        "e": 1e22,
    },
    "texts": {"empty": "", "nul": "\0", "lines": "a\nb\u2028c", "emoji": "😀", "last": "\uffff"},
    "keys": {" ": 1, "k" * 128: 2, "😀" * 128: 3, "a\nb\0": 4, "dots.and[0]": 5, "x": {"": 6, "k" * 200: 7}},
    "case": {"Key": 1, "key": 2, "KEY": 3},
    "depth": nested(DEEPEST),
    "depth of nothing": json.loads('{"a":' + "[" * 63 + "]" * 63 + "}"),
    "size": {"k": "x" * (16 * 1024 - len('{"k":""}'))},
    "size in bytes": {"k": "é" * ((16 * 1024 - len('{"k":""}')) // 2)},
}


def same(one: object, other: object) -> bool:
    """Whether both are the same JSON: to Python 1, 1.0 and True are equal."""
    return json.dumps(one) == json.dumps(other)


@pytest.mark.parametrize("metadata", KEPT.values(), ids=KEPT)
async def test_what_is_stored_is_what_was_given(client: Client, metadata: Json) -> None:
    created = await client.result("workspace.create", name="New", rootPath="/src", metadata=metadata)
    assert same(created["metadata"], metadata)
    assert same((await client.result("workspace.get", id=created["id"]))["metadata"], metadata)
    saved = await client.result("store.save", workspace={**msgspec.to_builtins(ALPHA), "metadata": metadata})
    assert same(saved["metadata"], metadata)
    change = {"save": {**msgspec.to_builtins(BETA), "metadata": metadata}}
    await client.result("store.apply", changes=[change])
    for id_ in ("ws_01", "ws_02"):
        stored = await client.result("store.getById", id=id_)
        assert same(stored["metadata"], metadata)
        # As a client decodes it.
        assert same(msgspec.json.decode(json.dumps(stored), type=Workspace).metadata, metadata)


REFUSED = {
    "beyond 64 bits": '{"a":{"b":[18446744073709551616]}}',
    "beyond 63 bits below 0": '{"a":-9223372036854775809}',
    "many digits": '{"a":' + "9" * 400 + "}",
    "1e400": '{"a":[1e400]}',
    "-1e400": '{"a":-1e400}',
    "a float that is nothing": '{"a":1e-400}',
    "a key twice": '{"a":1,"a":1}',
    "a key twice, escaped": '{"a":{"b":1,"\\u0062":2}}',
    "a key twice, in a list": '{"a":[{"b":1,"c":2,"b":3}]}',
    "an empty key": '{"":1}',
    "129 characters": '{"' + "k" * 129 + '":1}',
    "65 deep": json.dumps(nested(DEEPEST + 1)),
    "65 deep, and empty": '{"a":' + "[" * 64 + "]" * 64 + "}",
    "400 deep": json.dumps(nested(400)),
    "16 KiB and 1": json.dumps({"k": "x" * (16 * 1024 + 1 - len('{"k":""}'))}),
    "16 KiB in characters": json.dumps({"k": "é" * 8200}, ensure_ascii=False),
    "1 MB": json.dumps({"k": "x" * 1_000_000}),
    "1 MB of lists": '{"k":[' + "[]," * 330_000 + "1]}",
    "1 MB of numbers": json.dumps({"k": [1] * 300_000}),
    "a list": "[1]",
    "a text": '"a"',
    "a number": "1",
}


@pytest.mark.usefixtures("measured_once")  # a megabyte of numbers takes 300,000 turns
@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("method", ["workspace.create", "store.save", "store.apply"])
async def test_what_would_not_be_kept_is_refused_with_its_field(
    client: Client, daemon: Daemon, method: str, text: str
) -> None:
    saved = json.dumps({**msgspec.to_builtins(ALPHA), "metadata": "?"}).replace('"?"', text)
    params, path = {
        "workspace.create": (f'{{"name":"New","rootPath":"/x","metadata":{text}}}', "metadata"),
        "store.save": (f'{{"workspace":{saved}}}', "workspace.metadata"),
        "store.apply": (
            f'{{"changes":[{{"remove":"ws_77"}},{{"save":{saved}}}]}}',
            "changes[1].save.metadata",
        ),
    }[method]
    line = f'{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{params}}}\n'
    await client.send(line.encode())
    error = (await client.receive())["error"]
    assert (error["code"], error["data"]["kind"]) == (-32602, "invalidParams")
    assert error["data"]["path"] == path
    assert f"`{path}`" in error["message"]
    assert len(error["message"]) < 400
    assert error["message"].endswith(".")
    assert daemon.writer.state.revision == 9


@pytest.mark.parametrize("depth", [700, 800, 850, 900, 940, 970, 1_000, 100_000])
@pytest.mark.parametrize(
    ("method", "params"),
    [("workspace.create", '"name":"New","rootPath":"/x"'), ("workspace.update", '"id":"ws_01"')],
)
async def test_a_depth_that_no_reader_takes_costs_one_answer(
    client: Client, method: str, params: str, depth: int
) -> None:
    text = '{"a":' * depth + "1" + "}" * depth
    line = f'{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{{{params},"metadata":{text}}}}}\n'
    await client.send(line.encode())
    error = (await client.receive())["error"]
    # By the room on the stack, the line or its param is too deep.
    assert error["code"] in (-32700, -32602)
    assert "nested" in error["message"]
    assert error["data"].get("path", "metadata") == "metadata"
    assert await client.result("daemon.ping") == "pong"


async def test_white_space_counts_for_nothing(client: Client) -> None:
    text = '{"a":' + " " * 900_000 + "[1]}"
    params = f'{{"id":"ws_01","metadata":{text}}}'
    await client.send(f'{{"jsonrpc":"2.0","id":7,"method":"workspace.update","params":{params}}}\n'.encode())
    assert (await client.receive())["result"]["metadata"] == {"a": [1]}


async def test_a_key_is_found_twice_behind_an_escaped_name_of_the_field(client: Client) -> None:
    params = b'{"id":"ws_01","met\\u0061data":{"a":1,"a":2}}'
    await client.send(b'{"jsonrpc":"2.0","id":1,"method":"workspace.update","params":%b}\n' % params)
    assert (await client.receive())["error"]["data"]["path"] == "metadata"
    by_position = b'["ws_01",null,null,null,null,null,{"a":1,"a":2}]'
    await client.send(b'{"jsonrpc":"2.0","id":1,"method":"workspace.update","params":%b}\n' % by_position)
    assert (await client.receive())["error"]["data"]["path"] == "metadata"


# RFC 7386, Appendix A, below one key, and what it says of keys.
PATCHES: list[tuple[Json, Json, Json]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ({"a": 1}, {"a": {"b": [None], "c": None}}, {"a": {"b": [None]}}),
    ({"a": 1}, {}, {"a": 1}),
    ({"a": 1}, {"": None, "k" * 129: None}, {"a": 1}),
    ({"a": {"b": {"c": 1, "d": 2}}}, {"a": {"b": {"c": None}}}, {"a": {"b": {"d": 2}}}),
    ({"n": 1}, {"n": True}, {"n": True}),
]


@pytest.mark.parametrize(("before", "patch", "after"), PATCHES)
async def test_an_update_is_a_merge_patch(client: Client, before: Json, patch: Json, after: Json) -> None:
    created = await client.result("workspace.create", name="New", rootPath="/src", metadata=before)
    changed = await client.result("workspace.update", id=created["id"], metadata=patch)
    assert same(changed.get("metadata", {}), after)
    assert ("metadata" in changed) == bool(after)
    assert changed["revision"] == created["revision"] + 1
    assert await client.result("workspace.get", id=created["id"]) == changed


async def test_a_patch_leaves_what_others_read_before_it(daemon: Daemon, client: Client) -> None:
    metadata = {"a": {"b": {"c": 1}}}
    created = await client.result("workspace.create", name="New", rootPath="/src", metadata=metadata)
    before = daemon.writer.state
    await client.result("workspace.update", id=created["id"], metadata={"a": {"b": {"c": 2, "d": 3}}})
    stored = before.get(created["id"])
    assert stored is not None
    assert stored.metadata == metadata


async def test_the_limit_is_the_result_s_and_not_the_patch_s(client: Client) -> None:
    old, new = ({f"{letter}{number:03}": "x" * 100 for number in range(140)} for letter in "on")
    created = await client.result("workspace.create", name="New", rootPath="/src", metadata=old)
    code, message, data = await client.refusal("workspace.update", id=created["id"], metadata=new)
    assert (code, data["path"]) == (-32602, "metadata")
    assert "16,384" in message
    swap = {**dict.fromkeys(old), **new}
    assert (await client.result("workspace.update", id=created["id"], metadata=swap))["metadata"] == new
    large: Json = {"k": [{}] * 20_000, "more": None}
    refused: list[Json] = [
        large,
        dict.fromkeys(map(str, range(20_000))),
        nested(65),
        {"a": 2**64},
        {"": 1},
        {"k" * 129: {}},
    ]
    for wrong in refused:
        code, _, data = await client.refusal("workspace.update", id=created["id"], metadata=wrong)
        assert (code, data["path"]) == (-32602, "metadata")


async def test_two_patches_of_one_batch_are_both_there(client: Client) -> None:
    lines = [
        request("workspace.update", number, {"id": "ws_01", "metadata": {key: 1}})
        for number, key in ((1, "a"), (2, "b"))
    ]
    await client.send(b"[" + b",".join(line.strip() for line in lines) + b"]\n")
    await client.receive_batch()
    assert (await client.result("workspace.get", id="ws_01"))["metadata"] == {"a": 1, "b": 1}


async def test_what_older_apps_know_of_a_workspace_stays_as_it_was(client: Client) -> None:
    created = await client.result("workspace.create", name="New", rootPath="/src", tags=[], metadata={})
    assert created.keys().isdisjoint({"tags", "metadata"})
    updated = await client.result("workspace.update", id=created["id"], tags=["a"], metadata={"k": 1})
    assert (updated["tags"], updated["metadata"]) == (["a"], {"k": 1})
    # An older app saves what it knows, and keeps the rest by not naming it only where it updates.
    kept = await client.result("workspace.update", id=created["id"], name="Newer")
    assert (kept["tags"], kept["metadata"]) == (["a"], {"k": 1})
    for method in ("workspace.close", "workspace.open"):
        kept = await client.result(method, id=created["id"])
        assert (kept["tags"], kept["metadata"]) == (["a"], {"k": 1})


async def test_a_restore_tells_true_from_1(client: Client) -> None:
    def alpha(value: object) -> Json:
        return {**msgspec.to_builtins(ALPHA), "metadata": {"n": value}}  # with the same times

    await client.result("store.save", workspace=alpha(1))
    name = (await client.result("store.backup"))["name"]
    for other in (True, 1.0, "1"):
        await client.result("store.save", workspace=alpha(other))
        preview = await client.result("store.previewRestore", source=name)
        assert [each["metadata"] for each in preview["changed"]] == [{"n": 1}]
        await client.result("store.restore", source=name)
        assert same((await client.result("workspace.get", id="ws_01"))["metadata"], {"n": 1})
    assert (await client.result("store.previewRestore", source=name))["changed"] == []


async def a_copy(client: Client, path: Path, annotations: str) -> str:
    """Make a copy of the store as another program may: Alpha has these members in it."""
    given = {**msgspec.to_builtins(ALPHA), "metadata": {"a": 4711}}
    before = await client.result("store.getById", id="ws_01")
    await client.result("store.save", workspace=given)
    await client.result("store.backup", path=str(path))
    await client.result("store.save", workspace=before)
    _replace_verified(path, '"metadata":{"a":4711}', annotations)
    return str(path)


def _replace_verified(path: Path, old: str, new: str) -> None:
    data = path.read_bytes().replace(old.encode(), new.encode())
    stated, actual = checksum(data)
    path.write_bytes(data.replace((stated or "").encode(), actual.encode()))


async def test_a_copy_over_the_limits_is_no_damage(client: Client, tmp_path: Path) -> None:
    tags = [f"t{number}" for number in range(40)]
    metadata = {"": 2**60, "k" * 200: ["x" * 20_000]}
    annotations = f'"tags":{json.dumps(tags)},"metadata":{json.dumps(metadata)}'
    copy = await a_copy(client, tmp_path / "copy.json", annotations)
    await client.result("store.restore", source=copy)
    found = await client.result("workspace.get", id="ws_01")
    assert (found["tags"], found["metadata"]) == (tags, metadata)
    renamed = await client.result("workspace.update", id="ws_01", name="Renamed")
    assert (renamed["name"], renamed["metadata"]) == ("Renamed", metadata)
    assert (await client.refusal("workspace.update", id="ws_01", metadata={"a": 1})).code == -32602
    patch = {"": None, "k" * 200: None, "a": 1}
    changed = await client.result("workspace.update", id="ws_01", metadata=patch, tags=["one"])
    assert (changed["metadata"], changed["tags"]) == ({"a": 1}, ["one"])


@pytest.mark.parametrize("depth", [64, 300, 945, 980, 1_000])
async def test_a_copy_that_not_every_reader_takes_is_refused(
    client: Client, tmp_path: Path, depth: int
) -> None:
    copy = await a_copy(client, tmp_path / "copy.json", f'"metadata":{{"a":{"[" * depth + "]" * depth}}}')
    for method in ("store.previewRestore", "store.restore"):
        code, message, data = await client.refusal(method, source=copy)
        assert (code, data["path"]) == (-32602, "source")
        assert "nested" in message
        assert copy in message
    salvaged = await client.result("store.salvage", files=[copy])
    assert "ws_01" not in ids(salvaged["workspaces"])
