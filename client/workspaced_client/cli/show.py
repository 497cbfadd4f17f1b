"""`workspacectl show`: a workspace and its projects."""

from __future__ import annotations

from workspaced_client._core.local_time import when
from workspaced_client.cli.base.asking import ask_for_workspace
from workspaced_client.cli.base.output import emit, emit_json, shown, shown_name, shown_path
from workspaced_client.cli.base.shapes import elsewhere

TYPE_CHECKING = False
if TYPE_CHECKING:
    from workspaced_client.cli.base.options import Options


def show(options: Options, workspace: str | None) -> None:
    """Show a workspace and its projects."""
    found = ask_for_workspace(options, workspace)
    if options.as_json:
        emit_json(found)
        return
    projects, here = found["projects"], options.machine
    lines = [
        f"Name      {shown_name(found['name'])}",
        f"Id        {shown(found['id'])}",
        f"State     {shown(found['state'])}",
        f"Path      {shown_path(found['rootPath'], elsewhere(found, here))}",
        f"Created   {when(found['createdAt'])}",
        f"Changed   {when(found['updatedAt'])} (revision {found.get('revision', 0)})",
    ]
    if found.get("tags"):
        lines.append(f"Tags      {', '.join(map(shown_name, found['tags']))}")
    if found.get("metadata"):
        from workspaced_client.cli.base.annotations import metadata_text  # it loads the rules for secrets

        lines.append(f"Metadata  {shown(metadata_text(found['metadata']))}")
    lines.append(f"Projects  {len(projects) or 'none'}")
    for project in projects:
        origin = f" (cloned from {shown(project['gitUrl'])})" if project.get("gitUrl") else ""
        path = shown_path(project["rootPath"], elsewhere(project, here))
        lines.append(f"  {shown(project['status']):<6}  {path}{origin}")
    emit("\n".join(lines))
