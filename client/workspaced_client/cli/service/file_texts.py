"""The service files' texts: the shipped ones, with the paths of this installation put in.

Each carries a line that says who wrote it, by which a file that the user made is told from ours.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from workspaced_client.cli.base.failures import Failure

_MARK: Final = "Written by `workspacectl service install`, which writes it anew"
_SYSTEMD_COMMENT: Final = (
    f"# {_MARK}.\n# Changes belong into a drop-in of your own: systemctl --user edit {{name}}\n"
)
_PLIST_COMMENT: Final = f"<!-- {_MARK}. -->\n"

_PROGRAM: Final = re.compile(r"^(Exec\w+=[@:+!|-]*)\S*?\bworkspaced(?=\s|$)", re.MULTILINE)
_PLAIN: Final = re.compile(r"[\w/.,:=@+~-]+", re.ASCII)


def is_ours(text: str) -> bool:
    """Whether `service install` wrote it."""
    return _MARK in text[:1024]


def systemd_unit(name: str, shipped: str, program: Path) -> str:
    """A unit that runs `program` wherever the shipped one names a `workspaced`. Raises Failure."""
    command = _systemd_program(program)
    text = _PROGRAM.sub(lambda found: found[1] + command, shipped)
    return _SYSTEMD_COMMENT.format(name=name) + text


def launchd_plist(shipped: str, values: Mapping[str, str]) -> str:
    """A property list with `values` in place of their names between at signs, such as `@LOG@`."""
    head, tag, body = shipped.partition("<plist ")
    # In one pass: a path may hold what looks like another's name.
    body = re.sub(f"@({'|'.join(values)})@", lambda found: escape(_printable(values[found[1]])), body)
    return head + _PLIST_COMMENT + tag + body


def _systemd_program(program: Path) -> str:
    """`program` as the first word of ExecStart= (systemd.service(5), Command lines; systemd.unit(5), Specifiers).

    There `%` begins a specifier, and a space ends the word unless it is quoted. `$` stays as it is: the
    first word is the one in which no variable is replaced.
    """
    path = _printable(str(program))
    if re.search(r"[\"'\\]", path):
        # "Executable name contains special characters", it says, however they are written.
        raise Failure(
            f"systemd runs no program whose path has quotes or a backslash: {path}. Install workspaced elsewhere."
        )
    path = path.replace("%", "%%")
    return path if _PLAIN.fullmatch(path) else f'"{path}"'


def _printable(path: str) -> str:
    """`path`, where a line of UTF-8 can hold it. Raises Failure."""
    if not path.isprintable():  # lone surrogates, for bytes that are not UTF-8, are not
        raise Failure(
            f"A service file can't hold the path {path}, for its control characters or bytes that are "
            "not UTF-8: choose another."
        )
    return path
