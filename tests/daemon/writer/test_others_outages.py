"""A shared store that can't be reached for a while: reads go on, writes are refused, and it recovers by itself."""

import pytest
import trio
from trio.testing import MockClock

from support.scripted_store import outcome_unknown
from support.shared_store import SharedMemory, SharedStore
from support.waiting import until
from support.writing import create, start
from workspaced.domain.clock import now_ms
from workspaced.store.contract import Commit, CommitUnknown, StorageFailure
from workspaced_protocol.daemon_models import StoreStatus
from workspaced_protocol.models import Workspace

NO_NETWORK = "etcd can't be reached: check the network."


async def test_an_outage_is_told_with_its_beginning_and_its_end(nursery: trio.Nursery) -> None:
    memory = SharedMemory()
    store = memory.open()
    here, there = await start(nursery, store), await start(nursery, memory.open())
    await here.create("A")[0].result()
    store.cut_off(NO_NETWORK, 1_000)
    await until(lambda: here.writer.status.state != "ok")
    assert here.writer.status == StoreStatus("readOnly", NO_NETWORK, 1_000)
    await there.create("B")[0].result()
    attempts = store.attempts
    refusal = await here.create("C")[0].refusal(StorageFailure)
    assert refusal.message == f"{NO_NETWORK} Nothing was applied."
    await here.create("D")[0].refusal(StorageFailure)
    assert store.attempts == attempts + 2  # each was tried
    assert here.writer.status == StoreStatus("readOnly", NO_NETWORK, 1_000)
    assert here.names() == ["A"]
    store.come_back()
    await until(lambda: here.names() == ["A", "B"])
    assert here.writer.status == StoreStatus("ok")
    assert here.told()[1:] == [("store.degraded", {"reason": NO_NETWORK}), ("store.ok", {}), there.told()[1]]
    assert isinstance(await here.create("C")[0].result(), Workspace)


async def test_a_start_in_an_outage_tells_it(nursery: trio.Nursery) -> None:
    store = SharedMemory().open()
    store.cut_off(NO_NETWORK, 5)
    desk = await start(nursery, store)
    assert desk.writer.status == StoreStatus("readOnly", NO_NETWORK, 5)


class FailsOnce(SharedStore):
    """Its first commit fails before its outage is known."""

    fails = True

    def commit(self, commit: Commit, /) -> None:
        if self.fails:
            self.fails = False
            raise StorageFailure(NO_NETWORK, 101)
        super().commit(commit)


async def test_the_failure_that_began_an_outage_ends_with_it(nursery: trio.Nursery) -> None:
    store = FailsOnce(SharedMemory())
    desk = await start(nursery, store)
    before_ms = now_ms()
    await desk.create("A")[0].refusal(StorageFailure)
    degraded = desk.writer.status
    assert (degraded.state, degraded.last_error) == ("degraded", NO_NETWORK)
    assert degraded.since is not None
    assert before_ms <= degraded.since <= now_ms()
    store.cut_off(NO_NETWORK, 7)
    await until(lambda: desk.writer.status == StoreStatus("readOnly", NO_NETWORK, 7))
    store.come_back()
    await until(lambda: desk.writer.status == StoreStatus("ok"))


class FindsOut(SharedStore):
    """Its first commit finds out that there is an outage, and fails before the writer is woken."""

    def commit(self, commit: Commit, /) -> None:
        wake, self.wake = self.wake, lambda: None
        self.cut_off(NO_NETWORK, 9)
        self.wake = wake
        super().commit(commit)


async def test_an_outage_that_a_commit_has_found_out_is_told_once(nursery: trio.Nursery) -> None:
    store = FindsOut(SharedMemory())
    desk = await start(nursery, store)
    await desk.create("A")[0].refusal(StorageFailure)
    assert desk.writer.status == StoreStatus("readOnly", NO_NETWORK, 9)
    store.wake()
    await desk.create("B")[0].refusal(StorageFailure)
    assert desk.topics() == ["store.degraded"]


class UnknownThenOut(SharedStore):
    """Its first commit is of unknown outcome, and the outage that caused it is known at the same time."""

    fails = True

    def commit(self, commit: Commit, /) -> None:
        if self.fails:
            self.fails = False
            self.cut_off(NO_NETWORK, 9)
            raise outcome_unknown()
        super().commit(commit)


async def test_what_is_unknown_is_settled_as_soon_as_an_outage_ends(
    nursery: trio.Nursery, mock_clock: MockClock
) -> None:
    """The clock stands still: so the end of the outage, and no pause, brings the repair."""
    store = UnknownThenOut(SharedMemory())
    desk = await start(nursery, store)
    await desk.create("A")[0].refusal(CommitUnknown)
    await desk.create("B")[0].refusal(StorageFailure)
    assert (desk.writer.status, desk.writer.is_in_doubt) == (StoreStatus("readOnly", NO_NETWORK, 9), True)
    for repairs in (2, 3, 4):
        mock_clock.jump(6)
        await until(lambda repairs=repairs: store.attempts == repairs)  # type: ignore[misc]  # a bound default
        await desk.create("B")[0].refusal(StorageFailure)  # so the pause has begun
    store.come_back()
    await until(lambda: desk.status() == ("ok", None))
    assert not desk.writer.is_in_doubt
    assert isinstance(await desk.create("B")[0].result(), Workspace)
    assert desk.names() == ["B"]


@pytest.mark.parametrize("is_out", [True, False])
async def test_a_stop_ends_the_writer_in_an_outage(nursery: trio.Nursery, is_out: bool) -> None:
    store = SharedMemory().open()
    desk = await start(nursery, store)
    if is_out:
        store.cut_off(NO_NETWORK, 9)
    (reply,) = desk.create("A")
    desk.writer.stop()
    await desk.writer.finished.wait()
    assert isinstance(await reply.result(), StorageFailure if is_out else Workspace)
    assert not desk.writer.is_in_doubt


async def test_a_write_that_waited_when_an_outage_began_is_tried(nursery: trio.Nursery) -> None:
    store = SharedMemory().open()
    desk = await start(nursery, store)
    replies = [desk.submit(create(name)) for name in "ABC"]
    store.cut_off(NO_NETWORK, 9)
    for reply in replies:
        await reply.refusal(StorageFailure)
    assert store.attempts >= 1
