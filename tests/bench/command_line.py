"""What is measured of the command line: each hot command as a whole process, beside `python -c pass` and zoxide."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench import machines
from bench.distributions import Distribution
from bench.results import Row
from bench.scenarios import fill, timed

_COMMANDS: Final = (
    (("path", "{name}"), 2.0),
    (("__complete", "path", ""), 2.0),
    (("shell-init", "bash"), 2.0),
    (("list",), 5.0),
    (("show", "{name}"), 5.0),
    (("status",), 5.0),
    (("--help",), 5.0),
    (("--version",), 5.0),
)
"""Each with the goal beside `python -c pass`."""


def commands(rounds: int) -> Iterator[Row]:
    """Each command at 50 x 10, until its process has ended."""
    bare, jump = Distribution(), Distribution()
    times = {command: Distribution() for command, _ in _COMMANDS}
    zoxide = shutil.which("zoxide")
    with (
        machines.measured_directory() as where,
        machines.measured_daemon(where) as daemon,
        daemon.client() as client,
    ):
        name = fill(client, 50)[7].name
        environment = {
            **os.environ,
            "WORKSPACED_SOCKET": str(daemon.socket),
            "_ZO_DATA_DIR": str(where / "zoxide"),
        }
        program = str(Path(sys.executable).with_name("workspacectl"))
        if zoxide:
            _run([zoxide, "add", str(where)], environment)
        for number in range(rounds + 1):  # the first round writes bytecode
            kept = number > 0
            _note(bare, [sys.executable, "-c", "pass"], environment, kept=kept)
            for command, taken in times.items():
                filled = [each.format(name=name) for each in command]
                _note(taken, [program, *filled], environment, kept=kept)
            if zoxide:
                _note(jump, [zoxide, "query", where.name], environment, kept=kept)
    yield Row.latency("python -c pass", bare, 50)
    for command, goal in _COMMANDS:
        told = " ".join(each.format(name="NAME") or "''" for each in command)
        yield Row.latency(f"workspacectl {told}", times[command], 50)
        yield Row.ratio(f"workspacectl {told}, to python -c pass", times[command], bare, goal)
    if zoxide:
        yield Row.latency("zoxide query", jump, 50)


def _note(times: Distribution, command: list[str], environment: dict[str, str], *, kept: bool) -> None:
    seconds = timed(_run, command, environment)
    if kept:
        times.add(seconds)


def _run(command: list[str], environment: dict[str, str]) -> None:
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
