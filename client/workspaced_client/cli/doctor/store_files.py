"""Doctor's checks of the store's two files: by the daemon where it runs, else as far as a client can.

Without a daemon the files are read and their checksums verified, to say what its start will make of them.
"""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from workspaced_client import DaemonError, FileCheck, RecoveryStatus, StoreCheck
from workspaced_client.cli.base import recovery_notice
from workspaced_client.cli.base.output import count
from workspaced_client.cli.doctor.finding import Check, ok, problem, reason, warning
from workspaced_protocol import unknown
from workspaced_protocol.checksum import checksum
from workspaced_protocol.datadir import FORMAT_VERSION, MAX_FILE_BYTES, PRIMARY, SNAPSHOT
from workspaced_protocol.models import Workspace
from workspaced_protocol.problems import problem_at


def checks_by_daemon(found: StoreCheck | DaemonError) -> Iterator[Check]:
    """What the daemon found when it verified its files."""
    if isinstance(found, DaemonError):
        yield problem("store files", found.message, "Mend that; until then nothing can be written.")
        return
    for name, file in ((PRIMARY, found.primary), (SNAPSHOT, found.snapshot)):
        yield _check_by_daemon(
            name, file, both_missing=_is_missing(found.primary) and _is_missing(found.snapshot)
        )


def _is_missing(file: FileCheck) -> bool:
    return not file.corrupted and file.reason == "missing"


def _check_by_daemon(name: str, file: FileCheck, *, both_missing: bool) -> Check:
    if file.corrupted:
        advice = "workspacectl flush writes it anew from memory; a copy of the damaged file is kept."
        return problem(name, f"It is damaged: {file.reason or 'no reason was told'}.", advice)
    if both_missing:
        return ok(name, "It is not there yet: nothing has been stored.")
    if _is_missing(file):
        return warning(name, "It is missing.", "workspacectl flush writes it anew from memory.")
    if file.reason and file.reason.startswith("unreadable"):
        return problem(name, f"It is {file.reason}.", "Mend that; until then nothing can be written.")
    if file.reason:
        return problem(name, f"It is {file.reason}.", "Another program wrote it: find out which.")
    return ok(name, "Valid: the daemon has just verified it.")


class _Document(msgspec.Struct, frozen=True):
    """The members of a file that are looked at here."""

    version: int
    workspaces: list[msgspec.Raw]
    recovery: dict[str, object] | None = None


@dataclass(frozen=True)
class _Read:
    state: Literal["missing", "valid", "damaged", "newer", "unusable"]
    message: str
    document: _Document | None = None


def checks_without_daemon(data_dir: Path) -> Iterator[Check]:
    """What can be told of the files in `data_dir` from their text."""
    primary, snapshot = _read(data_dir / PRIMARY), _read(data_dir / SNAPSHOT)
    yield _check_alone(PRIMARY, primary, snapshot)
    yield _check_alone(SNAPSHOT, snapshot, primary)
    notice = _notice(primary) or _notice(snapshot)
    if notice is not None:
        yield check_recovery(notice)


def check_recovery(notice: RecoveryStatus) -> Check:
    """Whether there is a recovery that nobody has acknowledged."""
    told = recovery_notice.warning(notice)
    if told is None:
        return ok("recovery", "Nothing to acknowledge.")
    return warning("recovery", told, "See to the copies if you miss something: workspacectl recovery show")


def _notice(read: _Read) -> RecoveryStatus | None:
    if read.document is None or read.document.recovery is None:
        return None
    try:
        notice = {"quarantined": (), **read.document.recovery, "acknowledged": False}
        return msgspec.convert(notice, RecoveryStatus)
    except msgspec.ValidationError:
        return None  # the daemon reports this as damage of the file


def _check_alone(name: str, this: _Read, other: _Read) -> Check:
    if this.state == "valid":
        return ok(name, this.message)
    if this.state == "missing":
        if other.state == "missing":
            return ok(name, "It is not there yet: nothing has been stored.")
        advice = (
            "Start the daemon, which writes it anew: workspaced run"
            if other.state == "valid"
            else "It can't be written anew from the other file: see there."
        )
        return warning(name, "It is missing.", advice)
    if this.state == "newer":
        return problem(name, this.message, "Install that release; this one leaves the file alone.")
    if this.state == "unusable":
        return problem(
            name, this.message, "Mend that before you start the daemon; it touches nothing until then."
        )
    if other.state == "valid":
        advice = "Start the daemon, which recovers it from the other file and keeps a copy: workspaced run"
    elif other.state in ("newer", "unusable"):
        advice = "No daemon starts until the other file is seen to: see there."
    else:
        advice = (
            f"The other file is {other.state} too: the daemon would start with an empty store, and keep what is "
            "here in quarantine/, of which `workspacectl recovery salvage` brings back what can still be read. "
            "To have an older state instead, restore one of `workspacectl backups` then."
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
    if document.version > FORMAT_VERSION:
        told = f"It is of version {document.version}, and this release reads up to {FORMAT_VERSION}."
        return _Read("newer", told)
    if document.version < 1:
        return _Read("damaged", f"It is damaged: there is no version {document.version}.")
    fault = _fault(data, document)
    if fault is not None:
        return _Read("damaged", f"It is damaged: {fault}.")
    older = " (an older app's; the daemon keeps a copy and converts it)" if document.version == 1 else ""
    told = (
        f"Version {document.version}{older}, {count(len(document.workspaces), 'workspace')}, "
        f"{len(data):,} bytes, as it was written."
    )
    return _Read("valid", told, document)


def _fault(data: bytes, document: _Document) -> str | None:
    """What makes a daemon take a file for damaged that is JSON, and of a known version; else None."""
    stated, actual = checksum(data)
    if stated is None and document.version == FORMAT_VERSION:
        return "its checksum is missing"
    if stated not in (None, actual):
        return "its checksum does not match its content"
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
    """The bytes of a regular file. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        if status.st_size > MAX_FILE_BYTES:
            raise OSError(
                errno.EFBIG, f"it has {status.st_size:,} bytes, which is more than a store may have"
            )
        return file.read(MAX_FILE_BYTES)
