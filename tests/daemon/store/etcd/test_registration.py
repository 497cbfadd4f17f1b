"""The registration of a daemon: neither the name of a machine nor a data directory has two daemons in one store."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from support.etcd import Cluster, needs_etcd, port_of
from support.etcd_stores import Machines, news_of, open_etcd_store, save_at_last
from support.logs import EventDict
from support.proxy import Proxy
from support.samples import commit, workspace
from support.scripted_gateway import Fate, ScriptedGateway
from support.waiting import wait_until
from workspaced.domain import sessions, workspaces
from workspaced.store.contract import StoreUnusable, UnfitSettings
from workspaced.store.etcd import keeping, leases, registration
from workspaced.store.etcd.address import EtcdAddress
from workspaced.store.etcd.etcd_store import EtcdWorkspaceStore
from workspaced.store.etcd.gateway import Gateway
from workspaced.store.etcd.messages import Delete, Put
from workspaced_protocol.models import Session

pytestmark = needs_etcd

KEY = "machine/desk"


class GrantingGateway(Gateway):
    """A gateway that notes the leases it was granted."""

    def __init__(self, address: EtcdAddress) -> None:
        super().__init__(address)
        self.granted: list[int] = []

    def grant(self, ttl_seconds: int) -> int:
        """See Gateway."""
        lease = super().grant(ttl_seconds)
        self.granted.append(lease)
        return lease


def open_other(
    machines: Machines, name: str, *, machine: str = "desk", directory_id: str | None = None
) -> EtcdWorkspaceStore:
    """Open the store of a daemon with this data directory."""
    return open_etcd_store(
        machines.address.endpoints,
        machines.place / name,
        prefix=machines.address.prefix,
        machine=machine,
        directory_id=directory_id,
    )


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a start wait for no lease to end."""
    monkeypatch.setattr(registration, "_OUTLIVED_SECONDS", 0)


def test_a_second_daemon_of_the_same_name_is_refused(machines: Machines) -> None:
    desk = machines.open("desk")
    commit(desk, workspaces.create("ws_1", "Alpha", "/src", 5))
    commit(desk, sessions.begin_session(Session("ss_1", "ws_1", "edit", 7, 8), 3))
    before = machines.stored()
    with pytest.raises(UnfitSettings) as refused:
        open_other(machines, "other")
    message = refused.value.message
    assert f"as desk: that of {machines.place / 'desk'} on the host " in message
    assert "nothing was written; choose another name by the setting `machine`" in message
    assert machines.stored() == before
    assert [*desk.state.sessions] == ["ss_1"]
    open_other(machines, "other", machine="lap").close()


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("machine", ["desk", "lap"])
def test_of_two_starts_at_once_one_is_refused(machines: Machines, machine: str) -> None:
    """The other one comes when nobody was seen: by the same name, or from a copy with another one."""
    others: list[EtcdWorkspaceStore] = []
    id_ = None if machine == "desk" else str(machines.place / "desk")

    def come() -> Fate:
        others.append(open_other(machines, "other", machine=machine, directory_id=id_))
        return "applied"

    gateway = ScriptedGateway(machines.address)
    gateway.script(come)
    try:
        with pytest.raises(UnfitSettings, match=str(machines.place / "other")):
            machines.open("desk", gateway=gateway)
    finally:
        for other in others:
            other.close()


def test_a_stop_frees_the_name(machines: Machines) -> None:
    machines.open("desk")
    machines.close("desk")
    assert KEY not in machines.stored()
    open_other(machines, "other").close()


def test_a_start_that_fails_later_frees_the_name(machines: Machines) -> None:
    gateway = ScriptedGateway(machines.address)
    gateway.script("applied", "wrong")  # the registration, and the making of the store
    with pytest.raises(StoreUnusable):
        machines.open("desk", gateway=gateway)
    assert machines.stored() == {}


def test_after_a_kill_the_same_directory_starts_again_at_once(machines: Machines) -> None:
    machines.open("desk")
    left = machines.stored()[KEY]
    machines.close("desk")
    machines.gateway.transact([], [Put(machines.key(KEY), left)])  # as after a SIGKILL
    with pytest.raises(UnfitSettings):
        open_other(machines, "other")
    machines.open("desk")
    assert machines.lease_of(KEY) != 0


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("machine", ["desk", "lap"])
def test_a_copy_of_a_data_directory_is_refused_whatever_its_name(machines: Machines, machine: str) -> None:
    machines.open("desk")
    before = machines.stored()
    with pytest.raises(UnfitSettings) as refused:
        open_other(machines, "copy", machine=machine, directory_id=str(machines.place / "desk"))
    message = refused.value.message
    assert f"{machines.place / 'copy'} is a copy of a data directory whose daemon" in message
    assert f"that of {machines.place / 'desk'} on the host " in message
    assert f"move {machines.place / 'copy' / 'workspaces.store'} away" in message
    assert machines.stored() == before


def test_after_a_reboot_a_start_waits_for_the_end_of_the_lease(
    machines: Machines, monkeypatch: pytest.MonkeyPatch, logged: list[EventDict]
) -> None:
    monkeypatch.setattr(registration, "_PAUSE_SECONDS", 0.02)
    machines.open("desk")
    left = machines.stored()[KEY]
    machines.close("desk")
    machines.gateway.transact([], [Put(machines.key(KEY), left)])
    monkeypatch.setattr(registration, "_boot", lambda: "the next")
    with ThreadPoolExecutor(1) as pool:
        gateway = GrantingGateway(machines.address)
        opening = pool.submit(machines.open, "desk", gateway=gateway)
        wait_until(lambda: any("the start waits" in each["event"] for each in logged))
        assert gateway.granted == []  # nobody would keep it alive
        machines.gateway.transact([], [Delete(machines.key(KEY))])
        opening.result()
    assert machines.lease_of(KEY) != 0


def test_a_lost_lease_puts_the_key_again(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(leases, "_KEEP_ALIVE_SECONDS", 0.02)
    machines.open("desk")
    lost = machines.lease_of(KEY)
    machines.gateway.revoke(lost)
    wait_until(lambda: KEY in machines.stored())
    assert machines.lease_of(KEY) != lost
    machines.close("desk")
    assert KEY not in machines.stored()


def test_a_name_that_was_taken_while_its_daemon_was_cut_off_is_told(
    etcd: Cluster, machines: Machines, monkeypatch: pytest.MonkeyPatch, logged: list[EventDict]
) -> None:
    monkeypatch.setattr(keeping, "_LOOK_SECONDS", 0.02)

    def told() -> list[str]:
        return [each["event"] for each in logged if "its place was taken" in each["event"]]

    with Proxy(port_of(etcd.endpoints[0])) as proxy:
        desk = machines.open("desk", endpoints=[proxy.endpoint])
        proxy.mode = "refuse"
        proxy.cut()
        machines.gateway.revoke(machines.lease_of(KEY))
        with monkeypatch.context() as hurried:
            hurried.setattr(leases, "SESSION_SECONDS", 0.1)
            wait_until(lambda: any("lease of this daemon" in each["event"] for each in logged))
        with closing(open_other(machines, "other")):
            proxy.mode = "pass"
            wait_until(lambda: bool(told()))
            assert str(machines.place / "other") in told()[0]
            assert "choose another name by the setting `machine`" in told()[0]
            save_at_last(desk, workspace(1))
        wait_until(lambda: KEY in machines.stored())  # free again
        assert len(told()) == 1
        machines.close("desk")


def test_sessions_of_a_namesake_are_not_ended(machines: Machines) -> None:
    """As of one that was killed, and whose lease lives on."""
    lap = machines.open("lap")
    commit(lap, workspaces.create("ws_1", "Alpha", "/src", 5))
    with closing(open_other(machines, "first")) as first:
        news = sessions.begin_session(Session("ss_1", "ws_1", "edit", 7, 8), 3)
        commit(first, news)
        news_of(lap)
        left = machines.stored()["session/ws_1/ss_1"]
    machines.gateway.transact([], [Put(machines.key("session/ws_1/ss_1"), left)])
    with closing(open_other(machines, "second")) as second:
        assert {id_: owned.session.machine for id_, owned in second.state.sessions.items()} == {
            "ss_1": "desk"
        }
        assert "session/ws_1/ss_1" in machines.stored()
