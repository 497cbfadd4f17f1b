"""Which JSON values come back as they were written: limits of numbers and of depth, no key twice.

JSON itself has no limits (RFC 8259, sections 4, 6 and 9), but its readers have: a number may come back rounded, the
first of two equal keys is lost, and a deep nesting ends a reader's stack.
"""

import math
from collections.abc import Iterable
from typing import Any, Final, cast

from workspaced_protocol.urls import told

MAX_SAFE_INTEGER: Final = 2**53 - 1
"""The largest integer that JavaScript, and so any JSON parser, represents exactly (RFC 8259, section 6)."""

MAX_DEPTH: Final = 64
"""The deepest nesting of objects and arrays, the outermost included: far below what any reader takes."""

TOO_DEEP: Final = f"is nested more than {MAX_DEPTH} deep: make it flatter"

LEAST_INTEGER: Final = -(2**63)
GREATEST_INTEGER: Final = 2**64 - 1
"""The integers that are kept exactly. JavaScript rounds those beyond `MAX_SAFE_INTEGER`."""

_TOO_LARGE: Final = "holds an integer of more than 64 bits, which most programs would round: make it a string"
_MAX_DIGITS: Final = len(str(GREATEST_INTEGER))

_HARMLESS: Final = frozenset({str, bool, type(None)})
_QUOTED_CHARACTERS: Final = 100


class Unkept(Exception):
    """A value that would not be kept as given; the message follows the name of the field in a sentence."""


def check_value(value: object) -> None:
    """Raise Unkept unless the value, which may come from code, is the same after it was written and read."""
    depth, level = 0, [value]
    while level:
        inner: list[object] = []
        for each in level:
            if type(each) in _HARMLESS:
                continue
            if isinstance(each, int):
                if not LEAST_INTEGER <= each <= GREATEST_INTEGER:
                    raise Unkept(_TOO_LARGE)
            elif isinstance(each, float):
                if not math.isfinite(each):
                    raise Unkept(f"holds {each!r}, which is no JSON number")
            elif depth == MAX_DEPTH:
                raise Unkept(TOO_DEEP)
            else:
                inner += _members(each)
        depth, level = depth + 1, inner


# Any: of any type by design.
def _members(value: Any) -> Iterable[Any]:
    """Return what is in a dict, a list or a tuple."""
    if isinstance(value, dict):
        mapping = cast("dict[object, object]", value)
        if not all(isinstance(key, str) for key in mapping):
            raise Unkept("holds a key that is no string")
        return mapping.values()
    if isinstance(value, list | tuple):
        return cast("list[object]", value)
    raise Unkept(f"holds a value of type {type(value).__name__}, which is no JSON value")


def is_too_deep(value: object) -> bool:
    """Return whether the value, which was read from JSON, is nested deeper than every reader takes."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for each in level if isinstance(each, dict | list) for inner in _members(each)]
    return any(isinstance(each, dict | list) for each in level)


def check_text(text: bytes) -> None:
    """Raise Unkept if this valid JSON text has a key twice, or a number that would become another one."""
    import json  # here, because the start of a client does not need it: it takes a tenth of that

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
        if len(digits) > _MAX_DIGITS or not LEAST_INTEGER <= int(digits) <= GREATEST_INTEGER:
            raise Unkept(_TOO_LARGE)
        return
    value = float(digits)
    if math.isinf(value) or (value == 0 and digits.lower().partition("e")[0].strip("-0.")):
        shown = told(digits, _QUOTED_CHARACTERS)
        raise Unkept(f"holds {shown}, which no number of 64 bits stands for: make it a string")


def quoted_key(key: str) -> str:
    """Return a key in quotation marks, cut as `told` cuts it."""
    return f"“{told(key, _QUOTED_CHARACTERS)}”"
