"""The path of the daemon's socket."""

import os
from typing import Any

from workspaced_client._core.json_values import path_value
from workspaced_client._core.local_errors import UnusableSocketPath
from workspaced_protocol import paths


def find_socket(explicit: str | os.PathLike[str] | None) -> str:
    """Return the path to connect to, by the daemon's own rules. Raises TypeError or UnusableSocketPath."""
    if explicit is not None:
        explicit = _checked(explicit)
    try:
        return paths.socket_path(explicit)
    except paths.UnusablePath as error:
        raise UnusableSocketPath(str(error)) from error


def _checked(path: str | os.PathLike[str]) -> str:
    text: Any = path_value(path)  # of an app without a type checker, perhaps
    if not isinstance(text, str):
        advice = ": os.fsdecode() makes a str of bytes" if isinstance(text, bytes) else ""
        raise TypeError(f"socket must be a path, a str or a pathlib.Path, not {type(text).__name__}{advice}.")
    try:
        unusable = b"\0" in os.fsencode(text)
    except UnicodeEncodeError:
        unusable = True
    if unusable:
        raise UnusableSocketPath(f"No file can have the name {text!r}: give another path for the socket.")
    return text
