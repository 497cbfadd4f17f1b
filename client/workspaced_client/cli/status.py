"""`workspacectl status`: the daemon, its store, and with --clients the programs connected to it."""

from __future__ import annotations

from workspaced_client._core import data_lock
from workspaced_client._core.local_time import since, when
from workspaced_client.cli.base.asking import Read, ask, is_pending
from workspaced_client.cli.base.failures import Unreachable
from workspaced_client.cli.base.output import coloured, count, emit, emit_json, shown, shown_path, tell
from workspaced_client.cli.base.shapes import CLIENT, STATUS
from workspaced_client.cli.base.table import Column, emit_table
from workspaced_protocol import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Final

    from workspaced_client.cli.base.options import Options

_STATUS: Final = Read("daemon.status", {}, STATUS, lambda client: client.daemon.status())
_CLIENTS: Final = Read("daemon.clients", {}, [CLIENT], lambda client: client.daemon.clients())


def status(options: Options, *, clients: bool) -> None:
    """Show whether the daemon runs, and its state."""
    try:
        reads = [_STATUS, _CLIENTS] if clients else [_STATUS]
        # The text below tells of a recovery.
        found, *more = ask(options, *reads, warns=options.as_json, starts_daemon=False)
    except Unreachable as error:
        error.hint = _stranded(options, None) or error.hint
        raise
    warning = _stranded(options, found)
    if warning is not None:
        tell(f"warning: {warning}")
    if options.as_json:
        emit_json({**found, "clients": more[0]} if clients else found)
        return
    emit(_status_text(found))
    if clients:
        emit("")
        _emit_clients(more[0])


# Any: the daemon's status as plain JSON.
def _stranded(options: Options, found: Mapping[str, Any] | None) -> str | None:
    """Return a sentence if the socket does not lead to the daemon that holds the user's data directory."""
    try:
        socket, data_dir = paths.socket_path(options.socket), paths.data_dir()
    except paths.UnusablePath:
        return None
    return data_lock.stranded(data_dir, socket, found["pid"] if found else None)


def _status_text(found: Mapping[str, Any]) -> str:
    connections = count(found["connections"], "connection")
    commits = "none since the start"
    made = found["commits"]
    if made["count"]:
        commits = (
            f"{made['count']} for {count(made['requests'], 'request')}, "
            f"half within {made['p50Ms']:.1f} ms, 95 % within {made['p95Ms']:.1f} ms"
        )
    recovery = found["recovery"]
    lines = [
        f"workspaced {shown(found['version'])} is running (pid {found['pid']}, since {when(found['startedAt'])}).",
        f"Socket      {shown_path(found['socket'])}",
        f"Data        {shown_path(found['dataDir'])}",
        *([f"Machine     {shown(found['machine'])}"] if "machine" in found else ()),
        f"Workspaces  {found['workspaces']} (revision {found['revision']})",
        f"In use by   {connections}, {count(found['sessions'], 'session')}",
        f"Store       {_store_text(found)}",
        f"Commits     {commits}",
    ]
    if recovery.get("reason") is None and not is_pending(recovery):
        return "\n".join(lines)
    return "\n".join((*lines, *_notice(recovery)))


def _notice(recovery: Mapping[str, Any]) -> list[str]:
    import msgspec

    from workspaced_client.cli.base import recovery_notice  # only after damage
    from workspaced_protocol.daemon_models import RecoveryStatus

    notice = msgspec.convert(recovery, RecoveryStatus)
    edit = recovery_notice.edit(notice)
    lines = [] if edit is None else [f"Notice      {edit}"]
    if is_pending(recovery):
        contents = "`workspacectl recovery show` shows what they still hold."
        if notice.salvageable_count:
            workspaces = count(notice.salvageable_count, "workspace")
            contents = f"`workspacectl recovery salvage` can bring back {workspaces} from them."
        lines += ["", recovery_notice.in_full(notice, [contents])]
    return lines


def _store_text(found: Mapping[str, Any]) -> str:
    """Return the store's state in words; after damage it is not called ok before a user knows of it."""
    text: str = found["store"]["state"]
    if text == "ok":
        if not is_pending(found["recovery"]):
            return text
        text = "takes writes, but workspaces were lost"
        if found["recovery"]["outcome"] == "recovered":
            return coloured("recovered from damage", "yellow")
    store = found["store"]
    text = "read-only" if text == "readOnly" else text
    begun = f" since {since(store['since'])}" if "since" in store else ""
    error = f": {shown(store['lastError'])}" if "lastError" in store else ""
    return coloured(shown(text), "red") + begun + error


def _emit_clients(clients: Sequence[Mapping[str, Any]]) -> None:
    """Print a row for each connection, oldest first."""
    emit_table(
        (
            Column("PROGRAM", shrinks=True),
            Column("PID"),
            Column("UID", optional=True),
            Column("SINCE", gives_way=True),
            Column("REQUESTS", gives_way=True),
            Column("IN FLIGHT", shrinks=True, is_sentence=True),
            Column("EVENTS", shrinks=True, gives_way=True),
            Column("SESSIONS", gives_way=True),
        ),
        [
            (
                each.get("program") or "-",
                str(each["pid"]),
                str(each["uid"]),
                when(each["connectedAt"]),
                str(each["requests"]),
                _in_flight(each["inFlight"]),
                _events(each.get("subscription")),
                str(len(each.get("sessions", ())) or "-"),
            )
            for each in clients
        ],
    )


def _in_flight(found: Mapping[str, Any]) -> str:
    """Return the oldest request, its age, and the number of the others."""
    if not found["oldest"]:
        return "-"
    oldest = found["oldest"][0]
    more = f", {found['count'] - 1} more" if found["count"] > 1 else ""
    return f"{shown(oldest['method'])} for {oldest['forMs'] / 1000:.1f} s{more}"


def _events(subscription: Mapping[str, Any] | None) -> str:
    if subscription is None:
        return "-"
    topics = subscription.get("topics")
    if topics is None:
        return "all"
    return shown(topics[0]) if len(topics) == 1 else count(len(topics), "topic")
