"""Workspaces by a part of their name."""

from __future__ import annotations

from workspaced_protocol.names import is_blank, name_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    Item = TypeVar("Item")


def partly_named(given: str, items: Sequence[Item], name_of: Callable[[Item], str]) -> list[Item]:
    """Return the items whose name begins with `given`, as names are compared; if there is none, those that hold it.

    A text that begins as an id is no part of a name, and neither is one that shows nothing.
    """
    wanted = name_key(given)
    if given.startswith("ws_") or is_blank(given):
        return []
    keys = [name_key(name_of(item)) for item in items]
    by_beginning = [item for item, key in zip(items, keys, strict=True) if key.startswith(wanted)]
    return by_beginning or [item for item, key in zip(items, keys, strict=True) if wanted in key]
