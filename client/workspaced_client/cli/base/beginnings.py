"""The texts that begin as a word does that was typed, in the form in which a shell takes them."""

from __future__ import annotations

from unicodedata import combining

from workspaced_client.cli.base.output import shown
from workspaced_protocol.names import name_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def beginning_with(incomplete: str, texts: Iterable[str]) -> list[str]:
    """Return the texts that begin with `incomplete`, as names are compared, and can be typed as an argument.

    One that begins with a dash would be taken for an option, except where the user has typed the dash.

    The shells compare letters and lengths. So where one text has its beginning in another form, such as “é” as two
    characters, all are returned with the beginning that the user typed.
    """
    ends = {
        text: end
        for text in texts
        if (end := _end_of_beginning(incomplete, text)) is not None
        and text == shown(text)
        and (incomplete or not text.startswith("-"))
    }
    if all(_have_one_form(incomplete, text[:end]) for text, end in ends.items()):
        return list(ends)
    return [incomplete + text[end:] for text, end in ends.items()]


def _end_of_beginning(incomplete: str, text: str) -> int | None:
    """Return the number of characters of the text that are `incomplete`, or None unless it begins so."""
    wanted = name_key(incomplete)
    for end in range(len(text) + 1):
        key = name_key(text[:end])
        if key == wanted and not (end < len(text) and combining(text[end])):
            return end
        if len(key) > len(wanted):
            return None
    return None


def _have_one_form(one: str, other: str) -> bool:
    return len(one) == len(other) and _byte_length(one) == _byte_length(other)


def _byte_length(text: str) -> int:
    return len(text.encode(errors="surrogateescape"))
