"""Readers see durable states alone, in their order: looked at after every step that any task makes."""

import random

import pytest
import trio
from trio.abc import Instrument

from support.scripted_store import ScriptedStore, disk_full, outcome_unknown
from support.waiting import until
from support.writing import Desk, create, start
from workspaced.domain import workspaces
from workspaced.domain.errors import Refused
from workspaced.store import CommitUnknown, StorageFailure


class Reader(Instrument):
    """Reads the writer's state after each step of each task."""

    def __init__(self, desk: Desk, store: ScriptedStore) -> None:
        self._desk = desk
        self._store = store
        self._newest = 0
        self.steps = 0
        self.violations: list[str] = []

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self.steps += 1
        seen = self._desk.writer.state
        same = [
            index
            for index, durable in enumerate(self._store.durable)
            if (durable.revision, durable.records) == (seen.revision, seen.records)
        ]
        if not same:
            self.violations.append(f"Revision {seen.revision} was seen before it was durable.")
        elif same[0] < self._newest:
            self.violations.append(f"Revision {seen.revision} was seen after a newer one.")
        else:
            self._newest = same[0]


@pytest.mark.requirement("T014", "T015")
@pytest.mark.parametrize("seed", range(5))
async def test_readers_see_durable_states_alone(nursery: trio.Nursery, seed: int) -> None:
    random_ = random.Random(seed)
    kinds = [None, None, None, disk_full, outcome_unknown]
    failures = [disk_full(), outcome_unknown(), *(kind and kind() for kind in random_.choices(kinds, k=20))]
    # After an unknown outcome the next attempt is the repair; it succeeds, so that no time has to pass.
    spaced = [kind for failure in failures for kind in ((failure, None) if failure else (None,))]
    store = ScriptedStore(*spaced)
    desk = await start(nursery, store)
    reader = Reader(desk, store)
    expected: set[str] = set()
    refused: set[type[Exception]] = set()

    async def work(worker: int) -> None:
        for step in range(8):
            name = f"{worker}-{step}"
            for _ in range(random_.randrange(30)):
                await trio.lowlevel.checkpoint()
            try:
                await desk.writer.write(create(name))
                expected.add(name)
                assert store.state.get(f"ws_{name}") is not None  # it is durable when it is answered
                assert desk.writer.state.get(f"ws_{name}") is not None
                await desk.writer.write(workspaces.update(f"ws_{name}", f"{name} b", None, None, 2))
                expected.symmetric_difference_update((name, f"{name} b"))
                if step % 3 == 0:
                    await desk.writer.write(workspaces.delete(f"ws_{name}", None))
                    expected.remove(f"{name} b")
                    assert store.state.get(f"ws_{name}") is None
                if step % 3 == 1:
                    with pytest.raises(Refused):
                        await desk.writer.write(workspaces.create("ws_other", f"{name} b", "/src", 1))
            except (StorageFailure, CommitUnknown) as error:
                refused.add(type(error))
            except Refused as error:
                raise AssertionError(f"{name} was refused: {error}") from error

    trio.lowlevel.add_instrument(reader)
    async with trio.open_nursery() as workers:
        for worker in range(10):
            workers.start_soon(work, worker)
    await until(lambda: desk.status()[0] != "readOnly")
    trio.lowlevel.remove_instrument(reader)
    assert reader.violations == []
    assert reader.steps > 500
    assert set(desk.names()) == expected
    assert refused == {StorageFailure, CommitUnknown}
    assert desk.writer.state.revision == store.state.revision
