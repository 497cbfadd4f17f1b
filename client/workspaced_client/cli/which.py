"""`workspacectl which`: the workspace and the project that hold a path."""

import os

from workspaced_client import NotFound
from workspaced_client._core.machines import machine_elsewhere
from workspaced_client.cli.base.connecting import connected
from workspaced_client.cli.base.failures import Failure
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import emit, emit_json, shown, shown_name, shown_path
from workspaced_client.cli.base.typed_paths import current_directory, not_empty


def which(options: Options, path: str | None) -> None:
    """Show which workspace and project hold a path."""
    wanted = _as_written(path)
    with connected(options) as client:
        try:
            found = client.workspaces.resolve(wanted)
        except NotFound as error:
            hint = "`workspacectl create NAME PATH` makes a workspace of a directory."
            raise Failure.of(error, hint=hint) from error
    if options.as_json:
        emit_json(found)
        return
    elsewhere = machine_elsewhere(found.workspace, options.machine)
    where = "" if elsewhere is None else f", on {shown(elsewhere)}"
    lines = [f"Workspace  {shown_name(found.workspace.name)} ({found.workspace.state}{where})"]
    if found.project is None:
        lines.append(f"Directory  {shown_path(found.workspace.root_path)}")
    else:
        lines.append(f"Project    {shown_path(found.project.root_path)} ({found.project.status})")
    lines.append(f"Path       {shown(found.relative_path or '.')}")
    emit("\n".join(lines))


def _as_written(given: str | None) -> str:
    """Return a path as an absolute one. Its links and its `..` stay as they are: the daemon knows both forms."""
    if given is None:
        return current_directory()
    path = os.path.expanduser(not_empty(given))
    return path if os.path.isabs(path) else os.path.join(current_directory(), path)
