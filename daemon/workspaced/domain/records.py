"""The parts of a state: stored workspaces, sessions, and what is known of a recovery."""

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from workspaced_protocol import unknown
from workspaced_protocol.models import Model, RecoveryOutcome, Session, TimeMs, Workspace, WorkspaceState

encode: Final = msgspec.json.Encoder().encode


class Outline(Struct, frozen=True, rename="camel", gc=False):
    """The part of a workspace that tells its place among others, and whether a list shows it."""

    id: str
    name: str
    created_at: int
    state: WorkspaceState
    tags: tuple[str, ...] = ()


class Record:
    """A workspace and its JSON text, which is the same on the socket and in the file.

    A text that its store has proven is decoded only once its workspace is needed: a start with ten thousand of them
    would take twice the time.
    """

    __slots__ = ("_workspace", "json", "outline")

    def __init__(self, workspace: Workspace, json: bytes) -> None:
        self._workspace: Workspace | None = workspace
        self.outline: Outline | Workspace = workspace
        self.json = json

    @classmethod
    def of_proven(cls, outline: Outline, json: bytes) -> "Record":
        """Return the record of a text that a store of this release has written, and its outline."""
        record = cls.__new__(cls)
        record._workspace, record.outline, record.json = None, outline, json  # noqa: SLF001 - its own class
        return record

    @property
    def workspace(self) -> Workspace:
        """The workspace."""
        if self._workspace is not None:
            return self._workspace
        workspace, _ = unknown.decode(self.json, Workspace)
        self._workspace = workspace
        return workspace

    def __eq__(self, other: object) -> bool:
        return self.json == other.json if isinstance(other, Record) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.json)

    def __repr__(self) -> str:
        return f"Record({self.workspace!r})"


ELSEWHERE: Final = -1
"""The connection of a session that another machine's daemon holds; this daemon's own connections have numbers from 0 up."""


class OwnedSession(NamedTuple):
    """A session, and the number of its connection to this daemon, or `ELSEWHERE`."""

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
