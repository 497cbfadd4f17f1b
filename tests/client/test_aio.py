"""The async client among tasks, under trio and under asyncio: how its block ends, and what comes out of it."""

import random
import socket
from pathlib import Path
from threading import Event

import anyio
import pytest
import trio

from client.conftest import Run, Serve
from client.fake_server import PATIENCE_SECONDS, Peer, Request, answering, greeting
from client.flavours import happened
from workspaced_client import (
    ConnectionLost,
    NotResponding,
    NotRunning,
    ProtocolUnsupported,
    Unanswered,
    UsedAfterFork,
)
from workspaced_client.aio import AsyncClient

LONG = "x" * (4 * 1024 * 1024)


def echo(request: Request) -> object:
    return request.params


def test_many_tasks_get_each_their_own_answers(run: Run, serve: Serve) -> None:
    tasks, calls = 16, 50
    shuffled = random.Random(7)

    def script(peer: Peer) -> None:
        held: list[Request] = []
        while True:
            if held and not peer.has_more():
                request = held.pop(shuffled.randrange(len(held)))
                peer.answer(request, request.params)
            else:
                held.append(peer.request())

    path = serve(greeting(script))
    finished: list[int] = []

    async def caller(client: AsyncClient, task: int) -> None:
        for number in range(calls):
            assert await client.call("echo", {"of": [task, number]}) == {"of": [task, number]}
        finished.append(task)

    async def main() -> None:
        async with AsyncClient.connect(path) as client, anyio.create_task_group() as group:
            for task in range(tasks):
                group.start_soon(caller, client, task)

    run(main)
    assert sorted(finished) == list(range(tasks))


class BodyError(Exception):
    """What the body of a test raises."""


@pytest.mark.parametrize(
    "error", [BodyError("x"), ExceptionGroup("its own", [BodyError("x")]), KeyboardInterrupt(), SystemExit(3)]
)
def test_an_exception_of_the_body_comes_out_as_itself(run: Run, serve: Serve, error: BaseException) -> None:
    path = serve(answering(echo))
    caught: list[BaseException] = []

    async def main() -> None:
        try:
            async with AsyncClient.connect(path) as client:
                await client.call("a")
                raise error
        except type(error) as seen:
            caught.append(seen)

    run(main)
    assert len(caught) == 1
    assert caught[0] is error
    assert error.__context__ is None


def test_an_exception_of_a_cancelled_body_comes_out_as_itself(run: Run, serve: Serve) -> None:
    path = serve(answering(echo))

    async def main() -> None:
        with anyio.CancelScope() as scope:
            await fail_cancelled(scope)

    async def fail_cancelled(scope: anyio.CancelScope) -> None:
        async with AsyncClient.connect(path):
            scope.cancel()
            raise BodyError

    with pytest.raises(BodyError):
        run(main)


def test_errors_of_a_call_leave_the_body_as_themselves(run: Run, serve: Serve) -> None:
    def refuse(peer: Peer) -> None:
        peer.refuse(peer.request().id, 1010, "No.")

    refusing = serve(refuse)
    closing = serve(greeting(lambda peer: peer.socket.close()))

    async def main() -> None:
        with pytest.raises(ProtocolUnsupported):
            async with AsyncClient.connect(refusing):
                raise AssertionError("not reached")
        with pytest.raises(ConnectionLost):
            async with AsyncClient.connect(closing, reconnect=False) as client:
                await client.daemon.ping()
        with pytest.raises(NotRunning):
            async with AsyncClient.connect(closing.with_name("none")):
                raise AssertionError("not reached")

    run(main)


def test_a_lost_connection_does_not_end_the_body(run: Run, serve: Serve) -> None:
    path = serve(greeting(lambda peer: peer.socket.close()))

    async def main() -> None:
        async with AsyncClient.connect(path, reconnect=False) as client:
            for _ in range(2):
                with pytest.raises(ConnectionLost, match="the daemon closed it"):
                    await client.daemon.ping()
            await anyio.lowlevel.checkpoint()

    run(main)


def test_after_its_block_a_client_is_closed(run: Run, serve: Serve) -> None:
    hung_up = Event()

    def script(peer: Peer) -> None:
        assert peer.socket.recv(10) == b""
        hung_up.set()

    path = serve(greeting(script))

    async def main() -> None:
        async with AsyncClient.connect(path) as client:
            pass
        await happened(hung_up)
        with pytest.raises(ConnectionLost, match="this client was closed"):
            await client.daemon.ping()

    run(main)


def test_the_end_of_the_block_ends_the_calls_of_other_tasks(run: Run, serve: Serve) -> None:
    """Also of one whose request is on its way out, and of one that waits its turn to send."""
    begun, hung_up = Event(), Event()

    def script(peer: Peer) -> None:
        peer.expect("waiting")
        peer.see_a_beginning()
        begun.set()
        assert hung_up.wait(PATIENCE_SECONDS)

    path = serve(greeting(script))
    lost: list[str] = []

    async def call(client: AsyncClient, method: str, text: str) -> None:
        with pytest.raises(ConnectionLost, match="this client was closed") as caught:
            await client.call(method, {"text": text})
        lost.append(caught.value.method)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            async with AsyncClient.connect(path, timeout_seconds=4 * PATIENCE_SECONDS) as client:
                group.start_soon(call, client, "waiting", "")
                await anyio.wait_all_tasks_blocked()
                group.start_soon(call, client, "sending", LONG)
                await happened(begun)
                group.start_soon(call, client, "queued", "")
                await anyio.wait_all_tasks_blocked()
            hung_up.set()

    run(main)
    assert sorted(lost) == ["queued", "sending", "waiting"]


async def test_a_silent_daemon_under_a_clock_of_the_test(
    autojump_clock: trio.testing.MockClock, socket_dir: Path
) -> None:
    path = socket_dir / "deaf.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        with pytest.raises(NotResponding, match=r"answer daemon\.hello within 86400 seconds"):
            async with AsyncClient.connect(path, timeout_seconds=86400):
                raise AssertionError("not reached")
    assert autojump_clock.current_time() >= 86400


def test_the_callers_own_deadline_is_no_answer_of_ours(run: Run, serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.request()

    path = serve(greeting(script))

    async def main() -> None:
        async with AsyncClient.connect(path) as client:
            with pytest.raises(TimeoutError) as caught, anyio.fail_after(0.05):
                await client.call("slow")
            assert not isinstance(caught.value, Unanswered)

    run(main)


def test_a_child_process_is_refused(run: Run, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    path = serve(answering(echo))

    async def main() -> None:
        async with AsyncClient.connect(path) as client:
            with monkeypatch.context() as patched:
                patched.setattr("os.getpid", lambda: -1)
                with pytest.raises(UsedAfterFork):
                    await client.call("a")
            assert await client.call("a") == {}

    run(main)
