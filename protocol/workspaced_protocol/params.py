"""The params of each method as structs. The order of the fields is the order by position.

A param that a release adds comes behind all that were there, `request_key` included. So a struct that gets one is
the keyword-only child of what it was before.
"""

from typing import Annotated, Final

from msgspec import Meta

from workspaced_protocol.annotations import Metadata, Tags
from workspaced_protocol.json_limits import MAX_SAFE_INTEGER
from workspaced_protocol.models import Change, Model, Revision, Workspace, WorkspaceSort, WorkspaceState

RequestKey = Annotated[str, Meta(min_length=1, max_length=128)]
Label = Annotated[str, Meta(max_length=1000)]
"""Every client may list all sessions, so none may make them long."""
Limit = Annotated[int, Meta(ge=1, le=MAX_SAFE_INTEGER)]

MAX_HISTORY_PAGE: Final = 1000
"""The most entries in an answer of `history.list`."""


class Params(Model, frozen=True):
    """The base of all params: an absent optional param is None, an unknown param is an error."""


class WriteParams(Params, frozen=True, kw_only=True):
    """The request key: writes with the same key are applied only once."""

    request_key: RequestKey | None = None


class NoParams(Params, frozen=True):
    """No params."""


class HelloParams(Params, frozen=True):
    """The client's name and its protocol version."""

    client: str
    protocol: int


class _FirstCreateParams(WriteParams, frozen=True):
    name: str
    root_path: str


class CreateParams(_FirstCreateParams, frozen=True, kw_only=True):
    """The name, the root path (absolute), the tags and the metadata of the new workspace."""

    tags: Tags | None = None
    metadata: Metadata | None = None


class TransitionParams(WriteParams, frozen=True):
    """The workspace, and the revision that it must have."""

    id: str
    if_revision: Revision | None = None


class _FirstUpdateParams(WriteParams, frozen=True):
    id: str
    name: str | None = None
    root_path: str | None = None
    if_revision: Revision | None = None


class UpdateParams(_FirstUpdateParams, frozen=True, kw_only=True):
    """The workspace to change, its new name or root path, and the revision that it must have.

    `tags` replace all its tags. `metadata` is a merge patch (RFC 7386): it changes the keys that it holds, and null
    removes a key.
    """

    tags: Tags | None = None
    metadata: Metadata | None = None


class GetParams(Params, frozen=True):
    """Either an id or a name."""

    id: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        if (self.id is None) == (self.name is None):
            raise ValueError("it takes either `id` or `name`")


class ListParams(Params, frozen=True):
    """The state and the tags that a listed workspace must have, the order, and the largest number of workspaces.

    Absent: all workspaces, by creation time.
    """

    state: WorkspaceState | None = None
    tags: tuple[str, ...] | None = None
    sort: WorkspaceSort | None = None
    limit: Limit | None = None


class ResolveParams(Params, frozen=True):
    """The absolute path of a file or a directory. It need not exist."""

    path: str


class TouchParams(Params, frozen=True):
    """The workspace that was used."""

    id: str


class HistoryParams(Params, frozen=True):
    """The id of a workspace (absent for all), a revision, and the largest number of changes.

    Only changes before the revision are listed. The number is 50 if absent, and at most 1,000.
    """

    workspace_id: str | None = None
    before: Revision | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_HISTORY_PAGE)] | None = None


class UndoParams(WriteParams, frozen=True):
    """The revision of the change to undo, and the revision that the workspace must have.

    For a deleted workspace, the latter is the revision of its deletion.
    """

    revision: Revision
    if_revision: Revision | None = None


class BindParams(WriteParams, frozen=True):
    """The workspace, and the absolute path of the directory to bind."""

    workspace_id: str
    root_path: str


class CloneParams(WriteParams, frozen=True):
    """The workspace, the repository, and the target directory.

    Without a target, the directory is named after the repository, in the workspace's root.
    """

    workspace_id: str
    git_url: str
    target_dir: str | None = None


class UnbindParams(WriteParams, frozen=True):
    """The workspace, and the project to remove from it."""

    workspace_id: str
    project_id: str


class CheckProjectsParams(WriteParams, frozen=True):
    """The workspace of the projects to check."""

    workspace_id: str


class BeginSessionParams(Params, frozen=True):
    """The workspace, a label for people, and whether the session is exclusive."""

    workspace_id: str
    label: Label | None = None
    exclusive: bool | None = None


class EndSessionParams(Params, frozen=True):
    """The session to end."""

    id: str


class ListSessionsParams(Params, frozen=True):
    """The workspace of the sessions to list; absent for all."""

    workspace_id: str | None = None


class ByIdParams(Params, frozen=True):
    """A workspace's id."""

    id: str


class ByNameParams(Params, frozen=True):
    """A workspace's name, compared without case."""

    name: str


class SaveParams(WriteParams, frozen=True):
    """The workspace to save, and the revision that the replaced workspace must have."""

    workspace: Workspace
    if_revision: Revision | None = None


class RemoveParams(WriteParams, frozen=True):
    """The id of the workspace to remove."""

    id: str


class ApplyParams(WriteParams, frozen=True):
    """The changes, applied in order, and the revision that the store must have."""

    changes: tuple[Change, ...]
    if_revision: Revision | None = None


class BackupParams(Params, frozen=True):
    """The absolute path of the new backup; absent for a backup that the daemon keeps."""

    path: str | None = None


class BackupSourceParams(Params, frozen=True):
    """The name of a backup, or the absolute path of a store's file of any version."""

    source: str


class RestoreParams(WriteParams, frozen=True):
    """The name of a backup or the absolute path of a store's file, and the revision that the store must have."""

    source: str
    if_revision: Revision | None = None


class SalvageParams(Params, frozen=True):
    """The absolute paths of the files to read; absent for the damaged files in quarantine."""

    files: Annotated[tuple[str, ...], Meta(min_length=1, max_length=64)] | None = None


class SubscribeParams(Params, frozen=True):
    """The topics (names or patterns such as `workspace.*`; absent for all), and the last revision seen."""

    topics: tuple[str, ...] | None = None
    since: Revision | None = None


class CancelParams(Params, frozen=True):
    """The id of the request to cancel."""

    id: int | str | None
