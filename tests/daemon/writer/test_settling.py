"""The sync of what commits leave for later: within a second, at most once a second, in nobody's way."""

import threading
from contextlib import closing

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from support.waiting import until
from support.writing import Desk, start
from workspaced.process.threads import NoThread
from workspaced.store import InMemoryWorkspaceStore, create_json_store
from workspaced.store.contract import Commit
from workspaced.writer import settling
from workspaced.writer.settling import Settling
from workspaced_protocol.datadir import HISTORY

pytestmark = pytest.mark.requirement("FR-005")


class SettledStore(InMemoryWorkspaceStore):
    """Notes each time that it is settled; that hangs while the test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = 0
        self.ended = 0
        self.goes_on = threading.Event()
        self.goes_on.set()

    def settle(self) -> None:
        self.begun += 1
        self.goes_on.wait(30)
        self.ended += 1


async def write(desk: Desk, name: str) -> None:
    (reply,) = desk.create(name)
    await reply.result()


async def test_each_commit_is_settled_within_a_second_and_many_at_once(
    nursery: trio.Nursery, mock_clock: MockClock
) -> None:
    store = SettledStore()
    desk = await start(nursery, store)
    nursery.start_soon(Settling(store, desk.writer).run)
    await wait_all_tasks_blocked()
    assert store.begun == 0
    await write(desk, "A")
    await until(lambda: store.ended == 1)
    for name in "BCD":
        await write(desk, name)
    await wait_all_tasks_blocked()
    assert store.begun == 1
    mock_clock.jump(1)
    await until(lambda: store.ended == 2)
    mock_clock.jump(60)
    await wait_all_tasks_blocked()
    assert store.begun == 2, "nothing was written since"


async def test_a_sync_that_hangs_holds_up_no_write_and_no_stop(
    nursery: trio.Nursery, mock_clock: MockClock
) -> None:
    store = SettledStore()
    store.goes_on.clear()
    desk = await start(nursery, store)
    settled = Settling(store, desk.writer)
    nursery.start_soon(settled.run)
    await write(desk, "A")
    await until(lambda: store.begun == 1)
    for name in "BC":
        await write(desk, name)
    assert desk.names() == ["A", "B", "C"]
    done = trio.Event()

    async def finish() -> None:
        await settled.finish()
        done.set()

    nursery.start_soon(finish)
    await wait_all_tasks_blocked()
    mock_clock.jump(2)
    await done.wait()
    assert (store.begun, store.ended) == (1, 0)
    store.goes_on.set()


async def test_without_a_thread_the_next_commit_is_settled(
    nursery: trio.Nursery, mock_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SettledStore()
    desk = await start(nursery, store)
    refused: list[object] = []

    async def refuse(blocking: object, *, limiter: object) -> None:
        refused.append(blocking)
        raise NoThread

    with monkeypatch.context() as patched:
        patched.setattr(settling, "run_in_thread", refuse)
        nursery.start_soon(Settling(store, desk.writer).run)
        await write(desk, "A")
        await until(lambda: bool(refused))
    mock_clock.jump(1)
    await write(desk, "B")
    await until(lambda: store.ended == 1)


async def test_the_next_start_tells_who_changed_what_before(
    nursery: trio.Nursery, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data_dir = tmp_path_factory.mktemp("data")
    with closing(create_json_store(data_dir)) as store:
        desk = await start(nursery, store)
        settled = Settling(store, desk.writer)
        for name in "AB":
            await write(desk, name)
        await settled.finish()
        before = [*desk.writer.state.history.newest_first()]
    with closing(create_json_store(data_dir)) as store:
        assert [*store.state.history.newest_first()] == before
    assert len(before) == 2
    assert (data_dir / HISTORY).stat().st_size > 0


class LaggingStore(InMemoryWorkspaceStore):
    """Lacks something after each commit, until it has caught up."""

    def __init__(self) -> None:
        super().__init__()
        self._is_behind = False
        self.caught_up = 0
        self.fails = False

    @property
    def is_behind(self) -> bool:
        return self._is_behind

    def commit(self, commit: Commit, /) -> None:
        super().commit(commit)
        self._is_behind = True

    def catch_up(self) -> None:
        self.caught_up += 1
        self._is_behind = self.fails


async def test_a_store_catches_up_a_second_after_the_last_write_and_tries_once(
    nursery: trio.Nursery, mock_clock: MockClock
) -> None:
    store = LaggingStore()
    desk = await start(nursery, store)
    for name in "ABC":
        await write(desk, name)
        await wait_all_tasks_blocked()
        mock_clock.jump(0.9)
    assert store.caught_up == 0
    mock_clock.jump(0.2)
    await until(lambda: store.caught_up == 1)
    store.fails = True
    await write(desk, "D")
    mock_clock.jump(1)
    await until(lambda: store.caught_up == 2)
    mock_clock.jump(60)
    await wait_all_tasks_blocked()
    assert store.caught_up == 2
    await write(desk, "E")


async def test_a_store_catches_up_at_a_stop(nursery: trio.Nursery, mock_clock: MockClock) -> None:
    store = LaggingStore()
    desk = await start(nursery, store)
    await write(desk, "A")
    desk.writer.stop()
    await desk.writer.finished.wait()
    assert store.caught_up == 1
