"""Blocking calls in threads, and what happens where the system starts no more: a request fails, and the daemon goes on."""

import errno
import os
import threading
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from support.logs import EventDict
from support.serving import Client, Daemon
from support.waiting import until
from workspaced.host.git import Git
from workspaced.process.threads import NoThread, Worker, run_in_thread
from workspaced.store.backups import Retention


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
    assert "start more threads" in message
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
    assert "start more threads" in message
    threads.clear()
    answer = await client.call(method, **params)
    assert "start more threads" not in str(answer)


async def test_no_thread_to_start_git_in_is_told_as_for_all_else(tmp_path: Path, threads: list[bool]) -> None:
    git = Git()
    async with git.target(str(tmp_path / "app"), lambda _: None) as target:
        threads.append(True)
        with pytest.raises(NoThread):
            await git.clone("file:///nowhere", target, lambda _: None)


async def test_what_a_clone_came_to_is_told_though_no_thread_can_tidy_up_after_it(
    tmp_path: Path, threads: list[bool], logged: list[EventDict]
) -> None:
    async def fail() -> None:
        async with Git().target(str(tmp_path / "app"), lambda _: None):
            threads.append(True)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert [entry["event"] for entry in logged] == ["The files of a failed clone could not be removed."]


async def test_the_hourly_backup_waits_for_its_next_time(
    daemon: Daemon, tmp_path: Path, threads: list[bool], nursery: trio.Nursery, logged: list[EventDict]
) -> None:
    threads.append(True)
    nursery.start_soon(daemon.maintenance.keep_backups, Retention)  # an error of it would end the test
    await wait_all_tasks_blocked()
    assert [entry["event"] for entry in logged] == ["An automatic backup failed."]


async def test_an_error_of_the_call_itself_is_not_taken_for_a_lack_of_threads() -> None:
    def fail() -> None:
        raise RuntimeError("its own")

    with pytest.raises(RuntimeError, match="its own"):
        await run_in_thread(fail, limiter=trio.CapacityLimiter(1))


# A worker


async def test_a_worker_makes_its_calls_in_one_thread_and_gives_what_they_come_to() -> None:
    async with aclosing(Worker("mine")) as worker:
        first = await worker.run(threading.current_thread)
        assert await worker.run(threading.current_thread) is first
        assert first.name == "mine"
        assert await worker.run(divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await worker.run(divmod, 7, 0)
        assert await worker.run(threading.current_thread) is first
    await until(lambda: not first.is_alive())


async def test_what_comes_afterwards_keeps_the_next_call_waiting_and_nobody_else() -> None:
    worker, may_end = Worker("mine"), threading.Event()
    steps: list[str] = []

    def tidy() -> None:
        may_end.wait()
        steps.append("tidied")

    assert await worker.run(lambda: "done", afterwards=tidy) == "done"
    assert steps == []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(worker.run, steps.append, "the next call")
        await wait_all_tasks_blocked()
        assert steps == []
        may_end.set()
    assert steps == ["tidied", "the next call"]
    may_end.clear()
    await worker.run(lambda: None, afterwards=tidy)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(worker.aclose)
        await wait_all_tasks_blocked()
        steps.append("closing")
        may_end.set()
    assert steps[2:] == ["closing", "tidied"]


async def test_a_call_that_is_given_up_keeps_its_thread_and_the_next_one_gets_another() -> None:
    may_end = threading.Event()
    threads: list[threading.Thread] = []

    def hang() -> None:
        threads.append(threading.current_thread())
        may_end.wait()

    before = len(os.listdir("/dev/fd"))
    async with aclosing(Worker("mine")) as worker:
        with trio.CancelScope() as given_up:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(worker.run, hang)
                await until(lambda: threads != [])
                given_up.cancel()
        assert given_up.cancelled_caught
        for _ in range(3):
            assert await worker.run(threading.current_thread) is not threads[0]
    may_end.set()
    await until(lambda: not threads[0].is_alive())
    await until(lambda: len(os.listdir("/dev/fd")) <= before)


async def test_a_worker_makes_one_call_at_a_time() -> None:
    async with aclosing(Worker("mine")) as worker:
        may_end = threading.Event()
        worker.begin(may_end.wait)
        with pytest.raises(RuntimeError, match="one call at a time"):
            worker.begin(lambda: 2)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(worker.wait)
            await wait_all_tasks_blocked()
            with pytest.raises(RuntimeError, match="one call at a time"):
                worker.begin(lambda: 2)
            may_end.set()
        with pytest.raises(RuntimeError, match="no call"):
            await worker.wait()


async def test_no_descriptor_for_a_worker_is_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    worker = Worker("mine")
    with monkeypatch.context() as full:
        full.setattr(os, "pipe", refuse)
        with pytest.raises(NoThread):
            await worker.run(lambda: None)
    assert await worker.run(lambda: 1) == 1
    await worker.aclose()


async def test_a_worker_goes_on_after_what_was_left_to_be_done_failed(logged: list[EventDict]) -> None:
    def fail() -> None:
        raise ValueError("a defect")

    async with aclosing(Worker("mine")) as worker:
        assert await worker.run(lambda: 1, afterwards=fail) == 1
        assert await worker.run(lambda: 2) == 2
    assert [entry["event"] for entry in logged] == ["The cleanup after a call failed."]


async def test_a_call_that_nobody_waited_for_leaves_no_thread() -> None:
    began: list[threading.Thread] = []
    worker = Worker("mine")
    worker.begin(lambda: began.append(threading.current_thread()))
    await worker.aclose()
    await until(lambda: began != [] and not began[0].is_alive())
