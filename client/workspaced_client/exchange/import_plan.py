"""The changes of an import to the store, and the reasons for the things it leaves out.

An import adds workspaces, and projects to existing workspaces. It never overwrites or removes anything. It
recognises what the store holds already: the same import a second time has nothing to do.
"""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from msgspec import structs

from workspaced_client._core.machines import place_of
from workspaced_protocol.models import Change, ProjectBinding, Workspace
from workspaced_protocol.names import cleaned, is_blank, name_key
from workspaced_protocol.ulids import Ulids

Fate = Literal["added", "changed", "present", "skipped"]


@dataclass(frozen=True)
class Entry:
    """The fate of one thing to import; `reason` is given if it is present or skipped."""

    fate: Fate
    name: str
    path: str
    reason: str = ""
    projects: tuple[str, ...] = ()
    """The paths of the projects that the import adds."""
    is_whole: bool = False
    """Whether it is a complete workspace from a file, with its own projects."""
    id: str | None = None
    """The id of the workspace that holds it, or will hold it."""
    note: str = ""
    """What the import changes of it."""
    tags: tuple[str, ...] = ()
    """The tags of a new workspace."""


class ImportPlan:
    """An import in the making, against the workspaces in the store.

    `real_paths` gives the real path for each stored path of a project that leads through symbolic links. `here` is this
    machine: a directory of another one is not one of these, though their paths may be the same.
    """

    def __init__(
        self,
        current: Sequence[Workspace],
        now_ms: int,
        real_paths: Mapping[str, str] | None = None,
        here: str | None = None,
    ) -> None:
        self.entries: list[Entry] = []
        """The fate of each thing, in the order of planning."""
        self.remarks: list[str] = []
        """Sentences on the import as a whole, such as which files were read."""
        self._now_ms = now_ms
        self._real_paths = real_paths or {}
        self._here = here
        self._ulids = Ulids(lambda: time.time_ns() // 1_000_000)
        self._before = {workspace.id: workspace for workspace in current}
        self._by_id = dict(self._before)
        self._ids: dict[str, str] = {}
        self._holders: dict[str, str] = {}
        for workspace in current:
            self._note(workspace)

    @property
    def added(self) -> list[Workspace]:
        """The new workspaces, as they will be."""
        return [each for id_, each in self._by_id.items() if id_ not in self._before]

    @property
    def changed(self) -> list[Workspace]:
        """The existing workspaces with more projects, as they will be."""
        return [each for id_, each in self._by_id.items() if self._before.get(id_, each) is not each]

    @property
    def changes(self) -> list[Change]:
        """The changes to apply."""
        return [Change(save=workspace) for workspace in (*self.added, *self.changed)]

    def skip(self, name: str, path: str, reason: str) -> None:
        """Note a thing that is not imported."""
        self.entries.append(Entry("skipped", name, path, reason))

    def find(self, given: str) -> Workspace | None:
        """Return the workspace with this id or name, as planned so far; None also for a deleted one."""
        found = self._by_id.get(given)
        if found is not None and found.state != "deleted":
            return found
        id_ = self._ids.get(name_key(given)) or self._ids.get(name_key(cleaned(given)))
        return self._by_id[id_] if id_ else None

    def holder_of(self, path: str) -> Workspace | None:
        """Return the workspace that has this directory, as planned so far."""
        id_ = self._holders.get(path)
        return self._by_id[id_] if id_ else None

    def holds(self, workspace: Workspace | None, path: str) -> bool:
        """Return whether the workspace has this directory already."""
        return workspace is not None and path in self._paths_of(workspace)

    def whole(self, workspace: Workspace) -> None:
        """Plan a workspace with its id, times and projects from a file."""
        given, path = workspace.name, self._place(workspace)
        name = cleaned(given)
        same = self._by_id.get(workspace.id)
        holder = self.find(given)
        if same is None and holder is not None and self._place(holder) == path:
            same = holder
        if same is not None:
            self._extend_by(same, workspace)
        elif workspace.state == "deleted":
            self.skip(name, path, "it was deleted")
        elif is_blank(name):
            fault = "a name that shows nothing" if given.strip() else "no name"
            self.skip(given, path, f"{workspace.id} has {fault}: give it one in the file")
        elif not os.path.isabs(workspace.root_path) or "\0" in path:
            self.skip(name, path, f"the root path of {workspace.id} is not an absolute path")
        elif holder is not None:
            self.skip(name, path, self._taken(holder))
        else:
            workspace = structs.replace(workspace, name=name, projects=self._each_once(workspace))
            self._add(workspace, given, is_whole=True)

    def match(self, name: str, root_path: str, directories: Sequence[str]) -> Workspace | None:
        """Return the workspace that a file of this name describes, if there is one.

        It has the name, and the root or one of the directories. Or it was renamed: it has exactly these
        directories.
        """
        holder = self.find(name)
        if holder is not None:
            known = self._paths_of(holder)
            if self._place(holder) == root_path or not known.isdisjoint(directories):
                return holder
        wanted = set(directories)
        for workspace in self._by_id.values():
            paths = {self._real_paths.get(path, path) for path in map(self._place, workspace.projects)}
            if workspace.state != "deleted" and (paths or {self._place(workspace)}) == wanted:
                return workspace
        return None

    def present(self, name: str, path: str, holder: Workspace) -> None:
        """Note a directory that a workspace holds already."""
        reason = f"it is in “{holder.name}” already"
        self.entries.append(Entry("present", name, path, reason, id=holder.id))

    def gather(
        self,
        name: str,
        root_path: str,
        directories: Sequence[str],
        *,
        given: Workspace | None,
        tags: tuple[str, ...] = (),
        note: str = "",
    ) -> None:
        """Plan directories as projects of `given`, or of a new workspace with this name, root and tags."""
        if given is not None:
            known = self._held_beside(given, directories)
            missing = [path for path in directories if path not in known]
            self._extend(given, tuple(self._binding(given.id, path) for path in missing))
            return
        given_name, name = name, cleaned(name)
        if is_blank(name):
            self.skip(
                given_name, root_path, "its name is blank; --into binds it to a workspace of your choice"
            )
            return
        holder = self.find(name)
        if holder is not None:
            self.skip(
                name, root_path, f"{self._taken(holder)}; --into binds it to a workspace of your choice"
            )
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
                tags=tags,
            ),
            given_name,
            note=note,
        )

    def _add(self, workspace: Workspace, given_name: str, *, is_whole: bool = False, note: str = "") -> None:
        self._put(workspace)
        paths = tuple(map(self._place, workspace.projects))
        self.entries.append(
            Entry(
                "added",
                workspace.name,
                self._place(workspace),
                projects=paths,
                is_whole=is_whole,
                id=workspace.id,
                note="; ".join(filter(None, (_note_on(given_name, workspace.name), note))),
                tags=() if is_whole else workspace.tags,
            )
        )

    def _extend_by(self, there: Workspace, workspace: Workspace) -> None:
        if there.state == "deleted":
            self.skip(workspace.name, self._place(workspace), f"{there.id} is deleted in the store")
            return
        if workspace.state == "deleted":
            self.skip(workspace.name, self._place(workspace), "it was deleted")
            return
        self._extend(there, self._missing(there, workspace))

    def _extend(self, there: Workspace, projects: tuple[ProjectBinding, ...]) -> None:
        if not projects:
            reason = "it is there already"
            self.entries.append(Entry("present", there.name, self._place(there), reason, id=there.id))
            return
        updated_at = max(there.updated_at, self._now_ms)
        self._put(structs.replace(there, projects=(*there.projects, *projects), updated_at=updated_at))
        paths = tuple(map(self._place, projects))
        self.entries.append(Entry("changed", there.name, self._place(there), projects=paths, id=there.id))

    def _each_once(self, workspace: Workspace) -> tuple[ProjectBinding, ...]:
        """Return its projects without duplicate ids: a workspace can't hold a project twice."""
        projects: dict[str, ProjectBinding] = {}
        for project in workspace.projects:
            if projects.setdefault(project.id, project) is not project:
                self.skip(
                    workspace.name, self._place(project), f"{project.id} appears twice in {workspace.id}"
                )
        return tuple(projects.values())

    def _missing(self, there: Workspace, workspace: Workspace) -> tuple[ProjectBinding, ...]:
        """Return the projects that `there` lacks, by id and by path, as projects of `there`."""
        ids = {project.id for project in there.projects}
        paths = self._held_beside(there, [self._place(project) for project in workspace.projects])
        missing: list[ProjectBinding] = []
        for project in workspace.projects:
            place = self._place(project)
            if project.id in ids or place in paths:
                continue
            ids.add(project.id)
            paths.add(place)
            missing.append(structs.replace(project, workspace_id=there.id))
        return tuple(missing)

    def _paths_of(self, workspace: Workspace) -> set[str]:
        """Return the directories it holds: its projects, or its root if it has none."""
        paths = set(map(self._place, workspace.projects)) or {self._place(workspace)}
        return paths | {self._real_paths.get(path, path) for path in paths}

    def _held_beside(self, workspace: Workspace, wanted: Sequence[str]) -> set[str]:
        """Return the directories it holds before it gets those that are `wanted`.

        A root counts only as long as there are no projects: beside its first project, it must become one, too.
        """
        held = self._paths_of(workspace)
        return held if workspace.projects or held.issuperset(wanted) else set()

    def _put(self, workspace: Workspace) -> None:
        self._by_id[workspace.id] = workspace
        self._note(workspace)

    def _note(self, workspace: Workspace) -> None:
        if workspace.state == "deleted":
            return
        # The oldest comes first. It has the name if an older app's store holds the name twice.
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
        return f"{prefix}_{self._ulids.new()}"

    def _place(self, place: Workspace | ProjectBinding) -> str:
        """Return its path. One on another machine is no path of this one: `devbox:/srv/web`."""
        return place_of(place, self._here)

    def _taken(self, holder: Workspace) -> str:
        return f"the name is taken by “{holder.name}” at {self._place(holder)}"


def _note_on(given: str, name: str) -> str:
    """Return what was changed of a name, as no workspace may be given it otherwise; nothing if it is the same."""
    if given.strip() != name:
        return f"named “{given}” there; control characters became a space"
    return f"named “{given}” there; the white space at the ends is left out" if given != name else ""
