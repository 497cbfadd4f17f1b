"""Cancelling the async client, under trio and under asyncio, at everything that it waits for."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from threading import Event

import anyio
import pytest

from client.conftest import Run, Serve
from client.fake_server import PATIENCE_SECONDS, Peer, greeting, occupied_queue
from client.flavours import happened
from workspaced_client.aio import AsyncClient

LONG = "x" * (4 * 1024 * 1024)


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
