"""Reading what a newer release wrote: unknown members are left out and told, all else is as strict as ever."""

import copy
import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workspaced_protocol.daemon_models import CommitStatistics
from workspaced_protocol.models import Change, StoreRevision, Workspace
from workspaced_protocol.unknown import decode

EXAMPLES = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])

BINDING = {"id": "proj_1", "workspaceId": "ws_1", "rootPath": "/a/b", "status": "active", "boundAt": 1}
WORKSPACE: dict[str, Any] = {
    "id": "ws_1",
    "name": "Alpha",
    "rootPath": "/a",
    "state": "closed",
    "createdAt": 1,
    "updatedAt": 2,
    "projects": [BINDING, BINDING | {"id": "proj_2"}],
}
NEWER = WORKSPACE | {
    "colour": "red",
    "projects": [BINDING | {"branch": {"name": "main"}}, BINDING | {"id": "proj_2", "a": 1, "b": 2}],
}
NEWER_PATHS = ["projects[0].branch", "projects[1].a", "projects[1].b", "colour"]


def below(prefix: str, paths: list[str]) -> list[str]:
    return sorted(prefix + path for path in paths)


def read(value: object, type_: Any) -> tuple[Any, list[str]]:
    found, unknown = decode(json.dumps(value).encode(), type_)
    return found, sorted(unknown)


@pytest.mark.parametrize(
    ("value", "known", "type_", "paths"),
    [
        pytest.param(WORKSPACE, WORKSPACE, Workspace, [], id="nothing unknown"),
        pytest.param(NEWER, WORKSPACE, Workspace, below("", NEWER_PATHS), id="a struct"),
        pytest.param(NEWER, WORKSPACE, Workspace | None, below("", NEWER_PATHS), id="a struct or null"),
        pytest.param(None, None, Workspace | None, [], id="null"),
        pytest.param(
            [WORKSPACE, NEWER], [WORKSPACE] * 2, list[Workspace], below("[1].", NEWER_PATHS), id="a list"
        ),
        pytest.param([], [], list[Workspace], [], id="an empty list"),
        pytest.param(
            {"save": NEWER, "why": 1},
            {"save": WORKSPACE},
            Change,
            below("", ["why", *("save." + path for path in NEWER_PATHS)]),
            id="a struct in a union in a struct",
        ),
        pytest.param(
            [{"remove": "ws_2", "x": 1}, {"save": NEWER}],
            [{"remove": "ws_2"}, {"save": WORKSPACE}],
            tuple[Change, ...],
            below("", ["[0].x", *("[1].save." + path for path in NEWER_PATHS)]),
            id="a tuple of unions",
        ),
    ],
)
def test_unknown_members_are_left_out_and_told(
    value: object, known: object, type_: Any, paths: list[str]
) -> None:
    found, unknown = read(value, type_)
    assert found == msgspec.convert(known, type_)
    assert unknown == paths


@pytest.mark.parametrize(
    "member", [None, 0, "", [], {}, {"revision": 2}, [{"a": [1]}], "é😀", 2**70, 1.5, 10**400]
)
def test_an_unknown_member_may_hold_anything(member: object) -> None:
    assert read({"revision": 1, "more": member}, StoreRevision) == (StoreRevision(1), ["more"])
    assert read({"more": member, "revision": 1}, StoreRevision) == (StoreRevision(1), ["more"])


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"9" * 5000])
def test_an_unknown_member_may_hold_a_number_out_of_range(number: bytes) -> None:
    assert decode(b'{"revision":1,"more":%b}' % number, StoreRevision) == (StoreRevision(1), ["more"])


@pytest.mark.parametrize("name", ["", "a.b", "a b", "é", "Revision", "revision ", "[0]"])
def test_an_unknown_member_may_have_any_name(name: str) -> None:
    assert read({"revision": 1, name: 2}, StoreRevision) == (StoreRevision(1), [name])


def test_raw_json_is_read_too() -> None:
    assert decode(msgspec.Raw(b'{"revision":1}'), StoreRevision) == (StoreRevision(1), [])
    assert decode(msgspec.Raw(b'{"revision":1,"a":2}'), StoreRevision) == (StoreRevision(1), ["a"])


def test_integers_stand_for_floats_as_ever() -> None:
    statistics = {"count": 1, "requests": 2, "p50Ms": 3, "p95Ms": 4}
    assert read(statistics | {"p99Ms": 5}, CommitStatistics) == (CommitStatistics(1, 2, 3.0, 4.0), ["p99Ms"])


@pytest.mark.parametrize("more", [{}, {"more": 1}], ids=["known", "with an unknown member"])
@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"id": "1"}, "$.id"),
        ({"id": "ws_1\n"}, "$.id"),
        ({"state": "open"}, "$.state"),
        ({"createdAt": "1"}, "$.createdAt"),
        ({"createdAt": 1.5}, "$.createdAt"),
        ({"createdAt": True}, "$.createdAt"),
        ({"updatedAt": 2**53}, "$.updatedAt"),
        ({"updatedAt": 10**400}, "$.updatedAt"),
        ({"projects": {}}, "$.projects"),
        ({"projects": None}, "$.projects"),
        ({"projects": [3]}, "$.projects[0]"),
        ({"projects": [BINDING, BINDING | {"status": "new"}]}, "$.projects[1].status"),
        ({"projects": [BINDING, BINDING | {"x": 1, "boundAt": -1}]}, "$.projects[1].boundAt"),
    ],
)
def test_json_of_another_shape_is_refused_with_its_path(
    changed: dict[str, object], path: str, more: dict[str, object]
) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        read(WORKSPACE | changed | more, Workspace)
    assert str(caught.value).endswith(f"`{path}`")


@pytest.mark.parametrize("missing", WORKSPACE)
def test_a_missing_member_is_refused(missing: str) -> None:
    value = {name: member for name, member in NEWER.items() if name != missing}
    with pytest.raises(msgspec.ValidationError, match=f"`{missing}`"):
        read(value, Workspace)


@pytest.mark.parametrize("value", [None, 1, "a", [], [WORKSPACE], {}, {"more": 1}])
def test_another_type_is_refused(value: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        read(value, Workspace)


NOT_JSON = [
    *[b"", b" ", b"{", b'{"revision":1', b'{"revision":1,}', b'{"revision":1}x', b"NaN", b'{"revision":01}'],
    *[b'{"revision":1,"more":2', b'{"revision":1,"more":NaN}', b'{"revision":1,"more":"\\q"}'],
    *[rb'{"revision":1,"more":"\ud800"}', rb'{"revision":1,"\udc00":2}', b'\xef\xbb\xbf{"revision":1}'],
]
NOT_UTF8 = [
    b'"\xff"',
    b'{"revision":1,"more":"\xff"}',
    b'{"revision":1,"\xff":2}',
    b'{"revision":"\xed\xa0\x80"}',
]


@pytest.mark.parametrize("data", [*NOT_JSON, *NOT_UTF8])
def test_what_is_no_json_is_a_decode_error(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(data, StoreRevision)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(
            b'{"revision":1,"more":' + b"[" * 100_000 + b"]" * 100_000 + b"}", id="in an unknown member"
        ),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="the whole"),
    ],
)
def test_deep_nesting_is_a_decode_error(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(data, StoreRevision)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
MEMBERS = st.dictionaries(
    TEXT.filter(lambda name: name not in {*WORKSPACE, *BINDING, "revision", "gitUrl", "tags", "metadata"}),
    st.none() | st.integers() | TEXT | st.lists(st.integers(), max_size=2) | st.just({"id": 1}),
    max_size=3,
)


@EXAMPLES
@given(outer=MEMBERS, inner=st.lists(MEMBERS, max_size=3))
def test_any_unknown_members_leave_the_known_ones_as_they_are(
    outer: dict[str, object], inner: list[dict[str, object]]
) -> None:
    known = WORKSPACE | {"projects": [BINDING] * len(inner)}
    newer = copy.deepcopy(known) | outer | {"projects": [BINDING | members for members in inner]}
    found, unknown = read(newer, Workspace)
    assert found == msgspec.convert(known, Workspace)
    expected = [f"projects[{index}].{name}" for index, members in enumerate(inner) for name in members]
    assert unknown == sorted([*expected, *outer])
