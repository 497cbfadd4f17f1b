"""Workspaces with projects for tests, what was found at a path, and what a command comes to."""

from collections.abc import Mapping

from workspaced.domain.commands import Command
from workspaced.domain.draft import Draft
from workspaced.domain.outcome import Outcome
from workspaced.domain.projects import Reachable, Unreached
from workspaced.domain.state import State
from workspaced_protocol.models import ProjectBinding, ProjectStatus, Workspace, WorkspaceState

GONE = Unreached("missing", "does not exist")


def found(path: str, inode: int | None = None) -> Reachable:
    """A directory at `path`; those of different paths differ, unless they are given one inode."""
    return Reachable(path, (1, hash(path) if inode is None else inode))


def bound(
    *statuses: ProjectStatus, state: WorkspaceState = "active", paths: Mapping[int, str] | None = None
) -> Workspace:
    """The workspace `ws_1` with a project of each status: `proj_0` at `/p0`, unless `paths` says otherwise."""
    projects = tuple(
        ProjectBinding(
            id=f"proj_{number}",
            workspace_id="ws_1",
            root_path=(paths or {}).get(number, f"/p{number}"),
            status=status,
            bound_at=1,
        )
        for number, status in enumerate(statuses)
    )
    return Workspace(
        id="ws_1",
        name="One",
        root_path="/src",
        state=state,
        created_at=1,
        updated_at=10,
        revision=7,
        projects=projects,
    )


def state_of(workspace: Workspace) -> State:
    """A store at revision 7 that holds this workspace alone."""
    return State.of([workspace], revision=7)


def run(state: State, command: Command) -> tuple[State, Outcome]:
    """The state after the command, which has to be granted, and what it came to."""
    draft = Draft(state)
    outcome = command(draft)
    draft.apply(outcome)
    return draft.freeze(), outcome
