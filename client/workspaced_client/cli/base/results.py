"""The words for a workspace after a change, or before one."""

from workspaced_client import Workspace
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import count, emit, emit_json, shown_name
from workspaced_client.cli.base.places import shown_place


def tell_change(options: Options, workspace: Workspace | None, text: str) -> None:
    """Print the result of a change: `text`, or with --json the workspace as it is now."""
    if options.as_json:
        emit_json(workspace)
    elif not options.quiet:
        emit(text)


def described(workspace: Workspace, here: str | None) -> str:
    """Return a workspace in one line: name, directory, state, number of projects. `here` is this machine."""
    projects = f", {count(len(workspace.projects), 'project')}" if workspace.projects else ""
    return f"{shown_name(workspace.name)}  {shown_place(workspace, here)} ({workspace.state}{projects})"
