"""Two writers on one prefix of a real etcd, as on two machines: names, sessions, and a machine whose lease is lost."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
import trio

from support.etcd import Cluster, needs_etcd
from support.etcd_stores import open_etcd_store, prefix_of
from support.waiting import until
from support.writing import Desk, begin, create, start
from workspaced.domain import sessions, workspaces
from workspaced.domain.commands import Command
from workspaced.domain.errors import ActiveSessions, Claimed, NameConflict, NotFound
from workspaced.domain.records import ELSEWHERE
from workspaced.store.etcd.etcd_store import EtcdWorkspaceStore
from workspaced_protocol.models import Peer, Session, Workspace

pytestmark = needs_etcd

OpenStore = Callable[[], EtcdWorkspaceStore]


@pytest.fixture
def open_store(etcd: Cluster, tmp_path: Path) -> Iterator[OpenStore]:
    """Opens one more store on the same prefix, each with a data directory and a machine of its own."""
    opened: list[EtcdWorkspaceStore] = []
    numbers = count(1)

    def open_one() -> EtcdWorkspaceStore:
        machine = f"machine{next(numbers)}"
        store = open_etcd_store(
            etcd.endpoints, tmp_path / machine, prefix=prefix_of(tmp_path), machine=machine
        )
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        store.close()


async def desks(nursery: trio.Nursery, open_store: OpenStore, number: int = 2) -> list[Desk]:
    """So many machines, all of which have the workspace A."""
    started = [await start(nursery, open_store()) for _ in range(number)]
    await started[0].create("A")[0].result()
    await until(lambda: all(desk.names() == ["A"] for desk in started))
    return started


def claim(session_id: str, machine: str) -> Command:
    session = Session(session_id, "ws_A", "agent", 7, 1, exclusive=True, machine=machine)
    return sessions.begin_session(session, 1)


async def test_each_machine_tells_what_the_other_did_in_one_order(
    nursery: trio.Nursery, open_store: OpenStore
) -> None:
    here, there = await desks(nursery, open_store)
    replies = [
        desk.submit(create(f"{place}-{number}"), "cor_1", "workspace.create")
        for number in range(20)
        for place, desk in enumerate((here, there))
    ]
    for reply in replies:
        assert isinstance(await reply.result(), Workspace)
    await until(lambda: here.writer.state.revision == there.writer.state.revision == 41)
    assert here.names() == there.names()
    assert [*here.writer.state.records.items()] == [*there.writer.state.records.items()]
    await until(lambda: len(here.events) == len(there.events) == 41)
    assert [event.text for event in here.events[1:]] == [event.text for event in there.events[1:]]
    assert [event.event.revision for event in here.events] == [*range(1, 42)]
    assert {event.cause.peer for event in here.events[1:]} == {Peer(1, 1)}


async def test_of_machines_that_take_one_name_at_once_one_has_it(
    nursery: trio.Nursery, open_store: OpenStore
) -> None:
    here, there = await desks(nursery, open_store)
    for round_ in range(5):
        replies = [
            desk.submit(workspaces.create(f"ws_{id_}_{round_}", f"B{round_}", "/b", 1))
            for id_, desk in enumerate((here, there))
        ]
        answers = [await reply.result() for reply in replies]
        assert sorted(type(answer).__name__ for answer in answers) == ["NameConflict", "Workspace"]
        (conflict,) = [answer for answer in answers if isinstance(answer, NameConflict)]
        (winner,) = [answer for answer in answers if isinstance(answer, Workspace)]
        assert conflict.data["id"] == winner.id
        await until(lambda: here.names() == there.names())


async def test_a_session_guards_a_delete_on_the_other_machine(
    nursery: trio.Nursery, open_store: OpenStore
) -> None:
    here, there = await desks(nursery, open_store)
    began = here.submit(begin("ss_1", "ws_A", 1))
    deleted = there.submit(workspaces.delete("ws_A", None))
    if isinstance(await began.result(), Session):
        refusal = await deleted.refusal(ActiveSessions)
        assert refusal.data == {"count": 1}
        await until(lambda: "ss_1" in there.writer.state.sessions)
        assert there.writer.state.sessions["ss_1"].connection == ELSEWHERE
        here.writer.end_sessions_of(1)
        await until(lambda: not there.writer.state.sessions)
        assert await there.submit(workspaces.delete("ws_A", None)).result() is None
    else:
        assert isinstance(await began.result(), NotFound)
        assert await deleted.result() is None
    await until(lambda: here.names() == there.names() == [])


async def test_of_machines_that_claim_a_workspace_at_once_one_has_it(
    nursery: trio.Nursery, open_store: OpenStore
) -> None:
    started = await desks(nursery, open_store, 3)
    replies = [desk.submit(claim(f"ss_{place}", f"machine{place + 1}")) for place, desk in enumerate(started)]
    answers = [await reply.result() for reply in replies]
    (winner,) = [answer for answer in answers if isinstance(answer, Session)]
    refusals = [answer for answer in answers if isinstance(answer, Claimed)]
    assert len(refusals) == 2
    assert all(f"(process 7 on {winner.machine})" in refusal.message for refusal in refusals)
    await until(lambda: all([*desk.writer.state.sessions] == [winner.id] for desk in started))


async def test_sessions_whose_lease_is_lost_end_on_both_machines(
    nursery: trio.Nursery, open_store: OpenStore, etcd: Cluster, tmp_path: Path
) -> None:
    here, there = await desks(nursery, open_store)
    await here.submit(begin("ss_1", "ws_A", 1)).result()
    await until(lambda: "ss_1" in there.writer.state.sessions)
    key = b64encode(f"{prefix_of(tmp_path)}session/ws_A/ss_1".encode()).decode()
    member = etcd.members[0]
    (found,) = member.ask("/v3/kv/range", {"key": key})["kvs"]
    await trio.to_thread.run_sync(member.ask, "/v3/lease/revoke", {"ID": found["lease"]})
    await until(lambda: not here.writer.state.sessions and not there.writer.state.sessions)
    await until(lambda: here.topics()[-1] == there.topics()[-1] == "session.ended")
    assert await there.submit(workspaces.delete("ws_A", None)).result() is None
    await here.create("B")[0].result()
    # The daemon goes on with another lease.
    assert isinstance(await here.submit(begin("ss_2", "ws_B", 2)).result(), Session)
    await until(lambda: "ss_2" in there.writer.state.sessions)


async def test_a_machine_that_stops_in_order_leaves_no_session(
    nursery: trio.Nursery, open_store: OpenStore
) -> None:
    there = await start(nursery, open_store())
    store = open_store()
    here = await start(nursery, store)
    await here.create("A")[0].result()
    await here.submit(begin("ss_1", "ws_A", 1)).result()
    await until(lambda: "ss_1" in there.writer.state.sessions)
    here.writer.stop()
    await here.writer.finished.wait()
    await trio.to_thread.run_sync(store.close)
    await until(lambda: not there.writer.state.sessions)
    assert await there.submit(workspaces.delete("ws_A", None)).result() is None


async def test_many_writes_at_once_take_as_few_commits_as_etcd_has_room_for(
    nursery: trio.Nursery, open_store: OpenStore
) -> None:
    here, there = await desks(nursery, open_store)
    replies = here.create(*(f"{number:03}" for number in range(200)))
    made = [await reply.result() for reply in replies]
    assert [each.revision for each in made if isinstance(each, Workspace)] == [*range(2, 202)]
    assert here.writer.commits.statistics().count < 20
    await until(lambda: there.writer.state.revision == 201)
    assert there.names() == here.names()


async def test_more_sessions_than_etcd_has_room_for_end_with_their_connection(
    nursery: trio.Nursery, open_store: OpenStore
) -> None:
    here, there = await desks(nursery, open_store)
    for reply in [here.submit(begin(f"ss_{number:03}", "ws_A", 1)) for number in range(150)]:
        assert isinstance(await reply.result(), Session)
    await until(lambda: len(there.writer.state.sessions) == 150)
    here.writer.end_sessions_of(1)
    await until(lambda: not here.writer.state.sessions and not there.writer.state.sessions)
    assert here.topics().count("session.ended") == there.topics().count("session.ended") == 150
    assert await there.submit(workspaces.delete("ws_A", None)).result() is None
