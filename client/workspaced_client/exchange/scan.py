"""Finds the git repositories below a directory.

The strategy: directory after directory, the upper ones first, by what the names in each tell. What is in a
repository is its own, so nothing is looked for there; symbolic links are never followed, so the way is
never a circle.
"""

import os
import stat
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

PASSED_OVER: Final = frozenset(
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
"""Directories that tools fill with what others wrote. Hidden ones are passed over, too."""

_GIT_FILE: Final = b"gitdir: "  # gitrepository-layout(5): the .git of a linked work tree or a submodule
_BARE: Final = frozenset({"HEAD", "objects", "refs"})  # the same: what a repository holds at the least


@dataclass
class Found:
    """What a scan has come upon so far."""

    repositories: list[str] = field(default_factory=list[str])
    """The paths of their work trees, sorted once the scan is over."""
    unreadable: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Paths of directories that could not be looked into, and why, in the system's words."""
    directories: int = 0
    """How many were looked into."""
    waiting: int = 0
    """How many are known that were not looked into yet."""


def scan(root: str, tell: Callable[[Found], object] = lambda _: None) -> Found:
    """The repositories at and below the absolute path `root`.

    `tell` is given what was found so far, after each directory. Raises OSError where `root` itself can't be read.
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
    """The directories to look into next: none, where this is a repository."""
    with os.scandir(directory) as entries:
        names = {entry.name: entry for entry in entries}
    if ".git" in names and _is_git(names[".git"].path):
        found.repositories.append(directory)
        return []
    if names.keys() >= _BARE:
        return []  # a bare repository: there is nothing to work in
    return [
        entry.path
        for name, entry in sorted(names.items())
        if not name.startswith(".") and name not in PASSED_OVER and entry.is_dir(follow_symlinks=False)
    ]


def _is_git(path: str) -> bool:
    """Whether a `.git` makes its directory a work tree; a symbolic link to a repository does, too."""
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        return os.path.lexists(os.path.join(path, "HEAD"))
    if not stat.S_ISREG(status.st_mode):
        return False
    with open(path, "rb") as file:
        return file.read(len(_GIT_FILE)) == _GIT_FILE
