"""A store on a simulated disk, and what it owes its users at each moment: the oracle of the laboratory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias
from unittest.mock import patch

from msgspec import structs

from faults.promises import Fact, check_history, require
from faults.simulated_disk import SimulatedDisk
from faults.simulated_nodes import Tree, each
from faults.told_apart import is_never_read, is_temp
from support.documents import STORE_ID
from workspaced.domain import commands, workspaces
from workspaced.domain.draft import Draft
from workspaced.domain.entries import Cause
from workspaced.domain.ids import IdFactory
from workspaced.domain.outcome import Outcome
from workspaced.domain.state import State
from workspaced.store.contract import Commit, CommitUnknown, StorageFailure, commit_of
from workspaced.store.document import Corrupted, NewerVersion, parse_document
from workspaced.store.json.json_store import JsonWorkspaceStore
from workspaced_protocol.datadir import FORMAT_VERSION, PRIMARY, SNAPSHOT
from workspaced_protocol.models import Peer, RecoveryOutcome

HOME: Final = Path("/home")
DATA_DIR: Final = HOME / "share/workspaced"

Content: TypeAlias = tuple[tuple[bytes, ...], tuple[tuple[str, str | None], ...]]
"""The workspaces and the request keys of a state: what a client would miss."""

CREATION: Final = Cause("cor_1", Peer(1, 1), "workspace.create")

EMPTY: Final[Content] = ((), ())


def content_of(state: State) -> Content:
    """What a client would miss of this state."""
    return tuple(record.json for record in state.ordered), tuple(state.request_keys.items())


@dataclass(frozen=True)
class Owed:
    """What a start must find: one of the contents, at this revision or above."""

    contents: frozenset[Content] = frozenset({EMPTY})
    revision: int = 0
    notice: RecoveryOutcome | None = None
    """What the user must be told of, until it is acknowledged."""
    may_tell_of_loss: bool = False
    """Whether the user may be told of a loss of data."""
    kept: frozenset[bytes] = frozenset()
    """Content of others that must be in its place still, or in quarantine."""
    others: frozenset[bytes] = frozenset()
    """More that may be in quarantine."""
    facts: frozenset[Fact] = frozenset()
    """The changes that were answered: the history tells of them, or of a gap."""
    possible_facts: frozenset[Fact] = frozenset()
    """The changes that may have happened: the history tells of them only where they are in the state."""

    def check_kept(self, tree: Tree) -> None:
        """Nothing of value is lost, and nothing in quarantine is a part of a file."""
        files = [(*path.rsplit("/", 2)[1:], data) for path, data in each(tree) if not is_temp(path)]
        quarantined = {data for folder, _, data in files if folder == "quarantine"}
        in_place = {data for _, name, data in files if name in (PRIMARY, SNAPSHOT)}
        require(self.kept <= quarantined | in_place, "a file of others was written over, and no copy is kept")
        for data in quarantined - self.kept - self.others:
            require(_is_whole(data), f"a copy in quarantine is not complete: {data[:60]!r}…")


@cache
def _loads(data: bytes) -> Content | None:
    """The content of a file that needs no copy before it is written over."""
    try:
        document = parse_document(data)
    except Corrupted:
        return None
    return (
        content_of(document.state)
        if document.version == FORMAT_VERSION and not document.unknown_members
        else None
    )


@cache
def _is_whole(data: bytes) -> bool:
    try:
        parse_document(data)
    except (Corrupted, NewerVersion):
        return False
    return True


@dataclass
class Run:
    """A process that owns a store on the disk, at most one at a time."""

    disk: SimulatedDisk
    start: Owed = field(default_factory=Owed)
    hour: int = 0
    """When it starts. A later process has a later clock."""

    def __post_init__(self) -> None:
        self.possible = set(self.start.contents)
        self.revision = self.start.revision
        self.notice = self.start.notice
        self.kept = self.start.kept
        self.others = self.start.others
        self.may_tell_of_loss = self.start.may_tell_of_loss
        self.facts = set(self.start.facts)
        self.possible_facts = set(self.start.possible_facts)
        self._highest_revision = 0
        self._store: JsonWorkspaceStore | None = None
        self._now_ns = 1_772_449_264_788_000_000 + self.hour * 3_600_000_000_000

    @property
    def is_open(self) -> bool:
        """Whether the process has the store open."""
        return self._store is not None

    @property
    def store(self) -> JsonWorkspaceStore:
        """The open store."""
        assert self._store is not None
        return self._store

    def owed(self) -> Owed:
        """What a start must find if this process ends now."""
        return Owed(
            frozenset(self.possible),
            self.revision,
            self.notice,
            self.may_tell_of_loss,
            self.kept,
            self.others,
            frozenset(self.facts),
            frozenset(self.possible_facts),
        )

    # The steps of a scenario.

    def open(self) -> None:
        """Starts, and recovers what is damaged."""
        # A random id would make each run's files others.
        with patch.object(IdFactory, "store", lambda _: STORE_ID):
            self.disk.names_read.clear()
            self._store = JsonWorkspaceStore(DATA_DIR, disk=self.disk, time_ns=self._time_ns)
        unread = sorted(name for name in self.disk.names_read if is_never_read(name))
        require(not unread, f"a start read {unread}, of which not every content is tried")
        found = content_of(self.store.state)
        require(found in self.possible, f"a start found {_names(found)}, not {self._names()}")
        require(self.store.state.revision >= self.revision, "the revision fell")
        self.possible = {found}
        # A sound file that is the state now is nobody else's any more.
        self.kept = frozenset(data for data in self.kept if _loads(data) != found)
        self.revision = self._highest_revision = self.store.state.revision
        # Where all was lost, the store begins again.
        facts = {fact for fact in self.facts if fact[0] <= self.revision}
        self.facts = facts | check_history(self.store.state, facts, self.possible_facts)
        self.possible_facts = set()

    def commit(self) -> None:
        """One more workspace, with a request key."""
        number = len(self.store.state.records)
        create = workspaces.create(
            f"ws_{number}_{self._time_ns()}", f"Ünïcode 日本 {number}", "/srv/ä" * 40, 7
        )
        self._write(commands.once(f"key-{number}", create))

    def rename(self) -> None:
        """Another name for the first workspace, and a new workspace, in one commit."""
        first = self.store.state.workspaces()[0]
        named = f"Name {self._time_ns()}"
        self._write(
            workspaces.save(structs.replace(first, name=named), None),
            workspaces.create(f"ws_{self._time_ns()}", f"Beside {named}", "/srv", 7),
        )

    def remove(self) -> None:
        """The last workspace is removed."""
        self._write(workspaces.remove(self.store.state.workspaces()[-1].id))

    def only_key(self) -> None:
        """A write that changes nothing but the request keys."""
        self._write(commands.once(f"key-{self._time_ns()}", lambda _: Outcome(None)))

    def settle(self) -> None:
        """The history is synced, as within a second."""
        self.store.settle()

    def _write(self, *written: commands.Command) -> None:
        state = self.store.state
        draft = Draft(replace(state, revision=max(state.revision, self._highest_revision)))
        for number, command in enumerate(written):
            draft.apply(command(draft), CREATION, number)
        self._commit(commit_of(draft))

    def recommit(self) -> None:
        """The last answered state again, under a revision above any that the files may hold."""
        self._commit(Commit(replace(self.store.state, revision=self._highest_revision + 1), is_whole=True))

    def flush(self) -> None:
        """Both files again."""
        self._attempt(self.store.state, self.store.flush)

    def close(self) -> None:
        """The process ends in good order."""
        self.store.close()
        self._store = None

    def _commit(self, commit: Commit) -> None:
        changes = {(each.revision, each.workspace_id, each.before, each.after) for each in commit.entries}
        facts, self.possible_facts = self.possible_facts, self.possible_facts | changes
        try:
            self._attempt(commit.state, lambda: self.store.commit(commit))
        except StorageFailure:
            self.possible_facts = facts
            raise
        self.facts |= changes
        self.possible_facts = set()

    def _attempt(self, state: State, write: Callable[[], object]) -> None:
        memory, files, possible = self.store.state, self._files(), set(self.possible)
        self.possible = possible | {content_of(state)}
        self._highest_revision = max(self._highest_revision, state.revision)
        try:
            write()
        except CommitUnknown:
            require(self.store.state is memory, "memory changed though the outcome is unknown")
            raise
        except StorageFailure:
            self.possible = possible
            require(self.store.state is memory, "memory changed though the write was refused")
            require(self._files() == files, "files changed though the write was refused")
            raise
        self.possible = {content_of(state)}
        self.revision = state.revision
        self.store.tidy()  # as the writer does

    # What other programs do.

    def put(self, name: str, data: bytes) -> None:
        """Another program replaces a file of the store; it must be kept."""
        self.disk.put(self.path_of(name), data)
        self.kept |= {data}

    def path_of(self, name: str) -> str:
        """The absolute path of a file in the data directory."""
        return str(DATA_DIR / name)

    def has(self, name: str) -> bool:
        """Whether readers see this file."""
        return self.path_of(name) in dict(each(self.disk.visible()))

    def data_of(self, name: str) -> bytes:
        """What readers of the file see."""
        return dict(each(self.disk.visible()))[self.path_of(name)]

    # What can be checked while it runs.

    def temps(self) -> list[str]:
        """The temporary files that readers see, at any depth."""
        return [path for path, _ in each(self.disk.visible()) if is_temp(path)]

    def check_memory_equals_disk(self) -> None:
        """Both files are the same, and hold the state that readers see."""
        require(self.data_of(PRIMARY) == self.data_of(SNAPSHOT), "the files differ")
        require(_is_whole(self.data_of(PRIMARY)), "the files are damaged")
        found = parse_document(self.data_of(PRIMARY)).state
        state = self.store.state
        require(content_of(found) == content_of(state), "memory does not equal disk")
        require(
            (found.revision, found.recovery) == (state.revision, state.recovery),
            "memory and disk differ in the revision or in the notice",
        )

    def check_told(self) -> None:
        """The user is told of what must be told, and of nothing that is not so."""
        recovery = self.store.recovery
        files = dict(each(self.disk.visible()))
        require(set(recovery.quarantined) <= set(files), "a quarantined file is named, and is not there")
        require(
            len(set(recovery.quarantined)) == len(recovery.quarantined), "a quarantined file is named twice"
        )
        if self.notice is not None:
            require(
                recovery.outcome == self.notice and not recovery.acknowledged,
                f"the user is not told of {self.notice}, but of {recovery.outcome}",
            )
        elif not self.may_tell_of_loss:
            require(recovery.outcome != "dataLoss", "the user is told of a loss that is none")

    def _files(self) -> list[bytes | None]:
        files = dict(each(self.disk.visible()))
        return [files.get(self.path_of(name)) for name in (PRIMARY, SNAPSHOT)]

    def _time_ns(self) -> int:
        self._now_ns += 1_000_000
        return self._now_ns

    def _names(self) -> str:
        return " or ".join(_names(content) for content in self.possible)


def _names(content: Content) -> str:
    return f"{len(content[0])} workspaces and {len(content[1])} request keys"


Step: TypeAlias = Callable[[Run], None]
