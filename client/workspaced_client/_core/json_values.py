"""Params as plain JSON values, or an error that names the one that is none.

msgspec alone writes more than JSON values, and differently: NaN as null, bytes as base64, a UUID or a date as
text. So a guard could go out as no guard, and bytes as another name. And it refuses subclasses of str.

The strategy:
- A JSON value goes out as it is: None, a bool, a str, a finite float, an int of 64 bits, and dicts, lists,
  tuples and models of them. A bool is sent as one: where an int is expected, the daemon refuses it.
- An instance of a subclass goes out as the value that it is, and an integer of another library (`__index__`)
  as that int.
- Everything else raises Unsendable before anything is sent.
"""

import math
import operator
import os
from collections.abc import Iterable
from typing import Any, Final

from msgspec import structs

from workspaced_client._core.local_errors import Unsendable
from workspaced_protocol.models import Model
from workspaced_protocol.params import Params

_LEAST_INT: Final = -(2**63)
_GREATEST_INT: Final = 2**64 - 1
_CONTAINERS: Final = (dict, list, tuple, Model)


class _NotJson(Exception):
    """A value without a JSON form; each container on the way out adds a step to its path."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.steps: list[str] = []

    @property
    def path(self) -> str:
        return "".join(reversed(self.steps)).removeprefix(".")


def plain_method(method: object) -> str:
    """Return the name of a method as a plain str. Raises TypeError or Unsendable."""
    if not isinstance(method, str):
        raise TypeError(f"The method must be a string such as 'workspace.create', not {_type_of(method)}.")
    try:
        return str(_plain(method))
    except _NotJson as error:
        raise Unsendable(repr(method), f"the method's name {error.problem}") from error.__cause__


def plain_params(method: str, params: object) -> Any:
    """Return the params with plain values alone: an equal dict, or a struct of the same type.

    Raises Unsendable, which names the wrong param and its type.
    """
    if not issubclass(type(params), (dict, Params)):
        raise Unsendable(method, f"its params are of type {_type_of(params)}, and must be a dict")
    try:
        return _plain(params)
    except _NotJson as error:
        place = f"`{error.path}`" if error.path else "its params"
        raise Unsendable(method, f"{place} {error.problem}") from error.__cause__
    except RecursionError as error:
        raise Unsendable(method, "its params are nested too deeply, or contain themselves") from error


def path_value(path: str | os.PathLike[str]) -> str:
    """Return the text of a path; anything else as it is, for `plain_params` or the daemon to refuse."""
    return os.fspath(path) if isinstance(path, os.PathLike) else path


def tags_value(tags: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return tags in any iterable as a tuple; anything else, such as one str, as it is, for the daemon to refuse."""
    return tags if isinstance(tags, str) or not isinstance(tags, Iterable) else tuple(tags)  # type: ignore[return-value]


def _plain(value: Any) -> Any:
    if value is None or value is True or value is False:
        return value
    kind = _type(value)
    if issubclass(kind, str):
        return _plain_text(value if kind is str else str.__str__(value))
    if issubclass(kind, int):
        return _plain_int(value if kind is int else int.__index__(value))
    if issubclass(kind, float):
        return _plain_float(value if kind is float else float.__float__(value))
    if issubclass(kind, _CONTAINERS):
        return _plain_container(value)
    try:
        return _plain_int(operator.index(value))
    except TypeError:
        raise _NotJson(f"is of type {_type_of(value)}, which is no JSON value") from None


def _type(value: object) -> type:
    # By the annotation, the type checkers do not know it as the type of an Any, about which they differ.
    return type(value)


def _plain_container(value: Any) -> Any:
    """Return a copy with plain values alone; a tuple or a model that has no others needs none."""
    kind = _type(value)
    step: str | int = ""
    try:
        if issubclass(kind, dict):
            members: dict[str, Any] = {}
            for key, member in value.items():
                step = ""
                step = _plain_key(key, members)
                members[step] = _plain(member)
            return members
        if issubclass(kind, Model):
            changed: dict[str, Any] = {}
            for field, name in zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True):
                step = name
                member = getattr(value, field)
                plain = _plain(member)
                if plain is not member:
                    changed[field] = plain
            return structs.replace(value, **changed) if changed else value
        items: list[Any] = []
        for index, item in enumerate(value):
            step = index
            items.append(_plain(item))
    except _NotJson as error:
        error.steps.append(f"[{step}]" if isinstance(step, int) else f".{step}" if step else "")
        raise
    return value if kind is tuple and all(map(operator.is_, items, value)) else items


def _plain_text(text: str) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            problem = f"is a str with half of a surrogate pair at index {error.start}, which is no character"
            raise _NotJson(problem) from error
    return text


def _plain_int(number: int) -> int:
    if not _LEAST_INT <= number <= _GREATEST_INT:
        raise _NotJson("is an int of more than 64 bits")
    return number


def _plain_float(number: float) -> float:
    if not math.isfinite(number):
        raise _NotJson(f"is the float {number!r}, which is no JSON number")
    return number


def _plain_key(key: object, members: dict[str, Any]) -> str:
    if not isinstance(key, str):
        raise _NotJson(f"has a key of type {_type_of(key)}; the keys of a JSON object are strings")
    name = _plain_text(str.__str__(key))
    if name in members:
        raise _NotJson(f"has two keys {name!r}")
    return name


def _type_of(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
