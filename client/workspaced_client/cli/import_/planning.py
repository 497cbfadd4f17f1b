"""The plan of an import: the content of the files and the repositories of a scan, put together."""

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workspaced_client import Workspace
from workspaced_client.cli.base.output import shown, tell

if TYPE_CHECKING:  # loaded by the commands that need it
    from workspaced_client.exchange.code_workspace import CodeWorkspace
    from workspaced_client.exchange.import_plan import ImportPlan
    from workspaced_client.exchange.scan import Found
    from workspaced_client.exchange.stores import Workspaces


def plan_import(
    current: Sequence[Workspace],
    contents: "Sequence[tuple[str, Workspaces | CodeWorkspace]]",
    found: "tuple[str, Found] | None",
    into: str | None,
) -> "ImportPlan":
    """Return the plan against the store's `current` workspaces.

    `contents` are files with their paths, `found` is a scanned directory with its repositories. `into` is the
    workspace that gets all of it, if the user gave one.
    """
    from workspaced_client.exchange.directories import real_directories_in_time
    from workspaced_client.exchange.import_plan import ImportPlan
    from workspaced_client.exchange.stores import Workspaces

    gathers = found is not None or any(not isinstance(content, Workspaces) for _, content in contents)
    stored = {each.root_path for one in current for each in one.projects} if gathers else set[str]()
    real_paths, _ = real_directories_in_time(sorted(stored))
    plan = ImportPlan(current, time.time_ns() // 1_000_000, real_paths)
    gathered: list[str] = []
    roots: list[str] = []
    if found is not None:
        _plan_scan(plan, *found, gathers=gathered if into is not None else None)
        roots.append(found[0])
    for path, content in contents:
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
    if into is not None and gathered:
        plan.gather(into, _root_of(roots[0], roots), list(dict.fromkeys(gathered)), given=plan.find(into))
    return plan


def _plan_scan(plan: "ImportPlan", root: str, found: "Found", gathers: list[str] | None) -> None:
    """Plan each repository as a workspace of its own, or add its path to `gathers`."""
    paths: list[str] = []
    for path in found.repositories:
        try:
            path.encode()  # JSON can't hold a name that is not UTF-8
            paths.append(path)
        except UnicodeEncodeError:
            plan.skip(os.path.basename(path), path, "its path is not UTF-8")
    if gathers is None:
        plan.repositories(root, paths)
    else:
        gathers += paths
    for path, reason in found.left_out:
        plan.skip(os.path.basename(path.removesuffix("/.git")), path, reason)


def _plan_folders(plan: "ImportPlan", content: "CodeWorkspace", into: str | None) -> tuple[str, list[str]]:
    """Plan the workspace of a `.code-workspace` file; return its root and its folders, for the workspace `into`."""
    from workspaced_client.exchange.directories import real_directories_in_time

    name = content.name
    for each in content.left_out:
        plan.skip(each.name, each.path, each.reason)
    if not content.folders and not content.left_out:
        plan.skip(name, content.directory, "it has no folders")
    found, faults = real_directories_in_time(content.folders)
    root_path = _root_of(content.directory, [path for path in content.folders if path in found])
    paths = list(dict.fromkeys(found.get(path, path) for path in content.folders))
    there = plan.find(into) if into is not None else plan.match(name, root_path, paths)
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
        plan.gather(name, root_path, directories, given=there)
    return root_path, directories


def _root_of(directory: str, folders: Sequence[str]) -> str:
    from workspaced_client.exchange.code_workspace import root_of

    return root_of(directory, folders, os.path.join("/", os.path.expanduser("~")))
