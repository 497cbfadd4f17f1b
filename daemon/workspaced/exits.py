"""The exit codes of `workspaced`, and what is printed on the way to one."""

import errno
import io
import os
import sys
from typing import Final

from workspaced.process.streams import say

# command-line.md, Exit codes; the numbers are those of <sysexits.h>.
EXIT_OUTPUT_FAILED: Final = 1
EX_USAGE: Final = 64
EX_SOFTWARE: Final = 70
EX_IOERR: Final = 74
EX_TEMPFAIL: Final = 75
EX_CONFIG: Final = 78
EXIT_INTERRUPTED: Final = 130  # 128 + SIGINT, as a shell reports it
EXIT_OUTPUT_CLOSED: Final = 141  # 128 + SIGPIPE, as a shell reports it

EXIT_CODES: Final = (
    (0, "stopped by SIGTERM or SIGINT, with all queued writes committed"),
    (EXIT_OUTPUT_FAILED, "the output of config or --help could not be written"),
    (EX_USAGE, "wrong arguments"),
    (EX_SOFTWARE, "a defect; the log has the traceback"),
    (
        EX_IOERR,
        "the data can't be read or written, the socket can't be bound, etcd does not answer, or the disk hung at the stop",
    ),
    (EX_TEMPFAIL, "another daemon, or a migration, owns the data directory; its pid is named"),
    (
        EX_CONFIG,
        "wrong settings, each named; data of a newer release, or of another store than the settings ask for",
    ),
    (EXIT_INTERRUPTED, "migrate was interrupted; one whole store serves"),
    (EXIT_OUTPUT_CLOSED, "the reader of that output is gone"),
)
"""What each exit code tells a service manager or a script."""


def print_output(text: str) -> int:
    """Write the output of a command to stdout, without a time limit; return the exit code."""
    stream = sys.stdout
    if stream is None:  # pyright: ignore[reportUnnecessaryComparison] - so it is after `>&-`
        return 0
    if isinstance(stream, io.TextIOWrapper):  # UTF-8 in every locale, and whatever PYTHONIOENCODING says
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        stream.write(f"{text}\n")
        stream.flush()
    except OSError as error:
        # Otherwise Python flushes the buffer again at exit, and prints a second error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if error.errno == errno.EPIPE:
            return EXIT_OUTPUT_CLOSED
        return fail(EXIT_OUTPUT_FAILED, f"The output could not be written: {error.strerror}.")
    return 0


def fail(code: int, message: str) -> int:
    """Print the one line of a failure, and return its exit code."""
    say(sys.stderr, f"workspaced: {message}")
    return code
