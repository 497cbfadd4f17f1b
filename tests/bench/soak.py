"""Mixed load with kills and restarts for a long time, which ends by checking every answered write: `make soak`.

Each writer has workspaces of its own and keeps what it was answered. Its client reconnects by itself,
with a request key on every write, so that each write has an answer in the end; where it has none
in its time, either outcome is right, and the next read tells which.
"""

import argparse
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from bench import machines
from bench.distributions import percentile
from support.daemon_process import DaemonProcess, Home, running_daemon
from support.process_costs import memory_kb
from workspaced.store import create_json_store
from workspaced_client import Client, NotFound, Unanswered, Workspace, WorkspacedError, WriteTimeout
from workspaced_client.errors import CommitUnknown
from workspaced_client.events import Event, EventStream

_WRITERS = 8
_READERS = 2
_TIMEOUT_SECONDS = 30.0
_DISK_SECONDS = 120.0


@dataclass
class Report:
    """What the threads found; each list is only added to."""

    writes_ms: list[float] = field(default_factory=list[float])
    reads_ms: list[float] = field(default_factory=list[float])
    unanswered: list[str] = field(default_factory=list[str])
    events: int = 0
    gaps: int = 0
    restarts: int = 0
    memory_kb: list[int] = field(default_factory=list[int])


class Writer:
    """One app: what it knows of its workspaces must be what the store holds."""

    def __init__(self, number: int, client: Client, report: Report, chance: random.Random) -> None:
        self._prefix = f"soak {number} "
        self._client = client
        self._report = report
        self._random = chance
        self._count = 0
        self.known: dict[str, Workspace] = {}

    def step(self) -> None:
        """One write, chosen by chance; afterwards a read that must see it."""
        if len(self.known) < 3 or (len(self.known) < 20 and self._random.random() < 0.1):
            self._create()
            return
        id_ = self._random.choice(sorted(self.known))
        workspace = self.known[id_]
        deeds: list[Callable[[], Workspace | None]] = [
            lambda: self._client.workspaces.update(id_, root_path=f"/srv/{self._random.random()}"),
            lambda: self._client.workspaces.delete(id_),
        ]
        if workspace.state == "active":
            deeds.append(lambda: self._client.workspaces.close(id_))
        else:
            deeds.append(lambda: self._client.workspaces.open(id_))
        [deed] = self._random.choices(deeds, (10, 1, 10))
        answered, result = self._timed(deed)
        if not answered:
            self._look(id_)
        elif result is None:
            del self.known[id_]
        else:
            self.known[id_] = result
            seen = self._client.workspaces.get(id_)
            assert seen == result, f"an answered write is not there: {result} was answered, {seen} is read"

    def _create(self) -> None:
        self._count += 1
        name = f"{self._prefix}{self._count}"
        answered, result = self._timed(lambda: self._client.workspaces.create(name, "/srv"))
        if answered and result is not None:
            self.known[result.id] = result
        elif not answered:
            self._wait_for_disk()
            found = self._client.store.get_by_name(name)
            if found is not None:
                self.known[found.id] = found

    def _timed(self, deed: Callable[[], Workspace | None]) -> tuple[bool, Workspace | None]:
        started_at = time.perf_counter()
        try:
            result = deed()
        except (Unanswered, CommitUnknown, WriteTimeout) as error:
            self._report.unanswered.append(str(error))
            return False, None
        self._report.writes_ms.append((time.perf_counter() - started_at) * 1000)
        return True, result

    def _look(self, id_: str) -> None:
        """The outcome is not known: what is there is right, whichever it is, once the disk has decided."""
        self._wait_for_disk()
        try:
            self.known[id_] = self._client.workspaces.get(id_)
        except NotFound:
            del self.known[id_]

    def _wait_for_disk(self) -> None:
        """Until a later write is answered: the daemon takes one after the other, so those before it are decided."""
        deadline = time.monotonic() + _DISK_SECONDS
        while True:
            try:
                self._client.store.flush()
            except (Unanswered, CommitUnknown, WriteTimeout) as error:
                if time.monotonic() > deadline:
                    raise AssertionError(f"The disk took no write for {_DISK_SECONDS:g} s.") from error
            else:
                return


def _write(writer: Writer, is_over: threading.Event) -> None:
    while not is_over.is_set():
        writer.step()


def _read(client: Client, report: Report, is_over: threading.Event) -> None:
    revision = 0
    while not is_over.is_set():
        started_at = time.perf_counter()
        for workspace in client.workspaces.list():
            client.workspaces.list(workspace.state)
            break
        report.reads_ms.append((time.perf_counter() - started_at) * 500)  # two calls
        now = client.daemon.status().revision
        assert now >= revision, f"the store went back from revision {revision} to {now}"
        revision = now


def _listen(stream: EventStream, report: Report) -> None:
    revision = 0
    for event in stream:
        if isinstance(event, Event):
            assert event.revision >= revision, f"{event} came after revision {revision}"
            revision = event.revision
            report.events += 1
        else:
            report.gaps += 1


def soak(seconds: float, where: Path, socket: Path, seed: int) -> Report:
    """Run the load. Raises AssertionError for what was lost, or is not as it should be."""
    chance = random.Random(seed)
    with running_daemon(Home(where, socket=socket), "--log-level", "error", is_executed=True) as daemon:
        return _soak(daemon, seconds, chance)


def _soak(daemon: DaemonProcess, seconds: float, chance: random.Random) -> Report:
    report = Report()
    is_over = threading.Event()
    clients = [
        Client.connect(daemon.socket, timeout_seconds=_TIMEOUT_SECONDS) for _ in range(_WRITERS + _READERS)
    ]
    writers = [
        Writer(number, client, report, random.Random(chance.random()))
        for number, client in enumerate(clients[:_WRITERS])
    ]
    stream = clients[0].events(["workspace.*"])
    with ThreadPoolExecutor(_WRITERS + _READERS + 1) as pool:
        tasks = [pool.submit(_write, writer, is_over) for writer in writers]
        tasks += [pool.submit(_read, client, report, is_over) for client in clients[_WRITERS:]]
        tasks.append(pool.submit(_listen, stream, report))
        deadline = time.monotonic() + seconds
        try:
            while time.monotonic() < deadline and not any(task.done() for task in tasks):
                is_over.wait(min(chance.uniform(2, 8), max(0.0, deadline - time.monotonic())))
                report.memory_kb.append(memory_kb(daemon.pid))
                daemon.restart(chance.choice((signal.SIGKILL, signal.SIGTERM)))
                report.restarts += 1
        finally:
            is_over.set()
            for task in tasks[:-1]:
                task.exception(timeout=2 * _TIMEOUT_SECONDS)
            stream.close()
    for task in tasks:
        task.result()
    _check(writers, clients[0])
    daemon.kill()
    for client in clients:
        client.close()
    with closing(create_json_store(daemon.data_dir)) as store:
        assert store.recovery.outcome == "clean", store.recovery
        stored = {workspace.id: workspace for workspace in store.get_all()}
        _compare(writers, stored)
    return report


def _check(writers: list[Writer], client: Client) -> None:
    _compare(writers, {workspace.id: workspace for workspace in client.store.get_all()})


def _compare(writers: list[Writer], stored: dict[str, Workspace]) -> None:
    known = {id_: workspace for writer in writers for id_, workspace in writer.known.items()}
    lost = {id_: workspace for id_, workspace in known.items() if stored.get(id_) != workspace}
    assert not lost, f"answered writes were lost: {lost}"
    assert stored.keys() == known.keys(), f"there is what nobody wrote: {stored.keys() - known.keys()}"


def main() -> int:
    """Run it, and say what it came to; 1 where something was lost."""
    parser = argparse.ArgumentParser(prog="bench.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1800, help="for how long (default: 1800)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    print(f"Soaking for {options.seconds:g} s with --seed {options.seed}.", flush=True)
    # A socket's path has at most 107 bytes, and the checkout may lie deep.
    with machines.measured_directory() as where, tempfile.TemporaryDirectory(prefix="wsd-") as short:
        try:
            report = soak(options.seconds, where, Path(short) / "s", options.seed)
        except (AssertionError, WorkspacedError) as error:
            print(f"FAILED: {error}", file=sys.stderr)
            return 1
    for name, times in (("writes", report.writes_ms), ("reads", report.reads_ms)):
        middle, late = (percentile(times, percent) for percent in (50, 99))
        print(f"{len(times):,} {name}: half within {middle:.1f} ms, 99 % within {late:.1f} ms")
    print(f"{report.restarts} kills and restarts; {len(report.unanswered)} writes without an answer")
    print(f"{report.events:,} events, {report.gaps} gaps")
    print(f"memory before each restart: {min(report.memory_kb):,} to {max(report.memory_kb):,} kB")
    print("Every answered write is there.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
