"""The format of the store's files: encoding of a state, parsing and validation.

The strategy: decode the text, encode the state again and compare. If the bytes are equal, this release
wrote the text and no further check is needed. This is the usual start. Any other text (an older
version, a reformatted file, a damaged file) is checked step by step.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

import msgspec
from msgspec import Struct, field

from workspaced.domain.records import RecoveryNotice, encode
from workspaced.domain.state import State
from workspaced_protocol import unknown
from workspaced_protocol.checksum import checksum, is_damaged_version
from workspaced_protocol.datadir import FORMAT_VERSION
from workspaced_protocol.models import Revision, StoreId, Workspace
from workspaced_protocol.problems import problem_at
from workspaced_protocol.urls import without_secret


class Corrupted(Exception):
    """The text is not a valid store file. `kind` is a word for file names, the message describes the damage."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class NewerVersion(Exception):
    """A newer release wrote the text. The file must not be touched."""

    def __init__(self, version: int) -> None:
        super().__init__(f"version {version}, but this release knows only versions up to {FORMAT_VERSION}")
        self.version = version


@dataclass(frozen=True)
class Document:
    """The content of a valid file.

    `state` of an older version has no `store_id`. `unknown_members` are the paths of members that this release does
    not know. With `held_secrets`, the file has URLs with secrets, which `state` does not have.
    """

    state: State
    version: int = FORMAT_VERSION
    unknown_members: tuple[str, ...] = ()
    held_secrets: bool = False


class _Version2(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    version: int
    revision: Revision
    workspaces: tuple[Workspace, ...]
    checksum: str = field(name="_checksum")
    request_keys: dict[str, str | None] = field(default_factory=dict[str, str | None])
    recovery: RecoveryNotice | None = None


class _Version3(_Version2, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    store_id: StoreId


class _Version1(Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    workspaces: tuple[Workspace, ...]
    checksum: str | None = field(name="_checksum", default=None)


_TYPES: Final[dict[int, type[_Version1 | _Version2]]] = {
    1: _Version1,
    2: _Version2,
    FORMAT_VERSION: _Version3,
}


def encode_document(state: State) -> bytes:
    """Return the file's text for this state, which has a `store_id`: one workspace a line, the checksum last."""
    if not state.store_id:
        raise ValueError("a state without a store id can't be written: its file could not be read again")
    head = b'{"version":%d,"storeId":"%b","revision":%d,"workspaces":[\n' % (
        FORMAT_VERSION,
        state.store_id.encode(),
        state.revision,
    )
    tail = b"\n]"
    if state.request_keys:
        tail += b',\n"requestKeys":' + encode(dict(state.request_keys))
    if state.recovery is not None:
        tail += b',\n"recovery":' + encode(state.recovery)
    texts = [record.json for record in state.ordered]
    # Newlines are the only white space outside strings here, and JSON strings hold no raw newline.
    compact = _joined(head.replace(b"\n", b""), texts, tail.replace(b"\n", b"") + b"}", b",")
    digest = hashlib.sha256(compact).hexdigest()
    return _joined(head, texts, b'%b,"_checksum":"%b"}\n' % (tail, digest.encode()), b",\n")


def _joined(head: bytes, texts: Sequence[bytes], tail: bytes, separator: bytes) -> bytes:
    """Join all texts with one copy: copying dominates the commit of a large store."""
    pieces = [*texts] or [b""]
    pieces[0] = head + pieces[0]
    pieces[-1] += tail
    return separator.join(pieces)


def parse_document(data: bytes) -> Document:
    """Return the content of a file's text. Raises Corrupted or NewerVersion."""
    try:
        content = msgspec.json.decode(data, type=_Version3)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _parse_step_by_step(data)
    state = _state_of(content)
    if len(state.records) == len(content.workspaces) and encode_document(state) == data:
        return Document(state)
    return _parse_step_by_step(data)


def _parse_step_by_step(data: bytes) -> Document:
    content = _plain(data)
    version = content.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise Corrupted("schema", "`version` is not a positive integer")
    stated, actual = checksum(data)
    if version > FORMAT_VERSION:
        if is_damaged_version(data, FORMAT_VERSION):
            raise Corrupted("checksum-mismatch", "the checksum does not match: `version` was damaged")
        raise NewerVersion(version)
    if stated is not None and stated != actual:
        raise Corrupted("checksum-mismatch", "the checksum does not match the content")
    if stated is None and version > 1:
        raise Corrupted("schema", "`_checksum` is missing")
    _refuse_duplicate_members(data)
    try:
        typed, unknown_members = unknown.decode(data, _TYPES[version])
    except msgspec.ValidationError as error:
        problem, path = problem_at(error)
        raise Corrupted("schema", f"`{path}` is wrong: {problem}" if path else problem) from error
    if stated is None and typed.checksum is not None:
        # The name is written with an escape, which no release does. Without this check, one damaged byte
        # would switch off the checksum.
        raise Corrupted("checksum-mismatch", "the name `_checksum` is written with an escape")
    _refuse_duplicate_ids(typed.workspaces)
    return Document(_state_of(typed), version, tuple(unknown_members), _holds_secrets(data))


def _state_of(content: _Version1 | _Version2) -> State:
    if isinstance(content, _Version1):
        return State.of(content.workspaces)
    store_id = content.store_id if isinstance(content, _Version3) else ""
    return State.of(content.workspaces, content.revision, content.request_keys, content.recovery, store_id)


def _plain(data: bytes) -> dict[str, object]:
    """Return the JSON object in `data`; its members are not validated."""
    if not data.strip():
        raise Corrupted("empty", "the file is empty")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise Corrupted("not-utf-8", f"not UTF-8 at byte {error.start}") from error
    try:
        content: object = msgspec.json.decode(data)
    except RecursionError as error:
        raise Corrupted("invalid-json", "invalid JSON: it is nested too deeply") from error
    except msgspec.DecodeError as error:
        if "truncated" in str(error):
            raise Corrupted("truncated", "the JSON is truncated") from error
        raise Corrupted("invalid-json", f"invalid JSON: {error}") from error
    if not isinstance(content, dict):
        raise Corrupted("schema", "the file does not hold a JSON object")
    return cast("dict[str, object]", content)


def _refuse_duplicate_members(data: bytes) -> None:
    def refuse(pairs: list[tuple[str, object]]) -> None:
        names = [name for name, _ in pairs]
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise Corrupted("schema", f"the member `{twice}` occurs twice in one object")

    try:
        json.loads(data, object_pairs_hook=refuse, parse_int=str, parse_float=str)
    except RecursionError as error:
        raise Corrupted("invalid-json", "invalid JSON: it is nested too deeply") from error


class _BindingAsWritten(Struct, frozen=True, rename="camel"):
    git_url: str | None = None


class _WorkspaceAsWritten(Struct, frozen=True):
    projects: tuple[_BindingAsWritten, ...]


class _UrlsAsWritten(Struct, frozen=True):
    workspaces: tuple[_WorkspaceAsWritten, ...]


def _holds_secrets(data: bytes) -> bool:
    """Return whether the text of a valid file has URLs with secrets."""
    written = msgspec.json.decode(data, type=_UrlsAsWritten)
    urls = (project.git_url for workspace in written.workspaces for project in workspace.projects)
    return any(url is not None and without_secret(url) != url for url in urls)


def _refuse_duplicate_ids(workspaces: tuple[Workspace, ...]) -> None:
    seen: set[str] = set()
    for workspace in workspaces:
        if workspace.id in seen:
            raise Corrupted("duplicate-ids", f"the workspace id {workspace.id} occurs twice")
        seen.add(workspace.id)


def legible_revision(data: bytes) -> int:
    """Return the highest revision that can still be read in a damaged text, or 0.

    The revision then keeps rising after a data loss, so no client mistakes a new state for a known one.
    """
    # At most 15 digits: always below 2**53.
    return max((int(digits) for digits in re.findall(rb'"revision":([0-9]{1,15})[,}]', data)), default=0)


def legible_store_id(data: bytes) -> str:
    """Return the store id that can still be read in a damaged text, or an empty one: the store stays the same."""
    found = _STORE_ID_MEMBER.search(data)
    return found[1].decode() if found else ""


_STORE_ID_MEMBER = re.compile(rb'"storeId"\s*:\s*"(st_[0-7][0-9A-HJKMNP-TV-Z]{25})"')
