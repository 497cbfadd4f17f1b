"""`workspacectl status`: the daemon, its store, and with --clients the programs connected to it."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer

from workspaced_client import ConnectedClient, DaemonStatus, InFlight, Subscribed, UnusableSocketPath
from workspaced_client._core.local_time import when
from workspaced_client._core.recovery_warning import is_pending
from workspaced_client.cli.base import data_lock, recovery_notice
from workspaced_client.cli.base.connecting import connected, socket_of
from workspaced_client.cli.base.failures import Unreachable
from workspaced_client.cli.base.options import Options, options_of
from workspaced_client.cli.base.output import coloured, count, emit, emit_json, shown, tell
from workspaced_client.cli.base.table import Column, emit_table


def status(
    context: typer.Context,
    clients: Annotated[
        bool, typer.Option("--clients", help="Also show the connected programs and their requests in flight.")
    ] = False,
) -> None:
    """Show whether the daemon runs, and its state."""
    options = options_of(context)
    try:
        with connected(options) as client:
            found = client.daemon.status()
            connections = client.daemon.clients() if clients else None
    except Unreachable as error:
        error.hint = _stranded(options, None) or error.hint
        raise
    warning = _stranded(options, found)
    if warning is not None:
        tell(f"warning: {warning}")
    if options.as_json:
        told = msgspec.to_builtins(found)
        emit_json(told if connections is None else {**told, "clients": msgspec.to_builtins(connections)})
        return
    emit(_status_text(found))
    if connections is not None:
        emit("")
        _emit_clients(connections)


def _stranded(options: Options, found: DaemonStatus | None) -> str | None:
    """Return a sentence if the socket does not lead to the daemon that holds the user's data directory."""
    from workspaced_protocol import paths  # only here: it loads a library that finds directories

    try:
        socket, data_dir = socket_of(options), paths.data_dir()
    except (UnusableSocketPath, paths.UnusablePath):
        return None
    return data_lock.stranded(data_dir, socket, found.pid if found else None)


def _status_text(found: DaemonStatus) -> str:
    connections = count(found.connections, "connection")
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
        f"Store       {_store_text(found)}",
        f"Commits     {commits}",
    ]
    edit = recovery_notice.edit(found.recovery)
    if edit is not None:
        lines.append(f"Notice      {edit}")
    if is_pending(found.recovery):
        salvageable = found.recovery.salvageable_count
        contents = "`workspacectl recovery show` shows what they still hold."
        if salvageable:
            workspaces = count(salvageable, "workspace")
            contents = f"`workspacectl recovery salvage` can bring back {workspaces} from them."
        lines += ["", recovery_notice.in_full(found.recovery, [contents])]
    return "\n".join(lines)


def _store_text(found: DaemonStatus) -> str:
    """Return the store's state in words; after damage it is not called ok before a user knows of it."""
    text: str = found.store.state
    if text == "ok":
        if not is_pending(found.recovery):
            return text
        text = "takes writes, but its data was lost"
        if found.recovery.outcome == "recovered":
            return coloured("recovered from damage", "yellow")
    error = f" ({shown(found.store.last_error)})" if found.store.last_error else ""
    return coloured(text, "red") + error


def _emit_clients(clients: Sequence[ConnectedClient]) -> None:
    """Print a row for each connection, oldest first."""
    emit_table(
        (
            Column("PROGRAM", shrinks=True),
            Column("PID"),
            Column("UID", optional=True),
            Column("SINCE"),
            Column("REQUESTS"),
            Column("IN FLIGHT", shrinks=True, is_sentence=True),
            Column("EVENTS", shrinks=True),
            Column("SESSIONS"),
        ),
        [
            (
                each.program or "-",
                str(each.pid),
                str(each.uid),
                when(each.connected_at),
                str(each.requests),
                _in_flight(each.in_flight),
                _events(each.subscription),
                str(len(each.sessions) or "-"),
            )
            for each in clients
        ],
    )


def _in_flight(found: InFlight) -> str:
    """Return the oldest request, its age, and the number of the others."""
    if not found.oldest:
        return "-"
    oldest = found.oldest[0]
    more = f", {found.count - 1} more" if found.count > 1 else ""
    return f"{oldest.method} for {oldest.for_ms / 1000:.1f} s{more}"


def _events(subscription: Subscribed | None) -> str:
    if subscription is None:
        return "-"
    if subscription.topics is None:
        return "all"
    return (
        subscription.topics[0] if len(subscription.topics) == 1 else count(len(subscription.topics), "topic")
    )
