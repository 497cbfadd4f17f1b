"""The async client among tasks, under trio and under asyncio: how its block ends, and what comes out of it."""

import socket
from pathlib import Path

import anyio
import pytest
import trio

from client.conftest import Run, Serve
from client.fake_server import Peer, Request, answering, greeting
from workspaced_client import (
    ConnectionLost,
    NotResponding,
    NotRunning,
    ProtocolUnsupported,
    Unanswered,
)
from workspaced_client.aio import AsyncClient

LONG = "x" * (4 * 1024 * 1024)


def echo(request: Request) -> object:
    return request.params


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
