"""What is measured of the SQLite store: its writes beside bare sqlite3, at several sizes in turns, and its restore."""

import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from bench import machines
from bench.distributions import Distribution
from bench.machines import service_workspace
from bench.results import Row
from bench.scenarios import settle, timed, with_directories
from support.daemon_process import Home, running_daemon
from workspaced.domain.state import State
from workspaced.store.contract import Commit
from workspaced.store.sqlite import create_sqlite_store
from workspaced_client import Client

SMALL = 50


@dataclass
class Measured:
    """A daemon on a database of some size, sqlite3 beside it on as many rows, and their times."""

    client: Client
    peer: machines.Sqlite
    id_: str
    times: dict[str, Distribution]

    def deeds(self, number: int) -> dict[str, Callable[[], object]]:
        """The writes of a round."""
        return {
            "create": lambda: self.client.workspaces.create(f"new {number}", "/srv"),
            "close": lambda: self.client.workspaces.close(self.id_),
            "open": lambda: self.client.workspaces.open(self.id_),
            "peer": self.peer.commit,
        }


def make_database_of(data_dir: Path, where: Path, size: int) -> str:
    """Make a database of so many workspaces with ten projects each; give the id of one whose directories are there."""
    (where / "src").mkdir(parents=True)
    first = with_directories(where, service_workspace(0, 10))
    others = (service_workspace(number, 10) for number in range(1, size))
    with closing(create_sqlite_store(data_dir)) as store:
        state = State.of([first, *others], 1, store_id=store.state.store_id)
        store.commit(Commit(state, is_whole=True))
    return first.id


def sqlite_writes(sizes: tuple[int, ...], rounds: int) -> Iterator[Row]:
    """Writes at each size in turns, beside sqlite3 in process (WAL, FULL, one row)."""
    with machines.measured_directory() as where, ExitStack() as stack:
        measured = {size: _start(stack, where / str(size), size) for size in sizes}
        for number in range(rounds):
            for each in measured.values():
                for name, deed in each.deeds(number).items():
                    settle()
                    each.times.setdefault(name, Distribution()).add(timed(deed))
                each.client.workspaces.delete(each.client.workspaces.get(name=f"new {number}").id)
        for each in measured.values():
            each.peer.close()
    for size, each in measured.items():
        for name in ("create", "open", "close"):
            yield Row.latency(f"SQLite: {name} at {size:,}", each.times[name])
            goal = 3.0 if size <= 10_000 else None
            yield Row.ratio(
                f"SQLite: {name} at {size:,}, p50 to sqlite3", each.times[name], each.times["peer"], goal
            )
        yield Row.latency(f"peer: sqlite3, one row of {size:,}", each.times["peer"])
    for size in sizes[1:]:
        for name in ("create", "open", "close"):
            beside = measured[SMALL].times[name]
            limit = 1.2 if size <= 10_000 else 1.5
            yield Row.ratio(
                f"SQLite: {name} at {size:,} to one at {SMALL}", measured[size].times[name], beside, limit
            )


def _start(stack: ExitStack, where: Path, size: int) -> Measured:
    """Start a daemon on a new database."""
    id_ = make_database_of(where / "data", where, size)
    socket = stack.enter_context(machines.short_directory()) / "s"
    daemon = stack.enter_context(running_daemon(Home(where, socket=socket)))
    client = stack.enter_context(daemon.client())
    peer = machines.Sqlite(where, [service_workspace(number, 10) for number in range(size)])
    return Measured(client, peer, id_, {})


def sqlite_restores(size: int, rounds: int) -> Iterator[Row]:
    """Opening a database of so many workspaces, in this process."""
    with machines.measured_directory() as where:
        make_database_of(where / "data", where, size)
        times = [timed(lambda: create_sqlite_store(where / "data").close()) * 1000 for _ in range(rounds)]
    yield Row(f"SQLite: restore of {size:,}, p50", statistics.median(times), "ms", goal=150)
