"""The choice between primary and snapshot at startup, and tools for each file.

The strategy: examine each file once. The result is a value: missing, valid or corrupted. The recovery
table (storage.md, Recovery at startup) is then a pure function of two values.
"""

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from workspaced.domain.ids import IdFactory, store_id_of
from workspaced.domain.state import State
from workspaced.store.contract import StoreUnusable
from workspaced.store.disk import Disk
from workspaced.store.document import (
    Corrupted,
    Document,
    NewerVersion,
    encode_document,
    legible_revision,
    legible_store_id,
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

    @property
    def store_id(self) -> str:
        """The store's id, as far as the file tells it; else empty."""
        return self.document.state.store_id if self.document else legible_store_id(self.data)

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
    """The decision of a start: the state to serve, the file that holds it if there is one, and what to do with the files.

    `superseded` are the files to quarantine, each with its reason. With `must_write`, both files are
    written before the daemon listens.
    """

    state: State
    served: Examined | None
    outcome: RecoveryOutcome
    reason: str | None
    superseded: tuple[tuple[Examined, str], ...]
    must_write: bool


def decide(primary: Examined, snapshot: Examined, new_store_id: str) -> Decision:
    """Apply the recovery table. `new_store_id` is for a store of which no file tells an id."""
    damaged = tuple(
        (file, file.corruption.kind) for file in (primary, snapshot) if file.corruption is not None
    )
    if primary.document is not None:
        state = _identified(primary, snapshot)
        if snapshot.document is None:
            return Decision(state, primary, "clean", None, damaged, must_write=True)
        newer = snapshot.document.state
        if _are_two_stores(primary.document, snapshot.document):
            state = _identified(primary)
            reason = (
                f"{SNAPSHOT} was another store's, {newer.store_id or 'of an older version'} at revision "
                f"{newer.revision}; {PRIMARY} serves, {state.store_id} at revision {state.revision}"
            )
            return Decision(
                state, primary, "recovered", reason, ((snapshot, "another-store"),), must_write=True
            )
        if newer.revision > state.revision:
            reason = f"{SNAPSHOT} holds revision {newer.revision}, but {PRIMARY} only {state.revision}"
            state = _identified(snapshot, primary)
            return Decision(state, snapshot, "recovered", reason, ((primary, "older"),), must_write=True)
        must_write = primary.data != snapshot.data or primary.document.held_secrets
        return Decision(state, primary, "clean", None, (), must_write=must_write)
    if snapshot.document is not None:
        reason = f"{PRIMARY} {_damage(primary)}; recovered from {SNAPSHOT}"
        state = _identified(snapshot, primary)
        if primary.store_id not in ("", state.store_id):
            reason += f", which has the id {state.store_id}; the one in {PRIMARY} is {primary.store_id}"
        return Decision(state, snapshot, "recovered", reason, damaged, must_write=True)
    if primary.content is None and snapshot.content is None:
        return Decision(State(store_id=new_store_id), None, "fresh", None, (), must_write=False)
    reason = f"{PRIMARY} {_damage(primary)}, and {SNAPSHOT} {_damage(snapshot)}"
    revision = max(legible_revision(primary.data), legible_revision(snapshot.data))
    store_id = primary.store_id or snapshot.store_id or new_store_id
    state = State.of((), revision, store_id=store_id)
    return Decision(state, None, "dataLoss", reason, damaged, must_write=True)


def _are_two_stores(one: Document, other: Document) -> bool:
    """Return whether the files hold two different stores, so that their revisions can't be compared."""
    if one.state.store_id and other.state.store_id:
        return one.state.store_id != other.state.store_id
    if not one.state.store_id and not other.state.store_id:
        return False
    # No release writes an older version again, so one of a higher revision is no earlier state of this store.
    older, identified = (other, one) if one.state.store_id else (one, other)
    return older.state.revision > identified.state.revision


def _identified(served: Examined, *others: Examined) -> State:
    """Return the state in the file with its store's id: as one of the files tells it, or made for an older version."""
    if served.document is None or served.content is None:
        raise ValueError(f"{served.name} is not valid, so it can't be served")
    told = next(filter(None, (file.store_id for file in (served, *others))), None)
    written_at_ms = served.content.identity.modified_at_ns // 1_000_000
    return replace(served.document.state, store_id=told or store_id_of(served.data, written_at_ms))


def _damage(file: Examined) -> str:
    if file.corruption is None:
        return "is missing"
    return f"is corrupted ({file.corruption.message})"


def create_snapshot(
    data_dir: Path, workspaces: Iterable[Workspace], revision: int = 0, store_id: str = ""
) -> None:
    """Write only the snapshot, atomically and durably. Without a `store_id`, it has that of the files there, or a new one.

    This is for tools that work without a daemon. A running daemon writes the snapshot in every commit.
    Raises StorageFailure or OSError; NewerVersion or StoreUnusable if the store's id can't be read.
    """
    with closing(Directory.open(Disk(), data_dir, create=True)) as directory:
        primary, snapshot = (examine(directory, name) for name in (PRIMARY, SNAPSHOT))
        store_id = store_id or decide(primary, snapshot, IdFactory().store()).state.store_id
        directory.replace([SNAPSHOT], encode_document(State.of(workspaces, revision, store_id=store_id)))


def detect_corruption(data_dir: Path) -> FileCheck:
    """Return whether the primary is corrupted, and the reason. Raises StoreUnusable if it can't be read."""
    return _check(data_dir, PRIMARY)


def check_files(data_dir: Path, difference: Callable[[Document], str | None] = lambda _: None) -> StoreCheck:
    """Check both files as they are now. An unreadable file is not corrupted; `reason` says why it is unreadable.

    `difference` returns how a valid file differs from the one that it should hold, for the `reason`.
    """
    checks: list[FileCheck] = []
    for name in (PRIMARY, SNAPSHOT):
        try:
            checks.append(_check(data_dir, name, difference))
        except StoreUnusable as error:
            checks.append(FileCheck(corrupted=False, reason=f"unreadable: {error.reason}"))
    return StoreCheck(primary=checks[0], snapshot=checks[1])


def _check(
    data_dir: Path, name: str, difference: Callable[[Document], str | None] = lambda _: None
) -> FileCheck:
    try:
        examined = _examine_in(data_dir, name)
    except NewerVersion as error:
        return FileCheck(corrupted=False, reason=f"written by a newer release: {error}")
    if examined.document is not None:
        return FileCheck(corrupted=False, reason=difference(examined.document))
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
