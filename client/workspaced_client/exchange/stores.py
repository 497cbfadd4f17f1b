"""Complete workspaces in files: an older app's store (version 1), and the JSON of `list --json`.

A store of version 1 is pretty-printed JSON, `{"version": 1, "workspaces": [...],
"_checksum": "..."}`. Its workspaces have no revision; its checksum may be absent.

A workspace or a project that can't be used is left out, and the others are read. But where the checksum shows that
the file is damaged, nothing in it is trusted.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeVar, cast

import msgspec
from msgspec import Struct, field, structs

from workspaced_client.exchange.json_encoding import in_utf_8
from workspaced_client.exchange.json_text import (
    Document,
    LeftOut,
    OtherFormat,
    Path,
    Unusable,
    field_name,
    invalid_json,
    lossy_numbers,
    parse,
)
from workspaced_client.exchange.json_types import is_list, is_object
from workspaced_protocol import unknown
from workspaced_protocol.annotations import metadata_problem, tags_problem
from workspaced_protocol.checksum import checksum
from workspaced_protocol.datadir import FORMAT_VERSION
from workspaced_protocol.models import ProjectBinding, ProjectId, Workspace, WorkspaceId
from workspaced_protocol.problems import problem_at

T = TypeVar("T")


@dataclass(frozen=True)
class Workspaces:
    """The content of a file."""

    workspaces: tuple[Workspace, ...]
    unknown_members: tuple[str, ...] = ()
    """The paths of members that this release does not know, and does not import."""
    left_out: tuple[LeftOut, ...] = ()


def decode(file: str, data: bytes) -> Workspaces:
    """Return the workspaces in `data`, the content of `file`: a store of version 1, a workspace, or a list of them.

    Raise OtherFormat if it is something else, and Unusable if it is damaged or of another version.
    """
    try:
        document = parse(file, data)
    except OtherFormat as error:
        raise _unknown_format(file) from error
    value = document.value
    if is_object(value) and "rootPath" in value and "id" in value:
        return _Reader(document).read({(): value})
    if is_list(value):
        if value and not any(is_object(each) and "id" in each for each in value):
            raise _unknown_format(file)
        return _Reader(document).read({(index,): each for index, each in enumerate(value)})
    return _read_version_1(document, data)


def _read_version_1(document: Document, data: bytes) -> Workspaces:
    store = _require_version_1(document)
    entries = store.get("workspaces")
    if not is_list(entries):
        raise document.wrong(("workspaces",), "must be a list" if "workspaces" in store else "is missing")
    reader = _Reader(document)
    found = reader.read({("workspaces", index): each for index, each in enumerate(entries)})
    if store.get("_checksum") is not None:
        stated, actual = checksum(in_utf_8(data))
        if stated != actual and reader.faults:
            raise document.wrong(*reader.faults[0])
        if stated != actual:
            raise Unusable(
                f"{document.file} is damaged: its checksum does not match its content. Somebody changed the content "
                "later; the checksum does not show where."
            )
    others = tuple(name for name in store if name not in _MEMBERS)
    return replace(found, unknown_members=others + found.unknown_members)


class _ProjectIds(Struct):
    """The ids of a project, as a workspace checks them."""

    id: ProjectId
    workspace_id: WorkspaceId = field(name="workspaceId")


class _Reader:
    """Reads entry after entry; one that can't be used is left out."""

    def __init__(self, document: Document) -> None:
        self.faults: list[tuple[Path, str]] = []
        """The places of all that is wrong, and the problems, in the order of the file."""
        self._document = document
        self._left_out: list[LeftOut] = []
        self._unknown: list[str] = []
        self._ids: set[str] = set()

    def read(self, entries: Mapping[Path, object]) -> Workspaces:
        """Return the usable ones of these entries. Raise Unusable for invalid JSON outside of them."""
        depth = len(next(iter(entries), ()))
        invalid: dict[Path, tuple[Path, str]] = {}
        for place, problem in lossy_numbers(self._document):
            if place[depth : depth + 1] == ("metadata",):
                invalid.setdefault(place[:depth], (place, problem))
        for place, problem in invalid_json(self._document):
            if place[:depth] not in entries:
                if depth > 1 and len(place) > 0 and place[0] not in _MEMBERS:
                    continue  # it is not imported
                raise self._document.wrong(place, problem)
            is_in_project = place[depth : depth + 1] == ("projects",) and len(place) > depth + 1
            invalid.setdefault(place[: depth + 2 * is_in_project], (place, problem))
        found = [self._workspace(path, entry, invalid) for path, entry in entries.items()]
        return Workspaces(
            tuple(each for each in found if each is not None), tuple(self._unknown), tuple(self._left_out)
        )

    def _workspace(
        self, path: Path, entry: object, invalid: Mapping[Path, tuple[Path, str]]
    ) -> Workspace | None:
        name = _text(entry, "name", path)
        bindings: list[ProjectBinding] = []
        try:
            if path in invalid:
                raise _Wrong(*invalid[path])
            without_projects, projects = _apart(entry)
            whole = self._decoded(path, without_projects, Workspace)
            if whole.id in self._ids:
                raise _Wrong((*path, "id"), f"is {whole.id}, which an earlier workspace has already")
            _refuse_over_limit(path, whole)
        except _Wrong as wrong:
            self._leave_out(name, _text(entry, "rootPath", path), wrong)
            return None
        self._ids.add(whole.id)
        for index, each in enumerate(projects):
            place: Path = (*path, "projects", index)
            try:
                if place in invalid:
                    raise _Wrong(*invalid[place])
                binding = self._decoded(place, each, ProjectBinding)
                ids = {"id": binding.id, "workspaceId": binding.workspace_id}
                self._decoded(place, ids, _ProjectIds)
            except _Wrong as wrong:
                self._leave_out(name, _text(each, "rootPath", place), wrong)
            else:
                bindings.append(binding)
        return structs.replace(whole, projects=tuple(bindings))

    def _decoded(self, path: Path, value: object, type_: type[T]) -> T:
        try:
            decoded, members = unknown.decode(msgspec.json.encode(value), type_)
        except UnicodeEncodeError as error:  # in the name of a member
            raise _Wrong(path, "holds half a character: one of a pair of surrogates is missing") from error
        except msgspec.ValidationError as error:
            problem, where = problem_at(error)
            rest = tuple(int(index) if index else name for index, name in _PART.findall(where))
            raise _Wrong((*path, *rest), f"is wrong: {self._as_written(problem, (*path, *rest))}") from error
        except (msgspec.DecodeError, RecursionError) as error:
            raise _Wrong(path, f"can't be read: {error}") from error
        self._unknown += [f"{field_name(path)}.{member}" if path else member for member in members]
        return decoded

    def _as_written(self, problem: str, path: Path) -> str:
        """Return the problem with the number in the file, where Python's reader has made another of it."""
        found = _GOT_NUMBER.search(problem)
        written = self._document.shown(path) if found and self._document.holds(path) else ""
        return (
            f"{problem[: found.start()]}, but it is {written}"
            if found and written[:1] in "-0123456789"
            else problem
        )

    def _leave_out(self, name: str, path: str, wrong: "_Wrong") -> None:
        self.faults.append((wrong.place, wrong.problem))
        self._left_out.append(LeftOut(name, path, self._document.problem(wrong.place, wrong.problem)))


def _refuse_over_limit(path: Path, workspace: Workspace) -> None:
    """Raise _Wrong if the daemon would refuse its tags or its metadata, and all other changes with them."""
    if of_tags := tags_problem(workspace.tags):
        place, problem = of_tags
        raise _Wrong((*path, "tags", *map(int, re.findall(r"\d+", place))), problem)
    if of_metadata := metadata_problem(workspace.metadata):
        raise _Wrong((*path, "metadata"), of_metadata)


class _Wrong(Exception):
    """An entry that can't be used: the place in the document, and the problem there."""

    def __init__(self, place: Path, problem: str) -> None:
        super().__init__(place, problem)
        self.place = place
        self.problem = problem


_MEMBERS: Final = ("version", "workspaces", "_checksum")
_GOT_NUMBER: Final = re.compile(", got `(?:null|float|int)`$")
_PART: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def _apart(entry: object) -> tuple[object, list[object]]:
    """Return an entry without its projects, and these; as it is if it has no list of them."""
    projects: object = entry.get("projects") if is_object(entry) else None
    if not is_object(entry) or not is_list(projects):
        return entry, []
    return {**entry, "projects": []}, projects


def _text(entry: object, member: str, path: Path) -> str:
    """Return this member of an entry if it is a text, else the place of the entry."""
    text = entry.get(member) if is_object(entry) else None
    return text if isinstance(text, str) else field_name(path)


def encode_version_1(workspaces: Iterable[Workspace]) -> str:
    """Return the text of a store for an older app, in the format of JavaScript's `JSON.stringify(store, null, 2)`.

    What the format does not know is left out: revisions, tags, metadata and machines.
    Characters outside ASCII are not escaped: an older app verifies the checksum over its own output.
    """
    known = [
        structs.replace(
            each, machine=None, projects=tuple(structs.replace(one, machine=None) for one in each.projects)
        )
        for each in workspaces
    ]
    plain = [
        {name: value for name, value in each.items() if name not in ("revision", "tags", "metadata")}
        for each in cast("list[dict[str, object]]", msgspec.to_builtins(known))
    ]
    store: dict[str, object] = {"version": 1, "workspaces": plain}
    _, digest = checksum(json.dumps(store, ensure_ascii=False).encode())
    return json.dumps({**store, "_checksum": digest}, ensure_ascii=False, indent=2)


def encode_list(workspaces: Iterable[Workspace], *, ascii_only: bool = False) -> str:
    """Return the workspaces in the format of `list --json`; `ascii_only` is for a terminal."""
    return json.dumps(msgspec.to_builtins(list(workspaces)), ensure_ascii=ascii_only, indent=2) + "\n"


def _unknown_format(file: str) -> OtherFormat:
    return OtherFormat(f"{file} is neither an older app's store nor the output of `list --json`.")


def _require_version_1(document: Document) -> dict[str, object]:
    value = document.value
    if not is_object(value) or value.get("version") is None:
        raise _unknown_format(document.file)
    version = value["version"]
    if version in range(2, FORMAT_VERSION + 1):
        raise Unusable(
            f"{document.file} is a store of workspaced itself: restore it with `workspacectl restore`."
        )
    if type(version) is not int or version != 1:
        given = document.shown(("version",), 40)  # it may be anything
        problem = f"is {given}: only stores of version 1, written by older apps, can be imported"
        raise document.wrong(("version",), problem)
    return value
