"""Doctor's checks of a SQLite store's database, by the daemon if it runs, else by the client.

The client never writes to it: SQLite would by opening it. A database without a log is opened as one that nobody
changes; else a copy of both is.
"""

import errno
import hashlib
import os
import shutil
import stat
import struct
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from workspaced_client import DaemonError, StoreCheck
from workspaced_client._core.data_lock import look
from workspaced_client.cli.base.failures import reason
from workspaced_client.cli.base.output import count
from workspaced_client.cli.doctor.finding import Finding, marked_kind, ok, problem, warning
from workspaced_client.cli.doctor.pending_recovery import check_recovery, notice_of
from workspaced_protocol.datadir import (
    ANSWERED,
    DAMAGED_DATABASE,
    DATABASE,
    DATABASE_APPLICATION_ID,
    DATABASE_LOG,
    DATABASE_VERSION,
    QUARANTINE,
)

if TYPE_CHECKING:
    import sqlite3

_HEADER: Final = struct.Struct(
    ">16s44xi4xI"
)  # SQLite's file format: the magic, `user_version`, `application_id`
_MAGIC: Final = b"SQLite format 3\0"
_MENDED_BY_A_START: Final = (
    "Start the daemon, which serves what it can verify, with the newest backup, and keeps the damaged file in "
    f"{QUARANTINE}/: workspaced run"
)
_FIX_FIRST: Final = "Fix that before you start the daemon; it changes nothing until then."


class _Unfit(Exception):
    """The database can't serve. The message says why, `advice` what to do."""

    def __init__(self, message: str, advice: str = _MENDED_BY_A_START) -> None:
        super().__init__(message)
        self.advice = advice


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    """The members of the row `state` that this check reads."""

    revision: int
    workspaces: int
    digest: str
    store_id: str
    recovery: dict[str, object] | None = None


class _Answered(msgspec.Struct, frozen=True, rename="camel"):
    """The members of the side file that this check reads."""

    revision: int
    store_id: str


def is_database(data_dir: Path, found: StoreCheck | DaemonError | None) -> bool:
    """Return whether the store is a database: as the daemon's check of it says, else by the files that are there."""
    if isinstance(found, StoreCheck):
        return (found.snapshot.reason or "").startswith("none")
    marked = marked_kind(data_dir)
    if marked is not None:
        return marked == "sqlite"
    names = (DATABASE, DATABASE_LOG, DAMAGED_DATABASE, ANSWERED)
    return any(os.path.lexists(data_dir / name) for name in names)


def check_by_daemon(found: StoreCheck | DaemonError) -> Finding:
    """Report the check of its database by the daemon."""
    if isinstance(found, DaemonError):
        return problem(DATABASE, found.message, "Fix that; until then nothing can be written.")
    file = found.primary
    way_out = "workspacectl flush makes a new one from memory"
    if file.corrupted:
        return problem(DATABASE, f"It is damaged: {file.reason}.", f"{way_out}; a copy is kept.")
    if file.reason == "missing":
        return warning(DATABASE, "It is missing.", f"{way_out}.")
    if file.reason is None:
        return ok(DATABASE, "Valid: the daemon has just verified it.")
    if file.reason.startswith("unreadable"):
        return problem(DATABASE, f"It is {file.reason}.", "Fix that; until then nothing can be written.")
    if file.reason.startswith("another store's"):
        advice = "Move it away to go on with the daemon's store; until then nothing can be written."
        return problem(DATABASE, f"It is {file.reason.removesuffix('.')}.", advice)
    return problem(DATABASE, f"It is {file.reason}.", f"Another program wrote it. {way_out}; a copy is kept.")


def checks_alone(data_dir: Path) -> Iterator[Finding]:
    """Check the database in `data_dir`, and its side file."""
    try:
        held = look(data_dir)
    except OSError:
        held = None  # the check of the lock reports it
    if held is not None:
        told = "It can't be checked while a daemon has it open that does not answer."
        yield warning(DATABASE, told, f"Stop it first ({held.who}), or see what is said of it above.")
        return
    try:
        meta = _checked(data_dir)
    except _Unfit as unfit:
        yield problem(DATABASE, str(unfit), unfit.advice)
        return
    size = (data_dir / DATABASE).stat().st_size
    yield ok(
        DATABASE,
        f"Version {DATABASE_VERSION}, {count(meta.workspaces, 'workspace')}, {size:,} bytes, unchanged since it was written.",
    )
    notice = notice_of(meta.recovery)
    if notice is not None:
        yield check_recovery(notice)


def _checked(data_dir: Path) -> _Meta:
    """Return what a whole database says of itself. Raise _Unfit."""
    path = data_dir / DATABASE
    if os.path.lexists(data_dir / DAMAGED_DATABASE) and not os.path.lexists(path):
        raise _Unfit("A start that was to recover it has not come to its end.")
    _check_header(path)
    import sqlite3  # only here: a machine may lack it, and its store be of another kind

    try:
        with (
            tempfile.TemporaryDirectory(prefix="workspacectl-") as folder,
            closing(_opened(path, Path(folder))) as connection,
        ):
            meta = _verified(connection)
    except sqlite3.Error as error:
        raise _Unfit(f"It is damaged: {error}.") from error
    except OSError as error:
        raise _Unfit(f"{path} can't be read: {reason(error)}.", _FIX_FIRST) from error
    answered = _answered(data_dir / ANSWERED)
    if answered is not None and answered.store_id == meta.store_id and answered.revision > meta.revision:
        raise _Unfit(
            f"It is damaged: it holds revision {meta.revision}, but revision {answered.revision} was answered."
        )
    return meta


def _check_header(path: Path) -> None:
    try:
        data = _beginning(path, _HEADER.size)
    except FileNotFoundError:
        raise _Unfit("It is missing, though what lies beside it tells of a store.") from None
    except OSError as error:
        told = "it is a symbolic link" if error.errno == errno.ELOOP else reason(error)
        raise _Unfit(f"{path} can't be read: {told}.", _FIX_FIRST) from error
    if not data:
        raise _Unfit("It is damaged: it is empty.")
    if len(data) < _HEADER.size or not data.startswith(_MAGIC):
        raise _Unfit("It is damaged: its header is not that of a database.")
    _, version, application_id = _HEADER.unpack(data)
    if application_id != DATABASE_APPLICATION_ID:
        raise _Unfit("It is another program's database, or its header is damaged.", "Move it away if it is.")
    if version > DATABASE_VERSION:
        raise _Unfit(
            f"It has version {version}; this release reads versions up to {DATABASE_VERSION}.",
            "Install that release; this one does not touch the file.",
        )


def _opened(path: Path, folder: Path) -> "sqlite3.Connection":
    """Open the database such that nothing is written to its directory: as it is, or a copy in `folder`."""
    import sqlite3

    log = path.with_name(DATABASE_LOG)
    if not log.exists():
        return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    shutil.copy(path, folder / DATABASE)
    shutil.copy(log, folder / DATABASE_LOG)
    return sqlite3.connect(folder / DATABASE)


def _verified(connection: "sqlite3.Connection") -> _Meta:
    """Return what the database says of itself, if all of it matches its hashes. Raise _Unfit or sqlite3.Error."""
    connection.text_factory = bytes
    ((faults,),) = connection.execute("PRAGMA integrity_check(1)")
    if faults != b"ok":
        raise _Unfit(f"It is damaged: {faults.decode(errors='replace')}.")
    texts: list[Any] = connection.execute("SELECT value, sha256 FROM meta WHERE key = 'state'").fetchall()
    if len(texts) != 1 or hashlib.sha256(texts[0][0]).digest() != texts[0][1]:
        raise _Unfit("It is damaged: its row `state` does not match its hash.")
    try:
        meta = msgspec.json.decode(texts[0][0], type=_Meta)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _Unfit(f"It is damaged: its row `state` is wrong: {error}.") from error
    total = number = 0
    for id_, text, proof in connection.execute("SELECT id, document, sha256 FROM workspace"):
        if hashlib.sha256(text).digest() != proof:
            raise _Unfit(
                f"It is damaged: the workspace {id_.decode(errors='replace')} does not match its hash."
            )
        total, number = total ^ int.from_bytes(proof, "big"), number + 1
    if number != meta.workspaces or f"{total:064x}" != meta.digest:
        raise _Unfit(
            f"It is damaged: its {number} workspaces are not the {meta.workspaces} that were stored."
        )
    return meta


def _answered(path: Path) -> _Answered | None:
    """Return the last answered revision as the side file tells it, None if it is damaged or missing."""
    try:
        text, _, proof = _beginning(path, 4096).rstrip().rpartition(b" ")
        return (
            msgspec.json.decode(text, type=_Answered)
            if hashlib.sha256(text).hexdigest().encode() == proof
            else None
        )
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _beginning(path: Path, size: int) -> bytes:
    """Return the first bytes of a regular file. Raise OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        return file.read(size)
