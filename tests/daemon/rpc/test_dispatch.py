"""From a line to a method and back: every method of the table, every error's code, and what gets no answer."""

import inspect
from collections.abc import Iterator

import msgspec
import pytest
from trio.testing import MockClock, wait_all_tasks_blocked

from support.samples import workspace
from support.scripted_store import GatedStore, disk_full
from support.serving import Client, Serve, error_of, request
from workspaced.domain.errors import Refused, RequestError
from workspaced.domain.records import encode
from workspaced.rpc import pending_request
from workspaced.service import requests
from workspaced.service.order import Turn
from workspaced.store.contract import StoreError
from workspaced_protocol.method import Method
from workspaced_protocol.methods import METHODS
from workspaced_protocol.models import Backup, Session, Workspace

PARAMS: dict[str, dict[str, object]] = {
    "daemon.hello": {"client": "test", "protocol": 1},
    "daemon.ping": {},
    "daemon.status": {},
    "workspace.create": {"name": "New", "rootPath": "/src"},
    "workspace.open": {"id": "ws_02"},
    "workspace.close": {"id": "ws_01"},
    "workspace.update": {"id": "ws_01", "name": "New"},
    "daemon.clients": {},
    "workspace.delete": {"id": "ws_01"},
    "workspace.get": {"name": "beta"},
    "workspace.list": {"state": "active"},
    "workspace.resolve": {"path": "/src/README"},
    "workspace.touch": {"id": "ws_01"},
    "workspace.usage": {},
    "session.begin": {"workspaceId": "ws_01"},
    "session.end": {"id": ""},
    "session.list": {},
    "store.getAll": {},
    "store.getById": {"id": "ws_01"},
    "store.getByName": {"name": "ALPHA"},
    "store.save": {"workspace": msgspec.to_builtins(workspace(7))},
    "store.remove": {"id": "ws_02"},
    "store.apply": {"changes": [{"remove": "ws_01"}]},
    "store.flush": {},
    "store.check": {},
    "store.acknowledgeRecovery": {},
    "history.list": {},
    "history.undo": {"revision": 1},
    "project.bind": {"workspaceId": "ws_01", "rootPath": "/usr"},
    "project.clone": {"workspaceId": "ws_01", "gitUrl": "file:///nowhere"},
    "project.unbind": {"workspaceId": "ws_01", "projectId": ""},
    "project.check": {"workspaceId": "ws_01"},
    "store.backup": {},
    "store.listBackups": {},
    "store.previewRestore": {"source": ""},
    "store.restore": {"source": ""},
    "store.salvage": {},
    "events.subscribe": {"topics": ["workspace.*"]},
    "events.unsubscribe": {},
    "rpc.discover": {},
}
"""Params with which each method is granted on the samples' store; a session or a backup has to be there first."""


async def params_of(method: str, client: Client) -> dict[str, object]:
    """Params with which this method is granted."""
    if method == "session.end":
        session = msgspec.convert(await client.result("session.begin", workspaceId="ws_01"), Session)
        return {"id": session.id}
    if method == "history.undo":
        await client.result("workspace.create", name="Undone", rootPath="/src")
        (entry,) = await client.result("history.list", limit=1)
        return {"revision": entry["revision"]}
    if method == "project.unbind":
        bound = msgspec.convert(await client.result("project.bind", **PARAMS["project.bind"]), Workspace)
        return {"workspaceId": bound.id, "projectId": bound.projects[-1].id}
    if method in {"store.previewRestore", "store.restore"}:
        return {"source": msgspec.convert(await client.result("store.backup"), Backup).name}
    return PARAMS[method]


# A clone needs a repository: test_project_clone.py has some.
GRANTED = {name: method for name, method in METHODS.items() if name != "project.clone"}


@pytest.mark.parametrize("method", GRANTED.values(), ids=GRANTED)
async def test_every_method_is_served_with_the_result_that_the_table_promises(
    client: Client, method: Method
) -> None:
    result = await client.result(method.name, **await params_of(method.name, client))
    msgspec.convert(result, type=method.result)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
async def test_every_method_refuses_a_param_that_it_does_not_know(client: Client, method: Method) -> None:
    params = await params_of(method.name, client)
    code, message, data = await client.refusal(method.name, **params, colour="red")
    assert (code, data) == (-32602, {"kind": "invalidParams", "path": "colour"})
    assert "`colour`" in message


async def test_each_method_has_a_handler_of_its_mode_and_no_other(serve: Serve) -> None:
    operations = (await serve()).operations
    assert {name: operation.method for name, operation in operations.items()} == METHODS
    for method, handler in operations.values():
        params, second = inspect.signature(handler).parameters.values()
        assert params.annotation is method.params
        assert second.annotation is SECOND_ARGUMENTS[method.mode]
        assert inspect.iscoroutinefunction(handler) == (method.mode in ("prepared", "task"))


async def test_params_may_stand_by_position(serve: Serve) -> None:
    client = (await serve()).connect()
    await client.send(request("workspace.create", "one", ["Alpha", "/src"]))
    answer = await client.receive()
    assert answer["id"] == "one"
    result = answer["result"]
    assert isinstance(result, dict)
    assert (result["name"], result["rootPath"]) == ("Alpha", "/src")


SECOND_ARGUMENTS = {
    "read": requests.Client,
    "write": requests.Request,
    "prepared": Turn,
    "task": requests.Request,
}
"""By mode, what a handler takes beside its params."""


def descendants(type_: type[RequestError]) -> Iterator[type[RequestError]]:
    for child in type_.__subclasses__():
        yield child
        yield from descendants(child)


def test_the_codes_are_those_of_the_contract() -> None:
    ours = {type_ for type_ in descendants(RequestError) if type_.__module__.startswith("workspaced.")}
    raised = ours - {Refused, StoreError}  # the bases of others, and never raised themselves
    assert {type_.__name__: int(type_.code) for type_ in raised} == {
        "InvalidField": -32602,
        "NotFound": 1001,
        "ChangedSince": 1005,
        "NameConflict": 1002,
        "InvalidState": 1003,
        "ActiveSessions": 1004,
        "RevisionConflict": 1005,
        "DuplicateProject": 1006,
        "PathUnreachable": 1007,
        "Claimed": 1008,
        "ProtocolUnsupported": 1010,
        "WriteTimeout": 2001,
        "CommitUnknown": 2002,
        "StorageFailure": 2003,
        "Overloaded": 2004,
        "NoThread": 2004,
        "ShuttingDown": 2005,
        "CommandFailed": -32603,
        "GitUnavailable": 3001,
        "GitFailed": 3002,
        "GitTimeout": 3003,
        "RequestCancelled": -32800,
    }


@pytest.mark.parametrize(
    ("line", "id_", "code", "kind"),
    [
        (b"{", None, -32700, "parseError"),
        (b'{"jsonrpc":"2.0","id":1,"method":"daemon.ping","params":["\xff"]}', None, -32700, "parseError"),
        (
            b'{"jsonrpc":"2.0","id":1,"method":"store.getByName","params":["\\ud800"]}',
            None,
            -32700,
            "parseError",
        ),
        (b"17", None, -32600, "invalidRequest"),
        (b"[]", None, -32600, "invalidRequest"),
        (b'{"jsonrpc":"1.0","id":7,"method":"daemon.ping"}', 7, -32600, "invalidRequest"),
        (b'{"jsonrpc":"2.0","id":{},"method":"daemon.ping"}', None, -32600, "invalidRequest"),
        (b'{"jsonrpc":"2.0","id":7,"method":"no.such"}', 7, -32601, "methodNotFound"),
        (b'{"jsonrpc":"2.0","id":"x","method":"store.getById"}', "x", -32602, "invalidParams"),
    ],
)
async def test_a_bad_line_is_answered_and_the_connection_goes_on(
    serve: Serve, line: bytes, id_: object, code: int, kind: str
) -> None:
    client = (await serve()).connect()
    await client.send(line + b"\n")
    answer = await client.receive()
    assert answer["id"] == id_
    told_code, message, data = error_of(answer)
    assert (told_code, data["kind"]) == (code, kind)
    assert message.endswith(".")
    assert await client.result("daemon.ping") == "pong"


async def test_an_unknown_method_is_named_however_long_it_is(serve: Serve) -> None:
    client = (await serve()).connect()
    code, message, _ = await client.refusal("x" * 100_000)
    assert code == -32601
    assert "xxx" in message
    assert len(message) < 300


@pytest.mark.parametrize(
    "id_", [b"0", b"-1", b'""', b'"a b"', b'"\\u0041"', b"null", b"123456789012345678901234567890"]
)
@pytest.mark.parametrize("method", ["daemon.ping", "store.flush", "store.check", "workspace.delete"])
async def test_an_id_comes_back_as_it_was_sent(serve: Serve, id_: bytes, method: str) -> None:
    client = (await serve()).connect()
    await client.send(b'{"jsonrpc":"2.0","method":"%s","id":%s}\n' % (method.encode(), id_))
    line = await client.line()
    assert line is not None
    assert line.startswith(b'{"jsonrpc":"2.0","id":' + id_ + b",")


@pytest.mark.requirement("FR-010")
async def test_each_write_has_a_correlation_id_of_its_own(serve: Serve) -> None:
    daemon = await serve()
    correlations: list[str] = []
    daemon.hub.listen(lambda published: correlations.append(published.cause.correlation_id))
    client = daemon.connect()
    for number in range(3):
        await client.result("workspace.create", name=f"W{number}", rootPath="/src")
    assert len(set(correlations)) == 3
    assert all(id_.startswith("cor_") for id_ in correlations)
    assert correlations == sorted(correlations)


@pytest.mark.parametrize("digits", [30, 5000])
@pytest.mark.parametrize(
    "method", ["daemon.ping", "workspace.create", "project.bind", "store.check", "project.clone"]
)
async def test_an_id_may_be_an_integer_of_any_size(method: str, digits: int, client: Client) -> None:
    id_ = "7" * digits
    params = msgspec.json.encode(PARAMS[method]).decode()
    await client.send(f'{{"jsonrpc":"2.0","id":{id_},"method":"{method}","params":{params}}}\n'.encode())
    while b'"method"' in (line := await client.line() or b""):  # how far a clone has come
        assert f'"params":{{"id":{id_},'.encode() in line
    assert line.startswith(f'{{"jsonrpc":"2.0","id":{id_},'.encode())
    assert b"-32603" not in line
    await client.result("workspace.update", id="ws_01", name="Still here")


async def test_what_the_writer_refuses_is_told_with_its_code_and_data(
    serve: Serve, gated: GatedStore, mock_clock: MockClock
) -> None:
    daemon = await serve(gated)
    first, second = daemon.connect(), daemon.connect()
    await first.request("workspace.create", name="A", rootPath="/src")
    (await gated.next_commit()).fail(disk_full())
    code, _, data = error_of(await first.receive())
    assert (code, data) == (2003, {"kind": "storageFailure", "errno": 28})
    await first.request("workspace.create", name="A", rootPath="/src")
    hanging = await gated.next_commit()
    await second.request("workspace.create", name="B", rootPath="/src")
    await wait_all_tasks_blocked()
    mock_clock.jump(5.01)
    code, _, data = error_of(await first.receive())
    assert (code, data) == (2002, {"kind": "commitUnknown", "revision": 1})
    code, _, data = error_of(await second.receive())
    assert (code, data) == (2001, {"kind": "writeTimeout"})
    daemon.writer.stop()
    code, _, data = await first.refusal("workspace.create", name="C", rootPath="/src")
    assert (code, data) == (2005, {"kind": "shuttingDown"})
    hanging.succeed()


async def test_the_answer_to_a_write_is_the_text_that_was_encoded_for_the_store(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[object] = []

    def noted(result: object) -> bytes:
        encoded.append(result)
        return encode(result)

    monkeypatch.setattr(pending_request, "encode", noted)
    assert (await client.result("workspace.update", id="ws_01", name="One"))["name"] == "One"
    assert encoded == []


async def test_writes_of_one_batch_are_each_answered_with_the_workspace_as_they_left_it(
    client: Client,
) -> None:
    numbers = [await client.request("workspace.update", id="ws_01", name=f"Name {n}") for n in range(3)]
    answers = [await client.answer(number) for number in numbers]
    assert [answer["result"]["name"] for answer in answers] == ["Name 0", "Name 1", "Name 2"]
