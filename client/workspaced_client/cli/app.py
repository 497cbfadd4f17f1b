"""One run of `workspacectl`: its words are read, its command is run, and what fails is told."""

from __future__ import annotations

import io
import os
import sys

from workspaced_client.cli import commands
from workspaced_client.cli.base import output
from workspaced_client.cli.base.failures import EXIT_USAGE, WrongUsage, failure_of, report
from workspaced_client.cli.base.interrupts import InterruptsHeld
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.reading import Reading, finish, option_value
from workspaced_client.cli.commands.row import Command
from workspaced_client.cli.commands.shared import GLOBAL_OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

EXIT_OUTPUT_CLOSED: Final = 141  # a shell's code for a program that SIGPIPE ended

COMPLETE: Final = "__complete"
"""The first argument of a shell's question at Tab; the words follow, the unfinished one last."""


def run(arguments: list[str]) -> int:
    """Run one command and return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # UTF-8 in every locale, and whatever PYTHONIOENCODING says (protocol.md, Transport).
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    if arguments[:1] == [COMPLETE]:
        from workspaced_client.cli.base.completion import complete

        return complete(arguments[1:])
    try:
        return _run(arguments)
    except output.OutputClosed:
        return EXIT_OUTPUT_CLOSED
    except Exception as error:
        failure = failure_of(error)
        if failure is None:
            raise
        return report(failure, as_json=_asks_for_json(arguments))


def _asks_for_json(arguments: list[str]) -> bool:
    """Return whether errors are to be JSON; some of the arguments may be wrong."""
    reading = Reading()
    for word in arguments:
        try:
            reading.take(word)
        except WrongUsage:
            continue  # it is the error to report
    return any("--json" in option.flags for option in reading.values)


def _run(arguments: list[str]) -> int:
    reading = Reading()
    for word in arguments:
        reading.take(word)
    given = {option.parameter: option_value(reading, option) for option in GLOBAL_OPTIONS}
    command = commands.find("version") if given["version"] else reading.row
    if given["help"] or not isinstance(command, Command):
        if given["json"] and not given["help"]:
            raise WrongUsage("No command was given.", hint=f"Try: {reading.path} --help")
        from workspaced_client.cli.base.help_text import help_of

        output.emit(help_of(command))
        return 0 if given["help"] else EXIT_USAGE
    values = {} if given["version"] else finish(reading)
    socket, timeout = given["socket"], given["timeout"]
    options = Options(
        # A shell does not expand the tilde of --socket=~/…
        os.path.expanduser(socket) if isinstance(socket, str) and socket else None,
        timeout if isinstance(timeout, float) else None,
        as_json=bool(given["json"]),
        quiet=bool(given["quiet"]),
        autostart=not given["no_autostart"],
    )
    module, _, name = command.run.partition(":")
    with InterruptsHeld():
        found = __import__(f"{__package__}.{module}", fromlist=[name])  # `importlib` takes time, too
    return getattr(found, name)(options, **values) or 0
