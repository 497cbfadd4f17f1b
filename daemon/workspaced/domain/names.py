"""What may be a workspace's name or root path, and when two names are the same."""

import os
import unicodedata

from workspaced.domain.errors import InvalidField


def name_key(name: str) -> str:
    """The form in which two names are compared: equal without regard to case.

    This is canonical caseless matching (The Unicode Standard, section 3.13, definition D145), so
    that “É” typed as one character or as two is one name too.
    """
    if name.isascii():
        return name.lower()
    folded = unicodedata.normalize("NFD", name).casefold()
    return unicodedata.normalize("NFD", folded)


def check_name(name: str, path: str = "name") -> None:
    """Raises InvalidField for a name that nobody could see."""
    if not name.strip():
        raise InvalidField(path, f"`{path}` must not be empty or blank: give the workspace a name.")


def check_root_path(root_path: str, path: str = "rootPath") -> None:
    """Raises InvalidField for what can't be the path of a directory from everywhere on the machine."""
    if not os.path.isabs(root_path):
        raise InvalidField(path, f"`{path}` must be an absolute path, and “{root_path}” is not one.")
    if "\0" in root_path:
        raise InvalidField(path, f"`{path}` must not hold a NUL character: no path can.")
