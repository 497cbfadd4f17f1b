"""The store's files by the written rule alone: how to build, verify and damage them."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

_STRING_OR_SPACE = re.compile(r'("(?:[^"\\]|\\.)*")|[ \t\r\n]+')
_CHECKSUM = re.compile(r',"_checksum":"([^"]*)"')


def checksum(text: str) -> str:
    """SHA-256 of the text less white space outside strings and less the `_checksum` member with its comma."""
    bare = _STRING_OR_SPACE.sub(lambda match: match[1] or "", text)
    return hashlib.sha256(_CHECKSUM.sub("", bare).encode()).hexdigest()


def with_checksum(text: str) -> str:
    """The text of an object with `_checksum` as its last member."""
    end = text.rindex("}")
    return f'{text[:end].rstrip()},"_checksum":"{checksum(text)}"}}\n'


def verified(path: Path) -> dict[str, Any]:
    """The document in the file, once its checksum is right."""
    text = path.read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    assert document["_checksum"] == checksum(text)
    return document


def store_text(workspaces: list[dict[str, Any]], revision: int = 1, version: int = 2) -> str:
    """A store file of version 2, or of another that has the same shape."""
    lines = ",\n".join(
        json.dumps(workspace, ensure_ascii=False, separators=(",", ":")) for workspace in workspaces
    )
    return with_checksum(f'{{"version":{version},"revision":{revision},"workspaces":[\n{lines}\n]}}')


def workspace(number: int, projects: int = 0, **changed: Any) -> dict[str, Any]:
    """A workspace as a file or `store.save` takes it: each number gives another one."""
    workspace_id = f"ws_01HX{number:022d}"
    return {
        "id": workspace_id,
        "name": f"Übung {number} 日本語 🚀",
        "rootPath": f"/home/dev/código/repo-{number}",
        "state": ("active", "closed")[number % 2],
        "createdAt": 1_772_449_264_788 + number,
        "updatedAt": 1_773_234_583_997 + number,
        "revision": 1,
        "projects": [project(workspace_id, 1000 * number + at) for at in range(projects)],
    } | changed


def project(workspace_id: str, number: int) -> dict[str, Any]:
    """A binding; every second one has a git URL, every third one is stale."""
    binding: dict[str, Any] = {
        "id": f"proj_01HX{number:022d}",
        "workspaceId": workspace_id,
        "rootPath": f"/home/dev/code/repo-{number // 1000}/packages/p{number}",
    }
    if number % 2:
        binding["gitUrl"] = f"https://git.example.com/team/p{number}.git"
    return binding | {"status": "active" if number % 3 else "stale", "boundAt": 1_772_150_000_000 + number}


def without_revision(workspaces: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The workspaces, each less the one field that the store itself sets."""
    return [{name: value for name, value in each.items() if name != "revision"} for each in workspaces]
