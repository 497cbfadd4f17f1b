"""A commit as operations of one transaction: what it puts and deletes, and how much of that fits."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from msgspec import structs

from workspaced.domain.draft import Draft
from workspaced.domain.history import KEPT_ENTRIES
from workspaced.domain.records import Record, encode
from workspaced.domain.state import State
from workspaced.store import stored_texts
from workspaced.store.contract import Commit
from workspaced.store.etcd.keys import Keys
from workspaced.store.etcd.messages import Delete, Put
from workspaced.store.etcd.values import FORMAT, Head, RequestValue, StoredSession, history_value, new_nonce
from workspaced_protocol import __version__
from workspaced_protocol.names import name_key

MAX_OPERATIONS: Final = 128
"""etcd's limit for one transaction (`--max-txn-ops`)."""

MAX_BYTES: Final = 1_400_000
"""etcd takes 1.5 MiB a request (`--max-request-bytes`); the rest is room for what it adds to each operation."""

_OPERATION_BYTES: Final = 64  # what is added to an operation's key and value

_ROOM_BYTES: Final = 1_000_000
"""What texts may take that are counted without names, ids and the like."""

_OPERATIONS_OF_A_WORKSPACE: Final = 3  # itself, its name and a former name

_PRUNED_AT_ONCE: Final = 1000
"""The revisions that one commit takes out of the history: each commit with one would cost more."""

Write = Put | Delete


class Held(NamedTuple):
    """What a store knows of etcd: what the next commit is made from, and compared with."""

    state: State
    head: Head
    head_revision: int
    """etcd's revision of the transaction that put `head`."""


class Scope(NamedTuple):
    """Whose keys are written."""

    keys: Keys
    machine: str
    directory_id: str
    """The id of the daemon's data directory (`joining`)."""

    def owns(self, session: StoredSession) -> bool:
        """Return whether a session is, or was, one of this daemon."""
        return session.directory_id == self.directory_id


class CommitLeases(NamedTuple):
    """The leases that keys of a commit live by; 0 where it has none such."""

    session: int = 0
    request: int = 0


def next_head(
    held: Held, state: State, changed: Mapping[str, Record | None], scope: Scope, history_since: int
) -> Head:
    """Return the head after a commit, with a nonce of its own."""
    before = (held.state.records.get(id_) for id_ in changed)
    hashes = (stored_texts.hash_of(each.json) for each in (*before, *changed.values()) if each is not None)
    digest = int(held.head.digest, 16) ^ stored_texts.xor(hashes)
    return Head(
        format=FORMAT,
        release=__version__,
        store_id=held.head.store_id,
        revision=state.revision,
        generation=held.head.generation,
        nonce=new_nonce(),
        machine=scope.machine,
        workspaces=len(state.records),
        digest=stored_texts.digest_text(digest),
        history_since=history_since,
        recovery=state.recovery,
    )


def same_head(held: Held, scope: Scope) -> Head:
    """Return a head that differs from the held one in its nonce alone: that of a fence."""
    return structs.replace(held.head, nonce=new_nonce(), machine=scope.machine)


def operations_of(commit: Commit, held: Held, scope: Scope, leases: CommitLeases) -> tuple[list[Write], Head]:
    """Return what a commit puts and deletes, less the head, and the head after it."""
    keys, generation = scope.keys, held.head.generation
    operations: list[Write] = [
        *_workspaces(keys, generation, held.state, commit),
        *_entries(keys, generation, commit),
        *beside_generations(commit, held, scope, leases),
    ]
    since = held.head.history_since
    old = commit.state.revision - KEPT_ENTRIES
    if old - since >= _PRUNED_AT_ONCE:
        since = old
        operations.append(Delete(keys.history(generation, 0), keys.history(generation, old + 1)))
    return operations, next_head(held, commit.state, commit.changed, scope, since)


def beside_generations(commit: Commit, held: Held, scope: Scope, leases: CommitLeases) -> Iterator[Write]:
    """Yield the operations on keys that are in no generation: request keys and sessions."""
    keys = scope.keys
    for place, (key, workspace_id) in enumerate(commit.new_keys.items()):
        yield Put(
            keys.request(key), encode(RequestValue(workspace_id=workspace_id, place=place)), leases.request
        )
    for owned in commit.begun:
        session = owned.session
        stored = StoredSession(session=session, machine=scope.machine, directory_id=scope.directory_id)
        yield Put(keys.session(session.workspace_id, session.id), encode(stored), leases.session)
    for session_id in commit.ended:
        ended = held.state.sessions[session_id].session
        yield Delete(keys.session(ended.workspace_id, session_id))


def fits(operations: Sequence[Write], head: Head) -> bool:
    """Return whether one transaction can hold these operations, and the head."""
    return len(operations) < MAX_OPERATIONS and size_of(operations) + len(encode(head)) < MAX_BYTES


def size_of(operations: Sequence[Write]) -> int:
    """Return the bytes that etcd counts for these operations, rather too many."""
    return sum(map(_size, operations))


def has_room(draft: Draft) -> bool:
    """Return whether a transaction can hold the changes of a draft; it counts a little too much."""
    operations = (
        _OPERATIONS_OF_A_WORKSPACE * len(draft.changed)
        + len(draft.entries)
        + len(draft.new_keys)
        + len(draft.begun)
        + len(draft.ended)
        + 2  # the head, and the end of the history
    )
    if operations > MAX_OPERATIONS:
        return False
    texts = sum(len(record.json) for record in draft.changed.values() if record is not None)
    entries = sum(len(entry.before or b"") + len(entry.after or b"") for entry in draft.entries)
    return texts + entries < _ROOM_BYTES


def _workspaces(keys: Keys, generation: str, before: State, commit: Commit) -> Iterator[Write]:
    after = commit.state
    names: set[str] = set()
    for id_, record in commit.changed.items():
        former = before.records.get(id_)
        key = keys.workspace(generation, id_)
        if record is not None:
            yield put_workspace(key, record)
        elif former is not None:
            yield Delete(key)
        names.update(name_key(each.outline.name) for each in (former, record) if each is not None)
    for name in sorted(names):
        holder = after.names.get(name)
        if holder == before.names.get(name):
            continue
        yield (
            Delete(keys.name(generation, name))
            if holder is None
            else Put(keys.name(generation, name), holder.encode())
        )


def _entries(keys: Keys, generation: str, commit: Commit) -> Iterator[Write]:
    for entry in commit.entries:
        yield Put(keys.history(generation, entry.revision), history_value(entry))


def all_of(state: State, generation: str, keys: Keys) -> Iterator[Put]:
    """Yield all keys of a generation that holds this state."""
    for id_, record in state.records.items():
        yield put_workspace(keys.workspace(generation, id_), record)
    for name, holder in state.names.items():
        yield Put(keys.name(generation, name), holder.encode())
    for entry in state.history.entries:
        yield Put(keys.history(generation, entry.revision), history_value(entry))


def put_workspace(key: bytes, record: Record) -> Put:
    """Return the operation that puts a workspace."""
    return Put(key, record.json)


def _size(operation: Write) -> int:
    value = len(operation.value) if isinstance(operation, Put) else len(operation.range_end or b"")
    return len(operation.key) + value + _OPERATION_BYTES
