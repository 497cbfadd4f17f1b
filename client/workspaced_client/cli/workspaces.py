"""The commands that change a workspace: create, rename, move, open, close."""

from workspaced_client import InvalidState
from workspaced_client._core.machines import machine_elsewhere
from workspaced_client.cli.base.annotations import metadata_of
from workspaced_client.cli.base.arguments import find_whole, find_workspace, require_new_name
from workspaced_client.cli.base.connecting import connected
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import count, shown_name, shown_path, tell, told_path
from workspaced_client.cli.base.places import shown_place
from workspaced_client.cli.base.results import tell_change
from workspaced_client.cli.base.typed_paths import absolute_path


def create(options: Options, name: str, path: str | None, tag: list[str], meta: list[str]) -> None:
    """Create a workspace."""
    require_new_name(name)
    root_path = absolute_path(path)
    metadata = metadata_of(meta)
    with connected(options) as client:
        created = client.workspaces.create(name, root_path, tags=tag or None, metadata=metadata)
    _warn_of_no_directory(created.root_path)
    tell_change(
        options,
        created,
        f"Created workspace “{shown_name(created.name)}” at {shown_path(created.root_path)}.",
    )


def _warn_of_no_directory(path: str) -> None:
    """Warn if `path` is no usable directory; it may be a typing error, or be intended."""
    from workspaced_client.exchange.directories import real_directories_in_time  # only here: few need it

    _, faults = real_directories_in_time([path])
    for fault in faults.values():
        tell(f"warning: {told_path(path)} can't be used yet: {fault}.")


def rename(options: Options, workspace: str, new_name: str) -> None:
    """Give a workspace another name."""
    require_new_name(new_name)
    with connected(options) as client:
        found = find_whole(client, workspace)
        is_same = found.name == new_name
        renamed = found if is_same else client.workspaces.update(found.id, name=new_name)
    told = f"Renamed “{shown_name(found.name)}” to “{shown_name(renamed.name)}”."
    tell_change(options, renamed, f"“{shown_name(found.name)}” has that name already." if is_same else told)


def move(options: Options, workspace: str, directory: str | None) -> None:
    """Give a workspace another directory."""
    root_path = absolute_path(directory)
    with connected(options) as client:
        found = find_whole(client, workspace)
        is_same = found.root_path == root_path and machine_elsewhere(found, options.machine) is None
        moved = found if is_same else client.workspaces.update(found.id, root_path=root_path)
    _warn_of_no_directory(moved.root_path)
    since = "already" if is_same else "now"
    tell_change(
        options, moved, f"Workspace “{shown_name(moved.name)}” is at {shown_path(moved.root_path)} {since}."
    )


def open_(options: Options, workspace: str | None) -> None:
    """Open a closed workspace, and check its projects; only check those of an open one."""
    with connected(options) as client:
        found = find_workspace(client, workspace)
        is_open = False
        try:
            opened = client.workspaces.open(found.id)
        except InvalidState as error:
            if error.state != "active":
                raise
            is_open = True
            opened = client.projects.check(found.id)
            client.workspaces.touch(found.id)
    here = options.machine
    # Of the others, their machines alone know.
    own = [each for each in opened.projects if machine_elsewhere(each, here) is None]
    stale = [project for project in own if project.status == "stale"]
    name = f"orkspace “{shown_name(opened.name)}”"
    text = f"W{name} is open already." if is_open else f"Opened w{name}."
    if machine_elsewhere(opened, here) is not None:
        text += f" Its directory is {shown_place(opened, here)}."
    if stale:
        paths = ", ".join(shown_path(project.root_path) for project in stale)
        text += f" {count(len(stale), 'project')} can't be reached: {paths}"
    tell_change(options, opened, text)


def close(options: Options, workspace: str | None) -> None:
    """Close an active workspace."""
    with connected(options) as client:
        closed = client.workspaces.close(find_workspace(client, workspace).id)
    tell_change(options, closed, f"Closed workspace “{shown_name(closed.name)}”.")
