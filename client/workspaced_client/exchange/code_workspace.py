"""VS Code's `.code-workspace` files: the folders in them, and a new file for a workspace.

The format is described at https://code.visualstudio.com/docs/editing/workspaces/multi-root-workspaces: JSON with
comments. Each folder has a `path`, relative to the file or absolute, or a `uri`. It may also have a `name` for the
editor to show; projects have no names, so these are neither imported nor written.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from workspaced_client.exchange.json_text import Unusable, parse
from workspaced_protocol.models import Workspace

SUFFIX: Final = ".code-workspace"


@dataclass(frozen=True)
class Skipped:
    """A folder that is not on this machine: its text in the file, and the reason to skip it."""

    folder: str
    reason: str


@dataclass(frozen=True)
class CodeWorkspace:
    """The content of a file."""

    name: str
    """The file's name without its suffix."""
    root_path: str
    folders: tuple[str, ...]
    """Absolute paths in the order of the file, each once. They need not exist."""
    skipped: tuple[Skipped, ...] = ()


class _Folder(BaseModel):
    model_config = ConfigDict(strict=True)

    path: str | None = Field(None, min_length=1)
    uri: str | None = Field(None, min_length=1)
    name: str | None = None

    @model_validator(mode="after")
    def _leads_somewhere(self) -> "_Folder":
        if self.path is None and self.uri is None:
            raise ValueError("has neither a `path` nor a `uri`")
        if "\0" in (self.path or ""):
            raise ValueError("has a `path` with a NUL character in it")
        return self


class _File(BaseModel):
    """The members used here; settings, extensions and the like belong to the editor."""

    model_config = ConfigDict(strict=True)

    folders: list[_Folder]
    remote_authority: str | None = Field(None, alias="remoteAuthority")


def decode(file: str, data: bytes) -> CodeWorkspace:
    """Return the content of the file at the absolute path `file`, whose bytes are `data`. Raise Unusable."""
    document = parse(file, data, comments=True)
    try:
        content = _File.model_validate(document.value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise document.wrong(first["loc"], _in_words(first["type"], first["msg"])) from error
    directory, base = os.path.split(file)
    folders: list[str] = []
    skipped: list[Skipped] = []
    for folder in content.folders:
        found = _path_or_reason(folder, directory, content.remote_authority)
        if isinstance(found, Skipped):
            skipped.append(found)
        elif found not in folders:
            folders.append(found)
    name = base.removesuffix(SUFFIX)
    if not name.strip():
        raise Unusable(f"{file} has no name before {SUFFIX} for its workspace: give one with --into.")
    return CodeWorkspace(name, _root(directory, folders), tuple(folders), tuple(skipped))


def encode(workspace: Workspace, directory: str | None, *, ascii_only: bool = False) -> str:
    """Return the text of a file that opens the workspace's projects, or its root if it has none.

    `directory` is the absolute path of the file's directory. Folders are relative to it if both share more than
    the root of the file system; without it, they are absolute. `ascii_only` is for a terminal.
    """
    paths = [project.root_path for project in workspace.projects] or [workspace.root_path]
    folders = [{"path": _relative(path, directory)} for path in dict.fromkeys(paths)]
    return json.dumps({"folders": folders}, ensure_ascii=ascii_only, indent="\t") + "\n"


_WORDS: Final = {
    "missing": "is missing",
    "list_type": "must be a list",
    "string_type": "must be a text",
    "string_too_short": "must not be empty",
    "string_unicode": "holds half a character: one of a pair of surrogates is missing",
    "model_type": "must be an object",
}


def _in_words(kind: str, message: str) -> str:
    return _WORDS.get(kind) or message.removeprefix("Value error, ")


def _path_or_reason(folder: _Folder, directory: str, remote: str | None) -> str | Skipped:
    if folder.path is not None:
        if remote is not None:
            return Skipped(folder.path, f"it is on another machine ({remote})")
        return os.path.normpath(os.path.join(directory, folder.path))
    uri = folder.uri or ""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return Skipped(uri, "its URI can't be read")
    path = unquote(parts.path)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        return Skipped(uri, "it is not a folder on this machine")
    if not path.startswith("/") or "\0" in path:
        return Skipped(uri, "its URI has no absolute path")
    return os.path.normpath(path)


def _root(directory: str, folders: Sequence[str]) -> str:
    """Return the file's directory if it holds all folders, else the one above them all, unless that is `/`."""
    if not folders or os.path.commonpath([directory, *folders]) == directory:
        return directory
    above = os.path.commonpath(folders)
    return directory if above == os.sep else above


def _relative(path: str, directory: str | None) -> str:
    if directory is None or os.path.commonpath([path, directory]) == os.sep:
        return path
    return os.path.relpath(path, directory)
