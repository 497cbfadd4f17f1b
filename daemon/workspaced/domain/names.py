"""What may be a workspace's name or root path."""

import os

from workspaced.domain.errors import InvalidField


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
