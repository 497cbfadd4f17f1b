"""Params as plain JSON values, or an error that names the one that is none.

msgspec alone writes more than JSON values, and differently: NaN as null, bytes as base64, a UUID or a date as
text. So a guard could go out as no guard, and bytes as another name. And it refuses subclasses of str.

The strategy:
- A JSON value goes out as it is: None, a bool, a str, a finite float, an int of 64 bits, and dicts, lists,
  tuples and models of them. A bool is sent as one: where an int is expected, the daemon refuses it.
- An instance of a subclass goes out as the value that it is, and an integer of another library (`numbers.Integral`,
  such as numpy.int64) as that int. An array of one number is none, though it has `__index__`.
- Everything else raises Unsendable before anything is sent; so does a value whose own code raises. Beside such code
  no exception is caught: a signal handler may raise any at any moment, and it goes to the app.
"""

import math
import operator
import os
from collections.abc import Callable, Iterable
from numbers import Integral
from typing import Any, Final, cast

from msgspec import structs

from workspaced_client._core.local_errors import Unsendable
from workspaced_protocol.json_limits import GREATEST_INTEGER, LEAST_INTEGER
from workspaced_protocol.models import Model
from workspaced_protocol.params import Params

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
        raise TypeError(f"The method must be a string such as 'workspace.create', not {type_of(method)}.")
    try:
        return str(_plain(method))
    except _NotJson as error:
        raise Unsendable(str.__repr__(method), f"the method's name {error.problem}") from error.__cause__


def plain_params(method: str, params: object) -> Any:
    """Return the params with plain values alone: an equal dict, or a struct of the same type.

    Raises Unsendable, which names the wrong param and its type.
    """
    if not issubclass(type(params), (dict, Params)):
        raise Unsendable(method, f"its params are of type {type_of(params)}, and must be a dict")
    try:
        return _plain(params)
    except _NotJson as error:
        place = f"`{error.path}`" if error.path else "the dict of its params"
        raise Unsendable(method, f"{place} {error.problem}") from error.__cause__
    except RecursionError as error:
        raise Unsendable(method, "its params are nested too deeply, or contain themselves") from error


def path_value(path: str | os.PathLike[str]) -> str:
    """Return the text of a path; anything else as it is, for `plain_params` or the daemon to refuse."""
    if not isinstance(path, os.PathLike):
        return path
    from pathlib import PurePath  # loaded for the path of the socket anyway

    if isinstance(path, PurePath):
        return os.fspath(path)
    try:
        return os.fspath(path)
    except Exception:  # noqa: BLE001 - its own code may raise anything
        return cast("str", path)


def items_value(items: Any, each: Callable[[Any], object] = lambda item: item) -> Any:
    """Return a tuple with the value of each item; a text, or what has no items, as it is, likewise."""
    if issubclass(_type(items), (str, bytes)) or not issubclass(_type(items), Iterable):
        return items
    if _type(items) in _CONTAINERS:
        return tuple(each(item) for item in items)
    try:
        return tuple(each(item) for item in items)
    except Exception:  # noqa: BLE001 - as above
        return items


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
    if not issubclass(kind, Integral):
        raise _NotJson(f"is of type {type_of(value)}, which is no JSON value")
    try:
        number = operator.index(value)
    except Exception as error:
        raise _NotJson(f"is of type {type_of(value)}, whose __index__ raised {type_of(error)}") from error
    return _plain_int(number)


def _type(value: object) -> type:
    # By the annotation, the type checkers do not know it as the type of an Any, about which they differ.
    return type(value)


def _plain_container(value: Any) -> Any:
    """Return a copy with plain values alone; a tuple or a model that has no others needs none."""
    kind = _type(value)
    step: object = ""
    plain: dict[Any, Any] = {}
    unchanged = True
    try:
        for key, member in _members(value):
            step = ""
            step = _plain_key(key, plain) if issubclass(kind, dict) else key
            plain[step] = _plain(member)
            unchanged = unchanged and plain[step] is member
    except _NotJson as error:
        error.steps.append(f"[{step}]" if isinstance(step, int) else f".{step}" if step else "")
        raise
    if issubclass(kind, dict):
        return plain
    if issubclass(kind, Model):
        names = zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
        return value if unchanged else structs.replace(value, **{field: plain[name] for field, name in names})
    return value if kind is tuple and unchanged else list(plain.values())


def _members(value: Any) -> list[tuple[Any, Any]]:
    """Return the keys, the wire's names or the indexes of a container, each with its member."""
    kind = _type(value)
    if issubclass(kind, Model):
        names = zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True)
        return [(name, getattr(value, field)) for name, field in names]
    if kind in _CONTAINERS:
        return [*value.items()] if kind is dict else [*enumerate(value)]
    try:
        if issubclass(kind, dict):
            return [(key, member) for key, member in value.items()]
        return [*enumerate(value)]
    except RecursionError:
        raise
    except Exception as error:
        # Without the words of the error: these come from code that may fail, too.
        raise _NotJson(f"can't be read: its own code ({type_of(value)}) raised {type_of(error)}") from error


def _plain_text(text: str) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise _NotJson(f"is a str with {_half_a_character(error)}") from error
    return text


def _plain_int(number: int) -> int:
    if not LEAST_INTEGER <= number <= GREATEST_INTEGER:
        raise _NotJson("is an int of more than 64 bits")
    return number


def _plain_float(number: float) -> float:
    if not math.isfinite(number):
        raise _NotJson(f"is the float {number!r}, which is no JSON number")
    return number


def _plain_key(key: Any, members: dict[str, Any]) -> str:
    if not issubclass(_type(key), str):
        raise _NotJson(f"has a key of type {type_of(key)}; the keys of a JSON object are strings")
    name = str.__str__(key)
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise _NotJson(f"has a key with {_half_a_character(error)}") from error
    if name in members:
        raise _NotJson(f"has two keys {name!r}")
    return name


def _half_a_character(error: UnicodeEncodeError) -> str:
    return f"half of a surrogate pair at index {error.start}, which is no character"


def type_of(value: object) -> str:
    """Return the name of a value's type as users know it, such as `numpy.int64`."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
