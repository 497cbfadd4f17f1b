"""Decoding of JSON with unknown members: they are left out, and their paths are returned.

A daemon reads files that a newer daemon may have written, and a client reads answers of a newer daemon.
Neither may fail because of an additional member, and the daemon must not lose one silently. Unknown members
are removed from the text before it is decoded.
"""

from typing import TypeVar

import msgspec
from msgspec import Raw, inspect

T = TypeVar("T")

_items = msgspec.json.Decoder(list[Raw]).decode
_members = msgspec.json.Decoder(dict[str, Raw]).decode


def decode(data: bytes | Raw, type_: type[T]) -> tuple[T, list[str]]:
    """Return the value in `data`, and the paths of its unknown members (usually none).

    Raises msgspec.DecodeError if `data` is not JSON, and its subclass ValidationError if the JSON does not
    match `type_`; that message ends with the path.
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
    """Return the paths of the members in `data` without a field in `type_`. Raises msgspec.DecodeError."""
    unknown: list[str] = []
    _known_text(bytes(data), inspect.type_info(type_), "", unknown)
    return unknown


def _known_text(text: bytes, info: inspect.Type, path: str, unknown: list[str]) -> bytes:
    """Return `text` without the members that `info` has no field for. Add their paths to `unknown`."""
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
