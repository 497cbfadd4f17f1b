"""The topics of events and what each one's payload holds."""

from typing import Literal

from workspaced_protocol.models import Model, RecoveryOutcome

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


class WorkspaceCreated(Model, frozen=True):
    """Payload of `workspace.created`."""

    workspace_id: str
    name: str
    root_path: str


class WorkspaceChanged(Model, frozen=True):
    """Payload of `workspace.opened`, `closed`, `updated` and `deleted`."""

    workspace_id: str


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
    """Payload of `store.degraded` and `store.ok`: why writes fail, where they do."""

    reason: str | None = None
