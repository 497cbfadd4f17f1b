"""The output for the user: text and JSON on stdout, notes on stderr.

Names and paths come from other programs and may hold control characters: `shown` makes them harmless before they
reach a terminal.
"""

from __future__ import annotations

import errno
import os
import sys

TYPE_CHECKING = False  # every run loads this: what few runs need is loaded by them
if TYPE_CHECKING:
    from typing import Final

_MOST_CHARACTERS: Final = 4096  # as long as a path may be
_MOST_NAME_CHARACTERS: Final = 200


class OutputClosed(Exception):
    """The reader of stdout is gone."""


class OutputFailed(Exception):
    """Stdout takes no more output; the message is a sentence for a person."""


def shown(text: str, most: int = _MOST_CHARACTERS) -> str:
    r"""Return `text` on one line, with an escape such as `\x1b` or `\n` for each character that acts or hides.

    At most `most` characters of it are shown.
    """
    if len(text) > most:
        text = f"{text[: most - 1]}…"
    if text.isascii() and text.isprintable():
        return text
    from workspaced_client.cli.base.escapes import escaped  # as it says at the top

    return escaped(text)


def shown_name(name: str) -> str:
    """Return a name in the same way: the protocol admits names of a megabyte, which nobody reads."""
    return shown(name, _MOST_NAME_CHARACTERS)


def shown_path(path: str, machine: str | None = None) -> str:
    """Return a path for stdout in the same way; on a terminal, a tilde stands for the user's home directory.

    `machine` is that of the path, if it is another one: `devbox:~/code`.
    """
    return _on(machine, shown(_from_home(path) if on_terminal() else path))


def told_path(path: str, machine: str | None = None) -> str:
    """Return a path for stderr in the same way."""
    return _on(machine, shown(_from_home(path) if errors_on_terminal() else path))


def _on(machine: str | None, path: str) -> str:
    return path if machine is None else f"{machine}:{path}"


def shown_sentence(sentence: str) -> str:
    """Return a sentence for stdout in the same way, and so the paths in it."""
    return with_tildes(shown(sentence)) if on_terminal() else shown(sentence)


def _from_home(path: str) -> str:
    home = _home()
    return f"~{path[len(home) :]}" if home and (path == home or path.startswith(f"{home}/")) else path


def with_tildes(sentence: str) -> str:
    """Return a sentence with a tilde for the home directory in each of its paths."""
    home = _home()
    if home not in sentence:
        return sentence
    import re  # slow to load, as it says at the top

    # Where a path begins, and within no quotes of a shell: a tilde means itself there.
    return re.sub(rf"(?<![^\s“(]){re.escape(home)}(?=[/\s”).,:;]|$)", "~", sentence) if home else sentence


def _home() -> str:
    """Return the home directory, or an empty text if there is none or it is the root directory."""
    home = os.path.expanduser("~").rstrip("/")
    return home if home.startswith("/") else ""


def emit(text: str) -> None:
    """Write one or more lines to stdout. Raise OutputClosed or OutputFailed."""
    _write(text + "\n")


def emit_path(path: str) -> None:
    """Write a path for scripts: unchanged into a pipe or a file, harmless on a terminal."""
    emit(shown(path) if on_terminal() else path)


def emit_raw(text: str) -> None:
    """Write text for scripts: unchanged into a pipe or a file, harmless on a terminal, but for its tabs and line ends."""
    if on_terminal():
        text = "\n".join("\t".join(map(shown, line.split("\t"))) for line in text.split("\n"))
    _write(text)


def emit_json(value: object) -> None:
    """Write one JSON document to stdout; models have the shape of the protocol."""
    import json

    # ASCII only: harmless on a terminal, and possible in every encoding of stdout.
    _write(json.dumps(value, indent=2, default=_builtins_of) + "\n")


def _builtins_of(model: object) -> object:
    import msgspec

    return msgspec.to_builtins(model)


def _write(text: str) -> None:
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison] - None after `>&-`
        return
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        # The rest of the buffer would fail again, with a traceback, at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:
            raise OutputClosed from error
        raise OutputFailed(f"The output could not be written: {error.strerror}.") from error


def tell(text: str) -> None:
    """Write a line to stderr."""
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except (OSError, AttributeError):
        pass  # with stderr closed there is no place left for an error


def on_terminal() -> bool:
    """Return whether stdout is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()  # pyright: ignore[reportUnnecessaryComparison] - as above


def errors_on_terminal() -> bool:
    """Return whether stderr is a terminal that can redraw a line."""
    return (
        sys.stderr is not None  # pyright: ignore[reportUnnecessaryComparison] - as above
        and sys.stderr.isatty()
        and os.environ.get("TERM") != "dumb"
    )


def colours_wanted() -> bool:
    """Return whether to colour: on a capable terminal, unless NO_COLOR is set (https://no-color.org)."""
    return on_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


_COLOURS: Final = {"red": 31, "green": 32, "yellow": 33}
_BOLD: Final = 1


def coloured(text: str, colour: str) -> str:
    """Return `text` in a colour of the terminal, if colours are wanted: red, green, yellow, or none if it is empty."""
    return _styled(text, _COLOURS[colour]) if colour and colours_wanted() else text


def bold(text: str) -> str:
    """Return `text` in bold type, if colours are wanted."""
    return _styled(text, _BOLD) if colours_wanted() else text


def _styled(text: str, style: int) -> str:
    return f"\x1b[{style}m{text}\x1b[0m"  # ECMA-48, 8.3.117


def count(number: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun: `1 session`, `2 sessions`; `plural` is for words that take more than an s."""
    return f"{number} {singular}" if number == 1 else f"{number} {plural or f'{singular}s'}"
