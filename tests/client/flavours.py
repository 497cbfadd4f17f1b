"""One way to drive each client, so that one test serves them all: the blocking one, and the async
one under trio and under asyncio, whose calls are made from the test's threads."""

import inspect
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from os import PathLike
from threading import Event
from typing import Any, Self, cast

from anyio import to_thread
from anyio.from_thread import BlockingPortal, start_blocking_portal

from client.fake_server import PATIENCE_SECONDS
from workspaced_client import Client
from workspaced_client.aio import AsyncClient, AsyncEventStream
from workspaced_client.events import EventStream

FLAVOURS = ("blocking", "trio", "asyncio")
BACKENDS = ("trio", "asyncio")


@contextmanager
def connected(
    flavour: str, path: str | PathLike[str] | None, timeout_seconds: float = 10.0, *, reconnect: bool = False
) -> Iterator[Client]:
    """A connected client of this flavour, with the methods of the blocking one.

    It does not connect again, since most tests are about one connection.
    """
    if flavour == "blocking":
        with Client.connect(path, timeout_seconds=timeout_seconds, reconnect=reconnect) as client:
            yield client
        return
    with (
        start_blocking_portal(flavour) as portal,
        portal.wrap_async_context_manager(
            AsyncClient.connect(path, timeout_seconds=timeout_seconds, reconnect=reconnect)
        ) as async_client,
    ):
        yield cast("Client", _Bridge(async_client, portal))


class _Bridge:
    """An object whose async methods are called through the portal."""

    def __init__(self, target: object, portal: BlockingPortal) -> None:
        self._target = target
        self._portal = portal

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._target, name)
        if not callable(member):
            return _Bridge(member, self._portal)

        def call(*arguments: object, **options: object) -> object:
            return self._portal.call(partial(cast("Callable[..., Any]", member), *arguments, **options))

        assert inspect.iscoroutinefunction(member)
        return call


async def happened(event: Event) -> None:
    """Waits, in a task, for what a server's thread tells."""
    assert await to_thread.run_sync(partial(event.wait, PATIENCE_SECONDS))


@contextmanager
def subscribed(
    flavour: str,
    path: str | PathLike[str],
    topics: Sequence[str] | None = None,
    *,
    timeout_seconds: float = 10.0,
    **options: Any,
) -> Iterator[EventStream]:
    """A stream of events of this flavour, with the methods of the blocking one."""
    if flavour == "blocking":
        with (
            Client.connect(path, timeout_seconds=timeout_seconds) as client,
            client.events(topics, **options) as events,
        ):
            yield events
        return

    @asynccontextmanager
    async def stream() -> AsyncGenerator[AsyncEventStream]:
        async with (
            AsyncClient.connect(path, timeout_seconds=timeout_seconds) as client,
            client.events(topics, **options) as events,
        ):
            yield events

    with start_blocking_portal(flavour) as portal, portal.wrap_async_context_manager(stream()) as waiting:
        yield cast("EventStream", _Iterator(waiting, portal))


class _Iterator:
    """An async iterator whose steps are made through the portal."""

    def __init__(self, stream: AsyncEventStream, portal: BlockingPortal) -> None:
        self._stream = stream
        self._portal = portal

    def __next__(self) -> object:
        try:
            return self._portal.call(self._stream.__anext__)
        except StopAsyncIteration:
            raise StopIteration from None

    def __iter__(self) -> Self:
        return self

    @property
    def revision(self) -> int | None:
        return self._stream.revision

    def close(self) -> None:
        self._portal.call(self._stream.aclose)
