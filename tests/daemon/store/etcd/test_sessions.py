"""Sessions on several machines: each guards a delete, and is exclusive, everywhere, for as long as its daemon lives."""

import pytest

from support.etcd import Cluster, needs_etcd, port_of
from support.etcd_stores import Machines, news_of
from support.proxy import Proxy
from support.samples import commit
from support.waiting import wait_until
from workspaced.domain import sessions, workspaces
from workspaced.domain.commands import Command
from workspaced.domain.errors import ActiveSessions, Claimed
from workspaced.domain.records import ELSEWHERE
from workspaced.store.contract import Overtaken
from workspaced.store.etcd import keeping, leases
from workspaced.store.etcd.etcd_store import EtcdWorkspaceStore
from workspaced.store.etcd.messages import Delete, Put
from workspaced.store.etcd.news import apply
from workspaced.store.etcd.transaction import Held
from workspaced.store.etcd.values import head_of
from workspaced_protocol.models import Session

pytestmark = [needs_etcd, pytest.mark.requirement("FR-007")]


def begin(session_id: str, *, exclusive: bool = False, connection: int = 3) -> Command:
    return sessions.begin_session(Session(session_id, "ws_1", "edit", 7, 8, exclusive), connection)


def held(store: EtcdWorkspaceStore) -> dict[str, tuple[str | None, bool]]:
    """The sessions of a store by id: their machine, and whether they are this daemon's own."""
    return {
        id_: (owned.session.machine, owned.connection != ELSEWHERE)
        for id_, owned in store.state.sessions.items()
    }


def commit_at_last(store: EtcdWorkspaceStore, command: Command) -> None:
    """Commit as the writer does: again while others were faster."""
    while True:
        try:
            commit(store, command)
        except Overtaken:
            store.take_news()
        else:
            return


@pytest.fixture
def pair(machines: Machines) -> tuple[EtcdWorkspaceStore, EtcdWorkspaceStore]:
    """Two machines with one active workspace."""
    desk = machines.open("desk")
    commit(desk, workspaces.create("ws_1", "Alpha", "/src", 5))
    return desk, machines.open("lap")


def test_a_session_guards_a_delete_elsewhere_until_it_ends(
    pair: tuple[EtcdWorkspaceStore, EtcdWorkspaceStore],
) -> None:
    desk, lap = pair
    commit(desk, begin("ss_1"))
    assert held(desk) == {"ss_1": (None, True)}
    [news] = news_of(lap)
    assert held(lap) == {"ss_1": ("desk", False)}
    assert news.entries == []
    with pytest.raises(ActiveSessions):
        commit(lap, workspaces.delete("ws_1", None))
    commit(desk, sessions.end_session("ss_1", 3))
    news_of(lap)
    assert held(lap) == {}
    commit(lap, workspaces.delete("ws_1", None))


def test_a_delete_gives_way_to_a_session_that_it_does_not_know(
    pair: tuple[EtcdWorkspaceStore, EtcdWorkspaceStore],
) -> None:
    desk, lap = pair
    commit(desk, begin("ss_1"))
    with pytest.raises(Overtaken):
        commit(lap, workspaces.delete("ws_1", None))
    news_of(lap)
    with pytest.raises(ActiveSessions):
        commit(lap, workspaces.delete("ws_1", None))


def test_of_two_exclusive_sessions_one_begins(pair: tuple[EtcdWorkspaceStore, EtcdWorkspaceStore]) -> None:
    desk, lap = pair
    commit(desk, begin("ss_1", exclusive=True))
    with pytest.raises(Overtaken):
        commit(lap, begin("ss_2", exclusive=True))
    news_of(lap)
    with pytest.raises(Claimed):
        commit(lap, begin("ss_2", exclusive=True))
    commit(lap, begin("ss_3"))
    news_of(desk)
    assert held(desk) == {"ss_1": (None, True), "ss_3": ("lap", False)}


def test_a_session_begins_only_where_the_workspace_still_is(
    pair: tuple[EtcdWorkspaceStore, EtcdWorkspaceStore],
) -> None:
    desk, lap = pair
    commit(desk, workspaces.delete("ws_1", None))
    with pytest.raises(Overtaken):
        commit(lap, begin("ss_1"))


def test_a_stop_ends_the_sessions_at_once(
    machines: Machines, pair: tuple[EtcdWorkspaceStore, EtcdWorkspaceStore]
) -> None:
    desk, lap = pair
    commit(desk, begin("ss_1"))
    news_of(lap)
    machines.close("desk")
    news_of(lap)
    assert held(lap) == {}
    assert not any(name.startswith("session/") for name in machines.stored())


def test_a_session_whose_lease_is_lost_is_over_everywhere(
    machines: Machines, pair: tuple[EtcdWorkspaceStore, EtcdWorkspaceStore]
) -> None:
    desk, lap = pair
    commit(desk, begin("ss_1"))
    news_of(lap)
    machines.gateway.revoke(machines.lease_of("session/ws_1/ss_1"))
    news_of(lap)
    news_of(desk)
    assert held(lap) == held(desk) == {}
    commit_at_last(desk, begin("ss_2"))  # with a new lease
    news_of(lap)
    assert held(lap) == {"ss_2": ("desk", False)}
    commit(desk, sessions.end_session("ss_2", 3))


def test_a_start_ends_what_an_earlier_daemon_of_its_directory_has_left(
    machines: Machines, pair: tuple[EtcdWorkspaceStore, EtcdWorkspaceStore]
) -> None:
    desk, lap = pair
    commit(desk, begin("ss_1"))
    commit_at_last(lap, begin("ss_2"))
    left = machines.stored()
    machines.close("desk")
    wait_until(lambda: not any(name.endswith("ss_1") for name in machines.stored()))
    key = "session/ws_1/ss_1"
    machines.gateway.transact([], [Put(machines.key(key), left[key])])  # as after a SIGKILL
    news_of(lap)
    desk = machines.open("desk")
    assert held(desk) == {"ss_2": ("lap", False)}
    assert key not in machines.stored()
    wait_until(lambda: (lap.take_news(), held(lap) == {"ss_2": (None, True)})[1])


def test_a_session_of_this_daemon_that_it_does_not_have_is_deleted(
    machines: Machines, pair: tuple[EtcdWorkspaceStore, EtcdWorkspaceStore]
) -> None:
    """A begin of unknown outcome may be applied later."""
    desk, _ = pair
    commit(desk, begin("ss_1"))
    key = "session/ws_1/ss_1"
    text = machines.stored()[key]
    commit(desk, sessions.end_session("ss_1", 3))
    machines.gateway.transact([], [Put(machines.key(key), text)])
    news_of(desk)
    assert held(desk) == {}
    wait_until(lambda: key not in machines.stored())


def test_a_deleted_key_ends_a_session(
    machines: Machines, pair: tuple[EtcdWorkspaceStore, EtcdWorkspaceStore]
) -> None:
    desk, lap = pair
    commit(desk, begin("ss_1"))
    news_of(lap)
    machines.gateway.transact([], [Delete(machines.key("session/ws_1/ss_1"))])
    news_of(lap)
    news_of(desk)
    assert held(lap) == held(desk) == {}


def test_sessions_of_a_machine_that_is_cut_off_are_over_there_too(
    etcd: Cluster, machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "_LOOK_SECONDS", 0.05)
    with Proxy(port_of(etcd.endpoints[0])) as proxy:
        desk = machines.open("desk", endpoints=[proxy.endpoint])
        commit(desk, workspaces.create("ws_1", "Alpha", "/src", 5))
        commit(desk, begin("ss_1"))
        monkeypatch.setattr(leases, "SESSION_SECONDS", 0.2)  # for the daemon; its lease at etcd lives on
        proxy.mode = "refuse"
        proxy.cut()
        news_of(desk)
        assert held(desk) == {}
        assert "session/ws_1/ss_1" in machines.stored()
        proxy.mode = "pass"
        wait_until(lambda: "session/ws_1/ss_1" not in machines.stored())
        monkeypatch.undo()
        commit_at_last(desk, begin("ss_2"))
        assert held(desk) == {"ss_2": (None, True)}
        machines.close("desk")


def test_all_sessions_that_end_with_a_lease_are_deleted(
    machines: Machines, pair: tuple[EtcdWorkspaceStore, EtcdWorkspaceStore]
) -> None:
    """One that began while the lease was lost has the next lease, by which its key would live on."""
    desk, _ = pair
    commit(desk, begin("ss_1"))
    held_there = Held(desk.state, head_of(machines.stored()["head"]), 1)
    taken = apply(held_there, [], lambda _: True, has_lost_sessions=True)
    assert [*taken.held.state.sessions] == []
    assert [session.id for session in taken.orphans] == ["ss_1"]
