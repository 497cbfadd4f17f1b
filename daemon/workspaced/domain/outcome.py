"""The outcome of a command: its result, and the changes that a draft applies."""

from collections.abc import Mapping

from msgspec import Struct

from workspaced.domain.entries import Event
from workspaced.domain.records import OwnedSession
from workspaced_protocol.models import Change, Unreachable


class Outcome(Struct, frozen=True):
    """The outcome of a command: its result and its changes.

    `changes` are applied in order, each with its own revision. Several that are the same object are one change of the
    history, for several projects.
    """

    result: object
    changes: tuple[Change, ...] = ()
    reasons: Mapping[str, Unreachable] | None = None
    """Why projects became stale, by project id."""
    events: tuple[Event, ...] = ()
    """The events beside those of its changes (`entries.events_of`)."""
    begun: OwnedSession | None = None
    ended: tuple[str, ...] = ()
    acknowledges_recovery: bool = False
    rewrites_files: bool = False
    keeps_previous: str | None = None
    """Why the previous primary is copied to quarantine: a part of the copy's name (storage.md, Quarantine)."""
    request_key: tuple[str, str | None] | None = None
    """The key to store, and the workspace that answers a repeat."""

    @property
    def touches_store(self) -> bool:
        """Whether this outcome needs a commit of the store."""
        return bool(self.changes or self.acknowledges_recovery or self.rewrites_files or self.request_key)
