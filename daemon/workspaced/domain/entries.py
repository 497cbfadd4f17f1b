"""An entry of the history: one change of a workspace with its cause, and the events that tell of it.

The strategy:
- An entry holds a workspace before and after one change as JSON text. These are the texts of the records, which most
  entries share with their neighbours: so ten thousand entries take a few megabytes.
- Events of workspaces and projects are made from entries alone. So an event that is replayed after a restart is the
  event that was told before it.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Raw, Struct

from workspaced_protocol.events import (
    ProjectBound,
    ProjectStatusChanged,
    ProjectUnbound,
    Topic,
    WorkspaceChanged,
    WorkspaceCreated,
)
from workspaced_protocol.models import Model, Peer, ProjectStatus, Unreachable

_encode: Final = msgspec.json.Encoder().encode

_TOPICS: Final[Mapping[str, Topic]] = {
    "workspace.open": "workspace.opened",
    "workspace.close": "workspace.closed",
    "project.bind": "project.bound",
    "project.clone": "project.bound",
    "project.unbind": "project.unbound",
}
"""The topic of a method's changes, but for a check of projects; other methods create, update or delete a workspace."""


class Cause(Struct, frozen=True, gc=False):
    """The cause of a change or an event: a client's request, or, without a peer, the daemon itself."""

    correlation_id: str
    peer: Peer | None = None
    method: str = ""


NOBODY: Final = Cause("")
"""The cause of the daemon's own writes and events."""


class Entry(Struct, frozen=True, kw_only=True, gc=False):
    """One change of a workspace. The garbage collector ignores it (gc=False): there are thousands."""

    revision: int
    """The store's revision after the change. A change of several projects takes one revision for each: the last one."""
    at_ms: int
    method: str
    workspace_id: str
    name: str
    before: bytes | None
    """The workspace before the change as JSON, None for a new one."""
    after: bytes | None
    """The workspace after the change as JSON, None for a removed one."""
    by: Peer
    correlation_id: str
    reasons: Mapping[str, Unreachable] | None = None
    """Why projects became stale, by project id: an event tells it, and a workspace does not."""

    @property
    def cause(self) -> Cause:
        """The cause of the change. The daemon's own changes have no correlation id."""
        return Cause(self.correlation_id, self.by if self.correlation_id else None, self.method)


class Event(Struct, frozen=True, gc=False):
    """Something that happened, published only once it is durable."""

    topic: Topic
    payload: Model
    revision: int
    entry: Entry | None = None
    """The change that the event tells of."""

    def payload_json(self) -> bytes:
        """Return the payload on the wire: with the workspace after and before the change, and its author."""
        text = _encode(self.payload)
        if self.entry is None:
            return text
        after, before = self.entry.after or b"null", self.entry.before or b"null"
        return b'%b,"workspace":%b,"previous":%b,"by":%b}' % (
            text[:-1],
            after,
            before,
            _encode(self.entry.by),
        )


class _Project(Struct, frozen=True, rename="camel", gc=False):
    """The part of a project that events tell. Decoded without checks: a start counts the events of thousands of entries."""

    id: str
    root_path: str
    status: ProjectStatus
    git_url: str | None = None


class _Workspace(Struct, frozen=True, rename="camel", gc=False):
    """The part of a workspace that events tell."""

    name: str
    root_path: str
    projects: tuple[_Project, ...]


_decode: Final = msgspec.json.Decoder(_Workspace).decode


_decode_any: Final = msgspec.json.Decoder(_Workspace | None).decode


def has_events(text: bytes) -> bool:
    """Return whether events can tell of a workspace with this JSON text, or of none (`null`)."""
    try:
        _decode_any(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


class _WireEntry(Model, frozen=True):
    """An entry as JSON text (`HistoryEntry` in the protocol), its workspaces as they are."""

    revision: int
    at: int
    method: str
    workspace_id: str
    name: str
    before: Raw
    after: Raw
    by: Peer
    correlation_id: str


def entry_json(entry: Entry) -> bytes:
    """Return the entry on the wire."""
    return _encode(
        _WireEntry(
            entry.revision,
            entry.at_ms,
            entry.method,
            entry.workspace_id,
            entry.name,
            Raw(entry.before or b"null"),
            Raw(entry.after or b"null"),
            entry.by,
            entry.correlation_id,
        )
    )


def first_revision(entry: Entry) -> int:
    """Return the first revision of a change: that of its first event."""
    return numbered_topics(entry)[0][0]


def numbered_topics(entry: Entry) -> Sequence[tuple[int, Topic]]:
    """Return the topics of the entry's events, in order, each with the event's revision: the last has the entry's."""
    topics = topics_of(entry)
    return [*enumerate(topics, start=entry.revision - len(topics) + 1)]


def topics_of(entry: Entry) -> Sequence[Topic]:
    """Return the topics of the entry's events, in order."""
    if entry.before is None:
        return ["workspace.created"]
    if entry.after is None:
        return ["workspace.deleted"]
    topics: list[Topic] = []
    if entry.method != "project.check":
        topics.append(_TOPICS.get(entry.method, "workspace.updated"))
    if entry.method in ("workspace.open", "project.check"):
        topics.extend("project.statusChanged" for _ in _changed_projects(*_both(entry)))
    return topics


def events_of(entry: Entry) -> Sequence[Event]:
    """Return the events that tell of this change, each with a revision of its own."""
    numbered = numbered_topics(entry)
    payloads = _payloads(entry, [topic for _, topic in numbered])
    return [
        Event(topic, payload, revision, entry)
        for (revision, topic), payload in zip(numbered, payloads, strict=True)
    ]


def _payloads(entry: Entry, topics: Sequence[Topic]) -> list[Model]:
    """Return the payload of each of the entry's events."""
    id_ = entry.workspace_id
    if topics[0] == "workspace.created":
        created = _decode(entry.after or b"")
        return [WorkspaceCreated(id_, created.name, created.root_path)]
    if topics[0] in ("project.bound", "project.unbound"):
        before, after = _both(entry)
        bound = [project for project in after.projects if project not in before.projects]
        gone = [project for project in before.projects if project not in after.projects]
        return [
            *(ProjectBound(id_, project.id, project.root_path, project.git_url) for project in bound),
            *(ProjectUnbound(id_, project.id) for project in gone),
        ]
    own = [] if topics[0] == "project.statusChanged" else [WorkspaceChanged(id_)]
    if len(own) == len(topics):
        return [*own]
    reasons = entry.reasons or {}
    changed = _changed_projects(*_both(entry))
    return [
        *own,
        *(ProjectStatusChanged(id_, each.id, each.status, reasons.get(each.id)) for each in changed),
    ]


def _both(entry: Entry) -> tuple[_Workspace, _Workspace]:
    return _decode(entry.before or b""), _decode(entry.after or b"")


def _changed_projects(before: _Workspace, after: _Workspace) -> list[_Project]:
    """Return the projects whose status has changed, as they are after it: a check keeps their order."""
    pairs = zip(before.projects, after.projects, strict=False)
    return [new for old, new in pairs if old.status != new.status]
