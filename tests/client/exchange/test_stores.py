"""Older apps' stores and exported workspaces: read whole, refused where damaged, and written as they were."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from support.documents import version_1_members, version_1_text
from support.samples import fifty_by_ten, project, workspace
from workspaced_client.exchange.json_text import Unusable
from workspaced_client.exchange.stores import decode, encode_list, encode_version_1
from workspaced_protocol.checksum import checksum

ODD = [
    workspace(
        1,
        name='日本語 “\\"/\n\t\u2028\x7f\u001b 🚀',
        projects=(project(1, "ws_01"), project(2, "ws_01", "u")),
    ),
    workspace(2, name="Twice", root_path="relative"),
    workspace(3, name="tWICE", state="closed"),
]
TEXTS = {
    "pretty": version_1_text([*fifty_by_ten(), *ODD]),
    "on one line": version_1_text([*fifty_by_ten(), *ODD], indent=None),
    "with escapes": version_1_text([*fifty_by_ten(), *ODD], ascii_only=True),
    "with a byte order mark": "\ufeff" + version_1_text([*fifty_by_ten(), *ODD]),
    "without a checksum": version_1_text([*fifty_by_ten(), *ODD], checksum=False),
}


@pytest.mark.requirement("FR-005")
@pytest.mark.parametrize("case", TEXTS)
def test_an_older_store_is_read_whole(case: str) -> None:
    found = decode("f", TEXTS[case].encode())
    assert list(found.workspaces) == [*fifty_by_ten(), *ODD]
    assert found.unknown_members == ()


def test_an_older_store_is_written_as_the_older_app_does() -> None:
    text = encode_version_1(decode("f", TEXTS["pretty"].encode()).workspaces)
    assert text == TEXTS["pretty"]
    if directory := os.environ.get(
        "WORKSPACED_TEST_V1_STORE"
    ):  # one that a real app wrote, where there is one
        given = (Path(directory) / "workspaces.json").read_bytes()
        assert encode_version_1(decode("f", given).workspaces).encode() == given


def test_what_list_prints_is_read() -> None:
    for workspaces in ([], ODD):
        for text in (encode_list(workspaces), encode_list(workspaces, ascii_only=True)):
            assert list(decode("f", text.encode()).workspaces) == workspaces
    one = json.dumps({**version_1_members(ODD)[0], "revision": 7})
    assert [each.name for each in decode("f", one.encode()).workspaces] == [ODD[0].name]


def test_members_that_are_not_known_are_left_out_and_named() -> None:
    document: dict[str, Any] = {"version": 1, "workspaces": version_1_members(ODD), "theme": "dark"}
    document["workspaces"][1]["color"] = 3
    found = decode("f", json.dumps(document).encode())
    assert list(found.workspaces) == ODD
    assert set(found.unknown_members) == {"theme", "workspaces[1].color"}


SOUND = version_1_text([workspace(1), workspace(2, projects=(project(1, "ws_02"),))])


def line_of(text: str, part: str, nth: int = 0) -> int:
    start = [match.start() for match in re.finditer(re.escape(part), text)][nth]
    return text.count("\n", 0, start) + 1


@pytest.mark.requirement("FR-006")
@pytest.mark.parametrize(
    ("old", "new", "nth", "problem"),
    [
        (
            '"state": "active"',
            '"state": "aktive"',
            1,
            "`workspaces[1].state` is wrong: “aktive” is none of active, closed, deleted",
        ),
        (
            '"id": "proj_01"',
            '"id": "01"',
            0,
            "`workspaces[1].projects[0].id` is wrong: expected proj_, then 1 to 128 of",
        ),
        (
            '"boundAt": 1',
            '"boundAt": -1',
            0,
            "`workspaces[1].projects[0].boundAt` is wrong: expected `int` >= 0",
        ),
        (
            '"createdAt": 2',
            '"createdAt": "2"',
            0,
            "`workspaces[1].createdAt` is wrong: expected `int`, got `str`",
        ),
        ('"createdAt": 2', '"createdAt": 1e999', 0, "`workspaces[1].createdAt` is wrong: "),
        (
            '"id": "ws_02"',
            '"id": "ws_01"',
            0,
            "`workspaces[1].id` is ws_01, which an earlier workspace has already",
        ),
        ('"createdAt": 2,', '"createdAt": 2, "id": "ws_02",', 0, "`workspaces[1].id` appears twice"),
        ('"updatedAt": 2,', '"updatedAt": 2', 0, "a comma is expected here"),
    ],
)
def test_a_damaged_store_is_told_with_the_line(old: str, new: str, nth: int, problem: str) -> None:
    at = [match.start() for match in re.finditer(re.escape(old), SOUND)][nth]
    damaged = SOUND[:at] + new + SOUND[at + len(old) :]
    with pytest.raises(Unusable) as caught:
        decode("f", damaged.encode())
    told = re.fullmatch(r"f, line (\d+), column \d+: (.*)\.", str(caught.value))
    assert told is not None, str(caught.value)
    assert told[2].startswith(problem)
    # Where a comma lacks, the next line shows it.
    assert int(told[1]) == SOUND.count("\n", 0, at) + 1 + problem.startswith("a comma")


def test_an_entry_that_is_wrong_is_left_out_with_its_place_and_no_other() -> None:
    good, bad = workspace(1, projects=(project(1, "ws_01"),)), version_1_members([workspace(2)])[0]
    wrong: list[tuple[Any, str]] = [
        (5, "`workspaces[1]` must"),
        (None, "`workspaces[1]` is wrong: expected `object`"),
        (
            {**bad, "state": "aktive"},
            "`workspaces[1].state` is wrong: “aktive” is none of active, closed, deleted",
        ),
        ({**bad, "id": "ws_01"}, "`workspaces[1].id` is ws_01, which an earlier workspace has already"),
        ({**bad, "id": "../x"}, "`workspaces[1].id` is wrong: expected ws_, then"),
        ({**bad, "projects": None}, "`workspaces[1].projects` is wrong: expected `array`"),
        ({**bad, "name": "\ud800"}, "`workspaces[1].name` holds half a character"),
        ({**bad, "createdAt": float("nan")}, "`workspaces[1].createdAt` is NaN"),
        ({**bad, "\ud800": 1}, "`workspaces[1]` holds half a character"),
        (
            {name: each for name, each in bad.items() if name != "name"},
            "`workspaces[1]` is wrong: object missing",
        ),
    ]
    for entry, problem in wrong:
        entries = [*version_1_members([good]), entry, *version_1_members([workspace(3)])]
        for document in (json.dumps({"version": 1, "workspaces": entries}), json.dumps(entries)):
            found = decode("f", document.encode())
            assert list(found.workspaces) == [good, workspace(3)]
            (left_out,) = found.left_out
            place = problem if document.startswith("{") else problem.replace("workspaces", "")
            assert left_out.reason.startswith(place.removesuffix(" must"))
            assert "(line 1, column " in left_out.reason


def test_one_project_that_is_wrong_costs_no_other_and_not_its_workspace() -> None:
    members = version_1_members([workspace(1, projects=(project(1, "ws_01"), project(2, "ws_01")))])
    one, other = members[0]["projects"]
    for wrong, problem in (
        ("web", "`workspaces[0].projects[1]` is wrong: expected `object`"),
        ({**one, "id": "01"}, "`workspaces[0].projects[1].id` is wrong: expected proj_, then"),
        ({**one, "workspaceId": ""}, "`workspaces[0].projects[1].workspaceId` is wrong: expected ws_, then"),
        ({**one, "boundAt": -1}, "`workspaces[0].projects[1].boundAt` is wrong: expected `int` >= 0"),
        ({**one, "rootPath": None}, "`workspaces[0].projects[1].rootPath` is wrong: expected `str`"),
        ({**one, "rootPath": "\udc80"}, "`workspaces[0].projects[1].rootPath` holds half a character"),
    ):
        store = {
            "version": 1,
            "workspaces": [{**members[0], "projects": [one, wrong, {**other, "color": 1}]}],
        }
        found = decode("f", json.dumps(store).encode())
        assert found.workspaces == (workspace(1, projects=(project(1, "ws_01"), project(2, "ws_01"))),)
        assert found.unknown_members == ("workspaces[0].projects[2].color",)
        assert [each.name for each in found.left_out] == ["Workspace 1"]
        assert found.left_out[0].reason.startswith(problem)


def test_a_wrong_entry_under_a_checksum_that_matches_is_left_out() -> None:
    text = SOUND.replace('"createdAt": 2', '"createdAt": "2"')
    _, digest = checksum(text.encode())
    (left_out,) = decode("f", re.sub(r'(?<="_checksum": ")\w+', digest, text).encode()).left_out
    assert (left_out.name, left_out.path) == ("Workspace 2", "/src")


def test_a_member_that_is_missing_is_told_with_the_line_of_its_object() -> None:
    text = SOUND.replace('      "name": "Workspace 2",\n', "")
    with pytest.raises(Unusable) as caught:
        decode("f", text.encode())
    line = line_of(text, "    {\n", 1)
    assert str(caught.value) == (
        f"f, line {line}, column 5: `workspaces[1]` is wrong: object missing required field `name`."
    )


@pytest.mark.requirement("FR-006")
def test_every_flipped_letter_of_a_store_is_noticed() -> None:
    for index in [match.start() for match in re.finditer("[a-z0-9]", SOUND)]:
        flipped = SOUND[:index] + chr(ord(SOUND[index]) ^ 1) + SOUND[index + 1 :]
        try:
            left_out = decode("f", flipped.encode()).unknown_members
        except Unusable:
            continue
        # The name of the checksum itself: a store may be without one, but this member has no meaning.
        assert [len(name) for name in left_out] == [len("_checksum")]


OTHERS: list[tuple[Any, str]] = [
    (
        {"version": 2, "revision": 3, "workspaces": []},
        "f is a store of workspaced itself: restore it with `workspacectl restore`",
    ),
    (
        {"version": 3, "storeId": "st_01KJQ3AX4M0123456789ABCDEF", "revision": 3, "workspaces": []},
        "f is a store of workspaced itself: restore it with `workspacectl restore`",
    ),
    ({"version": 4, "workspaces": []}, "f, line 1, column 13: `version` is "),
    ({"version": "1", "workspaces": []}, "f, line 1, column 13: `version` is "),
    ({"version": True, "workspaces": []}, "f, line 1, column 13: `version` is true"),
    ({"version": 1}, "f, line 1, column 1: `workspaces` is missing"),
    ({"version": 1, "workspaces": {}}, "f, line 1, column 30: `workspaces` must be a list"),
    ({"folders": []}, "f is neither an older app's store nor the output"),
    ([1], "f is neither an older app's store"),
    (
        [{"name": "shop", "rootPath": "/srv", "paths": [], "enabled": True}],
        "f is neither an older app's store",
    ),
    ({"name": "shop", "rootPath": "/srv"}, "f is neither an older app's store"),
    ("text", "f is neither an older app's store"),
    (None, "f is neither an older app's store"),
]


@pytest.mark.parametrize(("value", "problem"), OTHERS)
def test_what_is_something_else_is_refused(value: Any, problem: str) -> None:
    with pytest.raises(Unusable) as caught:
        decode("f", json.dumps(value).encode())
    assert str(caught.value).startswith(problem)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_an_older_store_in_another_encoding_is_read_and_its_checksum_verified(encoding: str) -> None:
    found = decode("f", TEXTS["pretty"].encode(encoding))
    assert list(found.workspaces) == [*fifty_by_ten(), *ODD]
    with pytest.raises(Unusable, match="f is damaged: its checksum does not match"):
        decode("f", TEXTS["pretty"].replace("Twice", "Thrice").encode(encoding))


@pytest.mark.parametrize("written", ["9" * 400, "1e999", "-1e25", "12345678901234567890123"])
def test_a_wrong_number_is_shown_as_it_is_written(written: str) -> None:
    members = version_1_members(ODD[1:])
    text = json.dumps({"version": 1, "workspaces": members})
    text = re.sub(r'"createdAt": \d+', f'"createdAt": {written}', text, count=1)
    found = decode("f", text.encode())
    assert [each.id for each in found.workspaces] == [members[1]["id"]]
    (left_out,) = found.left_out
    shown = written if len(written) <= 80 else f"{written[:79]}…"
    assert f"`workspaces[0].createdAt` is wrong: expected `int`, but it is {shown} (line 1" in left_out.reason
    with pytest.raises(Unusable, match=f"`version` is {re.escape(written[:39])}"):
        decode("f", f'{{"version": {written}, "workspaces": []}}'.encode())


@pytest.mark.parametrize(
    "value",
    ["[" * 3000 + "]" * 3000, "NaN", '"\\ud800"', '{"a": 1, "a": 2}'],
    ids=["deep", "NaN", "half", "twice"],
)
def test_what_is_not_imported_decides_nothing_about_the_workspaces(value: str) -> None:
    text = json.dumps({"version": 1, "workspaces": version_1_members(ODD)})
    found = decode("f", f'{text[:-1]}, "view": {value}}}'.encode())
    assert list(found.workspaces) == ODD
    assert found.unknown_members == ("view",)


def test_a_member_that_is_nested_too_deeply_concerns_its_workspace_alone() -> None:
    deep = "[" * 3000 + "]" * 3000
    text = json.dumps({"version": 1, "workspaces": version_1_members(ODD)})
    found = decode("f", text.replace('"rootPath": "relative"', f'"rootPath": {deep}').encode())
    assert list(found.workspaces) == [ODD[0], ODD[2]]
    assert found.left_out[0].name == "Twice"
    unknown = decode(
        "f", text.replace('"rootPath": "relative"', f'"rootPath": "relative", "x": {deep}').encode()
    )
    assert list(unknown.workspaces) == ODD
    assert unknown.unknown_members == ("workspaces[1].x",)
