"""The store's files, made and verified by the words of the format alone, and not by the code.

So a mistake in the code's reading of the format shows, and files that no release of this project
ever wrote can be tried.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from workspaced_protocol.models import Workspace

PRIMARY = "workspaces.json"
SNAPSHOT = "workspaces.snapshot.json"
STORE_ID = "st_01KJQ3AX4M0123456789ABCDEF"

# Any: JSON of many shapes, which each test knows.
Json = dict[str, Any]


def checksum_by_the_rule(text: str) -> str:
    """Return SHA-256 of the text less white space outside strings, less the `_checksum` member and its comma."""
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
    """Return the text with the checksum that belongs to it in its last `_checksum` member."""
    body, member, value = text.rpartition('"_checksum"')
    return body + member + re.sub('"[^"]*"', f'"{checksum_by_the_rule(text)}"', value, count=1)


def with_checksum(text: str) -> str:
    """Return the text of an object with `_checksum` as one more member."""
    end = text.rindex("}")
    return sealed(f'{text[:end].rstrip()},"_checksum":""}}\n')


def verified(path: Path) -> Json:
    """Return the document in the file, once its checksum is right."""
    text = path.read_text(encoding="utf-8")
    document: Json = json.loads(text)
    assert document["_checksum"] == checksum_by_the_rule(text)
    return document


def store_text(workspaces: list[Json], revision: int = 1, version: int = 3, store_id: str = STORE_ID) -> str:
    """Return a store file of version 3, of version 2, or of a newer one that has the same shape."""
    lines = ",\n".join(
        json.dumps(workspace, ensure_ascii=False, separators=(",", ":")) for workspace in workspaces
    )
    head = f'"version":{version},' + (f'"storeId":"{store_id}",' if version > 2 else "")
    return with_checksum(f'{{{head}"revision":{revision},"workspaces":[\n{lines}\n]}}')


def version_1_text(
    workspaces: Iterable[Workspace | Json],
    *,
    checksum: bool = True,
    indent: int | None = 2,
    ascii_only: bool = False,
) -> str:
    """Return what an older app writes: pretty-printed, without revisions."""
    document: Json = {"version": 1, "workspaces": version_1_members(workspaces)}
    if not checksum:
        return json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    return sealed(json.dumps({**document, "_checksum": ""}, indent=indent, ensure_ascii=ascii_only))


def version_1_members(workspaces: Iterable[Workspace | Json]) -> list[Json]:
    """Return the workspaces as an older app has them in JSON."""
    return without_revision(json.loads(msgspec.json.encode(list(workspaces))))


def without_revision(workspaces: list[Json]) -> list[Json]:
    """Return the workspaces, each less the one field that the store itself sets."""
    return [{name: value for name, value in each.items() if name != "revision"} for each in workspaces]


def workspace_json(number: int, projects: int = 0, **changed: Any) -> Json:
    """Return a workspace as a file or `store.save` takes it: each number gives another one."""
    workspace_id = f"ws_01HX{number:022d}"
    return {
        "id": workspace_id,
        "name": f"Übung {number} 日本語 🚀",
        "rootPath": f"/home/dev/código/repo-{number}",
        "state": ("active", "closed")[number % 2],
        "createdAt": 1_772_449_264_788 + number,
        "updatedAt": 1_773_234_583_997 + number,
        "revision": 1,
        "projects": [project_json(workspace_id, 1000 * number + at) for at in range(projects)],
    } | changed


def project_json(workspace_id: str, number: int) -> Json:
    """Return a binding; every second one has a git URL, every third one is stale."""
    binding: Json = {
        "id": f"proj_01HX{number:022d}",
        "workspaceId": workspace_id,
        "rootPath": f"/home/dev/code/repo-{number // 1000}/packages/p{number}",
    }
    if number % 2:
        binding["gitUrl"] = f"https://git.example.com/team/p{number}.git"
    return binding | {"status": "active" if number % 3 else "stale", "boundAt": 1_772_150_000_000 + number}


def files_below(directory: Path) -> dict[str, bytes | str]:
    """Return each file's content by its path in `directory`, links as where they lead to; less the lock."""
    return {
        str(path.relative_to(directory)): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in directory.rglob("*")
        if path.is_symlink() or (path.is_file() and path.name != "workspaced.lock")
    }


def store_files(directory: Path) -> dict[str, bytes | str]:
    """Return the same without the history, which is no part of the data."""
    return {name: data for name, data in files_below(directory).items() if not name.startswith("history.")}


def quarantined(data_dir: Path) -> dict[str, bytes]:
    """Return the copies in quarantine by name, the oldest first."""
    return {path.name: path.read_bytes() for path in sorted((data_dir / "quarantine").glob("*"))}
