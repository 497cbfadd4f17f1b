"""Directories that become a workspace each: which are new, and names that tell them apart.

A name is the one that a person gave, or that of the directory. Where two have the same, or another workspace has it, a
longer part of the path does instead.
"""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from workspaced_client.exchange.import_plan import ImportPlan
from workspaced_client.exchange.listed import Listed, usable_tags
from workspaced_protocol.names import cleaned, is_blank, name_key


def plan_repositories(plan: ImportPlan, root: str, paths: Sequence[str]) -> None:
    """Plan each repository below `root` as a workspace, unless a workspace holds it already.

    Its name is its directory's name, or its path from `root` if that name is taken.
    """
    fresh = [path for path in paths if not _is_present(plan, path)]
    short = Counter(_key(_base(path)) for path in fresh)
    for path in fresh:
        name = _base(path)
        if path != root and (short[_key(name)] > 1 or plan.find(name) is not None):
            name = os.path.relpath(path, root)
        plan.gather(name, path, [path], given=None)


def plan_projects(plan: ImportPlan, projects: Iterable[Listed]) -> None:
    """Plan each project as a workspace, unless a workspace holds it already.

    All their paths are real paths of directories. A project with several directories gives a workspace that is there
    those that it lacks.
    """
    fresh: list[Listed] = []
    for project in projects:
        # A name that shows nothing is none.
        each = replace(project, name="") if is_blank(project.name) else project
        if len(each.paths) > 1:
            matches = (plan.match(name, each.path, each.paths) for name in _names(each))
            there = next(filter(None, matches), None)
            if there is not None:
                plan.gather(each.name, each.path, each.paths, given=there)
            else:
                fresh.append(each)
        elif not _is_present(plan, each.path, each.name):
            fresh.append(each)
    shared = Counter(_key(name) for each in fresh for name in _names(each))
    first = Counter(_key(_names(each)[0]) for each in fresh)
    given = Counter(_key(each.name) for each in fresh if each.name)
    for each in fresh:
        name, *longer = _names(each)
        # A name that a person gave beats that of a directory.
        same = given if each.name else first
        if same[_key(name)] > 1 or plan.find(name) is not None:
            free = (one for one in longer if shared[_key(one)] == 1 and plan.find(one) is None)
            name = next(free, name)
        tags, note = usable_tags(each.tags)
        plan.gather(name, each.path, each.paths, given=None, tags=tags, note=note)


def _is_present(plan: ImportPlan, path: str, name: str = "") -> bool:
    holder = plan.holder_of(path)
    if holder is not None:
        plan.present(name or _base(path), path, holder)
    return holder is not None


def _names(project: Listed) -> list[str]:
    """Return the names that a project may get, the best first: `web`, `shop/web`, `ada/shop/web`."""
    parts = project.path.strip("/").split("/")
    names = ["/".join(parts[-count:]) for count in range(1, len(parts) + 1)]
    return [project.name, *names] if project.name else names


def _key(name: str) -> str:
    return name_key(cleaned(name))


def _base(path: str) -> str:
    return os.path.basename(path) or path
