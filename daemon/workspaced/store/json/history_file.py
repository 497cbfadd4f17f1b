"""The files of the history: who changed what, kept across restarts beside the store's two files.

The strategy (storage.md, The history):
- Before a commit's renames, its lines are written at the known end of the file. The commit never fails with them, and
  does not wait for their sync: `settle` makes it afterwards, from another thread.
- Where anything went wrong (a failed write or sync, a commit that failed, a file that others changed), the file is no
  longer trusted. Before the next lines it is rewritten from memory: a temporary file, synced and renamed. Only the
  commit that does so waits for it.
- So a line that tells of what did not happen is the last one of its file, which a start recognises.
"""

import errno
import os
import secrets
import stat
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from workspaced.domain.entries import Entry
from workspaced.domain.history import History
from workspaced.domain.state import State
from workspaced.process.log import Logger
from workspaced.store.disk import Disk, close_quietly
from workspaced.store.files import CREATE_FILE, Directory
from workspaced.store.json.history_lines import Writing, crc_seed, happened, history_of, store_checksum
from workspaced.store.json.history_reading import read_file
from workspaced_protocol.datadir import EARLIER_HISTORY, HISTORY, MAX_HISTORY_BYTES, temp_name

REWRITE_PAUSE_SECONDS: float = 1.0
"""The shortest time from an attempt to rewrite the file that failed to the next one."""

REWRITE_SHARE: float = 10.0
"""After one that succeeded, how many times as long as it took: however often others change the file, most of the time
is for commits. At most the pause above."""

_OPEN_FILE: Final = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_log = Logger()


class _End(NamedTuple):
    """The trusted file: where it ends, and its last line."""

    device: int
    inode: int
    size: int
    revision: int
    store: str


class HistoryFile:
    """Keeps the history in a data directory. No method raises OSError."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._seed = crc_seed("")
        self._history = History()
        self._revision = 0
        self._store = ""
        self._end: _End | None = None  # None: the file must be rewritten before anything is added
        self._fd: int | None = None  # of the trusted file, once something was added
        self._is_tentative = False  # whether the last lines wait for their commit
        self._holds_untrue_lines = False
        self._next_rewrite_at = 0.0
        self._is_failing = False
        self.is_behind = False
        """Whether the file lacks what a commit has changed."""
        # For `settle`, which may run in another thread.
        self._lock = threading.Lock()
        self._unsynced: list[int] = []
        self._syncing: list[int] = []
        self._let_go: list[int] = []  # closed by `settle` once they are synced
        self._sync_failure: OSError | None = None

    def load(self, directory: Directory, state: State, document: bytes) -> tuple[History, list[str]]:
        """Return what the files tell of this state, which was read from `document`; and sentences for the log."""
        self._seed = crc_seed(state.store_id)
        warnings: list[str] = []
        earlier = read_file(directory, EARLIER_HISTORY, self._seed, warnings)
        current = read_file(directory, HISTORY, self._seed, warnings)
        lines = [line for file in (earlier, current) if file is not None for line in file.parsed.lines]
        kept = happened(lines, state, store_checksum(document))
        last = kept[-1] if kept else None
        self._holds_untrue_lines = bool(lines) and last is not lines[-1]
        if current is not None:
            parsed, content = current.parsed, current.content
            if not (parsed.is_cut or parsed.damaged or self._holds_untrue_lines):
                revision, store = (last.revision, last.store or "") if last else (0, "")
                self._end = _End(*content.identity[:3], revision, store)
        return history_of(kept, state), warnings

    def confirm(self, state: State, document: bytes) -> None:
        """Note that the store holds this state, in files with this text: the lines that were added tell the truth."""
        self._history, self._revision = state.history, state.revision
        self._store = store_checksum(document)
        self._is_tentative = False

    def add(self, directory: Directory, state: State, entries: Sequence[Entry], document: bytes) -> None:
        """Add the changes of a commit that is about to put `document` in place. Call `confirm` or `take_back` then."""
        self._is_tentative = True
        checksum = store_checksum(document)
        end = self._end
        if end is not None and (end.revision, end.store) == (state.revision, checksum):
            return
        self.is_behind = True
        try:
            if not self._trust(directory):
                return
            writing = Writing(self._revision, checksum, self._seed)
            lines = writing.lines(entries, self._revision, state.revision, MAX_HISTORY_BYTES)
            self._make_room(directory, len(lines))
            self._write(lines, state.revision, checksum)
        except OSError as error:
            self._distrust()
            self._note_failure(error)
        else:
            self.is_behind = False
            self._note_success()

    def catch_up(self, directory: Directory) -> None:
        """Rewrite the file if it lacks something. Call it from the thread of the commits, when none follows."""
        if not self.is_behind or self._is_tentative:
            return
        try:
            self._rewrite(directory)
        except OSError as error:
            self._note_failure(error)
        else:
            self.is_behind = False
            self._note_success()

    def take_back(self) -> None:
        """Note that the commit failed: the lines that were added may tell of what did not happen."""
        if self._is_tentative:
            self._is_tentative = False
            self._holds_untrue_lines = True
            self._distrust()

    def settle(self) -> None:
        """Sync what was added. Call it from any thread."""
        with self._lock:
            # After a failed sync, another one might succeed although data is lost.
            if self._syncing or self._sync_failure is not None:
                return
            self._syncing, self._unsynced = self._unsynced, []
        failure: OSError | None = None
        for fd in self._syncing:
            try:
                self._disk.sync(fd)
            except OSError as error:
                failure = error
        with self._lock:
            self._sync_failure, self._syncing = failure, []
        self._close_let_go()

    def close(self) -> None:
        """Close the files. What is not synced yet stays with the system."""
        self._distrust()
        with self._lock:
            self._unsynced = []
        self._close_let_go()

    def _trust(self, directory: Directory) -> bool:
        """Make sure that lines can be added; return False if it is too early to try again."""
        with self._lock:
            failure, self._sync_failure = self._sync_failure, None
        if failure is not None:
            self._distrust()
            self._note_failure(failure)
        if self._end is not None:
            if self._is_in_place(directory):
                return True
            self._distrust()
        if time.monotonic() < self._next_rewrite_at:
            return False
        self._rewrite(directory)
        return True

    def _rewrite(self, directory: Directory) -> None:
        began_at = time.monotonic()
        self._next_rewrite_at = began_at + REWRITE_PAUSE_SECONDS
        try:
            self._write_whole(directory, MAX_HISTORY_BYTES)
        except OSError:
            if self._holds_untrue_lines:
                with suppress(OSError):  # the first failure is noted
                    self._disk.unlink(HISTORY, directory.fd)
            raise
        now = time.monotonic()
        self._next_rewrite_at = min(self._next_rewrite_at, now + (now - began_at) * REWRITE_SHARE)

    def _is_in_place(self, directory: Directory) -> bool:
        """Return whether the trusted file stands in its place as it was left."""
        end = self._end
        try:
            if end is None or not _is_at(self._disk.stat_in(HISTORY, directory.fd), end):
                return False
            if self._fd is None:
                fd = self._disk.open(HISTORY, _OPEN_FILE, dir_fd=directory.fd)
                self._fd = fd
                return _is_at(self._disk.stat_open(fd), end)
        except OSError:
            return False
        return True

    def _make_room(self, directory: Directory, count: int) -> None:
        """Begin another file where this one would become too large."""
        end = self._end
        if end is None or not end.size or end.size + count <= MAX_HISTORY_BYTES:
            return
        try:
            self._disk.rename(HISTORY, EARLIER_HISTORY, directory.fd)
            self._distrust(is_synced_yet=True)
            fd = self._disk.open(HISTORY, CREATE_FILE, 0o600, directory.fd)
        except OSError as error:
            self._distrust()
            self._note_failure(error)
            self._write_whole(directory, MAX_HISTORY_BYTES // 2)
            return
        self._use(fd, 0, end.revision, end.store)

    def _write_whole(self, directory: Directory, max_bytes: int) -> None:
        with suppress(FileNotFoundError):
            if stat.S_ISDIR(self._disk.stat_in(HISTORY, directory.fd).st_mode):
                raise IsADirectoryError(
                    errno.EISDIR, f"{directory.path / HISTORY} is a directory: move it away"
                )
        history = self._history
        text = Writing(self._revision, self._store, self._seed).lines(
            history.entries, history.complete_since, self._revision, max_bytes, begins=True
        )
        temp = temp_name(secrets.token_hex(8))
        fd = self._disk.open(temp, CREATE_FILE, 0o600, directory.fd)
        try:
            self._write_all(fd, text, 0)
            self._disk.sync(fd)
            self._disk.rename(temp, HISTORY, directory.fd)
        except OSError:
            close_quietly(self._disk, fd)
            with suppress(OSError):  # report the first failure
                self._disk.unlink(temp, directory.fd)
            raise
        self._holds_untrue_lines = False
        self._use(fd, len(text), self._revision, self._store)

    def _use(self, fd: int, size: int, revision: int, store: str) -> None:
        self._fd = fd
        status = self._disk.stat_open(fd)
        self._end = _End(status.st_dev, status.st_ino, size, revision, store)

    def _write(self, lines: bytes, revision: int, store: str) -> None:
        end, fd = self._end, self._fd
        if end is None or fd is None:
            raise ValueError("the file is not trusted")
        with self._lock:
            if fd not in self._unsynced:
                self._unsynced.append(fd)
        self._write_all(fd, lines, end.size)
        self._end = end._replace(size=end.size + len(lines), revision=revision, store=store)

    def _write_all(self, fd: int, data: bytes, offset: int) -> None:
        rest = memoryview(data)
        while rest:
            taken = self._disk.write_at(fd, rest, offset)
            if taken == 0:
                raise OSError(errno.EIO, "the disk accepts no more bytes and gives no reason")
            rest, offset = rest[taken:], offset + taken

    def _distrust(self, *, is_synced_yet: bool = False) -> None:
        """Add nothing more to the file, which is to be rewritten; with `is_synced_yet`, `settle` syncs it before."""
        fd, self._fd, self._end = self._fd, None, None
        if fd is None:
            return
        with self._lock:
            if is_synced_yet:
                # One at a time, if nobody calls `settle`.
                self._unsynced = [each for each in self._unsynced if each == fd]
            elif fd in self._unsynced:
                self._unsynced.remove(fd)
            self._let_go.append(fd)
        self._close_let_go()

    def _close_let_go(self) -> None:
        """Close the files that nothing is added to any more, but for those that `settle` syncs."""
        with self._lock:
            used = {*self._unsynced, *self._syncing}
            closing = [fd for fd in self._let_go if fd not in used]
            self._let_go = [fd for fd in self._let_go if fd in used]
        for fd in closing:
            close_quietly(self._disk, fd)

    def _note_failure(self, error: OSError) -> None:
        if not self._is_failing:
            self._is_failing = True
            _log.warning(
                "The history can't be written, and is kept in memory alone: a stop loses it. Make room, or move away the "
                "obstacle; a later change writes it then.",
                file=HISTORY,
                reason=error.strerror or str(error),
            )

    def _note_success(self) -> None:
        if self._is_failing:
            self._is_failing = False
            _log.warning("The history is written again.")


def _is_at(status: os.stat_result, end: _End) -> bool:
    return (status.st_dev, status.st_ino, status.st_size) == end[:3] and stat.S_ISREG(status.st_mode)
