"""Several stores below one prefix: who commits, who has to give way, and what each learns of the others."""

from dataclasses import replace

import pytest
from msgspec import structs

from support.etcd import needs_etcd
from support.etcd_stores import Machines, news_of
from support.samples import commit, workspace
from support.waiting import wait_until
from workspaced.domain import bulk, workspaces
from workspaced.domain.commands import once
from workspaced.domain.draft import Draft
from workspaced.domain.entries import Cause
from workspaced.domain.errors import NameConflict
from workspaced.domain.records import RecoveryNotice
from workspaced.store.contract import Commit, Overtaken, StorageFailure, commit_of
from workspaced.store.etcd import transaction
from workspaced.store.etcd.etcd_store import EtcdWorkspaceStore
from workspaced_protocol.models import Change, Peer

pytestmark = [needs_etcd, pytest.mark.requirement("FR-005", "T011")]


def content(store: EtcdWorkspaceStore) -> tuple[object, ...]:
    """All that machines must agree on."""
    state = store.state
    return (
        state.store_id,
        state.revision,
        [record.json for record in state.ordered],
        dict(state.names),
        [*state.request_keys.items()],
        state.recovery,
        [*state.history.entries],
    )


def agree(*stores: EtcdWorkspaceStore) -> bool:
    """Whether they hold the same, after they took over what has come so far."""
    for store in stores:
        store.take_news()
    return all(content(store) == content(stores[0]) for store in stores)


def test_what_one_commits_the_other_takes_over(machines: Machines) -> None:
    desk, lap = machines.open("desk"), machines.open("lap")
    draft = Draft(desk.state)
    cause = Cause("cor_1", Peer(7, 8, "code", "desk"), "workspace.create")
    draft.apply(once("key", workspaces.create("ws_1", "日本語", "/src", 5))(draft), cause, 5)
    desk.commit(commit_of(draft))
    [news] = news_of(lap)
    assert (news.entries, news.is_gap) == (draft.entries, False)
    assert news.state is lap.state
    assert content(lap) == content(desk)
    # A lease of twenty minutes, given to new keys for the first ten.
    assert machines.gateway.keep_alive(machines.lease_of("request/key")) == 20 * 60
    commit(lap, workspaces.delete("ws_1", None))
    news_of(desk)
    assert content(lap) == content(desk)
    before = content(desk)
    machines.close("desk")
    assert content(machines.open("desk")) == before


def test_a_commit_from_an_old_state_gives_way_and_changes_nothing(machines: Machines) -> None:
    desk, lap = machines.open("desk"), machines.open("lap")
    behind = Draft(lap.state)
    behind.apply(workspaces.create("ws_2", "Alpha", "/lap", 5)(behind))
    commit(desk, workspaces.create("ws_1", "alpha", "/desk", 5))
    with pytest.raises(Overtaken):
        lap.commit(commit_of(behind))
    before = machines.stored()
    [news] = news_of(lap)
    assert [record.json for record in news.state.ordered] == [record.json for record in desk.state.ordered]
    with pytest.raises(NameConflict):
        commit(lap, workspaces.create("ws_2", "Alpha", "/lap", 5))
    assert machines.stored() == before


def test_a_commit_is_refused_while_news_is_not_taken(machines: Machines) -> None:
    desk, lap = machines.open("desk"), machines.open("lap")
    woken: list[None] = []
    lap.listen(lambda: woken.append(None))
    desk.save(workspace(1))
    wait_until(lambda: bool(woken))
    for _ in range(2):
        with pytest.raises(Overtaken):
            lap.save(workspace(2))
    news_of(lap)
    lap.save(workspace(2))
    assert [each.id for each in lap.get_all()] == ["ws_01", "ws_02"]
    assert lap.take_news() is None


def test_own_commits_are_no_news(machines: Machines) -> None:
    desk, lap = machines.open("desk"), machines.open("lap")
    woken: list[None] = []
    desk.listen(lambda: woken.append(None))
    for number in range(1, 20):
        desk.save(workspace(number))
    desk.flush()
    desk.tidy()
    desk.save(workspace(1))
    news_of(lap, desk.state.revision)
    assert content(lap) == content(desk)
    assert desk.take_news() is None
    assert woken == []


@pytest.mark.parametrize("count", [40, 400])
def test_a_change_that_outgrows_a_transaction_is_one_commit_for_all(machines: Machines, count: int) -> None:
    desk, lap = machines.open("desk"), machines.open("lap")
    desk.save(workspace(1))
    news_of(lap)
    changes = [Change(save=workspace(number)) for number in range(2, count)]
    draft = Draft(desk.state)
    draft.apply(bulk.apply([*changes, Change(remove="ws_01")], None)(draft), Cause("c"), 5)
    assert not desk.has_room(draft)
    desk.commit(commit_of(draft))
    news = news_of(lap, desk.state.revision)
    assert [entry.revision for each in news for entry in each.entries] == [*range(2, count + 1)]
    assert not any(each.is_gap for each in news)
    assert content(lap) == content(desk)
    desk.tidy()
    generations = {name.partition("/")[0] for name in machines.stored() if name.startswith("g_")}
    assert len(generations) == 1
    assert not any(name.endswith("/building") for name in machines.stored())
    lap.save(workspace(1))
    machines.close("desk")
    assert content(machines.open("desk")) == content(lap)


def test_what_no_transaction_can_hold_is_refused_and_named(machines: Machines) -> None:
    desk = machines.open("desk")
    desk.save(workspace(1))
    before = machines.stored()
    with pytest.raises(StorageFailure, match=r"workspace ws_01 takes 1,5\d+,\d+ bytes.*more than 1,400,000"):
        desk.save(structs.replace(workspace(1), root_path="/" + "x" * 1_500_000))
    assert machines.stored() == before
    assert desk.get_all() == [desk.get_by_id("ws_01")]


def test_all_machines_write_one_revision_after_the_other(machines: Machines) -> None:
    stores = [machines.open(name) for name in ("desk", "lap", "server")]
    for number in range(1, 31):
        while True:
            try:
                stores[number % 3].save(workspace(number))
            except Overtaken:
                news_of(stores[number % 3])
            else:
                break
    wait_until(lambda: agree(*stores))
    assert stores[0].state.revision == 30
    assert [entry.revision for entry in stores[0].state.history.entries] == [*range(1, 31)]


def test_a_notice_is_one_for_all(machines: Machines) -> None:
    desk, lap = machines.open("desk"), machines.open("lap")
    notice = RecoveryNotice("recovered", "a file was damaged", ("/q/a",), 7)
    desk.commit(Commit(replace(desk.state, revision=1, recovery=notice), is_whole=True))
    news_of(lap, 1)
    assert lap.state.recovery == notice
    commit(lap, bulk.acknowledge_recovery)
    news_of(desk, 2)
    assert desk.state.recovery is None


def test_the_oldest_changes_are_taken_out_of_etcd_and_the_start_knows_it(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "KEPT_ENTRIES", 5)
    monkeypatch.setattr(transaction, "_PRUNED_AT_ONCE", 4)
    desk, lap = machines.open("desk"), machines.open("lap")
    for number in range(1, 13):
        draft = Draft(desk.state)
        create = workspaces.create(f"ws_{number}", f"N {number}", "/src", number)
        draft.apply(create(draft), Cause("cor_1", Peer(7, 8), "workspace.create"), number)
        desk.commit(commit_of(draft))
    news_of(lap, 12)
    kept = [int(name.rpartition("/")[2]) for name in machines.stored() if "/history/" in name]
    assert kept == [*range(5, 13)]  # revision 9 took out those up to 4; the next four are not old enough yet
    assert content(lap)[:-1] == content(desk)[:-1]
    machines.close("desk")
    again = machines.open("desk").state
    assert [entry.revision for entry in again.history.entries] == kept
    assert again.history.complete_since == 4
