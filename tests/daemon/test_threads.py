"""What happens where the system starts no more threads: a request fails, and the daemon goes on."""

import errno
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from structlog.typing import EventDict
from trio.testing import wait_all_tasks_blocked

from daemon.serving import Client, Daemon
from workspaced.maintenance import Maintenance
from workspaced.store.backups import Backups, Retention
from workspaced.threads import run_in_thread


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Threads start as long as this is empty; the machine's own limit does not bind root."""
    short: list[bool] = []
    really, start = trio.to_thread.run_sync, threading.Thread.start

    # Any: the arguments are those of trio's own function, which may have a thread left over.
    async def run_sync(blocking: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        if short:
            raise RuntimeError("can't start new thread")
        return await really(blocking, *arguments, **options)

    def start_unless_short(thread: threading.Thread) -> None:
        if short:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(trio.to_thread, "run_sync", run_sync)
    monkeypatch.setattr(threading.Thread, "start", start_unless_short)
    return short


async def test_a_write_is_refused_and_the_next_one_is_done(client: Client, threads: list[bool]) -> None:
    threads.append(True)
    code, message, data = await client.refusal("workspace.create", name="A", rootPath="/src")
    assert (code, data) == (2003, {"kind": "storageFailure", "errno": errno.EAGAIN})
    assert "no more threads" in message
    assert await client.result("daemon.ping") == "pong"
    threads.clear()
    await client.result("workspace.create", name="A", rootPath="/src")


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("store.check", {}),
        ("project.bind", {"workspaceId": "ws_01", "rootPath": "/usr"}),
        ("project.clone", {"workspaceId": "ws_01", "gitUrl": "file:///nowhere"}),
    ],
)
async def test_what_looks_at_the_disk_is_refused_and_done_the_next_time(
    client: Client, threads: list[bool], method: str, params: dict[str, object]
) -> None:
    threads.append(True)
    code, message, data = await client.refusal(method, **params)
    assert (code, data) == (2004, {"kind": "overloaded"})
    assert "no more threads" in message
    threads.clear()
    answer = await client.call(method, **params)
    assert "no more threads" not in str(answer)


async def test_the_hourly_backup_waits_for_its_next_time(
    daemon: Daemon, tmp_path: Path, threads: list[bool], nursery: trio.Nursery, logged: list[EventDict]
) -> None:
    maintenance = Maintenance(daemon.store, daemon.writer, Backups(tmp_path), tmp_path)
    threads.append(True)
    nursery.start_soon(maintenance.keep_backups, Retention)  # an error of it would end the test
    await wait_all_tasks_blocked()
    assert [entry["event"] for entry in logged] == ["No backup could be made."]


async def test_an_error_of_the_call_itself_is_not_taken_for_a_lack_of_threads() -> None:
    def fail() -> None:
        raise RuntimeError("its own")

    with pytest.raises(RuntimeError, match="its own"):
        await run_in_thread(fail)
