"""Which JSON values every program reads as they were written: limits of numbers and of depth, no key twice.

JSON itself has no limits (RFC 8259, sections 4, 6 and 9), but its readers have: an integer may come back rounded, the
first of two equal keys is lost, and a deep nesting ends a reader's stack.
"""

import json
import math
from collections.abc import Mapping
from typing import Any, Final, cast

MAX_SAFE_INTEGER: Final = 2**53 - 1
"""The largest integer that JavaScript, and so any JSON parser, represents exactly (RFC 8259, section 6)."""

MAX_DEPTH: Final = 64
"""The deepest nesting of objects and arrays, the outermost included: far below what any reader takes."""

TOO_DEEP: Final = f"is nested more than {MAX_DEPTH} deep: make it flatter"

_UNSAFE: Final = (
    f"holds an integer beyond {MAX_SAFE_INTEGER:,}, which some programs would round: make it a string"
)
_SAFE_DIGITS: Final = len(str(-MAX_SAFE_INTEGER))

_QUOTED_CHARACTERS: Final = 100


class Unkept(Exception):
    """A value that would not be kept as given; the message follows the name of the field in a sentence."""


def check_value(value: object, depth: int = 1) -> None:
    """Raise Unkept unless the value, which may come from code, is the same after it was written and read."""
    if value is None or isinstance(value, str | bool):
        return
    if isinstance(value, int):
        if abs(value) > MAX_SAFE_INTEGER:
            raise Unkept(_UNSAFE)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise Unkept(f"holds {value!r}, which is no JSON number")
    elif isinstance(value, Mapping | list | tuple):
        if depth > MAX_DEPTH:
            raise Unkept(TOO_DEEP)
        for member in _members(value):
            check_value(member, depth + 1)
    else:
        raise Unkept(f"holds a value of type {type(value).__name__}, which is no JSON value")


# Any: of any type by design.
def _members(container: Any) -> Any:
    if not isinstance(container, Mapping):
        return container
    mapping = cast("Mapping[object, object]", container)
    if any(not isinstance(key, str) for key in mapping):
        raise Unkept("holds a key that is no string")
    return mapping.values()


def check_text(text: bytes) -> None:
    """Raise Unkept if this valid JSON text has a key twice, or a number that would become another one."""
    try:
        json.loads(text, object_pairs_hook=_once, parse_float=check_number, parse_int=check_number)
    except RecursionError as error:
        raise Unkept(TOO_DEEP) from error


def _once(pairs: list[tuple[str, object]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise Unkept(f"has the key {quoted_key(key)} twice in one object: leave one out")
        seen.add(key)


def check_number(digits: str) -> None:
    """Raise Unkept if this JSON number would become another one."""
    if digits.lstrip("-").isdigit():
        if len(digits) > _SAFE_DIGITS or abs(int(digits)) > MAX_SAFE_INTEGER:
            raise Unkept(_UNSAFE)
        return
    value = float(digits)
    if math.isinf(value) or (value == 0 and digits.lower().partition("e")[0].strip("-0.")):
        shown = digits if len(digits) <= _QUOTED_CHARACTERS else f"{digits[: _QUOTED_CHARACTERS - 1]}…"
        raise Unkept(f"holds {shown}, which no number of 64 bits stands for: make it a string")


def quoted_key(key: str) -> str:
    """Return a key in quotation marks, cut if nobody would read all of it."""
    return f"“{key}”" if len(key) <= _QUOTED_CHARACTERS else f"“{key[: _QUOTED_CHARACTERS - 1]}…”"
