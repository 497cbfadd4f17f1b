"""Recovery of a store whose keys were edited or deleted while no daemon was there to put them right.

The strategy:
- The history tells each change, with the workspace after it. So where it has a change of a workspace, the text after the
  last one counts, whatever stands in the workspace's own key.
- If all workspaces together then have the hash that the head tells, everything of its revision is there: `recovered`.
  Else it is a `dataLoss`, with every workspace that can be read.
- What was found is kept in the quarantine of this machine, in the format of backups, before anything is written.
"""

import errno
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import msgspec

from workspaced.domain.records import Record
from workspaced.domain.state import State
from workspaced.store import stored_texts
from workspaced.store.contract import StoreUnusable
from workspaced.store.document import legible_store_id
from workspaced.store.etcd.making import Target, write_store
from workspaced.store.etcd.reading import (
    Damaged,
    Generation,
    Snapshot,
    history_of,
    read_head,
    request_keys_of,
)
from workspaced.store.etcd.values import Head, entry_of
from workspaced.store.files import Content, Directory, Identity
from workspaced.store.notice import with_notice
from workspaced.store.quarantine import quarantine
from workspaced_protocol.datadir import FORMAT_VERSION, PRIMARY
from workspaced_protocol.models import RecoveryOutcome


def mend(
    snapshot: Snapshot,
    damage: Damaged,
    target: Target,
    directory: Directory,
    expected_id: str | None,
    time_ns: Callable[[], int] = time.time_ns,
) -> None:
    """Write what is proven of a damaged store as a new generation, with a notice.

    Raises EtcdError, StorageFailure or OSError, and StoreUnusable where it is another store than the data directory
    belongs to, or can't be told from one.
    """
    head = _legible_head(snapshot)
    store_id = (
        head.store_id if head is not None else legible_store_id(snapshot.head.value if snapshot.head else b"")
    )
    if not store_id or expected_id not in (None, store_id):
        raise StoreUnusable(
            f"The store in etcd below {target.keys.prefix.decode()} is damaged ({damage}), and "
            + (
                f"it is {store_id}, not {expected_id}"
                if store_id
                else "its key `head` does not tell which one it is"
            ),
            "nothing was written; restore it from a backup of etcd, or choose another `etcd_prefix`",
            errno.EIO,
        )
    generation = _generation(snapshot, head)
    revision = max(head.revision if head is not None else 0, *generation.history, 0)
    texts = _newest_texts(generation)
    records = [record for id_, text in texts.items() for record in _readable(id_, text)]
    digest = stored_texts.digest_text(stored_texts.xor(stored_texts.hash_of(each.json) for each in records))
    is_all = head is not None and (digest, len(records)) == (head.digest, head.workspaces)
    outcome: RecoveryOutcome = "recovered" if is_all else "dataLoss"
    copy = quarantine(
        directory,
        PRIMARY,
        Content(_document(store_id, revision, generation), Identity(0, 0, 0, 0)),
        "damaged",
        time_ns,
    )
    keys = request_keys_of(snapshot)
    state = State.of_records(records, revision, keys, head.recovery if head is not None else None, store_id)
    state = with_notice(
        state, outcome, _told(damage, head, len(records), is_all=is_all), [copy], time_ns() // 1_000_000
    )
    history, _ = history_of(generation.history, 0)
    # Nobody knows what a recovery has left out.
    write_store(replace(state, history=replace(history, complete_since=state.revision)), target)


def _legible_head(snapshot: Snapshot) -> Head | None:
    if snapshot.head is None:
        return None
    try:
        return read_head(snapshot.head.value)
    except Damaged:
        return None


def _generation(snapshot: Snapshot, head: Head | None) -> Generation:
    """Return the generation that the head names, else the newest one that was served."""
    if head is not None and head.generation in snapshot.generations:
        return snapshot.generations[head.generation]
    served = [name for name, each in snapshot.generations.items() if not each.is_building]
    return snapshot.generations[max(served)] if served else Generation()


def _newest_texts(generation: Generation) -> Mapping[str, bytes]:
    """Return the text of each workspace: after its last change, where the history has one."""
    texts: dict[str, bytes | None] = dict(generation.workspaces)
    for revision in sorted(generation.history):
        entry = entry_of(generation.history[revision])
        if entry is not None and entry.revision == revision:
            texts[entry.workspace_id] = entry.after
    return {id_: text for id_, text in texts.items() if text is not None}


def _readable(id_: str, text: bytes) -> list[Record]:
    """Return the workspace of a text, none if it can't be read, or has another id."""
    try:
        records, _ = stored_texts.records_of([text])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []
    return [record for record in records if record.outline.id == id_]


def _document(store_id: str, revision: int, generation: Generation) -> bytes:
    """Return the workspaces as they were found, in the format of backups, but for the checksum."""
    return b'{"version":%d,"storeId":"%b","revision":%d,"workspaces":[\n%b\n]}\n' % (
        FORMAT_VERSION,
        store_id.encode(),
        revision,
        b",\n".join(generation.workspaces.values()),
    )


def _told(damage: Damaged, head: Head | None, serving: int, *, is_all: bool) -> str:
    """Return what happened, in words."""
    reason = f"the keys in etcd were edited or deleted ({damage})"
    count = "1 workspace" if serving == 1 else f"{serving:,} workspaces"
    if is_all and head is not None:
        return f"{reason}; all of revision {head.revision} was verified by the history ({count})"
    told = f"{reason}; {count} could be read"
    missing = 0 if head is None else head.workspaces - serving
    return f"{told}, and {missing:,} more are missing" if missing > 0 else told
