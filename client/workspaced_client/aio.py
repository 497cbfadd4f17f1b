"""The async client: `AsyncClient.connect()`, under trio and asyncio alike (by anyio)."""

from workspaced_client._async.client import AsyncClient
from workspaced_client._async.events import AsyncEventStream
from workspaced_client._core.event_feed import OnLost

__all__ = ["AsyncClient", "AsyncEventStream", "OnLost"]
