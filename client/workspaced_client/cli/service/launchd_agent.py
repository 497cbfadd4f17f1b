"""launchd as the daemon's service manager: an agent in the user's graphical session (launchctl(1), gui/UID)."""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from workspaced_client.cli.base import installation
from workspaced_client.cli.base.failures import Failure
from workspaced_client.cli.service import file_texts, foreground
from workspaced_client.cli.service.manager import Manager, ServiceFile, State
from workspaced_client.cli.service.steps import (
    PROGRAM_SECONDS,
    Done,
    Step,
    call,
    make_directory,
    run,
    wait,
)

_LABEL: Final = "io.github.workspaced"
_FILE: Final = f"{_LABEL}.plist"

# macOS's numbers of ESRCH and EINPROGRESS, with which `bootout` ends where the agent is gone, or is still ending.
_GOING_OR_GONE: Final = (3, 36)


class Launchd(Manager):
    """The agent is loaded at each login, since its file is in ~/Library/LaunchAgents."""

    name = "launchd"

    @staticmethod
    def is_there() -> bool:
        """Whether this user has a graphical session; an ssh session alone has no agents."""
        return bool(shutil.which("launchctl")) and call("launchctl", "print", _domain()).code == 0

    def _files(self) -> Sequence[ServiceFile]:
        """The agent's property list alone."""
        values = {
            "WORKSPACED": str(installation.executable()),
            "SOCKET": str(self.socket),
            "LOG": str(_log()),
        }
        return [ServiceFile(_plist(), file_texts.launchd_plist(installation.shipped_text(_FILE), values))]

    def state(self) -> State:
        """What `launchctl print` tells; its text is no API, so only what is plain in it is used."""
        found = _print()
        is_enabled = _plist().exists()
        if found.code != 0:
            return State("not loaded", is_known=is_enabled, is_enabled=is_enabled)
        pid = _number(r"pid = (\d+)", found.out)
        exit_code = _number(r"last exit code = (\d+)", found.out)
        has_failed = pid is None and bool(exit_code)
        if pid is not None:
            told = "running"
        else:
            told = f"ended with exit code {exit_code}" if has_failed else "waiting"
        return State(
            told,
            is_known=True,
            is_enabled=is_enabled,
            is_running=pid is not None,
            is_listening=True,
            has_failed=has_failed,
            pid=pid,
        )

    def reload(self) -> list[Step]:
        """launchd reads the file when the agent is loaded."""
        return []

    def enable(self, state: State) -> list[Step]:
        """The file does that by itself, unless the user has disabled the label."""
        return self.start(state)

    def disable(self, files: Sequence[ServiceFile]) -> list[Step]:
        """That the file is gone is enough."""
        return []

    def start(self, state: State) -> list[Step]:
        """Loads the agent, which runs it; where it is loaded, runs it."""
        if state.is_listening:
            return [run("launchctl", "kickstart", _target())]
        return [
            make_directory(self.socket.parent),  # launchd makes none for a socket
            run("launchctl", "enable", _target()),
            run("launchctl", "bootstrap", _domain(), str(_plist())),
        ]

    def stop(self) -> list[Step]:
        """Unloads the agent: while it is loaded, launchd starts it for every client."""
        return [
            run("launchctl", "bootout", _target(), also_fine=_GOING_OR_GONE),
            wait(
                "until launchd has unloaded it",
                lambda: _print().code != 0,
                PROGRAM_SECONDS,
                lambda: f"launchd still has {_LABEL} loaded after {PROGRAM_SECONDS:g} s.",
            ),
        ]

    def restart(self) -> list[Step]:
        """launchd could only kill it (`kickstart -k`)."""
        return []

    def show_log(self, lines: int, *, follow: bool, as_json: bool) -> int:
        """The file's that the agent writes to."""
        log = _log()
        if not log.exists():
            raise Failure(f"There is no log at {log}: the service has not run yet.")
        command = ["tail", "-n", str(lines), *(["-F"] if follow else []), str(log)]
        return foreground.run_as_json(command) if as_json else foreground.run(command)

    def notes(self) -> list[str]:
        """What launchd does not do by itself."""
        return [f"It runs while you are logged in; its log is {_log()}, which launchd never shortens."]


def _domain() -> str:
    return f"gui/{os.getuid()}"


def _target() -> str:
    return f"{_domain()}/{_LABEL}"


def _print() -> Done:
    return call("launchctl", "print", _target())


def _number(pattern: str, text: str) -> int | None:
    found = re.search(rf"^\s*{pattern}", text, re.MULTILINE)
    return int(found[1]) if found else None


def _plist() -> Path:
    return Path.home() / "Library/LaunchAgents" / _FILE


def _log() -> Path:
    return Path.home() / "Library/Logs/workspaced.log"
