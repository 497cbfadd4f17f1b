"""The commands on projects: bind, unbind, and the check that makes them stale or active.

Paths are checked before a command is made, and the command gets the facts as data: it runs in the writer,
where nothing but a commit may wait for a disk. Each change has its own revision, so that a subscriber can
resume after any of them.
"""

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import structs

from workspaced.domain import workspaces
from workspaced.domain.commands import Command, later, require_workspace, saved
from workspaced.domain.errors import DuplicateProject, InvalidState, NotFound, PathUnreachable
from workspaced.domain.machines import ALONE, Here
from workspaced.domain.outcome import Outcome
from workspaced.domain.state import State
from workspaced_protocol.models import Change, ProjectBinding, ProjectStatus, Unreachable, Workspace
from workspaced_protocol.urls import told


class Reachable(NamedTuple):
    """A directory that the daemon can read."""

    real_path: str | None
    """Its path with all symbolic links resolved, if that was asked for."""
    identity: tuple[int, int]
    """Its device and inode, which do not depend on the path."""


class Unreached(NamedTuple):
    """A path without a directory that the daemon can read."""

    reason: Unreachable
    problem: str
    """A predicate that follows the path in a sentence, such as “does not exist”."""


PathFacts = Mapping[str, Reachable | Unreached]
"""The result of the check of each path."""


def bind(
    workspace_id: str,
    project_id: str,
    root_path: str,
    git_url: str | None,
    facts: PathFacts,
    now_ms: int,
    here: Here = ALONE,
) -> Command:
    """Bind a directory of this machine; `facts` are those of its path and of this machine's paths that are bound."""

    def command(state: State) -> Outcome:
        workspace = require_changeable(state, workspace_id)
        found = facts[root_path]
        if isinstance(found, Unreached):
            raise PathUnreachable(root_path, found.reason, found.problem)
        if found.real_path is None:
            raise ValueError("a bind needs the real path of its directory")
        try:
            found.real_path.encode()
        except UnicodeEncodeError as error:  # JSON can't represent it
            problem = "leads to a name that is not UTF-8"
            raise PathUnreachable(root_path, "unusable", problem) from error
        for project in filter(here.has, workspace.projects):
            known = facts.get(project.root_path)
            is_same = isinstance(known, Reachable) and known.identity == found.identity
            if is_same or project.root_path == found.real_path:
                raise DuplicateProject(found.real_path, project.id)
        project = ProjectBinding(
            id=project_id,
            workspace_id=workspace_id,
            root_path=found.real_path,
            git_url=git_url,
            status="active",
            bound_at=now_ms,
            machine=here.mark,
        )
        return saved(_with_projects(workspace, (*workspace.projects, project), state.revision + 1, now_ms))

    return command


def unbind(workspace_id: str, project_id: str, now_ms: int) -> Command:
    """Remove a project from its workspace; the directory itself stays."""

    def command(state: State) -> Outcome:
        workspace = require_changeable(state, workspace_id)
        kept = tuple(project for project in workspace.projects if project.id != project_id)
        if len(kept) == len(workspace.projects):
            raise NotFound(
                f"Workspace {workspace_id} has no project {told(project_id)}.", id=told(project_id)
            )
        return saved(_with_projects(workspace, kept, state.revision + 1, now_ms))

    return command


def check(workspace_id: str, facts: PathFacts, now_ms: int, here: Here = ALONE) -> Command:
    """Make each project of this machine stale or active by the facts of its path."""

    def command(state: State) -> Outcome:
        workspace = require_changeable(state, workspace_id)
        return _checked(workspace, state.revision, facts, now_ms, here)

    return command


def open_(
    workspace_id: str, if_revision: int | None, facts: PathFacts, now_ms: int, here: Here = ALONE
) -> Command:
    """Open a closed workspace, then make each of its projects on this machine stale or active."""
    opening = workspaces.open_(workspace_id, if_revision, now_ms)

    def command(state: State) -> Outcome:
        workspace = opening(state).changes[-1].save
        if workspace is None:
            raise ValueError("an open must save its workspace")
        return _checked(workspace, workspace.revision, facts, now_ms, here, changes_before=1)

    return command


def as_it_is(workspace_id: str) -> Command:
    """Change nothing; the result is the workspace, or None."""
    return lambda state: Outcome(state.get(workspace_id))


def _checked(
    workspace: Workspace,
    revision: int,
    facts: PathFacts,
    now_ms: int,
    here: Here,
    *,
    changes_before: int = 0,
) -> Outcome:
    """Return the outcome of a check of this workspace, to which `changes_before` changes lead, the last with `revision`.

    Each project whose status differs is one more change. A project without facts keeps its status: it was bound after
    the check, or no thread was free to check its path. So does a project of another machine, which alone can look at it.
    """
    bound = list(workspace.projects)
    reasons: dict[str, Unreachable] = {}
    status_changes = 0
    for index, project in enumerate(bound):
        found = facts.get(project.root_path)
        if found is None or not here.has(project):
            continue
        reason = found.reason if isinstance(found, Unreached) else None
        status: ProjectStatus = "stale" if reason else "active"
        if status == project.status:
            continue
        status_changes += 1
        bound[index] = structs.replace(project, status=status)
        if reason is not None:
            reasons[project.id] = reason
    if status_changes:
        workspace = _with_projects(workspace, tuple(bound), revision + status_changes, now_ms)
    # Each change has its own revision, but all share the last content: a copy for each would cost O(n²) memory.
    changes = (Change(save=workspace),) * (changes_before + status_changes)
    return Outcome(workspace, changes, reasons or None)


def require_changeable(state: State, workspace_id: str) -> Workspace:
    """Return the workspace of this id. Raise NotFound without one, and InvalidState for a deleted one."""
    workspace = require_workspace(state, workspace_id)
    if workspace.state == "deleted":
        raise InvalidState(workspace, "active or closed", "changed")
    return workspace


def _with_projects(
    workspace: Workspace, projects: tuple[ProjectBinding, ...], revision: int, now_ms: int
) -> Workspace:
    return structs.replace(
        workspace, projects=projects, updated_at=later(workspace, now_ms), revision=revision
    )
