"""The commands on the daemon itself: status, sessions, flush, recovery."""

from typing import Annotated

import msgspec
import typer

from workspaced_client import DaemonStatus
from workspaced_client._core.local_time import when
from workspaced_client._core.recovery_warning import is_pending
from workspaced_client.cli import recovery, salvage
from workspaced_client.cli.clients import show_clients
from workspaced_client.cli.connection import connected
from workspaced_client.cli.options import COPY_TIMEOUT_SECONDS, options_of
from workspaced_client.cli.output import coloured, count, emit, emit_json, shown, tell
from workspaced_client.cli.resolve import find_workspace, workspace_argument
from workspaced_client.cli.table import Column, emit_table


def status(
    context: typer.Context,
    clients: Annotated[
        bool, typer.Option("--clients", help="Also show who is connected, and what is in flight.")
    ] = False,
) -> None:
    """Show whether the daemon runs, and how it fares."""
    options = options_of(context)
    with connected(options) as client:
        found = client.daemon.status()
        connections = client.daemon.clients() if clients else None
    if options.as_json:
        told = msgspec.to_builtins(found)
        emit_json(told if connections is None else {**told, "clients": msgspec.to_builtins(connections)})
        return
    emit(_status_text(found))
    if connections is not None:
        emit("")
        show_clients(connections)


def _status_text(found: DaemonStatus) -> str:
    connections = count(found.connections, "connection")
    store: str = found.store.state
    if store != "ok":
        store = coloured(store, "red")
    if found.store.last_error:
        store += f" ({shown(found.store.last_error)})"
    commits = "none since the start"
    if found.commits.count:
        commits = (
            f"{found.commits.count} for {count(found.commits.requests, 'request')}, "
            f"half within {found.commits.p50_ms:.1f} ms, 95 % within {found.commits.p95_ms:.1f} ms"
        )
    lines = [
        f"workspaced {shown(found.version)} is running (pid {found.pid}, since {when(found.started_at)}).",
        f"Socket      {shown(found.socket)}",
        f"Data        {shown(found.data_dir)}",
        f"Workspaces  {found.workspaces} (revision {found.revision})",
        f"In use by   {connections}, {count(found.sessions, 'session')}",
        f"Store       {store}",
        f"Commits     {commits}",
    ]
    if is_pending(found.recovery):
        lines += [
            "",
            recovery.in_full(found.recovery, ["`workspacectl recovery show` tells what they still hold."]),
        ]
    return "\n".join(lines)


def sessions(
    context: typer.Context,
    workspace: Annotated[str | None, workspace_argument("Only those in this one, by name or id.")] = None,
) -> None:
    """List the sessions: the programs at work in a workspace."""
    options = options_of(context)
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
        emit_table(
            (
                Column("WORKSPACE", shrinks=True),
                Column("LABEL", shrinks=True),
                Column("PID"),
                Column("SINCE"),
                Column("ID", optional=True),
            ),
            [
                (
                    names.get(each.workspace_id, each.workspace_id),
                    each.label or "-",
                    str(each.pid),
                    when(each.started_at),
                    each.id,
                )
                for each in found
            ],
        )
    elif not options.quiet:
        tell("There are no sessions.")


def flush(context: typer.Context) -> None:
    """Have the daemon write both of its files anew from memory."""
    options = options_of(context)
    with connected(options) as client:
        revision = client.store.flush()
    if options.as_json:
        emit_json({"revision": revision})
    elif not options.quiet:
        emit(f"Both files were written anew, at revision {revision}.")


def show_recovery(context: typer.Context) -> None:
    """Show what was recovered, and what the damaged files still hold.

    Tells when and why, and where the files are as they were. After damage the daemon recovers what it
    can, and keeps copies of the damaged files. Every command warns of it until you acknowledge it.
    """
    options = options_of(context)
    with connected(options, warn=False, timeout_seconds=COPY_TIMEOUT_SECONDS) as client:
        notice = client.daemon.status().recovery
        found = salvage.look(client) if notice.quarantined else []
    if options.as_json:
        possible = [each.workspace for each in found if each.is_wanted]
        emit_json({**msgspec.to_builtins(notice), "salvageable": possible})
    else:
        contents = salvage.contents(found, is_loss=notice.outcome == "dataLoss")
        emit(recovery.in_full(notice, contents))


def acknowledge_recovery(context: typer.Context) -> None:
    """Acknowledge a recovery, which ends the warnings about it.

    The copies are kept; `workspacectl recovery salvage` finds them until the daemon stops.
    """
    options = options_of(context)
    with connected(options, warn=False) as client:
        notice = client.daemon.status().recovery
        client.store.acknowledge_recovery()
    if options.as_json:
        emit_json(None)
    elif not options.quiet:
        emit("Acknowledged." if is_pending(notice) else "There was nothing to acknowledge.")
