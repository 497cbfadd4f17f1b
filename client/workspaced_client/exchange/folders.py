"""A directory as other programs write it: a path or a URI, on this machine or elsewhere."""

import os
import re
from typing import Final
from urllib.parse import unquote, urlsplit

CODE_WORKSPACE_SUFFIX: Final = ".code-workspace"
"""Of the files that list folders for VS Code; some programs list such a file in place of a directory."""

_WINDOWS: Final = re.compile(r"(?:file:///?)?[A-Za-z](?::|%3[Aa])(?:[\\/]|$)|[^/]*\\")
r"""`C:\src`, `c:/src`, `file:///c%3A/src`, `\\server\share` and `..\src`."""

_WSL: Final = re.compile(r"//wsl(?:\$|\.localhost)/", re.IGNORECASE)
"""`//wsl$/Ubuntu/home/ada`, as programs on Windows write a path of Linux."""

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class Elsewhere(Exception):
    """A directory that is not on this machine, or that can't be one; the message is the reason to leave it out."""


def is_windows_path(text: str) -> bool:
    """Return whether the text looks like a path on Windows. It may still be the name of a directory here."""
    return _WINDOWS.match(text) is not None


def path_of_uri(uri: str) -> str:
    """Return the absolute path that a URI leads to. Raise Elsewhere."""
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise Elsewhere("its URI can't be read") from error
    path = unquote(parts.path, errors="surrogateescape")
    if parts.scheme != "file" or parts.netloc.lower() not in ("", "localhost"):
        raise Elsewhere("it is not a folder on this machine")
    if not path.startswith("/") or "\0" in path:
        raise Elsewhere("its URI has no absolute path")
    return os.path.normpath(path)


def path_of(text: str) -> str:
    """Return the absolute path that a path or a URI leads to. Raise Elsewhere; also for a path of Windows."""
    if is_windows_path(text) or _WSL.match(text):
        raise Elsewhere("it is a Windows path")
    if _SCHEME.match(text):
        return path_of_uri(text)
    if not text.startswith("/"):
        raise Elsewhere("it is not an absolute path")
    if "\0" in text:
        raise Elsewhere("it has a NUL character in it")
    return os.path.normpath(text)
