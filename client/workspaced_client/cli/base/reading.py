"""The words of a command line, read by the table of commands; Tab reads the words so far in the same way.

Not argparse: it can't read an unfinished line, its errors are not sentences, and it takes as long to load as Python
takes to start.
"""

from __future__ import annotations

from workspaced_client.cli import commands
from workspaced_client.cli.base.failures import WrongUsage
from workspaced_client.cli.commands.row import Argument, Command, Family, Option
from workspaced_client.cli.commands.shared import DOT, GLOBAL_OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PROGRAM = "workspacectl"


class Reading:
    """What the words so far come to."""

    def __init__(self) -> None:
        self.row: Command | Family | None = None
        """The command, or the family until its command follows."""
        self.values: dict[Option, list[str]] = {}
        """The values of each option as they were typed; a flag has an empty one for each time."""
        self.arguments: list[str] = []
        self.waiting: Option | None = None
        """The option whose value comes next."""
        self.takes_options = True
        """Whether no `--` has come yet."""

    def take(self, word: str) -> None:
        """Take the next word. Raise WrongUsage if it can't stand there; the words after it may be taken all the same."""
        if self.waiting is not None:
            self.values.setdefault(self.waiting, []).append(word)
            self.waiting = None
        elif self.takes_options and word == "--":
            self._end_options()
        elif self.takes_options and word.startswith("--"):
            self._take_long_option(word)
        elif self.takes_options and word.startswith("-") and word != "-" and not self.takes_dashes:
            self._take_short_options(word)
        elif self.row is None or isinstance(self.row, Family):
            self._take_command(word)
        else:
            self.arguments.append(word)
            taken = len(self.arguments)
            place = self.argument_at(taken - 1, taken)
            if place is not None and place.takes_all:
                self.takes_options = False

    def _end_options(self) -> None:
        """Take the `--`. In front of the words that take all, an argument is left out: it means the workspace here."""
        self.takes_options = False
        place = self._next
        arguments = self.row.arguments if isinstance(self.row, Command) else ()
        if place is not None and not place.takes_all and any(each.takes_all for each in arguments):
            self.arguments.append(DOT)

    @property
    def _next(self) -> Argument | None:
        """The argument that the next value is for."""
        place = len(self.arguments)
        return self.argument_at(place, place + 1)

    @property
    def takes_dashes(self) -> bool:
        """Whether a word with one dash is a value here, and no option."""
        return self._next is not None and self._next.takes_dashes

    @property
    def options(self) -> Sequence[Option]:
        """The options that may stand here."""
        own = self.row.options if isinstance(self.row, Command) else ()
        return (*own, *GLOBAL_OPTIONS)

    @property
    def path(self) -> str:
        """The program with the command so far, for `Try: … --help`."""
        return PROGRAM if self.row is None else f"{PROGRAM} {self.row.name}"

    def takes(self, count: int) -> Sequence[Argument]:
        """Return the arguments that so many values are for: without the one that leads, if they are too few for it."""
        arguments = self.row.arguments if isinstance(self.row, Command) else ()
        required = sum(not argument.optional for argument in arguments)
        return arguments[1:] if arguments and arguments[0].leads and count <= required else arguments

    def argument_at(self, index: int, count: int) -> Argument | None:
        """Return the argument that the value at this place is for, of so many values, or None if there is none."""
        arguments = self.takes(count)
        if index < len(arguments):
            return arguments[index]
        return arguments[-1] if arguments and arguments[-1].many else None

    def wrong(self, message: str) -> WrongUsage:
        """Return the error with the way to the help of the command."""
        return WrongUsage(message, hint=f"Try: {self.path} --help")

    def _take_long_option(self, word: str) -> None:
        flag, equals, value = word.partition("=")
        option = self._option(flag)
        if not option.value and equals:
            raise self.wrong(f"The option {flag} takes no value: leave “={value}” out.")
        if option.value and not equals:
            self.waiting = option
        else:
            self.values.setdefault(option, []).append(value)

    def _take_short_options(self, word: str) -> None:
        """Take flags that stand together, such as `-ry`; the last one may have its value behind it, as in `-n5`."""
        for index in range(1, len(word)):
            option = self._option(f"-{word[index]}", of=word)
            if not option.value:
                self.values.setdefault(option, []).append("")
                continue
            value = word[index + 1 :]
            if value:
                self.values.setdefault(option, []).append(value)
            else:
                self.waiting = option
            return

    def _option(self, flag: str, of: str = "") -> Option:
        for option in self.options:
            if flag in option.flags:
                return option
        known = [name for option in self.options for name in option.flags]
        among = f" (in “{of}”)" if of and of != flag else ""
        text = f"There is no option “{flag}”{among}."
        raise self.wrong(text + (did_you_mean(flag, known) or self._where(flag)))

    def _where(self, flag: str) -> str:
        """Return a hint for an option that stands in front of its command."""
        if self.row is None and any(
            flag in option.flags
            for row in commands.ROWS
            if isinstance(row, Command)
            for option in row.options
        ):
            return " An option of a command stands behind the command's name."
        return " A value that begins with a dash goes behind “--”."

    def _take_command(self, word: str) -> None:
        name = word if self.row is None else f"{self.row.name} {word}"
        found = commands.find(name)
        if found is None:
            raise self.wrong(f"There is no command “{name}”.{_commands_like(self.row, word)}")
        self.row = found


def _commands_like(family: Command | Family | None, word: str) -> str:
    if isinstance(family, Family):
        words = [row.name.partition(" ")[2] for row in commands.members(family)]
        return did_you_mean(word, words) or f" There is: {', '.join(words)}."
    # `stop` may be that of a family.
    same = [row.name for row in commands.ROWS if row.name.endswith(f" {word}")]
    names = [row.name for row in commands.top_level()]
    return did_you_mean(word, names, sure=same) or f" `{PROGRAM} --help` shows all."


def did_you_mean(given: str, known: Iterable[str], sure: Sequence[str] = ()) -> str:
    """Return a question with what is similar to the word given, or an empty text; `sure` is similar in any case."""
    from difflib import get_close_matches  # only for an error

    close = list(sure) or get_close_matches(given, known, n=3)
    return f" Did you mean {' or '.join(f'“{each}”' for each in close)}?" if close else ""


def finish(reading: Reading) -> dict[str, object]:
    """Return the values for the command's function, by parameter. Raise WrongUsage for what is missing or wrong."""
    command = reading.row
    if not isinstance(command, Command):
        raise TypeError("only a command takes values")
    _check_end(reading, command)
    values: dict[str, object] = {}
    given = reading.arguments
    for argument in command.arguments:
        values[argument.parameter] = None
    for index, argument in enumerate(reading.takes(len(reading.arguments))):
        if argument.many:
            values[argument.parameter] = [_value(reading, argument, each) for each in given[index:]]
        else:
            values[argument.parameter] = (
                _value(reading, argument, given[index]) if index < len(given) else None
            )
    for option in command.options:
        values[option.parameter] = option_value(reading, option)
    return values


def _check_end(reading: Reading, command: Command) -> None:
    if reading.waiting is not None:
        raise _no_value(reading, reading.waiting)
    for index, argument in enumerate(reading.takes(len(reading.arguments))):
        if index >= len(reading.arguments) and not argument.optional:
            raise reading.wrong(f"The argument {argument.name} is missing: {_lower(argument.help)}")
    for index, word in enumerate(reading.arguments):
        if reading.argument_at(index, len(reading.arguments)) is None:
            takes = "takes no argument" if index == 0 else f"takes no more than {index}"
            raise reading.wrong(f"“{word}” is one argument too many: `{command.name}` {takes}.")
    for option in command.options:
        if option.required and option not in reading.values:
            values = f"{_listed(option.choices)}." if option.choices else _lower(option.help)
            raise reading.wrong(f"The option {option.flags[0]} is missing: {values}")


def _lower(sentence: str) -> str:
    """Return a help text as the end of a sentence."""
    first = sentence.split(" ", 1)[0]
    return sentence if first[1:].lower() != first[1:] else sentence[0].lower() + sentence[1:]


def option_value(reading: Reading, option: Option) -> object:
    """Return the value of an option for the command's function. Raise WrongUsage."""
    given = reading.values.get(option) or ([option.preset] if option.preset else [])
    if reading.waiting is option:
        raise _no_value(reading, option)
    if not option.value:
        return bool(given)
    checked = [_value(reading, option, each) for each in given]
    if option.many:
        return checked
    return checked[-1] if checked else None


def _no_value(reading: Reading, option: Option) -> WrongUsage:
    values = _listed(option.choices) if option.choices else option.value
    return reading.wrong(f"The option {option.flags[0]} needs a value: {values}.")


def _listed(choices: Sequence[str]) -> str:
    return f"{', '.join(choices[:-1])} or {choices[-1]}"


def _value(reading: Reading, place: Argument | Option, text: str) -> object:
    name = place.flags[0] if isinstance(place, Option) else place.name
    if place.choices and text not in place.choices:
        meant = did_you_mean(text, place.choices)
        raise reading.wrong(f"The value of {name} is {_listed(place.choices)}, not “{text}”.{meant}")
    if place.parse is None:
        return text
    try:
        return place.parse(text)
    except ValueError as error:
        raise reading.wrong(f"The value of {name} is wrong: “{text}” {error}.") from error
