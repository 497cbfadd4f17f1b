"""The JSON store: two files in a data directory, committed by rename under a lock."""

import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from workspaced.domain.ids import IdFactory
from workspaced.domain.state import State
from workspaced.process.log import Logger
from workspaced.store.base import StoreBase
from workspaced.store.contract import (
    Commit,
    CommitUnknown,
    StorageFailure,
    StoreError,
    StoreUnusable,
    WrittenByNewerRelease,
)
from workspaced.store.disk import Disk
from workspaced.store.document import Document, NewerVersion, encode_document
from workspaced.store.files import Directory
from workspaced.store.json.foreign import difference
from workspaced.store.json.history_file import HistoryFile
from workspaced.store.json.own_files import OwnFiles
from workspaced.store.json.snapshot import Decision, check_files, decide, examine
from workspaced.store.locked_directory import LockedDirectory
from workspaced.store.notice import status_of, with_edit, with_notice
from workspaced.store.place import unusable, warnings_about
from workspaced.store.salvage import find_lost
from workspaced_protocol.daemon_models import RecoveryStatus
from workspaced_protocol.datadir import MANY_WORKSPACES, PRIMARY, QUARANTINE, SNAPSHOT
from workspaced_protocol.models import StoreCheck

_CHECKS: Final = 3  # a check that commits overtake is made again, but not for ever

_log = Logger()


def create_json_store(data_dir: Path, *, socket: str = "") -> "JsonWorkspaceStore":
    """Open the store in `data_dir`, and recover it if it is damaged. A missing directory is made.

    `socket` is written to the lock file, for a process that finds the directory locked. Raises LockHeld
    if another process owns the directory, StoreUnusable if the store can't be read or written.
    """
    return JsonWorkspaceStore(data_dir, socket=socket)


class JsonWorkspaceStore(StoreBase):
    """A WorkspaceStore in a data directory, locked until `close`.

    `state` is the last committed state, `recovery` the result of the recovery at startup. `warnings` are
    sentences for the log about the directory, damaged files and unknown members.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        socket: str = "",
        disk: Disk | None = None,
        time_ns: Callable[[], int] = time.time_ns,
        home: LockedDirectory | None = None,
    ) -> None:
        """See `create_json_store`; tests set `disk` and `time_ns`. With a `home`, the directory is locked already."""
        self._path = data_dir
        self._disk = disk or Disk()
        self._time_ns = time_ns
        self._files = OwnFiles(time_ns)
        self._must_reopen = False
        self._is_told_of_many = False
        self._pending: State | None = None  # the state of a commit under way
        self._history = HistoryFile(self._disk)
        self.state = State()
        self._home = home or LockedDirectory(self._disk, data_dir, socket)
        self.warnings = warnings_about(data_dir)
        try:
            self.recovery = self._recovery_at_start = self._load()
        except BaseException:
            self.close()
            raise

    def commit(self, commit: Commit, /) -> None:
        """See WorkspaceStore. Both files are always written whole."""
        state = self._own(commit).state
        data = encode_document(state)
        self._ensure_locked()
        if commit.keeps_previous is not None:
            self._files.keep_previous(self._home.open, commit.keeps_previous)
        try:
            for name, copy in self._files.make_way(self._home.open, self.state):
                self._tell_of_edit(name, copy)
            self._pending = state
            self._history.add(self._home.open, state, commit.entries, data)
            identities = self._home.open.replace([PRIMARY, SNAPSHOT], data)
        except StoreError as failure:
            # After a failed sync, the next sync on this descriptor may succeed although data is lost.
            self._must_reopen = True
            self._history.take_back()
            if isinstance(failure, CommitUnknown):
                self._files.written(self._home.open.last_written, are_in_place=False)
            raise
        else:
            self._files.written(identities)
            self._history.confirm(state, data)
            self.state = state
        finally:
            self._pending = None

    def tidy(self) -> None:
        """See WorkspaceStore. Frees the blocks of the replaced files, and tells once of a store that has grown large."""
        self._home.open.release_replaced()
        if self._is_large():
            _log.warning(_advice_of_many(self.state))

    @property
    def is_behind(self) -> bool:
        """See WorkspaceStore. Whether the history's file lacks a commit."""
        return self._history.is_behind

    def catch_up(self) -> None:
        """See WorkspaceStore. Rewrites the history's file, unless another directory stands at the path."""
        with suppress(OSError):
            if not self._must_reopen and self._home.is_in_place:
                self._history.catch_up(self._home.open)

    def settle(self) -> None:
        """See WorkspaceStore. Syncs the history."""
        self._history.settle()

    def check(self) -> StoreCheck:
        """See WorkspaceStore. A valid file must also hold the state that the daemon holds."""
        checks = 0
        while True:
            before = self.state
            found = check_files(self._path, partial(self._difference, before))
            checks += 1
            # A commit may have written one file and not yet the other in the middle of the check.
            if self.state is before or checks == _CHECKS:
                return found

    def _difference(self, before: State, found: Document) -> str | None:
        """Return how a valid file differs from the held state. It may also hold the state of a commit under way."""
        pending = self._pending
        if self.state is not before:
            return None  # commits that have ended since then wrote the file
        held = [before] if pending is None else [before, pending]
        differences = [difference(found, state, older_is_own=self._files.older_is_own) for state in held]
        return None if None in differences else differences[-1]

    def close(self) -> None:
        """See WorkspaceStore. Releases the lock. What the history's file lacks is written before."""
        self.catch_up()
        self._history.close()
        self._home.close()

    def _load(self) -> RecoveryStatus:
        try:
            primary = examine(self._home.open, PRIMARY)
            snapshot = examine(self._home.open, SNAPSHOT, primary)
        except NewerVersion as error:
            raise WrittenByNewerRelease(
                f"The store in {self._path} has {error}: start a newer release, or choose another --data-dir."
            ) from error
        new_store_id = IdFactory(lambda: self._time_ns() // 1_000_000).store()
        decision = decide(primary, snapshot, new_store_id)
        try:
            self._remove_temps()
            quarantined = self._files.take_over(self._home.open, (primary, snapshot), decision, self.warnings)
            if not decision.must_write:
                # The served state must be durable: the process that wrote it may have been killed before its sync.
                self._home.open.settle([PRIMARY, SNAPSHOT])
            if decision.outcome == "fresh":
                # Made with the store: a disk that is full later has no room for it. What is in its place may stay.
                with suppress(OSError):
                    self._disk.make_directory(QUARANTINE, 0o700, self._home.open.fd)
                self._home.open.settle_path()
        except OSError as error:
            raise unusable(self._path, error) from error
        except StoreError as error:
            raise StoreUnusable(error.message, number=error.errno) from error
        now_ms = self._time_ns() // 1_000_000
        self.state = with_notice(decision.state, decision.outcome, decision.reason, quarantined, now_ms)
        if self.state.recovery is not None:
            lost = find_lost(self._disk, self._path / QUARANTINE, self.state.recovery)
            self.state = replace(self.state, lost=lost)
        self._load_history(decision)
        if self._is_large():
            self.warnings.append(_advice_of_many(self.state))
        if decision.must_write:
            try:
                self.commit(Commit(self.state, is_whole=True))
            except CommitUnknown as error:
                message = f"{error.message} The recovered files may be in place already: start again."
                raise StoreUnusable(message, number=error.errno) from error
            except StorageFailure as error:
                raise StoreUnusable(error.message, number=error.errno) from error
        return status_of(self.state, decision.outcome, quarantined)

    def _load_history(self, decision: Decision) -> None:
        """Take the history of the state that a file held before it was recovered."""
        document = decision.served.data if decision.served is not None else b""
        history, warnings = self._history.load(self._home.open, decision.state, document)
        if self.state.revision > decision.state.revision:
            # Nobody knows what a recovery has left out.
            history = replace(history, complete_since=self.state.revision)
        self.state = replace(self.state, history=history)
        self._history.confirm(self.state, document)
        self.warnings += warnings

    def _remove_temps(self) -> None:
        self._home.open.remove_temps()
        try:
            folder = Directory.open(self._disk, self._path / QUARANTINE, create=False)
        except (FileNotFoundError, NotADirectoryError):
            return
        with closing(folder):
            folder.remove_temps()

    def _tell_of_edit(self, name: str, copy: str) -> None:
        _log.warning("A file of the store was edited; it is written again.", file=name, kept=copy)
        now_ms = self._time_ns() // 1_000_000
        self.recovery = with_edit(self._recovery_at_start, self.recovery, name, copy, now_ms)

    def _is_large(self) -> bool:
        """Return whether the store has many workspaces, and nobody was told so yet."""
        if self._is_told_of_many or len(self.state.records) <= MANY_WORKSPACES:
            return False
        self._is_told_of_many = True
        return True

    def _ensure_locked(self) -> None:
        """Check that the path leads to this directory and its lock is ours; otherwise open and lock it again."""
        if self._home.ensure_in_place(reopens=self._must_reopen):
            # Nothing in another directory is an edit of this store's files.
            self._files.older_is_own = False
        self._must_reopen = False


def _advice_of_many(state: State) -> str:
    return (
        f"The store holds {len(state.records):,} workspaces, and each write writes them all: for more than "
        f"{MANY_WORKSPACES:,}, stop the daemon and run `workspaced migrate --to sqlite`."
    )
