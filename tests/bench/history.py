"""What the history costs: a write with it and without it, its list, and its load at a start."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from msgspec import structs

from bench import machines
from bench.distributions import Distribution
from bench.machines import service_workspace
from bench.results import Row
from bench.scenarios import settle, timed
from workspaced.domain import workspaces
from workspaced.domain.clock import now_ms
from workspaced.domain.draft import Draft
from workspaced.domain.entries import Cause, Entry
from workspaced.domain.history import KEPT_ENTRIES
from workspaced.domain.state import State
from workspaced.store import JsonWorkspaceStore, create_json_store
from workspaced.store.contract import commit_of
from workspaced.store.disk import Disk
from workspaced.store.files import Directory
from workspaced.store.json.history_file import HistoryFile
from workspaced_protocol.models import Peer

_CAUSE = Cause("cor_01KB2V9NWR0A0YH1J3KQ3X0000", Peer(1, 1, "bench"), "workspace.update")


class _NoHistory(HistoryFile):
    """A history that is never written."""

    def add(self, directory: Directory, state: State, entries: Sequence[Entry], document: bytes) -> None:
        """Do nothing."""


class _StoreWithoutHistory(JsonWorkspaceStore):
    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self._history = _NoHistory(Disk())


def _write(store: JsonWorkspaceStore, count: int = 1) -> None:
    """Commit so many changes of the first of 50 workspaces."""
    draft = Draft(store.state)
    for number in range(count):
        workspace = structs.replace(service_workspace(number % 50, 0), updated_at=now_ms() + number)
        draft.apply(workspaces.save(workspace, None)(draft), _CAUSE, now_ms())
    store.commit(commit_of(draft))


def cost(rounds: int) -> Iterator[Row]:
    """A commit at 50 x 10, with the history and without it, in turns."""
    with machines.measured_directory() as where:
        (where / "a").mkdir()
        (where / "b").mkdir()
        machines.make_store(where / "a", 50)
        machines.make_store(where / "b", 50)
        with (
            closing(create_json_store(where / "a/data")) as with_it,
            closing(_StoreWithoutHistory(where / "b/data")) as without,
        ):
            times = {with_it: Distribution(), without: Distribution()}
            for number in range(rounds):
                for store in (with_it, without) if number % 2 else (without, with_it):
                    settle()
                    times[store].add(timed(_write, store))
                    store.tidy()
                if number % 100 == 0:
                    with_it.settle()
    yield Row.latency("a commit with the history", times[with_it], 50)
    yield Row.latency("a commit without it", times[without], 50)
    yield Row.ratio("a commit with the history, p50 to one without", times[with_it], times[without], 1.1)


def of_ten_thousand(rounds: int) -> Iterator[Row]:
    """A history of 10,000 changes: its list through a client, and a start with it."""
    with machines.measured_directory() as where:
        with closing(create_json_store(where / "data")) as store:
            for _ in range(KEPT_ENTRIES // 500):
                _write(store, 500)
            kept = len(store.state.history)
        starts = Distribution()
        for _ in range(rounds // 10 + 1):
            settle()
            starts.add(timed(_start, where / "data"))
        lists = Distribution()
        with machines.measured_daemon(where) as daemon, daemon.client() as client:
            ask = partial(client.history.list, limit=50)
            for _ in range(rounds):
                settle()
                lists.add(timed(ask))
    yield Row.latency(f"history.list of 50 among {kept:,}", lists, 50, goal_ms=2)
    yield Row.latency(f"a start with {kept:,} entries of the history", starts, 50, goal_ms=50)


def _start(data_dir: Path) -> None:
    create_json_store(data_dir).close()
