"""systemd as the daemon's service manager: its instance for the user (systemctl --user)."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from workspaced_client.cli.base import installation
from workspaced_client.cli.service import file_texts, foreground
from workspaced_client.cli.service.manager import Manager, ServiceFile, State
from workspaced_client.cli.service.steps import Step, call, run

_SOCKET: Final = "workspaced.socket"
_SERVICE: Final = "workspaced.service"
_BOTH: Final = (_SOCKET, _SERVICE)
_CTL: Final = ("systemctl", "--user")

# What `is-system-running` says of a manager that can be talked to (systemctl(1)); `offline` and `unknown` are others.
_MANAGER_STATES: Final = ("initializing", "starting", "running", "degraded", "maintenance", "stopping")
_RUNNING: Final = ("active", "activating", "reloading", "deactivating")

# How systemctl ends where it knows one of the units not (systemctl(1), Exit status), as where a user has made one alone.
_NOT_LOADED: Final = 5

# How its `reset-failed` ends for a unit that is not loaded, of which systemd has counted no starts.
_NOTHING_TO_FORGIVE: Final = 1


class Systemd(Manager):
    """Both units are enabled: the service for a daemon that is there, the socket for clients that come early."""

    name = "systemd"

    @staticmethod
    def is_there() -> bool:
        """Whether a manager of this user answers."""
        return bool(shutil.which("systemctl")) and (
            call(*_CTL, "is-system-running").out.strip() in _MANAGER_STATES
        )

    def _files(self) -> Sequence[ServiceFile]:
        """The socket unit first: the service unit names it."""
        program = installation.executable()
        return [
            ServiceFile(
                _unit_directory() / name,
                file_texts.systemd_unit(name, installation.shipped_text(name), program),
            )
            for name in _BOTH
        ]

    def state(self) -> State:
        """What `systemctl show` tells of both units."""
        units = _show()
        service, socket = units.get(_SERVICE, {}), units.get(_SOCKET, {})
        active = service.get("ActiveState", "")
        told = f"{active} ({service.get('SubState', '')})"
        if active == "failed":
            told = f"failed ({service.get('Result', '')}, exit code {service.get('ExecMainStatus', '')})"
        return State(
            told,
            is_known=service.get("LoadState") == "loaded",
            is_enabled=all(unit.get("UnitFileState") == "enabled" for unit in (service, socket)),
            is_running=active in _RUNNING,
            is_listening=socket.get("ActiveState") == "active",
            has_failed="failed" in (active, socket.get("ActiveState")),
            pid=int(service.get("MainPID") or 0) or None,
        )

    def reload(self) -> list[Step]:
        """systemd reads unit files when it is told to."""
        return [run(*_CTL, "daemon-reload")]

    def enable(self, state: State) -> list[Step]:
        """For the login, and now."""
        return [*(_forgive() if state.has_failed else []), run(*_CTL, "enable", "--now", *_BOTH)]

    def disable(self, files: Sequence[ServiceFile]) -> list[Step]:
        """Removes the links by which the units start at the login."""
        return [run(*_CTL, "disable", *(file.path.name for file in files))]

    def start(self, state: State) -> list[Step]:
        """The socket in the same go: it can't be started under a service that runs already."""
        return [*_forgive(), run(*_CTL, "start", *_BOTH)]

    def stop(self) -> list[Step]:
        """In one go, in which systemd starts nothing for clients that still come."""
        return [run(*_CTL, "stop", *_BOTH, also_fine=(_NOT_LOADED,))]

    def restart(self) -> list[Step]:
        """Clients that come meanwhile wait at the socket."""
        return [*_forgive(), run(*_CTL, "restart", _SERVICE)]

    def show_log(self, lines: int, *, follow: bool, as_json: bool) -> int:
        """The journal's."""
        command = ["journalctl", "--user", f"--unit={_SERVICE}", f"--lines={lines}", "--no-pager"]
        if follow:
            command.append("--follow")
        if as_json:
            command.append("--output=json")
        return foreground.run(command)

    def notes(self) -> list[str]:
        """Whether it lasts without a session (loginctl(1), enable-linger)."""
        if not shutil.which("loginctl"):
            return []
        lingers = call("loginctl", "show-user", str(os.getuid()), "--property=Linger", "--value")
        if lingers.out.strip() != "no":
            return []
        until = "It runs from your first login to your last logout; to have it run from boot to shutdown:"
        return [f"{until} loginctl enable-linger"]


def _forgive() -> list[Step]:
    """Without this, systemd refuses to start what has failed, or was started by hand, too often within a minute."""
    return [run(*_CTL, "reset-failed", *_BOTH, also_fine=(_NOTHING_TO_FORGIVE, _NOT_LOADED))]


def _show() -> dict[str, dict[str, str]]:
    """The properties of both units, which `systemctl show` tells in blocks with a blank line between them."""
    properties = "Id,LoadState,ActiveState,SubState,Result,ExecMainStatus,UnitFileState,MainPID"
    blocks = call(*_CTL, "show", *_BOTH, f"--property={properties}").out.split("\n\n")
    units = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in blocks]
    return {unit.get("Id", ""): unit for unit in units}


def _unit_directory() -> Path:
    """`$XDG_CONFIG_HOME/systemd/user` (systemd.unit(5), User Unit Search Path)."""
    given = os.environ.get("XDG_CONFIG_HOME", "")
    # The XDG base directory specification has relative paths ignored.
    base = Path(given) if given.startswith("/") else Path.home() / ".config"
    return base / "systemd" / "user"
