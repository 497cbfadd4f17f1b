"""The store that apps rely on: two JSON files in a data directory, committed by rename under a lock."""

import errno
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from workspaced.domain.state import RecoveryNotice, State
from workspaced.store.contract import (
    CommitUnknown,
    StorageFailure,
    StoreOperations,
    StoreUnusable,
    WrittenByNewerRelease,
)
from workspaced.store.disk import Disk
from workspaced.store.document import NewerVersion, encode_document
from workspaced.store.files import Directory, Identity
from workspaced.store.lock import DirectoryLock, LockHeld
from workspaced.store.quarantine import quarantine
from workspaced.store.snapshot import Decision, Examined, check_files, decide, examine
from workspaced_protocol.datadir import PRIMARY, QUARANTINE, SNAPSHOT
from workspaced_protocol.models import MAX_SAFE_INTEGER, Change, RecoveryStatus, StoreCheck


def create_json_store(data_dir: Path, *, socket: str = "") -> "JsonWorkspaceStore":
    """Opens the store in `data_dir`, which is made if missing, and recovers it where it is damaged.

    `socket` is where its owner listens, for whoever finds the directory locked. Raises LockHeld
    where another process owns the directory, StoreUnusable where it can't be read or written.
    """
    return JsonWorkspaceStore(data_dir, socket=socket)


class JsonWorkspaceStore(StoreOperations):
    """A WorkspaceStore in a data directory, which it holds locked until `close`.

    `state` is the last committed one, `recovery` what opening it found, and `warnings` are
    sentences for the log about what was found or mended.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        socket: str = "",
        disk: Disk | None = None,
        time_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """See `create_json_store`; `disk` and `time_ns` are for tests."""
        self._path = data_dir
        self._socket = socket
        self._disk = disk or Disk()
        self._time_ns = time_ns
        # What may stand under the files' names: None is ours, and may be written over; a word is the
        # reason to quarantine it first. Anything else was edited by somebody.
        self._standing: dict[Identity, str | None] = {}
        self._must_reopen = False
        self.state = State()
        self.warnings: list[str] = []
        try:
            self._directory = Directory.open(self._disk, data_dir, create=True)
        except OSError as error:
            raise _unusable(data_dir, error) from error
        try:
            self._lock = DirectoryLock(self._directory, socket)
        except OSError as error:
            self._directory.close()
            raise _unusable(data_dir, error) from error
        except LockHeld:
            self._directory.close()
            raise
        try:
            self.recovery = self._load()
        except BaseException:
            self.close()
            raise

    def commit(
        self, state: State, changes: Sequence[Change] | None, keeps_previous: str | None = None
    ) -> None:
        """See WorkspaceStore. Both files are always written whole."""
        if state.revision > MAX_SAFE_INTEGER:
            # Only a file that another program made brings it near that; it could not be read again.
            limit = f"The store's revision can't rise above {MAX_SAFE_INTEGER:,}."
            raise StorageFailure(limit, errno.EOVERFLOW)
        data = encode_document(state)
        self._hold()
        if keeps_previous is not None:
            self._keep_previous(keeps_previous)
        try:
            for name in (PRIMARY, SNAPSHOT):
                self._quarantine_foreign(name)
            identities = self._directory.replace([PRIMARY, SNAPSHOT], data)
        except StorageFailure as failure:
            # After a failed sync this descriptor may report the next one as fine though data is gone.
            self._must_reopen = True
            if isinstance(failure, CommitUnknown):
                self._standing.update(dict.fromkeys(self._directory.last_written))
            raise
        self._standing = dict.fromkeys(identities)
        self.state = state

    def tidy(self) -> None:
        """See WorkspaceStore: frees the blocks of the files that were replaced."""
        self._directory.release_replaced()

    def check(self) -> StoreCheck:
        """See WorkspaceStore."""
        return check_files(self._path)

    def close(self) -> None:
        """See WorkspaceStore: releases the lock."""
        self._lock.release()
        self._directory.close()

    def _load(self) -> RecoveryStatus:
        try:
            primary = examine(self._directory, PRIMARY)
            snapshot = examine(self._directory, SNAPSHOT, primary)
        except NewerVersion as error:
            raise WrittenByNewerRelease(
                f"The store in {self._path} is of {error}: start that release, or choose another --data-dir."
            ) from error
        decision = decide(primary, snapshot)
        try:
            self._remove_temps()
            quarantined = [self._set_aside(file, kind) for file, kind in decision.superseded]
            for file in (primary, snapshot):
                quarantined += self._remember(file)
            if not decision.must_write:
                # What is served from now on must last: its writer may have been killed before its sync.
                self._directory.settle([PRIMARY, SNAPSHOT])
            if decision.outcome == "fresh":
                self._directory.settle_path()
        except OSError as error:
            raise _unusable(self._path, error) from error
        except StorageFailure as error:
            raise StoreUnusable(error.message, number=error.errno) from error
        self.state = self._with_notice(decision, quarantined)
        if decision.must_write:
            try:
                self.commit(self.state, None)
            except StorageFailure as error:
                raise StoreUnusable(error.message, number=error.errno) from error
        return _status(self.state, decision, quarantined)

    def _remove_temps(self) -> None:
        self._directory.remove_temps()
        try:
            folder = Directory.open(self._disk, self._path / QUARANTINE, create=False)
        except (FileNotFoundError, NotADirectoryError):
            return
        with closing(folder):
            folder.remove_temps()

    def _set_aside(self, file: Examined, kind: str) -> str:
        """Quarantines a file as it was found; it may then be written over."""
        if file.content is None:
            raise ValueError(f"{file.name} is missing: there is nothing to set aside")
        self._standing[file.content.identity] = None
        copy = quarantine(self._directory, file.name, file.content, kind, self._time_ns)
        if file.corruption is not None:
            self.warnings.append(
                f"{file.name} is corrupted ({file.corruption.message}); a copy is kept at {copy}"
            )
        return copy

    def _remember(self, file: Examined) -> list[str]:
        """Notes what a valid file needs before it may be written over; gives the copies made of it."""
        if file.document is None or file.content is None or file.content.identity in self._standing:
            return []
        is_old = file.document.version == 1
        self._standing[file.content.identity] = "version-1" if is_old else None
        if not file.document.unknown_members:
            return []
        copy = self._set_aside(file, "unknown-members")
        members = ", ".join(file.document.unknown_members[:10])
        self.warnings.append(
            f"{file.name} holds members that this release does not know and will not write again "
            f"({members}); a copy is kept at {copy}"
        )
        return [copy]

    def _with_notice(self, decision: Decision, quarantined: list[str]) -> State:
        """The decided state, with what the user has to be told of it kept inside."""
        if decision.reason is None:
            return decision.state
        outcome, reason, earlier = decision.outcome, decision.reason, decision.state.recovery
        if earlier is not None:
            # Nobody has acknowledged that one yet, so both are told; a loss stays a loss.
            outcome = "dataLoss" if earlier.outcome == "dataLoss" else outcome
            reason = f"{earlier.reason}; after that, {reason}"
            # A start that was cut short may have kept the same copies already.
            quarantined = list(dict.fromkeys([*earlier.quarantined, *quarantined]))
        now_ms = self._time_ns() // 1_000_000
        revision = decision.state.revision + 1
        if decision.outcome == "dataLoss":
            # Above all that clients may know of what is lost: no store makes a thousand changes a second for long.
            revision = max(revision, now_ms)
        notice = RecoveryNotice(outcome, reason, tuple(quarantined), now_ms)
        return replace(decision.state, revision=revision, recovery=notice)

    def _hold(self) -> None:
        """Makes sure that the path still leads to this directory and its lock is ours, or takes it anew."""
        try:
            if (
                not self._must_reopen
                and self._directory.is_at_its_path()
                and self._lock.is_in(self._directory)
            ):
                return
            directory = Directory.open(self._disk, self._path, create=True)
            try:
                directory.settle_path()
                if not self._lock.is_in(directory):
                    lock = DirectoryLock(directory, self._socket)
                    self._lock.release()
                    self._lock = lock
            except BaseException:
                directory.close()
                raise
        except OSError as error:
            raise StorageFailure.from_os_error(error, f"open {self._path}") from error
        except LockHeld as error:
            raise StorageFailure(error.message, errno.EWOULDBLOCK) from error
        self._directory.close()
        self._directory = directory
        self._must_reopen = False

    def _keep_previous(self, reason: str) -> None:
        """Has the primary quarantined before it goes; the snapshot holds the same."""
        try:
            identity = self._directory.identify(PRIMARY)
        except OSError as error:
            raise StorageFailure.from_os_error(error, f"look at {self._path / PRIMARY}") from error
        if identity is not None and self._standing.get(identity, "edited") is None:
            self._standing[identity] = reason

    def _quarantine_foreign(self, name: str) -> None:
        """Keeps a copy of what stands under `name`, where this store did not write it."""
        try:
            identity = self._directory.identify(name)
            if identity is None or self._standing.get(identity, "edited") is None:
                return
            content = self._directory.read(name)
            if content is not None:
                kind = self._standing.get(content.identity) or "edited"
                quarantine(self._directory, name, content, kind, self._time_ns)
                self._standing[content.identity] = None
        except OSError as error:
            raise StorageFailure.from_os_error(error, f"quarantine {self._path / name}") from error
        except StoreUnusable as error:
            advice = "mend that or move it away, then try again"
            raise StorageFailure(f"{error.reason}: {advice}.", error.errno) from error


def _status(state: State, decision: Decision, quarantined: Sequence[str]) -> RecoveryStatus:
    """What a start found; the copies of an earlier one are told for as long as its notice stands."""
    notice = state.recovery
    if notice is None:
        return RecoveryStatus(outcome=decision.outcome, quarantined=tuple(quarantined), acknowledged=True)
    return RecoveryStatus(
        outcome=notice.outcome,
        quarantined=tuple(dict.fromkeys([*notice.quarantined, *quarantined])),
        acknowledged=False,
        reason=notice.reason,
        occurred_at=notice.occurred_at,
    )


def _unusable(path: Path, error: OSError) -> StoreUnusable:
    if isinstance(error, NotADirectoryError):
        reason, advice = f"The data directory {path} is not a directory", "choose another with --data-dir"
    else:
        reason = f"The data directory {path} can't be used ({error.strerror or error})"
        advice = "check its owner and mode, and the free space, or choose another with --data-dir"
    return StoreUnusable(reason, advice, error.errno or 0)
