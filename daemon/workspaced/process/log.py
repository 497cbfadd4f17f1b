"""The log: events with their facts as fields, written to stderr for people or as one JSON object a line.

The strategy: `Logger` hands each event of the level or above to one sink. `to_stderr` makes that sink: it renders a line
(`log_lines`) and leaves the writing to a thread (`streams`). It is our own, because a start imports it: the libraries
for structured logs take longer to load than all of the daemon.
"""

import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, NamedTuple

from workspaced.process.log_lines import Entry, as_json, for_people
from workspaced.process.streams import LineWriter

LogLevel = Literal["debug", "info", "warning", "error"]

_RANKS: Final[Mapping[str, int]] = {"debug": 0, "info": 1, "warning": 2, "error": 3, "critical": 4}

Sink = Callable[[Entry], None]
"""Takes an event that is to be logged. It must not block."""


class _Output(NamedTuple):
    """The lowest rank that is logged, and the sink of it."""

    rank: int
    sink: Sink


def _discard(_: Entry) -> None:
    """Log nothing: no process is set up for it."""


_output = _Output(_RANKS["info"], _discard)


class Logger:
    """Logs events. Each is a sentence; the fields tell its facts, as values of any type.

    The field `exc_info` is an exception, whose traceback is logged as `exception`.
    """

    def is_enabled_for(self, level: LogLevel) -> bool:
        """Return whether events of this level are logged."""
        return _RANKS[level] >= _output.rank

    def debug(self, event: str, **fields: object) -> None:
        """Log an event that only a search for a fault needs."""
        _emit("debug", event, fields)

    def info(self, event: str, **fields: object) -> None:
        """Log an event of normal work."""
        _emit("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Log an event that the user should know, and after which all goes on."""
        _emit("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Log a failure."""
        _emit("error", event, fields)

    def exception(self, event: str, **fields: object) -> None:
        """Log a failure with the exception that is being handled."""
        _emit("error", event, {**fields, "exc_info": sys.exception()})

    def critical(self, event: str, **fields: object) -> None:
        """Log the end of the daemon by a defect."""
        _emit("critical", event, fields)


def _emit(level: str, event: str, fields: Mapping[str, object]) -> None:
    output = _output
    if _RANKS[level] >= output.rank:
        output.sink(Entry(level, event, fields))


_log: Final = Logger()


@contextmanager
def to_stderr(level: LogLevel, format_: Literal["console", "json"]) -> Generator[None]:
    """Log to stderr within the block; write all pending lines at its end."""
    is_terminal = sys.stderr is not None and sys.stderr.isatty()  # pyright: ignore[reportUnnecessaryComparison] - None after `2>&-`
    render = as_json if format_ == "json" else for_people(colours=is_terminal)
    lines = LineWriter(sys.stderr, _report_lost)
    with to_sink(lambda entry: lines.write(render(entry))):
        set_level(level)
        try:
            yield
        finally:
            lines.close()


@contextmanager
def to_sink(sink: Sink) -> Generator[None]:
    """Hand each event of the level or above to `sink` within the block."""
    global _output
    before = _output
    _output = before._replace(sink=sink)
    try:
        yield
    finally:
        _output = before


def set_level(level: LogLevel) -> None:
    """Log this level and above from now on."""
    global _output
    _output = _output._replace(rank=_RANKS[level])


def _report_lost(count: int) -> None:
    _log.warning("Log lines were lost.", lines=count)


def ready(data_dir: Path, socket: Path) -> None:
    """Log that the daemon answers, for programs that wait for this line."""
    _log.info("Ready.", data_dir=str(data_dir), socket=str(socket))


def passed_over(variable: str) -> None:
    """Warn of a variable that looks like a setting. It may belong to another program, so the start goes on."""
    _log.warning("An environment variable was ignored: there is no such setting.", variable=variable)


def crashed(error: BaseException) -> None:
    """Log the traceback of the defect that ended the daemon."""
    _log.critical("The daemon crashed.", exc_info=error)
