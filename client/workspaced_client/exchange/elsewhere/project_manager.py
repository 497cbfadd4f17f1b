"""The `projects.json` of VS Code's extension Project Manager: the projects that somebody saved.

Its format is that of `src/core/project.ts` and `src/storage/storage.ts` in
https://github.com/alefragnani/vscode-project-manager: a list of objects with `name`, `rootPath`, `paths` (further
folders), `tags`, `enabled` and `profile`; its first version had `label` and `description` in place of the first two.
Drafts of it also have a `group`, which becomes a tag here. A path may begin with `$home` or `~` (`src/utils/path.ts`),
lead to a `.code-workspace` file, or be the URI of a remote folder (`src/utils/remote.ts`).
"""

import os
from typing import Final

from workspaced_client.exchange import regular_files
from workspaced_client.exchange.folders import Elsewhere, path_of
from workspaced_client.exchange.json_text import Document, LeftOut, OtherFormat, Path, field_name, parse
from workspaced_client.exchange.json_types import is_list, is_object
from workspaced_client.exchange.listed import Listed, Listing, is_text

_HOMES: Final = ("$home", "~")
_REFERENCES: Final = (("name", "rootPath"), ("label", "description"))
"""The members that make a project, in both versions."""


def read(file: str, home: str) -> Listing:
    """Return the projects in a file. Raise Unusable."""
    return decode(file, regular_files.read(file), home)


def is_list_of_projects(value: object) -> bool:
    """Return whether a JSON document is a list of projects, by its first object."""
    first = next(filter(is_object, _items(value)), None)
    return first is not None and "id" not in first and _members(first) is not None


def decode(file: str, data: bytes, home: str) -> Listing:
    """Return the projects in `data`, the content of `file`, for the user at `home`. Raise Unusable."""
    document = parse(file, data)
    if not is_list(document.value):
        raise OtherFormat(f"{file} is not a list of Project Manager.")
    projects: list[Listed] = []
    left_out: list[LeftOut] = []
    for index, entry in enumerate(document.value):
        try:
            projects.append(_project(document, (index,), entry, home))
        except _LeaveOut as error:
            left_out.append(error.left_out)
    return Listing(tuple(projects), tuple(left_out))


class _LeaveOut(Exception):
    """An entry that can't be used."""

    def __init__(self, name: str, path: str, reason: str) -> None:
        super().__init__(name, path, reason)
        self.left_out = LeftOut(name, path, reason)


def _project(document: Document, place: Path, entry: object, home: str) -> Listed:
    members = _members(entry) if is_object(entry) else None
    if not is_object(entry) or members is None:
        problem = document.problem(place, "has no `name` and `rootPath`")
        raise _LeaveOut(field_name(place), document.shown(place), problem)
    of_name, of_path = members
    name, written = entry[of_name], entry[of_path]
    for member, text in ((of_name, name), (of_path, written)):
        if not isinstance(text, str) or not text or not is_text(text):
            problem = document.problem((*place, member), "must be a text, and not empty")
            raise _LeaveOut(field_name(place), document.shown(place), problem)
    name, written = str(name), str(written)
    if entry.get("enabled") is False:
        raise _LeaveOut(name, written, "it is disabled in Project Manager")
    try:
        path = path_of(_expanded(written, home))
        more = tuple(path_of(_expanded(each, home)) for each in _texts(entry.get("paths")))
    except Elsewhere as error:
        raise _LeaveOut(name, written, str(error)) from error
    tags = (*_texts(entry.get("tags")), *_texts([entry.get("group")]))
    return Listed(path, name, tags, more)


def _expanded(text: str, home: str) -> str:
    for mark in _HOMES:
        if text == mark or text.startswith((f"{mark}/", f"{mark}\\")):
            # A list that is shared with Windows has its separators.
            return os.path.join(home, text[len(mark) :].replace("\\", "/").lstrip("/"))
    return text


def _members(entry: dict[str, object]) -> tuple[str, str] | None:
    """Return the names of the members for its name and its path, if it has them."""
    return next((pair for pair in _REFERENCES if entry.keys() >= set(pair)), None)


def _texts(value: object) -> list[str]:
    """Return the texts in a list of tags or paths; other things in it are nothing that anybody gave it."""
    return [each for each in _items(value) if isinstance(each, str) and each]


def _items(value: object) -> list[object]:
    return value if is_list(value) else []
