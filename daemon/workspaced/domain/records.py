"""The parts of a state: stored workspaces, sessions, and what is known of a recovery."""

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

import msgspec

from workspaced_protocol.models import Model, RecoveryOutcome, Session, TimeMs, Workspace

encode: Final = msgspec.json.Encoder().encode


class Record(NamedTuple):
    """A workspace and its JSON text, which is the same on the socket and in the file."""

    workspace: Workspace
    json: bytes


class OwnedSession(NamedTuple):
    """A session, and the number of its connection."""

    session: Session
    connection: int


class RecoveryNotice(Model, frozen=True):
    """The notice of a recovery at startup; stored until a user acknowledges it."""

    outcome: RecoveryOutcome
    reason: str
    quarantined: tuple[str, ...]
    occurred_at: TimeMs


class Lost(NamedTuple):
    """The whole workspaces, by id, in the damaged files of a recovery that is not acknowledged.

    `lists_all`: the files show every workspace that they held, so nothing else is missing.
    """

    workspaces: Mapping[str, Workspace]
    lists_all: bool

    def is_in(self, ids: Collection[str]) -> bool:
        """Return whether each of these workspaces is among `ids`, which takes no search to find one."""
        return len(self.workspaces) <= len(ids) and all(id_ in ids for id_ in self.workspaces)
