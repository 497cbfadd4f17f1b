"""The command line `workspacectl`: its entry point and its exit codes.

Exit codes: 0 success, 1 refused by the daemon (for `doctor` and `check`: a problem was found), 2 wrong usage,
3 no daemon or no service manager reached, 130 interrupted, 141 output closed.
"""

import io
import signal
import sys
from collections.abc import Sequence

from workspaced_protocol.utf8 import begin_again_in_utf8

EXIT_INTERRUPTED = 130
EXIT_OUTPUT_CLOSED = 141  # a shell's code for a program that SIGPIPE ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command with `arguments`, or those of the process, and return the exit code."""
    if arguments is None:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # if it is ignored, every program seems to succeed
        begin_again_in_utf8()
    try:
        return _run(list(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _run(arguments: list[str]) -> int:
    # Imported here, so that an interrupt is quiet from the first moment on.
    import typer

    from workspaced_client import WorkspacedError
    from workspaced_client.cli.app import app
    from workspaced_client.cli.base import failures, output
    from workspaced_client.cli.base.options import asks_for_json

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # UTF-8 in every locale, and whatever PYTHONIOENCODING says (protocol.md, Transport).
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    as_json = asks_for_json(arguments)
    try:
        # Not standalone: typer would print errors in its own way, and end the process itself.
        code = app(args=arguments, prog_name="workspacectl", standalone_mode=False)
    except typer.Abort:
        return EXIT_INTERRUPTED
    except output.OutputClosed:
        return EXIT_OUTPUT_CLOSED
    except (failures.Failure, output.OutputFailed, typer.TyperException, WorkspacedError) as error:
        return failures.report(error, as_json=as_json)
    except ValueError as error:
        from workspaced_protocol.paths import (
            UnusablePath,
        )  # only here: it loads a library that finds directories

        if not isinstance(error, UnusablePath):
            raise
        return failures.report(failures.Failure(str(error)), as_json=as_json)
    return code if isinstance(code, int) else 0
