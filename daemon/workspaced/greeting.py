"""The first words of a daemon that serves: where its data and its socket are, and what to try next."""

import shlex
import shutil
import sys
from pathlib import Path

from workspaced.process import log
from workspaced.process.streams import say
from workspaced.settings.model import Settings
from workspaced_protocol.daemon_models import DaemonStatus
from workspaced_protocol.paths import UnusablePath
from workspaced_protocol.paths import socket_path as find_socket_path


def announce(settings: Settings, status: DaemonStatus) -> None:
    """Say that the daemon serves, in a line of the log where that is JSON."""
    if settings.log_format == "json":
        log.ready(settings.data_dir, Path(status.socket))
        return
    kept = f"keeps its data in {settings.data_dir}"
    if status.machine is not None:
        place = "in etcd" if settings.etcd_prefix is None else f"below {settings.etcd_prefix} in etcd"
        kept = f"shares the store {place}, as {status.machine}"
    stream = sys.stdout
    hints = _hints(Path(status.socket)) if stream and stream.isatty() else ""
    say(stream, f"workspaced {status.version} {kept}\nand listens on {status.socket}{hints}")


def _hints(socket_path: Path) -> str:
    """Return the commands to try next, for a person at a terminal."""
    # The shell does not find it in a virtual environment that is not activated.
    next_to_python = Path(sys.executable).parent / "workspacectl"
    ctl = (
        "workspacectl" if shutil.which("workspacectl") or not next_to_python.exists() else str(next_to_python)
    )
    if not _is_default_socket(socket_path):
        ctl += f" --socket {shlex.quote(str(socket_path))}"
    return (
        "\n\nTry next, in another terminal:\n"
        f"  {ctl} create my-project     create a workspace for this directory\n"
        f"  {ctl} list                  list all workspaces\n"
        f"  {ctl} status                show the daemon's status\n"
        "Stop it with Ctrl-C."
    )


def _is_default_socket(socket_path: Path) -> bool:
    try:
        return find_socket_path() == str(socket_path)
    except UnusablePath:
        return False
