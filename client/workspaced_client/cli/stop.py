"""`workspacectl stop`: the daemon at a socket, however it was started.

The strategy:
- A service is stopped by its manager, with its socket: else the next connection would start it again.
- Any other daemon gets SIGTERM, as from Ctrl-C in its terminal. Its pid comes from the lock's record, and is
  verified first: a record of another container names another process here.
- The end is the free lock on the data. Nothing is killed: an unfinished commit would be lost.
"""

import os
import shlex
import signal
import time
from dataclasses import dataclass
from time import monotonic
from typing import Final

from workspaced_client import CannotConnect, NotRunning, Unanswered
from workspaced_client._core import data_lock
from workspaced_client._core.autostart_setting import is_autostart_on
from workspaced_client._core.service_manager import Service, ServiceFailed, find_service, is_same_path
from workspaced_client.cli.base.connecting import connect, socket_of
from workspaced_client.cli.base.failures import Failure, Unreachable, reason
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import emit, emit_json, shown
from workspaced_protocol import paths
from workspaced_protocol.datadir import LOCK, LockOwner

END_SECONDS: Final = 30.0
"""The default time from a stop to a free lock: the last commit may take 10 s."""

_ASK_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.03


@dataclass(frozen=True)
class _Daemon:
    """A daemon to stop: its pid, and its data directory."""

    pid: int
    data_dir: str


def stop(options: Options) -> None:
    """Stop the daemon, and wait until its data is free."""
    path = socket_of(options)
    seconds = options.patience_seconds(END_SECONDS)
    deadline = monotonic() + seconds
    service = find_service(path, deadline)
    by_service = service if service is not None and service.is_active else None
    daemon = _holder(path)
    if by_service is not None:
        _stop_service(by_service, deadline)
        # Usually gone with its service. Somebody may have started another one by hand.
        remaining = _holder(path)
    else:
        daemon = remaining = daemon or _answering(options, path)
    if remaining is not None:
        _end(remaining, deadline, seconds)
    if options.as_json:
        emit_json(
            {
                "stopped": daemon is not None or by_service is not None,
                "pid": daemon.pid if daemon else None,
                "dataDir": daemon.data_dir if daemon else None,
                "manager": by_service.manager if by_service else None,
            }
        )
    elif not options.quiet:
        emit("\n".join(_told(path, daemon, service, by_service)))


def _told(
    path: str, daemon: _Daemon | None, service: Service | None, by_service: Service | None
) -> list[str]:
    if daemon is None and by_service is None:
        return [f"No daemon runs at {shown(path)}: nothing to do."]
    who = f"workspaced (pid {daemon.pid})" if daemon else "its socket; no daemon ran"
    lines = [f"Stopped {who}. The data in {shown(daemon.data_dir)} is free." if daemon else f"Stopped {who}."]
    if by_service is not None:
        lines = [f"Stopped the service of {by_service.manager}, and its socket: no connection starts it."]
        if daemon is not None:
            lines[0] += f" The data in {shown(daemon.data_dir)} is free."
    if service is not None:
        lines.append("It starts again when you log in, or now: workspacectl start")
    if is_autostart_on():
        lines.append(
            "The next command or app that needs the daemon starts it again, unless you set autostart = false."
        )
    return lines


def _holder(path: str) -> _Daemon | None:
    """Return the daemon that holds the user's data directory and listens at `path`, be it too busy to answer."""
    try:
        data_dir = paths.data_dir()
    except paths.UnusablePath:
        return None
    owner = _owner(data_dir)
    return _Daemon(owner.pid, data_dir) if owner is not None and is_same_path(owner.socket, path) else None


def _answering(options: Options, path: str) -> _Daemon | None:
    """Return the daemon that answers at `path`, or None if nobody listens. Raise Failure if another one has the data."""
    try:
        with connect(options, min(options.patience_seconds(), _ASK_SECONDS)) as client:
            found = client.daemon.status()
        return _Daemon(found.pid, found.data_dir)
    except NotRunning:
        pass
    except (CannotConnect, Unanswered) as error:
        failure = Unreachable(error, path, can_be_stopped=False)
        failure.hint = (
            "Its pid is not known, so it was not stopped. To see which process it is: workspacectl doctor"
        )
        raise failure from error
    if options.socket or os.environ.get("WORKSPACED_SOCKET"):
        return None  # the user means the daemon of that socket
    data_dir = paths.data_dir()
    owner = _owner(data_dir)
    if owner is None:
        return None
    where = f"listens on {owner.socket}" if owner.socket else "has no socket"
    way = f"workspacectl --socket {shlex.quote(owner.socket)} stop" if owner.socket else f"kill {owner.pid}"
    raise Failure(
        f"No daemon runs at {path}, but pid {owner.pid} holds {data_dir}, and {where}.",
        kind="otherSocket",
        hint=f"To stop that one: {way}",
    )


def _owner(data_dir: str) -> LockOwner | None:
    """Return the record of the daemon that holds the lock, None if it is free."""
    try:
        held = data_lock.look(data_dir)
    except OSError as error:
        raise Failure(f"The lock in {data_dir} can't be read: {reason(error)}.") from error
    return held.owner if held is not None else None


def _stop_service(service: Service, deadline: float) -> None:
    try:
        service.stop(deadline)
    except ServiceFailed as error:
        raise Failure(
            f"{service.manager} has not stopped the service: {error}.",
            kind="notStopped",
            hint="See the log: workspacectl service logs",
        ) from error


def _end(daemon: _Daemon, deadline: float, seconds: float) -> None:
    """Send SIGTERM, and wait until this process holds the lock no more. Raise Failure."""
    _terminate(daemon)
    while (owner := _owner(daemon.data_dir)) is not None and owner.pid == daemon.pid:
        if monotonic() >= deadline:
            raise Failure(
                f"The daemon (pid {daemon.pid}) was told to stop, but still holds {daemon.data_dir} after {seconds:g} s: "
                "its disk hangs, or the process is stopped. It ends when it can.",
                kind="notStopped",
                hint=f"To end it at once (answered writes are safe, others may be lost): kill -9 {daemon.pid}",
            )
        time.sleep(_POLL_SECONDS)
    if owner is not None:
        raise Failure(
            f"The daemon (pid {daemon.pid}) is stopped, but another one (pid {owner.pid}) was started at once: by a "
            "supervisor, or by an app that needs it.",
            kind="startedAgain",
            hint="Stop that supervisor or app first, or set autostart = false.",
        )


def _terminate(daemon: _Daemon) -> None:
    """Send SIGTERM to the process, once it is certain that it is the daemon. One that is gone by now needs none."""
    try:
        process = os.pidfd_open(daemon.pid) if hasattr(os, "pidfd_open") else None
    except ProcessLookupError:
        process = None
    except OSError:  # a kernel without it
        process = None
    try:
        lock = os.path.join(daemon.data_dir, LOCK)
        if _owner(daemon.data_dir) is None:
            return
        if data_lock.has_open(daemon.pid, lock) is False:
            raise Failure(
                f"The daemon that holds {daemon.data_dir} calls itself pid {daemon.pid}, and is not that process here: it "
                "runs in another container.",
                kind="elsewhere",
                hint="Stop it there, for example by stopping the container.",
            )
        if process is None:
            os.kill(daemon.pid, signal.SIGTERM)
        else:
            signal.pidfd_send_signal(process, signal.SIGTERM)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise Failure(
            f"The daemon (pid {daemon.pid}) belongs to another user: only that user, or root, may stop it.",
            kind="notAllowed",
        ) from error
    finally:
        if process is not None:
            os.close(process)
