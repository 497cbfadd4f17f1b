"""What an import would change in the store, and why the rest is left as it is.

Nothing is ever overwritten or taken out: workspaces are added, and projects to those that are there. What is
there already is recognised, so that the same import a second time has nothing to do.
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from msgspec import structs
from ulid import ULIDGenerator

from workspaced_protocol.models import Change, ProjectBinding, Workspace
from workspaced_protocol.names import name_key

Fate = Literal["added", "changed", "present", "skipped"]


@dataclass(frozen=True)
class Entry:
    """What becomes of one thing that is to be imported; `reason` tells why, for what is present or skipped."""

    fate: Fate
    name: str
    path: str
    reason: str = ""
    projects: tuple[str, ...] = ()
    """The paths of the projects that come with it."""
    is_whole: bool = False
    """Whether the projects are those of a whole workspace, and none that were put together here."""
    id: str | None = None
    """The workspace that holds it, or will."""


class ImportPlan:
    """An import as it is put together, against the workspaces that the store holds.

    `real_paths` are those of stored projects whose path leads through symbolic links: stored path to real one.
    """

    def __init__(
        self, current: Sequence[Workspace], now_ms: int, real_paths: Mapping[str, str] | None = None
    ) -> None:
        self.entries: list[Entry] = []
        """What becomes of each thing, in the order in which it was looked at."""
        self._now_ms = now_ms
        self._real_paths = real_paths or {}
        self._ulids = ULIDGenerator()
        self._before = {workspace.id: workspace for workspace in current}
        self._by_id = dict(self._before)
        self._ids: dict[str, str] = {}
        self._holders: dict[str, str] = {}
        for workspace in current:
            self._note(workspace)

    @property
    def added(self) -> list[Workspace]:
        """The workspaces that are new, as they will be."""
        return [each for id_, each in self._by_id.items() if id_ not in self._before]

    @property
    def changed(self) -> list[Workspace]:
        """The workspaces that get more projects, as they will be."""
        return [each for id_, each in self._by_id.items() if self._before.get(id_, each) is not each]

    @property
    def changes(self) -> list[Change]:
        """What to apply."""
        return [Change(save=workspace) for workspace in (*self.added, *self.changed)]

    def skip(self, name: str, path: str, reason: str) -> None:
        """Notes what is not imported."""
        self.entries.append(Entry("skipped", name, path, reason))

    def find(self, given: str) -> Workspace | None:
        """The workspace of this id or name, with what is planned for it; None also for a deleted one."""
        found = self._by_id.get(given)
        if found is not None and found.state != "deleted":
            return found
        id_ = self._ids.get(name_key(given))
        return self._by_id[id_] if id_ else None

    def holds(self, workspace: Workspace | None, path: str) -> bool:
        """Whether the workspace has this directory already."""
        return workspace is not None and path in self._paths_of(workspace)

    def whole(self, workspace: Workspace) -> None:
        """A workspace with its id, its times and its projects as they stand in a file."""
        name, path = workspace.name, workspace.root_path
        same = self._by_id.get(workspace.id)
        holder = self.find(name)
        if same is None and holder is not None and holder.root_path == path:
            same = holder
        if same is not None:
            self._extend_by(same, workspace)
        elif workspace.state == "deleted":
            self.skip(name, path, "it was deleted")
        elif not name.strip():
            self.skip(name, path, f"{workspace.id} has no name")
        elif not os.path.isabs(path) or "\0" in path:
            self.skip(name, path, f"the root path of {workspace.id} is not an absolute path")
        elif holder is not None:
            self.skip(name, path, _taken(holder))
        else:
            self._add(structs.replace(workspace, projects=self._each_once(workspace)), is_whole=True)

    def match(self, name: str, root_path: str, directories: Sequence[str]) -> Workspace | None:
        """The workspace that a file of this name describes, if there is one.

        It has the name, and either the root or one of the directories; or else it has all of these
        directories and no others, and was renamed.
        """
        holder = self.find(name)
        if holder is not None:
            known = self._paths_of(holder)
            if holder.root_path == root_path or not known.isdisjoint(directories):
                return holder
        wanted = set(directories)
        for workspace in self._by_id.values():
            paths = {self._real_paths.get(each.root_path, each.root_path) for each in workspace.projects}
            if workspace.state != "deleted" and (paths or {workspace.root_path}) == wanted:
                return workspace
        return None

    def gather(
        self, name: str, root_path: str, directories: Sequence[str], *, given: Workspace | None
    ) -> None:
        """Directories, to be the projects of `given`, or of a new workspace of this name and root."""
        if given is not None:
            known = self._paths_of(given)
            missing = [path for path in directories if path not in known]
            self._extend(given, tuple(self._binding(given.id, path) for path in missing))
            return
        holder = self.find(name)
        if holder is not None:
            self.skip(name, root_path, f"{_taken(holder)}; --into binds it to a workspace of your choice")
            return
        id_ = self._new_id("ws")
        self._add(
            Workspace(
                id=id_,
                name=name,
                root_path=root_path,
                state="active",
                created_at=self._now_ms,
                updated_at=self._now_ms,
                projects=tuple(self._binding(id_, path) for path in directories),
            )
        )

    def repositories(self, root: str, paths: Sequence[str]) -> None:
        """Git repositories below `root`: each becomes a workspace, unless one holds it already.

        It is called by its directory's name, or by its path from `root` where two have one name.
        """
        fresh: list[str] = []
        for path in paths:
            id_ = self._holders.get(path)
            if id_ is None:
                fresh.append(path)
            else:
                reason = f"it is in “{self._by_id[id_].name}” already"
                self.entries.append(Entry("present", _base(path), path, reason, id=id_))
        short = Counter(name_key(_base(path)) for path in fresh)
        for path in fresh:
            name = _base(path)
            if path != root and (short[name_key(name)] > 1 or self.find(name) is not None):
                name = os.path.relpath(path, root)
            if name.strip():
                self.gather(name, path, [path], given=None)
            else:
                self.skip(name, path, "its name is blank; --into binds it to a workspace of your choice")

    def _add(self, workspace: Workspace, *, is_whole: bool = False) -> None:
        self._put(workspace)
        paths = tuple(project.root_path for project in workspace.projects)
        self.entries.append(
            Entry(
                "added",
                workspace.name,
                workspace.root_path,
                projects=paths,
                is_whole=is_whole,
                id=workspace.id,
            )
        )

    def _extend_by(self, there: Workspace, workspace: Workspace) -> None:
        if there.state == "deleted":
            self.skip(workspace.name, workspace.root_path, f"{there.id} is deleted in the store")
            return
        if workspace.state == "deleted":
            self.skip(workspace.name, workspace.root_path, "it was deleted")
            return
        self._extend(there, self._missing(there, workspace))

    def _extend(self, there: Workspace, projects: tuple[ProjectBinding, ...]) -> None:
        if not projects:
            reason = "it is there already"
            self.entries.append(Entry("present", there.name, there.root_path, reason, id=there.id))
            return
        updated_at = max(there.updated_at, self._now_ms)
        self._put(structs.replace(there, projects=(*there.projects, *projects), updated_at=updated_at))
        paths = tuple(project.root_path for project in projects)
        self.entries.append(Entry("changed", there.name, there.root_path, projects=paths, id=there.id))

    def _each_once(self, workspace: Workspace) -> tuple[ProjectBinding, ...]:
        """Its projects, less those whose id stood before: no workspace holds one twice."""
        projects: dict[str, ProjectBinding] = {}
        for project in workspace.projects:
            if projects.setdefault(project.id, project) is not project:
                self.skip(workspace.name, project.root_path, f"{project.id} stands twice in {workspace.id}")
        return tuple(projects.values())

    def _missing(self, there: Workspace, workspace: Workspace) -> tuple[ProjectBinding, ...]:
        """The projects that `there` lacks, by their ids and their paths, as projects of it."""
        ids = {project.id for project in there.projects}
        paths = self._paths_of(there)
        missing: list[ProjectBinding] = []
        for project in workspace.projects:
            if project.id in ids or project.root_path in paths:
                continue
            ids.add(project.id)
            paths.add(project.root_path)
            missing.append(structs.replace(project, workspace_id=there.id))
        return tuple(missing)

    def _paths_of(self, workspace: Workspace) -> set[str]:
        """The directories that it holds: its projects, or its root where it has none."""
        paths = {project.root_path for project in workspace.projects} or {workspace.root_path}
        return paths | {self._real_paths.get(path, path) for path in paths}

    def _put(self, workspace: Workspace) -> None:
        self._by_id[workspace.id] = workspace
        self._note(workspace)

    def _note(self, workspace: Workspace) -> None:
        if workspace.state == "deleted":
            return
        # The first is the oldest, which has the name where an older app's store holds it twice.
        self._ids.setdefault(name_key(workspace.name), workspace.id)
        for path in self._paths_of(workspace):
            self._holders.setdefault(path, workspace.id)

    def _binding(self, workspace_id: str, path: str) -> ProjectBinding:
        return ProjectBinding(
            id=self._new_id("proj"),
            workspace_id=workspace_id,
            root_path=path,
            status="active",
            bound_at=self._now_ms,
        )

    def _new_id(self, prefix: str) -> str:
        return f"{prefix}_{self._ulids.generate()}"


def _taken(holder: Workspace) -> str:
    return f"the name is taken by {holder.id} ({holder.root_path})"


def _base(path: str) -> str:
    return os.path.basename(path) or path
