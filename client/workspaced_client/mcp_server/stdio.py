"""The MCP server on the process's standard streams."""

import signal

import anyio
from mcp.server.lowlevel import NotificationOptions
from mcp.server.stdio import stdio_server

from workspaced_client.mcp_server.server import build


def serve(socket: str | None, timeout_seconds: float, *, autostart: bool = True) -> None:
    """Serve the MCP client at the standard streams until it closes them. What else is printed goes to stderr.

    `autostart` is whether to start the daemon if none runs.
    """
    # At once, for a thread waits for stdin: Ctrl-C would wait for its next line. The daemon ends what was claimed.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        anyio.run(_serve, socket, timeout_seconds, autostart, backend="trio")
    except* BrokenPipeError:
        pass  # the client has gone with an answer unread


async def _serve(socket: str | None, timeout_seconds: float, autostart: bool) -> None:
    server = build(socket, timeout_seconds, autostart=autostart)
    options = server.create_initialization_options(NotificationOptions(resources_changed=True))
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, options)
