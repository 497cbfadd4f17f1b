"""The generator of the manual's pages, `docs/man/workspacectl.1` and `docs/man/workspaced.1`.

They say what `--help` says: `workspacectl`'s page is made of the table of commands, `workspaced`'s of its parser and of
its settings. `python client/man_pages.py` writes them. With `--check` it writes nothing, and exits with 1 if one is out
of date.

The markup is that of man(7) which groff and mandoc both know, in ASCII.
"""

import argparse
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, cast

from workspaced import arguments, exits
from workspaced.settings import model
from workspaced.settings import text as settings
from workspaced.settings.loading import ENV_PREFIX
from workspaced_client.cli import commands
from workspaced_client.cli.base import help_text
from workspaced_client.cli.base.reading import PROGRAM
from workspaced_client.cli.commands.row import Command, Family
from workspaced_client.cli.commands.shared import EXIT_CODES, GLOBAL_OPTIONS
from workspaced_protocol import __version__

TARGET: Final = Path(__file__).parent.parent / "docs" / "man"

# groff_char(7): these become something else in a page unless they are named.
_NAMED: Final = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}
_CODE: Final = re.compile(r"`([^`]+)`")

_LONGEST_LINE: Final = 80  # mandoc warns of longer ones

_FILES: Final = (
    (
        "~/.config/workspaced/config.toml",
        "The configuration file of the daemon; `workspaced config sample` prints one.",
    ),
    ("~/.local/share/workspaced/", "The data directory."),
    ("$XDG_RUNTIME_DIR/workspaced/workspaced.sock", "The socket."),
)
_PLATFORM: Final = (
    "These are the places on Linux; the variables of the XDG base directory specification move them. "
    "`workspaced config show` prints those in use."
)
_ENVIRONMENT: Final = (
    ("WORKSPACED_SOCKET", "The daemon's socket, as with --socket."),
    ("WORKSPACED_DATA_DIR", "The data directory of the daemon, for commands that look at it or start one."),
    ("WORKSPACED_AUTOSTART", "0 keeps commands from starting a daemon, as --no-autostart does."),
    ("COLUMNS", "The width of tables, if not that of the terminal."),
    ("NO_COLOR", "If it is set and not empty, nothing is coloured."),
)


def pages() -> dict[str, str]:
    """Return the text of each page by its file name."""
    return {"workspacectl.1": _page(_of_the_client()), "workspaced.1": _page(_of_the_daemon())}


def _page(lines: Iterable[str]) -> str:
    kept: list[str] = []
    for line in lines:
        if line != ".PP" or not kept[-1].startswith((".SH", ".SS")):  # these begin a paragraph already
            kept.append(line)
    return "\n".join(kept) + "\n"


def _of_the_client() -> Iterator[str]:
    yield from _head(PROGRAM, "manage workspaces through the daemon workspaced")
    yield from (".SH SYNOPSIS", _bold(PROGRAM), "[OPTIONS] COMMAND ...")
    yield from (".SH DESCRIPTION", _prose(help_text.SUMMARY))
    yield from _paragraphs(
        "A workspace has a name, a directory and a state; its projects are directories, bound or cloned. "
        f"`{PROGRAM} help COMMAND` shows what this page tells of one command."
    )
    yield ".SH OPTIONS"
    yield "These may stand before a command or behind it."
    yield from _definitions(map(help_text.line_of, GLOBAL_OPTIONS))
    group = ""
    for row in commands.ROWS:
        if row.group and row.group != group:
            group = row.group
            yield f".SH {_text(group.upper())}"
        yield from _of_family(row) if isinstance(row, Family) else _of_command(row)
    yield ".SH EXIT STATUS"
    yield from _definitions(
        (str(code), f"{meaning[:1].upper()}{meaning[1:]}.") for code, meaning in EXIT_CODES
    )
    yield from _paragraphs("With `--json`, an error is a JSON object on the last line of stderr.")
    yield ".SH ENVIRONMENT"
    yield from _definitions(_ENVIRONMENT)
    yield from _files()
    yield ".SH EXAMPLES"
    yield from _literal(f"{PROGRAM} {each}" for each in help_text.EXAMPLES)
    yield from (".SH SEE ALSO", r"\fBworkspaced\fR(1)")


def _of_family(row: Family) -> Iterator[str]:
    yield f".SS {_text(f'{row.name} COMMAND')}"
    yield from _paragraphs(row.summary, row.text)


def _of_command(row: Command) -> Iterator[str]:
    yield f".SS {_text(help_text.usage_of(row))}"
    aliases = f"Also called {' and '.join(f'`{each}`' for each in row.aliases)}." if row.aliases else ""
    yield from _paragraphs(row.summary, row.text, aliases)
    yield from _definitions((each.name, help_text.text_of(each)) for each in row.arguments)
    yield from _definitions(map(help_text.line_of, row.options))
    yield from (".PP", "Examples:" if len(row.examples) > 1 else "Example:")
    yield from _literal(f"{PROGRAM} {each}" for each in row.examples)


def _of_the_daemon() -> Iterator[str]:
    parser = arguments.parser()
    yield from _head(parser.prog, "keep workspaces and projects for all apps on the machine")
    yield from (".SH SYNOPSIS", _bold(parser.prog), "COMMAND [OPTIONS]")
    yield ".SH DESCRIPTION"
    yield from _paragraphs(
        parser.description or "",
        "Apps talk to it over a Unix socket, with JSON-RPC 2.0. An answered write is durable.",
        "SIGTERM and SIGINT stop it, after all queued writes. SIGHUP makes it read its settings again.",
    )
    yield ".SH COMMANDS"
    for each in _commands(parser):
        yield f".SS {_text(each.prog.removeprefix(f'{parser.prog} '))}"
        yield from _paragraphs(each.description or "")
        # Not the epilog: it names a file in the home of whoever makes the page.
        yield from _definitions(_options(each))
    yield ".SH SETTINGS"
    yield from _paragraphs(
        f"Each can be given in the configuration file, and in the environment: `{ENV_PREFIX}LOG_LEVEL` is `log_level`. "
        "An argument overrides the environment, and the environment overrides the file."
    )
    yield from _definitions((settings.as_toml(name), settings.described(name)) for name in model.FIELDS)
    yield ".SH EXIT STATUS"
    yield from _definitions(
        (str(code), f"{meaning[:1].upper()}{meaning[1:]}.") for code, meaning in exits.EXIT_CODES
    )
    yield from _files()
    yield from (".SH SEE ALSO", r"\fBworkspacectl\fR(1)")


def _commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parsers of the commands that run something, at any depth."""
    for action in parser._actions:  # noqa: SLF001 - argparse tells of a parser's commands nowhere else
        choices: object = action.choices  # a dict of parsers, or values of another kind
        if isinstance(choices, dict):
            for each in cast("dict[str, argparse.ArgumentParser]", choices).values():
                inner = list(_commands(each))
                yield from inner or [each]


def _options(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    for action in parser._actions:  # noqa: SLF001 - as above
        flags = ", ".join(action.option_strings)
        value = action.metavar or "|".join(map(str, action.choices or ()))
        yield f"{flags} {value}" if value else flags, f"{action.help}."


def _head(program: str, does: str) -> Iterator[str]:
    # Without a date, which would change where no text does.
    yield f'.TH {program.upper()} 1 "" "workspaced {__version__}" "User Commands"'
    yield '.\\" Made by client/man_pages.py of the texts of --help.'
    yield from (".SH NAME", rf"{program} \- {_text(does)}")


def _files() -> Iterator[str]:
    yield ".SH FILES"
    yield from _definitions(_FILES)
    yield from _paragraphs(_PLATFORM)


def _definitions(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, text in rows:
        yield from (".TP", _bold(name), _prose(text))


def _paragraphs(*texts: str) -> Iterator[str]:
    """Yield the paragraphs of texts; lines that are indented stay as they are, as in a help text."""
    for paragraph in "\n\n".join(filter(None, texts)).split("\n\n"):
        if paragraph.startswith(" "):
            yield from _literal(line.removeprefix("  ") for line in paragraph.split("\n"))
        else:
            yield from (".PP", _prose(paragraph))


def _literal(lines: Iterable[str]) -> Iterator[str]:
    yield from (".PP", ".RS 4", ".nf", *map(_line, lines), ".fi", ".RE")


def _prose(text: str) -> str:
    """Return a paragraph in lines of input that are not too long, code in bold."""
    pieces = _CODE.split(" ".join(text.split()))
    words = "".join(
        rf"\fB{_text(each)}\fR" if number % 2 else _text(each) for number, each in enumerate(pieces)
    ).split(" ")
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) > _LONGEST_LINE:
            lines.append(word)
        else:
            lines[-1] += f" {word}"
    return "\n".join(map(_guarded, lines))


def _bold(text: str) -> str:
    return rf"\fB{_text(text)}\fR"


def _line(text: str) -> str:
    return _guarded(_text(text))


def _guarded(line: str) -> str:
    """Return a line that is no request, whatever it begins with."""
    return rf"\&{line}" if line.startswith((".", "'")) else line


def _text(text: str) -> str:
    return "".join(_NAMED.get(each, each if each.isascii() else rf"\[u{ord(each):04X}]") for each in text)


def main(arguments: list[str]) -> int:
    """Write the pages, or compare them with `--check`. Return the exit code."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python client/man_pages.py [--check]\n")
        return 2
    for name, wanted in pages().items():
        target = TARGET / name
        if not arguments:
            target.parent.mkdir(exist_ok=True)
            target.write_text(wanted, "utf-8")
        elif not target.is_file() or target.read_text("utf-8") != wanted:
            sys.stderr.write(f"{target} is out of date: run python client/man_pages.py\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
