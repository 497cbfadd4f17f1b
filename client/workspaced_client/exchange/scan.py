"""The search for git repositories below a directory.

It reads one directory after the other, the upper ones first, and decides by the names in it. It does not look
inside repositories, and does not follow symbolic links, so it never goes in circles.
"""

import os
import stat
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

SKIPPED_NAMES: Final = frozenset(
    {
        "__pycache__",
        "bower_components",
        "jspm_packages",
        "node_modules",
        "Pods",
        "site-packages",
        "vendor",
        "venv",
    }
)
"""Directories that tools fill with other people's code. Hidden ones are skipped too."""

_GIT_FILE: Final = b"gitdir: "  # gitrepository-layout(5): the .git of a linked work tree or a submodule
_BARE: Final = frozenset(
    {"HEAD", "objects", "refs"}
)  # the same manual page: the least content of a repository


@dataclass
class Found:
    """The results of a scan so far."""

    repositories: list[str] = field(default_factory=list[str])
    """The paths of the work trees, sorted at the end of the scan."""
    unreadable: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Paths of directories that could not be read, and the system's reasons."""
    directories: int = 0
    """The number of directories read."""
    waiting: int = 0
    """The number of directories still to read."""


def scan(root: str, tell: Callable[[Found], object] = lambda _: None) -> Found:
    """Return the repositories at and below the absolute path `root`. Raise OSError if `root` can't be read.

    `tell` is called with the results so far, after each directory.
    """
    found = Found()
    queue = deque([root])
    while queue:
        directory = queue.popleft()
        try:
            queue += _look(directory, found)
        except OSError as error:
            if directory == root:
                raise
            found.unreadable.append((directory, error.strerror or str(error)))
        found.directories += 1
        found.waiting = len(queue)
        tell(found)
    found.repositories.sort()
    found.unreadable.sort()
    return found


def _look(directory: str, found: Found) -> list[str]:
    """Return the directories to read next: none if this is a repository."""
    with os.scandir(directory) as entries:
        names = {entry.name: entry for entry in entries}
    if ".git" in names and _is_git(names[".git"].path):
        found.repositories.append(directory)
        return []
    if names.keys() >= _BARE:
        return []  # a bare repository has no work tree
    return [
        entry.path
        for name, entry in sorted(names.items())
        if not name.startswith(".") and name not in SKIPPED_NAMES and entry.is_dir(follow_symlinks=False)
    ]


def _is_git(path: str) -> bool:
    """Return whether a `.git` makes its directory a work tree; it may be a symbolic link to a repository."""
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        return os.path.lexists(os.path.join(path, "HEAD"))
    if not stat.S_ISREG(status.st_mode):
        return False
    with open(path, "rb") as file:
        return file.read(len(_GIT_FILE)) == _GIT_FILE
