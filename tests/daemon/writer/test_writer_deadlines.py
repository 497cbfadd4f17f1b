"""The writer's limits: 5 s a write, 4,096 in the queue, and what a stop still does."""

import gc
import weakref

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from support.scripted_store import GatedStore, Reply, disk_full, outcome_unknown
from support.waiting import until
from support.writing import create, start
from workspaced.domain import workspaces
from workspaced.domain.commands import Command
from workspaced.domain.errors import NameConflict, Overloaded, ShuttingDown
from workspaced.domain.outcome import Outcome
from workspaced.domain.state import State
from workspaced.store import CommitUnknown, InMemoryWorkspaceStore
from workspaced.writer.pending import WriteTimeout
from workspaced_protocol.models import Workspace


class Counted:
    """A command that counts how often it ran."""

    def __init__(self, command: Command) -> None:
        self.runs = 0
        self._command = command

    def __call__(self, state: State) -> Outcome:
        self.runs += 1
        return self._command(state)


@pytest.mark.requirement("T014")
async def test_a_write_that_waits_five_seconds_is_withdrawn_for_ever(
    nursery: trio.Nursery, gated: GatedStore, mock_clock: MockClock
) -> None:
    desk = await start(nursery, gated)
    desk.create("A")
    hanging = await gated.next_commit()
    mock_clock.jump(1)
    late = Counted(create("Late"))
    reply = desk.submit(late)
    mock_clock.jump(4.99)
    await wait_all_tasks_blocked()
    assert reply.answers == []
    mock_clock.jump(0.02)
    refusal = await reply.refusal(WriteTimeout)
    assert "not applied" in refusal.message
    assert "5 s" in refusal.message
    hanging.succeed()
    await until(lambda: desk.names() == ["A"])
    (after,) = desk.create("B")
    await gated.succeed()
    assert isinstance(await after.result(), Workspace)
    assert late.runs == 0
    assert [attempt.names() for attempt in gated.attempts] == [["A"], ["A", "B"]]
    assert desk.names() == ["A", "B"]
    assert desk.topics() == ["workspace.created"] * 2
    assert len(reply.answers) == 1


@pytest.mark.requirement("T014")
async def test_a_commit_that_takes_five_seconds_is_of_unknown_outcome_and_ends_in_its_own_time(
    nursery: trio.Nursery, gated: GatedStore, mock_clock: MockClock
) -> None:
    desk = await start(nursery, gated)
    replies = desk.create("A", "B")
    hanging = await gated.next_commit()
    mock_clock.jump(4.99)
    await wait_all_tasks_blocked()
    assert [reply.answers for reply in replies] == [[], []]
    mock_clock.jump(0.02)
    refusals = [await reply.refusal(CommitUnknown) for reply in replies]
    assert [refusal.data for refusal in refusals] == [{"revision": 1}, {"revision": 2}]
    assert "5 s" in refusals[0].message
    assert "revision 1" in refusals[0].message
    mock_clock.jump(1000)
    await wait_all_tasks_blocked()
    assert desk.names() == []
    assert desk.topics() == []
    hanging.succeed()
    await until(lambda: desk.names() == ["A", "B"])
    assert desk.writer.state.revision == 2
    assert desk.topics() == ["workspace.created"] * 2
    assert desk.status() == ("ok", None)
    assert [len(reply.answers) for reply in replies] == [1, 1]


@pytest.mark.parametrize("failure", [disk_full(), outcome_unknown()], ids=["disk full", "unknown"])
async def test_a_commit_may_still_fail_after_its_callers_were_answered(
    nursery: trio.Nursery, gated: GatedStore, mock_clock: MockClock, failure: Exception
) -> None:
    desk = await start(nursery, gated)
    (early,) = desk.create("A")
    attempt = await gated.next_commit()
    mock_clock.jump(5.01)
    await early.refusal(CommitUnknown)
    attempt.fail(failure)
    await until(lambda: desk.status()[0] != "ok")
    assert len(early.answers) == 1
    assert desk.names() == []


async def test_a_refusal_held_by_a_commit_that_hangs_is_told_as_not_applied(
    nursery: trio.Nursery, gated: GatedStore, mock_clock: MockClock
) -> None:
    desk = await start(nursery, gated)
    _, refused = desk.create("A", "a")
    await gated.next_commit()
    mock_clock.jump(5.01)
    assert isinstance(await refused.result(), (WriteTimeout, NameConflict))


@pytest.mark.requirement("T014")
async def test_reads_go_on_while_the_disk_hangs(nursery: trio.Nursery, gated: GatedStore) -> None:
    desk = await start(nursery, gated)
    desk.create("A")
    await gated.succeed()
    await until(lambda: desk.names() == ["A"])
    desk.create("B")
    await gated.next_commit()
    assert desk.writer.state.get("ws_A") is not None
    assert desk.writer.state.get_by_name("a") is not None
    assert desk.names() == ["A"]


async def test_each_write_has_its_own_five_seconds(
    nursery: trio.Nursery, gated: GatedStore, mock_clock: MockClock
) -> None:
    desk = await start(nursery, gated)
    replies: list[Reply] = []
    for name in "ABCDE":
        replies += desk.create(name)
        mock_clock.jump(1)
        await wait_all_tasks_blocked()
    for count in range(1, 6):
        await wait_all_tasks_blocked()
        assert [len(reply.answers) for reply in replies] == [1] * count + [0] * (5 - count)
        mock_clock.jump(1)


async def test_a_write_is_told_to_be_withdrawn_exactly_when_it_never_ran(
    nursery: trio.Nursery, gated: GatedStore, mock_clock: MockClock
) -> None:
    """The time passes while the commands of a large batch run."""
    desk = await start(nursery, gated)
    counted = [Counted(create(f"{number:03}")) for number in range(300)]
    replies = [desk.submit(command) for command in counted[:150]]

    def slow(state: State) -> Outcome:
        mock_clock.jump(6)
        return Outcome(state.revision)

    desk.submit(slow)
    replies += [desk.submit(command) for command in counted[150:]]
    attempt = await gated.next_commit()
    await wait_all_tasks_blocked()
    answers = [await reply.result() for reply in replies]
    assert [isinstance(answer, WriteTimeout) for answer in answers] == [
        command.runs == 0 for command in counted
    ]
    committed = {f"{number:03}" for number, answer in enumerate(answers) if isinstance(answer, CommitUnknown)}
    assert committed == set(attempt.names())
    assert len(committed) >= 150
    attempt.succeed()


async def test_the_write_over_the_limit_is_refused_at_once(nursery: trio.Nursery, gated: GatedStore) -> None:
    desk = await start(nursery, gated)
    desk.create("A")
    hanging = await gated.next_commit()
    waiting = [desk.submit(workspaces.remove(f"ws_{number}")) for number in range(4096)]
    over = Counted(create("B"))
    refusal = desk.submit(over)
    assert len(refusal.answers) == 1
    assert "4,096" in (await refusal.refusal(Overloaded)).message
    hanging.succeed()
    for reply in waiting:
        assert await reply.result() is None
    assert over.runs == 0
    (after,) = desk.create("C")
    await gated.succeed()
    assert isinstance(await after.result(), Workspace)
    assert desk.names() == ["A", "C"]


async def test_a_stop_commits_what_is_queued_and_takes_no_more(
    nursery: trio.Nursery, gated: GatedStore
) -> None:
    desk = await start(nursery, gated)
    (first,) = desk.create("A")
    one = await gated.next_commit()
    queued = desk.create("B", "C")
    desk.writer.stop()
    late = Counted(create("D"))
    assert "stopping" in (await desk.submit(late).refusal(ShuttingDown)).message
    await wait_all_tasks_blocked()
    assert not desk.writer.finished.is_set()
    one.succeed()
    two = await gated.next_commit()
    assert isinstance(await first.result(), Workspace)
    assert not desk.writer.finished.is_set()
    two.succeed()
    await desk.writer.finished.wait()
    assert [type(await reply.result()) for reply in queued] == [Workspace, Workspace]
    await desk.submit(late).refusal(ShuttingDown)
    assert late.runs == 0
    assert desk.names() == ["A", "B", "C"]


async def test_a_stop_with_nothing_to_do_ends_the_writer() -> None:
    async with trio.open_nursery() as nursery:
        desk = await start(nursery, InMemoryWorkspaceStore())
        desk.writer.stop()
        await desk.writer.finished.wait()
    # The nursery has ended: `run` has returned, and so has all that it started.


async def test_writes_that_run_out_of_time_during_a_stop_are_withdrawn(
    nursery: trio.Nursery, gated: GatedStore, mock_clock: MockClock
) -> None:
    desk = await start(nursery, gated)
    desk.create("A")
    hanging = await gated.next_commit()
    (queued,) = desk.create("B")
    desk.writer.stop()
    mock_clock.jump(5.01)
    await queued.refusal(WriteTimeout)
    assert not desk.writer.finished.is_set()
    hanging.succeed()
    await desk.writer.finished.wait()
    assert desk.names() == ["A"]


async def test_an_answered_write_is_kept_no_longer(nursery: trio.Nursery) -> None:
    """What it held can be a line of 1 MiB, and thousands are answered within the time of a deadline."""
    desk = await start(nursery, InMemoryWorkspaceStore())
    command = Counted(create("A"))
    kept = weakref.ref(command)
    await desk.submit(command).result()
    del command
    (after,) = desk.create("B")
    await after.result()
    gc.collect()
    assert kept() is None
