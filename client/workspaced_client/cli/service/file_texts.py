"""The texts of the service files: the shipped ones, filled in with the paths of this installation.

A line in each names workspacectl as its writer; a file of the user's has no such line.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from workspaced_client.cli.base.failures import Failure

_MARK: Final = "Written by `workspacectl service install`, which writes it anew"
"""Marks a file as ours. Files of older releases have the same text, so it never changes."""

_SYSTEMD_COMMENT: Final = (
    f"# {_MARK}.\n# Changes belong into a drop-in of your own: systemctl --user edit {{name}}\n"
)
_PLIST_COMMENT: Final = f"<!-- {_MARK}. -->\n"

_PROGRAM: Final = re.compile(r"^(Exec\w+=[@:+!|-]*)\S*?\bworkspaced(?=\s|$)", re.MULTILINE)
_PLAIN: Final = re.compile(r"[\w/.,:=@+~-]+", re.ASCII)


def is_ours(text: str) -> bool:
    """Return whether `service install` wrote this text."""
    return _MARK in text[:1024]


def systemd_unit(name: str, shipped: str, program: Path) -> str:
    """Return the unit with `program` in each place of `workspaced`. Raise Failure."""
    command = _systemd_program(program)
    text = _PROGRAM.sub(lambda found: found[1] + command, shipped)
    return _SYSTEMD_COMMENT.format(name=name) + text


def launchd_plist(shipped: str, values: Mapping[str, str]) -> str:
    """Return the property list with `values` in place of their names between at signs, such as `@LOG@`."""
    head, tag, body = shipped.partition("<plist ")
    # In one pass: a path may hold text that looks like another name.
    body = re.sub(f"@({'|'.join(values)})@", lambda found: escape(_printable(values[found[1]])), body)
    return head + _PLIST_COMMENT + tag + body


def _systemd_program(program: Path) -> str:
    """Quote the first word of ExecStart= (systemd.service(5), Command lines; systemd.unit(5), Specifiers).

    In it `%` begins a specifier, and a space ends the word unless it is quoted. `$` needs no quoting: systemd
    replaces no variables in the first word.
    """
    path = _printable(str(program))
    if re.search(r"[\"'\\]", path):
        # systemd reports "Executable name contains special characters", whether they are quoted or not.
        raise Failure(
            f"systemd can't run a program with quotes or a backslash in its path: {path}. Install workspaced elsewhere."
        )
    path = path.replace("%", "%%")
    return path if _PLAIN.fullmatch(path) else f'"{path}"'


def _printable(path: str) -> str:
    """Return `path` if a line of UTF-8 can hold it. Raise Failure."""
    if not path.isprintable():  # nor are lone surrogates, which stand for bytes that are not UTF-8
        raise Failure(
            f"A service file can't hold the path {path}: it has control characters, or bytes that are not "
            "UTF-8. Choose another path."
        )
    return path
