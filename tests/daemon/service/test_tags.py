"""Tags: what is kept of them, the limits, and the lists by tag, order and number."""

import msgspec
import pytest
from msgspec import structs

from support.samples import ALPHA, workspace
from support.serving import Client, Json, ids


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["b", "a"], ["a", "b"]),
        ([" a\t", "\u00a0b\u3000"], ["a", "b"]),
        (["Web", "web", "WEB "], ["Web"]),
        (["STRASSE", "straße"], ["STRASSE"]),
        (["\u00c9t\u00e9", "e\u0301te\u0301"], ["\u00c9t\u00e9"]),
        (["b", "B", "a", "Z", "é", "😀", "\uffff"], ["Z", "a", "b", "é", "\uffff", "😀"]),
        (["t" * 64, f"  {'s' * 64} "], ["s" * 64, "t" * 64]),
        ([f"t{number:02}" for number in range(32)] * 2, [f"t{number:02}" for number in range(32)]),
    ],
    ids=["sorted", "trimmed", "case", "sharp s", "accents", "code points", "64 characters", "32, each twice"],
)
async def test_tags_are_cleaned_sorted_and_each_is_there_once(
    client: Client, given: list[str], kept: list[str]
) -> None:
    created = await client.result("workspace.create", name="New", rootPath="/src", tags=given)
    assert created["tags"] == kept
    updated = await client.result("workspace.update", id="ws_01", tags=given)
    assert updated["tags"] == kept
    assert await client.result("workspace.get", name="new") == created


@pytest.mark.parametrize(
    ("tags", "path"),
    [
        (["a", ""], "tags[1]"),
        (["a", " \t"], "tags[1]"),
        (["\u200b\u2060"], "tags[0]"),
        (["\u2800"], "tags[0]"),
        (["a\nb"], "tags[0]"),
        (["a", "b\0"], "tags[1]"),
        (["a", "A", "\x85x\x7f"], "tags[2]"),
        (["t" * 65], "tags[0]"),
        (["a", "a", "😀" * 65], "tags[2]"),
        ([f"t{number}" for number in range(33)], "tags"),
        ("tag", "tags"),
        ([1], "tags[0]"),
        ([None], "tags[0]"),
        ({"a": 1}, "tags"),
    ],
)
@pytest.mark.parametrize(
    ("method", "params"),
    [("workspace.create", {"name": "New", "rootPath": "/src"}), ("workspace.update", {"id": "ws_01"})],
)
async def test_a_tag_that_is_none_is_refused_with_its_place(
    client: Client, method: str, params: Json, tags: object, path: str
) -> None:
    code, message, data = await client.refusal(method, **params, tags=tags)
    assert (code, data) == (-32602, {"kind": "invalidParams", "path": path})
    assert f"`{path}`" in message
    assert message.endswith(".")


async def test_an_update_of_tags_replaces_them_all_and_is_an_update(client: Client) -> None:
    for tags, kept in ((["b", "a"], ["a", "b"]), (["c"], ["c"]), (None, ["c"]), ([], None)):
        name = {"name": "Alpha"} if tags is None else {}
        changed = await client.result("workspace.update", id="ws_01", tags=tags, **name)
        assert changed.get("tags") == kept
        assert "tags" not in changed or kept
    assert changed["revision"] == 13
    code, message, data = await client.refusal("workspace.update", id="ws_01", tags=None)
    assert (code, data["path"]) == (-32602, "name")
    assert "tags" in message


async def test_a_save_keeps_tags_as_given_within_the_limits(client: Client) -> None:
    given = structs.replace(ALPHA, tags=("b ", "\n", "a", "t" * 64))
    stored = await client.result("store.save", workspace=msgspec.to_builtins(given))
    assert stored["tags"] == ["b ", "\n", "a", "t" * 64]
    assert await client.result("store.getById", id="ws_01") == stored


@pytest.mark.parametrize(
    ("tags", "place"),
    [
        (["a", "b", "c", ""], "[3]"),
        (["t" * 65], "[0]"),
        (["a", "b", "A"], "[2]"),
        ([f"t{number}" for number in range(33)], ""),
    ],
)
async def test_a_save_over_a_limit_is_refused_with_its_place(
    client: Client, tags: list[str], place: str
) -> None:
    given = {**msgspec.to_builtins(ALPHA), "tags": tags}
    code, _, data = await client.refusal("store.save", workspace=given)
    assert (code, data["path"]) == (-32602, f"workspace.tags{place}")
    other = {"save": msgspec.to_builtins(workspace(7))}
    code, _, data = await client.refusal("store.apply", changes=[other, {"save": given}])
    assert (code, data["path"]) == (-32602, f"changes[1].save.tags{place}")
    assert await client.result("store.getById", id="ws_07") is None


async def test_a_list_by_tags_has_those_with_all_of_them(client: Client) -> None:
    for number, tags in ((21, ["Web", "late"]), (22, ["web"]), (23, ["Straße", "WEB"])):
        given = {**msgspec.to_builtins(workspace(number, created_at=100 - number)), "tags": tags}
        await client.result("store.save", workspace=given)

    async def listed(**params: object) -> list[str]:
        return ids(await client.result("workspace.list", **params))

    assert await listed(tags=["WEB"]) == ["ws_23", "ws_22", "ws_21"]
    assert await listed(tags=["web", " Late "]) == ["ws_21"]
    assert await listed(tags=["STRASSE"]) == ["ws_23"]
    assert await listed(tags=["no such tag"]) == []
    assert await listed(tags=["web", "no such tag"]) == []
    assert await listed(tags=["web"], state="closed") == []
    assert await listed(tags=["web"], limit=2) == ["ws_23", "ws_22"]
    assert len(await listed(tags=[])) == 6


async def test_a_list_has_an_order_and_a_limit(client: Client) -> None:
    for number, name in ((21, "beta 2"), (22, "ALPHA 2"), (23, "École"), (24, "ecole")):
        await client.result("store.save", workspace=msgspec.to_builtins(workspace(number, name=name)))

    async def names(**params: object) -> list[object]:
        return [each["name"] for each in await client.result("workspace.list", **params)]

    by_time = ["Alpha", "Gone", "Beta", "beta 2", "ALPHA 2", "École", "ecole"]
    by_name = ["Alpha", "ALPHA 2", "Beta", "beta 2", "ecole", "École", "Gone"]
    assert await names() == await names(sort="created") == await names(sort=None, limit=None) == by_time
    assert await names(sort="name") == by_name
    assert await names(sort="name", limit=2) == by_name[:2]
    assert await names(limit=1) == by_time[:1]
    assert await names(limit=2**53 - 1) == by_time
    for wrong in (
        {"limit": 0},
        {"limit": -1},
        {"limit": 1.5},
        {"limit": 2**70},
        {"sort": "Name"},
        {"tags": "a"},
    ):
        code, _, data = await client.refusal("workspace.list", **wrong)
        assert (code, data["path"]) == (-32602, next(iter(wrong)))
