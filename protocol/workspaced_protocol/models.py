"""The models of the protocol and the store: frozen structs with their JSON names.

Times are Unix milliseconds. A struct refuses unknown members, so that a misspelt name is an error instead of
lost data. `unknown.decode` accepts members that a newer release added.
"""

import re
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import force_setattr

from workspaced_protocol.annotations import Metadata, Tags
from workspaced_protocol.json_limits import MAX_SAFE_INTEGER
from workspaced_protocol.urls import without_secret

NO_NEWLINE: Final = r"(?!\n)"
"""The end of each pattern: Python's `$` also matches before a final newline. Schemas for other languages do without."""

_WORKSPACE_ID: Final = f"^ws_[A-Za-z0-9_-]{{1,128}}${NO_NEWLINE}"
_PROJECT_ID: Final = f"^proj_[A-Za-z0-9_-]{{1,128}}${NO_NEWLINE}"
WorkspaceId = Annotated[str, Meta(pattern=_WORKSPACE_ID)]
ProjectId = Annotated[str, Meta(pattern=_PROJECT_ID)]

# The same ids within a workspace. msgspec takes longer for a pattern than for the rest of a workspace, and there
# may be thousands. So the structs check these ids themselves, and only the schema has the patterns.
_WorkspaceId = Annotated[str, Meta(extra_json_schema={"pattern": _WORKSPACE_ID})]
_ProjectId = Annotated[str, Meta(extra_json_schema={"pattern": _PROJECT_ID})]
_is_workspace_id = re.compile(_WORKSPACE_ID).match
_is_project_id = re.compile(_PROJECT_ID).match

WRONG_WORKSPACE_ID: Final = "expected ws_, then 1 to 128 of - _ A-Z a-z 0-9"
WRONG_PROJECT_ID: Final = "expected proj_, then 1 to 128 of - _ A-Z a-z 0-9"

# Letters, digits and marks that host names have, no more: people type the name, and `ssh` takes it as an argument.
_MACHINE: Final = f"^[A-Za-z0-9][A-Za-z0-9._-]{{0,252}}${NO_NEWLINE}"
MachineName = Annotated[str, Meta(extra_json_schema={"pattern": _MACHINE})]
"""The name of a machine, in a store that several machines share."""
WRONG_MACHINE: Final = "expected a host name: 1 to 253 of . _ - A-Z a-z 0-9, a letter or a digit first"
is_machine_name: Final = re.compile(_MACHINE).match
TimeMs = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
"""Unix milliseconds."""
Revision = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
"""A number that rises with each change of the store."""

WorkspaceState = Literal["active", "closed", "deleted"]
WorkspaceSort = Literal["created", "name", "recent"]
"""The order of a list; `recent` is by the time of the last use, newest first, never used workspaces last."""
ProjectStatus = Literal["active", "stale"]
Unreachable = Literal["missing", "notADirectory", "permission", "timedOut", "unusable"]
"""The reason why a project's directory can't be reached; `unusable` stands for all other reasons."""
RecoveryOutcome = Literal["fresh", "clean", "recovered", "dataLoss"]


# `st_` and a ULID. `$(?!\n)`: Python's `$` alone would also match before a final newline.
StoreId = Annotated[str, Meta(pattern=r"^st_[0-7][0-9A-HJKMNP-TV-Z]{25}$(?!\n)")]


class Model(Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """The base of all models: frozen, camelCase on the wire; an optional member that is None is absent.

    Models never form reference cycles, so the garbage collector does not track them. With 10,000 workspaces,
    that saves 100,000 objects. Metadata is JSON, which refers to no model.
    """


class ProjectBinding(Model, frozen=True, kw_only=True):
    """A directory, or a git clone, that belongs to a workspace. `gitUrl` never holds a secret.

    `machine` is the machine on which the directory lies; it is absent if the store belongs to one machine.
    """

    id: _ProjectId
    workspace_id: _WorkspaceId
    root_path: str
    git_url: str | None = None
    status: ProjectStatus
    bound_at: TimeMs
    machine: MachineName | None = None

    def __post_init__(self) -> None:
        # Here, and not by each workspace that holds it: a change of a workspace leaves most of its projects as they are.
        try:
            is_right = _is_project_id(self.id)
        except TypeError:  # never by decoding, which checks the types first
            raise TypeError("a ProjectBinding needs a str as its id") from None
        if not is_right:
            raise _wrong(WRONG_PROJECT_ID, "id")
        if self.machine is not None:
            _check_machine(self.machine)
        # Here and nowhere else: whatever a binding comes from (a request, a file, a backup), no secret is kept.
        if isinstance(self.git_url, str):  # code may pass another type, which the client then refuses to send
            force_setattr(self, "git_url", without_secret(self.git_url))


class Workspace(Model, frozen=True, kw_only=True):
    """A name, a root path and a lifecycle state, with the projects bound to it.

    `tags` are at most 32; those that differ only in case are one. `metadata` is a JSON object that apps share: by
    convention its keys are `app.key`, and it has at most 16 KiB as JSON. Both are absent if empty. `machine` is the machine
    on which the root path lies; it is absent if the store belongs to one machine.
    """

    id: _WorkspaceId
    name: str
    root_path: str
    state: WorkspaceState
    created_at: TimeMs
    updated_at: TimeMs
    # A factory instead of 0: msgspec omits a field that equals a plain default.
    revision: Revision = field(default_factory=int)
    """The store's revision at the last change of this workspace. Only the store sets it."""
    tags: Tags = ()
    metadata: Metadata = {}
    machine: MachineName | None = None
    projects: tuple[ProjectBinding, ...]

    def __post_init__(self) -> None:
        # Also checked for structs made by code: a workspace that can't be read again must not be written.
        try:
            if not _is_workspace_id(self.id):
                raise _wrong(WRONG_WORKSPACE_ID, "id")
            for index, project in enumerate(self.projects):
                if project.workspace_id != self.id and not _is_workspace_id(project.workspace_id):
                    raise _wrong(WRONG_WORKSPACE_ID, f"projects[{index}].workspaceId")
        except (TypeError, AttributeError):  # never by decoding, which checks the types first
            raise TypeError(
                "a Workspace needs a str as its id, and ProjectBindings as its projects"
            ) from None
        if self.machine is not None:
            _check_machine(self.machine)


def _check_machine(name: str) -> None:
    try:
        if not is_machine_name(name):
            raise _wrong(WRONG_MACHINE, "machine")
    except TypeError:  # never by decoding, which checks the types first
        raise TypeError("a machine is a str or None") from None


def _wrong(problem: str, path: str) -> ValueError:
    # In msgspec's format for a path. msgspec appends the path of the workspace, and `problem_at` joins both.
    return ValueError(f"{problem} - at `$.{path}`")


class ResolvedPath(Model, frozen=True, kw_only=True):
    """The innermost workspace or project that holds a path.

    `project` is absent if the workspace's own root path holds it. `relativePath` leads to the path from the root path
    of the project, or of the workspace; it is empty if they are the same.
    """

    workspace: Workspace
    project: ProjectBinding | None = None
    relative_path: str


class WorkspaceUsage(Model, frozen=True):
    """The last use of a workspace, and its score now.

    Each use adds 1 to the score. The score fades: after a week, half of it is left.
    """

    workspace_id: WorkspaceId
    last_used_at: TimeMs
    score: float


class Peer(Model, frozen=True):
    """The process and the user of a client. `program` is its name from `daemon.hello`, absent without a hello.

    `machine` is the machine on which it ran; it is absent if the store belongs to one machine.
    """

    pid: int
    uid: int
    program: str | None = None
    machine: MachineName | None = None


class HistoryEntry(Model, frozen=True):
    """One change of a workspace.

    `before` and `after` are the workspace before and after the change, null if there was none. `by` is the client that
    made the change, `method` its request, `at` the time, and `name` the name of the workspace then. `revision` is the
    store's revision after the change; a change of several projects takes several revisions, and this is the last of
    them. `correlationId` is also that of the change's events.
    """

    revision: Revision
    at: TimeMs
    method: str
    workspace_id: str
    name: str
    before: Workspace | None
    after: Workspace | None
    by: Peer
    correlation_id: str


class Session(Model, frozen=True):
    """A session of an app in a workspace. It ends with the app's connection.

    `exclusive` is absent unless it is true: then no other exclusive session can begin in the workspace meanwhile.
    `machine` is the app's machine, absent where the store is not shared with others.
    """

    id: str
    workspace_id: WorkspaceId
    label: str | None
    pid: int
    started_at: TimeMs
    exclusive: bool = False
    machine: MachineName | None = None


class FileCheck(Model, frozen=True):
    """The state of one of the store's files on the disk.

    `reason` says why the file is corrupted. For a file that is not corrupted, it says that the file is missing,
    unreadable, written by a newer release, or valid but not what the daemon holds (edited, or another store's).
    """

    corrupted: bool
    reason: str | None = None


class StoreCheck(Model, frozen=True):
    """The answer to `store.check`.

    Of a SQLite store, `primary` is the database with its log. It has no snapshot: there the `reason` of `snapshot` begins
    with `none`.
    """

    primary: FileCheck
    snapshot: FileCheck


WARNING_PHASE: Final = "Warning"
"""The phase of a `$/progress` that warns of something beside the task, which goes on."""


class Progress(Model, frozen=True):
    """The params of a `$/progress` notification: the progress of the request with this id.

    `percent` is the progress of the phase, null if it is unknown. `message` is a line for people. The phase
    “Warning” is no progress: its message tells of something that failed beside the task.
    """

    id: int | str | None
    phase: str
    percent: int | None
    message: str


class StoreRevision(Model, frozen=True):
    """The store's revision after a write."""

    revision: Revision


class StoreDifference(Model, frozen=True):
    """The changes that a restore would make to the store at `revision`."""

    revision: Revision
    added: tuple[Workspace, ...]
    changed: tuple[Workspace, ...]
    """The workspaces as they would be after the restore."""
    removed: tuple[Workspace, ...]


class Backup(Model, frozen=True):
    """A backup of the store: its name, its path, its time and its revision."""

    name: str
    path: str
    made_at: TimeMs
    revision: Revision


class Salvage(Model, frozen=True):
    """The workspaces that are whole in damaged files, the newest version of each, and the files that were read."""

    workspaces: tuple[Workspace, ...]
    files: tuple[str, ...]


class Change(Model, frozen=True):
    """A change of the store: `save` is a workspace to save, `remove` the id of one to remove."""

    save: Workspace | None = None
    remove: WorkspaceId | None = None

    def __post_init__(self) -> None:
        if (self.save is None) == (self.remove is None):
            raise ValueError("a change has either `save` or `remove`")
