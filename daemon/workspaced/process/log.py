"""The log: lines on stderr, for people or as one JSON object a line."""

import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from workspaced.process.streams import LineWriter
from workspaced_protocol.urls import blackener, in_all_texts

LogLevel = Literal["debug", "info", "warning", "error"]


@contextmanager
def to_stderr(level: LogLevel, format_: Literal["console", "json"]) -> Generator[None]:
    """Configure structlog for the process, and write all pending lines at the end of the block."""
    # Tracebacks omit local variables: they hold data from clients, which may be private.
    if format_ == "json":
        transformer = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        rendering: list[Processor] = [
            structlog.processors.ExceptionRenderer(transformer),
            _black_out,
            structlog.processors.JSONRenderer(),
        ]
    else:
        is_terminal = sys.stderr is not None and sys.stderr.isatty()  # pyright: ignore[reportUnnecessaryComparison] - None after `2>&-`
        renderer = structlog.dev.ConsoleRenderer(
            colors=is_terminal, sort_keys=False, exception_formatter=structlog.dev.plain_traceback
        )
        rendering = [structlog.processors.format_exc_info, _black_out, _quote_unprintable, renderer]
    lines = LineWriter(sys.stderr, _report_lost)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            *rendering,
        ],
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,  # so that loggers follow a change of the level
    )
    set_level(level)
    try:
        yield
    finally:
        lines.close()


def set_level(level: LogLevel) -> None:
    """Log this level and above from now on; keep the rest of the configuration."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(number))


_without_secrets: Final = blackener()


def _black_out(_logger: WrappedLogger, _method: str, entry: EventDict) -> EventDict:
    """Black out the secrets of URLs in all texts, a traceback among them."""
    return {name: in_all_texts(value, _without_secrets) for name, value in entry.items()}


class _Quoted:
    """Text shown as a Python literal, so that control sequences do not reach the terminal."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return repr(self._text)


def _quote_unprintable(_logger: WrappedLogger, _method: str, entry: EventDict) -> EventDict:
    r"""Quote text with unprintable characters such as `\x1b`. It may come from a client, such as its name."""
    event = str(entry["event"])
    shown = {
        name: _Quoted(value) if _is_unprintable(value) and name != "exception" else value
        for name, value in entry.items()
    }
    return {**shown, "event": repr(event) if _is_unprintable(event) else event}


def _is_unprintable(value: object) -> bool:
    return isinstance(value, str) and not value.isprintable()


def _report_lost(count: int) -> None:
    structlog.get_logger(__name__).warning("Log lines were lost.", lines=count)


def ready(data_dir: Path, socket: Path) -> None:
    """Log that the daemon answers, for programs that wait for this line."""
    structlog.get_logger(__name__).info("Ready.", data_dir=str(data_dir), socket=str(socket))


def passed_over(variable: str) -> None:
    """Warn of a variable that looks like a setting. It may belong to another program, so the start goes on."""
    structlog.get_logger(__name__).warning(
        "An environment variable was ignored: there is no such setting.", variable=variable
    )


def crashed(error: BaseException) -> None:
    """Log the traceback of the defect that ended the daemon."""
    structlog.get_logger(__name__).critical("The daemon crashed.", exc_info=error)
