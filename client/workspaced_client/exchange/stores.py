"""Complete workspaces in files: an older app's store (version 1), and the JSON of `list --json`.

A store of version 1 is pretty-printed JSON, `{"version": 1, "workspaces": [...],
"_checksum": "..."}`. Its workspaces have no revision; its checksum may be absent.
"""

import codecs
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar, cast

import msgspec
from msgspec import Struct, field

from workspaced_client.exchange.json_text import Document, Path, Unusable, parse, refuse_invalid_json
from workspaced_protocol import unknown
from workspaced_protocol.checksum import checksum
from workspaced_protocol.datadir import FORMAT_VERSION
from workspaced_protocol.models import Workspace
from workspaced_protocol.problems import problem_at

T = TypeVar("T")


@dataclass(frozen=True)
class Workspaces:
    """The content of a file."""

    workspaces: tuple[Workspace, ...]
    unknown_members: tuple[str, ...] = ()
    """The paths of members that this release does not know, and does not import."""


class _Version1(Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    workspaces: tuple[Workspace, ...]
    checksum: str | None = field(name="_checksum", default=None)


def decode(file: str, data: bytes) -> Workspaces:
    """Return the workspaces in `data`, the content of `file`: a store of version 1, a workspace, or a list of them.

    Raise Unusable if it is damaged, of another version, or something else.
    """
    document = parse(file, data)
    refuse_invalid_json(document)
    value = document.value
    data = data.removeprefix(codecs.BOM_UTF8)
    if isinstance(value, dict) and "rootPath" in value:
        workspace, left_out = _typed(document, data, Workspace)
        return Workspaces((workspace,), tuple(left_out))
    if isinstance(value, list):
        workspaces, left_out = _typed(document, data, tuple[Workspace, ...])
        _refuse_duplicate_ids(document, (), workspaces)
        return Workspaces(workspaces, tuple(left_out))
    _require_version_1(document)
    content, left_out = _typed(document, data, _Version1)
    _refuse_duplicate_ids(document, ("workspaces",), content.workspaces)
    stated, actual = checksum(data)
    if stated != actual and content.checksum is not None:
        raise Unusable(
            f"{file} is damaged: its checksum does not match its content. Somebody changed the content later; "
            "the checksum does not show where."
        )
    return Workspaces(content.workspaces, tuple(left_out))


def encode_version_1(workspaces: Iterable[Workspace]) -> str:
    """Return the text of a store for an older app, in the format of JavaScript's `JSON.stringify(store, null, 2)`.

    Characters outside ASCII are not escaped: an older app verifies the checksum over its own output.
    """
    plain = [
        {name: value for name, value in each.items() if name != "revision"}
        for each in cast("list[dict[str, object]]", msgspec.to_builtins(list(workspaces)))
    ]
    store: dict[str, object] = {"version": 1, "workspaces": plain}
    _, digest = checksum(json.dumps(store, ensure_ascii=False).encode())
    return json.dumps({**store, "_checksum": digest}, ensure_ascii=False, indent=2)


def encode_list(workspaces: Iterable[Workspace], *, ascii_only: bool = False) -> str:
    """Return the workspaces in the format of `list --json`; `ascii_only` is for a terminal."""
    return json.dumps(msgspec.to_builtins(list(workspaces)), ensure_ascii=ascii_only, indent=2) + "\n"


def _require_version_1(document: Document) -> None:
    value = document.value
    version = value.get("version") if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType,reportUnknownMemberType] - any JSON
    if version is None:
        raise Unusable(
            f"{document.file} is neither an older app's store nor the output of `list --json`. "
            "The name of a VS Code file has to end in .code-workspace."
        )
    if version == FORMAT_VERSION:
        raise Unusable(
            f"{document.file} is a store of workspaced itself: restore it with `workspacectl restore`."
        )
    if version != 1:
        given = json.dumps(version)[:40]  # it may be anything
        problem = f"is {given}: only stores of version 1, written by older apps, can be imported"
        raise document.wrong(("version",), problem)


_PART: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def _typed(document: Document, data: bytes, type_: type[T]) -> tuple[T, list[str]]:
    try:
        return unknown.decode(data, type_)
    except msgspec.ValidationError as error:
        problem, where = problem_at(error)
        path: Path = tuple(int(index) if index else name for index, name in _PART.findall(where))
        raise document.wrong(path, f"is wrong: {problem}") from error
    except msgspec.DecodeError as error:
        raise Unusable(f"{document.file} can't be read: {error}.") from error


def _refuse_duplicate_ids(document: Document, prefix: Path, workspaces: Sequence[Workspace]) -> None:
    seen: set[str] = set()
    for index, workspace in enumerate(workspaces):
        if workspace.id in seen:
            raise document.wrong(
                (*prefix, index, "id"), f"is {workspace.id}, which an earlier workspace has already"
            )
        seen.add(workspace.id)
