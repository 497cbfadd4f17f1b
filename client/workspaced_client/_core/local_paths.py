"""The paths of this program, and those of the protocol: they differ in a locale that is not UTF-8.

There Python decodes a path's bytes by the locale, while the protocol's text is UTF-8. The daemon and the command line
begin again in Python's UTF-8 mode; a library can't, so it converts the paths by their bytes. What it returns opens the
same file as what it was given. In a locale of UTF-8 nothing is done.
"""

import os
import sys
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import msgspec

_PATHS: Final = frozenset(
    {
        "root_path",
        "relative_path",
        "target_dir",
        "git_url",
        "data_dir",
        "socket",
        "path",
        "source",
        "quarantined",
    }
)

T = TypeVar("T")


def to_wire(params: T) -> T:
    """Return the params with their paths as text of the protocol."""
    return params if _is_utf8() else _converted(params, _path_to_wire)


def to_local(result: T) -> T:
    """Return the result with its paths as those of this program."""
    return result if _is_utf8() else _converted(result, _path_to_local)


def _is_utf8() -> bool:
    return sys.getfilesystemencoding() == "utf-8"


def _path_to_wire(path: str) -> str:
    try:
        return os.fsencode(path).decode()
    except UnicodeError:
        return path  # it was no path of the system, but text: typed by a user, or read from a file


def _path_to_local(path: str) -> str:
    return os.fsdecode(path.encode())


def _converted(value: Any, convert: Callable[[str], str], *, is_path: bool = False) -> Any:
    if isinstance(value, str):
        return convert(value) if is_path else value
    if isinstance(value, list | tuple):
        values = cast("list[Any]", value)  # or a tuple, which is made of its items in the same way
        return type(values)(_converted(each, convert, is_path=is_path) for each in values)
    if isinstance(value, msgspec.Struct):
        fields = {
            name: _converted(getattr(value, name), convert, is_path=name in _PATHS)
            for name in value.__struct_fields__
        }
        return msgspec.structs.replace(value, **fields)
    return value
