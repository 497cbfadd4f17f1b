"""What reaches the user: text and JSON on stdout, notes on stderr.

Names and paths come from other programs, so no text is sent to a terminal as it is: `shown` makes it
harmless.
"""

import errno
import json
import os
import sys
import unicodedata
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Final

import msgspec
import typer

# Control, format (such as those that turn the direction of text), lone surrogates, line separators.
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS: Final = "\u200c\u200d"  # part of words in Persian, and of emoji


class OutputClosed(Exception):
    """Nobody reads stdout any more."""


class OutputFailed(Exception):
    """What stdout leads to takes no more; the message is a sentence for a person."""


def shown(text: str) -> str:
    r"""`text` on one line, with what a terminal would act on as an escape, such as `\x1b` or `\n`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in _HIDDEN and character not in _JOINERS
        else character
        for character in text
    )


def emit(text: str) -> None:
    """Writes a line, or several, to stdout. Raises OutputClosed or OutputFailed."""
    _write(text + "\n")


def emit_path(path: str) -> None:
    """Writes a path, for use in scripts: into a pipe or a file as it is."""
    emit(shown(path) if on_terminal() else path)


def preview(text: str, *, apart: bool) -> None:
    """Shows what is going to be asked about; `apart` from a stdout that shall hold nothing of it."""
    if apart:
        tell(text)
    else:
        emit(text)


def emit_json(value: object) -> None:
    """Writes one JSON document to stdout: models in their shapes on the wire."""
    # ASCII alone: no terminal acts on it, and every encoding of stdout holds it.
    _write(json.dumps(msgspec.to_builtins(value), indent=2) + "\n")


def _write(text: str) -> None:
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison] - so it is after `>&-`
        return
    with writing():
        sys.stdout.write(text)
        sys.stdout.flush()


@contextmanager
def writing() -> Generator[None]:
    """For a block that writes to stdout. Raises OutputClosed or OutputFailed, or an OSError of a file as it is."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        # What is left in the buffer would fail again, loudly, at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:
            raise OutputClosed from error
        raise OutputFailed(f"The output could not be written: {error.strerror}.") from error


def tell(text: str) -> None:
    """Writes a line to stderr."""
    # There is nobody left to tell that stderr is closed.
    with suppress(OSError, AttributeError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def on_terminal() -> bool:
    """Whether a person reads stdout."""
    return sys.stdout is not None and sys.stdout.isatty()  # pyright: ignore[reportUnnecessaryComparison] - as above


def errors_on_terminal() -> bool:
    """Whether a person reads stderr, on a terminal where a line can be drawn anew."""
    return (
        sys.stderr is not None  # pyright: ignore[reportUnnecessaryComparison] - as above
        and sys.stderr.isatty()
        and os.environ.get("TERM") != "dumb"
    )


def colours_wanted() -> bool:
    """Whether to colour: on a terminal that can, unless NO_COLOR is set (https://no-color.org)."""
    return on_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def coloured(text: str, colour: str) -> str:
    """`text` in a colour of the terminal, where colours are wanted."""
    return typer.style(text, fg=colour) if colours_wanted() else text


def count(number: int, singular: str, plural: str = "") -> str:
    """`1 session`, `2 sessions`; `plural` is for words that take more than an s."""
    return f"{number} {singular}" if number == 1 else f"{number} {plural or f'{singular}s'}"
