"""A whole store for a migration: made of a state, read back the same, and never over anything that is there."""

import errno
from dataclasses import replace

import pytest

from support.etcd import needs_etcd
from support.etcd_stores import Machines
from support.samples import commit, workspace
from workspaced.domain import workspaces
from workspaced.domain.commands import once
from workspaced.domain.ids import IdFactory
from workspaced.domain.records import RecoveryNotice
from workspaced.domain.state import State
from workspaced.store import InMemoryWorkspaceStore
from workspaced.store.contract import StoreUnreachable, StoreUnusable
from workspaced.store.document import encode_document
from workspaced.store.etcd import copying
from workspaced.store.etcd.address import EtcdAddress
from workspaced.store.etcd.messages import Put

pytestmark = [needs_etcd, pytest.mark.requirement("FR-005", "T011")]


def sample(count: int) -> State:
    """A state with a history, request keys and a notice."""
    store = InMemoryWorkspaceStore()
    for number in range(1, count + 1):
        store.save(workspace(number))
        commit(store, once(f"key {count - number}", workspaces.remove("ws_none")))
    return replace(store.state, recovery=RecoveryNotice("recovered", "damage", ("/q",), 7))


@pytest.mark.parametrize("count", [0, 3, 200])
def test_a_store_is_made_and_read_back_the_same(machines: Machines, count: int) -> None:
    state = sample(count)
    assert copying.there(machines.address) is None
    copying.make(machines.address, "desk", state)
    assert copying.there(machines.address) == (state.store_id, state.revision)
    again = copying.read_again(machines.address)
    assert encode_document(again) == encode_document(state)
    assert again.history.entries == state.history.entries
    assert again.history.complete_since == state.history.complete_since
    store = machines.open("desk", expected_id=state.store_id)
    assert encode_document(store.state) == encode_document(state)
    assert store.recovery.outcome == "recovered"
    assert not any(name.endswith("/building") for name in machines.stored())


def test_a_store_that_is_there_is_left_as_it_is(machines: Machines) -> None:
    store = machines.open("desk")
    store.save(workspace(1))
    before = machines.stored()
    with pytest.raises(StoreUnusable) as refused:
        copying.make(machines.address, "lap", sample(2))
    assert store.state.store_id in refused.value.message
    assert refused.value.errno == errno.EEXIST
    assert machines.stored() == before


def test_foreign_keys_are_left_as_they_are(machines: Machines) -> None:
    machines.gateway.transact([], [Put(machines.key("other/thing"), b"x")])
    with pytest.raises(StoreUnusable, match="other/thing"):
        copying.make(machines.address, "lap", sample(2))
    assert machines.stored() == {"other/thing": b"x"}


def test_what_a_stopped_migration_has_left_is_no_obstacle(machines: Machines) -> None:
    name = f"g_{IdFactory().store().removeprefix('st_')}"
    left = [
        Put(machines.key(f"{name}/building"), b'"desk"'),
        Put(machines.key(f"{name}/workspace/ws_9"), b"{"),
    ]
    machines.gateway.transact([], left)
    state = sample(3)
    copying.make(machines.address, "desk", state)
    assert copying.read_again(machines.address).records.keys() == state.records.keys()
    assert not any(key.startswith(name) for key in machines.stored())


def test_without_a_store_there_is_nothing_to_read(machines: Machines) -> None:
    with pytest.raises(StoreUnusable, match="no store below"):
        copying.read_state(machines.address)


def test_an_etcd_that_does_not_run_is_told(machines: Machines) -> None:
    nowhere = EtcdAddress(("http://127.0.0.1:1",), machines.address.prefix)
    with pytest.raises(StoreUnreachable, match="refuses connections"):
        copying.read_state(nowhere)
    with pytest.raises(StoreUnreachable, match="refuses connections"):
        copying.make(nowhere, "desk", sample(1))
