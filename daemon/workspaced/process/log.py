"""Where log lines go: to stderr, for people or as one JSON object a line."""

import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from workspaced.process.streams import LineWriter

LogLevel = Literal["debug", "info", "warning", "error"]


@contextmanager
def to_stderr(level: LogLevel, format_: Literal["console", "json"]) -> Generator[None]:
    """Sets up structlog for the whole process; at the end of the block, all that was logged is written."""
    # Tracebacks without the values of variables: those are what clients sent, and may be private.
    if format_ == "json":
        transformer = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        rendering: list[Processor] = [
            structlog.processors.ExceptionRenderer(transformer),
            structlog.processors.JSONRenderer(),
        ]
    else:
        is_terminal = sys.stderr is not None and sys.stderr.isatty()  # pyright: ignore[reportUnnecessaryComparison] - so it is after `2>&-`
        renderer = structlog.dev.ConsoleRenderer(
            colors=is_terminal, sort_keys=False, exception_formatter=structlog.dev.plain_traceback
        )
        rendering = [_harmless, renderer]
    lines = LineWriter(sys.stderr, _tell_lost)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            *rendering,
        ],
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,  # a logger is made for each line, and so follows the level
    )
    set_level(level)
    try:
        yield
    finally:
        lines.close()


def set_level(level: LogLevel) -> None:
    """Logs this level, and what is graver, from now on; all else stays as it was set up."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(number))


class _Quoted:
    """Text as Python writes it, so that nothing in it acts on a terminal."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return repr(self._text)


def _harmless(_logger: WrappedLogger, _method: str, entry: EventDict) -> EventDict:
    r"""Quotes text, such as the name that a client gave itself, which holds characters like `\x1b`."""
    event = str(entry["event"])
    shown = {name: _Quoted(value) if _is_doubtful(value) else value for name, value in entry.items()}
    return {**shown, "event": repr(event) if _is_doubtful(event) else event}


def _is_doubtful(value: object) -> bool:
    return isinstance(value, str) and not value.isprintable()


def _tell_lost(count: int) -> None:
    structlog.get_logger(__name__).warning("Log lines could not be written.", lines=count)


def ready(data_dir: Path, socket: Path) -> None:
    """Tells programs that the daemon answers."""
    structlog.get_logger(__name__).info("Ready.", data_dir=str(data_dir), socket=str(socket))


def passed_over(variable: str) -> None:
    """Tells of a variable that looks like a setting. It may be another program's own, so it stops no start."""
    structlog.get_logger(__name__).warning("There is no such setting.", variable=variable)


def crashed(error: BaseException) -> None:
    """Keeps the traceback of a defect that ended the daemon."""
    structlog.get_logger(__name__).critical("The daemon crashed.", exc_info=error)
