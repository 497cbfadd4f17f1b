"""The shapes by which quick commands know an answer: the models of the protocol have the same members and types."""

from collections.abc import Mapping
from typing import Any

import pytest
from msgspec import inspect

from client.cli.workspacectl import ctl_for
from client.conftest import Serve
from client.fake_server import CLEAN, STATUS, HungUp, Peer
from workspaced_client.cli.base import shapes
from workspaced_client.cli.base.shapes import fits
from workspaced_protocol.daemon_models import ConnectedClient, DaemonStatus
from workspaced_protocol.models import Backup, HistoryEntry, Workspace

# Any: shapes.
SHAPES: dict[type, Any] = {
    Workspace: shapes.WORKSPACE,
    DaemonStatus: shapes.STATUS,
    ConnectedClient: shapes.CLIENT,
    Backup: shapes.BACKUP,
    HistoryEntry: shapes.PAST_NAME,
}
PLAIN = {inspect.StrType: str, inspect.IntType: int, inspect.FloatType: float, inspect.BoolType: bool}


# Any: shapes.
def of_model(type_: inspect.Type) -> Any:
    """The whole shape of a type of the protocol."""
    if isinstance(type_, inspect.Metadata):
        return of_model(type_.type)
    if isinstance(type_, inspect.StructType):
        return {
            f"{field.encode_name}{'' if field.required else '?'}": of_model(field.type)
            for field in type_.fields
        }
    if isinstance(type_, inspect.UnionType):
        (only,) = (of_model(each) for each in type_.types if not isinstance(each, inspect.NoneType))
        return only
    if isinstance(type_, inspect.VarTupleType | inspect.ListType):
        return [of_model(type_.item_type)]
    if isinstance(type_, inspect.LiteralType):
        return str
    if isinstance(type_, inspect.DictType):
        return dict
    return PLAIN[type(type_)]


def missing(shape: Any, whole: Any, place: str = "") -> list[str]:
    """The members of a shape that the whole one lacks, or has otherwise."""
    if isinstance(shape, list):
        return missing(shape[0], whole[0], f"{place}[]")
    if isinstance(shape, Mapping) and isinstance(whole, Mapping):
        return [
            problem
            for member, inner in shape.items()
            for problem in (
                missing(inner, whole[member], f"{place}.{member}")
                if member in whole
                else [f"{place}.{member}"]
            )
        ]
    return [] if shape == whole else [f"{place}: {shape} is {whole}"]


@pytest.mark.parametrize("model", SHAPES, ids=lambda model: model.__name__)
def test_a_shape_is_a_part_of_its_model(model: type) -> None:
    assert missing(SHAPES[model], of_model(inspect.type_info(model))) == []


def test_a_value_fits_or_not() -> None:
    shape = {"name": str, "tags?": [str], "at": {"ms": float}}
    assert fits({"name": "a", "at": {"ms": 1}, "more": None}, shape)
    assert fits({"name": "a", "tags": ["b"], "at": {"ms": 1.5}}, shape)
    odd_ones: list[Any] = [None, [], {}, {"name": 1, "at": {"ms": 1}}, {"name": "a", "at": []}]
    for odd in odd_ones:
        assert not fits(odd, shape)
    assert not fits({"name": "a", "tags": [1], "at": {"ms": 1}}, shape)
    assert not fits({"name": "a", "at": {}}, shape)


@pytest.mark.parametrize("command", ["list", "show a", "path a", "status", "status --clients"])
def test_an_answer_of_another_shape_is_told_in_words(
    serve: Serve, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    def script(peer: Peer) -> None:
        peer.hello()
        status = {**STATUS, "recovery": CLEAN}
        try:
            while True:
                request = peer.request()
                is_odd = request.method != "daemon.status" or command == "status"
                peer.answer(request, [{"id": 7}] if is_odd else status)
        except HungUp:
            return

    result = ctl_for(serve(script), capsys)(*command.split())
    assert (result.code, result.out) == (3, "")
    assert "makes no sense" in result.err


def test_null_is_no_answer_to_a_tab(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    def script(peer: Peer) -> None:
        peer.hello()
        peer.answer(peer.request(), [None])

    socket = str(serve(script))
    assert ctl_for(serve(script), capsys)("__complete", "--socket", socket, "show", "a").out == ""
