"""The table of the formats: how each is called, recognised and read.

A module of a format is loaded only when it is read: sqlite3 and expat take time to load.
"""

import json
import re
from typing import Final, get_args

from workspaced_client.exchange import regular_files
from workspaced_client.exchange.elsewhere.places import Program
from workspaced_client.exchange.json_text import OtherFormat, Unusable, parse
from workspaced_client.exchange.json_types import is_list, is_object
from workspaced_client.exchange.listed import Listing

BY_NAME: Final[dict[str, Program]] = {name: name for name in get_args(Program)}
"""The programs; the row of the command lists the same names."""

SHAPES: Final[dict[Program, str]] = {
    "vscode": "a database of SQLite with a table ItemTable (state.vscdb)",
    "project-manager": "a JSON list of objects with `name` and `rootPath` (projects.json)",
    "jetbrains": 'XML with a <component name="RecentProjectsManager"> in an <application> (recentProjects.xml)',
    "zoxide": "a binary file that begins with the bytes 03 00 00 00 (db.zo)",
    "ghq": "a directory with repositories below it",
}
"""What the list of each program is."""

_KNOWN: Final = (
    "Known are an older app's store, the output of `list --json`, VS Code's .code-workspace files, and the lists of "
    "vscode (state.vscdb), project-manager (projects.json), jetbrains (recentProjects.xml) and zoxide (db.zo)."
)

_SQLITE: Final = b"SQLite format 3\0"
_ZOXIDE: Final = re.compile(rb"[\x01-\x08]\0\0\0")  # its version; no text begins so, in any encoding
_XML: Final = re.compile(rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\0]*<")
_HEAD_BYTES: Final = 4096


def of_first_bytes(file: str) -> Program | None:
    """Return the format that a file can only have by its first bytes; None if they don't tell. Raise Unusable."""
    head = regular_files.read_head(file, _HEAD_BYTES)
    if head.startswith(_SQLITE):
        return "vscode"
    if _ZOXIDE.match(head):
        return "zoxide"
    return "jetbrains" if _XML.match(head) else None


def read_any(file: str, home: str) -> Listing:
    """Return the projects in the list of some program, known by its content alone. Raise Unusable."""
    name = of_first_bytes(file) or "project-manager"
    try:
        if name != "project-manager" or _is_of_project_manager(file):
            return _read(name, file, home)
    except OtherFormat:
        pass
    raise Unusable(f"{file} is in an unknown format: it is {described(file)}. {_KNOWN}")


def read(name: Program, file: str, home: str) -> Listing:
    """Return the projects in the list `file` of a program, for the user at `home`. Raise Unusable.

    For ghq, `file` is one of its roots.
    """
    try:
        return _read(name, file, home)
    except OtherFormat as error:
        problem = f"{file} is no list of {name}, which is {SHAPES[name]}: it is {described(file)}."
        other = of_first_bytes(file)
        advice = f" Try --from {other}." if other not in (None, name) else ""
        raise Unusable(problem + advice) from error


def _is_of_project_manager(file: str) -> bool:
    from workspaced_client.exchange.elsewhere import project_manager

    return project_manager.is_list_of_projects(parse(file, regular_files.read(file)).value)


def _read(name: Program, file: str, home: str) -> Listing:
    match name:
        case "vscode":
            from workspaced_client.exchange.elsewhere import vscode

            return vscode.read(file, home)
        case "project-manager":
            from workspaced_client.exchange.elsewhere import project_manager

            return project_manager.read(file, home)
        case "jetbrains":
            from workspaced_client.exchange.elsewhere import jetbrains

            return jetbrains.read(file, home)
        case "zoxide":
            from workspaced_client.exchange.elsewhere import zoxide

            return zoxide.read(file, home)
        case "ghq":
            from workspaced_client.exchange.elsewhere import ghq

            return ghq.read(file, home)


def described(file: str) -> str:
    """Return what a file looks like; it follows “it is” in a sentence. Raise Unusable if it can't be read."""
    head = regular_files.read_head(file, _HEAD_BYTES)
    if not head.strip():
        return "empty"
    if head.startswith(_SQLITE):
        return "a database of SQLite"
    if _XML.match(head):
        root = re.search(rb"<([A-Za-z_][\w.-]*)", head.replace(b"\0", b""))
        return f"XML, and begins with <{root[1].decode()}>" if root else "XML"
    try:
        value = parse(file, regular_files.read(file)).value
    except OtherFormat:
        return _text_or_not(head)
    except Unusable:
        return "JSON that is damaged"
    return f"JSON: {_of_value(value)}"


def _of_value(value: object) -> str:
    if is_object(value):
        return f"an object with {_members(value)}"
    if is_list(value):
        first = value[0] if value else None
        return f"a list, whose first item is {_of_value(first)}" if value else "an empty list"
    return "a text" if isinstance(value, str) else json.dumps(value)


_SHOWN_MEMBERS: Final = 5
_SHOWN_CHARACTERS: Final = 40


def _members(value: dict[str, object]) -> str:
    if not value:
        return "no members"
    names = [f"`{name[:_SHOWN_CHARACTERS]}`" for name in list(value)[:_SHOWN_MEMBERS]]
    return ", ".join((*names, "…")) if len(value) > _SHOWN_MEMBERS else ", ".join(names)


def _text_or_not(data: bytes) -> str:
    line = data.lstrip().splitlines()[:1]
    try:
        text = line[0].decode() if line else ""
    except UnicodeDecodeError:
        text = "\0"
    if not text.replace("\t", " ").isprintable():
        return f"binary, and begins with the bytes {data[:4].hex(' ')}"
    return f"a text that begins with “{text[:_SHOWN_CHARACTERS]}”"
