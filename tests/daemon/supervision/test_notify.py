"""What the service manager is told, how a daemon that can't tell it goes on, and when its watchdog is fed."""

import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from support.logs import EventDict
from support.manager import Manager, status_of
from workspaced.supervision.notify import Notifier
from workspaced.supervision.supervisor import Supervisor
from workspaced.supervision.watchdog import NAME, keep_watch, watchdog_seconds
from workspaced_protocol.daemon_models import StoreStatus


@pytest.fixture
def notifier(manager: Manager) -> Iterator[Notifier]:
    with closing(Notifier(manager.address)) as notifier:
        yield notifier


async def test_each_stage_is_one_message(notifier: Notifier, manager: Manager) -> None:
    before_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    await notifier.status("Restoring")
    await notifier.ready("2 workspaces")
    await notifier.alive("3 workspaces")
    await notifier.extend("Waiting", 1.5)
    await notifier.reloading("Reading")
    await notifier.stopping("Ending\nREADY=1")
    restoring, ready, alive, extended, (*reloading, monotonic, reading), stopping = manager.told()
    assert restoring == ["STATUS=Restoring"]
    assert ready == ["READY=1", "STATUS=2 workspaces"]
    assert alive == ["WATCHDOG=1", "STATUS=3 workspaces"]
    assert extended == ["EXTEND_TIMEOUT_USEC=1500000", "STATUS=Waiting"]
    assert (reloading, reading) == (["RELOADING=1"], "STATUS=Reading")
    name, _, us = monotonic.partition("=")
    assert name == "MONOTONIC_USEC"
    assert before_us <= int(us) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert stopping == ["STOPPING=1", "STATUS=Ending READY=1"], "a value must not become a field"


@pytest.mark.skipif(sys.platform != "linux", reason="abstract names are Linux's")
async def test_a_manager_may_have_an_abstract_name() -> None:
    name = f"workspaced-test-{os.getpid()}"
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as abstract,
        closing(Notifier(f"@{name}")) as notifier,
    ):
        abstract.bind(f"\0{name}")
        await notifier.ready("x")
        abstract.setblocking(False)
        assert abstract.recv(100) == b"READY=1\nSTATUS=x"


async def test_without_a_manager_nobody_is_told(logged: list[EventDict]) -> None:
    with closing(Notifier.from_environment({"NOTIFY_SOCKET": ""})) as notifier:
        assert not notifier.is_active
        await notifier.ready("x")
    assert logged == []


async def test_the_manager_is_taken_out_of_the_environment(manager: Manager) -> None:
    environment = {"NOTIFY_SOCKET": manager.address, "HOME": "/"}
    with closing(Notifier.from_environment(environment)) as notifier:
        assert notifier.is_active
    assert environment == {"HOME": "/"}


@pytest.mark.parametrize("address", ["relative/path", "vsock:2:1234", "/nobody/is/there", "/" + "x" * 200])
async def test_a_manager_that_can_not_be_told_is_told_of_once(address: str, logged: list[EventDict]) -> None:
    with closing(Notifier(address)) as notifier:
        await notifier.ready("x")
        await notifier.stopping("x")
    assert [entry["log_level"] for entry in logged] == ["warning"]


async def test_a_manager_that_was_started_anew_is_told(socket_dir: Path) -> None:
    path = socket_dir / "notify"
    first = Manager(path)
    with closing(Notifier(str(path))) as notifier:
        with first.socket:
            await notifier.ready("x")
            path.unlink()
        second = Manager(path)
        with second.socket:
            await notifier.alive("y")
            assert second.told() == [["WATCHDOG=1", "STATUS=y"]]


@pytest.mark.skipif(
    sys.platform != "linux", reason="macOS tells otherwise of a full queue, and has no systemd"
)
async def test_a_manager_whose_queue_is_full_is_waited_for_a_second(
    notifier: Notifier,
    manager: Manager,
    mock_clock: MockClock,
    logged: list[EventDict],
    nursery: trio.Nursery,
) -> None:
    sent: list[int] = []

    async def fill() -> None:
        for number in range(100_000):
            await notifier.status(str(number))
            sent.append(number)
            if logged:
                return

    nursery.start_soon(fill)
    await wait_all_tasks_blocked()
    waiting = len(sent)
    assert manager.socket.recv(100) == b"STATUS=0"
    await wait_all_tasks_blocked()
    assert len(sent) == waiting + 1, "there was room for one"
    mock_clock.jump(0.9)
    await wait_all_tasks_blocked()
    assert logged == []
    mock_clock.jump(0.2)
    await wait_all_tasks_blocked()
    assert "1 s" in logged[0]["reason"]
    told = manager.told()
    assert [line for (line,) in told] == [f"STATUS={number}" for number in sent[1:-1]]


@pytest.mark.parametrize(
    ("workspaces", "store", "line"),
    [
        (1, StoreStatus("ok"), "1 workspace, listening on /run/x.sock"),
        (
            2,
            StoreStatus("readOnly", "EIO: Input/output error"),
            "2 workspaces, listening on /run/x.sock; the store is readOnly: EIO: Input/output error",
        ),
    ],
)
async def test_the_status_tells_how_the_store_fares(
    notifier: Notifier, manager: Manager, workspaces: int, store: StoreStatus, line: str
) -> None:
    await Supervisor(notifier, None, None).ready(lambda: status_of(workspaces, store))
    assert manager.told() == [["READY=1", f"STATUS={line}"]]


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": str(os.getpid())}, 1.5),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid() + 1)}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_managers_time_is_read_and_taken_out_of_the_environment(
    environment: dict[str, str], seconds: float | None
) -> None:
    assert watchdog_seconds(environment) == seconds
    assert environment == {}


class Answering:
    """A daemon's socket, which does what a test says with each request; notes them all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked: list[tuple[str, object]] = []
        self.connections = 0
        self.reply: Callable[[int], bytes | None] = answer
        """The answer to the n-th ping; nothing where it is empty, the end of the connection where it is None."""
        self.delay_seconds = 0.0

    async def serve(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        bound = socket.socket(socket.AF_UNIX)
        bound.bind(str(self.path))  # trio binds in a thread, which the clock would not wait for
        bound.listen()
        listening = trio.socket.from_stdlib_socket(bound)
        task_status.started()
        await trio.serve_listeners(self._serve, [trio.SocketListener(listening)])

    async def _serve(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        async with stream:
            async for data in stream:
                for line in data.splitlines():
                    request = msgspec.json.decode(line, type=dict[str, object])
                    self.asked.append((str(request["method"]), request["params"]))
                    id_ = request["id"]
                    assert isinstance(id_, int)
                    if request["method"] == "daemon.hello":
                        await stream.send_all(answer(id_))
                        continue
                    await trio.sleep(self.delay_seconds)
                    reply = self.reply(id_)
                    if reply is None:
                        return
                    await stream.send_all(reply)


def answer(id_: int) -> bytes:
    return b'{"jsonrpc":"2.0","id":%d,"result":"pong"}\n' % id_


def silence(_: int) -> bytes:
    return b""


def hang_up(_: int) -> None:
    return None


def nonsense(_: int) -> bytes:
    return b"[]\n\xff\n"


def refuse(id_: int) -> bytes:
    return b'{"jsonrpc":"2.0","id":%d,"error":{"code":1,"message":"no"}}\n' % id_


class Watched:
    """A watch over a socket, in which the manager wants to hear of the daemon every 10 s."""

    def __init__(self, nursery: trio.Nursery, path: Path) -> None:
        self.server = Answering(path)
        self.nursery = nursery
        self.alive_at: list[float] = []

    async def start_server(self) -> None:
        await self.nursery.start(self.server.serve)

    async def watch_for(self, seconds: float) -> list[float]:
        """When it was told, in seconds, that the daemon lives."""
        began_at = trio.current_time()

        async def alive() -> None:
            self.alive_at.append(round(trio.current_time() - began_at, 3))

        with trio.move_on_after(seconds):
            await keep_watch(self.server.path, 10, alive)
        return self.alive_at


@pytest.fixture
async def watched(nursery: trio.Nursery, socket_dir: Path) -> AsyncIterator[Watched]:
    yield Watched(nursery, socket_dir / "x.sock")
    nursery.cancel_scope.cancel()


async def test_the_watchdog_is_fed_twice_in_its_time_over_one_connection(
    watched: Watched, autojump_clock: object
) -> None:
    await watched.start_server()
    assert await watched.watch_for(21) == [0, 5, 10, 15, 20]
    assert watched.server.connections == 1
    (hello, params), *pings = watched.server.asked
    assert hello == "daemon.hello"
    assert params == {"client": NAME, "protocol": 1}
    assert pings == [("daemon.ping", {})] * 5


@pytest.mark.parametrize("reply", [silence, hang_up, nonsense, refuse])
async def test_the_watchdog_is_not_fed_without_an_answer(
    watched: Watched,
    reply: Callable[[int], bytes | None],
    logged: list[EventDict],
    autojump_clock: object,
) -> None:
    await watched.start_server()
    watched.server.reply = reply
    assert await watched.watch_for(60) == []
    assert [entry["log_level"] for entry in logged] == ["error"], "it is told once"


async def test_an_answer_that_comes_late_is_none_to_the_next_call(
    watched: Watched, autojump_clock: object
) -> None:
    await watched.start_server()
    watched.server.delay_seconds = 4
    watched.server.reply = lambda id_: answer(id_) if id_ == 2 else b""  # 1 is the hello
    assert await watched.watch_for(60) == []


async def test_a_lost_connection_is_opened_anew(watched: Watched, autojump_clock: object) -> None:
    await watched.start_server()
    watched.server.reply = lambda id_: answer(id_) if id_ % 3 else None
    told = await watched.watch_for(21)
    assert [round(at) for at in told] == [0, 5, 10, 15, 20]
    assert watched.server.connections > 1


async def test_a_socket_that_can_not_be_reached_yet_is_tried_again_soon(
    watched: Watched, autojump_clock: object
) -> None:
    async def start_later() -> None:
        await trio.sleep(1)
        await watched.start_server()

    watched.nursery.start_soon(start_later)
    told = await watched.watch_for(6)
    assert 1 <= told[0] < 1.2
    assert told[1] == 5
