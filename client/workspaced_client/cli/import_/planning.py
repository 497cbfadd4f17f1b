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
            gathered += _plan_folders(plan, content, into)
            roots.append(content.root_path)
            continue
        if content.unknown_members:
            members = ", ".join(content.unknown_members)
            tell(f"warning: {shown(path)} has unknown members, which are not imported: {shown(members)}")
        for workspace in content.workspaces:
            plan.whole(workspace)
    if into is not None and gathered:
        above = os.path.commonpath(roots)
        plan.gather(
            into,
            roots[0] if above == os.sep else above,
            list(dict.fromkeys(gathered)),
            given=plan.find(into),
        )
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
    for path, reason in found.unreadable:
        plan.skip(os.path.basename(path), path, f"it could not be read ({reason})")


def _plan_folders(plan: "ImportPlan", content: "CodeWorkspace", into: str | None) -> list[str]:
    """Plan the workspace of a `.code-workspace` file, or return its folders for the workspace `into`."""
    from workspaced_client.exchange.directories import real_directories

    name, root_path = content.name, content.root_path
    for each in content.skipped:
        plan.skip(name, each.folder, each.reason)
    if not content.folders and not content.skipped:
        plan.skip(name, root_path, "it has no folders")
    found, faults = real_directories(content.folders)
    paths = list(dict.fromkeys(found.get(path, path) for path in content.folders))
    there = plan.find(into) if into is not None else plan.match(name, root_path, paths)
    directories: list[str] = []
    for path in paths:
        if path not in faults or plan.holds(there, path):
            directories.append(path)
        else:
            plan.skip(name, path, faults[path])
    if into is not None:
        return directories
    if directories:
        plan.gather(name, root_path, directories, given=there)
    return []
