"""`workspacectl log`: who changed what and when."""

from itertools import islice

from workspaced_client import HistoryEntry
from workspaced_client._core.local_time import when
from workspaced_client.cli.base.arguments import workspace_around
from workspaced_client.cli.base.changes import author, summary
from workspaced_client.cli.base.connecting import connected
from workspaced_client.cli.base.failures import WrongUsage
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import emit_json, tell
from workspaced_client.cli.base.past_workspaces import entries, find_past
from workspaced_client.cli.base.table import Column, emit_table


def log(options: Options, workspace: str | None, limit: int, before: int | None, *, everything: bool) -> None:
    """Show the changes of a workspace or of all, newest first."""
    if workspace is not None and everything:
        raise WrongUsage("Give a workspace or --all, not both.", hint="Try: workspacectl log --help")
    with connected(options) as client:
        around = None if workspace is not None or everything else workspace_around(client)
        id_ = around.id if around else None if workspace is None else find_past(client, workspace)
        found = list(islice(entries(client, id_, before, limit + 1), limit + 1))
    has_more = len(found) > limit
    del found[limit:]
    if options.as_json:
        emit_json(found)
    elif found:
        emit_table(
            (
                Column("WHEN", gives_way=True),
                Column("REVISION"),
                Column("WHAT", shrinks=True),
                Column("WORKSPACE", shrinks=True),
                Column("BY", shrinks=True, gives_way=True),
                Column("PID", optional=True),
            ),
            [
                (
                    when(each.at),
                    str(each.revision),
                    _what(each, options.machine),
                    each.name,
                    _author(each, options.machine),
                    str(each.by.pid),
                )
                for each in found
            ],
        )
        if has_more and not options.quiet:
            tell(f"There are older ones: --before {found[-1].revision} shows them.")
    elif not options.quiet:
        tell(
            "There are no changes yet: `workspacectl create` makes the first one."
            if before is None
            else f"No change before revision {before} is kept."
        )


def _what(entry: HistoryEntry, here: str | None) -> str:
    return summary(entry.before, entry.after, here, entry.method)


def _author(entry: HistoryEntry, here: str | None) -> str:
    return author(entry.by, here, names_process=not entry.by.program)
