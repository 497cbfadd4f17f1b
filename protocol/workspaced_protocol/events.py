"""Events: the topics, the payload of each topic and the notification."""

from collections.abc import Mapping
from typing import Final, Literal, get_args

from msgspec import Raw, field

from workspaced_protocol.models import (
    Model,
    Peer,
    ProjectStatus,
    RecoveryOutcome,
    Revision,
    TimeMs,
    Unreachable,
    Workspace,
)

Topic = Literal[
    "workspace.created",
    "workspace.opened",
    "workspace.closed",
    "workspace.updated",
    "workspace.deleted",
    "project.bound",
    "project.unbound",
    "project.statusChanged",
    "session.began",
    "session.ended",
    "store.recovered",
    "store.dataLoss",
    "store.degraded",
    "store.ok",
]

TOPICS: Final[tuple[str, ...]] = get_args(Topic)

GAP: Final = "events.gap"
"""The topic of the event that tells a subscriber of missed events; its payload is `EventsMissed`."""


class EventNotification(Model, frozen=True, kw_only=True):
    """The params of an `event` notification.

    `sequence` rises by one per topic while the daemon runs, replayed events included. `revision` is the store's
    revision; an event of a session or of the store's health has the revision of the last change before it.
    `timestamp` is in Unix milliseconds. `peer` is the client that caused the event, absent if the daemon caused it;
    then `correlationId` is empty.
    """

    topic: str
    revision: Revision
    sequence: int
    timestamp: TimeMs
    correlation_id: str
    peer: Peer | None = None
    payload: Raw


class EventsMissed(Model, frozen=True):
    """Payload of `events.gap`: the first and the last revision whose events were missed."""

    from_: Revision = field(name="from")
    to: Revision


class Changed(Model, frozen=True, kw_only=True):
    """The members of every payload about a change.

    `workspace` is the workspace after the change, `previous` the one before it, null if there was none. `by` is the
    client that made the change. Daemons of earlier releases do not tell these.
    """

    workspace: Workspace | None = None
    previous: Workspace | None = None
    by: Peer | None = None


class WorkspaceCreated(Changed, frozen=True):
    """Payload of `workspace.created`."""

    workspace_id: str
    name: str
    root_path: str


class WorkspaceChanged(Changed, frozen=True):
    """Payload of `workspace.opened`, `closed`, `updated` and `deleted`."""

    workspace_id: str


class ProjectBound(Changed, frozen=True):
    """Payload of `project.bound`."""

    workspace_id: str
    project_id: str
    root_path: str
    git_url: str | None = None


class ProjectUnbound(Changed, frozen=True):
    """Payload of `project.unbound`."""

    workspace_id: str
    project_id: str


class ProjectStatusChanged(Changed, frozen=True):
    """Payload of `project.statusChanged`: `reason` says why the project became stale."""

    workspace_id: str
    project_id: str
    status: ProjectStatus
    reason: Unreachable | None = None


class SessionChanged(Model, frozen=True):
    """Payload of `session.began` and `session.ended`."""

    session_id: str
    workspace_id: str


class StoreRecovered(Model, frozen=True):
    """Payload of `store.recovered` and `store.dataLoss`."""

    outcome: RecoveryOutcome
    reason: str
    quarantined: tuple[str, ...]


class StoreChanged(Model, frozen=True):
    """Payload of `store.degraded` and `store.ok`: `reason` says why writes fail, absent in `store.ok`."""

    reason: str | None = None


PAYLOADS: Final[Mapping[str, type[Model]]] = {
    "workspace.created": WorkspaceCreated,
    "workspace.opened": WorkspaceChanged,
    "workspace.closed": WorkspaceChanged,
    "workspace.updated": WorkspaceChanged,
    "workspace.deleted": WorkspaceChanged,
    "project.bound": ProjectBound,
    "project.unbound": ProjectUnbound,
    "project.statusChanged": ProjectStatusChanged,
    "session.began": SessionChanged,
    "session.ended": SessionChanged,
    "store.recovered": StoreRecovered,
    "store.dataLoss": StoreRecovered,
    "store.degraded": StoreChanged,
    "store.ok": StoreChanged,
}
"""The payload type of each topic."""
