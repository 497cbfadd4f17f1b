"""Reading the store as a whole, at one revision of etcd: what its keys hold, or the damage that was found in them.

The strategy: one pass over all keys below the prefix, so that foreign ones are seen, too. The hash over all workspaces
is compared before anything is served. The history is no part of that: a change that can't be read ends it there.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from workspaced.domain.entries import Entry
from workspaced.domain.history import KEPT_BYTES, KEPT_ENTRIES, History, size_of
from workspaced.domain.records import Record
from workspaced.domain.state import State
from workspaced.store import stored_texts
from workspaced.store.etcd.failures import Compacted
from workspaced.store.etcd.gateway import Gateway
from workspaced.store.etcd.keys import Keys
from workspaced.store.etcd.messages import KeyValue, Read
from workspaced.store.etcd.transaction import Held
from workspaced.store.etcd.values import (
    Head,
    NewerFormat,
    Registered,
    RequestValue,
    StoredSession,
    entry_of,
    head_of,
    registered_of,
    request_of,
    session_of,
)

_PAGE_KEYS: Final = 200
_PAGE_SECONDS: Final = 10.0
"""How long a page may take: one of large workspaces has some megabytes, and the way to etcd may be slow."""

_SNAPSHOT_ATTEMPTS: Final = 5


class Damaged(Exception):
    """The keys do not hold what was committed: some were edited or deleted. The message says which."""


@dataclass
class Generation:
    """The keys of one generation."""

    workspaces: dict[str, bytes] = field(default_factory=dict[str, bytes])
    names: dict[str, bytes] = field(default_factory=dict[str, bytes])
    history: dict[int, bytes] = field(default_factory=dict[int, bytes])
    """The changes by revision."""
    is_building: bool = False


@dataclass
class Snapshot:
    """All keys below the prefix at one revision of etcd."""

    revision: int
    head: KeyValue | None = None
    generations: dict[str, Generation] = field(default_factory=dict[str, Generation])
    requests: dict[str, KeyValue] = field(default_factory=dict[str, KeyValue])
    sessions: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """The sessions by id."""
    foreign: list[bytes] = field(default_factory=list[bytes])
    """The keys that are not the store's."""

    @property
    def is_empty(self) -> bool:
        """Whether no key is there, but such as end by a lease."""
        return self.head is None and not self.generations and not self.foreign


@dataclass(frozen=True)
class Contents:
    """A verified store at one revision of etcd."""

    revision: int
    held: Held
    """The state has no sessions."""
    sessions: Mapping[str, StoredSession]
    warnings: Sequence[str] = ()


def take_snapshot(gateway: Gateway, keys: Keys) -> Snapshot:
    """Read all keys below the prefix. Raises EtcdError."""
    # One that hangs is known after the usual limit: the pages have a longer one.
    gateway.read(Read(keys.head, keys_only=True))
    for _ in range(_SNAPSHOT_ATTEMPTS):
        with suppress(Compacted):  # since the first page
            return _take_snapshot(gateway, keys)
    return _take_snapshot(gateway, keys)


def _take_snapshot(gateway: Gateway, keys: Keys) -> Snapshot:
    start, end = keys.all
    page = gateway.read(Read(start, end, _PAGE_KEYS), limit_seconds=_PAGE_SECONDS)
    snapshot = Snapshot(page.revision)
    while True:
        for item in page.items:
            _sort_in(snapshot, keys, item)
        if not page.has_more:
            return snapshot
        start = page.items[-1].key + b"\0"
        request = Read(start, end, _PAGE_KEYS, revision=snapshot.revision)
        page = gateway.read(request, limit_seconds=_PAGE_SECONDS)


def verify(snapshot: Snapshot) -> Contents:
    """Return what a snapshot with a head holds. Raises Damaged or NewerFormat."""
    if snapshot.head is None:
        raise Damaged("its key `head` is missing")
    head = read_head(snapshot.head.value)
    generation = snapshot.generations.get(head.generation, Generation())
    texts = [*generation.workspaces.values()]
    digest = stored_texts.digest_text(stored_texts.xor(map(stored_texts.hash_of, texts)))
    if len(texts) != head.workspaces or digest != head.digest:
        raise Damaged(
            f"its {len(texts)} workspaces are not the {head.workspaces} of revision {head.revision}"
        )
    try:
        records, unknown_members = stored_texts.records_of(texts)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Damaged(f"a workspace in it is wrong: {error}") from error
    warnings = [f"The store in etcd has a key that is not its own: {told(key)}" for key in snapshot.foreign]
    if unknown_members:
        warnings.append(
            f"The store in etcd holds members that this release does not know ({', '.join(unknown_members[:10])}): "
            "a change of such a workspace leaves them out."
        )
    history, history_warnings = history_of(generation.history, head.history_since)
    return Contents(
        snapshot.revision,
        Held(
            _state(head, records, request_keys_of(snapshot), history),
            head,
            snapshot.head.mod_revision,
        ),
        _sessions(snapshot.sessions),
        [*warnings, *history_warnings],
    )


def read_head(text: bytes) -> Head:
    """Return the head with this text. Raises Damaged or NewerFormat."""
    try:
        return head_of(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Damaged(f"its key `head` is wrong: {error}") from error


def nonce_of(head: KeyValue) -> str:
    """Return the nonce of a head, an empty one if it can't be read: it is another's then."""
    try:
        return read_head(head.value).nonce
    except (Damaged, NewerFormat):
        return ""


def told(key: bytes) -> str:
    """Return a key in words."""
    return repr(key.decode("utf-8", "backslashreplace"))


def read_session(text: bytes) -> StoredSession | None:
    """Return the session with this text, None for one that this release can't read."""
    try:
        return session_of(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def read_registered(text: bytes) -> Registered | None:
    """Return the registration with this text, None for one that was edited: it holds nothing."""
    try:
        return registered_of(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def read_request(text: bytes) -> RequestValue | None:
    """Return the value of a request key, None for one that this release can't read."""
    try:
        return request_of(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _sort_in(snapshot: Snapshot, keys: Keys, item: KeyValue) -> None:
    place = keys.place_of(item.key)
    if place is None:
        snapshot.foreign.append(item.key)
        return
    if place.kind == "head":
        snapshot.head = item
    elif place.kind == "request":
        snapshot.requests[place.name] = item
    elif place.kind == "session":
        snapshot.sessions[place.name.partition("/")[2]] = item.value
    elif place.kind == "machine":
        return  # of no concern to a reader
    else:
        generation = snapshot.generations.setdefault(place.generation, Generation())
        if place.kind == "workspace":
            generation.workspaces[place.name] = item.value
        elif place.kind == "name":
            generation.names[place.name] = item.value
        elif place.kind == "history":
            generation.history[int(place.name)] = item.value
        else:
            generation.is_building = True


def _state(
    head: Head, records: list[Record], request_keys: Mapping[str, str | None], history: History
) -> State:
    state = State.of_records(records, head.revision, request_keys, head.recovery, head.store_id)
    return replace(state, history=history)


def request_keys_of(snapshot: Snapshot) -> dict[str, str | None]:
    """Return the request keys, oldest first, each with its workspace's id."""
    found = {key: (item.mod_revision, read_request(item.value)) for key, item in snapshot.requests.items()}
    known = {key: (revision, value) for key, (revision, value) in found.items() if value is not None}
    ordered = sorted(known, key=lambda key: (known[key][0], known[key][1].place))
    return {key: known[key][1].workspace_id for key in ordered}


def _sessions(texts: Mapping[str, bytes]) -> dict[str, StoredSession]:
    found = {id_: read_session(text) for id_, text in texts.items()}
    return {id_: session for id_, session in found.items() if session is not None}


def history_of(texts: Mapping[int, bytes], since: int) -> tuple[History, list[str]]:
    """Return the newest changes, and warnings. One that can't be read ends the history there: no workspace depends on it."""
    entries: list[Entry] = []
    room, warnings = KEPT_BYTES, list[str]()
    for revision in sorted(texts, reverse=True):
        entry = entry_of(texts[revision])
        if entry is None or entry.revision != revision:
            warnings.append(
                f"The history in etcd has a change that can't be read, at revision {revision}: it is told from there on."
            )
        else:
            room -= size_of(entry)
        if entry is None or entry.revision != revision or room < 0 or len(entries) == KEPT_ENTRIES:
            since = max(since, revision)
            break
        entries.append(entry)
    return History.of(entries[::-1], since), warnings
