"""`workspacectl start`: the daemon, in the background or by its service."""

import time
from typing import Final

from workspaced_client import CannotConnect, DaemonStatus, Unanswered
from workspaced_client._core.autostart import Started, ensure_running
from workspaced_client._core.local_time import when
from workspaced_client.cli.base.connecting import connect, socket_of
from workspaced_client.cli.base.failures import Unreachable
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import emit, emit_json, shown

START_SECONDS: Final = 60.0
"""The default time from a start to an answer: a recovery reads files of up to 256 MiB."""


def start(options: Options) -> None:
    """Start the daemon, unless it runs."""
    path = socket_of(options)
    began_at_ms = time.time() * 1000
    try:
        started = ensure_running(path, options.patience_seconds(START_SECONDS), is_ordered=True)
        with connect(options) as client:
            found = client.daemon.status()
    except (CannotConnect, Unanswered) as error:
        raise Unreachable(error, path) from error
    # Where a service manager listens, the look itself has started it. Another command may have done so, too.
    is_new = started is not None or found.started_at >= began_at_ms
    if options.as_json:
        manager = started.manager or None if started else None
        emit_json({"started": is_new, "manager": manager, "daemon": found})
    elif not options.quiet:
        emit(_text(found, started, is_new=is_new))


def _text(found: DaemonStatus, started: Started | None, *, is_new: bool) -> str:
    daemon = f"workspaced {shown(found.version)}"
    keeps = f"its data is in {shown(found.data_dir)}"
    if not is_new:
        return f"{daemon} already runs (pid {found.pid}, since {when(found.started_at)}); {keeps}."
    if started is None:
        return f"{daemon} has just started (pid {found.pid}), by its socket or by another command; {keeps}."
    if started.manager:
        return f"Started {daemon} by {started.manager} (pid {found.pid}); {keeps}."
    log = f"its log is {shown(started.log)}"
    return f"Started {daemon} in the background (pid {found.pid}); {keeps}, and {log}."
