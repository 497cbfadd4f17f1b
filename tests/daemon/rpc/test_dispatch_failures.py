"""Defects in a method, and notifications, which get no answer whatever comes of them."""

import threading
from collections.abc import Awaitable, Callable

import msgspec
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from support.logs import EventDict
from support.serving import Daemon, Serve, a_workspace, notification
from support.waiting import until
from workspaced.domain.outcome import Outcome
from workspaced.domain.projects import Reachable
from workspaced.domain.state import State
from workspaced.host import path_checks
from workspaced_protocol.models import StoreCheck


def break_read(daemon: Daemon) -> None:
    def ping(_: object, __: object) -> bytes:
        raise KeyError("a secret of the daemon")

    daemon.replace("daemon.ping", ping)


def break_write(daemon: Daemon) -> None:
    def flush(_: object, __: object) -> Callable[[State], Outcome]:
        raise KeyError("a secret of the daemon")

    daemon.replace("store.flush", flush)


def break_command(daemon: Daemon) -> None:
    def command(_: State) -> Outcome:
        raise KeyError("a secret of the daemon")

    daemon.replace("store.flush", lambda _, __: command)


def break_task(daemon: Daemon) -> None:
    async def check() -> bytes:
        await trio.lowlevel.checkpoint()
        raise KeyError("a secret of the daemon")

    def task(*_: object) -> Awaitable[bytes]:
        return check()

    daemon.replace("store.check", task)


def break_task_before_it_begins(daemon: Daemon) -> None:
    def task(*_: object) -> Awaitable[bytes]:
        raise KeyError("a secret of the daemon")

    daemon.replace("store.check", task)


BREAKS = [
    ("daemon.ping", break_read),
    ("store.flush", break_write),
    ("store.flush", break_command),
    ("store.check", break_task),
    ("store.check", break_task_before_it_begins),
]


@pytest.mark.parametrize(("method", "break_"), BREAKS)
async def test_a_defect_is_told_without_its_detail_and_the_connection_goes_on(
    serve: Serve,
    logged: list[EventDict],
    method: str,
    break_: Callable[[Daemon], None],
) -> None:
    daemon = await serve()
    break_(daemon)
    client = daemon.connect()
    code, message, data = await client.refusal(method)
    assert (code, data) == (-32603, {"kind": "internalError"})
    assert "secret" not in message
    assert "Traceback" not in message
    assert "log" in message
    assert [entry["log_level"] for entry in logged] == ["error"]
    assert logged[0]["exc_info"]
    assert await client.result("store.getAll") == []


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("daemon.ping", {}),
        ("daemon.ping", {"wrong": 1}),
        ("no.such", {}),
        ("store.getById", {}),
        ("workspace.get", {"id": "ws_unknown"}),
        ("workspace.create", {"name": "Alpha", "rootPath": "/src"}),
        ("workspace.create", {"name": "", "rootPath": "/src"}),
        ("workspace.delete", {"id": "ws_unknown"}),
        ("store.check", {}),
        ("store.flush", {}),
    ],
)
async def test_a_notification_gets_no_answer(serve: Serve, method: str, params: dict[str, object]) -> None:
    client = (await serve()).connect()
    await client.send(msgspec.json.encode(notification(method, params)) + b"\n")
    # Writes and tasks begun before these two have ended when they are answered.
    assert isinstance(await client.result("store.flush"), dict)
    msgspec.convert(await client.result("store.check"), StoreCheck)
    client.finish()
    assert await client.line() is None


@pytest.mark.parametrize(("method", "break_"), BREAKS)
async def test_a_notification_gets_no_answer_for_a_defect_either(
    serve: Serve, logged: list[EventDict], method: str, break_: Callable[[Daemon], None]
) -> None:
    daemon = await serve()
    break_(daemon)
    client = daemon.connect()
    await client.send(msgspec.json.encode(notification(method, {})) + b"\n")
    client.finish()
    assert await client.line() is None
    assert len(logged) == 1


async def test_a_notification_is_carried_out(serve: Serve) -> None:
    daemon = await serve()
    client = daemon.connect()
    params = {"name": "Alpha", "rootPath": "/src"}
    await client.send(msgspec.json.encode(notification("workspace.create", params)) + b"\n")
    await client.result("store.flush")
    assert daemon.writer.state.get_by_name("alpha") is not None


async def test_a_connection_that_a_defect_ends_leaves_no_session(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: list[EventDict]
) -> None:
    looked, may_end = threading.Event(), threading.Event()

    def hang(path: str, resolve: bool) -> Reachable:
        looked.set()
        may_end.wait()
        return Reachable(path, (1, 1))

    def fail(_: bytes) -> object:
        raise ZeroDivisionError

    daemon = await serve()
    client = daemon.connect()
    id_ = a_workspace(await client.result("workspace.create", name="A", rootPath="/src")).id
    monkeypatch.setattr(path_checks, "look", hang)
    await client.request("project.bind", workspaceId=id_, rootPath="/hang")
    await client.request("session.begin", workspaceId=id_)
    await until(looked.is_set)
    monkeypatch.setattr("workspaced.rpc.connection.parse_requests", fail)
    await client.request("daemon.ping")
    await wait_all_tasks_blocked()
    may_end.set()
    while await client.line() is not None:
        pass  # what was applied by then may be answered
    assert "A connection failed." in [entry["event"] for entry in logged]
    await until(lambda: daemon.writer.state.revision == 2 and not daemon.writer.state.sessions)
