"""Reads JSON that may hold members this release does not know, and tells which they were.

A daemon reads files that a newer one may have written, a client answers of a newer daemon; neither
may fail for a member it could do without, and the daemon must not lose one silently. What is not
known is never decoded: it is left out of the text.
"""

from typing import TypeVar

import msgspec
from msgspec import Raw, inspect

T = TypeVar("T")

_items = msgspec.json.Decoder(list[Raw]).decode
_members = msgspec.json.Decoder(dict[str, Raw]).decode


def decode(data: bytes | Raw, type_: type[T]) -> tuple[T, list[str]]:
    """The value in `data`, and the paths of the members that were left out of it (mostly none).

    Raises msgspec.DecodeError for what is not JSON, and its subclass ValidationError for JSON of
    another shape; the message ends with the path.
    """
    try:
        bytes(data).decode()
        try:
            return msgspec.json.decode(data, type=type_), []
        except msgspec.ValidationError:
            unknown: list[str] = []
            known = _known_text(bytes(data), inspect.type_info(type_), "", unknown)
            return msgspec.json.decode(known, type=type_), unknown
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"not UTF-8 at byte {error.start}") from error
    except RecursionError as error:
        raise msgspec.DecodeError("nested too deeply") from error


def unknown_members(data: bytes | Raw, type_: type[object]) -> list[str]:
    """The paths of the members in `data` that `type_` has no field for. Raises msgspec.DecodeError."""
    unknown: list[str] = []
    _known_text(bytes(data), inspect.type_info(type_), "", unknown)
    return unknown


def _known_text(text: bytes, info: inspect.Type, path: str, unknown: list[str]) -> bytes:
    """`text` less the members that `info` has no field for; their paths are added to `unknown`."""
    start = text.lstrip()[:1]
    if isinstance(info, inspect.UnionType):
        structs = [option for option in info.types if isinstance(option, inspect.StructType)]
        return _known_text(text, structs[0], path, unknown) if structs and start == b"{" else text
    if isinstance(info, inspect.StructType) and start == b"{":
        fields = {field.encode_name: field.type for field in info.fields}
        members: list[bytes] = []
        for name, member in _members(text).items():
            member_path = f"{path}.{name}" if path else name
            if name in fields:
                known = _known_text(bytes(member), fields[name], member_path, unknown)
                members.append(msgspec.json.encode(name) + b":" + known)
            else:
                unknown.append(member_path)
        return b"{" + b",".join(members) + b"}"
    if isinstance(info, (inspect.ListType, inspect.VarTupleType)) and start == b"[":
        items = [
            _known_text(bytes(item), info.item_type, f"{path}[{index}]", unknown)
            for index, item in enumerate(_items(text))
        ]
        return b"[" + b",".join(items) + b"]"
    return text
