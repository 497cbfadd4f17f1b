"""VS Code's `.code-workspace` files: the folders in them, and a new file for a workspace.

The format is described at https://code.visualstudio.com/docs/editing/workspaces/multi-root-workspaces: JSON with
comments. Each folder has a `path`, relative to the file or absolute, or a `uri`. It may also have a `name` for the
editor to show; projects have no names, so these are neither read nor written. A folder that can't be used is left
out; it decides nothing about the others.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from workspaced_client.exchange.folders import CODE_WORKSPACE_SUFFIX, Elsewhere, is_windows_path, path_of_uri
from workspaced_client.exchange.json_text import Document, LeftOut, OtherFormat, Path, parse
from workspaced_protocol.models import Workspace
from workspaced_protocol.names import is_blank


@dataclass(frozen=True)
class CodeWorkspace:
    """The content of a file."""

    name: str
    """The file's name without its suffix, or the name of its directory if there is nothing before the suffix."""
    directory: str
    """The directory of the file."""
    folders: tuple[str, ...]
    """Absolute paths in the order of the file, each once. They need not exist."""
    left_out: tuple[LeftOut, ...] = ()
    windows: Mapping[str, str] = field(default_factory=dict[str, str])
    """The texts in the file of those folders that look like paths on Windows."""


class _Folder(BaseModel):
    model_config = ConfigDict(strict=True)

    path: str | None = Field(None, min_length=1)
    uri: str | None = Field(None, min_length=1)

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

    folders: list[object]
    remote_authority: str | None = Field(None, alias="remoteAuthority")


def decode(file: str, data: bytes) -> CodeWorkspace:
    """Return the content of the file at the absolute path `file`, whose bytes are `data`. Raise Unusable."""
    try:
        document = parse(file, data, comments=True)
    except OtherFormat as error:
        raise OtherFormat(
            f"{file} is in an unknown format: VS Code's {CODE_WORKSPACE_SUFFIX} files are JSON."
        ) from error
    try:
        content = _File.model_validate(document.value)
    except ValidationError as error:
        raise document.wrong(*_first_problem(error)) from error
    directory, base = os.path.split(file)
    name = base.removesuffix(CODE_WORKSPACE_SUFFIX)
    if is_blank(name):
        name = os.path.basename(directory) or directory
    folders: dict[str, str] = {}
    left_out: list[LeftOut] = []
    for index, entry in enumerate(content.folders):
        try:
            text, path = _folder(document, index, entry, directory, content.remote_authority)
        except _NotHere as error:
            left_out.append(LeftOut(name, error.folder, error.reason))
        else:
            folders.setdefault(path, text)
    windows = {path: text for path, text in folders.items() if is_windows_path(text)}
    return CodeWorkspace(name, directory, tuple(folders), tuple(left_out), windows)


def root_of(directory: str, folders: Sequence[str], home: str) -> str:
    """Return `directory` if it holds all folders, else the directory above the folders.

    A directory above the home, or the root of the file system, is nobody's workspace: then it is `directory`, too.
    """
    if not folders or os.path.commonpath([directory, *folders]) == directory:
        return directory
    above = os.path.commonpath(folders)
    is_outside = above == os.sep or (above != home and os.path.commonpath([above, home]) == above)
    return directory if is_outside else above


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


def _first_problem(error: ValidationError) -> tuple[Path, str]:
    first = error.errors(include_url=False)[0]
    return first["loc"], _WORDS.get(first["type"]) or first["msg"].removeprefix("Value error, ")


class _NotHere(Exception):
    """A folder that is not on this machine: its text in the file, and the reason to leave it out."""

    def __init__(self, folder: str, reason: str) -> None:
        super().__init__(folder, reason)
        self.folder = folder
        self.reason = reason


def _folder(
    document: Document, index: int, entry: object, directory: str, remote: str | None
) -> tuple[str, str]:
    """Return the text of an entry and the absolute path that it leads to. Raise _NotHere."""
    place: Path = ("folders", index)
    try:
        folder = _Folder.model_validate(entry)
    except ValidationError as error:
        path, problem = _first_problem(error)
        raise _NotHere(document.shown(place), document.problem((*place, *path), problem)) from error
    if folder.path is None:
        uri = folder.uri or ""
        try:
            return uri, path_of_uri(uri)
        except Elsewhere as error:
            raise _NotHere(uri, str(error)) from error
    if remote is not None:
        raise _NotHere(folder.path, f"it is on another machine ({remote})")
    return folder.path, os.path.normpath(os.path.join(directory, folder.path))


def _relative(path: str, directory: str | None) -> str:
    if directory is None or os.path.commonpath([path, directory]) == os.sep:
        return path
    return os.path.relpath(path, directory)
