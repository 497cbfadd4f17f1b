"""`workspacectl mcp`: the workspaces for an agent, over MCP on the standard streams."""

import sys

from workspaced_client.cli.base.failures import Failure, WrongUsage
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import tell


def mcp(options: Options) -> None:
    """Serve the agent that started this command, until it closes stdin."""
    try:
        from workspaced_client.mcp_server.stdio import serve  # the SDK is an extra
    except ImportError as error:
        if (error.name or "").startswith("workspaced"):
            raise
        raise Failure(
            f"`workspacectl mcp` needs the SDK of MCP, and this installation ({sys.prefix}) lacks it, or has a version "
            f"that does not fit ({error}).",
            kind="notInstalled",
            hint="Install the extra: pip install 'workspaced[mcp]', or uv tool install 'workspaced[mcp]'.",
        ) from error
    if sys.stdin is None or sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison] - None after `<&-`
        raise WrongUsage(
            "This serves an agent on stdin and stdout, and one of them is closed: start it with both open, as on pipes."
        )
    if sys.stdin.isatty() and not options.quiet:
        tell(
            "This serves an agent on stdin and stdout, which start it themselves: register it with your agent, as in "
            "docs/integrate/agents.md. Ctrl-C ends it."
        )
    serve(options.socket, options.patience_seconds(), autostart=options.autostart)
