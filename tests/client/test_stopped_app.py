"""An app that was stopped (SIGSTOP, a freezer) past a deadline, with the daemon's answer in its socket by then."""

import time
from collections.abc import Callable
from threading import Event

import anyio

from client.conftest import Run, Serve
from client.fake_server import PATIENCE_SECONDS, Peer, Request, greeting
from client.flavours import happened
from support.waiting import wait_until
from workspaced_client.aio import AsyncClient

TIMEOUT_SECONDS = 0.5


def stop_past_the_deadline(answered: Event, stopped: Event) -> None:
    """Block as a stopped process does, until the answer is there and the time-out has passed by far."""
    since = time.monotonic()
    stopped.set()
    assert answered.wait(PATIENCE_SECONDS)
    wait_until(lambda: time.monotonic() > since + TIMEOUT_SECONDS * 2 + 0.5)


def script_of(asked: Event, stopped: Event, answered: Event) -> Callable[[Peer], None]:
    """Answer one call once the app is stopped."""

    def script(peer: Peer) -> None:
        request: Request = peer.request()
        asked.set()
        assert stopped.wait(PATIENCE_SECONDS)
        peer.answer(request, "there")
        answered.set()

    return script


def test_the_async_client_takes_an_answer_that_is_there(run: Run, serve: Serve) -> None:
    asked, stopped, answered = Event(), Event(), Event()
    path = serve(greeting(script_of(asked, stopped, answered)))
    results: list[object] = []

    async def main() -> None:
        async with AsyncClient.connect(path) as client, anyio.create_task_group() as group:

            async def call() -> None:
                results.append(await client.call("x", timeout_seconds=TIMEOUT_SECONDS))

            group.start_soon(call)
            await happened(asked)
            stop_past_the_deadline(answered, stopped)

    run(main)
    assert results == ["there"]
