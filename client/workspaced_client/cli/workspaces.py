"""The commands on workspaces: list, show, create, rename, move, open, close, delete."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import Annotated, Any, Final, Literal

import typer

from workspaced_client import Workspace
from workspaced_client._core.local_time import when
from workspaced_client.cli.base.arguments import absolute_path, find_workspace, workspace_argument
from workspaced_client.cli.base.connecting import connected
from workspaced_client.cli.base.failures import Failure
from workspaced_client.cli.base.options import Options, options_of
from workspaced_client.cli.base.output import count, emit, emit_json, shown, tell
from workspaced_client.cli.base.questions import can_ask, says_yes
from workspaced_client.cli.base.table import Column, emit_table
from workspaced_protocol.models import WorkspaceState

_STATE_COLOURS = {"active": "green", "closed": "yellow", "deleted": "red"}

Given = Annotated[str, workspace_argument("Its name or its id.")]
Sorting = Literal["created", "changed", "name", "path", "projects"]

_SORT_KEYS: Final[dict[Sorting, Callable[[Workspace], Any]]] = {
    "created": lambda each: (each.created_at, each.id),
    "changed": lambda each: each.revision,
    "name": lambda each: each.name.casefold(),
    "path": lambda each: each.root_path,
    "projects": lambda each: len(each.projects),
}


def list_(
    context: typer.Context,
    state: Annotated[
        WorkspaceState | None, typer.Option(help="Only those in this state.", show_default=False)
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="PATTERN", help="Only those whose name is like this, such as 'shop*'.", show_default=False
        ),
    ] = None,
    under: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", help="Only those whose directory is this or below it.", show_default=False
        ),
    ] = None,
    stale: Annotated[bool, typer.Option("--stale", help="Only those with a project out of reach.")] = False,
    sort: Annotated[Sorting, typer.Option(help="What to sort by.")] = "created",
    reverse: Annotated[bool, typer.Option("--reverse", "-r", help="The other way round.")] = False,
) -> None:
    """List the workspaces, the oldest first."""
    options = options_of(context)
    with connected(options) as client:
        workspaces = client.workspaces.list(state)
    has_any = bool(workspaces)
    if name is not None:
        workspaces = [each for each in workspaces if fnmatchcase(each.name.casefold(), name.casefold())]
    if under is not None:
        top = absolute_path(under)
        workspaces = [each for each in workspaces if top in (each.root_path, *_parents(each.root_path))]
    if stale:
        workspaces = [each for each in workspaces if _has_stale(each)]
    workspaces.sort(key=_SORT_KEYS[sort], reverse=reverse)
    if options.as_json:
        emit_json(workspaces)
    elif workspaces:
        emit_table(
            (
                Column("NAME", shrinks=True),
                Column("STATE", colours=_STATE_COLOURS),
                Column("PROJECTS"),
                Column("PATH", shrinks=True),
                Column("ID", optional=True),
            ),
            [
                (each.name, each.state, str(len(each.projects)), each.root_path, each.id)
                for each in workspaces
            ],
        )
    elif not options.quiet:
        if has_any:
            tell("No workspace is like that.")
        else:
            tell("There are no workspaces." if state is None else f"No workspace is {state}.")


def _parents(path: str) -> list[str]:
    return [str(parent) for parent in PurePath(path).parents]


def _has_stale(workspace: Workspace) -> bool:
    return any(project.status == "stale" for project in workspace.projects)


def show(context: typer.Context, workspace: Given) -> None:
    """Show a workspace and its projects."""
    options = options_of(context)
    with connected(options) as client:
        found = find_workspace(client, workspace)
    if options.as_json:
        emit_json(found)
        return
    lines = [
        f"Name      {shown(found.name)}",
        f"Id        {shown(found.id)}",
        f"State     {found.state}",
        f"Path      {shown(found.root_path)}",
        f"Created   {when(found.created_at)}",
        f"Changed   {when(found.updated_at)} (revision {found.revision})",
        f"Projects  {len(found.projects) or 'none'}",
    ]
    for project in found.projects:
        origin = f" (cloned from {shown(project.git_url)})" if project.git_url else ""
        lines.append(f"  {project.status:<6}  {shown(project.root_path)}{origin}")
    emit("\n".join(lines))


def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name that no other workspace has.")],
    path: Annotated[
        str | None,
        typer.Argument(metavar="PATH", help="Its directory; without one, the current directory."),
    ] = None,
) -> None:
    """Create a workspace. It is active at once."""
    options = options_of(context)
    root_path = absolute_path(path)
    with connected(options) as client:
        created = client.workspaces.create(name, root_path)
    _warn_of_no_directory(created.root_path)
    tell_change(options, created, f"Created workspace “{shown(created.name)}” at {shown(created.root_path)}.")


def _warn_of_no_directory(path: str) -> None:
    """It may be meant so, or be a slip of the pen."""
    from workspaced_client.exchange.directories import real_directories_in_time  # only here, as few need it

    _, faults = real_directories_in_time([path])
    for fault in faults.values():
        tell(f"warning: {shown(path)} can't be used yet: {fault}.")


def rename(
    context: typer.Context,
    workspace: Given,
    new_name: Annotated[str, typer.Argument(metavar="NEW_NAME", help="The name it shall have.")],
) -> None:
    """Give a workspace another name."""
    options = options_of(context)
    with connected(options) as client:
        found = find_workspace(client, workspace)
        is_so = found.name == new_name
        renamed = found if is_so else client.workspaces.update(found.id, name=new_name)
    told = f"Renamed “{shown(found.name)}” to “{shown(renamed.name)}”."
    tell_change(options, renamed, f"“{shown(found.name)}” has that name already." if is_so else told)


def move(
    context: typer.Context,
    workspace: Given,
    directory: Annotated[
        str | None,
        typer.Argument(metavar="DIRECTORY", help="The new one; without it, the current directory."),
    ] = None,
) -> None:
    """Give a workspace another directory. No file is moved.

    Its projects stay bound where they are.
    """
    options = options_of(context)
    root_path = absolute_path(directory)
    with connected(options) as client:
        found = find_workspace(client, workspace)
        is_so = found.root_path == root_path
        moved = found if is_so else client.workspaces.update(found.id, root_path=root_path)
    _warn_of_no_directory(moved.root_path)
    since = "already" if is_so else "now"
    tell_change(options, moved, f"Workspace “{shown(moved.name)}” is at {shown(moved.root_path)} {since}.")


def open_(context: typer.Context, workspace: Given) -> None:
    """Open a closed workspace. Its projects' directories are checked."""
    options = options_of(context)
    with connected(options) as client:
        opened = client.workspaces.open(find_workspace(client, workspace).id)
    stale = [project for project in opened.projects if project.status == "stale"]
    text = f"Opened workspace “{shown(opened.name)}”."
    if stale:
        paths = ", ".join(shown(project.root_path) for project in stale)
        text += f" {count(len(stale), 'project')} can't be reached: {paths}"
    tell_change(options, opened, text)


def close(context: typer.Context, workspace: Given) -> None:
    """Close an active workspace. It stays in the list, and can be opened again."""
    options = options_of(context)
    with connected(options) as client:
        closed = client.workspaces.close(find_workspace(client, workspace).id)
    tell_change(options, closed, f"Closed workspace “{shown(closed.name)}”.")


def delete(
    context: typer.Context,
    workspace: Given,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a workspace. Its directories and files stay as they are.

    On a terminal this asks first, unless --yes; in a script it does not ask.
    """
    options = options_of(context)
    with connected(options) as client:
        found = find_workspace(client, workspace)
        if not yes and not _confirms(found):
            raise Failure("Nothing was deleted.", kind="declined")
        client.workspaces.delete(found.id)
    tell_change(options, None, f"Deleted workspace “{shown(found.name)}”.")


def _confirms(workspace: Workspace) -> bool:
    """Asks, where there is somebody to ask: a script that deletes has said so."""
    projects = f", with {count(len(workspace.projects), 'project')}" if workspace.projects else ""
    question = f"Delete workspace “{shown(workspace.name)}” ({shown(workspace.root_path)}{projects})?"
    return says_yes(question) if can_ask() else True


def tell_change(options: Options, workspace: Workspace | None, text: str) -> None:
    """What a command says of its change: the text, or the workspace as it is now."""
    if options.as_json:
        emit_json(workspace)
    elif not options.quiet:
        emit(text)
