"""Sessions end with their connection, wherever in the queue that finds them (protocol.md, session.begin)."""

import pytest
import trio
from trio.testing import MockClock

from support.scripted_store import GatedStore, ScriptedStore, disk_full, outcome_unknown
from support.waiting import until
from support.writing import Desk, begin, create, start
from workspaced.domain import workspaces
from workspaced.domain.errors import ActiveSessions, Overloaded
from workspaced.store import InMemoryWorkspaceStore, StorageFailure
from workspaced_protocol.models import Session

pytestmark = pytest.mark.requirement("FR-008")


def sessions(desk: Desk) -> list[str]:
    return sorted(desk.writer.state.sessions)


def session_events(desk: Desk) -> list[tuple[str, str]]:
    return [
        (topic, payload["sessionId"])
        for topic, payload in desk.told()
        if topic.startswith("session.") and isinstance(payload, dict)
    ]


async def with_sessions(desk: Desk) -> None:
    """Workspace A, with sessions `ss_1` and `ss_2` of connections 1 and 2."""
    replies = [desk.submit(create("A")), *(desk.submit(begin(f"ss_{n}", "ws_A", n)) for n in (1, 2))]
    for reply in replies:
        await reply.result()
    assert sessions(desk) == ["ss_1", "ss_2"]


async def with_a_session(nursery: trio.Nursery, gated: GatedStore) -> Desk:
    """Workspace A, with session `ss_1` of connection 1, over a store whose commits a test ends."""
    desk = await start(nursery, gated)
    desk.create("A")
    began = desk.submit(begin("ss_1", "ws_A", 1))
    await gated.succeed()
    await began.result()
    return desk


async def repair_once_in_vain(desk: Desk, gated: GatedStore) -> None:
    """Until the pause between two repairs has begun."""
    desk.create("B")
    for _ in range(2):
        (await gated.next_commit()).fail(outcome_unknown())
    await desk.create("C")[0].refusal(StorageFailure)


async def test_the_sessions_of_a_connection_end_with_it_and_no_others(nursery: trio.Nursery) -> None:
    store = ScriptedStore()
    desk = await start(nursery, store)
    await with_sessions(desk)
    desk.writer.end_sessions_of(1)
    desk.writer.end_sessions_of(7)
    await until(lambda: sessions(desk) == ["ss_2"])
    assert session_events(desk) == [
        ("session.began", "ss_1"),
        ("session.began", "ss_2"),
        ("session.ended", "ss_1"),
    ]
    assert len(store.attempts) == 1  # sessions are not stored


async def test_a_session_that_begins_in_the_batch_of_its_end_ends(nursery: trio.Nursery) -> None:
    desk = await start(nursery, InMemoryWorkspaceStore())
    await with_sessions(desk)
    began = desk.submit(begin("ss_3", "ws_A", 3))
    desk.writer.end_sessions_of(3)
    assert isinstance(await began.result(), Session)
    await until(lambda: sessions(desk) == ["ss_1", "ss_2"])
    assert session_events(desk)[2:] == [("session.began", "ss_3"), ("session.ended", "ss_3")]


@pytest.mark.parametrize("end_first", [True, False])
async def test_a_workspace_is_deleted_in_the_batch_that_ends_its_sessions(
    nursery: trio.Nursery, end_first: bool
) -> None:
    desk = await start(nursery, InMemoryWorkspaceStore())
    await with_sessions(desk)
    if end_first:
        desk.writer.end_sessions_of(1)
        desk.writer.end_sessions_of(2)
    delete = desk.submit(workspaces.delete("ws_A", None))
    if not end_first:
        desk.writer.end_sessions_of(2)
        desk.writer.end_sessions_of(1)
    assert await delete.result() is None
    assert desk.names() == []
    assert sessions(desk) == []
    assert session_events(desk)[2:] == [("session.ended", "ss_1"), ("session.ended", "ss_2")]
    assert desk.topics()[-1] == "workspace.deleted"


async def test_a_session_that_begins_and_ends_around_a_delete_refuses_it(nursery: trio.Nursery) -> None:
    desk = await start(nursery, InMemoryWorkspaceStore())
    await desk.submit(create("A")).result()
    began = desk.submit(begin("ss_1", "ws_A", 1))
    delete = desk.submit(workspaces.delete("ws_A", None))
    desk.writer.end_sessions_of(1)
    assert isinstance(await began.result(), Session)
    assert (await delete.refusal(ActiveSessions)).data == {"count": 1}
    assert await desk.submit(workspaces.delete("ws_A", None)).result() is None


async def test_a_session_of_a_batch_that_hangs_ends_after_it(
    nursery: trio.Nursery, gated: GatedStore
) -> None:
    desk = await start(nursery, gated)
    desk.create("A")
    began = desk.submit(begin("ss_1", "ws_A", 1))
    hanging = await gated.next_commit()
    desk.writer.end_sessions_of(1)
    delete = desk.submit(workspaces.delete("ws_A", None))
    hanging.succeed()
    assert isinstance(await began.result(), Session)
    await gated.succeed()
    assert await delete.result() is None
    assert sessions(desk) == []


@pytest.mark.parametrize("failure", [disk_full(), outcome_unknown()], ids=["disk full", "unknown"])
async def test_the_batch_after_a_failed_one_ends_them(nursery: trio.Nursery, failure: Exception) -> None:
    desk = await start(nursery, ScriptedStore(None, failure))
    await with_sessions(desk)
    desk.writer.end_sessions_of(1)
    desk.writer.end_sessions_of(2)
    await desk.create("B")[0].result()
    assert await desk.submit(workspaces.delete("ws_A", None)).result() is None
    assert sessions(desk) == []
    assert session_events(desk)[2:] == [("session.ended", "ss_1"), ("session.ended", "ss_2")]


@pytest.mark.parametrize("failure", [disk_full(), outcome_unknown()], ids=["disk full", "unknown"])
async def test_a_failed_batch_ends_them_though_nobody_writes_again(
    nursery: trio.Nursery, gated: GatedStore, failure: Exception
) -> None:
    """A session ends with its connection; a full disk has no part in it, and the next write may never come."""
    desk = await with_a_session(nursery, gated)
    desk.writer.end_sessions_of(1)
    (failed,) = desk.create("B")
    (await gated.next_commit()).fail(failure)
    assert isinstance(await failed.result(), Exception)
    if desk.status()[0] == "readOnly":
        await gated.succeed()
        await until(lambda: desk.status()[0] == "ok")
    for _ in range(100):
        await trio.lowlevel.checkpoint()
    assert sessions(desk) == []


async def test_a_repair_ends_the_sessions_of_connections_that_went_meanwhile(
    nursery: trio.Nursery, gated: GatedStore, mock_clock: MockClock
) -> None:
    desk = await with_a_session(nursery, gated)
    await repair_once_in_vain(desk, gated)
    desk.writer.end_sessions_of(1)
    await desk.create("C")[0].refusal(StorageFailure)
    mock_clock.jump(1)
    await gated.succeed()
    await until(lambda: desk.status()[0] == "ok")
    for _ in range(100):
        await trio.lowlevel.checkpoint()
    assert sessions(desk) == []


async def test_repairs_that_fail_do_not_keep_sessions_alive(
    nursery: trio.Nursery, gated: GatedStore, mock_clock: MockClock
) -> None:
    desk = await with_a_session(nursery, gated)
    await repair_once_in_vain(desk, gated)
    desk.writer.end_sessions_of(1)
    mock_clock.jump(1)
    (await gated.next_commit()).fail(outcome_unknown())
    await until(lambda: sessions(desk) == [])
    assert desk.status()[0] == "readOnly"


async def test_a_full_queue_does_not_keep_sessions_alive(nursery: trio.Nursery, gated: GatedStore) -> None:
    desk = await start(nursery, gated, queue_limit=2)
    desk.create("A")
    began = desk.submit(begin("ss_1", "ws_A", 1))
    await gated.succeed()
    await began.result()
    desk.create("B")
    hanging = await gated.next_commit()
    desk.create("C", "D")
    await desk.create("E")[0].refusal(Overloaded)
    desk.writer.end_sessions_of(1)
    hanging.succeed()
    await gated.succeed()
    await until(lambda: sessions(desk) == [])
    assert desk.names() == [*"ABCD"]


async def test_a_connection_that_goes_while_the_queue_is_emptied_ends_its_sessions(
    nursery: trio.Nursery, gated: GatedStore
) -> None:
    desk = await start(nursery, gated)
    desk.create("A")
    began = desk.submit(begin("ss_1", "ws_A", 1))
    hanging = await gated.next_commit()
    desk.create("B")
    desk.writer.stop()
    desk.writer.end_sessions_of(1)
    hanging.succeed()
    await began.result()
    await gated.succeed()
    await desk.writer.finished.wait()
    assert sessions(desk) == []


async def test_a_session_that_begins_behind_a_failed_batch_ends_with_its_connection(
    nursery: trio.Nursery, gated: GatedStore
) -> None:
    desk = await with_a_session(nursery, gated)
    (failed,) = desk.create("B")
    attempt = await gated.next_commit()
    began = desk.submit(begin("ss_2", "ws_A", 2))
    desk.writer.end_sessions_of(2)
    attempt.fail(disk_full())
    assert isinstance(await failed.result(), Exception)
    assert isinstance(await began.result(), Session)
    await until(lambda: sessions(desk) == ["ss_1"])


async def test_a_session_behind_a_full_queue_ends_with_its_connection(
    nursery: trio.Nursery, gated: GatedStore
) -> None:
    """The last write that gets into the queue, beside as many as one batch takes, begins it."""
    desk = await start(nursery, gated, queue_limit=2)
    desk.create("A")
    await gated.succeed()
    await until(lambda: desk.names() == ["A"])
    desk.create("B")
    await gated.next_commit()
    desk.create("C", "D")
    gated.open()
    while (began := desk.submit(begin("ss_1", "ws_A", 1))).answers:  # refused: the queue is full
        await trio.lowlevel.checkpoint()
    desk.writer.end_sessions_of(1)
    assert isinstance(await began.result(), Session)
    await until(lambda: not desk.writer.state.sessions)
