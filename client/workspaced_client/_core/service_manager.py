"""The service of systemd or launchd whose socket a client uses: found, started and stopped by its manager.

Every call of a manager has a deadline: a user's manager may hang. Nothing here connects to the socket, because that alone
starts the daemon.
"""

import os
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from workspaced_client._core.timeouts import remaining
from workspaced_protocol.paths import UnusablePath, home_directory

SOCKET_UNIT: Final = "workspaced.socket"
SERVICE_UNIT: Final = "workspaced.service"
UNITS: Final = (SOCKET_UNIT, SERVICE_UNIT)
SYSTEMCTL: Final = ("systemctl", "--user")
START_UNITS: Final = (*SYSTEMCTL, "start", *UNITS)
"""Starts both units with one command: the socket can't be started while the service runs."""
STOP_UNITS: Final = (*SYSTEMCTL, "stop", *UNITS)
"""Stops both units with one command, so that systemd starts nothing for new clients."""
FORGIVE_UNITS: Final = (*SYSTEMCTL, "reset-failed", *UNITS)
"""Resets systemd's count of starts: it refuses a unit that failed or was started too often within a minute."""

NOT_LOADED: Final = 5
"""Exit code of systemctl for a unit that it does not know (systemctl(1), Exit status): a user may have made only one."""

ACTIVE_STATES: Final = ("active", "activating", "reloading", "deactivating")

AGENT: Final = "io.github.workspaced"
GOING_OR_GONE: Final = (3, 36)
"""macOS's ESRCH and EINPROGRESS: exit codes of `bootout` for an agent that is gone, or still ending."""

_LOOK_SECONDS: Final = 3.0  # a manager that is asked for its state answers within milliseconds
_POLL_SECONDS: Final = 0.05
_LAST_LINES: Final = 20
_LAST_BYTES: Final = 16 * 1024
_DAEMONS_WORDS: Final = "workspaced: "  # begin the line in which a daemon tells why it ends


class ServiceFailed(Exception):
    """The manager did not start or stop the service; the message says why, without a full stop."""


class Service(ABC):
    """A service that is installed: enabled or loaded, and with the client's socket."""

    manager: str

    def __init__(self, *, is_active: bool) -> None:
        self.is_active = is_active
        """Whether its daemon runs, or its manager listens for it."""

    @abstractmethod
    def start(self, deadline: float, *, forgives: bool) -> None:
        """Start the daemon, or have it started soon. Raises ServiceFailed.

        `forgives` is whether to start it also after failures that have made its manager give up.
        """

    @abstractmethod
    def failure(self, deadline: float) -> str | None:
        """Return the reason why a started daemon does not come up, or None if it may still do."""

    @abstractmethod
    def stop(self, deadline: float) -> None:
        """Stop the daemon, and keep connections from starting it again. Raises ServiceFailed."""


def find_service(path: str, deadline: float) -> Service | None:
    """Return the service that is installed for this user with the socket at `path`, or None without one."""
    find = _find_agent if platform() == "darwin" else _find_units
    try:
        return find(path, min(deadline, monotonic() + _LOOK_SECONDS))
    except (ServiceFailed, UnusablePath):
        return None  # a manager that does not answer starts nothing


def platform() -> str:
    """Return the platform, as in `sys.platform`."""
    return sys.platform


def environment_of_calls() -> dict[str, str]:
    """Return the variables of this process, with the directory in which `systemctl --user` finds its manager.

    `su` and cron do not set it, even if a manager runs.
    """
    runtime_dir = f"/run/user/{os.getuid()}"
    found = {"XDG_RUNTIME_DIR": runtime_dir} if os.path.isdir(runtime_dir) else {}
    return {**found, **os.environ}


def agent_domain() -> str:
    """Return launchd's name of this user's graphical session."""
    return f"gui/{os.getuid()}"


def agent_target() -> str:
    """Return launchd's name of the agent."""
    return f"{agent_domain()}/{AGENT}"


def agent_file() -> Path:
    """Return the agent's property list. Raises UnusablePath."""
    return Path(home_directory()) / "Library/LaunchAgents" / f"{AGENT}.plist"


def agent_log() -> Path:
    """Return the log of the agent's daemon. Raises UnusablePath."""
    return Path(home_directory()) / "Library/Logs/workspaced.log"


class _Units(Service):
    """A socket unit and a service unit of systemd."""

    manager = "systemd"

    def start(self, deadline: float, *, forgives: bool) -> None:
        if forgives:
            _call(deadline, *FORGIVE_UNITS)  # it fails where there is nothing to forgive
        done = _call(deadline, *START_UNITS)  # ends when the daemon is ready, or has failed
        if done.returncode:
            raise ServiceFailed(self.failure(deadline) or _said(done))

    def failure(self, deadline: float) -> str | None:
        journal = ("journalctl", "--user", f"--unit={SERVICE_UNIT}", f"--lines={_LAST_LINES}", "--output=cat")
        try:
            done = _call(deadline, *journal, "--no-pager")
            found = _call(deadline, *SYSTEMCTL, "is-failed", SERVICE_UNIT)
        except ServiceFailed:
            return None
        return _last_words(done.stdout) if found.returncode == 0 else None

    def stop(self, deadline: float) -> None:
        done = _call(deadline, *STOP_UNITS)
        if done.returncode not in (0, NOT_LOADED):
            raise ServiceFailed(_said(done))


def _find_units(path: str, deadline: float) -> Service | None:
    if shutil.which("systemctl") is None:
        return None
    properties = "Id,LoadState,ActiveState,UnitFileState,Listen"
    blocks = _call(deadline, *SYSTEMCTL, "show", *UNITS, f"--property={properties}").stdout.split("\n\n")
    states = [set(block.splitlines()) for block in blocks if block.strip()]
    if len(states) != len(UNITS) or not all("LoadState=loaded" in state for state in states):
        return None
    listens = [
        line.removeprefix("Listen=").removesuffix(" (Stream)")
        for state in states
        for line in state
        if line.startswith("Listen=")
    ]
    is_active = any(f"ActiveState={each}" in state for state in states for each in ACTIVE_STATES)
    is_enabled = any(line.startswith("UnitFileState=enabled") for state in states for line in state)
    if not any(is_same_path(each, path) for each in listens) or not (is_active or is_enabled):
        return None
    return _Units(is_active=is_active)


class _Agent(Service):
    """An agent of launchd."""

    manager = "launchd"

    def start(self, deadline: float, *, forgives: bool) -> None:
        if self.is_active:
            commands: list[tuple[str, ...]] = [("launchctl", "kickstart", agent_target())]
        else:
            commands = [("launchctl", "bootstrap", agent_domain(), str(agent_file()))]
            if forgives:  # a user may have disabled it
                commands.insert(0, ("launchctl", "enable", agent_target()))
        for command in commands:
            done = _call(deadline, *command)
            if done.returncode:
                raise ServiceFailed(_said(done))

    def failure(self, deadline: float) -> str | None:
        try:
            found = _call(deadline, "launchctl", "print", agent_target())
        except ServiceFailed:
            return None
        import re  # only on macOS

        code = re.search(r"^\s*last exit code = (\d+)", found.stdout, re.MULTILINE)
        if re.search(r"^\s*pid = \d", found.stdout, re.MULTILINE) or code is None or code[1] == "0":
            return None
        try:
            with agent_log().open("rb") as log:
                log.seek(max(os.fstat(log.fileno()).st_size - _LAST_BYTES, 0))
                told = _last_words(log.read().decode(errors="replace"))
        except OSError:
            told = None
        return told or f"it ended with exit code {code[1]}"

    def stop(self, deadline: float) -> None:
        done = _call(deadline, "launchctl", "bootout", agent_target())
        if done.returncode not in (0, *GOING_OR_GONE):
            raise ServiceFailed(_said(done))
        while _call(deadline, "launchctl", "print", agent_target()).returncode == 0:
            sleep(_POLL_SECONDS)


def _find_agent(path: str, deadline: float) -> Service | None:
    import plistlib  # only on macOS

    try:
        job = plistlib.loads(agent_file().read_bytes())
        listens = job["Sockets"]["workspaced"]["SockPathName"]
    except (OSError, ValueError, KeyError, TypeError, plistlib.InvalidFileException):
        return None
    if not isinstance(listens, str) or not is_same_path(listens, path) or not shutil.which("launchctl"):
        return None
    is_loaded = _call(deadline, "launchctl", "print", agent_target()).returncode == 0
    if not is_loaded and _call(deadline, "launchctl", "print", agent_domain()).returncode:
        return None  # no graphical session
    return _Agent(is_active=is_loaded)


def is_same_path(one: str, other: str) -> bool:
    """Return whether two paths of sockets lead to one place."""
    return one == other or os.path.realpath(one) == os.path.realpath(other)


def _call(deadline: float, *command: str) -> subprocess.CompletedProcess[str]:
    """Call a program of a manager. Raises ServiceFailed if it can't be run, or has not ended at the deadline."""
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=max(remaining(deadline, monotonic()), _POLL_SECONDS),
            env=environment_of_calls(),
            check=False,
        )
    except OSError as error:
        raise ServiceFailed(f"{command[0]} can't be run ({error.strerror})") from error
    except subprocess.TimeoutExpired as error:
        raise ServiceFailed(f"`{' '.join(command)}` did not end in time") from error


def _said(done: subprocess.CompletedProcess[str]) -> str:
    told = " ".join((done.stderr or done.stdout).split()).removesuffix(".")
    return told or f"`{' '.join(done.args)}` failed with exit code {done.returncode}"


def _last_words(log: str) -> str | None:
    """Return the last line in which a daemon told why it ends, or None."""
    for line in reversed(log.splitlines()):
        if _DAEMONS_WORDS in line:
            return line.partition(_DAEMONS_WORDS)[2].strip().removesuffix(".")
    return None
