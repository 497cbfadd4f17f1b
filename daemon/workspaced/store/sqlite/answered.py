"""The side file with the last answered revision.

The strategy:
- SQLite drops the end of a damaged log without a word, and a whole log that has gone. This file tells a start what was
  answered, and the hash over all workspaces at that revision.
- It is rewritten in place after each commit by one pwrite(2), and never synced: a kill loses nothing of it, and after
  a power loss it tells less at the most, which does no harm.
"""

import os
from contextlib import suppress
from typing import Final

import msgspec
from msgspec import Struct

from workspaced.process.log import Logger
from workspaced.store.contract import StoreUnusable
from workspaced.store.disk import close_quietly
from workspaced.store.files import Directory
from workspaced.store.sqlite.rows import Meta
from workspaced.store.stored_texts import sha256
from workspaced_protocol.datadir import ANSWERED
from workspaced_protocol.models import Revision, StoreId

_BYTES: Final = 512  # always the same length, within one page
_OPEN: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_log = Logger()


class Answered(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The last answered state: its revision, the number of its workspaces, and the hashes over all of it."""

    store_id: StoreId
    revision: Revision
    workspaces: int
    digest: str
    keys_digest: str

    @classmethod
    def of(cls, meta: Meta) -> "Answered":
        """Return what the side file tells of this state."""
        return cls(
            store_id=meta.store_id,
            revision=meta.revision,
            workspaces=meta.workspaces,
            digest=meta.digest,
            keys_digest=meta.keys_digest,
        )


def read_answered(directory: Directory) -> Answered | None:
    """Return what the side file tells, or None where there is none, or none that is whole. Raises StoreUnusable."""
    content = directory.read(ANSWERED)
    if content is None:
        return None
    text, _, proof = content.data.rstrip().rpartition(b" ")
    if sha256(text).hex().encode() != proof:
        return None
    try:
        return msgspec.json.decode(text, type=Answered)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None  # of another release


class AnsweredFile:
    """The side file, open for writing. It can fail without harm: then it tells less."""

    def __init__(self) -> None:
        self._directory: Directory | None = None
        self._fd: int | None = None
        self._is_failing = False

    def write(self, directory: Directory, answered: Answered) -> None:
        """Tell of this state; never raise."""
        text = msgspec.json.encode(answered)
        data = (b"%b %b" % (text, sha256(text).hex().encode())).ljust(_BYTES - 1) + b"\n"
        try:
            if directory is not self._directory or self._fd is None:
                self.close()
                self._fd = directory.open_regular(ANSWERED, _OPEN)
                self._directory = directory
            directory.disk.write_at(self._fd, memoryview(data), 0)
        except (OSError, StoreUnusable) as error:
            self.close()
            if not self._is_failing:
                reason = error.reason if isinstance(error, StoreUnusable) else error.strerror or str(error)
                _log.warning(
                    "The last answered revision can't be noted: damage at the end of the database's log would not be seen.",
                    file=str(directory.path / ANSWERED),
                    reason=reason,
                )
            self._is_failing = True
        else:
            self._is_failing = False

    def keep_in_place(self) -> None:
        """Open the file again at the next write if another stands in its place, or none. Never raise."""
        if self._directory is None or self._fd is None:
            return
        is_there = False
        with suppress(OSError):
            found = self._directory.identify(ANSWERED)
            own = self._directory.disk.stat_open(self._fd)
            is_there = found is not None and (found.device, found.inode) == (own.st_dev, own.st_ino)
        if not is_there:
            self.close()

    def close(self) -> None:
        """Close the file."""
        if self._directory is not None and self._fd is not None:
            close_quietly(self._directory.disk, self._fd)
        self._directory = self._fd = None
