"""A store that others write to as well: what they were faster with, and the news of what they have committed."""

import random

import msgspec
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from support.scripted_store import GatedStore, outcome_unknown
from support.shared_store import SharedMemory, SharedStore
from support.waiting import until
from support.writing import Desk, begin, create, start
from workspaced.domain import workspaces
from workspaced.domain.errors import NameConflict
from workspaced.store.contract import Commit, CommitUnknown, Overtaken
from workspaced.writer.pending import WriteTimeout
from workspaced_protocol.models import Peer, Workspace


async def two_desks(nursery: trio.Nursery) -> tuple[Desk, Desk]:
    memory = SharedMemory()
    return await start(nursery, memory.open()), await start(nursery, memory.open())


async def test_news_reach_readers_and_subscribers_without_a_write(nursery: trio.Nursery) -> None:
    here, there = await two_desks(nursery)
    reply = there.submit(create("A"), "cor_there", "workspace.create")
    assert isinstance(await reply.result(), Workspace)
    await until(lambda: here.names() == ["A"])
    assert here.writer.state.revision == there.writer.state.revision == here.hub.revision == 1
    assert here.told() == there.told()
    (event,) = here.events
    assert event.text == there.events[0].text
    assert event.cause.peer == Peer(1, 1)
    assert [entry.name for entry in here.writer.state.history.entries] == ["A"]


async def test_what_was_overtaken_is_applied_to_what_the_others_left(nursery: trio.Nursery) -> None:
    here, there = await two_desks(nursery)
    # Neither waits for the news of the other's write: one of them is overtaken.
    replies = [here.create("A", "B"), there.create("C", "D")]
    made = [await reply.result() for several in replies for reply in several]
    assert all(isinstance(each, Workspace) for each in made)
    await until(lambda: here.names() == there.names() == ["A", "B", "C", "D"])
    assert [*here.writer.state.records.items()] == [*there.writer.state.records.items()]
    assert sorted(each.revision for each in made if isinstance(each, Workspace)) == [1, 2, 3, 4]
    assert here.told() == there.told()
    assert [event.sequence for event in here.events] == [1, 2, 3, 4]


async def test_of_two_that_take_one_name_at_once_one_is_refused(nursery: trio.Nursery) -> None:
    here, there = await two_desks(nursery)
    replies = [
        desk.submit(workspaces.create(f"ws_{id_}", "A", "/a", 1)) for id_, desk in ((1, here), (2, there))
    ]
    answers = [await reply.result() for reply in replies]
    assert sorted(type(answer).__name__ for answer in answers) == ["NameConflict", "Workspace"]
    (conflict,) = [answer for answer in answers if isinstance(answer, NameConflict)]
    (winner,) = [answer for answer in answers if isinstance(answer, Workspace)]
    assert conflict.data["id"] == winner.id


async def test_many_writes_of_several_daemons_end_in_one_order(nursery: trio.Nursery) -> None:
    memory = SharedMemory()
    stores = [memory.open() for _ in range(3)]
    desks = [await start(nursery, store) for store in stores]
    replies = []
    for number in range(20):
        for place, desk in enumerate(desks):
            replies += desk.create(f"{place}-{number}")
        await trio.lowlevel.checkpoint()
    for reply in replies:
        assert isinstance(await reply.result(), Workspace)
    await until(lambda: all(desk.writer.state.revision == 60 for desk in desks))
    assert len({tuple(desk.names()) for desk in desks}) == 1
    for desk in desks:
        assert [event.event.revision for event in desk.events] == [*range(1, 61)]
        assert [entry.revision for entry in desk.writer.state.history.entries] == [*range(1, 61)]
    assert sum(store.overtaken for store in stores) > 0


async def test_changes_that_the_store_lost_track_of_are_a_gap_for_subscribers(nursery: trio.Nursery) -> None:
    memory = SharedMemory()
    store = memory.open()
    here, there = await start(nursery, store), await start(nursery, memory.open())
    await here.create("A")[0].result()
    subscription = here.hub.subscribe(None, None, lambda: None)
    store.cut_off("No network.", 1)
    for reply in there.create("B", "C"):
        await reply.result()
    await there.submit(begin("ss_1", "ws_B", 1)).result()
    store.loses_track = True
    store.come_back()
    await until(lambda: here.names() == ["A", "B", "C"])
    told = [msgspec.json.decode(text)["params"] for text in subscription.take(1 << 20)]
    assert [event["topic"] for event in told] == ["events.gap", "session.began"]
    assert told[0]["payload"] == {"from": 2, "to": 3}
    await there.create("D")[0].result()
    await until(lambda: "D" in here.names())
    assert here.topics()[-1] == "workspace.created"


class AlwaysOvertaken(SharedStore):
    """Somebody else is always faster."""

    def commit(self, commit: Commit, /) -> None:
        self.attempts += 1
        raise Overtaken


async def test_a_write_is_tried_until_its_deadline_and_then_never_applied(
    nursery: trio.Nursery, mock_clock: MockClock
) -> None:
    mock_clock.rate = 1.0  # so that the pauses between its attempts pass by themselves
    store = AlwaysOvertaken(SharedMemory())
    desk = await start(nursery, store)
    settled: list[float] = []
    answers: list[object] = []
    desk.writer.submit(create("A"), answers.append, on_settled=lambda: settled.append(trio.current_time()))
    await until(lambda: store.attempts == 3)
    assert answers == []
    mock_clock.jump(5)
    desk.writer.stop()
    await desk.writer.finished.wait()
    # Unknown, if the deadline passes while an attempt is under way.
    assert [type(answer) for answer in answers] in ([WriteTimeout], [CommitUnknown])
    assert len(settled) == 1
    assert (desk.names(), desk.status()) == ([], ("ok", None))


async def test_a_deadline_between_two_attempts_is_told_with_its_cause(
    nursery: trio.Nursery, mock_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    def longest_pause(_: float, longest_seconds: float) -> float:
        pauses.append(longest_seconds)
        return longest_seconds

    monkeypatch.setattr(random, "uniform", longest_pause)
    store = GatedStore()
    desk = await start(nursery, store)
    (reply,) = desk.create("A")
    attempt = await store.next_commit()
    mock_clock.jump(4.995)
    attempt.fail(Overtaken())
    await until(lambda: pauses != [])
    await wait_all_tasks_blocked()
    assert pauses == [0.01]
    mock_clock.jump(0.006)
    refusal = await reply.refusal(WriteTimeout)
    assert refusal.message == (
        "Other machines were faster with each attempt at the write for 5 s: it was not applied. Try again."
    )
    mock_clock.jump(1)
    await wait_all_tasks_blocked()
    assert len(store.attempts) == 1


class UnknownOnce(SharedStore):
    """Its first commit fails, and nobody knows whether it is there."""

    fails = True

    def commit(self, commit: Commit, /) -> None:
        if self.fails:
            self.fails = False
            raise outcome_unknown()
        super().commit(commit)


@pytest.mark.parametrize("others_go_on", [True, False])
async def test_an_unknown_outcome_is_settled_by_what_the_others_have(
    nursery: trio.Nursery, others_go_on: bool
) -> None:
    memory = SharedMemory()
    here, there = await start(nursery, UnknownOnce(memory)), await start(nursery, memory.open())
    if others_go_on:
        await there.create("B")[0].result()
    (reply,) = here.create("A")
    await reply.refusal(CommitUnknown)
    await until(lambda: here.status() == ("ok", None))
    assert here.names() == (["B"] if others_go_on else [])
    await here.create("C")[0].result()
    await until(lambda: there.names() == here.names())
