"""Places of workspaces and projects in words, and the way to those on another machine.

`here` is this machine's name in the store, None in a store of one machine (`Options.machine`).
"""

import shlex

from workspaced_client import ProjectBinding, Workspace
from workspaced_client._core.machines import machine_elsewhere
from workspaced_client.cli.base.failures import Failure
from workspaced_client.cli.base.output import shown, shown_name, shown_path, told_path

_GO_THERE = 'cd -- {} && exec "$SHELL" -l'
"""For the user's shell on the other machine: bash, zsh and fish take it."""


def shown_place(place: Workspace | ProjectBinding, here: str | None) -> str:
    """Return its root path for stdout, with the name of another machine: `devbox:~/code`."""
    return shown_path(place.root_path, machine_elsewhere(place, here))


def told_place(place: Workspace | ProjectBinding, here: str | None) -> str:
    """Return the same for stderr."""
    return told_path(place.root_path, machine_elsewhere(place, here))


def not_here(name: str, path: str, machine: str, *, hint: str) -> Failure:
    """Return the failure of a command that needs the directory of a workspace on another machine."""
    return Failure(
        f"Workspace “{shown_name(name)}” is on another machine: its directory is {shown(path)} on {machine}.",
        kind="otherMachine",
        data={"machine": machine, "rootPath": path},
        hint=hint,
    )


def shell_there(machine: str, path: str) -> str:
    """Return the command for a shell in a directory of another machine."""
    return command_there(machine, _GO_THERE.format(shlex.quote(path)))


def command_there(machine: str, command: str) -> str:
    """Return the command that runs a shell's command on another machine."""
    return f"ssh -t {machine} {shlex.quote(command)}"
