"""What is measured of starts: the store's restore, the process up to its first answer, the client's import."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from bench import machines
from bench.distributions import Distribution
from bench.results import Row
from bench.scenarios import fill, timed
from support.daemon_process import environment_at
from support.process_costs import processor_seconds
from workspaced.store import create_json_store

_BARE = "import trio, msgspec"
"""The least that a trio daemon with msgspec can be."""

_PHASES = """
import json, sys, time
began_at = time.perf_counter()
import workspaced.app, workspaced.cli
imported_at = time.perf_counter()
from pathlib import Path
from workspaced.store import create_json_store
store = create_json_store(Path(sys.argv[1]))
restored_at = time.perf_counter()
store.close()
print(json.dumps([imported_at - began_at, restored_at - imported_at]))
"""
"""What a start does before it listens, in its order."""


def restores(rounds: int) -> Iterator[Row]:
    """Opening a store of 50 x 10, and the whole way from a process's start to its first answer."""
    in_process, process, least, bare = Distribution(), Distribution(), Distribution(), Distribution()
    by_command = Distribution()
    spent, spent_least = Distribution(), Distribution()
    phases: list[list[float]] = []
    with machines.measured_directory() as where:
        with machines.measured_daemon(where) as daemon, daemon.client() as client:
            fill(client, 50)
        for _ in range(rounds * 4):
            in_process.add(timed(open_and_close_store, where))
        for _ in range(rounds):
            bare.add(timed(subprocess.run, [sys.executable, "-c", "pass"]))
            least.add(timed(subprocess.run, [sys.executable, "-c", _BARE]))
            spent_least.add(_processor_seconds([sys.executable, "-c", _BARE]))
            phases.append(_phases(where))
            to_answer, computed = first_answer(where)
            process.add(to_answer)
            spent.add(computed)
            by_command.add(_answer_of_a_command(where))
    yield Row.latency("restore of 50 x 10", in_process, slo_ms=500, requirement="NFR-003")
    yield Row("restore of 50 x 10, p50", in_process.p50, "ms", goal=1)
    yield Row.latency("process start to first answer", process, 50)
    yield Row.ratio("start to first answer, to importing trio and msgspec", process, least, 1.5)
    yield Row.ratio("the same by processor time", spent, spent_least)
    yield Row.latency("workspacectl list where no daemon runs", by_command, 50)
    yield Row.ratio(
        "workspacectl list where no daemon runs, to start to first answer", by_command, process, 1.3
    )
    importing, restoring = (statistics.median(times) * 1000 for times in zip(*phases, strict=True))
    yield Row("cold start: the interpreter", bare.p50, "ms")
    yield Row("cold start: import", importing, "ms")
    yield Row("cold start: restore", restoring, "ms")
    rest = max(0.0, process.p50 - bare.p50 - importing - restoring)
    yield Row("cold start: settings, listen, first answer", rest, "ms")


def open_and_close_store(where: Path) -> None:
    """A restore, in this process."""
    create_json_store(where / "data").close()


def _phases(where: Path) -> list[float]:
    command = [sys.executable, "-c", _PHASES, str(where / "data")]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return [float(seconds) for seconds in json.loads(done.stdout)]


def first_answer(where: Path) -> tuple[float, float]:
    """Return the seconds from the start of a daemon to its first answer, and those that its process has computed."""
    began_at = time.perf_counter()
    with machines.measured_daemon(where) as daemon, daemon.client() as client:
        client.daemon.ping()
        return time.perf_counter() - began_at, processor_seconds(daemon.pid)


def _answer_of_a_command(where: Path) -> float:
    """Return the seconds that `workspacectl list` takes where it has to start the daemon, which is stopped then."""
    program = str(Path(sys.executable).with_name("workspacectl"))
    with tempfile.TemporaryDirectory(prefix="wsd-") as short:  # as in measured_daemon
        environment = environment_at(
            where, WORKSPACED_SOCKET=f"{short}/s", WORKSPACED_DATA_DIR=str(where / "data")
        )
        run = partial(subprocess.run, env=environment, stdout=subprocess.DEVNULL, check=True)
        try:
            return timed(run, [program, "list"])
        finally:
            run([program, "stop"])


def _processor_seconds(command: Sequence[str]) -> float:
    """Return the processor time of a program, from its start to its end."""
    with subprocess.Popen(command) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)  # so that it is not waited for again
    return usage.ru_utime + usage.ru_stime


def imports(rounds: int) -> Iterator[Row]:
    """What the blocking client adds to the start of an app."""
    bare, client = Distribution(), Distribution()
    for _ in range(rounds):
        bare.add(timed(subprocess.run, [sys.executable, "-c", "pass"]))
        client.add(timed(subprocess.run, [sys.executable, "-c", "from workspaced_client import Client"]))
    yield Row("import of the blocking client", client.p50 - bare.p50, "ms", goal=40)
