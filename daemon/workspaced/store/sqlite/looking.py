"""A look at the database's file before SQLite opens it: whose it is, as its bytes tell.

The strategy: SQLite would change a file by opening it, so a file is opened by SQLite only once it is known as this
store's. Its rows prove themselves, whatever has happened to its header.
"""

import os
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from workspaced.store.contract import StoreUnusable, WrittenByNewerRelease
from workspaced.store.database_pages import Pages, Read, reader_of
from workspaced.store.disk import close_quietly
from workspaced.store.files import Directory
from workspaced.store.sqlite.evidence import Evidence
from workspaced.store.sqlite.reading import Damaged
from workspaced.store.sqlite.rows import Meta
from workspaced.store.sqlite.schema import HEADER_BYTES, Header
from workspaced_protocol.datadir import DATABASE_VERSION

# SQLite would open a file for reading alone where it may not write, and fail later.
_OPEN: Final = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_READ_BYTES: Final = 1024 * 1024


@dataclass(frozen=True)
class Looked:
    """What the first bytes of a file tell, and whether it has any."""

    header: Header
    is_empty: bool


def look(directory: Directory, name: str) -> Looked | None:
    """Return what the file's first bytes tell, or None if it is missing.

    Raises StoreUnusable for what is no regular file, or can't be read and written.
    """
    try:
        fd = directory.open_regular(name, _OPEN)
        try:
            data = directory.disk.read_at(fd, HEADER_BYTES, 0)
        finally:
            close_quietly(directory.disk, fd)
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = f"{directory.path / name} can't be read and written ({error.strerror})"
        advice = "check its owner, its mode and its disk, then start again"
        raise StoreUnusable(reason, advice, error.errno or 0) from error
    return Looked(Header.of(data), not data)


def require_readable(directory: Directory, names: Iterable[str]) -> None:
    """Raise StoreUnusable where a file can't be read as a whole: SQLite takes that for damage.

    SQLite's locks on these files end with it.
    """
    for name in names:
        try:
            fd = directory.open_regular(name)
            try:
                offset = 0
                while data := directory.disk.read_at(fd, _READ_BYTES, offset):
                    offset += len(data)
            finally:
                close_quietly(directory.disk, fd)
        except FileNotFoundError:
            continue
        except OSError as error:
            reason = f"{directory.path / name} can't be read ({error.strerror})"
            raise StoreUnusable(reason, "check its disk, then start again", error.errno or 0) from error


def require_own(directory: Directory, name: str, looked: Looked) -> None:
    """Raise Damaged, StoreUnusable or WrittenByNewerRelease for a file that SQLite must not open."""
    header, path = looked.header, directory.path / name
    if looked.is_empty:
        raise Damaged("empty", "it is empty")
    if not header.is_database:
        raise Damaged("damaged", "its header is not that of a database")
    if header.is_ours and header.version <= DATABASE_VERSION:
        return
    # One damaged byte of the header must not make a stranger of the store.
    newest = newest_state(directory, name)
    if newest is not None and newest.version <= DATABASE_VERSION:
        raise Damaged("damaged", "its header does not match its content")
    if header.is_ours:
        raise WrittenByNewerRelease(
            f"The store in {directory.path} has version {header.version}, but this release knows only versions up to "
            f"{DATABASE_VERSION}: start a newer release, or choose another --data-dir."
        )
    raise StoreUnusable(f"{path} is a database of another program", "move it away, then start again")


def newest_state(directory: Directory, name: str) -> Meta | None:
    """Return what the newest whole state of a database tells; None where there is none.

    A log counts where it is of the same store: that of another may still lie beside it. Raises OSError or StoreUnusable.
    """
    with ExitStack() as opened:
        found = Evidence.of(Pages(_reader(opened, directory, name), None).texts()).newest_state
        if found is None:
            return None
        logged = Evidence.of(Pages(None, _reader(opened, directory, f"{name}-wal")).texts())
        own = [each for each in logged.states.values() if each.store_id == found.store_id]
        return max([found, *own], key=lambda each: each.revision)


def evidence_in(directory: Directory, name: str) -> Evidence:
    """Return what the pages of a database and of its log still hold. Raises OSError or StoreUnusable."""
    with ExitStack() as opened:
        database, log = (_reader(opened, directory, each) for each in (name, f"{name}-wal"))
        return Evidence.of(Pages(database, log).texts())


def _reader(opened: ExitStack, directory: Directory, name: str) -> Read | None:
    try:
        fd = directory.open_regular(name)
    except FileNotFoundError:
        return None
    opened.callback(close_quietly, directory.disk, fd)
    return reader_of(fd)
