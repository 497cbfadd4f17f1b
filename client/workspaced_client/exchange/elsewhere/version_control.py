"""Whether a directory is under version control, by the mark of a system at its top."""

import os
from typing import Final

_MARKS: Final = (
    ".git",  # also of git's linked work trees, and of Jujutsu beside git
    ".hg",
    ".jj",
    ".svn",
    ".bzr",
    ".pijul",
    "_darcs",
    ".fslckout",
    "_FOSSIL_",
    "CVS/Repository",
)


def is_work_tree(directory: str) -> bool:
    """Return whether the directory is the top of a work tree."""
    return any(os.path.lexists(os.path.join(directory, mark)) for mark in _MARKS)
