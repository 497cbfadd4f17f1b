"""The directory that a clone goes to: made, or found empty, and left as it was found where the clone fails.

Its methods block, for as long as the file system does, and are called in threads. A call may be left
to its thread when nobody waits for it any more, so they take turns: `restore` sees all that `make` did.
"""

import errno
import os
import shutil
import threading
from contextlib import suppress

from workspaced.domain.errors import InvalidField


class Claims:
    """The targets of all clones under way: no two of them may have the same."""

    def __init__(self) -> None:
        self._paths: set[str] = set()
        self._lock = threading.Lock()

    def take(self, path: str) -> bool:
        """Whether the path was free, and is taken now."""
        with self._lock:
            if path in self._paths:
                return False
            self._paths.add(path)
            return True

    def give_back(self, path: str) -> None:
        """The path is free again."""
        with self._lock:
            self._paths.discard(path)


class CloneTarget:
    """A directory for one clone; `path` is resolved by `make`."""

    def __init__(self, path: str, claims: Claims) -> None:
        self.path = path
        self._claims = claims
        self._lock = threading.Lock()
        self._made: list[str] = []  # directories that were not there before, outermost first
        self._is_claimed = False
        self._is_over = False

    def make(self) -> None:
        """Makes the directory and its parents where they are missing.

        Raises InvalidField where it can't be made, holds something, or another clone goes there.
        """
        with self._lock:
            if self._is_over:
                return
            try:
                self._make()
            except OSError as error:
                raise _refused(self.path, f"can't be made ({error.strerror})") from error

    def _make(self) -> None:
        real_path = os.path.realpath(self.path)
        if not self._claims.take(real_path):
            raise _refused(self.path, "is where another clone goes right now")
        self.path = real_path
        try:
            for directory in _missing(real_path):
                with suppress(FileExistsError):  # by somebody else, just now
                    os.mkdir(directory)
                    self._made.append(directory)
            with os.scandir(real_path) as entries:
                if next(entries, None) is not None:
                    raise _refused(self.path, "is not empty")
        except BaseException:
            self._remove_made()
            self._claims.give_back(real_path)
            raise
        self._is_claimed = True

    def restore(self) -> None:
        """Removes all that was written here; what was there before `make` stays. Raises OSError.

        After `release`, or a `make` that was refused, there is nothing to remove.
        """
        with self._lock:
            self._is_over = True
            if not self._is_claimed:
                return
            try:
                self._empty()
                self._remove_made()
            finally:
                self._release()

    def release(self) -> None:
        """The directory is the user's now."""
        with self._lock:
            self._release()

    def _release(self) -> None:
        if self._is_claimed:
            self._is_claimed = False
            self._claims.give_back(self.path)

    def _empty(self) -> None:
        if not os.path.exists(self.path):
            return
        with os.scandir(self.path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    with suppress(OSError):
                        os.unlink(entry.path)
        if left := os.listdir(self.path):
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), os.path.join(self.path, left[0]))

    def _remove_made(self) -> None:
        for directory in reversed(self._made):
            with suppress(OSError):  # somebody has put something into it: it stays
                os.rmdir(directory)


def _missing(path: str) -> list[str]:
    """The directories on the way to `path`, and itself, that are not there; outermost first."""
    missing: list[str] = []
    while not os.path.lexists(path):
        missing.append(path)
        path = os.path.dirname(path)
    return missing[::-1]


def _refused(path: str, problem: str) -> InvalidField:
    return InvalidField("targetDir", f"The target {path} {problem}: choose another directory.")
