"""The text of store files, made and verified by the words of the format alone, and not by the code.

So a mistake in the code's reading of the format shows, and files that no release of this project
ever wrote can be tried.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from workspaced_protocol.models import Workspace

PRIMARY = "workspaces.json"
SNAPSHOT = "workspaces.snapshot.json"


def checksum_by_the_rule(text: str) -> str:
    """SHA-256 over the text, less white space outside strings, less the `_checksum` member and its comma."""
    members: list[list[str]] = [[]]
    depth = 0
    in_string = escaped = False
    for character in text.strip()[1:-1]:
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character in " \t\r\n":
            continue
        elif character == "," and depth == 0:
            members.append([])
            continue
        else:
            in_string = character == '"'
            depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(character, 0)
        members[-1].append(character)
    whole = ("".join(member) for member in members)
    kept = ",".join(member for member in whole if not member.startswith('"_checksum":'))
    return hashlib.sha256(f"{{{kept}}}".encode()).hexdigest()


def sealed(text: str) -> str:
    """The text with the checksum that belongs to it in its last `_checksum` member."""
    body, member, value = text.rpartition('"_checksum"')
    return body + member + re.sub('"[^"]*"', f'"{checksum_by_the_rule(text)}"', value, count=1)


def version_1_text(
    workspaces: Iterable[Workspace],
    *,
    checksum: bool = True,
    indent: int | None = 2,
    ascii_only: bool = False,
) -> str:
    """What an older app writes: pretty-printed, without revisions."""
    document: dict[str, object] = {"version": 1, "workspaces": version_1_members(workspaces)}
    if not checksum:
        return json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    return sealed(json.dumps({**document, "_checksum": ""}, indent=indent, ensure_ascii=ascii_only))


def version_1_members(workspaces: Iterable[Workspace]) -> list[dict[str, object]]:
    """The workspaces as an older app has them in JSON."""
    plain = json.loads(msgspec.json.encode(list(workspaces)))
    return [{name: value for name, value in one.items() if name != "revision"} for one in plain]


def files_below(directory: Path) -> dict[str, bytes | str]:
    """Each file's content by its path in `directory`, links as where they lead to; less the lock."""
    return {
        str(path.relative_to(directory)): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in directory.rglob("*")
        if path.is_symlink() or (path.is_file() and path.name != "workspaced.lock")
    }


def quarantined(data_dir: Path) -> dict[str, bytes]:
    """The copies in quarantine by name, the oldest first."""
    return {path.name: path.read_bytes() for path in sorted((data_dir / "quarantine").glob("*"))}
