"""A store whose commits have room for so much: what does not fit stays first in line, with the time that it has."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from support.scripted_store import GatedStore
from support.shared_store import SharedMemory, SharedStore
from support.waiting import until
from support.writing import create, start
from workspaced.domain import bulk, workspaces
from workspaced.domain.draft import Draft
from workspaced.domain.errors import NameConflict, Overloaded, RequestCancelled
from workspaced.store.contract import Commit, Overtaken
from workspaced.writer.pending import WriteTimeout
from workspaced_protocol.models import Change, Workspace


async def test_a_thousand_writes_at_once_take_as_few_commits_as_have_room_for_them(
    nursery: trio.Nursery,
) -> None:
    store = SharedMemory().open(room=40)
    desk = await start(nursery, store)
    replies = desk.create(*(f"{number:04}" for number in range(1000)))
    made = [await reply.result() for reply in replies]
    assert [each.revision for each in made if isinstance(each, Workspace)] == [*range(1, 1001)]
    assert store.sizes == [40] * 25
    assert [event.event.revision for event in desk.events] == [*range(1, 1001)]


async def test_a_write_that_takes_more_room_than_there_is_has_a_commit_of_its_own(
    nursery: trio.Nursery,
) -> None:
    store = SharedMemory().open(room=10)
    desk = await start(nursery, store)
    saved = [
        Workspace(
            id=f"ws_{name}",
            name=name,
            root_path="/src",
            state="closed",
            created_at=1,
            updated_at=1,
            projects=(),
        )
        for name in (f"big{number}" for number in range(25))
    ]
    replies = [
        *desk.create("A", "B"),
        desk.submit(bulk.apply([Change(save=each) for each in saved], None)),
        *desk.create("C"),
    ]
    for reply in replies:
        assert not isinstance(await reply.result(), Exception)
    assert store.sizes == [2, 25, 1]


async def test_what_did_not_fit_sees_what_others_did_meanwhile(nursery: trio.Nursery) -> None:
    memory = SharedMemory()
    here, there = await start(nursery, memory.open(room=3)), await start(nursery, memory.open())
    theirs = there.submit(workspaces.create("ws_1", "x", "/src", 1))
    replies = here.create(*"abcdefx")
    answers = [await theirs.result(), *[await reply.result() for reply in replies]]
    assert [type(answer) for answer in answers].count(NameConflict) == 1
    await until(lambda: len(there.names()) == 7)
    assert here.names() == there.names()


class OvertakenOnce(SharedStore):
    """Somebody is faster than its first commit."""

    def commit(self, commit: Commit, /) -> None:
        if not self.overtaken:
            self.overtaken += 1
            raise Overtaken
        super().commit(commit)


async def test_what_was_overtaken_stays_before_what_did_not_fit(nursery: trio.Nursery) -> None:
    desk = await start(nursery, OvertakenOnce(SharedMemory(), room=2))
    made = [await reply.result() for reply in desk.create(*"abcde")]
    assert [each.revision for each in made if isinstance(each, Workspace)] == [1, 2, 3, 4, 5]


class Gated(GatedStore):
    """Its commits have room for one change, and hang until the test ends them."""

    def has_room(self, draft: Draft, /) -> bool:
        return len(draft.changed) <= 1


@pytest.fixture
async def narrow() -> Gated:
    return Gated()


async def test_a_write_in_line_has_its_own_deadline(
    nursery: trio.Nursery, narrow: Gated, mock_clock: MockClock
) -> None:
    desk = await start(nursery, narrow)
    first, second = desk.create("A", "B")
    mock_clock.jump(3)
    (third,) = desk.create("C")
    attempt = await narrow.next_commit()
    mock_clock.jump(2.01)
    refusal = await second.refusal(WriteTimeout)
    assert "not applied" in refusal.message
    assert third.answers == []
    attempt.succeed()
    await narrow.succeed()
    assert isinstance(await third.result(), Workspace)
    assert desk.names() == ["A", "C"]
    assert len(first.answers) == 1


async def test_a_write_in_line_can_be_cancelled(nursery: trio.Nursery, narrow: Gated) -> None:
    desk = await start(nursery, narrow)
    desk.create("A")
    answers: list[object] = []
    withdraw = desk.writer.submit(create("B"), answers.append)
    attempt = await narrow.next_commit()
    withdraw()
    assert [type(answer) for answer in answers] == [RequestCancelled]
    attempt.succeed()
    await until(lambda: desk.names() == ["A"])
    await wait_all_tasks_blocked()
    assert len(narrow.attempts) == 1


async def test_a_stop_commits_what_is_in_line(nursery: trio.Nursery, narrow: Gated) -> None:
    desk = await start(nursery, narrow)
    replies = desk.create("A", "B", "C")
    desk.writer.stop()
    await narrow.succeed(3)
    await desk.writer.finished.wait()
    assert [type(await reply.result()) for reply in replies] == [Workspace] * 3
    assert desk.names() == ["A", "B", "C"]


async def test_a_delete_in_line_answers_in_order(nursery: trio.Nursery) -> None:
    """Each write sees those before it, whichever commit they are in."""
    store = SharedMemory().open(room=1)
    desk = await start(nursery, store)
    replies = [*desk.create("A"), desk.submit(workspaces.delete("ws_A", None)), *desk.create("A")]
    for reply in replies:
        assert not isinstance(await reply.result(), Exception)
    assert desk.topics() == ["workspace.created", "workspace.deleted", "workspace.created"]


async def test_the_queue_is_bounded_though_few_writes_leave_it(nursery: trio.Nursery, narrow: Gated) -> None:
    desk = await start(nursery, narrow, queue_limit=4)
    replies = []
    for round_ in range(6):
        replies += desk.create(*(f"{round_}-{number}" for number in range(10)))
        await narrow.succeed()
    assert len([reply for reply in replies if not reply.answers]) <= 2 * 4
    assert any(isinstance(answer, Overloaded) for reply in replies for answer in reply.answers)
    desk.writer.stop()
    narrow.open()
    await desk.writer.finished.wait()
    answers = [await reply.result() for reply in replies]
    assert [each.revision for each in answers if isinstance(each, Workspace)] == [
        *range(1, desk.writer.state.revision + 1)
    ]
