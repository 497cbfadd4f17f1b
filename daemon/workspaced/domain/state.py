"""The state of the store as readers see it.

A `State` never changes: each commit replaces it with a new one (`draft`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from workspaced.domain.active_sessions import ActiveSessions
from workspaced.domain.entries import Entry
from workspaced.domain.history import History
from workspaced.domain.name_index import NameIndex
from workspaced.domain.records import Lost, Record, RecoveryNotice, encode
from workspaced.domain.request_keys import RequestKeys
from workspaced.domain.sorted_blocks import SortedBlocks
from workspaced.domain.trie_map import TrieMap
from workspaced_protocol.models import Workspace
from workspaced_protocol.names import name_key


def sort_key(record: Record) -> tuple[int, str]:
    """Return the sort key of workspaces: creation time, then id for a stable order."""
    return record.outline.created_at, record.outline.id


NO_RECORDS: Final = SortedBlocks[Record](sort_key)


@dataclass
class State:
    """The content of the store at one revision, and the active sessions, which are not stored.

    Frozen by convention: only a `Draft` changes its own. Its parts never change, so a state shares with the next one
    all that a commit leaves as it is.
    """

    revision: int = 0
    records: TrieMap[str, Record] = field(default_factory=TrieMap[str, Record])
    names: NameIndex = field(default_factory=NameIndex)
    request_keys: RequestKeys = field(default_factory=RequestKeys)
    recovery: RecoveryNotice | None = None
    sessions: ActiveSessions = field(default_factory=ActiveSessions)
    ordered: SortedBlocks[Record] = field(default=NO_RECORDS, compare=False)
    """All records by creation time, kept sorted: sorting thousands for each read takes milliseconds."""
    lost: Lost = field(default=Lost({}, lists_all=False), compare=False)
    """What the damaged files hold, while `recovery` is not acknowledged. It is read at the start, not stored."""
    history: History = field(default_factory=History, compare=False)
    """The newest changes that led here."""
    store_id: str = ""
    """The store's identity, which no commit changes; empty only where no store has given it (storage.md, Format)."""

    @classmethod
    def of(
        cls,
        workspaces: Iterable[Workspace],
        revision: int = 0,
        request_keys: Mapping[str, str | None] | None = None,
        recovery: RecoveryNotice | None = None,
        store_id: str = "",
    ) -> State:
        """Return the state of these workspaces, whose ids must differ; the newest request keys are held."""
        records = [Record(workspace, encode(workspace)) for workspace in workspaces]
        return cls.of_records(records, revision, request_keys, recovery, store_id)

    @classmethod
    def of_records(
        cls,
        records: Sequence[Record],
        revision: int = 0,
        request_keys: Mapping[str, str | None] | None = None,
        recovery: RecoveryNotice | None = None,
        store_id: str = "",
    ) -> State:
        """Return the same of workspaces whose texts are known."""
        return cls(
            revision,
            TrieMap({record.outline.id: record for record in records}),
            NameIndex.of(record.outline for record in records),
            RequestKeys() if request_keys is None else RequestKeys.held(request_keys),
            recovery,
            ordered=SortedBlocks(sort_key, records),
            history=History(complete_since=revision),
            store_id=store_id,
        )

    def get(self, id_: str) -> Workspace | None:
        """Return the workspace of this id, or None."""
        record = self.records.get(id_)
        return record.workspace if record else None

    def get_by_name(self, name: str) -> Workspace | None:
        """Return the workspace of this name, compared without case, or None."""
        record = self.record_named(name)
        return record.workspace if record else None

    def record_named(self, name: str) -> Record | None:
        """Return the same with its JSON text."""
        id_ = self.names.get(name_key(name))
        return None if id_ is None else self.records[id_]

    def workspaces(self) -> list[Workspace]:
        """Return all workspaces by creation time."""
        return [record.workspace for record in self.ordered]

    def salvageable_count(self) -> int:
        """Return the number of lost workspaces that can be brought back: their ids and names are free."""
        return sum(
            id_ not in self.records and (each.state == "deleted" or name_key(each.name) not in self.names)
            for id_, each in self.lost.workspaces.items()
        )

    def find_change(self, revision: int) -> Entry | None:
        """Return the change that took this revision, or None."""
        return self.history.find(revision)

    def newest_change_of(self, workspace_id: str) -> Entry | None:
        """Return the last change of this workspace, or None."""
        return self.history.newest_of(workspace_id)
