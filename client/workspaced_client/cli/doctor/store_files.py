"""Doctor's checks of the store's two files, by the daemon if it runs, else by the client.

The client reads the files and verifies their checksums, to predict what the daemon does with them when it
starts.
"""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

from workspaced_client import DaemonError, FileCheck, RecoveryStatus, StoreCheck
from workspaced_client.cli.base.failures import reason
from workspaced_client.cli.base.output import count
from workspaced_client.cli.doctor.finding import Finding, ok, problem, warning
from workspaced_client.cli.doctor.pending_recovery import check_recovery, notice_of
from workspaced_protocol import unknown
from workspaced_protocol.checksum import checksum, is_damaged_version
from workspaced_protocol.datadir import (
    FORMAT_VERSION,
    MANY_WORKSPACES,
    MAX_FILE_BYTES,
    PRIMARY,
    QUARANTINE,
    SNAPSHOT,
)
from workspaced_protocol.models import StoreId, Workspace
from workspaced_protocol.problems import problem_at


def checks_by_daemon(found: StoreCheck | DaemonError, revision: int) -> Iterator[Finding]:
    """Report the check of its files by the daemon, which holds `revision`."""
    if isinstance(found, DaemonError):
        yield problem("store files", found.message, "Fix that; until then nothing can be written.")
        return
    for name, file in ((PRIMARY, found.primary), (SNAPSHOT, found.snapshot)):
        yield _check_by_daemon(name, file, nothing_stored=not revision)


def check_number(workspaces: int) -> Iterator[Finding]:
    """Advise another kind of store where there are many workspaces."""
    if workspaces > MANY_WORKSPACES:
        told = f"A JSON store of {count(workspaces, 'workspace')}: each write writes them all."
        yield warning("number of workspaces", told, "Stop the daemon, then: workspaced migrate --to sqlite")


def _is_missing(file: FileCheck) -> bool:
    return not file.corrupted and file.reason == "missing"


def _check_by_daemon(name: str, file: FileCheck, *, nothing_stored: bool) -> Finding:
    if file.corrupted:
        advice = "workspacectl flush writes it again from memory; a copy of the damaged file is kept."
        return problem(name, f"It is damaged: {file.reason or 'the daemon gave no reason'}.", advice)
    if _is_missing(file) and nothing_stored:
        return ok(name, "It does not exist yet: nothing has been stored.")
    if _is_missing(file):
        return warning(name, "It is missing.", "workspacectl flush writes it again from memory.")
    if file.reason and file.reason.startswith("unreadable"):
        return problem(name, f"It is {file.reason}.", "Fix that; until then nothing can be written.")
    if file.reason and file.reason.startswith("another store's"):
        return problem(name, f"It is {file.reason}.", _ANOTHER_STORE)
    if file.reason:
        advice = "Another program wrote it. workspacectl flush writes it again from memory; a copy is kept."
        return problem(name, f"It is {file.reason}.", advice)
    return ok(name, "Valid: the daemon has just verified it.")


_ANOTHER_STORE: Final = (
    "Move it away to go on with the daemon's store; until then nothing can be written. To serve it instead, restart "
    "the daemon with both files of that store in place; `workspacectl restore FILE` takes its workspaces over."
)


class _Document(msgspec.Struct, frozen=True):
    """The members of a file that this check reads."""

    version: int
    workspaces: list[msgspec.Raw]
    store_id: object = msgspec.field(name="storeId", default=None)
    revision: int = 0
    recovery: dict[str, object] | None = None


@dataclass(frozen=True)
class _Read:
    state: Literal["missing", "valid", "damaged", "newer", "unusable"]
    message: str
    document: _Document | None = None


def checks_without_daemon(data_dir: Path) -> Iterator[Finding]:
    """Check the files in `data_dir` by their text."""
    primary, snapshot = _read(data_dir / PRIMARY), _read(data_dir / SNAPSHOT)
    yield _check_alone(PRIMARY, primary, snapshot)
    yield _another_snapshot(primary, snapshot) or _check_alone(SNAPSHOT, snapshot, primary)
    document = primary.document or snapshot.document
    if document is not None:
        yield from check_number(len(document.workspaces))
    notice = _notice(primary) or _notice(snapshot)
    if notice is not None:
        yield check_recovery(notice)


def _another_snapshot(primary: _Read, snapshot: _Read) -> Finding | None:
    """Report a snapshot of another store than the primary, as the daemon tells them apart."""
    if primary.document is None or snapshot.document is None:
        return None
    ours, theirs = primary.document, snapshot.document
    if None in (ours.store_id, theirs.store_id):
        if ours.store_id == theirs.store_id:
            return None
        older, identified = (ours, theirs) if ours.store_id is None else (theirs, ours)
        if older.revision <= identified.revision:  # an earlier state of the same store
            return None
    elif ours.store_id == theirs.store_id:
        return None
    told = f"It is another store's: {_identity(theirs)}; {PRIMARY} is {_identity(ours)}."
    advice = (
        f"The daemon would serve {PRIMARY}, and keep this file in {QUARANTINE}/. To serve this one instead, move "
        f"{PRIMARY} away before you start the daemon."
    )
    return warning(SNAPSHOT, told, advice)


def _identity(document: _Document) -> str:
    whose = document.store_id or f"of version {document.version}, without an id,"
    return f"{whose} at revision {document.revision}"


def _notice(read: _Read) -> RecoveryStatus | None:
    return None if read.document is None else notice_of(read.document.recovery)


def _check_alone(name: str, this: _Read, other: _Read) -> Finding:
    if this.state == "valid":
        return ok(name, this.message)
    if this.state == "missing":
        if other.state == "missing":
            return ok(name, "It does not exist yet: nothing has been stored.")
        advice = (
            "Start the daemon, which writes it again: workspacectl start"
            if other.state == "valid"
            else "It can't be written again from the other file: see there."
        )
        return warning(name, "It is missing.", advice)
    if this.state == "newer":
        return problem(name, this.message, "Install that release; this one does not touch the file.")
    if this.state == "unusable":
        return problem(
            name, this.message, "Fix that before you start the daemon; it changes nothing until then."
        )
    if other.state == "valid":
        advice = (
            "Start the daemon, which recovers it from the other file and keeps a copy: workspacectl start"
        )
    elif other.state in ("newer", "unusable"):
        advice = "No daemon starts until the other file is fixed: see there."
    else:
        advice = (
            f"The other file is {other.state} too: the daemon would start with an empty store, and keep this file "
            f"in {QUARANTINE}/. Then `workspacectl recovery salvage` brings back the workspaces that can still be "
            "read, or `workspacectl restore` an older state: see `workspacectl backups`."
        )
    return problem(name, this.message, advice)


def _read(path: Path) -> _Read:
    try:
        data = _content(path)
    except FileNotFoundError:
        return _Read("missing", "It is missing.")
    except OSError as error:
        told = "it is a symbolic link" if error.errno == errno.ELOOP else reason(error)
        return _Read("unusable", f"{path} can't be read: {told}.")
    try:
        document = msgspec.json.decode(data, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _Read("damaged", f"It is damaged: {error}." if data.strip() else "It is damaged: it is empty.")
    if document.version > FORMAT_VERSION and not is_damaged_version(data, FORMAT_VERSION):
        told = f"It has version {document.version}; this release reads versions up to {FORMAT_VERSION}."
        return _Read("newer", told)
    if document.version < 1:
        return _Read("damaged", f"It is damaged: there is no version {document.version}.")
    fault = _fault(data, document)
    if fault is not None:
        return _Read("damaged", f"It is damaged: {fault}.")
    older = ""
    if document.version < FORMAT_VERSION:
        whose = "an older app's" if document.version == 1 else "an older release's"
        older = f" ({whose}; the daemon keeps a copy and converts it)"
    told = (
        f"Version {document.version}{older}, {count(len(document.workspaces), 'workspace')}, "
        f"{len(data):,} bytes, unchanged since it was written."
    )
    return _Read("valid", told, document)


def _fault(data: bytes, document: _Document) -> str | None:
    """Return the damage in a file that is JSON of a known version, or None."""
    stated, actual = checksum(data)
    if stated is None and document.version > 1:
        return "its checksum is missing"
    if stated not in (None, actual):
        return "its checksum does not match its content"
    if document.version == FORMAT_VERSION:
        try:
            msgspec.convert(document.store_id, StoreId)
        except msgspec.ValidationError:
            return "`storeId` is missing or wrong"
    for index, workspace in enumerate(document.workspaces):
        try:
            unknown.decode(workspace, Workspace)
        except msgspec.ValidationError as error:
            problem, path = problem_at(error)
            return f"`workspaces[{index}]{f'.{path}' if path else ''}` is wrong: {problem}"
        except msgspec.DecodeError as error:
            return str(error)
    return None


def _content(path: Path) -> bytes:
    """Return the bytes of a regular file. Raise OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        if status.st_size > MAX_FILE_BYTES:
            raise OSError(errno.EFBIG, f"it has {status.st_size:,} bytes, more than a store may have")
        return file.read(MAX_FILE_BYTES)
