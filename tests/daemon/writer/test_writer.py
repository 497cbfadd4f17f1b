"""The writer's batches: what shares a commit, in which order, and when each write is answered."""

import random
import threading

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from support.logs import EventDict
from support.samples import workspace
from support.scripted_store import GatedStore, Reply, ScriptedStore, disk_full
from support.writing import Desk, begin, create, start
from workspaced.domain import bulk, commands, workspaces
from workspaced.domain.errors import NameConflict, NotFound
from workspaced.domain.outcome import Outcome
from workspaced.domain.state import State
from workspaced.published_event import PublishedEvent
from workspaced.store import InMemoryWorkspaceStore, StorageFailure
from workspaced.store.contract import Commit
from workspaced.writer.pending import CommandFailed
from workspaced_protocol.models import StoreRevision, Workspace


async def test_a_lone_writer_does_not_wait_for_company(
    nursery: trio.Nursery, gated: GatedStore, mock_clock: MockClock
) -> None:
    desk = await start(nursery, gated)
    (reply,) = desk.create("A")
    attempt = await gated.next_commit()
    assert mock_clock.current_time() == 0
    assert attempt.names() == ["A"]
    assert reply.answers == []
    attempt.succeed()
    created = await reply.result()
    assert isinstance(created, Workspace)
    assert (created.id, created.revision) == ("ws_A", 1)
    statistics = desk.writer.commits.statistics()
    assert (statistics.count, statistics.requests) == (1, 1)
    assert 0 < statistics.p50_ms <= statistics.p95_ms


async def test_what_arrives_during_a_commit_is_the_next_batch(
    nursery: trio.Nursery, gated: GatedStore
) -> None:
    desk = await start(nursery, gated)
    (first,) = desk.create("A")
    one = await gated.next_commit()
    others = [*desk.create(*"BCD")]
    await wait_all_tasks_blocked()
    others += desk.create(*"EF")
    await wait_all_tasks_blocked()
    assert len(gated.attempts) == 1
    one.succeed()
    await first.result()
    two = await gated.next_commit()
    assert two.names() == [*"ABCDEF"]
    assert [entry.workspace_id for entry in two.entries] == [f"ws_{name}" for name in "BCDEF"]
    assert [reply.answers for reply in others] == [[]] * 5
    two.succeed()
    results = [await reply.result() for reply in others]
    assert [result.revision for result in results if isinstance(result, Workspace)] == [2, 3, 4, 5, 6]
    await wait_all_tasks_blocked()
    assert len(gated.attempts) == 2
    statistics = desk.writer.commits.statistics()
    assert (statistics.count, statistics.requests) == (2, 6)


async def test_a_hundred_writes_at_once_share_a_commit(nursery: trio.Nursery) -> None:
    store = ScriptedStore()
    desk = await start(nursery, store)
    replies = desk.create(*(f"{number:03}" for number in range(100)))
    for reply in replies:
        assert isinstance(await reply.result(), Workspace)
    assert len(store.attempts) == 1
    assert desk.writer.commits.statistics().requests == 100


@pytest.mark.requirement("T014", "T015")
async def test_ten_saves_at_once_are_all_there(nursery: trio.Nursery) -> None:
    store = ScriptedStore()
    desk = await start(nursery, store)
    random_ = random.Random(14)
    revisions: list[int] = []

    async def save(number: int) -> None:
        for _ in range(random_.randrange(20)):
            await trio.lowlevel.checkpoint()
        saved = await desk.writer.write(workspaces.save(workspace(number), None))
        assert isinstance(saved, Workspace)
        revisions.append(saved.revision)

    async with trio.open_nursery() as writers:
        for number in range(10):
            writers.start_soon(save, number)
    assert sorted(revisions) == list(range(1, 11))
    assert desk.names() == [f"Workspace {number}" for number in range(10)]
    assert store.state == desk.writer.state
    assert store.state.revision == 10


@pytest.mark.requirement("FR-002")
async def test_of_two_creations_of_one_name_at_once_the_first_wins(nursery: trio.Nursery) -> None:
    desk = await start(nursery, InMemoryWorkspaceStore())
    first = desk.submit(workspaces.create("ws_1", "Alpha", "/src", 1))
    second = desk.submit(workspaces.create("ws_2", "ALPHA", "/src", 1))
    assert isinstance(await first.result(), Workspace)
    assert (await second.refusal(NameConflict)).data == {"id": "ws_1"}


async def test_a_batch_is_applied_in_the_order_sent(nursery: trio.Nursery, gated: GatedStore) -> None:
    desk = await start(nursery, gated)
    replies = [
        desk.submit(command)
        for command in (
            create("A"),
            workspaces.close("ws_A", None, 2),
            workspaces.update("ws_A", "Z", None, None, 2),
            create("A2"),
            workspaces.delete("ws_A", None),
            workspaces.save(workspace(1, name="z"), None),
            bulk.flush,
        )
    ]
    attempt = await gated.next_commit()
    assert attempt.names() == ["z", "A2"]
    attempt.succeed()
    results = [await reply.result() for reply in replies]
    assert [
        (result.name, result.state, result.revision) if isinstance(result, Workspace) else result
        for result in results
    ] == [
        ("A", "active", 1),
        ("A", "closed", 2),
        ("Z", "closed", 3),
        ("A2", "active", 4),
        None,
        ("z", "active", 6),
        StoreRevision(6),
    ]
    assert [(each.event.topic, each.event.revision) for each in desk.events] == [
        ("workspace.created", 1),
        ("workspace.updated", 2),
        ("workspace.updated", 3),
        ("workspace.created", 4),
        ("workspace.deleted", 5),
        ("workspace.created", 6),
    ]


async def test_a_store_is_told_what_changed_since_its_last_commit(
    nursery: trio.Nursery, gated: GatedStore
) -> None:
    desk = await start(nursery, gated)
    desk.create("A", "B")
    await gated.succeed()
    desk.submit(workspaces.remove("ws_A"))
    attempt = await gated.next_commit()
    assert [(entry.workspace_id, entry.after) for entry in attempt.entries] == [("ws_A", None)]
    attempt.succeed()
    desk.submit(bulk.flush)
    desk.create("C")
    attempt = await gated.next_commit()
    assert attempt.is_whole  # a flush writes everything again
    attempt.succeed()


async def test_what_changes_nothing_needs_no_commit(nursery: trio.Nursery) -> None:
    store = ScriptedStore()
    desk = await start(nursery, store)
    assert await desk.submit(workspaces.remove("ws_unknown")).result() is None
    assert (await desk.submit(workspaces.close("ws_unknown", None, 1)).refusal(NotFound)).data == {
        "id": "ws_unknown"
    }
    assert store.attempts == []
    assert desk.writer.commits.statistics().count == 0


async def test_a_refusal_that_rests_on_the_batch_waits_until_it_is_durable(
    nursery: trio.Nursery, gated: GatedStore
) -> None:
    desk = await start(nursery, gated)
    early = desk.submit(workspaces.delete("ws_A", None))
    (first,) = desk.create("A")
    (second,) = desk.create("a")
    attempt = await gated.next_commit()
    await early.refusal(NotFound)  # it rests on what is durable already
    await wait_all_tasks_blocked()
    assert (first.answers, second.answers) == ([], [])
    attempt.succeed()
    assert (await second.refusal(NameConflict)).data == {"id": "ws_A"}
    assert isinstance(await first.result(), Workspace)


async def test_a_refusal_that_rests_on_a_failed_batch_is_no_refusal(
    nursery: trio.Nursery, gated: GatedStore
) -> None:
    desk = await start(nursery, gated)
    (first,) = desk.create("A")
    (second,) = desk.create("a")
    (await gated.next_commit()).fail(disk_full())
    await first.refusal(StorageFailure)
    await second.refusal(StorageFailure)
    (again,) = desk.create("a")
    await gated.succeed()
    assert isinstance(await again.result(), Workspace)


@pytest.mark.requirement("FR-008")
async def test_a_refusal_that_rests_on_a_session_of_a_failed_batch_is_no_refusal(
    nursery: trio.Nursery, gated: GatedStore
) -> None:
    desk = await start(nursery, gated)
    desk.create("A")
    await gated.succeed()
    began = desk.submit(begin("ss_1", "ws_A", 1))
    delete = desk.submit(workspaces.delete("ws_A", None))
    desk.create("B")
    attempt = await gated.next_commit()
    await wait_all_tasks_blocked()
    assert (began.answers, delete.answers) == ([], [])
    attempt.fail(disk_full())
    await began.refusal(StorageFailure)
    await delete.refusal(StorageFailure)  # there never was a session that it could rest on


@pytest.mark.requirement("FR-002")
async def test_a_key_repeated_in_a_batch_is_applied_once(nursery: trio.Nursery) -> None:
    store = ScriptedStore()
    desk = await start(nursery, store)
    keyed = commands.once("key", create("A"))
    again = commands.once("key", workspaces.create("ws_other", "B", "/src", 1))
    replies = [desk.submit(command) for command in (keyed, again, keyed)]
    results = [await reply.result() for reply in replies]
    assert len(store.attempts) == 1
    assert results == [results[0]] * 3
    assert desk.names() == ["A"]
    assert desk.topics() == ["workspace.created"]
    assert desk.writer.state.revision == 1


async def test_a_command_that_breaks_hurts_its_caller_alone(
    nursery: trio.Nursery,
) -> None:
    def broken(_: State) -> Outcome:
        raise ZeroDivisionError("a secret of the daemon")

    desk = await start(nursery, InMemoryWorkspaceStore())
    (first,) = desk.create("A")
    failed = desk.submit(broken, "cor_1")
    (last,) = desk.create("B")
    refusal = await failed.refusal(CommandFailed)
    assert "secret" not in refusal.message
    assert isinstance(await first.result(), Workspace)
    assert isinstance(await last.result(), Workspace)
    assert desk.names() == ["A", "B"]
    assert isinstance(refusal.__cause__, ZeroDivisionError)


async def test_a_large_batch_gives_others_their_turn(nursery: trio.Nursery) -> None:
    desk = await start(nursery, InMemoryWorkspaceStore())
    turns = 0
    turns_seen: set[int] = set()

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    def command(_: State) -> Outcome:
        turns_seen.add(turns)
        return Outcome(None)

    nursery.start_soon(other)
    replies = [desk.submit(command) for _ in range(1000)]
    for reply in replies:
        await reply.result()
    # Not more often either: their turns take longer than a command, and the batch has a deadline.
    assert 10 <= len(turns_seen) <= 20


async def test_write_raises_what_refuses_it(nursery: trio.Nursery) -> None:
    desk = await start(nursery, InMemoryWorkspaceStore())
    assert await desk.writer.write(workspaces.remove("ws_A")) is None
    with pytest.raises(NotFound):
        await desk.writer.write(workspaces.delete("ws_A", None))


@pytest.mark.requirement("FR-009")
async def test_answers_and_readers_come_before_events(nursery: trio.Nursery, gated: GatedStore) -> None:
    desk = await start(nursery, gated)
    first, second = desk.create("A", "B")
    seen: list[tuple[int, int, list[str]]] = []
    desk.hub.listen(lambda _: seen.append((len(first.answers), len(second.answers), desk.names())))
    attempt = await gated.next_commit()
    await wait_all_tasks_blocked()
    assert seen == []
    assert desk.names() == []
    attempt.succeed()
    await second.result()
    assert seen == [(1, 1, ["A", "B"])] * 2


@pytest.mark.requirement("FR-009", "T014")
async def test_a_listener_may_write_however_deeply_that_nests(
    nursery: trio.Nursery, logged: list[EventDict]
) -> None:
    desk = await start(nursery, InMemoryWorkspaceStore())
    done = trio.Event()
    replies: list[Reply] = []

    def listener(published: PublishedEvent) -> None:
        if published.event.revision == 100:
            done.set()
        else:
            replies.extend(desk.create(f"{published.event.revision:03}"))
        raise ConnectionError("the subscriber is gone")

    desk.hub.listen(listener)
    replies += desk.create("first")
    await done.wait()
    assert [type(await reply.result()) for reply in replies] == [Workspace] * 100
    assert [each.sequence for each in desk.events] == list(range(1, 101))
    assert len(logged) == 100  # each failed delivery is logged, and fails no write


@pytest.mark.requirement("FR-009", "FR-010")
async def test_an_event_carries_the_correlation_of_its_request(nursery: trio.Nursery) -> None:
    desk = await start(nursery, InMemoryWorkspaceStore())
    one = desk.submit(create("A"), "cor_1")
    two = desk.submit(create("B"), "cor_2")
    await one.result()
    await two.result()
    assert [event.cause.correlation_id for event in desk.events] == ["cor_1", "cor_2"]


async def test_a_write_waits_for_the_writer_to_run(nursery: trio.Nursery) -> None:
    desk = Desk(InMemoryWorkspaceStore())
    (reply,) = desk.create("A")
    await wait_all_tasks_blocked()
    assert reply.answers == []
    await nursery.start(desk.writer.run)
    assert isinstance(await reply.result(), Workspace)


class UntidyStore(InMemoryWorkspaceStore):
    """Tidying takes it as long as the test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.commits = 0
        self.may_end = threading.Event()

    def commit(self, commit: Commit, /) -> None:
        self.commits += 1
        super().commit(commit)

    def tidy(self) -> None:
        self.may_end.wait()


async def test_nobody_waits_for_what_a_commit_left_to_be_done_but_the_next_one_and_the_end(
    nursery: trio.Nursery,
) -> None:
    store = UntidyStore()
    desk = await start(nursery, store)
    (first,) = desk.create("A")
    assert isinstance(await first.result(), Workspace)
    assert desk.names() == ["A"]
    (second,) = desk.create("B")
    await wait_all_tasks_blocked()
    assert (store.commits, second.answers) == (1, [])
    store.may_end.set()
    assert isinstance(await second.result(), Workspace)
    store.may_end.clear()
    (third,) = desk.create("C")
    await third.result()
    desk.writer.stop()
    await wait_all_tasks_blocked()
    assert not desk.writer.finished.is_set()
    store.may_end.set()
    await desk.writer.finished.wait()
