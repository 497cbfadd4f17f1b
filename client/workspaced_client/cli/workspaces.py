"""The commands on workspaces: list, show, path, create, rename, move, open, close, delete."""

from collections.abc import Callable
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import Annotated, Any, Final, Literal

import typer

from workspaced_client import Workspace, WorkspacedError
from workspaced_client._core.local_time import when
from workspaced_client.cli.base.annotations import (
    MetaOption,
    TagOption,
    annotation_lines,
    metadata_of,
    tags_text,
)
from workspaced_client.cli.base.arguments import WorkspaceArgument, absolute_path, find_workspace
from workspaced_client.cli.base.connecting import connected
from workspaced_client.cli.base.options import YesOption, options_of
from workspaced_client.cli.base.output import count, emit, emit_json, emit_path, shown, shown_name, tell
from workspaced_client.cli.base.questions import require_yes
from workspaced_client.cli.base.results import tell_change
from workspaced_client.cli.base.table import Column, emit_table
from workspaced_protocol.models import WorkspaceState

_STATE_COLOURS = {"active": "green", "closed": "yellow", "deleted": "red"}

Sorting = Literal["created", "changed", "name", "path", "projects", "recent"]

_SORT_KEYS: Final[dict[Sorting, Callable[[Workspace], Any]]] = {
    "created": lambda each: (each.created_at, each.id),
    "changed": lambda each: each.revision,
    "name": lambda each: each.name.casefold(),
    "path": lambda each: each.root_path,
    "projects": lambda each: len(each.projects),
}
"""How to sort here; the rest is sorted by the daemon, which alone knows when workspaces were used."""

_TOUCH_SECONDS: Final = 0.5  # a daemon answers at once; the user's `wcd` waits for no other


def list_(
    context: typer.Context,
    state: Annotated[
        WorkspaceState | None, typer.Option(help="Only workspaces in this state.", show_default=False)
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="PATTERN", help="Only names that match, in any case, such as 'shop*'.", show_default=False
        ),
    ] = None,
    under: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Only workspaces at or below DIR.", show_default=False),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(
            "--tag",
            metavar="TAG",
            help="Only workspaces with this tag, in any case; with several, all of them.",
            show_default=False,
        ),
    ] = None,
    stale: Annotated[
        bool, typer.Option("--stale", help="Only workspaces with an unreachable project.")
    ] = False,
    sort: Annotated[Sorting, typer.Option(help="The order; `recent`: the last used first.")] = "created",
    reverse: Annotated[bool, typer.Option("--reverse", "-r", help="Reverse the order.")] = False,
) -> None:
    """List the workspaces, oldest first."""
    options = options_of(context)
    with connected(options) as client:
        workspaces = client.workspaces.list(state, tags=tag, sort="recent" if sort == "recent" else None)
    has_any = bool(workspaces or tag)
    if name is not None:
        workspaces = [each for each in workspaces if fnmatchcase(each.name.casefold(), name.casefold())]
    if under is not None:
        top = absolute_path(under)
        workspaces = [each for each in workspaces if top in (each.root_path, *_parents(each.root_path))]
    if stale:
        workspaces = [each for each in workspaces if _has_stale(each)]
    if sort in _SORT_KEYS:
        workspaces.sort(key=_SORT_KEYS[sort], reverse=reverse)
    elif reverse:
        workspaces.reverse()
    if options.as_json:
        emit_json(workspaces)
    elif workspaces:
        has_tags = any(each.tags for each in workspaces)
        emit_table(
            (
                Column("NAME", shrinks=True),
                Column("STATE", colours=_STATE_COLOURS),
                Column("PROJECTS"),
                *([Column("TAGS", shrinks=True)] if has_tags else ()),
                Column("PATH", shrinks=True, is_path=True),
                Column("ID", optional=True),
            ),
            [
                (
                    each.name,
                    each.state,
                    str(len(each.projects)),
                    *([tags_text(each)] if has_tags else ()),
                    each.root_path,
                    each.id,
                )
                for each in workspaces
            ],
        )
    elif not options.quiet:
        if has_any:
            tell("No workspace matches.")
        else:
            tell("There are no workspaces." if state is None else f"No workspace is {state}.")


def _parents(path: str) -> list[str]:
    return [str(parent) for parent in PurePath(path).parents]


def _has_stale(workspace: Workspace) -> bool:
    return any(project.status == "stale" for project in workspace.projects)


def show(context: typer.Context, workspace: WorkspaceArgument) -> None:
    """Show a workspace and its projects."""
    options = options_of(context)
    with connected(options) as client:
        found = find_workspace(client, workspace)
    if options.as_json:
        emit_json(found)
        return
    lines = [
        f"Name      {shown_name(found.name)}",
        f"Id        {shown(found.id)}",
        f"State     {found.state}",
        f"Path      {shown(found.root_path)}",
        f"Created   {when(found.created_at)}",
        f"Changed   {when(found.updated_at)} (revision {found.revision})",
        *annotation_lines(found),
        f"Projects  {len(found.projects) or 'none'}",
    ]
    for project in found.projects:
        origin = f" (cloned from {shown(project.git_url)})" if project.git_url else ""
        lines.append(f"  {project.status:<6}  {shown(project.root_path)}{origin}")
    emit("\n".join(lines))


def path(context: typer.Context, workspace: WorkspaceArgument) -> None:
    """Print a workspace's directory, for use in scripts.

    This counts as a use of the workspace. For example: cd "$(workspacectl path alpha)"
    """
    options = options_of(context)
    with connected(options) as client:
        found = find_workspace(client, workspace)
        if options.as_json:
            emit_json(found.root_path)
        else:
            emit_path(found.root_path)
        # Whatever comes of it: the path is told, and the user goes there.
        with suppress(WorkspacedError):
            client.call("workspace.touch", {"id": found.id}, timeout_seconds=_TOUCH_SECONDS)


def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name that no other workspace has.")],
    path: Annotated[
        str | None,
        typer.Argument(metavar="PATH", help="Its directory.  [default: the current directory]"),
    ] = None,
    tag: TagOption = None,
    meta: MetaOption = None,
) -> None:
    """Create a workspace. It is active at once."""
    options = options_of(context)
    root_path = absolute_path(path)
    metadata = metadata_of(meta)
    with connected(options) as client:
        created = client.workspaces.create(name, root_path, tags=tag, metadata=metadata)
    _warn_of_no_directory(created.root_path)
    tell_change(
        options, created, f"Created workspace “{shown_name(created.name)}” at {shown(created.root_path)}."
    )


def _warn_of_no_directory(path: str) -> None:
    """Warn if `path` is no usable directory; it may be a typing error, or be intended."""
    from workspaced_client.exchange.directories import real_directories_in_time  # only here: few need it

    _, faults = real_directories_in_time([path])
    for fault in faults.values():
        tell(f"warning: {shown(path)} can't be used yet: {fault}.")


def rename(
    context: typer.Context,
    workspace: WorkspaceArgument,
    new_name: Annotated[str, typer.Argument(metavar="NEW_NAME", help="Its new name.")],
) -> None:
    """Give a workspace another name."""
    options = options_of(context)
    with connected(options) as client:
        found = find_workspace(client, workspace)
        is_same = found.name == new_name
        renamed = found if is_same else client.workspaces.update(found.id, name=new_name)
    told = f"Renamed “{shown_name(found.name)}” to “{shown_name(renamed.name)}”."
    tell_change(options, renamed, f"“{shown_name(found.name)}” has that name already." if is_same else told)


def move(
    context: typer.Context,
    workspace: WorkspaceArgument,
    directory: Annotated[
        str | None,
        typer.Argument(metavar="DIRECTORY", help="Its new directory.  [default: the current directory]"),
    ] = None,
) -> None:
    """Give a workspace another directory. No file is moved.

    Its projects stay bound where they are.
    """
    options = options_of(context)
    root_path = absolute_path(directory)
    with connected(options) as client:
        found = find_workspace(client, workspace)
        is_same = found.root_path == root_path
        moved = found if is_same else client.workspaces.update(found.id, root_path=root_path)
    _warn_of_no_directory(moved.root_path)
    since = "already" if is_same else "now"
    tell_change(
        options, moved, f"Workspace “{shown_name(moved.name)}” is at {shown(moved.root_path)} {since}."
    )


def open_(context: typer.Context, workspace: WorkspaceArgument) -> None:
    """Open a closed workspace. The daemon checks its projects' directories."""
    options = options_of(context)
    with connected(options) as client:
        opened = client.workspaces.open(find_workspace(client, workspace).id)
    stale = [project for project in opened.projects if project.status == "stale"]
    text = f"Opened workspace “{shown_name(opened.name)}”."
    if stale:
        paths = ", ".join(shown(project.root_path) for project in stale)
        text += f" {count(len(stale), 'project')} can't be reached: {paths}"
    tell_change(options, opened, text)


def close(context: typer.Context, workspace: WorkspaceArgument) -> None:
    """Close an active workspace. It stays in the list; `workspacectl open` opens it again."""
    options = options_of(context)
    with connected(options) as client:
        closed = client.workspaces.close(find_workspace(client, workspace).id)
    tell_change(options, closed, f"Closed workspace “{shown_name(closed.name)}”.")


def delete(
    context: typer.Context,
    workspace: WorkspaceArgument,
    yes: YesOption = False,
) -> None:
    """Delete a workspace. Its directories and files stay.

    Asks first, unless --yes is given. A script, which nobody can answer for, needs --yes.
    """
    options = options_of(context)
    with connected(options) as client:
        found = find_workspace(client, workspace)
        if not yes:
            require_yes(_question(found), declined="Nothing was deleted.", has_preview=False)
        client.workspaces.delete(found.id)
    tell_change(options, None, f"Deleted workspace “{shown_name(found.name)}”.")


def _question(workspace: Workspace) -> str:
    projects = f", with {count(len(workspace.projects), 'project')}" if workspace.projects else ""
    return f"Delete workspace “{shown_name(workspace.name)}” ({shown(workspace.root_path)}{projects})?"
