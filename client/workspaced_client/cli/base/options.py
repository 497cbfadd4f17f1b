"""The options of every command, given before its name or after it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from workspaced_client.cli.base.failures import Failure
from workspaced_client.cli.base.output import writing
from workspaced_protocol.json_limits import MAX_SAFE_INTEGER

DEFAULT_TIMEOUT_SECONDS: Final = 10.0

COPY_TIMEOUT_SECONDS: Final = 40.0
"""For commands that read or write a copy of the whole store: the daemon takes up to 30 s for it."""

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

_FLAGS: Final = frozenset({"--json", "--quiet", "-q", "--version"})
_WITH_VALUE: Final = ("--socket", "--timeout")


@dataclass(frozen=True)
class Options:
    """The values of these options; `socket` and `timeout_seconds` are None for the default ones."""

    socket: str | None = None
    timeout_seconds: float | None = None
    as_json: bool = False
    quiet: bool = False

    def patience_seconds(self, default: float = DEFAULT_TIMEOUT_SECONDS) -> float:
        """Return the time to wait for an answer: the user's choice, else `default`."""
        return default if self.timeout_seconds is None else self.timeout_seconds


def options_of(context: typer.Context) -> Options:
    """Return the options of this run."""
    options = context.find_root().obj
    if not isinstance(options, Options):
        raise TypeError("the app's callback sets the options, before any command runs")
    return options


def asks_for_json(arguments: Sequence[str]) -> bool:
    """Return whether errors are to be JSON, without parsing the arguments: they may be wrong."""
    return "--json" in _before_double_dash(arguments)


def parse_seconds(text: str) -> float:
    """Parse a time to wait, for typer."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:  # nor NaN
        raise typer.BadParameter(f"“{text}” is not a number of seconds above 0.")
    return seconds


def parse_whole_number(text: str) -> int:
    """Parse a revision or a count, for typer."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise typer.BadParameter(f"“{text}” is not a whole number from 0 on.")
    if number > MAX_SAFE_INTEGER:
        raise typer.BadParameter(f"“{text}” is above {MAX_SAFE_INTEGER}.")
    return number


def parse_count(text: str) -> int:
    """Parse a number of things to show, for typer."""
    number = parse_whole_number(text)
    if number == 0:
        raise typer.BadParameter("“0” is too few: give 1 or more.")
    return number


class PlainGroup(TyperGroup):
    """A group whose help fails like any other output if it can't be written."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # typer's context class is private
        """Parse the arguments; typer prints the help in the middle of this."""
        with writing():
            return super().parse_args(ctx, args)


class GlobalOptionsAnywhere(PlainGroup):
    """A group whose own options may also follow the command's name."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # as above
        """Move these options in front of the command, where typer expects them."""
        for parameter in self.params:  # not in __init__: typer adds these two later
            # `shell-init` also quotes names, and edits none of the user's files.
            if parameter.name in ("install_completion", "show_completion"):
                parameter.hidden = True  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue] - they are options
        try:
            return super().parse_args(ctx, global_options_first(args))
        except OSError as error:  # typer writes its completion file in here
            raise Failure(
                f"The completion could not be installed: {error.filename}: {error.strerror}.",
                hint="`workspacectl shell-init SHELL` prints it instead of writing a file.",
            ) from error


class PlainCommand(TyperCommand):
    """A command whose help shows arguments in the style of manual pages: `NAME [PATH]`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # typer's own types are private
        super().__init__(*arguments, **options)
        for parameter in self.params:
            # Before typer lays out the columns by the width of these texts.
            parameter.get_help_record = partial(_plain_record, parameter.get_help_record)  # type: ignore[method-assign]  # typer has no other way

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # as above
        """Parse the arguments; typer prints the help in the middle of this."""
        with writing():
            return super().parse_args(ctx, args)

    def get_help(self, ctx: Any) -> str:  # as above
        """Return typer's help without its braces around arguments."""
        return super().get_help(ctx).replace("{", "").replace("}", "")


def _plain_record(record: Callable[[Any], tuple[str, str] | None], ctx: Any) -> tuple[str, str] | None:
    """Return a parameter's name and help, without the braces and the type that typer adds to the name."""
    made = record(ctx)
    if made is None:
        return None
    name, text = made
    for surplus in (" <str>", " <int>", " <list[str]>", "{", "}"):
        name = name.replace(surplus, "")
    return name, text


def global_options_first(arguments: list[str]) -> list[str]:
    """Return the arguments with the options of every command first; all after `--` stays in place."""
    options: list[str] = []
    others: list[str] = []
    free = _before_double_dash(arguments)
    index = 0
    while index < len(free):
        argument = free[index]
        index += 1
        if argument in _WITH_VALUE:
            if index == len(free):
                return [argument]  # alone, so that typer reports the missing value
            options += [argument, free[index]]
            index += 1
        elif argument in _FLAGS or argument.startswith(tuple(f"{name}=" for name in _WITH_VALUE)):
            options.append(argument)
        else:
            others.append(argument)
    return options + others + arguments[len(free) :]


def _before_double_dash(arguments: Sequence[str]) -> Sequence[str]:
    return arguments[: arguments.index("--")] if "--" in arguments else arguments
