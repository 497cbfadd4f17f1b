"""What the two files hold, which of them to trust at startup, and the snapshot by itself.

The strategy: each file is examined once, and the examination is a value (missing, valid or
corrupted). The recovery table (storage.md, Recovery at startup) is then a pure function of the two values.
"""

from collections.abc import Iterable
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
    """A file as it was found: `content` is None where it is missing, else one of the others is set."""

    name: str
    content: Content | None = None
    document: Document | None = None
    corruption: Corrupted | None = None

    @property
    def data(self) -> bytes:
        """The file's bytes; none where it is missing."""
        return self.content.data if self.content else b""

    def check(self) -> FileCheck:
        """For people: whether it is corrupted, and why."""
        if self.corruption is not None:
            return FileCheck(corrupted=True, reason=self.corruption.message)
        return FileCheck(corrupted=False, reason="missing" if self.content is None else None)


def examine(directory: Directory, name: str, other: Examined | None = None) -> Examined:
    """Reads and checks one file, or only reads it where it is as `other` is. Raises StoreUnusable or NewerVersion."""
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
    """What a start makes of the two files.

    `superseded` are the files to quarantine, each with its reason; `must_write` tells that both
    files have to be written anew before anything else.
    """

    state: State
    outcome: RecoveryOutcome
    reason: str | None
    superseded: tuple[tuple[Examined, str], ...]
    must_write: bool


def decide(primary: Examined, snapshot: Examined) -> Decision:
    """The recovery table: which state to go on with, and what to tell the user."""
    damaged = tuple(
        (file, file.corruption.kind) for file in (primary, snapshot) if file.corruption is not None
    )
    if primary.document is not None:
        state = primary.document.state
        if snapshot.document is None:
            return Decision(state, "clean", None, damaged, must_write=True)
        newer = snapshot.document.state
        if newer.revision > state.revision:
            reason = f"{SNAPSHOT} holds revision {newer.revision}, and {PRIMARY} only {state.revision}"
            return Decision(newer, "recovered", reason, ((primary, "older"),), must_write=True)
        return Decision(state, "clean", None, (), must_write=primary.data != snapshot.data)
    if snapshot.document is not None:
        reason = f"{PRIMARY} {_trouble(primary)}; recovered from {SNAPSHOT}"
        return Decision(snapshot.document.state, "recovered", reason, damaged, must_write=True)
    if primary.content is None and snapshot.content is None:
        return Decision(State(), "fresh", None, (), must_write=False)
    reason = f"{PRIMARY} {_trouble(primary)}, and {SNAPSHOT} {_trouble(snapshot)}"
    revision = max(legible_revision(primary.data), legible_revision(snapshot.data))
    return Decision(State(revision), "dataLoss", reason, damaged, must_write=True)


def _trouble(file: Examined) -> str:
    if file.corruption is None:
        return "is missing"
    return f"is corrupted ({file.corruption.message})"


def create_snapshot(data_dir: Path, workspaces: Iterable[Workspace], revision: int = 0) -> None:
    """Writes the snapshot by itself, atomically and durably. Raises StorageFailure or OSError.

    For tools that work without a daemon: a running one writes it in every commit.
    """
    with closing(Directory.open(Disk(), data_dir, create=True)) as directory:
        directory.replace([SNAPSHOT], encode_document(State.of(workspaces, revision)))


def detect_corruption(data_dir: Path) -> FileCheck:
    """Whether the primary file is corrupted, and why. Raises StoreUnusable where it can't be read."""
    return _check(data_dir, PRIMARY)


def check_files(data_dir: Path) -> StoreCheck:
    """Both files as they are now; one that can't be read is not corrupted, and its reason says why."""
    checks: list[FileCheck] = []
    for name in (PRIMARY, SNAPSHOT):
        try:
            checks.append(_check(data_dir, name))
        except StoreUnusable as error:
            checks.append(FileCheck(corrupted=False, reason=f"unreadable: {error.reason}"))
    return StoreCheck(primary=checks[0], snapshot=checks[1])


def _check(data_dir: Path, name: str) -> FileCheck:
    try:
        return _examine_in(data_dir, name).check()
    except NewerVersion as error:
        return FileCheck(corrupted=False, reason=f"written by a newer release: {error}")


def recover_from_snapshot(data_dir: Path) -> list[Workspace] | None:
    """The snapshot's workspaces by creation time, or None where it is missing or corrupted.

    Raises NewerVersion where a later release wrote it, StoreUnusable where it can't be read.
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
