"""The form of a row of the table of commands: a command or a family of commands, its arguments and its options.

Plain classes, because every run loads them: `dataclasses` takes about as long to load as Python takes to start.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` is slow to load, too
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

WORKSPACES: Final = "workspaces"
PROJECTS: Final = "projects"
PAST_NAMES: Final = "past names"
BACKUPS: Final = "backups"
TOPICS: Final = "topics"
COMMANDS: Final = "commands"
FILES: Final = "files"
DIRECTORIES: Final = "directories"
DELETED: Final = "deleted"
TAGS: Final = "tags"
TAG_CHANGES: Final = "tag changes"
META_KEYS: Final = "keys of metadata"
METHODS: Final = "methods"
"""What can complete an argument or the value of an option.

`PAST_NAMES` are those of workspaces, be they deleted, and `DELETED` those of deleted ones alone.
"""


class Argument:
    """An argument: required, unless it is `optional`, `many` (which may be none at all), or `leads`.

    One that `leads` is left out where there are too few values for all the required ones: the first is then the next
    one's.

    With its first value, one that `takes_all` ends the reading of options: all further words are its values. The
    values of one that `takes_dashes` may begin with one dash.

    `name` is its name in help texts, in capitals. The command's function gets the value as the parameter
    `parameter`, or the list of values of `many`, or None.
    """

    __slots__ = (
        "choices",
        "completes",
        "default",
        "help",
        "leads",
        "many",
        "name",
        "optional",
        "parameter",
        "parse",
        "takes_all",
        "takes_dashes",
    )

    def __init__(
        self,
        name: str,
        help: str,  # noqa: A002 - as the rows read
        *,
        parameter: str = "",
        optional: bool = False,
        many: bool = False,
        leads: bool = False,
        takes_all: bool = False,
        takes_dashes: bool = False,
        default: str = "",
        completes: str = "",
        choices: tuple[str, ...] = (),
        parse: Callable[[str], object] | None = None,
    ) -> None:
        self.name = name
        self.help = help
        self.parameter = parameter or name.lower()
        self.optional = optional or many or leads
        self.leads = leads
        self.takes_all = takes_all
        self.takes_dashes = takes_dashes
        self.many = many
        self.default = default  # in words
        self.completes = completes
        self.choices = choices
        self.parse = parse


class Option:
    """An option: a flag, or with a `value` one that takes a value; `many` may be given more than once.

    `value` is the name of the value in help texts, in capitals. The command's function gets a flag as a bool, the
    values of `many` as a list, and else the value or None. A `preset` is the value where none is given; a `default` tells in
    words what the function does then.
    """

    __slots__ = (
        "choices",
        "completes",
        "default",
        "flags",
        "help",
        "many",
        "parameter",
        "parse",
        "preset",
        "required",
        "value",
    )

    def __init__(
        self,
        *flags: str,
        help: str,  # noqa: A002 - as the rows read
        value: str = "",
        parameter: str = "",
        required: bool = False,
        many: bool = False,
        preset: str = "",
        default: str = "",
        completes: str = "",
        choices: tuple[str, ...] = (),
        parse: Callable[[str], object] | None = None,
    ) -> None:
        self.flags = flags
        self.help = help
        self.value = value
        self.parameter = parameter or flags[0].removeprefix("--").replace("-", "_")
        self.required = required
        self.many = many
        self.preset = preset
        self.default = default or preset
        self.completes = completes
        self.choices = choices
        self.parse = parse


class Command:
    """A command: its names, its texts for people, its arguments and options, and the function that runs it.

    `name` may be of two words: the second is then one of the family that the first names. `run` is the function:
    `module:function` below `workspaced_client.cli`, imported when the command is run. It takes the options of every
    command, then the arguments and options as keywords, and may return an exit code. `summary` is a sentence for
    lists, and `text` are further paragraphs: lines that are indented stay as they are. `examples` lack the program's
    name.
    """

    __slots__ = ("aliases", "arguments", "examples", "group", "name", "options", "run", "summary", "text")

    def __init__(
        self,
        name: str,
        summary: str,
        *,
        run: str,
        group: str = "",
        aliases: tuple[str, ...] = (),
        arguments: tuple[Argument, ...] = (),
        options: tuple[Option, ...] = (),
        text: str = "",
        examples: tuple[str, ...],
    ) -> None:
        self.name = name
        self.summary = summary
        self.run = run
        self.group = group
        self.aliases = aliases
        self.arguments = arguments
        self.options = options
        self.text = text
        self.examples = examples


class Family:
    """A first word that several commands share, such as `recovery`."""

    __slots__ = ("group", "name", "summary", "text")

    def __init__(self, name: str, summary: str, *, group: str, text: str = "") -> None:
        self.name = name
        self.summary = summary
        self.group = group
        self.text = text
