"""The async client among tasks, under trio and under asyncio: cancellation, and how its block ends."""

import asyncio
import random
import socket
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from threading import Event

import anyio
import pytest
import trio
from anyio import to_thread

from client.conftest import Serve
from client.fake_server import PATIENCE_SECONDS, Peer, Request, answering, greeting, occupied_queue
from client.flavours import BACKENDS
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

Run = Callable[[Callable[[], Awaitable[None]]], None]


@pytest.fixture(params=BACKENDS)
def run(request: pytest.FixtureRequest) -> Run:
    """Runs an async function under each of the two."""

    def run_it(main: Callable[[], Awaitable[None]]) -> None:
        async def in_time() -> None:
            with anyio.fail_after(2 * PATIENCE_SECONDS):
                await main()

        anyio.run(in_time, backend=request.param)

    return run_it


async def happened(event: Event) -> None:
    assert await to_thread.run_sync(partial(event.wait, PATIENCE_SECONDS))


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
            async with AsyncClient.connect(closing) as client:
                await client.daemon.ping()
        with pytest.raises(NotRunning):
            async with AsyncClient.connect(closing.with_name("none")):
                raise AssertionError("not reached")

    run(main)


def test_a_lost_connection_does_not_end_the_body(run: Run, serve: Serve) -> None:
    path = serve(greeting(lambda peer: peer.socket.close()))

    async def main() -> None:
        async with AsyncClient.connect(path) as client:
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


async def cancelled_while(
    blocked: Callable[[], Awaitable[None]], call: Callable[[], Awaitable[object]]
) -> None:
    """Cancels `call` once `blocked` has returned, which it does when the call waits where it shall."""
    ended: list[str] = []

    async def run_call(scope: anyio.CancelScope) -> None:
        with scope:
            try:
                await call()
                ended.append("returned")
            except anyio.get_cancelled_exc_class():
                ended.append("cancelled")
                raise

    async with anyio.create_task_group() as group:
        scope = anyio.CancelScope()
        group.start_soon(run_call, scope)
        await blocked()
        scope.cancel()
    assert ended == ["cancelled"]


def test_cancelled_while_it_waits_for_its_answer(run: Run, serve: Serve) -> None:
    asked, given_up = Event(), Event()

    def script(peer: Peer) -> None:
        late = peer.request()
        asked.set()
        assert given_up.wait(PATIENCE_SECONDS)
        peer.answer(late, "late")
        peer.answer(peer.request(), "in time")

    path = serve(greeting(script))

    async def main() -> None:
        async with AsyncClient.connect(path) as client:
            await cancelled_while(partial(happened, asked), partial(client.call, "cancelled"))
            given_up.set()
            assert await client.call("next") == "in time"

    run(main)


def test_cancelled_while_it_is_being_sent(run: Run, serve: Serve) -> None:
    begun, given_up = Event(), Event()

    def script(peer: Peer) -> None:
        peer.see_a_beginning()
        begun.set()
        assert given_up.wait(PATIENCE_SECONDS)
        late = peer.expect("cancelled")
        assert late.params == {"text": LONG}
        peer.answer(late, "late")
        peer.answer(peer.request(), "in time")

    path = serve(greeting(script))

    async def main() -> None:
        async with AsyncClient.connect(path) as client:
            await cancelled_while(partial(happened, begun), partial(client.call, "cancelled", {"text": LONG}))
            given_up.set()
            assert await client.call("next") == "in time"

    run(main)


def test_cancelled_while_another_is_being_sent(run: Run, serve: Serve) -> None:
    begun, given_up = Event(), Event()

    def script(peer: Peer) -> None:
        peer.see_a_beginning()
        begun.set()
        assert given_up.wait(PATIENCE_SECONDS)
        peer.answer(peer.expect("sender"), "sent")
        peer.answer(peer.expect("next"), "in time")

    path = serve(greeting(script))
    results: list[object] = []

    async def main() -> None:
        async with AsyncClient.connect(path) as client, anyio.create_task_group() as group:

            async def send() -> None:
                results.append(await client.call("sender", {"text": LONG}))

            group.start_soon(send)
            await happened(begun)
            await cancelled_while(anyio.wait_all_tasks_blocked, partial(client.call, "cancelled"))
            given_up.set()
            assert await client.call("next") == "in time"

    run(main)
    assert results == ["sent"]


def test_cancelled_while_it_waits_for_the_hello(run: Run, serve: Serve) -> None:
    asked, hung_up = Event(), Event()

    def script(peer: Peer) -> None:
        peer.expect("daemon.hello")
        asked.set()
        assert peer.socket.recv(10) == b""
        hung_up.set()

    path = serve(script)

    async def connect() -> None:
        async with AsyncClient.connect(path):
            raise AssertionError("not reached")

    async def main() -> None:
        await cancelled_while(partial(happened, asked), connect)
        await happened(hung_up)

    run(main)


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux lets a connect wait for room; macOS refuses it at once"
)
def test_cancelled_while_it_waits_for_room_in_the_queue(run: Run, socket_dir: Path) -> None:
    path = socket_dir / "full.sock"

    async def connect() -> None:
        async with AsyncClient.connect(path):
            raise AssertionError("not reached")

    async def main() -> None:
        with occupied_queue(path):
            await cancelled_while(anyio.wait_all_tasks_blocked, connect)

    run(main)


def test_cancelled_in_the_body(run: Run, serve: Serve) -> None:
    hung_up = Event()

    def script(peer: Peer) -> None:
        assert peer.socket.recv(10) == b""
        hung_up.set()

    path = serve(greeting(script))
    inside = Event()

    async def stay() -> None:
        async with AsyncClient.connect(path):
            inside.set()
            await anyio.sleep_forever()

    async def main() -> None:
        await cancelled_while(partial(happened, inside), stay)
        await happened(hung_up)

    run(main)


def test_cancelled_by_asyncio_itself(serve: Serve) -> None:
    asked, given_up = Event(), Event()

    def script(peer: Peer) -> None:
        late = peer.request()
        asked.set()
        assert given_up.wait(PATIENCE_SECONDS)
        peer.answer(late, "late")
        peer.answer(peer.request(), "in time")
        peer.request()

    path = serve(greeting(script))

    async def main() -> None:
        async with AsyncClient.connect(path) as client:
            call = asyncio.create_task(client.call("cancelled"))
            await happened(asked)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            given_up.set()
            assert await client.call("next") == "in time"

        async def stay() -> None:
            async with AsyncClient.connect(path):
                inside.set()
                await asyncio.Event().wait()

        inside = asyncio.Event()
        staying = asyncio.create_task(stay())
        await inside.wait()
        staying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await staying

    asyncio.run(main())


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
