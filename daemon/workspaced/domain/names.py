"""The rules for a workspace's name and root path."""

import os

from workspaced.domain.errors import InvalidField, quoted


def check_name(name: str, path: str = "name") -> None:
    """Raise InvalidField for an empty or blank name."""
    if not name.strip():
        raise InvalidField(path, f"`{path}` must not be empty or blank: give the workspace a name.")


def check_root_path(root_path: str, path: str = "rootPath") -> None:
    """Raise InvalidField unless `root_path` can be the absolute path of a directory."""
    if not os.path.isabs(root_path):
        raise InvalidField(path, f"`{path}` must be an absolute path, but is {quoted(root_path)}.")
    if "\0" in root_path:
        raise InvalidField(path, f"`{path}` must not contain a NUL character.")
