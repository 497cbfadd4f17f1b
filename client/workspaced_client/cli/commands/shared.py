"""The arguments and options that several commands share, and the options and exit codes of every command."""

from __future__ import annotations

from workspaced_client._core.durations import CLONE_TIMEOUT_SECONDS
from workspaced_client.cli.commands import values
from workspaced_client.cli.commands.row import FILES, TAGS, WORKSPACES, Argument, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

DEFAULT_TIMEOUT_SECONDS: Final = 10.0

COPY_TIMEOUT_SECONDS: Final = 40.0
"""For commands that read or write a copy of the whole store: the daemon takes up to 30 s for it."""

GLOBAL_OPTIONS: Final = (
    Option(
        "--socket",
        value="PATH",
        parse=values.socket,
        completes=FILES,
        help="The daemon's socket, if not the default one.  [env: WORKSPACED_SOCKET]",
    ),
    Option(
        "--timeout",
        value="SECONDS",
        parse=values.seconds,
        help="How long to wait for each answer.",
        default=f"{DEFAULT_TIMEOUT_SECONDS:g}; for backups {COPY_TIMEOUT_SECONDS:g}, for clone {CLONE_TIMEOUT_SECONDS:g}",
    ),
    Option(
        "--no-autostart",
        help="Fail if no daemon runs, instead of starting it.  [env: WORKSPACED_AUTOSTART=0]",
    ),
    Option("--json", help="Print one JSON document, for programs."),
    Option("--quiet", "-q", help="Print only results and warnings."),
    Option("--version", help="Print the version and exit."),
    Option("--help", "-h", help="Show this help and exit."),
)
"""The options that may stand before a command or behind it."""

WORKSPACE: Final = Argument("WORKSPACE", "Its name or its id.", completes=WORKSPACES)

DOT: Final = "."
"""In the place of a workspace's name: the one around the current directory."""

_PARTLY: Final = "Its name, or a beginning or part that no other has; or its id."
_AROUND: Final = "the one around the current directory, also as `.`"
HERE: Final = Argument("WORKSPACE", _PARTLY, optional=True, default=_AROUND, completes=WORKSPACES)
HERE_IN_FRONT: Final = Argument("WORKSPACE", _PARTLY, leads=True, default=_AROUND, completes=WORKSPACES)
YES: Final = Option("--yes", "-y", help="Do not ask.")
DRY_RUN: Final = Option("--dry-run", help="Only show the changes.")
TAG: Final = Option("--tag", value="TAG", many=True, completes=TAGS, help="A tag; once for each.")
META: Final = Option(
    "--meta",
    value="KEY=JSON",
    many=True,
    help="A key of its metadata, such as 'editor.size=13'; once for each.",
)

EXIT_CODES: Final = (
    (0, "success"),
    (1, "refused, failed, or a problem found"),
    (2, "wrong usage"),
    (3, "no daemon or no service manager reached"),
    (130, "interrupted"),
    (141, "output closed"),
)
"""What each exit code tells a script."""
