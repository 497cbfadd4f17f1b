"""THE table of commands: a row for each, in the order of the help. Everything about a command follows from its row.

Its parsing, its help, what Tab completes and its page of the manual. To add a command is to write its row and its
function.
"""

from __future__ import annotations

from workspaced_client.cli.commands import on_changes, on_copies, on_the_daemon, on_workspaces
from workspaced_client.cli.commands.row import Command, Family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

ROWS: Final[tuple[Command | Family, ...]] = (
    *on_workspaces.ROWS,
    *on_changes.ROWS,
    *on_copies.ROWS,
    *on_the_daemon.ROWS,
)


def find(name: str) -> Command | Family | None:
    """Return the row with this name or second name, of two words for a command of a family; None without one."""
    for row in ROWS:
        if row.name == name or (isinstance(row, Command) and name in row.aliases):
            return row
    return None


def members(family: Family) -> list[Command]:
    """Return the commands of a family."""
    return [row for row in ROWS if isinstance(row, Command) and row.name.startswith(f"{family.name} ")]


def top_level() -> list[Command | Family]:
    """Return the rows of one word."""
    return [row for row in ROWS if " " not in row.name]
