"""What is measured of starts: the store's restore, the process up to its first answer, the client's import."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench import machines
from bench.distributions import Distribution
from bench.results import Row
from bench.scenarios import fill, timed
from workspaced.store import create_json_store

# What the daemon imports before it does anything (pyproject.toml, dependencies).
_DEPENDENCIES = "import trio, msgspec, pydantic, structlog, ulid"

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
    in_process, process, imports, bare = Distribution(), Distribution(), Distribution(), Distribution()
    phases: list[list[float]] = []
    with machines.measured_directory() as where:
        with machines.measured_daemon(where) as daemon, daemon.client() as client:
            fill(client, 50)
        for _ in range(rounds * 4):
            in_process.add(timed(open_and_close_store, where))
        for _ in range(rounds):
            bare.add(timed(subprocess.run, [sys.executable, "-c", "pass"]))
            imports.add(timed(subprocess.run, [sys.executable, "-c", _DEPENDENCIES]))
            phases.append(_phases(where))
            process.add(_first_answer(where))
    yield Row.latency("restore of 50 x 10", in_process, slo_ms=500, requirement="NFR-003")
    yield Row("restore of 50 x 10, p50", in_process.p50, "ms", goal=1)
    yield Row.latency("process start to first answer", process, 50)
    yield Row.ratio("start to first answer, to its imports", process, imports, 1.5)
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


def _first_answer(where: Path) -> float:
    began_at = time.perf_counter()
    with machines.measured_daemon(where) as daemon, daemon.client() as client:
        client.daemon.ping()
        return time.perf_counter() - began_at


def imports(rounds: int) -> Iterator[Row]:
    """What the blocking client adds to the start of an app."""
    bare, client = Distribution(), Distribution()
    for _ in range(rounds):
        bare.add(timed(subprocess.run, [sys.executable, "-c", "pass"]))
        client.add(timed(subprocess.run, [sys.executable, "-c", "from workspaced_client import Client"]))
    yield Row("import of the blocking client", client.p50 - bare.p50, "ms", goal=40)
