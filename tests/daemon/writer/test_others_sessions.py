"""Sessions on a store that several machines share: seen, guarding and ended on each of them."""

import msgspec
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from support.scripted_store import disk_full
from support.shared_store import SharedMemory, SharedStore
from support.waiting import until
from support.writing import Desk, begin, create, start
from workspaced.domain import sessions, workspaces
from workspaced.domain.commands import Command
from workspaced.domain.errors import ActiveSessions, Claimed, NotFound
from workspaced.domain.records import ELSEWHERE
from workspaced.store.contract import Commit, StorageFailure
from workspaced_protocol.models import Session, Workspace


async def two_desks(nursery: trio.Nursery) -> tuple[Desk, Desk, SharedMemory]:
    """Two machines that both have the workspace A."""
    memory = SharedMemory()
    here, there = await start(nursery, memory.open()), await start(nursery, memory.open())
    await here.create("A")[0].result()
    await until(lambda: there.names() == ["A"])
    return here, there, memory


def claim(session_id: str, machine: str) -> Command:
    session = Session(session_id, "ws_A", "agent", 7, 1, exclusive=True, machine=machine)
    return sessions.begin_session(session, 1)


async def test_a_session_is_seen_on_both_machines_until_its_connection_closes(nursery: trio.Nursery) -> None:
    here, there, _ = await two_desks(nursery)
    assert isinstance(await here.submit(begin("ss_1", "ws_A", 3)).result(), Session)
    await until(lambda: [*there.writer.state.sessions] == ["ss_1"])
    assert here.writer.state.sessions["ss_1"].connection == 3
    assert there.writer.state.sessions["ss_1"].connection == ELSEWHERE
    here.writer.end_sessions_of(3)
    await until(lambda: not there.writer.state.sessions)
    assert not here.writer.state.sessions
    told = {"sessionId": "ss_1", "workspaceId": "ws_A"}
    assert here.told()[1:] == there.told()[1:] == [("session.began", told), ("session.ended", told)]
    assert here.writer.state.revision == there.writer.state.revision == 1  # sessions take no revision


async def test_a_session_guards_a_delete_on_the_other_machine(nursery: trio.Nursery) -> None:
    here, there, _ = await two_desks(nursery)
    # Neither waits for the news of the other's write.
    began = here.submit(claim("ss_1", "devbox"))
    deleted = there.submit(workspaces.delete("ws_A", None))
    answers = [await began.result(), await deleted.result()]
    if isinstance(answers[0], Session):
        assert isinstance(answers[1], ActiveSessions)
        assert answers[1].message == (
            "Workspace “A” has 1 active session on devbox: close the sessions first."
        )
        assert answers[1].data == {"count": 1}
    else:
        assert isinstance(answers[0], NotFound)
        assert answers[1] is None


async def test_a_refused_delete_tells_where_the_sessions_are(nursery: trio.Nursery) -> None:
    here, there, _ = await two_desks(nursery)
    await here.submit(begin("ss_1", "ws_A", 1)).result()
    await here.submit(claim("ss_2", "laptop")).result()
    await there.submit(begin("ss_3", "ws_A", 1)).result()
    await until(lambda: len(there.writer.state.sessions) == len(here.writer.state.sessions) == 3)
    refusal = await there.submit(workspaces.delete("ws_A", None)).refusal(ActiveSessions)
    assert "has 3 active sessions (1 on another machine, 1 on laptop): close" in refusal.message
    refusal = await here.submit(workspaces.delete("ws_A", None)).refusal(ActiveSessions)
    assert "has 3 active sessions (1 on another machine): close" in refusal.message


async def test_of_two_machines_that_claim_a_workspace_at_once_one_is_refused(nursery: trio.Nursery) -> None:
    here, there, _ = await two_desks(nursery)
    replies = [here.submit(claim("ss_1", "laptop")), there.submit(claim("ss_2", "devbox"))]
    answers = [await reply.result() for reply in replies]
    (session,) = [answer for answer in answers if isinstance(answer, Session)]
    (claimed,) = [answer for answer in answers if isinstance(answer, Claimed)]
    assert f"“agent” (process 7 on {session.machine})" in claimed.message
    assert claimed.data == {"session": msgspec.to_builtins(session)}


async def test_only_its_own_machine_ends_a_session(nursery: trio.Nursery) -> None:
    here, there, _ = await two_desks(nursery)
    await here.submit(begin("ss_1", "ws_A", 1)).result()
    await until(lambda: "ss_1" in there.writer.state.sessions)
    await there.submit(sessions.end_session("ss_1", 1)).refusal(NotFound)
    there.writer.end_sessions_of(1)
    await there.create("B")[0].result()
    assert [*there.writer.state.sessions] == ["ss_1"]
    assert await here.submit(sessions.end_session("ss_1", 1)).result() is None


async def test_sessions_of_a_machine_that_is_not_heard_of_end_everywhere(nursery: trio.Nursery) -> None:
    here, there, memory = await two_desks(nursery)
    await here.submit(begin("ss_1", "ws_A", 1)).result()
    await until(lambda: "ss_1" in there.writer.state.sessions)
    memory.end_sessions("ss_1")
    await until(lambda: not here.writer.state.sessions and not there.writer.state.sessions)
    assert here.topics()[-1] == there.topics()[-1] == "session.ended"
    await here.submit(sessions.end_session("ss_1", 1)).refusal(NotFound)
    here.writer.end_sessions_of(1)
    assert await there.submit(workspaces.delete("ws_A", None)).result() is None


async def test_a_session_ends_before_the_delete_and_begins_after_the_creation(nursery: trio.Nursery) -> None:
    here, there, memory = await two_desks(nursery)
    await here.submit(begin("ss_1", "ws_A", 1)).result()
    await until(lambda: "ss_1" in there.writer.state.sessions)
    memory.stores[1].cut_off("No network.", 1)
    here.writer.end_sessions_of(1)
    assert await here.submit(workspaces.delete("ws_A", None)).result() is None
    await here.create("B")[0].result()
    await here.submit(begin("ss_2", "ws_B", 2)).result()
    memory.stores[1].come_back()
    await until(lambda: "ss_2" in there.writer.state.sessions)
    assert [topic for topic in there.topics()[2:] if not topic.startswith("store.")] == [
        "session.ended",
        "workspace.deleted",
        "workspace.created",
        "session.began",
    ]
    numbers = [event.event.revision for event in there.events]
    assert numbers == sorted(numbers)


class FailingStore(SharedStore):
    """Its next commits fail."""

    failures = 0

    def commit(self, commit: Commit, /) -> None:
        if self.failures:
            self.failures -= 1
            raise disk_full()
        super().commit(commit)


async def test_after_a_failed_commit_they_end_with_the_next_attempt_though_nobody_writes(
    nursery: trio.Nursery, mock_clock: MockClock
) -> None:
    mock_clock.rate = 20.0  # so that the pauses between the attempts pass by themselves
    memory = SharedMemory()
    store = FailingStore(memory)
    here, there = await start(nursery, store), await start(nursery, memory.open())
    await here.create("A")[0].result()
    await here.submit(begin("ss_1", "ws_A", 1)).result()
    store.failures = 3
    here.writer.end_sessions_of(1)
    await until(lambda: store.failures == 0)
    assert [*here.writer.state.sessions] == ["ss_1"]  # as others see it
    await until(lambda: not here.writer.state.sessions and not there.writer.state.sessions)
    assert here.status() == ("ok", None)


async def test_after_an_outage_they_end_though_nobody_writes(
    nursery: trio.Nursery, mock_clock: MockClock
) -> None:
    here, there, memory = await two_desks(nursery)
    await here.submit(begin("ss_1", "ws_A", 1)).result()
    store = memory.stores[0]
    store.cut_off("No network.", 1)
    await until(lambda: here.status()[0] == "readOnly")
    attempts = store.attempts
    here.writer.end_sessions_of(1)
    for _ in range(3):
        await wait_all_tasks_blocked()
        mock_clock.jump(6)
    assert store.attempts == attempts
    await here.create("B")[0].refusal(StorageFailure)
    assert store.attempts == attempts + 1  # for the write alone
    store.come_back()
    await until(lambda: not here.writer.state.sessions and not there.writer.state.sessions)
    assert isinstance(await here.create("B")[0].result(), Workspace)


async def test_more_sessions_than_a_commit_has_room_for_end_with_several(nursery: trio.Nursery) -> None:
    store = SharedMemory().open(room=10)
    desk = await start(nursery, store)
    await desk.create("A")[0].result()
    replies = [desk.submit(begin(f"ss_{number:02}", "ws_A", 1)) for number in range(25)]
    for reply in replies:
        assert isinstance(await reply.result(), Session)
    desk.writer.end_sessions_of(1)
    await until(lambda: not desk.writer.state.sessions)
    assert max(store.sizes) <= 10
    assert desk.topics().count("session.ended") == 25


async def test_a_session_that_waits_for_room_when_its_connection_closes_ends(nursery: trio.Nursery) -> None:
    store = SharedMemory().open(room=2)
    desk = await start(nursery, store)
    replies = [*desk.create("A", "B", "C"), desk.submit(begin("ss_1", "ws_A", 1)), desk.submit(create("D"))]
    desk.writer.end_sessions_of(1)
    for reply in replies:
        assert not isinstance(await reply.result(), Exception)
    await until(lambda: not desk.writer.state.sessions)
    assert desk.topics().count("session.began") == desk.topics().count("session.ended")
