"""Reads JSON that may hold members this release does not know, and tells which they were.

A daemon reads files that a newer one may have written, a client answers of a newer daemon; neither
may fail for a member it could do without, and the daemon must not lose one silently.
"""

from typing import TypeVar, cast

import msgspec
from msgspec import inspect

T = TypeVar("T")


def decode(data: bytes | msgspec.Raw, type_: type[T]) -> tuple[T, list[str]]:
    """The value in `data`, and the paths of the members that were left out of it (mostly none).

    Raises msgspec.DecodeError for what is not JSON, and its subclass ValidationError for JSON of
    another shape; the message ends with the path.
    """
    try:
        return msgspec.json.decode(data, type=type_), []
    except msgspec.ValidationError:
        plain = msgspec.json.decode(data)
        unknown: list[str] = []
        known = _without_unknown(plain, inspect.type_info(type_), "", unknown)
        return msgspec.convert(known, type_), unknown


def _without_unknown(value: object, info: inspect.Type, path: str, unknown: list[str]) -> object:
    """`value` less the members that `info` has no field for; their paths are added to `unknown`."""
    if isinstance(info, inspect.UnionType):
        for option in info.types:
            if isinstance(option, inspect.StructType) and isinstance(value, dict):
                return _without_unknown(cast("object", value), option, path, unknown)
        return value
    if isinstance(info, inspect.StructType) and isinstance(value, dict):
        fields = {field.encode_name: field.type for field in info.fields}
        known: dict[str, object] = {}
        # Decoded from JSON, so its names are strings; isinstance can't tell.
        for name, member in cast("dict[str, object]", value).items():
            member_path = f"{path}.{name}" if path else name
            if name in fields:
                known[name] = _without_unknown(member, fields[name], member_path, unknown)
            else:
                unknown.append(member_path)
        return known
    if isinstance(info, (inspect.ListType, inspect.VarTupleType)) and isinstance(value, list):
        return [
            _without_unknown(item, info.item_type, f"{path}[{index}]", unknown)
            for index, item in enumerate(cast("list[object]", value))
        ]
    return value
