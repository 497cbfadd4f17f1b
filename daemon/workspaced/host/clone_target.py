"""The target directory of a clone: an empty directory, restored to its earlier state if the clone fails.

The methods block as long as the file system does, so they are called in threads. A thread may be abandoned
while `make` still runs. A lock makes `restore` wait for it, so `restore` sees everything that `make` did.
"""

import errno
import os
import shutil
import threading
from contextlib import suppress

from workspaced.domain.errors import InvalidField
from workspaced.domain.names import refuse_within


class Claims:
    """The target paths of all running clones. No two clones may share one."""

    def __init__(self) -> None:
        self._paths: set[str] = set()
        self._lock = threading.Lock()

    def claim(self, path: str) -> bool:
        """Claim the path, and return whether it was free."""
        with self._lock:
            if path in self._paths:
                return False
            self._paths.add(path)
            return True

    def release(self, path: str) -> None:
        """Release the claim on the path."""
        with self._lock:
            self._paths.discard(path)


class CloneTarget:
    """The target directory of one clone. `make` resolves `path`."""

    def __init__(self, path: str, claims: Claims, reserved: str | None = None) -> None:
        self.path = path
        self._claims = claims
        self._reserved = reserved  # the real path of a directory that takes no clone
        self._lock = threading.Lock()
        self._made: list[str] = []  # the directories made here, outermost first
        self._is_claimed = False
        self._is_restored = False

    def make(self) -> None:
        """Make the directory and its missing parents.

        Raises InvalidField if it can't be made, is not empty, is reserved, or is the target of another clone.
        """
        with self._lock:
            if self._is_restored:
                return
            try:
                self._make()
            except OSError as error:
                raise _refused(self.path, f"can't be made ({error.strerror})") from error

    def _make(self) -> None:
        real_path = os.path.realpath(self.path)
        if self._reserved is not None:
            refuse_within(real_path, self._reserved, "targetDir")
        if not self._claims.claim(real_path):
            raise _refused(self.path, "is in use by another clone")
        self.path = real_path
        try:
            for directory in _missing(real_path):
                with suppress(FileExistsError):  # another program made it just now
                    os.mkdir(directory)
                    self._made.append(directory)
            with os.scandir(real_path) as entries:
                if next(entries, None) is not None:
                    raise _refused(self.path, "is not empty")
        except BaseException:
            self._remove_made()
            self._claims.release(real_path)
            raise
        self._is_claimed = True

    def holds_repository(self) -> bool:
        """Return whether a repository is there: git removes one that it could not clone in full."""
        return os.path.isfile(os.path.join(self.path, ".git", "HEAD"))

    def restore(self) -> None:
        """Remove everything written since `make`, and the directories that it made. Raises OSError.

        Does nothing after `release` or after a refused `make`.
        """
        with self._lock:
            self._is_restored = True
            if not self._is_claimed:
                return
            try:
                self._empty()
                self._remove_made()
            finally:
                self._release()

    def release(self) -> None:
        """Keep the cloned files: the directory now belongs to the user."""
        with self._lock:
            self._release()

    def _release(self) -> None:
        if self._is_claimed:
            self._is_claimed = False
            self._claims.release(self.path)

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
            with suppress(OSError):  # not empty: another program wrote into it, so it stays
                os.rmdir(directory)


def _missing(path: str) -> list[str]:
    """Return the missing directories among `path` and its parents, outermost first."""
    missing: list[str] = []
    while not os.path.lexists(path):
        missing.append(path)
        path = os.path.dirname(path)
    return missing[::-1]


def _refused(path: str, problem: str) -> InvalidField:
    return InvalidField("targetDir", f"The target {path} {problem}: choose another directory.")
