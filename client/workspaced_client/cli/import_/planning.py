"""The plan of an import: the content of files and lists, and the repositories of a scan, put together."""

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from workspaced_client import Workspace
from workspaced_client._core.machines import machine_elsewhere
from workspaced_client.cli.base.output import shown, tell

if TYPE_CHECKING:  # loaded by the commands that need it
    from workspaced_client.exchange.code_workspace import CodeWorkspace
    from workspaced_client.exchange.import_plan import ImportPlan
    from workspaced_client.exchange.listed import Listed, Listing
    from workspaced_client.exchange.scan import Found
    from workspaced_client.exchange.stores import Workspaces


def plan_import(
    current: Sequence[Workspace],
    contents: "Sequence[tuple[str, Workspaces | CodeWorkspace | Listing]]",
    found: "tuple[str, Found] | None",
    into: str | None,
    here: str | None,
) -> "ImportPlan":
    """Return the plan against the store's `current` workspaces; `here` is this machine.

    `contents` are files with their paths, `found` is a scanned directory with its repositories. `into` is the
    workspace that gets all of it, if the user gave one.
    """
    from workspaced_client.exchange.directories import real_directories_in_time
    from workspaced_client.exchange.import_plan import ImportPlan
    from workspaced_client.exchange.listed import Listing
    from workspaced_client.exchange.stores import Workspaces

    gathers = found is not None or any(not isinstance(content, Workspaces) for _, content in contents)
    own = (each for one in current for each in one.projects if machine_elsewhere(each, here) is None)
    stored = {each.root_path for each in own} if gathers else set[str]()
    real_paths, _ = real_directories_in_time(sorted(stored))
    plan = ImportPlan(current, time.time_ns() // 1_000_000, real_paths, here)
    gathered: list[str] = []
    roots: list[str] = []
    if found is not None:
        _plan_scan(plan, *found, gathers=gathered if into is not None else None)
        roots.append(found[0])
    lists: list[tuple[str, Listing]] = []
    for path, content in contents:
        if isinstance(content, Listing):
            lists.append((path, content))
            continue
        if not isinstance(content, Workspaces):
            root, directories = _plan_folders(plan, content, into)
            if into is not None and directories:
                gathered += directories
                roots.append(root)
            continue
        if content.unknown_members:
            members = ", ".join(content.unknown_members)
            tell(f"warning: {shown(path)} has unknown members, which are not imported: {shown(members)}")
        for each in content.left_out:
            plan.skip(each.name, each.path, each.reason)
        for workspace in content.workspaces:
            plan.whole(workspace)
    for directory in _plan_lists(plan, lists, into):
        gathered.append(directory)
        roots.append(directory)
    if into is not None and gathered:
        plan.gather(into, _root_of(roots[0], roots), list(dict.fromkeys(gathered)), given=plan.find(into))
    return plan


def _plan_scan(plan: "ImportPlan", root: str, found: "Found", gathers: list[str] | None) -> None:
    """Plan each repository as a workspace of its own, or add its path to `gathers`."""
    from workspaced_client.exchange.own_workspaces import plan_repositories

    paths: list[str] = []
    for path in found.repositories:
        try:
            path.encode()  # JSON can't hold a name that is not UTF-8
            paths.append(path)
        except UnicodeEncodeError:
            plan.skip(os.path.basename(path), path, "its path is not UTF-8")
    if gathers is None:
        plan_repositories(plan, root, paths)
    else:
        gathers += paths
    for path, reason in found.left_out:
        plan.skip(os.path.basename(path.removesuffix("/.git")), path, reason)


def _plan_lists(plan: "ImportPlan", lists: "Sequence[tuple[str, Listing]]", into: str | None) -> list[str]:
    """Plan the projects of other programs' lists; return their directories, for the workspace `into`."""
    from workspaced_client.exchange.folders import CODE_WORKSPACE_SUFFIX
    from workspaced_client.exchange.listed import merged
    from workspaced_client.exchange.own_workspaces import plan_projects

    plan.remarks += [f"Read {path}." for path, _ in lists]
    if any(listing.has_uses for _, listing in lists):
        plan.remarks.append("Times of use are not imported: the daemon counts uses of its own.")
    if any(project.is_visited_directory for _, listing in lists for project in listing.projects):
        plan.remarks.append(
            "Of the directories visited, those with version control are taken: `workspacectl create` makes a workspace "
            "of any other."
        )
    for each in dict.fromkeys(left_out for _, listing in lists for left_out in listing.left_out):
        plan.skip(each.name or os.path.basename(each.path.rstrip("/")) or each.path, each.path, each.reason)
    # Several programs, and several versions of one, list the same projects.
    projects = merged(project for _, listing in lists for project in listing.projects)
    files = [each for each in projects if each.path.endswith(CODE_WORKSPACE_SUFFIX)]
    usable = merged(_usable(plan, [each for each in projects if each not in files]))
    if into is None:
        plan_projects(plan, usable)
    directories = [path for each in usable for path in each.paths]
    for file in files:
        directories += _plan_listed_file(plan, file, into)
    return [] if into is None else directories


def _plan_listed_file(plan: "ImportPlan", project: "Listed", into: str | None) -> list[str]:
    """Plan the workspace of a `.code-workspace` file in a list; return its folders, for the workspace `into`."""
    from workspaced_client.exchange import code_workspace, regular_files
    from workspaced_client.exchange.json_text import Unusable
    from workspaced_client.exchange.listed import reason_of, usable_tags

    try:
        content = code_workspace.decode(project.path, regular_files.read(project.path))
    except Unusable as error:
        name = project.name or os.path.basename(project.path)
        plan.skip(name, project.path, reason_of(error, project.path))
        return []
    tags, note = usable_tags(project.tags)
    content = replace(content, name=project.name or content.name)
    above = content.directory.strip("/").split("/")
    longer = [f"{'/'.join(above[-count:])}/{content.name}" for count in range(1, len(above) + 1)]
    return _plan_folders(plan, content, into, longer, tags=tags, note=note)[1]


def _usable(plan: "ImportPlan", projects: "Sequence[Listed]") -> "list[Listed]":
    """Return the projects with the real paths of those directories that can be used; plan the others as left out."""
    from workspaced_client.exchange.directories import real_directories_in_time
    from workspaced_client.exchange.elsewhere.version_control import is_work_tree

    found, faults = real_directories_in_time([path for each in projects for path in each.paths])
    usable: list[Listed] = []
    for each in projects:
        real_paths: list[str] = []
        for path in each.paths:
            name = each.name or os.path.basename(path) or path
            if path not in found:
                plan.skip(name, path, faults.get(path, "its file system gave no answer in time"))
            elif each.is_visited_directory and not is_work_tree(found[path]):
                plan.skip(name, path, "there is no version control in it")
            else:
                real_paths.append(found[path])
        if real_paths:
            usable.append(replace(each, path=real_paths[0], more_paths=tuple(real_paths[1:])))
    return usable


def _plan_folders(
    plan: "ImportPlan",
    content: "CodeWorkspace",
    into: str | None,
    other_names: Sequence[str] = (),
    *,
    tags: tuple[str, ...] = (),
    note: str = "",
) -> tuple[str, list[str]]:
    """Plan the workspace of a `.code-workspace` file; return its root and its folders, for the workspace `into`.

    It gets the first of `other_names` that is free, if its own is taken.
    """
    from workspaced_client.exchange.directories import real_directories_in_time

    name = content.name
    for each in content.left_out:
        plan.skip(each.name, each.path, each.reason)
    if not content.folders and not content.left_out:
        plan.skip(name, content.directory, "it has no folders")
    found, faults = real_directories_in_time(content.folders)
    root_path = _root_of(content.directory, [path for path in content.folders if path in found])
    paths = list(dict.fromkeys(found.get(path, path) for path in content.folders))
    names = (name, *other_names)
    if into is not None:
        there = plan.find(into)
    else:
        there = next(filter(None, (plan.match(each, root_path, paths) for each in names)), None)
    real_paths = set(found.values())
    directories: list[str] = []
    for path in paths:
        if path in real_paths or plan.holds(there, path):
            directories.append(path)
        elif path in content.windows:
            plan.skip(name, content.windows[path], "it is a Windows path")
        else:
            plan.skip(name, path, faults.get(path, "its file system gave no answer in time"))
    if into is None and directories:
        name = next((each for each in names if plan.find(each) is None), name)
        plan.gather(name, root_path, directories, given=there, tags=tags, note=note)
    return root_path, directories


def _root_of(directory: str, folders: Sequence[str]) -> str:
    from workspaced_client.exchange.code_workspace import root_of

    return root_of(directory, folders, os.path.join("/", os.path.expanduser("~")))
