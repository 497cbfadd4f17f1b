"""Whose paths are whose: this machine, and the marks of machines on workspaces and projects.

A path means something on one machine only. In a store that several machines share, each workspace and each project carries
the name of the machine where its root path lies (`machine`). In a store of one machine they carry none, so nothing there
shows that there are others.
"""

from typing import Final, NamedTuple, TypeVar

from msgspec import structs

from workspaced_protocol.models import ProjectBinding, Workspace

Rooted = TypeVar("Rooted", Workspace, ProjectBinding)
"""A workspace or a project: each has a root path."""


class Here(NamedTuple):
    """This machine, as a store knows it."""

    name: str | None = None
    """Its name, if it has one: a copy of a shared store has paths under it, also in a store of one machine."""
    mark: str | None = None
    """The `machine` of its paths: its name in a store that several machines share, otherwise None."""

    def has(self, place: Workspace | ProjectBinding) -> bool:
        """Return whether the root path of this workspace or project lies on this machine."""
        return place.machine is None or place.machine == self.name

    def marked(self, workspace: Workspace, stored: Workspace | None) -> Workspace:
        """Return the workspace with the marks that it is to be stored with, in place of `stored`.

        An app may know nothing of machines. So a path without a mark keeps that of the same path in `stored`, and a new
        one lies here.
        """
        if self.mark is None and not _has_marks(workspace) and (stored is None or not _has_marks(stored)):
            return workspace  # a store of one machine: a restore may have thousands
        known = () if stored is None else stored.projects
        earlier = {project.id: project for project in known if project.machine is not None}
        projects = tuple(self._marked(project, earlier.get(project.id)) for project in workspace.projects)
        marked = self._marked(workspace, stored)
        if any(new is not old for new, old in zip(projects, workspace.projects, strict=True)):
            return structs.replace(marked, projects=projects)
        return marked

    def _marked(self, place: Rooted, stored: Rooted | None) -> Rooted:
        machine = place.machine
        if machine is None and stored is not None and stored.root_path == place.root_path:
            machine = stored.machine
        if machine is None or machine == self.name:
            machine = self.mark
        return place if machine == place.machine else structs.replace(place, machine=machine)


def _has_marks(workspace: Workspace) -> bool:
    return workspace.machine is not None or any(each.machine is not None for each in workspace.projects)


ALONE: Final = Here()
"""A machine whose store is its own, and which has no name."""


def path_with_machine(place: Workspace | ProjectBinding) -> str:
    """Return the root path for a sentence, with its machine if it has one: `devbox:/srv/web`."""
    return place.root_path if place.machine is None else f"{place.machine}:{place.root_path}"
