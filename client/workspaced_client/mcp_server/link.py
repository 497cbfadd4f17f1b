"""The connection of an MCP server to the daemon: made at the first call, kept, and made again where it was lost."""

import os
from collections import deque
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Any, Final, Self

import anyio

from workspaced_client._async.client import AsyncClient
from workspaced_client._core.hello import program_name
from workspaced_client._core.local_errors import SessionsLost, WorkspacedError
from workspaced_client._core.recovery_notice import in_short
from workspaced_client._core.recovery_warning import is_pending
from workspaced_client.mcp_server.claims import Claims
from workspaced_protocol import PROTOCOL_VERSION
from workspaced_protocol.methods import METHODS
from workspaced_protocol.params import WriteParams

_MOST_NEWS: Final = 20  # of an agent that makes no calls, while the daemon is restarted again and again


class Link:
    """Calls of the daemon, which is started if none runs and `autostart` allows it, and sentences for the agent that come with the next answer.

    To be used as a block, whose end closes the connection and ends the agent's claims.
    """

    def __init__(self, socket: str | None, timeout_seconds: float, *, autostart: bool) -> None:
        self._socket = socket
        self._autostart = autostart
        self.timeout_seconds = timeout_seconds
        self.agent = "an MCP client"
        """The name that claims and changes are known by; the MCP client's own, once it has told it."""
        self._stack = AsyncExitStack()
        self._connecting = anyio.Lock()
        self._client: AsyncClient | None = None
        self.connected = anyio.Event()
        """Set once there is a connection."""
        self.claims = Claims(self.client, self.tell)
        self._news: deque[str] = deque(maxlen=_MOST_NEWS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def tell(self, sentence: str) -> None:
        """Keep a sentence for the agent."""
        self._news.append(sentence)

    def news(self) -> list[str]:
        """Return the sentences for the agent that it was not told yet."""
        news = list(self._news)
        self._news.clear()
        return news

    async def client(self) -> AsyncClient:
        """Return the client, connected. Raises the errors of `AsyncClient.connect`; the next call tries again."""
        async with self._connecting:
            if self._client is None:
                connect = AsyncClient.connect(
                    self._socket, timeout_seconds=self.timeout_seconds, autostart=self._autostart
                )
                self._client = await self._stack.enter_async_context(connect)
                self.connected.set()
                await self._client.call("daemon.hello", self._greeting())
                recovery = (await self._client.daemon.status()).recovery
                if is_pending(recovery):
                    self.tell(f"Tell the user: {in_short(recovery)}")
            return self._client

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        """Call a method with plain JSON values, and return its result as such. Raises WorkspacedError."""
        if issubclass(METHODS[method].params, WriteParams):
            # One key for all attempts: a write whose answer was lost is applied once.
            params = {**params, "requestKey": os.urandom(16).hex()}
        while True:
            client = await self.client()
            await self.claims.renew()
            try:
                return await client.call(method, params)
            except SessionsLost:
                self.claims.lose()

    async def found_again(self) -> None:
        """Introduce the agent on a new connection, and make the claims again that the last one ended.

        If the daemon can't be reached, the next call does so.
        """
        with suppress(WorkspacedError):
            await self.call("daemon.hello", self._greeting())

    async def renew_claims(self) -> None:
        """Make the claims again that have ended; if the daemon can't be reached, the next call does so."""
        with suppress(WorkspacedError):
            await self.claims.renew()

    def _greeting(self) -> dict[str, Any]:
        return {"client": f"{self.agent} ({program_name()} mcp)", "protocol": PROTOCOL_VERSION}
