"""A program in the foreground: it writes to the user's own terminal, until it ends or the user stops it."""

import json
import signal
import subprocess
import sys
from collections.abc import Sequence

from workspaced_client.cli.base.failures import Failure, reason
from workspaced_client.cli.base.output import OutputClosed, emit


def run(command: Sequence[str]) -> int:
    """Run it with the streams of this process, and return its exit code. Raise Failure or OutputClosed."""
    sys.stdout.flush()
    try:
        code = subprocess.call(command, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise _not_run(command, error) from error
    return _checked(code)


def run_as_json(command: Sequence[str]) -> int:
    """Run it, and print each of its lines as a JSON object with the line in `MESSAGE`."""
    try:
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace"
        ) as process:
            for line in process.stdout or ():
                emit(json.dumps({"MESSAGE": line.rstrip("\n")}))
            return _checked(process.wait())
    except OSError as error:
        raise _not_run(command, error) from error


def _not_run(command: Sequence[str], error: OSError) -> Failure:
    return Failure(f"{command[0]} can't be run: {reason(error)}.")


def _checked(code: int) -> int:
    if code == -signal.SIGPIPE:
        raise OutputClosed
    return min(abs(code), 1)  # higher codes of workspacectl have other meanings
