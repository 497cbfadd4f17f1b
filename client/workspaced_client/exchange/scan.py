"""The search for git repositories below a directory.

It reads one directory after the other, the upper ones first, and decides by the names in it. It does not look
inside work trees, and does not follow symbolic links, so it never goes in circles. A bare repository has no files to
work on, but it may have linked work trees below it.
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

# gitrepository-layout(5) describes the rest.
_GIT_FILE: Final = b"gitdir: "  # the .git of a linked work tree or a submodule
_GIT_FILE_BYTES: Final = 8192  # more than the longest path
_BARE: Final = frozenset({"HEAD", "objects", "refs"})  # the least content of a repository
_GITS_OWN: Final = frozenset({"hooks", "info", "lfs", "logs", "modules", "objects", "refs", "worktrees"})


@dataclass
class Found:
    """The results of a scan so far."""

    repositories: list[str] = field(default_factory=list[str])
    """The paths of the work trees, sorted at the end of the scan."""
    left_out: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Paths of directories and of entries called `.git` that are of no use, and the reasons."""
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
            found.left_out.append((directory, f"it could not be read ({_reason(error)})"))
        found.directories += 1
        found.waiting = len(queue)
        tell(found)
    found.repositories.sort()
    found.left_out.sort()
    return found


def _look(directory: str, found: Found) -> list[str]:
    """Return the directories to read next: none if this is a work tree."""
    with os.scandir(directory) as entries:
        names = {entry.name: entry for entry in entries}
    if ".git" in names:
        path = names[".git"].path
        try:
            if not _is_bare(_git_directory(path)):
                found.repositories.append(directory)
                return []
        except _NoRepository as error:
            found.left_out.append((path, str(error)))
        except OSError as error:
            found.left_out.append((path, f"it could not be read ({_reason(error)})"))
    skipped = SKIPPED_NAMES | _GITS_OWN if names.keys() >= _BARE else SKIPPED_NAMES
    return [
        entry.path
        for name, entry in sorted(names.items())
        if not name.startswith(".") and name not in skipped and entry.is_dir(follow_symlinks=False)
    ]


class _NoRepository(Exception):
    """A `.git` that leads to no repository; the message is the reason."""


def _git_directory(path: str) -> str:
    """Return the directory that a `.git` stands for or leads to. Raise _NoRepository, or OSError."""
    try:
        status = os.stat(path)
    except FileNotFoundError as error:
        raise _NoRepository("it is a symbolic link that leads nowhere") from error
    if stat.S_ISDIR(status.st_mode):
        leads = "there is no repository in it"
    elif stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
            text = file.read(_GIT_FILE_BYTES)
        if not text.startswith(_GIT_FILE):
            raise _NoRepository("it is not a file of git")
        target = os.fsdecode(text.removeprefix(_GIT_FILE).rstrip(b"\r\n"))
        path = os.path.join(os.path.dirname(path), target)
        leads = f"it leads to {target}, where there is no repository"
    else:
        raise _NoRepository("it is neither a directory nor a file")
    try:
        os.lstat(os.path.join(path, "HEAD"))  # a link in old repositories, which may lead nowhere yet
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise _NoRepository(leads) from error
    return path


def _is_bare(git_directory: str) -> bool:
    """Return whether the repository says that it has no work tree of its own."""
    if os.path.lexists(os.path.join(git_directory, "commondir")):
        return False  # a linked work tree; what the common directory says is not about it
    return any(
        _says_bare(os.path.join(git_directory, name))
        for name in ("config", "config.worktree")  # the latter where work trees have settings of their own
    )


def _says_bare(path: str) -> bool:
    """Return the value of `core.bare` in a file of git's settings."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [line.strip().lower() for line in file]
    except FileNotFoundError:
        return False
    section = ""
    is_bare = False
    for line in lines:
        if line.startswith("["):
            section, _, line = line.partition("]")
            line = line.strip()
        name, has_value, value = line.partition("=")
        if section == "[core" and name.strip() == "bare":
            value = value.partition("#")[0].partition(";")[0].strip(' \t"')
            is_bare = not has_value or value in ("true", "yes", "on", "1")
    return is_bare


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
