"""The params of each method, as structs: the order of the fields is their order by position."""

from typing import Annotated

from msgspec import Meta

from workspaced_protocol.models import Change, Model, Revision, Workspace, WorkspaceState

RequestKey = Annotated[str, Meta(min_length=1, max_length=128)]


class Params(Model, frozen=True):
    """What all params have in common: an absent optional one is None, an unknown one an error."""


class WriteParams(Params, frozen=True, kw_only=True):
    """Params of a method that writes. A key that the client makes is applied once, however often sent."""

    request_key: RequestKey | None = None


class NoParams(Params, frozen=True):
    """For a method that takes none."""


class HelloParams(Params, frozen=True):
    """Who the client is, and the protocol that it speaks."""

    client: str
    protocol: int


class CreateParams(WriteParams, frozen=True):
    """The new workspace's name, and its root: an absolute path."""

    name: str
    root_path: str


class TransitionParams(WriteParams, frozen=True):
    """The workspace to move to another state, and the revision it must be at."""

    id: str
    if_revision: Revision | None = None


class UpdateParams(WriteParams, frozen=True):
    """The workspace to change, what to change in it, and the revision it must be at."""

    id: str
    name: str | None = None
    root_path: str | None = None
    if_revision: Revision | None = None


class GetParams(Params, frozen=True):
    """One of the two: an id or a name."""

    id: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        if (self.id is None) == (self.name is None):
            raise ValueError("it takes either `id` or `name`")


class ListParams(Params, frozen=True):
    """The state to list, or all."""

    state: WorkspaceState | None = None


class BindParams(WriteParams, frozen=True):
    """The workspace, and the directory to bind to it: an absolute path."""

    workspace_id: str
    root_path: str


class CloneParams(WriteParams, frozen=True):
    """The workspace, what to clone, and where to: absent, below the workspace's root by the repository's name."""

    workspace_id: str
    git_url: str
    target_dir: str | None = None


class UnbindParams(WriteParams, frozen=True):
    """The workspace, and the project to take out of it."""

    workspace_id: str
    project_id: str


class CheckProjectsParams(WriteParams, frozen=True):
    """The workspace whose projects to check."""

    workspace_id: str


class BeginSessionParams(Params, frozen=True):
    """The workspace that the session works in, and a label for people."""

    workspace_id: str
    label: str | None = None


class EndSessionParams(Params, frozen=True):
    """The session to end."""

    id: str


class ListSessionsParams(Params, frozen=True):
    """The workspace whose sessions to list, or all."""

    workspace_id: str | None = None


class ByIdParams(Params, frozen=True):
    """A workspace's id."""

    id: str


class ByNameParams(Params, frozen=True):
    """A workspace's name, compared without case."""

    name: str


class SaveParams(WriteParams, frozen=True):
    """The workspace as it shall stand, and the revision that the one it replaces must be at."""

    workspace: Workspace
    if_revision: Revision | None = None


class RemoveParams(WriteParams, frozen=True):
    """The id to take out."""

    id: str


class ApplyParams(WriteParams, frozen=True):
    """The changes, applied in order, and the revision that the store must be at."""

    changes: tuple[Change, ...]
    if_revision: Revision | None = None


class BackupParams(Params, frozen=True):
    """The absolute path of the copy to make; absent: one in the daemon's own place for them."""

    path: str | None = None


class BackupSourceParams(Params, frozen=True):
    """A backup's name, or the absolute path of a store's file of any version."""

    source: str


class RestoreParams(WriteParams, frozen=True):
    """As BackupSourceParams, and the revision that the store must be at."""

    source: str
    if_revision: Revision | None = None


class SubscribeParams(Params, frozen=True):
    """The topics (names, or patterns such as `workspace.*`; absent: all), and the last revision seen."""

    topics: tuple[str, ...] | None = None
    since: Revision | None = None


class CancelParams(Params, frozen=True):
    """The id of the request to cancel."""

    id: int | str | None
