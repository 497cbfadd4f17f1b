"""What goes out for the values that an app passes: JSON values as they are, and nothing else."""

import math
from collections import OrderedDict, UserDict, namedtuple
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from numbers import Integral
from pathlib import PurePosixPath
from typing import Any, NoReturn
from uuid import UUID

import pytest
from msgspec import UNSET, Raw, Struct

from client.conftest import Connect, Serve
from client.fake_server import Peer, answering
from client.flavours import connected
from workspaced_client import Change, Client, ProjectBinding, Unsendable, Workspace, WorkspacedError


class Text(str):
    """As the strings of lxml, ruamel.yaml and numpy."""

    __slots__ = ()


class Number(int):
    """As the numbers of ruamel.yaml."""


class Real(float):
    """As numpy.float64."""


@Integral.register
class Int64:
    """As numpy.int64, which is no int."""

    def __init__(self, value: int) -> None:
        self._value = value

    def __index__(self) -> int:
        return self._value


class ArrayOfOne:
    """As numpy.array(5)."""

    def __index__(self) -> int:
        return 5

    __int__ = __index__


def fail(*_: object) -> NoReturn:
    raise ZeroDivisionError


class FailingText(str):
    __slots__ = ()
    __str__ = __repr__ = __format__ = fail


class FailingInt(int):
    __index__ = __int__ = __repr__ = __str__ = fail


class FailingFloat(float):
    __float__ = __repr__ = __str__ = fail


class FailingDict(dict[str, object]):
    items = __iter__ = __repr__ = fail


class FailingList(list[object]):
    __iter__ = __repr__ = fail


class FailingTuple(tuple[object, ...]):
    __slots__ = ()
    __iter__ = __repr__ = fail


@Integral.register
class FailingIndex:
    __index__ = __repr__ = __str__ = fail


class FailingPath:
    __fspath__ = __repr__ = __str__ = fail


class FailingRepr:
    __repr__ = __str__ = __len__ = __iter__ = __float__ = fail


class Colour(Enum):
    RED = "red"


class Size(IntEnum):
    BIG = 2


class Name(StrEnum):
    ALPHA = "alpha"


class Items(list[object]):
    """A list of a subclass."""


Point = namedtuple("Point", "x y")  # noqa: PYI024 - the untyped one is as good here


@dataclass
class Record:
    a: int = 1


class Other(Struct):
    a: int = 1


WORKSPACE = Workspace(
    id="ws_1", name="Alpha", root_path="/a", state="active", created_at=1, updated_at=1, projects=()
)
PROJECT = ProjectBinding(id="proj_1", workspace_id="ws_1", root_path="/a/b", status="active", bound_at=1)

NOT_JSON = [
    (math.nan, "nan"),
    (math.inf, "inf"),
    (-math.inf, "-inf"),
    (Real("nan"), "nan"),
    (b"shop", "bytes"),
    (bytearray(b"shop"), "bytearray"),
    (memoryview(b"shop"), "memoryview"),
    (UUID(int=7), r"uuid\.UUID"),
    (Decimal("1.5"), r"decimal\.Decimal"),
    (Fraction(1, 2), r"fractions\.Fraction"),
    ({"a"}, "set"),
    (frozenset("a"), "frozenset"),
    (datetime.now(UTC), r"datetime\.datetime"),
    (date(2026, 1, 2), r"datetime\.date"),
    (timedelta(seconds=1), r"datetime\.timedelta"),
    (Colour.RED, "Colour"),
    (Record(), "Record"),
    (Other(), "Other"),
    (Raw(b"1"), "Raw"),
    (UNSET, "UnsetType"),
    (UserDict(a=1), "UserDict"),
    (1j, "complex"),
    (range(2), "range"),
    (iter([1]), "list_iterator"),
    (object(), "object"),
    (str, "type"),
    (2**64, "64 bits"),
    (-(2**63) - 1, "64 bits"),
    ("\ud800", "surrogate"),
    (Text("a\udfff"), "surrogate"),
    (OrderedDict({1: "a"}), "a key of type int"),
    ({None: 1}, "a key of type NoneType"),
    ({"\ud800": 1}, "has a key with half of a surrogate"),
    (ArrayOfOne(), r"json_values\.ArrayOfOne, which is no JSON value"),
    (FailingFloat("nan"), "nan"),
    (FailingInt(2**64), "64 bits"),
    (FailingText("\ud800"), "surrogate"),
    (FailingDict(a=1), r"can't be read: its own code \(.*FailingDict\) raised ZeroDivisionError"),
    (FailingList([1]), r"can't be read: its own code \(.*FailingList\) raised ZeroDivisionError"),
    (FailingTuple([1]), r"can't be read: its own code \(.*FailingTuple\) raised ZeroDivisionError"),
    (FailingIndex(), "FailingIndex, whose __index__ raised ZeroDivisionError"),
    (FailingRepr(), "FailingRepr"),
    (FailingPath(), "FailingPath"),
    ({FailingIndex(): 1}, "a key of type .*FailingIndex"),
]

NESTED: list[tuple[Callable[[Any], Any], str]] = [
    (lambda value: value, "a"),
    (lambda value: {"b": [1, value]}, r"a\.b\[1\]"),
    (lambda value: (0, Items([value])), r"a\[1\]\[0\]"),
]


@pytest.mark.parametrize(("value", "told"), NOT_JSON, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(("around", "place"), NESTED)
def test_what_is_no_json_is_refused_before_anything_is_sent(
    serve: Serve, value: object, told: str, around: Callable[[Any], Any], place: str
) -> None:
    with Client.connect(serve(answering(lambda request: request.params))) as client:
        with pytest.raises(Unsendable, match=f"^m was not sent.*`{place}` .*{told}") as caught:
            client.call("m", {"ok": 1, "a": around(value)})
        assert isinstance(caught.value, ValueError)
        assert client.call("next") == {}


Call = Callable[[Client, Any], object]


@pytest.mark.parametrize("value", [math.nan, b"shop", UUID(int=7), datetime.now(UTC), Colour.RED, {"a"}])
@pytest.mark.parametrize(
    ("call", "place"),
    [
        (lambda client, value: client.workspaces.create(value, "/a"), "name"),
        (lambda client, value: client.workspaces.create("a", value), "rootPath"),
        (lambda client, value: client.workspaces.close("ws_1", if_revision=value), "ifRevision"),
        (lambda client, value: client.workspaces.update("ws_1", name=value), "name"),
        (lambda client, value: client.workspaces.list(value), "state"),
        (lambda client, value: client.projects.clone("ws_1", "u", value), "targetDir"),
        (lambda client, value: client.sessions.begin("ws_1", label=value), "label"),
        (lambda client, value: client.store.backup(value), "path"),
        (lambda client, value: client.store.salvage([value]), r"files\[0\]"),
        (lambda client, value: client.store.restore("a", if_revision=value), "ifRevision"),
        (lambda client, value: client.store.save(workspace(created_at=value)), r"workspace\.createdAt"),
        (
            lambda client, value: client.store.apply(
                [Change(remove="ws_2"), Change(save=workspace(name=value))]
            ),
            r"changes\[1\]\.save\.name",
        ),
        (
            lambda client, value: client.store.save(workspace(projects=[project(git_url=value)])),
            r"workspace\.projects\[0\]\.gitUrl",
        ),
    ],
)
def test_every_method_names_the_param(connect: Connect, call: Call, place: str, value: object) -> None:
    client = connect(answering(lambda request: [request.method]))
    with pytest.raises(Unsendable, match=f"`{place}` is "):
        call(client, value)
    assert client.call("next") == ["next"]


def workspace(**fields: Any) -> Workspace:
    return Workspace(**{**{name: getattr(WORKSPACE, name) for name in WORKSPACE.__struct_fields__}, **fields})


def project(**fields: Any) -> ProjectBinding:
    return ProjectBinding(
        **{**{name: getattr(PROJECT, name) for name in PROJECT.__struct_fields__}, **fields}
    )


JSON = [
    (Text("shop"), "shop"),
    (Name.ALPHA, "alpha"),
    (Number(3), 3),
    (Size.BIG, 2),
    (Int64(7), 7),
    (Real(1.5), 1.5),
    (FailingText("shop"), "shop"),
    (FailingInt(3), 3),
    (FailingFloat(1.5), 1.5),
    (True, True),
    (2**53 + 1, 2**53 + 1),
    (2**64 - 1, 2**64 - 1),
    (-(2**63), -(2**63)),
    (Items([Text("a")]), ["a"]),
    ((1, Text("b")), [1, "b"]),
    (Point(1, 2), [1, 2]),
    (OrderedDict({Text("k"): Number(1)}), {"k": 1}),
    ("ü💥\0", "ü💥\0"),
    (1e300, 1e300),
    (PROJECT, {"id": "proj_1", "workspaceId": "ws_1", "rootPath": "/a/b", "status": "active", "boundAt": 1}),
]


@pytest.mark.parametrize(("value", "sent"), JSON, ids=lambda value: type(value).__name__)
def test_a_json_value_goes_out_as_it_is(serve: Serve, value: object, sent: object) -> None:
    with Client.connect(serve(answering(lambda request: [request.method, request.params]))) as client:
        answer = client.call(Text("m"), {Text("a"): value, "b": {"c": [value]}})
    assert answer == ["m", {"a": sent, "b": {"c": [sent]}}]
    assert type(answer[1]["a"]) is type(sent)


def test_subclasses_go_through_the_methods(connect: Connect) -> None:
    asked: list[object] = []

    def reply(request: Any) -> object:
        asked.append(request.params)
        return {**SENT, "revision": 1}

    client = connect(answering(reply))
    client.workspaces.create(Text("shop"), Text("/a"))
    client.workspaces.create("shop", PurePosixPath("/a"))
    client.workspaces.close(Text("ws_1"), if_revision=Int64(3))  # type: ignore[arg-type] # as numpy.int64
    client.store.save(workspace(name=Text("shop"), updated_at=Int64(1)))
    create = {"name": "shop", "rootPath": "/a"}
    saved = {**SENT, "name": "shop", "revision": 0}
    assert asked == [create, create, {"id": "ws_1", "ifRevision": 3}, {"workspace": saved}]


SENT = {
    "id": "ws_1",
    "name": "Alpha",
    "rootPath": "/a",
    "state": "active",
    "createdAt": 1,
    "updatedAt": 1,
    "projects": [],
}


@pytest.mark.parametrize("params", [[1], (), "text", {"a"}, 5, b"{}", Record(), PROJECT, UserDict(a=1)])
def test_params_that_are_no_dict_are_refused(connect: Connect, params: Any) -> None:
    client = connect(answering(lambda request: request.params))
    with pytest.raises(Unsendable, match=r"^m was not sent.* its params are of type \S+, and must be a dict"):
        client.call("m", params)
    assert client.call("next") == {}


@pytest.mark.parametrize("method", [FailingText("a\ud800"), FailingText("b")], ids=["half", "whole"])
def test_a_method_whose_own_code_fails(connect: Connect, method: str) -> None:
    client = connect(answering(lambda request: request.method))
    if str.__contains__(method, "\ud800"):
        with pytest.raises(Unsendable, match="the method's name is a str with half of a surrogate pair"):
            client.call(method)
    else:
        assert client.call(method) == "b"


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({1: "a"}, r"the dict of its params has a key of type int; the keys of a JSON object are strings\."),
        (
            {"\ud800": 1},
            r"the dict of its params has a key with half of a surrogate pair at index 0, which is no",
        ),
        ({Text("a"): 1, "b": 2, FailingText("c"): 3}, None),
        (
            FailingDict(a=1),
            r"the dict of its params can't be read: its own code \(.*FailingDict\) raised Zero",
        ),
    ],
    ids=["key", "half", "good", "failing"],
)
def test_wrong_keys_of_the_params_are_told_in_a_sentence(
    connect: Connect, params: dict[str, object], told: str | None
) -> None:
    client = connect(answering(lambda request: request.params))
    if told is None:
        assert client.call("m", params) == {"a": 1, "b": 2, "c": 3}
    else:
        with pytest.raises(Unsendable, match=f"^m was not sent, because it can't be written as JSON: {told}"):
            client.call("m", params)


def test_paths_and_lists_whose_own_code_fails_are_refused_by_name(connect: Connect) -> None:
    client = connect(answering(lambda request: request.params))
    path: Any = FailingPath()
    files: Any = FailingList(["/a"])
    changes: Any = FailingTuple([Change(remove="ws_1")])
    for call, place in (
        (lambda: client.workspaces.create("a", path), "rootPath"),
        (lambda: client.projects.clone("ws_1", "u", path), "targetDir"),
        (lambda: client.store.backup(path), "path"),
        (lambda: client.store.salvage([path]), r"files"),
        (lambda: client.store.salvage(files), r"files"),
        (lambda: client.store.apply(changes), "changes"),
    ):
        with pytest.raises(Unsendable, match=f"`{place}"):
            call()


def test_a_text_is_no_list_of_files(connect: Connect) -> None:
    asked: list[object] = []

    def reply(request: Any) -> object:
        asked.append(request.params)
        return {"found": [], "files": []}

    client = connect(answering(reply))
    text: Any = "/a"
    for call in (client.store.salvage, client.store.apply):
        with suppress(WorkspacedError):
            call(text)
    assert asked == [{"files": "/a"}, {"changes": "/a"}]


@pytest.mark.parametrize("method", [None, 5, b"workspace.list", ["a"]])
def test_a_method_that_is_no_string_is_refused(connect: Connect, method: Any) -> None:
    client = connect(answering(lambda request: request.params))
    with pytest.raises(
        TypeError, match=r"^The method must be a string such as 'workspace\.create', not \w+\.$"
    ):
        client.call(method)
    assert client.call("next") == {}


def test_deep_params_are_sent_or_refused(connect: Connect) -> None:
    client = connect(answering(lambda request: len(str(request.params))))

    def nested(depth: int) -> object:
        value: object = 1
        for _ in range(depth):
            value = [value]
        return value

    assert client.call("m", {"a": nested(300)}) == len(str({"a": nested(300)}))
    with pytest.raises(Unsendable, match="nested too deeply"):
        client.call("m", {"a": nested(100_000)})
    assert client.call("next") == 2


def test_nothing_reaches_a_daemon_that_is_gone(flavour: str, serve: Serve) -> None:
    """The params are judged first: before a lost connection is made again."""

    def leave(peer: Peer) -> None:
        peer.greet()
        peer.socket.close()

    with (
        connected(flavour, serve(leave), reconnect=True) as client,
        pytest.raises(Unsendable),
    ):
        client.call("m", {"a": math.nan})


@pytest.mark.parametrize(
    "wrong", [{"id": UUID(int=7)}, {"id": b"ws_1"}, {"id": 5}, {"projects": None}, {"projects": [5]}]
)
def test_a_workspace_of_wrong_types_is_refused_by_a_sentence(wrong: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"^a Workspace needs a str as its id, and ProjectBindings as its"):
        workspace(**wrong)


@pytest.mark.parametrize("id_", [UUID(int=7), b"proj_1", 5])
def test_a_binding_of_a_wrong_type_is_refused_by_a_sentence(id_: Any) -> None:
    with pytest.raises(TypeError, match=r"^a ProjectBinding needs a str as its id"):
        project(id=id_)
