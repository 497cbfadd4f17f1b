"""Where log lines go: to stderr, for people or as one JSON object a line."""

import logging
import sys
from pathlib import Path
from typing import Literal

import structlog


def configure(
    level: Literal["debug", "info", "warning", "error"], format_: Literal["console", "json"]
) -> None:
    """Sets up structlog for the whole process."""
    renderer: structlog.typing.Processor
    if format_ == "json":
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    processors: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    if format_ == "json":
        processors.append(structlog.processors.dict_tracebacks)
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def ready(data_dir: Path, socket: Path) -> None:
    """Tells programs that the daemon answers."""
    structlog.get_logger(__name__).info("Ready.", data_dir=str(data_dir), socket=str(socket))


def crashed(error: BaseException) -> None:
    """Keeps the traceback of a defect that ended the daemon."""
    structlog.get_logger(__name__).critical("The daemon crashed.", exc_info=error)
