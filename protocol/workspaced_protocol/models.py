"""The things that the daemon keeps and tells about, as frozen structs with their JSON names.

Times are Unix milliseconds. Each struct refuses members it does not know, so that a misspelt one
is an error and not a loss; `unknown.decode` reads what a newer release may have added to.
"""

import re
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, field

# The largest integer that JavaScript, and so any JSON reader, holds exactly (RFC 8259, section 6).
MAX_SAFE_INTEGER = 2**53 - 1

# `$(?!\n)`: Python's `$` alone would also match before a final newline; ECMAScript reads it the same.
_WORKSPACE_ID: Final = r"^ws_[A-Za-z0-9_-]{1,128}$(?!\n)"
_PROJECT_ID: Final = r"^proj_[A-Za-z0-9_-]{1,128}$(?!\n)"
WorkspaceId = Annotated[str, Meta(pattern=_WORKSPACE_ID)]
ProjectId = Annotated[str, Meta(pattern=_PROJECT_ID)]

# The same for what there are hundreds of: msgspec takes longer for a pattern than for all else in a workspace.
# So `Workspace` checks its own ids and those of its projects, and here the schema alone tells of them.
_WorkspaceId = Annotated[str, Meta(extra_json_schema={"pattern": _WORKSPACE_ID})]
_ProjectId = Annotated[str, Meta(extra_json_schema={"pattern": _PROJECT_ID})]
_is_workspace_id = re.compile(_WORKSPACE_ID).match
_is_project_id = re.compile(_PROJECT_ID).match

WRONG_WORKSPACE_ID: Final = "expected ws_, then 1 to 128 of - _ A-Z a-z 0-9"
WRONG_PROJECT_ID: Final = "expected proj_, then 1 to 128 of - _ A-Z a-z 0-9"
TimeMs = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
Revision = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]

WorkspaceState = Literal["active", "closed", "deleted"]
ProjectStatus = Literal["active", "stale"]
Unreachable = Literal["missing", "notADirectory", "permission", "timedOut", "unusable"]
"""Why a project's directory can't be worked in; `unusable` is whatever the others are not."""
RecoveryOutcome = Literal["fresh", "clean", "recovered", "dataLoss"]
StoreState = Literal["ok", "degraded", "readOnly"]


class Model(Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """What all of these share: frozen, camelCase on the wire, absent where None.

    They hold no cycles, so the garbage collector need not look at them: at 10,000 workspaces that are
    100,000 objects.
    """


class ProjectBinding(Model, frozen=True, kw_only=True):
    """A directory, or a git clone, that belongs to a workspace."""

    id: _ProjectId
    workspace_id: _WorkspaceId
    root_path: str
    git_url: str | None = None
    status: ProjectStatus
    bound_at: TimeMs


class Workspace(Model, frozen=True, kw_only=True):
    """A name, a root path and a lifecycle state, with the projects bound to it."""

    id: _WorkspaceId
    name: str
    root_path: str
    state: WorkspaceState
    created_at: TimeMs
    updated_at: TimeMs
    # A factory, and not 0: msgspec leaves out a field that equals a plain default.
    revision: Revision = field(default_factory=int)
    """The store's revision at the last change of this workspace; set by the store alone."""
    projects: tuple[ProjectBinding, ...]

    def __post_init__(self) -> None:
        # Also where one is made: what could not be read again must not be written.
        if not _is_workspace_id(self.id):
            raise _wrong(WRONG_WORKSPACE_ID, "id")
        for index, project in enumerate(self.projects):
            if not _is_project_id(project.id):
                raise _wrong(WRONG_PROJECT_ID, f"projects[{index}].id")
            if project.workspace_id != self.id and not _is_workspace_id(project.workspace_id):
                raise _wrong(WRONG_WORKSPACE_ID, f"projects[{index}].workspaceId")


def _wrong(problem: str, path: str) -> ValueError:
    # In the words that msgspec has for a path; it sets that of the workspace behind it (`problem_at` joins them).
    return ValueError(f"{problem} - at `$.{path}`")


class Session(Model, frozen=True):
    """An app at work in a workspace; it ends with the app's connection."""

    id: str
    workspace_id: WorkspaceId
    label: str | None
    pid: int
    started_at: TimeMs


class Hello(Model, frozen=True):
    """The answer to `daemon.hello`."""

    server: str
    version: str
    protocol: int
    capabilities: tuple[str, ...]


class RecoveryStatus(Model, frozen=True):
    """What the start found in the store's files, and whether a user has been told."""

    outcome: RecoveryOutcome
    quarantined: tuple[str, ...]
    acknowledged: bool
    reason: str | None = None
    occurred_at: TimeMs | None = None


class StoreStatus(Model, frozen=True):
    """Whether writes succeed: `degraded` after one failed, `readOnly` until the files are repaired."""

    state: StoreState
    last_error: str | None = None


class CommitStatistics(Model, frozen=True):
    """Commits since the start; the percentiles are over the newest of them, in milliseconds."""

    count: int
    requests: int
    p50_ms: float
    p95_ms: float


class DaemonStatus(Model, frozen=True):
    """The answer to `daemon.status`."""

    version: str
    protocol: int
    pid: int
    data_dir: str
    socket: str
    started_at: TimeMs
    revision: Revision
    workspaces: int
    sessions: int
    connections: int
    recovery: RecoveryStatus
    store: StoreStatus
    commits: CommitStatistics


class RequestInFlight(Model, frozen=True):
    """A request that has no answer yet, and how long ago it came, in milliseconds."""

    method: str
    for_ms: int


class InFlight(Model, frozen=True):
    """How many requests have no answer yet, and the oldest of them, at most ten."""

    count: int
    oldest: tuple[RequestInFlight, ...]


class Subscribed(Model, frozen=True):
    """The topics and patterns that events are sent for; absent: all."""

    topics: tuple[str, ...] | None = None


class ConnectedClient(Model, frozen=True, kw_only=True):
    """A connection: the process at its other end, what it has asked, and what it holds.

    `program` is what it called itself in `daemon.hello`, cut to 100 characters; absent where it has not.
    `sessions` are the ids of those that it began, `subscription` is absent where it has none.
    """

    connection: int
    pid: int
    uid: int
    program: str | None = None
    connected_at: TimeMs
    requests: int
    in_flight: InFlight
    subscription: Subscribed | None = None
    sessions: tuple[str, ...]


class FileCheck(Model, frozen=True):
    """One of the store's files as it is on the disk now.

    `reason` says why it is corrupted; of one that is not, that it is missing, unreadable, or written by a
    newer release.
    """

    corrupted: bool
    reason: str | None = None


class StoreCheck(Model, frozen=True):
    """The answer to `store.check`."""

    primary: FileCheck
    snapshot: FileCheck


class Progress(Model, frozen=True):
    """The params of a `$/progress` notification: how far the request of this id has come.

    `percent` is that of the phase, absent where it can't be told; `message` is a line for a person.
    """

    id: int | str | None
    phase: str
    percent: int | None
    message: str


class StoreRevision(Model, frozen=True):
    """The store's revision after a write."""

    revision: Revision


class StoreDifference(Model, frozen=True):
    """What a restore would do to the store, which is at `revision`."""

    revision: Revision
    added: tuple[Workspace, ...]
    changed: tuple[Workspace, ...]
    """As they would be afterwards."""
    removed: tuple[Workspace, ...]


class Backup(Model, frozen=True):
    """A copy of the store: where it is, when it was made, and the revision that it holds."""

    name: str
    path: str
    made_at: TimeMs
    revision: Revision


class Salvage(Model, frozen=True):
    """The workspaces that stand whole in the files that a recovery set aside."""

    workspaces: tuple[Workspace, ...]
    files: tuple[str, ...]


class Change(Model, frozen=True):
    """One change of the store: `save` puts a workspace in place, `remove` takes an id out."""

    save: Workspace | None = None
    remove: WorkspaceId | None = None

    def __post_init__(self) -> None:
        if (self.save is None) == (self.remove is None):
            raise ValueError("a change holds either `save` or `remove`")
