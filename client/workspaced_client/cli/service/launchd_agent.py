"""launchd as the service manager: the daemon is an agent of the user's graphical session (launchctl(1), gui/UID)."""

import re
import shutil
from collections.abc import Sequence
from typing import Final

from workspaced_client._core.service_manager import (
    AGENT,
    GOING_OR_GONE,
    agent_domain,
    agent_file,
    agent_log,
    agent_target,
)
from workspaced_client.cli.base import installation
from workspaced_client.cli.base.failures import Failure
from workspaced_client.cli.base.programs import Done
from workspaced_client.cli.service import file_texts, foreground
from workspaced_client.cli.service.manager import Manager, ServiceFile, State
from workspaced_client.cli.service.steps import (
    PROGRAM_SECONDS,
    Step,
    call,
    make_directory,
    run,
    wait,
)

_FILE: Final = f"{AGENT}.plist"


class Launchd(Manager):
    """An agent that launchd loads at each login, from its file in ~/Library/LaunchAgents."""

    name = "launchd"

    @staticmethod
    def is_there() -> bool:
        """Return whether this user has a graphical session; an ssh session has no agents."""
        return bool(shutil.which("launchctl")) and call("launchctl", "print", agent_domain()).code == 0

    def _files(self) -> Sequence[ServiceFile]:
        """Return the agent's property list."""
        values = {
            "WORKSPACED": str(installation.executable()),
            "SOCKET": str(self.socket),
            "LOG": str(agent_log()),
        }
        return [ServiceFile(agent_file(), file_texts.launchd_plist(installation.shipped_text(_FILE), values))]

    def state(self) -> State:
        """Read `launchctl print`; its text is no API, so only its clearest lines are used."""
        found = _print()
        is_enabled = agent_file().exists()
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
        """Do nothing: launchd reads the file when it loads the agent."""
        return []

    def enable(self, state: State) -> list[Step]:
        """Start it; its file starts it at the login, unless the user has disabled the label."""
        return self.start(state)

    def disable(self, files: Sequence[ServiceFile]) -> list[Step]:
        """Do nothing: without its file the agent does not start."""
        return []

    def start(self, state: State) -> list[Step]:
        """Load the agent, which also runs it, or run it if it is loaded."""
        if state.is_listening:
            return [run("launchctl", "kickstart", agent_target())]
        return [
            make_directory(self.socket.parent),  # launchd does not create the socket's directory
            run("launchctl", "enable", agent_target()),
            run("launchctl", "bootstrap", agent_domain(), str(agent_file())),
        ]

    def stop(self) -> list[Step]:
        """Unload the agent: while it is loaded, launchd starts it for each client."""
        return [
            run("launchctl", "bootout", agent_target(), also_fine=GOING_OR_GONE),
            wait(
                "until launchd has unloaded it",
                lambda: _print().code != 0,
                PROGRAM_SECONDS,
                lambda: f"launchd still has {AGENT} loaded after {PROGRAM_SECONDS:g} s.",
            ),
        ]

    def restart(self) -> list[Step]:
        """Return no steps: launchd could only kill the daemon (`kickstart -k`)."""
        return []

    def show_log(self, lines: int, *, follow: bool, as_json: bool) -> int:
        """Print the end of the agent's log file."""
        log = agent_log()
        if not log.exists():
            raise Failure(f"There is no log at {log}: the service has not run yet.")
        command = ["tail", "-n", str(lines), *(["-F"] if follow else []), str(log)]
        return foreground.run_as_json(command) if as_json else foreground.run(command)

    def notes(self) -> list[str]:
        """Return when the daemon runs, and where its log grows."""
        return [f"It runs while you are logged in; its log is {agent_log()}, which launchd never truncates."]


def _print() -> Done:
    return call("launchctl", "print", agent_target())


def _number(pattern: str, text: str) -> int | None:
    found = re.search(rf"^\s*{pattern}", text, re.MULTILINE)
    return int(found[1]) if found else None
