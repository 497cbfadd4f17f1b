"""`workspacectl sessions`: the programs at work in a workspace."""

from workspaced_client._core.local_time import when
from workspaced_client.cli.base.arguments import find_workspace
from workspaced_client.cli.base.connecting import connected
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import emit_json, tell
from workspaced_client.cli.base.table import Column, emit_table


def sessions(options: Options, workspace: str | None) -> None:
    """List the sessions: the programs at work in a workspace."""
    with connected(options) as client:
        if workspace is None:
            found = client.sessions.list()
            names = {each.id: each.name for each in client.workspaces.list()} if found else {}
        else:
            only = find_workspace(client, workspace)
            found = client.sessions.list(only.id)
            names = {only.id: only.name}
    if options.as_json:
        emit_json(found)
    elif found:
        has_exclusive = any(each.exclusive for each in found)
        has_machines = any(each.machine is not None for each in found)
        emit_table(
            (
                Column("WORKSPACE", shrinks=True),
                Column("LABEL", shrinks=True),
                *([Column("EXCLUSIVE")] if has_exclusive else ()),
                *([Column("MACHINE", shrinks=True)] if has_machines else ()),
                Column("PID"),
                Column("SINCE", gives_way=True),
                Column("ID", optional=True),
            ),
            [
                (
                    names.get(each.workspace_id, each.workspace_id),
                    each.label or "-",
                    *(["yes" if each.exclusive else "-"] if has_exclusive else ()),
                    *([each.machine or "-"] if has_machines else ()),
                    str(each.pid),
                    when(each.started_at),
                    each.id,
                )
                for each in found
            ],
        )
    elif not options.quiet:
        tell("There are no sessions. A program begins one while it works in a workspace.")
