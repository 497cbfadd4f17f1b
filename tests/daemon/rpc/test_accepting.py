"""Which clients are let in, and what happens while none can be accepted."""

import errno
import gc
import os
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from support.logs import EventDict
from support.waiting import until
from workspaced.rpc.listener import SocketListener, bind
from workspaced.rpc.peer import PeerCredentials
from workspaced.service.requests import Caller


@pytest.fixture
def path(socket_dir: Path) -> Path:
    """Where to listen: in a directory that is not there yet."""
    return socket_dir / "workspaced" / "workspaced.sock"


class Greeter:
    """Listens, says `hello` to each client that is let in, and notes who it is."""

    def __init__(self, listener: SocketListener) -> None:
        self.listener = listener
        self.callers: list[Caller] = []

    async def start(self, nursery: trio.Nursery) -> trio.CancelScope:
        scope = await nursery.start(self.listener.accept_into, nursery, self._serve)
        assert isinstance(scope, trio.CancelScope)
        return scope

    async def _serve(self, connected: trio.socket.SocketType, caller: Caller) -> None:
        self.callers.append(caller)
        with connected, suppress(BrokenPipeError):
            await connected.send(b"hello")


@pytest.fixture
async def greeter(nursery: trio.Nursery, path: Path) -> AsyncIterator[Greeter]:
    """Accepts clients until the test ends."""
    greeter = Greeter(bind(path))
    accepting = await greeter.start(nursery)
    try:
        yield greeter
    finally:
        accepting.cancel()
        greeter.listener.close()


async def greeting(path: Path) -> bytes:
    """What the listener sends to a client before it closes the connection."""
    async with await trio.open_unix_socket(path) as stream:
        return b"".join([data async for data in stream])


async def test_a_client_is_let_in_with_its_process_and_a_number_of_its_own(
    greeter: Greeter, path: Path
) -> None:
    assert [await greeting(path) for _ in range(3)] == [b"hello"] * 3
    assert [(caller.pid, caller.uid) for caller in greeter.callers] == [(os.getpid(), os.getuid())] * 3
    assert len({caller.connection for caller in greeter.callers}) == 3


async def test_a_client_of_another_user_is_refused_and_others_go_on(
    greeter: Greeter, path: Path, logged: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(
            "workspaced.rpc.listener.peer_credentials",
            lambda _: PeerCredentials(pid=4711, uid=os.geteuid() + 1),
        )
        assert await greeting(path) == b""
    assert greeter.callers == []
    assert [(entry["log_level"], entry["pid"], entry["uid"]) for entry in logged] == [
        ("warning", 4711, os.geteuid() + 1)
    ]
    assert await greeting(path) == b"hello"


async def test_root_is_let_in(greeter: Greeter, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workspaced.rpc.listener.peer_credentials", lambda _: PeerCredentials(pid=1, uid=0))
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert await greeting(path) == b"hello"
    assert greeter.callers[0].uid == 0


async def test_a_client_whose_user_is_not_to_be_had_is_refused(
    greeter: Greeter, path: Path, logged: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: socket.socket) -> PeerCredentials:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    with monkeypatch.context() as patch:
        patch.setattr("workspaced.rpc.listener.peer_credentials", fail)
        assert await greeting(path) == b""
    assert [entry["log_level"] for entry in logged] == ["warning"]
    assert await greeting(path) == b"hello"


def take_descriptors() -> list[int]:
    """All that this process can still open."""
    taken: list[int] = []
    while True:
        try:
            taken.append(os.dup(0))
        except OSError:
            return taken


@contextmanager
def descriptors_left(count: int) -> Iterator[None]:
    """Within, this process can open so many files and no more."""
    gc.collect()  # so that no garbage of earlier tests gives back a descriptor within
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 64, hard))
    taken = take_descriptors()
    try:
        for _ in range(count):
            os.close(taken.pop())
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_without_descriptors_clients_wait_and_are_served_later(
    greeter: Greeter, path: Path, logged: list[EventDict], mock_clock: MockClock
) -> None:
    with trio.socket.socket(socket.AF_UNIX) as client:
        with descriptors_left(0):
            await client.connect(str(path))
            for _ in range(5):
                await wait_all_tasks_blocked()  # it pauses, and does not spin
                mock_clock.jump(0.11)
            await wait_all_tasks_blocked()
            assert greeter.callers == []
        mock_clock.jump(0.11)
        assert await client.recv(100) == b"hello"
        assert await client.recv(100) == b""  # so its descriptor is free again
    (entry,) = logged
    assert entry["log_level"] == "error"
    assert entry["reason"] == os.strerror(errno.EMFILE)
    with trio.socket.socket(socket.AF_UNIX) as client, descriptors_left(0):
        await client.connect(str(path))
        await wait_all_tasks_blocked()
        assert len(logged) == 1  # clients that come and go at the limit must not fill the log
    mock_clock.jump(0.11)
    await until(lambda: len(greeter.callers) == 2)
    mock_clock.jump(60)
    with trio.socket.socket(socket.AF_UNIX) as client, descriptors_left(0):
        await client.connect(str(path))
        await wait_all_tasks_blocked()
        assert len(logged) == 2  # a new shortage is told again
    mock_clock.jump(0.11)
    await until(lambda: len(greeter.callers) == 3)


@pytest.mark.parametrize("count", [1, 2, 3])
async def test_with_few_descriptors_left_the_daemon_goes_on(
    greeter: Greeter, path: Path, mock_clock: MockClock, count: int
) -> None:
    """The last ones may be gone at any step of letting a client in, and that may end no other's connection."""
    with trio.socket.socket(socket.AF_UNIX) as client:
        with descriptors_left(count):
            await client.connect(str(path))
            await wait_all_tasks_blocked()
        mock_clock.jump(0.11)
        await wait_all_tasks_blocked()
    assert await greeting(path) == b"hello"
    assert greeter.callers


async def test_clients_beyond_the_most_wait_until_others_leave(
    nursery: trio.Nursery,
    path: Path,
    logged: list[EventDict],
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: MockClock,
) -> None:
    """Neither a client that was refused nor an accept that failed takes the place of another."""
    monkeypatch.setattr("workspaced.process.descriptors.most_clients", lambda: 2)
    fail_accepts(monkeypatch, *[errno.ECONNABORTED, errno.EMFILE] * 2)
    listener = bind(path)
    served = 0

    async def serve(connected: trio.socket.SocketType, _: Caller) -> None:
        nonlocal served
        with connected:
            served += 1
            await connected.recv(1)  # until the client leaves

    accepting = await nursery.start(listener.accept_into, nursery, serve)
    with monkeypatch.context() as patch:
        patch.setattr(
            "workspaced.rpc.listener.peer_credentials", lambda _: PeerCredentials(1, os.geteuid() + 1)
        )
        for _ in range(3):
            assert await greeting(path) == b""
    logged.clear()
    await trio.sleep(60)  # a new shortage is told again
    streams = [await trio.open_unix_socket(path) for _ in range(3)]
    await wait_all_tasks_blocked()
    assert served == 2
    (entry,) = logged
    assert entry["log_level"] == "error"
    assert "ulimit" in entry["reason"]
    await streams.pop(0).aclose()
    await until(lambda: served == 3)
    for stream in streams:
        await stream.aclose()
    accepting.cancel()
    listener.close()


def fail_accepts(monkeypatch: pytest.MonkeyPatch, *errors: int) -> list[float]:
    """The next accepts fail with these errors; gives the times at which they did."""
    with trio.socket.socket(socket.AF_UNIX) as some:
        type_ = type(some)
    accept = type_.accept
    failed_at: list[float] = []

    async def failing(listening: trio.socket.SocketType) -> object:
        if len(failed_at) < len(errors):
            number = errors[len(failed_at)]
            failed_at.append(trio.current_time())
            raise OSError(number, os.strerror(number))
        return await accept(listening)

    monkeypatch.setattr(type_, "accept", failing)
    return failed_at


async def test_every_shortage_is_waited_out(
    nursery: trio.Nursery,
    path: Path,
    logged: list[EventDict],
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: MockClock,
) -> None:
    errors = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS)
    failed_at = fail_accepts(monkeypatch, *errors)
    greeter = Greeter(bind(path))
    accepting = await greeter.start(nursery)
    assert await greeting(path) == b"hello"
    assert failed_at == pytest.approx([0, 0.1, 0.2, 0.3])
    assert [entry["reason"] for entry in logged] == [os.strerror(errno.EMFILE)]
    accepting.cancel()
    greeter.listener.close()


async def test_a_client_that_gave_up_before_it_was_accepted_is_nothing(
    nursery: trio.Nursery, path: Path, logged: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_accepts(monkeypatch, errno.ECONNABORTED, errno.ECONNABORTED)
    greeter = Greeter(bind(path))
    accepting = await greeter.start(nursery)
    assert await greeting(path) == b"hello"
    assert logged == []
    accepting.cancel()
    greeter.listener.close()


async def test_a_socket_that_does_not_work_any_more_is_an_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_accepts(monkeypatch, errno.EINVAL)
    listener = bind(path)
    with pytest.RaisesGroup(pytest.RaisesExc(OSError, match="Invalid argument")):
        async with trio.open_nursery() as inner:
            await Greeter(listener).start(inner)
    listener.close()


async def test_after_a_cancel_no_client_is_accepted_and_those_that_are_go_on(
    nursery: trio.Nursery, path: Path
) -> None:
    listener = bind(path)
    released = trio.Event()

    async def serve(connected: trio.socket.SocketType, _: Caller) -> None:
        with connected:
            await connected.send(b"hel")
            await released.wait()
            await connected.send(b"lo")

    accepting = await nursery.start(listener.accept_into, nursery, serve)
    async with await trio.open_unix_socket(path) as stream:
        assert await stream.receive_some() == b"hel"
        accepting.cancel()
        await wait_all_tasks_blocked()
        listener.close()
        with pytest.raises(OSError):
            await trio.open_unix_socket(path)
        released.set()
        assert await stream.receive_some() == b"lo"
