"""What a store does where etcd's changes can't be had one by one, or are nobody's commit: it reads anew, or puts right."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from support.etcd import Cluster, etcd_cluster, needs_etcd, port_of
from support.etcd_stores import Machines, news_of, save_at_last
from support.logs import EventDict
from support.proxy import Proxy
from support.samples import workspace
from support.scripted_gateway import DeafGateway
from support.waiting import wait_until
from workspaced.domain.history import History
from workspaced.store.contract import Commit, Overtaken, StorageFailure, StoreUnusable
from workspaced.store.etcd import etcd_store, following, journal, keeping, sending
from workspaced.store.etcd.address import EtcdAddress
from workspaced.store.etcd.etcd_store import EtcdWorkspaceStore
from workspaced.store.etcd.gateway import Gateway
from workspaced.store.etcd.messages import Delete, Put, Read, ReadAnswer
from workspaced.store.etcd.watching import Watch

pytestmark = [needs_etcd, pytest.mark.requirement("FR-005", "T011", "T015")]


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(following, "_PAUSES_SECONDS", (0.05, 0.05))
    monkeypatch.setattr(sending, "_FOLLOWER_SECONDS", 0.2)
    monkeypatch.setattr(sending, "READING_SECONDS", 0.2)
    monkeypatch.setattr(etcd_store, "READING_SECONDS", 0.2)


@pytest.fixture
def desk(machines: Machines) -> EtcdWorkspaceStore:
    """A store with one workspace."""
    desk = machines.open("desk")
    desk.save(workspace(1))
    return desk


def key_of(machines: Machines, id_: str) -> str:
    """The name of a workspace's key."""
    (name,) = [name for name in machines.stored() if name.endswith(f"/workspace/{id_}")]
    return name


def compact(etcd: Cluster) -> None:
    """Let etcd forget all but the newest revision."""
    member = etcd.members[0]
    revision = member.ask("/v3/kv/range", {"key": "YQ=="})["header"]["revision"]
    member.ask("/v3/kv/compaction", {"revision": revision})


EDITS: dict[str, Callable[[str], Put | Delete]] = {
    "changed": lambda key: Put(key.encode(), b'{"id":"ws_01"}'),
    "garbage": lambda key: Put(key.encode(), b"\xff"),
    "deleted": lambda key: Delete(key.encode()),
    "added": lambda key: Put(key.replace("ws_01", "ws_02").encode(), b"{}"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_workspace_that_was_edited_by_hand_is_put_right(
    machines: Machines, desk: EtcdWorkspaceStore, edit: str, logged: list[EventDict]
) -> None:
    before = machines.stored()
    key = machines.key(key_of(machines, "ws_01")).decode()
    machines.gateway.transact([], [EDITS[edit](key)])
    wait_until(lambda: machines.stored() == before)
    wait_until(lambda: any("edited by hand" in each["event"] for each in logged))
    assert desk.take_news() is None
    assert desk.outage is None
    desk.save(workspace(3))
    assert [each.id for each in machines.open("lap").get_all()] == ["ws_01", "ws_03"]
    assert sum("edited by hand" in each["event"] for each in logged) == 1


def test_many_edits_are_put_right(machines: Machines, desk: EtcdWorkspaceStore) -> None:
    before = machines.stored()
    name = key_of(machines, "ws_01").rpartition("/")[0]
    for first in range(0, 300, 100):
        added = range(first, first + 100)
        machines.gateway.transact([], [Put(machines.key(f"{name}/ws_x{number}"), b"{}") for number in added])
    wait_until(lambda: machines.stored() == before)
    assert desk.outage is None


def test_a_foreign_key_is_named_and_left_alone(
    machines: Machines, desk: EtcdWorkspaceStore, logged: list[EventDict]
) -> None:
    machines.gateway.transact([], [Put(machines.key("notes"), b"mine")])
    wait_until(lambda: any("not the store's own" in each["event"] for each in logged))
    desk.flush()
    desk.tidy()
    assert machines.stored()["notes"] == b"mine"
    assert "notes" in (desk.check().primary.reason or "")
    with pytest.raises(StoreUnusable, match=r"notes.*nothing was written"):
        machines.open("lap")
    assert machines.stored()["notes"] == b"mine"


def changed_head(machines: Machines, **members: object) -> Put:
    head = json.loads(machines.stored()["head"])
    return Put(machines.key("head"), json.dumps({**head, **members}).encode())


HEADS: dict[str, tuple[Callable[[Machines], Put | Delete], str]] = {
    "deleted": (lambda machines: Delete(machines.key("head")), "`head` was deleted"),
    "garbage": (lambda machines: Put(machines.key("head"), b"{"), "`head` is wrong"),
    "another": (lambda machines: changed_head(machines, storeId="st_" + "0" * 26), "another store is there"),
    "newer": (lambda machines: changed_head(machines, format=2), "install a newer release"),
    "digest": (lambda machines: changed_head(machines, digest="00" * 32), "are not the 1 of revision 1"),
    "no digest": (lambda machines: changed_head(machines, digest="z" * 64), "`head` is wrong"),
    "no generation": (lambda machines: changed_head(machines, generation="x"), "`head` is wrong"),
    "number": (lambda machines: changed_head(machines, workspaces=2), "are not the 2 of revision 1"),
    "older": (lambda machines: changed_head(machines, revision=0), "gone back to an older state"),
    "generation": (lambda machines: changed_head(machines, generation="g_" + "0" * 26), "are not the 1"),
    "count": (lambda machines: changed_head(machines, workspaces=7), "are not the 7 of revision 1"),
}


@pytest.mark.parametrize("head", HEADS)
def test_a_head_that_can_not_be_right_stops_writes_until_it_is_put_back(
    machines: Machines, desk: EtcdWorkspaceStore, head: str
) -> None:
    before = machines.stored()["head"]
    change, reason = HEADS[head]
    machines.gateway.transact([], [change(machines)])

    def is_told() -> bool:
        desk.take_news()
        return desk.outage is not None and reason in desk.outage.reason

    wait_until(is_told, lambda: str(desk.outage))
    edited = machines.stored()
    with pytest.raises(StorageFailure):
        desk.save(workspace(2))
    assert [each.id for each in desk.get_all()] == ["ws_01"]
    assert machines.stored() == edited
    machines.gateway.transact([], [Put(machines.key("head"), before)])
    wait_until(lambda: (desk.take_news(), desk.outage is None)[1])
    save_at_last(desk, workspace(2))
    assert [each.id for each in machines.open("lap").get_all()] == ["ws_01", "ws_02"]


def test_a_head_that_was_put_back_is_found_without_any_write(
    machines: Machines, desk: EtcdWorkspaceStore
) -> None:
    before = machines.stored()["head"]
    machines.gateway.transact([], [Put(machines.key("head"), b"{")])
    wait_until(lambda: desk.outage is not None)
    machines.gateway.transact([], [Put(machines.key("head"), before)])
    wait_until(lambda: desk.outage is None)


def test_a_watch_that_breaks_often_is_begun_anew_as_soon_as_ever(
    etcd: Cluster, machines: Machines, desk: EtcdWorkspaceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_PAUSES_SECONDS", (0.01, 1000))
    with Proxy(port_of(etcd.endpoints[0])) as proxy:
        lap = machines.open("lap", endpoints=[proxy.endpoint])
        for number in range(2, 17):
            proxy.cut()
            desk.save(workspace(number))
            news_of(lap, number)
        machines.close("lap")


def test_a_watch_that_was_compacted_costs_no_event(
    etcd: Cluster, machines: Machines, desk: EtcdWorkspaceStore
) -> None:
    with Proxy(port_of(etcd.endpoints[0])) as proxy:
        lap = machines.open("lap", endpoints=[proxy.endpoint])
        proxy.mode = "refuse"
        proxy.cut()
        for number in (2, 3, 4):
            desk.save(workspace(number))
        compact(etcd)
        proxy.mode = "pass"
        news = news_of(lap, desk.state.revision)
        assert [entry.revision for each in news for entry in each.entries] == [2, 3, 4]
        assert not any(each.is_gap for each in news)
        lap.save(workspace(5))
        machines.close("lap")


def test_changes_that_the_history_does_not_have_are_a_gap(
    machines: Machines, desk: EtcdWorkspaceStore
) -> None:
    lap = machines.open("lap")
    state = replace(desk.state, revision=9, history=History(9))
    desk.commit(Commit(state, is_whole=True))
    [news] = news_of(lap, 9)
    assert (news.is_gap, [*news.entries]) == (True, [])
    desk.save(workspace(2))
    [news] = news_of(lap, 10)
    assert (news.is_gap, len(news.entries)) == (False, 1)


def test_more_changes_than_may_wait_are_read_as_a_whole(
    machines: Machines,
    desk: EtcdWorkspaceStore,
    monkeypatch: pytest.MonkeyPatch,
    logged: list[EventDict],
) -> None:
    monkeypatch.setattr(journal, "PENDING_LIMIT", 5)
    lap = machines.open("lap")
    for number in range(2, 30):
        desk.save(workspace(number))
    wait_until(lambda: any(each.get("reason") == "too many changes are waiting" for each in logged))
    news = news_of(lap, 29)
    assert [entry.revision for each in news for entry in each.entries] == [*range(2, 30)]
    assert [record.json for record in lap.state.ordered] == [record.json for record in desk.state.ordered]


def test_a_watch_that_tells_nothing_is_begun_anew(machines: Machines, desk: EtcdWorkspaceStore) -> None:
    lap = machines.open("lap", gateway=DeafGateway(machines.address))
    desk.save(workspace(2))
    [news] = news_of(lap, 2)
    assert len(news.entries) == 1


def test_a_commit_does_not_wait_for_a_watch_that_tells_nothing(
    machines: Machines, desk: EtcdWorkspaceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "_LOOK_SECONDS", 60)
    monkeypatch.setattr(sending, "READING_SECONDS", 20)
    lap = machines.open("lap", gateway=DeafGateway(machines.address))
    desk.save(workspace(2))
    with pytest.raises(Overtaken):
        lap.save(workspace(3))
    [news] = news_of(lap, 2)
    assert len(news.entries) == 1
    lap.save(workspace(3))


class HeldBackGateway(Gateway):
    """A gateway whose watches tell nothing at first, and that then hands over a whole read only once it may."""

    def __init__(self, address: EtcdAddress) -> None:
        super().__init__(address)
        self.holds_back = False
        self.has_read, self.may_go_on = threading.Event(), threading.Event()

    def watch(self, key: bytes, range_end: bytes, from_revision: int) -> Watch:
        if not self.holds_back:
            key, range_end = b"/deaf", b"/deaf0"
        return super().watch(key, range_end, from_revision)

    def read(self, read: Read, *, limit_seconds: float | None = None) -> ReadAnswer:
        answer = super().read(read, limit_seconds=limit_seconds)
        if self.holds_back and read.range_end is not None:
            self.has_read.set()
            assert self.may_go_on.wait(10)
        return answer


def test_a_commit_during_a_whole_read_stays(etcd: Cluster, machines: Machines) -> None:
    gateway = HeldBackGateway(machines.address)
    desk = machines.open("desk", gateway=gateway)
    desk.save(workspace(1))
    desk.save(workspace(2))
    compact(etcd)  # so the next watch has to read all
    gateway.holds_back = True
    assert gateway.has_read.wait(10)
    desk.save(workspace(3))
    gateway.may_go_on.set()
    news_of(desk)
    assert [each.id for each in desk.get_all()] == ["ws_01", "ws_02", "ws_03"]
    assert desk.state.revision == 3
    lap = machines.open("lap")
    lap.save(workspace(4))
    news = news_of(desk, 4)
    assert [entry.workspace_id for each in news for entry in each.entries] == ["ws_04"]
    desk.save(workspace(5))


class DefectiveGateway(Gateway):
    """A gateway that fails once as only a defect can: where a watch is begun, or where the head is looked at."""

    has_failed = False

    def __init__(self, address: EtcdAddress, where: str) -> None:
        super().__init__(address)
        self._where = where

    def watch(self, key: bytes, range_end: bytes, from_revision: int) -> Watch:
        self._fail("watch")
        return super().watch(key, range_end, from_revision)

    def read(self, read: Read, *, limit_seconds: float | None = None) -> ReadAnswer:
        if threading.current_thread().name == "etcd keeper":
            self._fail("look")
        return super().read(read, limit_seconds=limit_seconds)

    def _fail(self, where: str) -> None:
        if where == self._where and not self.has_failed:
            self.has_failed = True
            raise RuntimeError("a defect")


@pytest.mark.parametrize("where", ["watch", "look"])
def test_a_defect_ends_neither_the_following_nor_the_looks(
    machines: Machines, desk: EtcdWorkspaceStore, where: str, logged: list[EventDict]
) -> None:
    gateway = DefectiveGateway(machines.address, where)
    lap = machines.open("lap", gateway=gateway)
    wait_until(lambda: any("exc_info" in each for each in logged))
    desk.save(workspace(2))
    news_of(lap, 2)
    machines.gateway.transact([], [Put(machines.key(key_of(machines, "ws_01")), b"edited")])
    machines.close("desk")  # so only the other one can put it right
    wait_until(lambda: b"edited" not in machines.stored().values())


def test_an_etcd_that_has_lost_everything_is_told(tmp_path: Path) -> None:
    with (
        etcd_cluster(arguments=["--unsafe-no-fsync"]) as cluster,
        Machines(cluster.endpoints, tmp_path) as machines,
    ):
        desk = machines.open("desk")
        desk.save(workspace(1))
        (member,) = cluster.members
        member.kill()
        member.wipe()
        member.start()
        wait_until(lambda: desk.outage is not None and "`head` was deleted" in desk.outage.reason)
        with pytest.raises(StorageFailure):
            desk.save(workspace(2))
        assert [each.id for each in desk.get_all()] == ["ws_01"]
        machines.gateway.close()
        assert machines.stored() == {}
