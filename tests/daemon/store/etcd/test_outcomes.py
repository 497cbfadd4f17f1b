"""Transactions whose answers are lost, or that etcd refuses: each commit ends as it ended in etcd, or says that this is unknown."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from support.etcd import needs_etcd
from support.etcd_stores import Machines, news_of, save_at_last
from support.samples import commit, workspace
from support.scripted_gateway import DeafGateway, Fate, ScriptedGateway
from support.waiting import wait_until
from workspaced.domain import sessions
from workspaced.domain.history import History
from workspaced.store.contract import Commit, CommitUnknown, Overtaken, StorageFailure
from workspaced.store.etcd import sending
from workspaced.store.etcd.messages import Delete
from workspaced_protocol.models import Session

pytestmark = [needs_etcd, pytest.mark.requirement("FR-005", "T011", "T013")]


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a commit give up soon: these tests wait until it does."""
    monkeypatch.setattr(sending, "_PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(sending, "_SETTLING_SECONDS", 0.2)
    monkeypatch.setattr(sending, "_PAUSE_SECONDS", 0.02)


class Scripted:
    """A store whose transactions meet scripted fates, and one of another machine whose do not."""

    def __init__(self, machines: Machines, gateway: ScriptedGateway) -> None:
        self.gateway = gateway
        self.desk = machines.open("desk", gateway=self.gateway)
        self.desk.save(workspace(1))
        self.lap = machines.open("lap")
        self.machines = machines

    def names(self) -> list[str]:
        """The workspaces that etcd holds, by id."""
        return sorted(name.rpartition("/")[2] for name in self.machines.stored() if "/workspace/" in name)

    def lap_goes_on(self, fate: Fate) -> Callable[[], Fate]:
        """Return a fate before which the other machine commits."""

        def go_on() -> Fate:
            save_at_last(self.lap, workspace(9))
            return fate

        return go_on


@pytest.fixture
def scripted(machines: Machines) -> Scripted:
    return Scripted(machines, ScriptedGateway(machines.address))


@pytest.mark.parametrize(
    "fates",
    [
        ["lost"],
        ["lost", "refused"],
        ["lost", "never", "never"],
        ["never"],
        ["never", "lost"],
        ["never", "never", "lost"],
        ["never", "applied", "never", "applied"],
        ["refused", "refused", "applied"],
        ["refused", "lost"],
        ["filled"],
    ],
    ids=" ".join,
)
def test_a_commit_is_applied_once_whatever_is_lost(scripted: Scripted, fates: list[Fate]) -> None:
    desk, gateway = scripted.desk, scripted.gateway
    gateway.script(*fates)
    desk.save(workspace(2))
    assert scripted.names() == ["ws_01", "ws_02"]
    assert desk.state.revision == 2
    assert gateway.fates == []
    desk.save(workspace(3))
    assert desk.take_news() is None
    news = news_of(scripted.lap, 3)
    assert [entry.workspace_id for each in news for entry in each.entries] == ["ws_02", "ws_03"]
    assert desk.outage is None


def test_what_comes_after_its_fence_is_never_applied(scripted: Scripted) -> None:
    desk, gateway = scripted.desk, scripted.gateway
    gateway.script("late", "applied", "wrong")
    with pytest.raises(StorageFailure, match="do this"):
        desk.save(workspace(2))
    assert gateway.let_through() == [False]
    assert scripted.names() == ["ws_01"]
    assert desk.get_all() == [desk.get_by_id("ws_01")]
    gateway.script()
    desk.save(workspace(3))
    assert scripted.names() == ["ws_01", "ws_03"]


@pytest.mark.parametrize("fate", ["lost", "never"])
def test_a_lost_answer_beside_others_who_go_on_is_settled(scripted: Scripted, fate: Fate) -> None:
    desk, gateway = scripted.desk, scripted.gateway
    gateway.script(fate, scripted.lap_goes_on("applied"))
    if fate == "lost":
        desk.save(workspace(2))
        assert desk.state.revision == 2
        with pytest.raises(Overtaken):
            desk.save(workspace(3))
    else:
        with pytest.raises(Overtaken):
            desk.save(workspace(2))
    news = news_of(desk)
    assert [entry.workspace_id for each in news for entry in each.entries] == ["ws_09"]
    desk.save(workspace(3))
    assert scripted.names() == ["ws_01", *(["ws_02"] if fate == "lost" else []), "ws_03", "ws_09"]


@pytest.fixture
def deaf(machines: Machines) -> Scripted:
    """A store that learns of others late, and one of another machine."""
    return Scripted(machines, DeafGateway(machines.address))


def test_a_lost_answer_beside_others_is_settled_by_a_store_that_learns_of_them_late(
    deaf: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_FOLLOWER_SECONDS", 0.01)
    monkeypatch.setattr(sending, "READING_SECONDS", 20)
    deaf.gateway.script("lost", deaf.lap_goes_on("applied"))
    deaf.desk.save(workspace(2))
    news = news_of(deaf.desk, 3)
    assert [entry.workspace_id for each in news for entry in each.entries] == ["ws_09"]
    assert deaf.names() == ["ws_01", "ws_02", "ws_09"]


def test_a_lost_answer_stays_unknown_while_others_are_not_heard_of(
    deaf: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_FOLLOWER_SECONDS", 0)
    monkeypatch.setattr(sending, "READING_SECONDS", 0)

    def go_on() -> Fate:
        news_of(deaf.lap, 2)
        deaf.lap.save(workspace(9))
        return "applied"

    deaf.gateway.script("lost", go_on)
    with pytest.raises(CommitUnknown):
        deaf.desk.save(workspace(2))
    news = news_of(deaf.desk, 3)
    assert [entry.workspace_id for each in news for entry in each.entries] == ["ws_02", "ws_09"]


def test_a_lost_answer_stays_unknown_where_the_history_does_not_tell(
    deaf: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other machine has gone on so far that its history begins later."""
    monkeypatch.setattr(sending, "_FOLLOWER_SECONDS", 0.01)
    monkeypatch.setattr(sending, "READING_SECONDS", 20)

    def go_on() -> Fate:
        news_of(deaf.lap, 2)
        deaf.lap.commit(Commit(replace(deaf.lap.state, revision=9, history=History(9)), is_whole=True))
        return "applied"

    deaf.gateway.script("lost", go_on)
    with pytest.raises(CommitUnknown):
        deaf.desk.save(workspace(2))
    [news] = news_of(deaf.desk, 9)
    assert news.is_gap
    assert [each.id for each in deaf.desk.get_all()] == ["ws_01", "ws_02"]


def test_an_outcome_that_stays_unknown_is_told_and_repaired_by_a_head_alone(scripted: Scripted) -> None:
    desk, gateway = scripted.desk, scripted.gateway
    gateway.script("never", afterwards="refused")
    with pytest.raises(CommitUnknown):
        desk.save(workspace(2))
    assert desk.state.revision == 1
    gateway.script()
    before = scripted.machines.stored()
    desk.commit(Commit(replace(desk.state, revision=3), is_whole=True))
    after = scripted.machines.stored()
    assert {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)} == {"head"}
    assert desk.state.revision == 3
    news_of(scripted.lap, 3)
    desk.save(workspace(4))
    assert scripted.names() == ["ws_01", "ws_04"]


def test_an_unknown_outcome_that_was_applied_comes_as_news(scripted: Scripted) -> None:
    desk, gateway = scripted.desk, scripted.gateway
    gateway.script("late", afterwards="refused")
    with pytest.raises(CommitUnknown):
        desk.save(workspace(2))
    assert gateway.let_through() == [True]
    gateway.script()
    with pytest.raises(Overtaken):
        desk.commit(Commit(replace(desk.state, revision=3), is_whole=True))
    [news] = news_of(desk)
    assert [entry.workspace_id for entry in news.entries] == ["ws_02"]
    assert desk.state.revision == 2
    desk.save(workspace(3))
    assert scripted.names() == ["ws_01", "ws_02", "ws_03"]


def test_a_failure_that_does_not_pass_is_told_at_once(scripted: Scripted) -> None:
    scripted.gateway.script(afterwards="wrong")
    with pytest.raises(StorageFailure, match="do this"):
        scripted.desk.save(workspace(2))
    assert scripted.gateway.sent == 1
    assert scripted.desk.outage is None


def test_a_full_etcd_is_told_as_one_that_applied_nothing(scripted: Scripted) -> None:
    desk, gateway = scripted.desk, scripted.gateway
    gateway.script("full")
    with pytest.raises(StorageFailure, match="compact it"):
        desk.save(workspace(2))
    assert gateway.sent == 1  # no fence: it would not go in either
    gateway.script(scripted.lap_goes_on("full"))
    with pytest.raises(Overtaken):
        desk.save(workspace(2))
    desk.take_news()
    desk.save(workspace(2))
    assert scripted.names() == ["ws_01", "ws_02", "ws_09"]


def test_a_failure_that_goes_on_is_an_outage_until_etcd_answers(scripted: Scripted) -> None:
    desk, gateway = scripted.desk, scripted.gateway
    told: list[object] = []
    desk.listen(lambda: told.append(desk.outage))
    gateway.script(afterwards="refused")
    since = time.time() * 1000
    with pytest.raises(StorageFailure):
        desk.save(workspace(2))
    assert gateway.sent > 1
    outage = desk.outage
    assert outage is not None
    assert outage.since_ms >= since - 1
    assert "do this" in outage.reason
    sent = gateway.sent
    with pytest.raises(StorageFailure):
        desk.save(workspace(2))
    assert gateway.sent == sent + 1
    gateway.script()
    desk.save(workspace(2))
    assert desk.outage is None
    assert told[-1] is None


@pytest.mark.parametrize("fate", ["lost", "never"])
def test_a_session_of_unknown_outcome_is_settled_as_well(scripted: Scripted, fate: Fate) -> None:
    desk = scripted.desk
    desk.save(workspace(1))
    scripted.gateway.script(fate)
    commit(desk, sessions.begin_session(Session("ss_1", "ws_01", None, 7, 8), 3))
    assert "session/ws_01/ss_1" in scripted.machines.stored()
    news_of(scripted.lap, 2)
    wait_until(lambda: (scripted.lap.take_news(), "ss_1" in scripted.lap.state.sessions)[1])


@pytest.mark.parametrize("step", range(4))
@pytest.mark.parametrize("fate", ["lost", "never", "refused"])
def test_a_generation_is_whole_whatever_is_lost(scripted: Scripted, step: int, fate: Fate) -> None:
    desk = scripted.desk
    before: list[Fate] = ["applied"] * step
    scripted.gateway.script(*before, fate)
    desk.flush()
    desk.tidy()
    desk.save(workspace(2))
    desk.tidy()
    assert scripted.names() == ["ws_01", "ws_02"]
    assert not desk.check().primary.corrupted
    news_of(scripted.lap, 2)
    assert [each.id for each in scripted.lap.get_all()] == ["ws_01", "ws_02"]


def test_an_old_generation_that_could_not_be_removed_yet_is_removed_later(scripted: Scripted) -> None:
    desk = scripted.desk
    desk.flush()
    news_of(scripted.lap)
    scripted.lap.save(workspace(9))
    desk.tidy()  # the other machine was faster
    news_of(desk, 2)
    desk.save(workspace(2))
    desk.tidy()
    generations = {name.partition("/")[0] for name in scripted.machines.stored() if name.startswith("g_")}
    assert len(generations) == 1


def test_a_generation_that_is_given_up_changes_nothing(scripted: Scripted) -> None:
    desk = scripted.desk
    before = desk.get_all()
    scripted.gateway.script("applied", "applied", "wrong")
    with pytest.raises(StorageFailure):
        desk.flush()
    scripted.gateway.script()
    assert desk.get_all() == before
    desk.save(workspace(2))
    assert not desk.check().primary.corrupted
    assert [each.id for each in scripted.machines.open("server").get_all()] == ["ws_01", "ws_02"]


def test_a_generation_that_others_took_for_left_behind_is_not_served(scripted: Scripted) -> None:
    """Its lease ends if it takes too long, and a start on another machine then removes it."""
    desk = scripted.desk

    def remove() -> Fate:
        names = scripted.machines.stored()
        (building,) = [name.partition("/")[0] for name in names if name.endswith("/building")]
        start = scripted.machines.key(f"{building}/")
        scripted.machines.gateway.transact([], [Delete(start, start[:-1] + b"0")])
        return "applied"

    scripted.gateway.script("applied", "applied", remove)
    with pytest.raises(StorageFailure, match="took too long"):
        desk.flush()
    assert scripted.names() == ["ws_01"]
    desk.save(workspace(2))
    assert not desk.check().primary.corrupted
