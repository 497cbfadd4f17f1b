"""systemd as the service manager: the daemon is a pair of units of the user's instance (systemctl --user)."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from workspaced_client._core.service_manager import (
    ACTIVE_STATES,
    FORGIVE_UNITS,
    NOT_LOADED,
    SERVICE_UNIT,
    SOCKET_UNIT,
    START_UNITS,
    STOP_UNITS,
    SYSTEMCTL,
    UNITS,
)
from workspaced_client.cli.base import installation
from workspaced_client.cli.service import file_texts, foreground
from workspaced_client.cli.service.manager import Manager, ServiceFile, State
from workspaced_client.cli.service.steps import Step, call, run
from workspaced_protocol.paths import home_directory

# The answers of `is-system-running` from a usable manager (systemctl(1)); `offline` and `unknown` are the others.
_MANAGER_STATES: Final = ("initializing", "starting", "running", "degraded", "maintenance", "stopping")
# Exit code of `reset-failed` for a unit that is not loaded: systemd has counted no starts of it.
_NOTHING_TO_FORGIVE: Final = 1


class Systemd(Manager):
    """Two enabled units: the service runs the daemon, the socket lets early clients wait."""

    name = "systemd"

    @staticmethod
    def is_there() -> bool:
        """Return whether this user's manager answers."""
        return bool(shutil.which("systemctl")) and (
            call(*SYSTEMCTL, "is-system-running").out.strip() in _MANAGER_STATES
        )

    def _files(self) -> Sequence[ServiceFile]:
        """Return both units, the socket first: the service unit names it."""
        program = installation.executable()
        return [
            ServiceFile(
                _unit_directory() / name,
                file_texts.systemd_unit(name, installation.shipped_text(name), program),
            )
            for name in UNITS
        ]

    def state(self) -> State:
        """Read `systemctl show` for both units."""
        units = _show()
        service, socket = units.get(SERVICE_UNIT, {}), units.get(SOCKET_UNIT, {})
        active = service.get("ActiveState", "")
        told = f"{active} ({service.get('SubState', '')})"
        if active == "failed":
            told = f"failed ({service.get('Result', '')}, exit code {service.get('ExecMainStatus', '')})"
        return State(
            told,
            is_known=service.get("LoadState") == "loaded",
            is_enabled=all(unit.get("UnitFileState") == "enabled" for unit in (service, socket)),
            is_running=active in ACTIVE_STATES,
            is_listening=socket.get("ActiveState") == "active",
            has_failed="failed" in (active, socket.get("ActiveState")),
            pid=int(service.get("MainPID") or 0) or None,
        )

    def reload(self) -> list[Step]:
        """Make systemd read the unit files again."""
        return [run(*SYSTEMCTL, "daemon-reload")]

    def enable(self, state: State) -> list[Step]:
        """Enable both units, and start them now."""
        return [*(_forgive() if state.has_failed else []), run(*SYSTEMCTL, "enable", "--now", *UNITS)]

    def disable(self, files: Sequence[ServiceFile]) -> list[Step]:
        """Remove the links that start the units at the login."""
        return [run(*SYSTEMCTL, "disable", *(file.path.name for file in files))]

    def start(self, state: State) -> list[Step]:
        """Start both units."""
        return [*_forgive(), run(*START_UNITS)]

    def stop(self) -> list[Step]:
        """Stop both units."""
        return [run(*STOP_UNITS, also_fine=(NOT_LOADED,))]

    def restart(self) -> list[Step]:
        """Restart the service; new clients wait at the socket."""
        return [*_forgive(), run(*SYSTEMCTL, "restart", SERVICE_UNIT)]

    def show_log(self, lines: int, *, follow: bool, as_json: bool) -> int:
        """Print the end of the journal."""
        command = ["journalctl", "--user", f"--unit={SERVICE_UNIT}", f"--lines={lines}", "--no-pager"]
        if follow:
            command.append("--follow")
        if as_json:
            command.append("--output=json")
        return foreground.run(command)

    def notes(self) -> list[str]:
        """Return a note if the service ends with the last session (loginctl(1), enable-linger)."""
        if not shutil.which("loginctl"):
            return []
        lingers = call("loginctl", "show-user", str(os.getuid()), "--property=Linger", "--value")
        if lingers.out.strip() != "no":
            return []
        until = "It runs from your first login to your last logout. To run it from boot to shutdown:"
        return [f"{until} loginctl enable-linger"]


def _forgive() -> list[Step]:
    return [run(*FORGIVE_UNITS, also_fine=(_NOTHING_TO_FORGIVE, NOT_LOADED))]


def _show() -> dict[str, dict[str, str]]:
    """Return the properties of both units; `systemctl show` prints them in blocks between blank lines."""
    properties = "Id,LoadState,ActiveState,SubState,Result,ExecMainStatus,UnitFileState,MainPID"
    blocks = call(*SYSTEMCTL, "show", *UNITS, f"--property={properties}").out.split("\n\n")
    units = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in blocks]
    return {unit.get("Id", ""): unit for unit in units}


def _unit_directory() -> Path:
    """Return `$XDG_CONFIG_HOME/systemd/user` (systemd.unit(5), User Unit Search Path)."""
    given = os.environ.get("XDG_CONFIG_HOME", "")
    # The XDG base directory specification ignores relative paths.
    base = Path(given) if given.startswith("/") else Path(home_directory()) / ".config"
    return base / "systemd" / "user"
