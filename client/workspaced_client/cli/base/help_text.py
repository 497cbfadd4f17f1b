"""The help of all commands, of a family of them, and of one: its texts are those of the table."""

from __future__ import annotations

from workspaced_client.cli import commands
from workspaced_client.cli.base.reading import PROGRAM
from workspaced_client.cli.base.screen import columns_of_terminal
from workspaced_client.cli.commands.row import Argument, Command, Family, Option
from workspaced_client.cli.commands.shared import EXIT_CODES, GLOBAL_OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Final

SUMMARY: Final = "Manage your workspaces through the daemon workspaced."
EXAMPLES: Final = ("create shop ~/src/shop", "list --sort recent", "help create")

_WIDEST: Final = 80  # longer lines read badly
_NARROWEST: Final = 40
_LONGEST_NAME: Final = 26  # the text of one that is longer begins below it


def help_of(row: Command | Family | None) -> str:
    """Return the help of a command or a family, or of the whole program, as wide as the terminal."""
    width = min(max(columns_of_terminal(), _NARROWEST), _WIDEST)
    if isinstance(row, Command):
        return "\n".join(_of_command(row, width))
    return "\n".join(_of_program(width) if row is None else _of_family(row, width))


def _of_program(width: int) -> list[str]:
    groups: dict[str, list[tuple[str, str]]] = {}
    for row in commands.top_level():
        groups.setdefault(row.group, []).append((row.name, row.summary))
    column = max(len(row.name) for row in commands.top_level()) + 4
    lines = [
        *_usage(f"{PROGRAM} [OPTIONS] COMMAND …", width),
        "",
        SUMMARY,
    ]
    for group, listed in groups.items():
        lines += _section(group, listed, width, column)
    lines += _section("Options, before a command or behind it", map(line_of, GLOBAL_OPTIONS), width)
    lines += _examples(EXAMPLES)
    codes = "; ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES)
    ending = f"With --json, an error is a JSON object on the last line of stderr. Exit codes: {codes}."
    return [*lines, "", *_wrapped(ending, width)]


def _of_family(row: Family, width: int) -> list[str]:
    lines = [*_usage(f"{PROGRAM} {row.name} COMMAND …", width), "", *_wrapped(row.summary, width)]
    if row.text:
        lines += ["", *_wrapped(row.text, width)]
    members = commands.members(row)
    lines += _section("Commands", ((each.name.partition(" ")[2], each.summary) for each in members), width)
    lines += _examples([each.examples[0] for each in members[:2]])
    return [*lines, "", *_wrapped(f"`{PROGRAM} help {row.name} COMMAND` shows the help of one.", width)]


def _of_command(row: Command, width: int) -> list[str]:
    lines = [*_usage(f"{PROGRAM} {usage_of(row)}", width), "", *_wrapped(row.summary, width)]
    if row.text:
        lines += ["", *_wrapped(row.text, width)]
    if row.aliases:
        lines += ["", *_wrapped(f"Also called {' and '.join(f'`{each}`' for each in row.aliases)}.", width)]
    if row.arguments:
        lines += _section("Arguments", ((each.name, text_of(each)) for each in row.arguments), width)
    if row.options:
        lines += _section("Options", map(line_of, row.options), width)
    lines += _examples(row.examples)
    also = f"Also takes --socket, --timeout, --json and --quiet: see {PROGRAM} --help."
    return [*lines, "", *_wrapped(also, width)]


def _usage(text: str, width: int) -> list[str]:
    return _wrapped(f"Usage: {text}", width, "       ")


def usage_of(row: Command) -> str:
    """Return how to type a command, without the program's name."""
    options = " [OPTIONS]" if row.options else ""
    return f"{row.name}{options}" + "".join(f" {_in_usage(each)}" for each in row.arguments)


def _in_usage(argument: Argument) -> str:
    if argument.takes_all:
        return f"-- {argument.name}…"
    name = f"{argument.name}…" if argument.many else argument.name
    return f"[{name}]" if argument.optional else name


def line_of(option: Option) -> tuple[str, str]:
    """Return an option with its value, the short form first, and its text."""
    flags = ", ".join(sorted(option.flags, key=len))
    return f"{flags} {option.value}" if option.value else flags, text_of(option)


def text_of(place: Argument | Option) -> str:
    """Return the text of an argument or an option, with its default."""
    return f"{place.help}  [default: {place.default}]" if place.default else place.help


def _section(title: str, listed: Iterable[tuple[str, str]], width: int, column: int = 0) -> list[str]:
    """Return a title, and a line for each name with its text beside it, from `column` on."""
    rows = list(listed)
    longest = min(_LONGEST_NAME, width // 3)
    column = column or max((len(name) for name, _ in rows if len(name) <= longest), default=0) + 4
    lines = ["", f"{title}:"]
    for name, text in rows:
        if len(name) + 4 > column:
            lines.append(f"  {name}")
            name = ""
        beside = _wrapped(text, width - column)
        lines.append(f"  {name}".ljust(column) + beside[0])
        lines += [" " * column + line for line in beside[1:]]
    return lines


def _examples(examples: Sequence[str]) -> list[str]:
    return [
        "",
        "Examples:" if len(examples) > 1 else "Example:",
        *(f"  {PROGRAM} {each}" for each in examples),
    ]


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Return the text in lines of this width. Its indented lines stay as they are, and so do its empty ones."""
    lines: list[str] = []
    for paragraph in text.split("\n\n"):
        if lines:
            lines.append("")
        if paragraph.startswith(" "):
            lines += paragraph.split("\n")
            continue
        line = ""
        for word in paragraph.split():
            if line and len(line) + 1 + len(word) > width:
                lines.append(line)
                line = indent + word
            else:
                line = f"{line} {word}" if line else word
        lines.append(line)
    return lines
