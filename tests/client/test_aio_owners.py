"""Async clients without an owner's task: opened in one task and closed in another, in any order, and no task left."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from threading import Event

import anyio
import pytest

from client.conftest import Run, Serve
from client.fake_server import HELLO, PATIENCE_SECONDS, Peer, Request, answering, greeting
from client.flavours import happened
from workspaced_client import ConnectionLost
from workspaced_client.aio import AsyncClient

LONG = "x" * (4 * 1024 * 1024)


def echo(request: Request) -> object:
    return request.method


def test_opened_in_one_task_and_closed_in_another(run: Run, serve: Serve) -> None:
    path = serve(answering(echo))

    async def main() -> None:
        managers = [AsyncClient.connect(path) for _ in range(2)]
        clients: list[AsyncClient] = []

        async def enter(number: int) -> None:
            clients.append(await managers[number].__aenter__())

        async def leave(number: int) -> None:
            await managers[number].__aexit__(None, None, None)

        for number in range(2):
            async with anyio.create_task_group() as group:
                group.start_soon(enter, number)
        for number in range(2):  # in the order opened
            assert await clients[number].call("a") == "a"
            async with anyio.create_task_group() as group:
                group.start_soon(leave, number)
            with pytest.raises(ConnectionLost, match="this client was closed"):
                await clients[number].call("b")

    run(main)


def test_closed_twice_and_within_a_stack(run: Run, serve: Serve) -> None:
    path = serve(answering(echo))

    async def main() -> None:
        async with AsyncExitStack() as stack:
            first = await stack.enter_async_context(AsyncClient.connect(path))
            second = await stack.enter_async_context(AsyncClient.connect(path))
            await first.aclose()
            await first.aclose()
            assert await second.call("a") == "a"

    run(main)


def test_a_fixture_of_asyncio(serve: Serve) -> None:
    """A runner runs each step of an async generator in a task of its own, as pytest-asyncio does."""
    path = serve(answering(echo))

    async def fixture() -> AsyncGenerator[AsyncClient]:
        async with AsyncClient.connect(path) as client:
            yield client

    async def use(client: AsyncClient) -> None:
        assert await client.call("a") == "a"
        assert asyncio.all_tasks() == {asyncio.current_task()}

    async def leave(one: AsyncGenerator[AsyncClient]) -> None:
        assert [client async for client in one] == []

    with asyncio.Runner() as runner:
        generator = fixture()
        client = runner.run(anext(generator))
        runner.run(use(client))
        runner.run(leave(generator))


def test_a_reader_that_is_cancelled_passes_the_reading_on(run: Run, serve: Serve) -> None:
    asked, given_up = Event(), Event()

    def script(peer: Peer) -> None:
        peer.expect("reader")
        follower = peer.expect("follower")
        asked.set()
        assert given_up.wait(PATIENCE_SECONDS)
        peer.answer(follower, "in time")

    path = serve(greeting(script))
    answers: list[object] = []

    async def main() -> None:
        async def follow() -> None:
            answers.append(await client.call("follower"))

        async with AsyncClient.connect(path) as client, anyio.create_task_group() as group:
            scope = anyio.CancelScope()

            async def read() -> None:
                with scope:
                    await client.call("reader")

            group.start_soon(read)
            await anyio.wait_all_tasks_blocked()
            group.start_soon(follow)
            await happened(asked)
            scope.cancel()
            await anyio.wait_all_tasks_blocked()
            given_up.set()

    run(main)
    assert answers == ["in time"]


def test_a_reader_whose_answer_came_passes_the_reading_on(run: Run, serve: Serve) -> None:
    answered = Event()

    def script(peer: Peer) -> None:
        reader, follower = peer.expect("reader"), peer.expect("follower")
        peer.answer(reader, "first")
        assert answered.wait(PATIENCE_SECONDS)
        peer.answer(follower, "second")

    path = serve(greeting(script))
    answers: list[object] = []

    async def main() -> None:
        async def call(method: str) -> None:
            answers.append(await client.call(method))
            answered.set()

        async with AsyncClient.connect(path) as client, anyio.create_task_group() as group:
            group.start_soon(call, "reader")
            await anyio.wait_all_tasks_blocked()
            group.start_soon(call, "follower")

    run(main)
    assert answers == ["first", "second"]


def test_a_sender_without_room_reads(run: Run, serve: Serve) -> None:
    """The daemon reads no further request before its answer was read."""

    def script(peer: Peer) -> None:
        first = peer.request()
        peer.answer(first, LONG)  # returns when the client has read most of it
        peer.answer(peer.request(), "second")

    path = serve(greeting(script))
    answers: list[object] = []

    async def main() -> None:
        async def send() -> None:
            answers.append(await client.call("second", {"text": LONG}))

        async with AsyncClient.connect(path) as client:
            scope = anyio.CancelScope()
            async with anyio.create_task_group() as group:

                async def leave() -> None:
                    with scope:
                        await client.call("first")

                group.start_soon(leave)
                await anyio.wait_all_tasks_blocked()
                group.start_soon(send)
                await anyio.lowlevel.checkpoint()
                scope.cancel()  # the one that read: from now on, only the sender can

    run(main)
    assert answers == ["second"]


def test_a_lost_connection_is_seen_before_a_call_that_is_sent_once(run: Run, serve: Serve) -> None:
    left, connections = Event(), iter(range(2))

    def script(peer: Peer) -> None:
        if next(connections) == 0:
            peer.greet()
            peer.socket.close()
            left.set()
            return
        peer.answer(peer.expect("daemon.hello"), HELLO)
        peer.answer(peer.expect("some.method"), "over the next one")

    path = serve(script)

    async def main() -> None:
        async with AsyncClient.connect(path) as client:
            await happened(left)
            assert await client.call("some.method") == "over the next one"

    run(main)
