"""Other programs, run to their end with a deadline."""

import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from workspaced_client.cli.base.failures import Failure, reason


@dataclass(frozen=True)
class Done:
    """The exit code of a program, and its output."""

    code: int
    out: str
    err: str


def run_program(*command: str, seconds: float, environment: Mapping[str, str] | None = None) -> Done:
    """Run a program to its end. Raise Failure if it can't be run, or takes longer than `seconds`."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            env=environment,
            check=False,
        )
    except OSError as error:
        raise Failure(f"{command[0]} can't be run: {reason(error)}.") from error
    except subprocess.TimeoutExpired as error:
        raise Failure(f"`{shlex.join(command)}` did not end within {seconds:g} s.") from error
    return Done(done.returncode, done.stdout, done.stderr)
