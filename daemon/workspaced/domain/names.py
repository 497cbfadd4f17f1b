"""The rules for texts that people read, such as a workspace's name, and for the paths of directories."""

import os

from workspaced.domain.errors import InvalidField, quoted
from workspaced_protocol.names import has_control_character, is_blank


def clean_name(name: str) -> str:
    """Return the name without white space at its ends.

    Raise InvalidField if it shows nothing or holds a control character.
    """
    return clean_text(name, "name", "give the workspace a name")


def clean_text(text: str, path: str, advice: str) -> str:
    """Do the same for any text on one line; `advice` ends the sentence about one that shows nothing."""
    text = text.strip()
    if has_control_character(text):
        raise InvalidField(
            path, f"`{path}` must not contain a control character, such as a tab or a line break."
        )
    if is_blank(text):
        raise InvalidField(path, f"`{path}` must not be empty or blank: {advice}.")
    return text


def clean_root_path(root_path: str) -> str:
    """Return the path without empty and `.` components and without its last slash. Raise InvalidField as check_root_path."""
    check_root_path(root_path)
    return "/" + "/".join(part for part in root_path.split("/") if part not in ("", "."))


def refuse_within(real_path: str, directory: str, path: str) -> None:
    """Raise InvalidField if `real_path` is `directory` or lies below it. Both have no symbolic links."""
    if os.path.commonpath([real_path, directory]) == directory:
        raise InvalidField(
            path,
            f"{real_path} lies in the daemon's data directory, {directory}, which holds its own files alone: choose "
            "another directory.",
        )


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
