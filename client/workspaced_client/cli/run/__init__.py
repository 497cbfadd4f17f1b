"""`workspacectl run`: a command in a workspace's directory, with a session there for as long as it runs."""

import os
import shlex
from typing import Final, NoReturn

from workspaced_client import Claimed, DaemonError, InvalidState, Workspace
from workspaced_client._core.machines import machine_elsewhere
from workspaced_client.cli.base.arguments import find_workspace
from workspaced_client.cli.base.connecting import connected, socket_of
from workspaced_client.cli.base.failures import Failure, WrongUsage, reason
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import shown, shown_name
from workspaced_client.cli.base.places import command_there, not_here
from workspaced_client.cli.run.child import signals_held, start, wait
from workspaced_client.cli.run.held_session import held_session
from workspaced_protocol.paths import WORKSPACE_VARIABLES

EXIT_NOT_RUNNABLE: Final = 126  # as of a shell
EXIT_NOT_FOUND: Final = 127


def run(options: Options, workspace: str | None, command: list[str], *, exclusive: bool) -> int:
    """Run the command, and return its exit code."""
    if not command:
        raise WrongUsage("The command to run is missing.", hint="Try: workspacectl run --help")
    if not command[0]:
        raise Failure(
            "The command to run is empty.",
            kind="commandNotFound",
            exit_code=EXIT_NOT_FOUND,
            hint="Where a shell variable stands for it, that has no value.",
        )
    socket = os.path.abspath(socket_of(options))  # before the directory changes
    with connected(options) as client:
        found = find_workspace(client, workspace)
    if "\0" in found.name:  # an app may save any name
        raise Failure(
            f"The name “{shown_name(found.name)}” has a NUL character, which no variable of the command can hold.",
            hint=f"Give the workspace another name: workspacectl rename {found.id} NAME",
        )
    machine = machine_elsewhere(found, options.machine)
    if machine is not None:
        there = shlex.join(["workspacectl", "run", found.id, "--", *command])
        raise not_here(
            found.name, found.root_path, machine, hint=f"To run it there: {command_there(machine, there)}"
        )
    _enter(found)
    label = os.path.basename(command[0]) or None
    try:
        with (
            signals_held() as usual,
            held_session(socket, found, label, options.patience_seconds(), exclusive=exclusive),
        ):
            return wait(_started(command, found, usual))
    except DaemonError as error:
        raise _refusal(error, found) from error


def _enter(workspace: Workspace) -> None:
    """Make the workspace's directory the current one of this process, which the command inherits."""
    path = workspace.root_path
    try:
        os.chdir(path)
    except OSError as error:
        raise Failure(
            f"The directory of workspace “{shown_name(workspace.name)}”, {shown(path)}, can't be entered: {reason(error)}.",
            kind="pathUnreachable",
            hint=f"If it is elsewhere by now: workspacectl move {workspace.id} DIRECTORY",
        ) from error


def _started(command: list[str], workspace: Workspace, usual: set[int]) -> int:
    """Start the command with its environment, and return its pid."""
    environment = {
        **os.environ,
        "PWD": workspace.root_path,
        **dict(zip(WORKSPACE_VARIABLES, (workspace.name, workspace.id, workspace.root_path), strict=True)),
    }
    try:
        return start(command, environment, usual)
    except OSError as error:
        _refuse(command[0], error)


def _refuse(program: str, error: OSError) -> NoReturn:
    name = shown_name(program)
    if isinstance(error, FileNotFoundError):
        where = "in the workspace's directory" if "/" in program else "in PATH"
        message = f"The command “{name}” was not found {where}, or the interpreter that it names was not."
        raise Failure(message, kind="commandNotFound", exit_code=EXIT_NOT_FOUND) from error
    raise Failure(
        f"The command “{name}” can't be run: {reason(error)}.",
        kind="commandNotRunnable",
        exit_code=EXIT_NOT_RUNNABLE,
    ) from error


def _refusal(error: DaemonError, workspace: Workspace) -> Failure:
    """Return the failure with what to type next."""
    hint = ""
    if isinstance(error, InvalidState) and error.state == "closed":
        hint = f"To open it: workspacectl open {workspace.id}"
    elif isinstance(error, Claimed):
        hint = f"To see the sessions: workspacectl sessions {workspace.id}"
    return Failure.of(error, hint=hint)
