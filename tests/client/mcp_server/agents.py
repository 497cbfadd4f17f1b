"""Agents: MCP clients of the SDK, each with a server of its own in this process, and what they ask."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import mcp
import mcp_types

from workspaced_client.mcp_server.server import build


class Agent:
    """An MCP client. The SDK itself checks each answer against the schema of its tool."""

    def __init__(self, client: mcp.Client, notifications: list[object]) -> None:
        self.client = client
        self.notifications = notifications

    async def ask(self, tool: str, **arguments: Any) -> Any:
        """Call a tool that must succeed, and return its answer."""
        result = await self.client.call_tool(tool, arguments)
        assert not result.is_error, result.content
        return result.structured_content

    async def texts(self, tool: str, **arguments: Any) -> list[str]:
        """Call a tool, and return its texts."""
        return texts_of(await self.client.call_tool(tool, arguments))

    async def refused(self, tool: str, **arguments: Any) -> str:
        """Call a tool that must fail, and return what the agent is told."""
        result = await self.client.call_tool(tool, arguments)
        assert result.is_error
        assert result.structured_content is None
        return "\n".join(texts_of(result))


def texts_of(result: mcp_types.CallToolResult) -> list[str]:
    """The texts of an answer."""
    return [block.text for block in result.content if isinstance(block, mcp_types.TextContent)]


@asynccontextmanager
async def agent(socket: Path, *, mode: str = "auto", name: str = "test agent") -> AsyncGenerator[Agent]:
    """Connect an agent to a server of its own for this daemon. Mode `legacy` is MCP before 2026-07-28."""
    notifications: list[object] = []

    async def note(message: object) -> None:
        notifications.append(message)

    client = mcp.Client(
        build(str(socket), timeout_seconds=30.0),
        mode=mode,
        message_handler=note,
        client_info=mcp_types.Implementation(name=name, version="1"),
    )
    async with client:
        yield Agent(client, notifications)
