"""What the daemon does for a write, beside the store's own work: a writer on a store in memory, from few workspaces to many.

The writers take turns in one process, so that whatever else the machine does slows down all of them.
"""

import time
from collections.abc import Iterator

import trio

from bench.distributions import Distribution
from bench.machines import service_workspace
from bench.results import Row
from workspaced.domain import projects, sessions, workspaces
from workspaced.domain.commands import Command, once
from workspaced.domain.entries import Cause
from workspaced.domain.projects import Reachable
from workspaced.domain.state import State
from workspaced.events import EventHub
from workspaced.store import InMemoryWorkspaceStore
from workspaced.writer.actor import Writer
from workspaced_protocol.models import Peer, Session

_CAUSE = Cause("cor_01BENCH", Peer(1, 1, "bench"), "workspace.update")
_GOAL = 1.5  # a write among 100,000, to one among 50


def beside_the_store(sizes: tuple[int, ...], rounds: int) -> Iterator[Row]:
    """How long each kind of write takes at each size, and its ratio to the smallest."""
    times = trio.run(_measure, sizes, rounds)
    few = sizes[0]
    for name in _writes(0, 1):
        for size in sizes:
            yield Row.latency(f"{name} in memory at {size:,}", times[size][name], 50, at=size)
        for size in sizes[1:]:
            goal = _GOAL if size == 100_000 else None
            yield Row.ratio(
                f"{name} in memory, {size:,} to {few:,}", times[size][name], times[few][name], goal
            )


async def _measure(sizes: tuple[int, ...], rounds: int) -> dict[int, dict[str, Distribution]]:
    times = {size: {name: Distribution() for name in _writes(0, 1)} for size in sizes}
    async with trio.open_nursery() as nursery:
        writers: dict[int, Writer] = {}
        for size in sizes:
            store = InMemoryWorkspaceStore()
            store.state = State.of((service_workspace(number, 10) for number in range(size)), 1)
            writers[size] = Writer(store, EventHub(1))
            await nursery.start(writers[size].run)
        for number in range(rounds):
            for size, writer in writers.items():
                for name, command in _writes(number, size).items():
                    started_at = time.perf_counter()
                    await writer.write(command, _CAUSE)
                    times[size][name].add(time.perf_counter() - started_at)
        for writer in writers.values():
            writer.stop()
    return times


def _writes(number: int, size: int) -> dict[str, Command]:
    """The writes of one round, in order: on a workspace somewhere in the store, and on one of their own."""
    id_, own = service_workspace(number * 7919 % size, 0).id, f"ws_own{number}"
    path = f"/srv/{number}"
    found = {path: Reachable(path, (1, number))}
    session = Session(f"ss_{number:06}", own, None, 1, number)

    def keyed(name: str, command: Command) -> Command:
        return once(f"{name} {number}, a key as long as a UUID", command)

    return {
        "create": keyed("create", workspaces.create(own, f"Own {number}", path, 1_800_000_000_000 + number)),
        "update": keyed("update", workspaces.update(id_, f"Renamed {number}", path, None, number)),
        "bind": keyed("bind", projects.bind(id_, f"proj_own{number}", path, None, found, number)),
        "close": keyed("close", workspaces.close(id_, None, number)),
        "open": keyed("open", projects.open_(id_, None, {}, number)),
        "session.begin": sessions.begin_session(session, 1),
        "session.end": sessions.end_session(session.id, 1),
        "delete": keyed("delete", workspaces.delete(own, None)),
    }
