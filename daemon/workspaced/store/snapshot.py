"""The choice between primary and snapshot at startup, and tools for each file.

The strategy: examine each file once. The result is a value: missing, valid or corrupted. The recovery
table (storage.md, Recovery at startup) is then a pure function of two values.
"""

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from workspaced.domain.state import State
from workspaced.store.contract import StoreUnusable
from workspaced.store.disk import Disk
from workspaced.store.document import (
    Corrupted,
    Document,
    NewerVersion,
    encode_document,
    legible_revision,
    parse_document,
)
from workspaced.store.files import Content, Directory
from workspaced_protocol.datadir import PRIMARY, SNAPSHOT
from workspaced_protocol.models import FileCheck, RecoveryOutcome, StoreCheck, Workspace


@dataclass(frozen=True)
class Examined:
    """The result of examining a file. If it is missing, `content` is None; else `document` or `corruption` is set."""

    name: str
    content: Content | None = None
    document: Document | None = None
    corruption: Corrupted | None = None

    @property
    def data(self) -> bytes:
        """The file's bytes, empty if it is missing."""
        return self.content.data if self.content else b""

    def check(self) -> FileCheck:
        """Return whether the file is corrupted, and the reason as text for people."""
        if self.corruption is not None:
            return FileCheck(corrupted=True, reason=self.corruption.message)
        return FileCheck(corrupted=False, reason="missing" if self.content is None else None)


def examine(directory: Directory, name: str, other: Examined | None = None) -> Examined:
    """Read and check one file. A file with the same bytes as `other` is not parsed again.

    Raises StoreUnusable or NewerVersion.
    """
    content = directory.read(name)
    if content is None:
        return Examined(name)
    if other is not None and other.content is not None and other.data == content.data:
        return replace(other, name=name, content=content)
    try:
        return Examined(name, content, document=parse_document(content.data))
    except Corrupted as corruption:
        return Examined(name, content, corruption=corruption)


@dataclass(frozen=True)
class Decision:
    """The decision of a start: the state to serve, and what to do with the files.

    `superseded` are the files to quarantine, each with its reason. With `must_write`, both files are
    written before the daemon listens.
    """

    state: State
    outcome: RecoveryOutcome
    reason: str | None
    superseded: tuple[tuple[Examined, str], ...]
    must_write: bool


def decide(primary: Examined, snapshot: Examined) -> Decision:
    """Apply the recovery table."""
    damaged = tuple(
        (file, file.corruption.kind) for file in (primary, snapshot) if file.corruption is not None
    )
    if primary.document is not None:
        state = primary.document.state
        if snapshot.document is None:
            return Decision(state, "clean", None, damaged, must_write=True)
        newer = snapshot.document.state
        if newer.revision > state.revision:
            reason = f"{SNAPSHOT} holds revision {newer.revision}, but {PRIMARY} only {state.revision}"
            return Decision(newer, "recovered", reason, ((primary, "older"),), must_write=True)
        must_write = primary.data != snapshot.data or primary.document.held_secrets
        return Decision(state, "clean", None, (), must_write=must_write)
    if snapshot.document is not None:
        reason = f"{PRIMARY} {_damage(primary)}; recovered from {SNAPSHOT}"
        return Decision(snapshot.document.state, "recovered", reason, damaged, must_write=True)
    if primary.content is None and snapshot.content is None:
        return Decision(State(), "fresh", None, (), must_write=False)
    reason = f"{PRIMARY} {_damage(primary)}, and {SNAPSHOT} {_damage(snapshot)}"
    revision = max(legible_revision(primary.data), legible_revision(snapshot.data))
    return Decision(State.of((), revision), "dataLoss", reason, damaged, must_write=True)


def _damage(file: Examined) -> str:
    if file.corruption is None:
        return "is missing"
    return f"is corrupted ({file.corruption.message})"


def create_snapshot(data_dir: Path, workspaces: Iterable[Workspace], revision: int = 0) -> None:
    """Write only the snapshot, atomically and durably. Raises StorageFailure or OSError.

    This is for tools that work without a daemon. A running daemon writes the snapshot in every commit.
    """
    with closing(Directory.open(Disk(), data_dir, create=True)) as directory:
        directory.replace([SNAPSHOT], encode_document(State.of(workspaces, revision)))


def detect_corruption(data_dir: Path) -> FileCheck:
    """Return whether the primary is corrupted, and the reason. Raises StoreUnusable if it can't be read."""
    return _check(data_dir, PRIMARY)


def check_files(data_dir: Path, difference: Callable[[State], str | None] = lambda _: None) -> StoreCheck:
    """Check both files as they are now. An unreadable file is not corrupted; `reason` says why it is unreadable.

    `difference` returns how a valid file's state differs from the one that it should hold, for the `reason`.
    """
    checks: list[FileCheck] = []
    for name in (PRIMARY, SNAPSHOT):
        try:
            checks.append(_check(data_dir, name, difference))
        except StoreUnusable as error:
            checks.append(FileCheck(corrupted=False, reason=f"unreadable: {error.reason}"))
    return StoreCheck(primary=checks[0], snapshot=checks[1])


def _check(
    data_dir: Path, name: str, difference: Callable[[State], str | None] = lambda _: None
) -> FileCheck:
    try:
        examined = _examine_in(data_dir, name)
    except NewerVersion as error:
        return FileCheck(corrupted=False, reason=f"written by a newer release: {error}")
    if examined.document is not None:
        return FileCheck(corrupted=False, reason=difference(examined.document.state))
    return examined.check()


def recover_from_snapshot(data_dir: Path) -> list[Workspace] | None:
    """Return the snapshot's workspaces by creation time, or None if it is missing or corrupted.

    Raises NewerVersion if a newer release wrote it, StoreUnusable if it can't be read.
    """
    document = _examine_in(data_dir, SNAPSHOT).document
    return document.state.workspaces() if document else None


def _examine_in(data_dir: Path, name: str) -> Examined:
    try:
        directory = Directory.open(Disk(), data_dir, create=False)
    except FileNotFoundError:
        return Examined(name)
    except OSError as error:
        reason = f"{data_dir} can't be opened ({error.strerror})"
        raise StoreUnusable(reason, "check its owner and mode", error.errno or 0) from error
    with closing(directory):
        return examine(directory, name)
