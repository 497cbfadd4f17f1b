"""What the writer answers and does when a commit fails (storage.md, A commit)."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from support.logs import EventDict
from support.scripted_store import GatedStore, ScriptedStore, disk_full, outcome_unknown
from support.waiting import until
from support.writing import Desk, begin, create, start
from workspaced.domain import bulk, commands, workspaces
from workspaced.domain.errors import NotFound, ShuttingDown
from workspaced.store import CommitUnknown, StorageFailure
from workspaced_protocol.models import Workspace

FULL = disk_full().message
UNKNOWN = outcome_unknown().message


@pytest.mark.requirement("T014")
async def test_a_refused_commit_changes_nothing_and_the_next_write_works(nursery: trio.Nursery) -> None:
    store = ScriptedStore(None, disk_full())
    desk = await start(nursery, store)
    (reply,) = desk.create("A")
    await reply.result()
    before = desk.writer.state
    failed = [
        *desk.create("B", "C"),
        desk.submit(workspaces.delete("ws_A", None)),
        desk.submit(workspaces.delete("ws_unknown", None)),
        desk.submit(begin("ss_1", "ws_B", 1)),
        desk.submit(workspaces.remove("ws_unknown")),
    ]
    for reply in failed:
        refusal = await reply.refusal(StorageFailure)
        assert refusal.data == {"errno": 28}
        assert refusal.message == f"{FULL} Nothing was applied."
    assert desk.writer.state is before
    assert desk.status() == ("degraded", FULL)
    again = desk.create("B", "C")
    for reply in again:
        assert isinstance(await reply.result(), Workspace)
    assert desk.status() == ("ok", None)
    assert desk.names() == ["A", "B", "C"]
    assert desk.writer.state.revision == 3
    assert store.state == desk.writer.state
    assert [(topic, payload) for topic, payload in desk.told() if topic.startswith("store.")] == [
        ("store.degraded", {"reason": FULL}),
        ("store.ok", {}),
    ]
    assert desk.topics() == [
        "workspace.created",
        "store.degraded",
        "workspace.created",
        "workspace.created",
        "store.ok",
    ]
    assert desk.writer.commits.statistics().count == 2  # a failed one is none


async def test_the_status_tells_the_newest_failure_and_events_only_of_changes(
    nursery: trio.Nursery,
) -> None:
    newer = StorageFailure("Could not write workspaces.json: Read-only file system.", 30)
    store = ScriptedStore(disk_full(), newer, None, None)
    desk = await start(nursery, store)
    for name in "ABCD":
        (reply,) = desk.create(name)
        await reply.result()
        if name == "B":
            assert desk.status() == ("degraded", newer.message)
    assert [topic for topic in desk.topics() if topic.startswith("store.")] == ["store.degraded", "store.ok"]


async def test_what_needs_no_disk_works_while_it_is_degraded(nursery: trio.Nursery) -> None:
    desk = await start(nursery, ScriptedStore(None, disk_full()))
    for name in "AB":
        (reply,) = desk.create(name)
        await reply.result()
    assert await desk.submit(workspaces.remove("ws_unknown")).result() is None
    await desk.submit(workspaces.delete("ws_unknown", None)).refusal(NotFound)
    session = await desk.submit(begin("ss_1", "ws_A", 1)).result()
    assert not isinstance(session, Exception)
    assert desk.status()[0] == "degraded"  # nothing has shown yet that the disk is well


async def test_an_unknown_outcome_is_told_with_the_revision_and_repaired_above_it(
    nursery: trio.Nursery, gated: GatedStore, logged: list[EventDict]
) -> None:
    desk = await start(nursery, gated)
    desk.create("A")
    await gated.succeed()
    await until(lambda: desk.names() == ["A"])
    replies = [*desk.create("B", "C"), desk.submit(workspaces.delete("ws_A", None))]
    (await gated.next_commit()).fail(outcome_unknown())
    refusals = [await reply.refusal(CommitUnknown) for reply in replies]
    assert [refusal.data for refusal in refusals] == [{"revision": 2}, {"revision": 3}, {"revision": 4}]
    assert all(UNKNOWN in refusal.message for refusal in refusals)
    repair = await gated.next_commit()
    assert desk.status() == ("readOnly", UNKNOWN)
    assert desk.names() == ["A"]
    assert desk.writer.state.revision == 1
    assert repair.names() == ["A"]
    assert repair.state.revision == 5  # above every one that was written
    assert repair.is_whole
    repair.succeed()
    await until(lambda: desk.status() == ("ok", None))
    assert desk.writer.state.revision == 5
    assert desk.names() == ["A"]
    assert desk.told()[-2:] == [("store.degraded", {"reason": UNKNOWN}), ("store.ok", {})]
    (after,) = desk.create("B")
    await gated.succeed()
    created = await after.result()
    assert isinstance(created, Workspace)
    assert created.revision == 6
    assert [entry["log_level"] for entry in logged] == ["error", "info"]


async def test_a_flush_of_unknown_outcome_is_repaired_too(nursery: trio.Nursery) -> None:
    store = ScriptedStore(None, outcome_unknown())
    desk = await start(nursery, store)
    (reply,) = desk.create("A")
    await reply.result()
    assert (await desk.submit(bulk.flush).refusal(CommitUnknown)).data == {"revision": 1}
    await until(lambda: desk.status() == ("ok", None))
    (after,) = desk.create("B")
    assert isinstance(await after.result(), Workspace)
    assert [state.revision for state in store.attempts] == [1, 1, 2, 3]


async def test_a_repeated_key_in_a_batch_of_unknown_outcome_is_of_unknown_outcome_too(
    nursery: trio.Nursery, gated: GatedStore
) -> None:
    desk = await start(nursery, gated)
    keyed = commands.once("key", create("A"))
    first, repeat = desk.submit(keyed), desk.submit(keyed)
    (await gated.next_commit()).fail(outcome_unknown())
    assert (await first.refusal(CommitUnknown)).data == {"revision": 1}
    # 2003 would say that nothing was applied, and the disk may hold it.
    assert (await repeat.refusal(CommitUnknown)).data == {"revision": 1}


async def test_writes_during_a_repair_are_refused_at_once(
    nursery: trio.Nursery, gated: GatedStore, mock_clock: MockClock
) -> None:
    desk = await start(nursery, gated)
    desk.create("A")
    (await gated.next_commit()).fail(outcome_unknown())
    repair = await gated.next_commit()
    (during,) = desk.create("B")
    await wait_all_tasks_blocked()
    assert during.answers == []  # the repair may succeed yet
    repair.fail(disk_full())
    refusal = await during.refusal(StorageFailure)
    assert refusal.data == {"errno": 28}
    (paused,) = desk.create("C")
    assert (await paused.refusal(StorageFailure)).message == f"{FULL} Nothing was applied."
    assert desk.status() == ("readOnly", FULL)
    mock_clock.jump(1)
    repair = await gated.next_commit()
    assert repair.names() == []
    (lucky,) = desk.create("D")
    repair.succeed()
    await gated.succeed()
    assert isinstance(await lucky.result(), Workspace)
    assert desk.names() == ["D"]
    assert [topic for topic in desk.topics() if topic.startswith("store.")] == ["store.degraded", "store.ok"]


async def test_repairs_rise_above_each_revision_that_may_be_written_and_come_slower(
    nursery: trio.Nursery, gated: GatedStore, mock_clock: MockClock
) -> None:
    desk = await start(nursery, gated)
    desk.create("A")
    await gated.succeed()
    desk.create("B")
    (await gated.next_commit()).fail(outcome_unknown())
    failures = [outcome_unknown(), disk_full(), disk_full(), *[outcome_unknown() for _ in range(6)]]
    for failure, pause in zip(failures, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0], strict=True):
        (await gated.next_commit()).fail(failure)
        await desk.create("C")[0].refusal(StorageFailure)  # so the pause has begun
        mock_clock.jump(pause - 0.01)
        await wait_all_tasks_blocked()
        (still_paused,) = desk.create("C")
        await wait_all_tasks_blocked()
        assert len(still_paused.answers) == 1
        mock_clock.jump(0.02)
    await gated.succeed()
    await until(lambda: desk.status() == ("ok", None))
    # One that was refused wrote nothing, so its revision is still free.
    assert [attempt.state.revision for attempt in gated.attempts[2:]] == [3, 4, 4, 4, 5, 6, 7, 8, 9, 10]
    assert {tuple(attempt.names()) for attempt in gated.attempts[2:]} == {("A",)}
    assert desk.writer.state.revision == 10


async def test_a_stop_does_not_wait_for_a_disk_that_can_not_be_repaired(
    nursery: trio.Nursery, gated: GatedStore, logged: list[EventDict]
) -> None:
    desk = await start(nursery, gated)
    desk.create("A")
    (await gated.next_commit()).fail(outcome_unknown())
    repair = await gated.next_commit()
    (queued,) = desk.create("B")
    desk.writer.stop()
    await desk.create("C")[0].refusal(ShuttingDown)
    repair.fail(outcome_unknown())
    await queued.refusal(StorageFailure)
    await desk.writer.finished.wait()
    assert [entry["event"] for entry in logged if entry["log_level"] == "error"] == [
        "A commit failed.",
        "The daemon is stopping, and its store is not repaired.",
    ]


async def test_a_stop_during_the_pause_between_repairs_ends_it(
    nursery: trio.Nursery, gated: GatedStore
) -> None:
    desk = await start(nursery, gated)
    desk.create("A")
    for _ in range(2):
        (await gated.next_commit()).fail(outcome_unknown())
    await desk.create("B")[0].refusal(StorageFailure)  # so the pause has begun
    desk.writer.stop()
    await desk.writer.finished.wait()
    assert len(gated.attempts) == 2


async def test_a_defect_of_the_store_leaves_nobody_waiting(gated: GatedStore) -> None:
    """Who waits for a write can't be cancelled."""
    refused: set[object] = set()

    async def wait(desk: Desk, name: str) -> None:
        try:
            await desk.writer.write(create(name))
        except (CommitUnknown, ShuttingDown) as error:
            refused.add(type(error))

    with pytest.RaisesGroup(RuntimeError, flatten_subgroups=True):
        async with trio.open_nursery() as nursery:
            desk = await start(nursery, gated)
            nursery.start_soon(wait, desk, "A")
            attempt = await gated.next_commit()
            nursery.start_soon(wait, desk, "B")
            await wait_all_tasks_blocked()
            attempt.fail(RuntimeError("a defect"))
    assert refused == {CommitUnknown, ShuttingDown}
