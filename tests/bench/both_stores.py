"""The two stores side by side in one run, from few workspaces to many: their writes beside peers, starts, memory and bytes.

The strategy: stores of all kinds and sizes lie side by side, and take turns of some rounds. So a slow moment of the machine
meets all of them, and their ratios hold where its times do not. Within a round each write is followed by its peer's. Before
each turn the disk is at rest: else a small store would wait for what a large one has written.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from bench import load, machines
from bench.distributions import Distribution
from bench.machines import service_workspace
from bench.results import Row
from bench.scenarios import settle, timed, with_directories
from bench.startup import first_answer
from support.daemon_process import DaemonProcess
from support.documents import STORE_ID
from support.process_costs import memory_kb, written_bytes
from support.waiting import wait_until
from workspaced.domain.state import State
from workspaced.store import create_json_store
from workspaced.store.contract import Commit, WorkspaceStore
from workspaced.store.sqlite import create_sqlite_store
from workspaced_client import Client
from workspaced_protocol.datadir import BACKUPS, DATABASE, PRIMARY

SMALL: Final = 50
_TURNS: Final = 5
_TURN_SECONDS: Final = 1.5
"""A turn ends after this, however few rounds it had: a write of a large JSON store takes its time."""

_RESTORE: Final = """
import sys, time
from pathlib import Path
from workspaced.store.kinds import open_store
import workspaced.store.sqlite
began_at = time.perf_counter()
store = open_store("auto", Path(sys.argv[1]), socket="")
print(time.perf_counter() - began_at)
store.close()
"""
"""Opening a store and nothing else, in a process of its own: in the benchmark's, its garbage collector would be measured."""

_WARMING_WRITES: Final = 120
"""So many fill the log of the SQLite store once: from then on its file does not grow, as in a daemon that has run for a while."""


@dataclass(frozen=True)
class Kind:
    """A kind of store, and the program that does the least for the same: its peer."""

    name: str
    create: Callable[[Path], WorkspaceStore]
    file: str
    peer_name: str
    peer: Callable[[Path, State], machines.BareLoop | machines.Sqlite]
    goal: float
    """How many times longer than its peer's a write may take."""


KINDS: Final = (
    Kind("JSON", create_json_store, PRIMARY, "the bare loop", machines.BareLoop, 1.5),
    Kind("SQLite", create_sqlite_store, DATABASE, "sqlite3", machines.Sqlite, 3.0),
)


@dataclass
class Stored:
    """A store of a kind and a size in a directory of its own, its peer, and what was measured of both."""

    kind: Kind
    size: int
    where: Path
    id_: str
    """A workspace whose directories are there."""
    peer: machines.BareLoop | machines.Sqlite
    times: dict[str, Distribution] = field(default_factory=dict[str, Distribution])
    rounds: int = 0
    """So many rounds of writes were measured."""

    def take(self, name: str, deed: Callable[[], object]) -> None:
        """Measure a deed, from rest."""
        settle()
        self.add(name, timed(deed))

    def add(self, name: str, seconds: float) -> None:
        """Note how long a deed took."""
        self.times.setdefault(name, Distribution()).add(seconds)

    def p50(self, name: str) -> Row:
        """Return the median of a deed as a row."""
        return Row.latency(f"{self.kind.name}: {name} at {self.size:,}", self.times[name], 50, at=self.size)


def growth(sizes: Sequence[int], *, rounds: int, starts: int, json_up_to: int) -> Iterator[Row]:
    """What each kind of store costs at each size; JSON up to a size: its commits write everything."""
    with machines.measured_directory() as where, ExitStack() as stack:
        stores = [
            stored
            for size in sizes
            for stored in _stores_of(stack, where / str(size), size, json_up_to=json_up_to)
        ]
        yield from _starts(stores, starts)
        yield from _calls(stores, rounds)


def _stores_of(stack: ExitStack, where: Path, size: int, *, json_up_to: int) -> Iterator[Stored]:
    """Make a store of each kind, with the same workspaces of ten projects each."""
    (where / "src").mkdir(parents=True)
    first = with_directories(where, service_workspace(0, 10))
    others = (service_workspace(number, 10) for number in range(1, size))
    state = State.of([first, *others], 1, store_id=STORE_ID)
    for kind in KINDS:
        if kind.file == PRIMARY and size > json_up_to:
            continue
        own = where / kind.name
        own.mkdir()
        with closing(kind.create(own / "data")) as store:
            store.commit(Commit(state, is_whole=True))
        peer = stack.enter_context(closing(kind.peer(own, state)))
        yield Stored(kind, size, own, first.id, peer)


def _starts(stores: Sequence[Stored], rounds: int) -> Iterator[Row]:
    """The opening of each store, and the whole way from a process's start to its first answer."""
    for stored in stores:
        with machines.measured_daemon(stored.where) as daemon:
            # Each later start finds this copy, and makes none.
            wait_until(lambda: _has_copy(daemon), "the daemon has made no copy of its store")
    os.sync()
    for _ in range(rounds):
        for stored in stores:
            stored.add("restore", _restore_seconds(stored.where / "data"))
            stored.add("start", first_answer(stored.where)[0])
    for stored in stores:
        restore = stored.p50("restore")
        restore.goal = 150 if stored.kind.name == "SQLite" and stored.size == 10_000 else None
        yield restore
        yield stored.p50("start")


def _has_copy(daemon: DaemonProcess) -> bool:
    with suppress(FileNotFoundError):
        return any(path.name.startswith("workspaces-") for path in (daemon.data_dir / BACKUPS).iterdir())
    return False


def _restore_seconds(data_dir: Path) -> float:
    command = [sys.executable, "-c", _RESTORE, str(data_dir)]
    return float(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def _calls(stores: Sequence[Stored], rounds: int) -> Iterator[Row]:
    """Writes at each size in turns with the peers, and what they leave; then reads."""
    with ExitStack() as stack:
        running = [
            (stored, daemon, stack.enter_context(daemon.client()))
            for stored in stores
            for daemon in [stack.enter_context(machines.measured_daemon(stored.where))]
        ]
        for stored, _, client in running:
            for _ in range(_WARMING_WRITES if stored.kind.file == DATABASE else 2):
                client.workspaces.update(stored.id_, root_path="/srv")
        before = {daemon.pid: written_bytes(daemon.pid) for _, daemon, _ in running}
        for _ in range(_TURNS):
            for stored, _, client in running:
                os.sync()
                _take_turn(stored, client, rounds // _TURNS)
        for stored, daemon, _ in running:
            yield from _write_rows(stored)
            written = (written_bytes(daemon.pid) - before[daemon.pid]) / (stored.rounds * _WRITES_A_ROUND)
            told = f"{stored.kind.name}: {{}} at {stored.size:,}"
            yield Row(told.format("bytes of a write"), written / 1000, "kB", at=stored.size)
            size_mb = (daemon.data_dir / stored.kind.file).stat().st_size / 1e6
            yield Row(told.format("file"), size_mb, "MB", at=stored.size)
            yield Row(told.format("memory"), memory_kb(daemon.pid) / 1000, "MB", at=stored.size)
        for stored, daemon, _ in running:
            _read(stored, daemon)
            yield stored.p50("get")
            yield stored.p50("list")
    yield from _beside_the_small(stores)


_WRITES_A_ROUND: Final = 4


def _take_turn(stored: Stored, client: Client, rounds: int) -> None:
    """Some rounds of writes, each from rest; the last write of a round only makes way for the next."""
    ends_at = time.perf_counter() + _TURN_SECONDS
    for _ in range(rounds):
        stored.rounds += 1
        name = f"new {stored.rounds}"
        stored.take("peer", stored.peer.commit)
        stored.take("create", partial(client.workspaces.create, name, "/srv"))
        stored.take("close", partial(client.workspaces.close, stored.id_))
        stored.take("open", partial(client.workspaces.open, stored.id_))
        client.workspaces.delete(client.workspaces.get(name=name).id)
        if time.perf_counter() > ends_at:
            return


def _write_rows(stored: Stored) -> Iterator[Row]:
    kind, size, times = stored.kind, stored.size, stored.times
    for name in ("create", "close", "open"):
        yield stored.p50(name)
        yield Row.latency(f"{kind.name}: {name} at {size:,}", times[name], at=size)
        has_goal = size == SMALL or (kind.name == "SQLite" and size == 10_000)
        ratio = f"{kind.name}: {name} at {size:,}, p50 to {kind.peer_name}"
        yield Row.ratio(ratio, times[name], times["peer"], kind.goal if has_goal else None)
    yield Row.latency(f"peer: {kind.peer_name} at {size:,}", times["peer"], 50, at=size)


def _read(stored: Stored, daemon: DaemonProcess) -> None:
    """Ask for one workspace, then for all of them."""
    with closing(machines.connect(daemon.socket)) as connected:
        get = load.request_line("workspace.get", {"id": service_workspace(7, 0).id})
        talker = load.Talker(connected, [get])
        load.talk([talker], 0.2)
        stored.times["get"] = talker.latencies
        for _ in range(5):
            stored.add("list", timed(load.ask_for_all, connected))


def _beside_the_small(stores: Sequence[Stored]) -> Iterator[Row]:
    """A write of the SQLite store at each size beside one at the smallest: it must not depend on the size."""
    smallest, *larger = (stored for stored in stores if stored.kind.name == "SQLite")
    for stored in larger:
        for name in ("create", "close", "open"):
            goal = 1.2 if stored.size <= 10_000 else 1.5
            told = f"SQLite: {name} at {stored.size:,} to one at {smallest.size}"
            yield Row.ratio(told, stored.times[name], smallest.times[name], goal)
