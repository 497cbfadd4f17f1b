"""The tags and the metadata of a workspace: their types, and the limits of what a client may give.

The limits stand in the JSON schema and are checked on what clients send, never by decoding a workspace: a file or the
answer of a later release stays readable whatever its limits were.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from workspaced_protocol.json_limits import TOO_DEEP, Unkept, check_value, quoted_key
from workspaced_protocol.names import name_key

MAX_TAGS: Final = 32
MAX_TAG_CHARACTERS: Final = 64
MAX_KEY_CHARACTERS: Final = 128
MAX_METADATA_BYTES: Final = 16 * 1024
MAX_PATCH_BYTES: Final = 4 * MAX_METADATA_BYTES
"""Of a merge patch: all keys taken out and all keys new take half of it. To look at a megabyte would hold up others."""

# As `_WorkspaceId` in `models`: in the schema alone.
_Tag = Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": MAX_TAG_CHARACTERS})]
Tags = Annotated[tuple[_Tag, ...], Meta(extra_json_schema={"maxItems": MAX_TAGS})]
_KEYS: Final = {"minLength": 1, "maxLength": MAX_KEY_CHARACTERS}
# Any: any JSON value.
Metadata = Annotated[dict[str, Any], Meta(extra_json_schema={"propertyNames": _KEYS})]


def tag_key(tag: str) -> str:
    """Return the key of a tag. Tags that differ only in case, or in white space at their ends, have equal keys."""
    return name_key(tag.strip())


def tags_problem(tags: Sequence[str], first: int = 0) -> tuple[str, str] | None:
    """Return where these tags exceed a limit, such as `[3]`, and how, to follow the place in a sentence; or None.

    `first` is the index of the first of them.
    """
    if len(tags) > MAX_TAGS:
        return "", f"has {len(tags)} tags, and may have {MAX_TAGS}: leave some out"
    seen: set[str] = set()
    for index, tag in enumerate(tags, first):
        if not 1 <= len(tag) <= MAX_TAG_CHARACTERS:
            return f"[{index}]", f"must have 1 to {MAX_TAG_CHARACTERS} characters, and has {len(tag)}"
        key = tag_key(tag)
        if key in seen:
            return (
                f"[{index}]",
                "differs from an earlier one only in case or white space, if at all: leave one out",
            )
        seen.add(key)
    return None


def metadata_problem(metadata: Mapping[str, object]) -> str | None:
    """Return how metadata exceeds a limit, to follow the name of the field in a sentence; or None."""
    if problem := patch_problem(metadata, MAX_METADATA_BYTES):
        return problem
    for key in metadata:
        if not key:
            return f"has an empty key: a key has 1 to {MAX_KEY_CHARACTERS} characters"
        if len(key) > MAX_KEY_CHARACTERS:
            return f"has the key {quoted_key(key)} of {len(key)} characters, and a key has at most {MAX_KEY_CHARACTERS}"
    return None


def patch_problem(patch: Mapping[str, object], most_bytes: int = MAX_PATCH_BYTES) -> str | None:
    """Return the same of a merge patch, whose keys may be any: they may be there to be taken out."""
    try:
        size = _size(patch)  # before the walk, which takes long for a megabyte
        if size > most_bytes:
            return (
                f"takes {size:,} bytes as JSON, and may take {most_bytes:,}: keep large values in a file, and "
                "its path here"
            )
        check_value(patch)
    except RecursionError:
        return TOO_DEEP
    except Unkept as unkept:
        return str(unkept)
    except (TypeError, ValueError, OverflowError) as error:  # never from decoded JSON
        return f"can't be written as JSON ({error})"
    return None


def _size(value: object) -> int:
    """Return the size of a value as it is stored."""
    return len(msgspec.json.encode(value))


class _WorkspaceAsGiven(Struct, frozen=True):
    metadata: Raw | UnsetType = UNSET


class _ChangeAsGiven(Struct, frozen=True):
    save: _WorkspaceAsGiven | None = None


class _ParamsAsGiven(Struct, frozen=True):
    """The params of any method, as far as they hold metadata."""

    metadata: Raw | UnsetType = UNSET
    workspace: _WorkspaceAsGiven | None = None
    changes: tuple[_ChangeAsGiven, ...] = ()


def may_hold_metadata(params: type[Struct]) -> bool:
    """Return whether the params of a method may hold metadata: nearly none do."""
    return not set(_ParamsAsGiven.__struct_fields__).isdisjoint(params.__struct_fields__)


def metadata_texts(params: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the JSON text of each metadata in the valid params of a method.

    What is far too large is left out: it is refused as such.
    """
    if b'"metadata"' not in params and b"\\u" not in params:  # without decoding
        return
    given = msgspec.json.decode(params, type=_ParamsAsGiven)
    texts = [("metadata", given.metadata)]
    if given.workspace is not None:
        texts.append(("workspace.metadata", given.workspace.metadata))
    for index, change in enumerate(given.changes):
        if change.save is not None:
            texts.append((f"changes[{index}].save.metadata", change.save.metadata))
    for path, text in texts:
        if text is not UNSET and not _is_far_too_large(text):
            yield path, bytes(text)


def _is_far_too_large(text: Raw) -> bool:
    if len(bytes(text)) <= MAX_PATCH_BYTES:
        return False
    try:
        return _size(msgspec.json.decode(text)) > MAX_PATCH_BYTES
    except RecursionError:
        return False
