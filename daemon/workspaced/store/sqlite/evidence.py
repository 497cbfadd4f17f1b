"""The state that can be proven from what is left of a damaged database, its log, and the newest backup.

The strategy:
- Every whole row is evidence: of a workspace at its revision, of a change in the history, or of the whole state.
- The newest state that the database or the side file tells of is proven where the evidence up to its revision has the
  hash over all workspaces that is told of it. So nobody has to guess whether something is missing.
- Where it is not proven, the newest version of each workspace serves, and the loss is told.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

import msgspec

from workspaced.domain.entries import Entry
from workspaced.domain.history import History
from workspaced.domain.state import State
from workspaced.store import stored_texts
from workspaced.store.sqlite import rows
from workspaced.store.sqlite.answered import Answered
from workspaced.store.sqlite.rows import Meta

_META_START: Final = b'{"version":'
_ENTRY_START: Final = b'{"revision":'
_WORKSPACE_START: Final = b'{"id":"ws_'


class _Version(NamedTuple):
    """The text of a workspace and its hash; None and 0 from its removal on."""

    text: bytes | None
    hash: int


@dataclass
class Evidence:
    """What whole rows tell, of any age."""

    states: dict[int, Meta] = field(default_factory=dict[int, Meta])
    """The states that the database had, by their revisions."""
    versions: dict[str, dict[int, _Version]] = field(default_factory=dict[str, dict[int, "_Version"]])
    """The workspaces by id, at the revisions of their changes."""
    entries: dict[int, Entry] = field(default_factory=dict[int, Entry])
    """The changes, by their revisions."""
    request_keys: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    """The request keys, as far as SQLite could read them; oldest first."""

    @property
    def newest_state(self) -> Meta | None:
        """The state of the highest revision."""
        return self.states[max(self.states)] if self.states else None

    @classmethod
    def of(cls, texts: Iterable[bytes]) -> "Evidence":
        """Return what these texts of whole rows tell; of two with the same revision, the later one counts."""
        evidence = cls()
        for text in texts:
            if text.startswith(_WORKSPACE_START):
                evidence._add_workspace(text)
            elif text.startswith(_ENTRY_START):
                evidence._add_entry(text)
            elif text.startswith(_META_START):
                evidence._add_state(text)
        return evidence

    def _add_workspace(self, text: bytes) -> None:
        try:
            (record,), _ = stored_texts.records_of([text])
        except (msgspec.DecodeError, UnicodeDecodeError):
            return  # of a later release
        self._add_version(record.workspace.id, record.workspace.revision, text)

    def _add_entry(self, text: bytes) -> None:
        entry = stored_texts.entry_of(text)
        if entry is None:
            return
        self.entries[entry.revision] = entry
        self._add_version(entry.workspace_id, entry.revision, entry.after)

    def _add_state(self, text: bytes) -> None:
        try:
            meta = rows.meta_of(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        self.states[meta.revision] = meta

    def _add_version(self, id_: str, revision: int, text: bytes | None) -> None:
        self.versions.setdefault(id_, {})[revision] = _version(text)


@dataclass(frozen=True)
class Proven:
    """The state that the evidence comes to.

    `is_all`: it is proven to be a state of the database that holds everything answered. Else `missing` is the number of
    workspaces that are known to be missing, and `from_backup` of those that the backup alone has.
    """

    state: State
    is_all: bool
    answered: int
    """The newest revision that any evidence names, 0 without evidence."""
    missing: int = 0
    from_backup: int = 0


def prove(evidence: Evidence, answered: Answered | None, backup: State | None) -> Proven:
    """Return the newest state of the database if it is proven, else the newest version of everything.

    `answered` is what the side file tells, `backup` the newest verified backup. Neither is of another store.
    """
    states = {revision: Answered.of(meta) for revision, meta in evidence.states.items()}
    if answered is not None:
        states.setdefault(answered.revision, answered)
    newest = max(states, default=0)
    kept = _kept(backup)
    bases = (None, kept) if kept is not None and kept.revision <= newest else (None,)
    for base in bases if states else ():
        found = _versions_at(evidence, newest, base)
        if (
            stored_texts.digest_text(stored_texts.xor(each.hash for each in found.values()))
            == states[newest].digest
        ):
            return Proven(_state(evidence, states, newest, found), is_all=True, answered=newest)
    revision = max(newest, kept.revision if kept is not None else 0) or _newest(evidence)
    alone = _versions_at(evidence, revision, None)
    found = _versions_at(evidence, revision, kept)
    expected = states[newest].workspaces if states else 0
    return Proven(
        _state(evidence, states, revision, found),
        is_all=False,
        answered=newest,
        missing=max(0, expected - len(found)),
        from_backup=sum(alone.get(id_) != version for id_, version in found.items()),
    )


class _Kept(NamedTuple):
    """A backup: all workspaces at its revision."""

    revision: int
    versions: Mapping[str, _Version]


def _kept(backup: State | None) -> _Kept | None:
    if backup is None:
        return None
    return _Kept(backup.revision, {id_: _version(each.json) for id_, each in backup.records.items()})


def _versions_at(evidence: Evidence, revision: int, kept: _Kept | None) -> Mapping[str, _Version]:
    """Return the newest version of each workspace at this revision; a backup tells all of its own revision."""
    base = kept.revision if kept is not None else -1
    found = dict(kept.versions) if kept is not None else {}
    for id_, versions in evidence.versions.items():
        newest = max((each for each in versions if base < each <= revision), default=None)
        if newest is not None:
            found[id_] = versions[newest]
    return {id_: version for id_, version in found.items() if version.text is not None}


def _version(text: bytes | None) -> _Version:
    return _Version(text, 0 if text is None else stored_texts.hash_of(text))


def _state(
    evidence: Evidence,
    states: Mapping[int, Answered],
    revision: int,
    found: Mapping[str, _Version],
) -> State:
    known = max((each for each in evidence.states if each <= revision), default=None)
    notice = evidence.states[known].recovery if known is not None else None
    records, _ = stored_texts.records_of([each.text for each in found.values() if each.text is not None])
    store_id = next((states[each].store_id for each in sorted(states, reverse=True)), "")
    keys: Mapping[str, str | None] = evidence.request_keys
    if (
        revision not in states
        or stored_texts.digest_text(rows.keys_digest(keys)) != states[revision].keys_digest
    ):
        keys = {}  # a key of a write that was not applied would lose its repeat
    state = State.of_records(records, revision, keys, notice, store_id)
    changes = [evidence.entries[each] for each in sorted(evidence.entries) if each <= revision]
    return replace(state, history=History.of(changes, revision))


def _newest(evidence: Evidence) -> int:
    return max((each for versions in evidence.versions.values() for each in versions), default=0)
