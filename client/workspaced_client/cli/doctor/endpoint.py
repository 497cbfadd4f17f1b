"""Doctor's checks of the daemon itself, its socket, and the socket's directory."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from workspaced_client import (
    CannotConnect,
    DaemonError,
    DaemonStatus,
    NotRunning,
    StoreCheck,
    Unanswered,
    UnusableSocketPath,
    WorkspacedError,
)
from workspaced_client._core.local_time import since, when
from workspaced_client.cli.base.connecting import connect, socket_of
from workspaced_client.cli.base.failures import Unreachable, reason
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.doctor.finding import (
    Finding,
    belongs_to_another,
    missing_directory,
    mode_of,
    ok,
    problem,
    warning,
)
from workspaced_protocol import __version__, paths


@dataclass(frozen=True)
class Daemon:
    """The answers of the daemon at `socket`, or the error; `socket` is empty if its path is not usable."""

    socket: str
    status: DaemonStatus | None = None
    store: StoreCheck | DaemonError | None = None
    error: WorkspacedError | None = None


def reach(options: Options) -> Daemon:
    """Ask the daemon for its status and a check of its store."""
    try:
        socket = _socket(options)
    except WorkspacedError as error:
        return Daemon("", error=error)
    options = _at(options, socket)
    status: DaemonStatus | None = None
    try:
        with connect(options) as client:
            status = client.daemon.status()
            try:
                return Daemon(socket, status, client.store.check())
            except DaemonError as error:
                return Daemon(socket, status, error)
    except WorkspacedError as error:
        return Daemon(socket, status, error=error)


def _socket(options: Options) -> str:
    """Return the socket's path; the default one if the configuration is broken, which has a check of its own."""
    try:
        return socket_of(options)
    except UnusableSocketPath:
        if options.socket or os.environ.get("WORKSPACED_SOCKET"):
            raise
        return socket_of(_at(options, paths.default_socket_path()))


def _at(options: Options, socket: str) -> Options:
    return Options(socket, options.timeout_seconds, as_json=options.as_json, quiet=options.quiet)


def check_daemon(daemon: Daemon, data_dir: Path, *, owns_it: bool) -> Finding:
    """Check that a daemon answers, that it is of this release, and that its data is in `data_dir`."""
    error, status = daemon.error, daemon.status
    if isinstance(error, NotRunning):
        return warning("daemon", f"No daemon runs at {daemon.socket}.", "Start it: workspacectl start")
    if isinstance(error, (CannotConnect, Unanswered)):
        advice = "See its log. If it hangs, stop it; the next command starts it again: workspacectl stop"
        return problem("daemon", Unreachable(error, daemon.socket, can_be_stopped=False).message, advice)
    if error is not None or status is None:
        return problem("daemon", str(error), "Fix that, then run doctor again.")
    running = f"workspaced {status.version} answers (pid {status.pid}, since {when(status.started_at)})"
    if not owns_it:
        running += f"; its data is in {status.data_dir}, not in {data_dir}"
    if status.version != __version__:
        advice = "Restart the daemon, so that both have the same release."
        return warning("daemon", f"{running}, but workspacectl is {__version__}.", advice)
    if status.store.state != "ok":
        told = f": {status.store.last_error.removesuffix('.')}" if status.store.last_error else ""
        again = (
            "the daemon tries again by itself"
            if status.store.state == "readOnly"
            else "the next write tries again"
        )
        advice = f"Fix that; {again}."
        state = "read-only" if status.store.state == "readOnly" else status.store.state
        begun = f" since {since(status.store.since)}" if status.store.since is not None else ""
        return problem("daemon", f"{running}, but its store is {state}{begun}{told}.", advice)
    if not owns_it:
        advice = "To check that daemon's data, omit --data-dir; to ask another daemon, give its --socket."
        return warning("daemon", f"{running}.", advice)
    return ok("daemon", f"{running}.")


def check_socket_directory(daemon: Daemon) -> Finding | None:
    """Check that other users can't replace the daemon's socket by their own."""
    if not daemon.socket:
        return None
    name, directory = "socket directory", os.path.dirname(daemon.socket)
    try:
        status = os.stat(directory)
    except FileNotFoundError:
        return missing_directory(name, Path(directory), "--socket")
    except OSError as error:
        return problem(name, f"{directory} can't be accessed: {reason(error)}.", "Fix its permissions.")
    if not stat.S_ISDIR(status.st_mode):
        return problem(name, f"{directory} is not a directory.", "Move it away, or choose another --socket.")
    if belongs_to_another(status) and not status.st_mode & stat.S_ISVTX:
        return problem(name, f"{directory} belongs to another user.", "Choose another --socket.")
    if status.st_mode & 0o022:
        message = (
            f"Others may write to {directory} (mode {mode_of(status)}): they could take the socket's name."
        )
        if status.st_mode & stat.S_ISVTX:
            return warning(name, message, "Choose a --socket in a directory of your own.")
        return problem(name, message, f"chmod 700 '{directory}'")
    return ok(name, f"{directory} (mode {mode_of(status)}).")


def check_socket(daemon: Daemon) -> Finding:
    """Check that the socket is a socket, and only this user's."""
    name, path = "socket", daemon.socket
    if not path:
        return problem(name, str(daemon.error), "Choose another --socket.")
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return ok(name, f"{path} does not exist; the daemon creates it when it starts.")
    except OSError as error:
        return problem(
            name, f"{path} can't be accessed: {reason(error)}.", "Fix its directory's permissions."
        )
    if not stat.S_ISSOCK(status.st_mode):
        return problem(name, f"{path} is not a socket.", "Move it away, or choose another --socket.")
    if belongs_to_another(status):
        return problem(name, f"{path} belongs to another user.", "Choose another --socket.")
    if stat.S_IMODE(status.st_mode) != 0o600:
        message = (
            f"{path} has mode {mode_of(status)}, not 0600: other users may find it, or you may not use it."
        )
        return problem(name, message, f"chmod 600 '{path}'")
    if isinstance(daemon.error, NotRunning):
        return warning(
            name,
            f"{path} is left over from a daemon that did not remove it.",
            "Start the daemon, which replaces it: workspacectl start",
        )
    return ok(name, f"{path} (mode 0600).")
