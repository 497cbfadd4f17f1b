"""A logged event as a line: for people, or as a JSON object. No line holds the secret of a URL, or a local variable."""

import json
import re
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from workspaced_protocol.url_secrets import blackener, in_all_texts

_EVENT_CHARACTERS: Final = 30  # short events are padded to it, so that the fields begin in one column
_LEVEL_CHARACTERS: Final = 9

# ECMA-48, SGR: what a terminal shows in colours.
_RESET, _BOLD, _DIM, _CYAN, _MAGENTA = "\033[0m", "\033[1m", "\033[2m", "\033[36m", "\033[35m"
_LEVEL_COLOURS: Final = {
    "debug": "\033[32m",
    "info": "\033[32m",
    "warning": "\033[33m",
    "error": "\033[31m",
    "critical": "\033[31m",
}

_NEEDS_QUOTES: Final = re.compile(r"""[\s='"]|\A\Z""")

_without_secrets: Final = blackener()


class Entry(NamedTuple):
    """An event to be logged, and its facts."""

    level: str
    event: str
    fields: Mapping[str, object]


def as_json(entry: Entry) -> str:
    """Return an entry as one JSON object. A value that JSON has no form for is shown as Python shows it."""
    shown = {**_shown(entry), "level": entry.level, "timestamp": _now()}
    return json.dumps(shown, default=repr)


def for_people(*, colours: bool) -> Callable[[Entry], str]:
    """Return the function that makes the line of an entry, which a traceback may follow."""

    def paint(text: str, *colour: str) -> str:
        return f"{''.join(colour)}{text}{_RESET}" if colours else text

    def line(entry: Entry) -> str:
        shown = _shown(entry)
        event = _text(str(shown.pop("event")))
        trace = shown.pop("exception", None)
        parts = [
            paint(_now(), _DIM),
            f"[{paint(entry.level.ljust(_LEVEL_CHARACTERS), _LEVEL_COLOURS[entry.level], _BOLD)}]",
            paint(event.ljust(_EVENT_CHARACTERS) if shown else event, _BOLD),
            *(f"{paint(name, _CYAN)}={paint(_value(value), _MAGENTA)}" for name, value in shown.items()),
        ]
        text = " ".join(parts)
        return text if trace is None else "\n".join([text, *map(_text, str(trace).split("\n"))])

    return line


def _shown(entry: Entry) -> dict[str, object]:
    """Return the event and its fields, without the secrets of URLs in any text, a traceback among them."""
    shown: dict[str, object] = {"event": entry.event, **entry.fields}
    error = shown.pop("exc_info", None)
    if isinstance(error, BaseException):
        shown["exception"] = "".join(traceback.format_exception(error)).rstrip("\n")
    return {name: in_all_texts(value, _without_secrets) for name, value in shown.items()}


def _now() -> str:
    return f"{datetime.now(UTC).replace(tzinfo=None).isoformat()}Z"


def _value(value: object) -> str:
    """Return a field's value so that a reader sees where it ends."""
    if isinstance(value, str) and not _NEEDS_QUOTES.search(value):
        return _text(value)
    return repr(value)


def _text(text: str) -> str:
    r"""Quote text with characters such as `\x1b`, which would act on a terminal: it may come from a client."""
    return text if text.isprintable() else repr(text)
