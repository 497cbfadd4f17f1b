"""Starts: what is found below the prefix decides, and nothing is written over what is not the store's."""

import errno
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from support.etcd import Cluster, needs_etcd
from support.etcd_stores import Machines, open_etcd_store
from support.samples import workspace
from support.scripted_gateway import Fate, ScriptedGateway
from workspaced.domain.ids import IdFactory
from workspaced.store import stored_texts
from workspaced.store.contract import StoreUnreachable, StoreUnusable, WrittenByNewerRelease
from workspaced.store.etcd import reading
from workspaced.store.etcd.gateway import Gateway
from workspaced.store.etcd.messages import Delete, Put, Read, ReadAnswer

pytestmark = [needs_etcd, pytest.mark.requirement("FR-005", "T011", "T014")]

UNKNOWN = IdFactory().store()


def refusal(machines: Machines, expected_id: str | None = None) -> StoreUnusable:
    """Return the refusal of a start, which has changed nothing in etcd."""
    before = machines.stored()
    with pytest.raises(StoreUnusable) as refused:
        machines.open("lap", expected_id=expected_id)
    assert machines.stored() == before
    assert refused.value.message.endswith(".")
    return refused.value


def test_the_first_start_makes_a_store_and_the_second_finds_it(machines: Machines) -> None:
    desk = machines.open("desk")
    assert (desk.recovery.outcome, desk.get_all(), desk.state.revision) == ("fresh", [], 0)
    lap = machines.open("lap", expected_id=desk.state.store_id)
    assert (lap.recovery.outcome, lap.state.store_id) == ("clean", desk.state.store_id)
    assert desk.warnings == lap.warnings == []
    assert machines.stored().keys() == {"head", "machine/desk", "machine/lap"}


@pytest.mark.parametrize("fates", [("lost",), ("never",), ("applied", "lost"), ("applied", "never")])
def test_an_answer_lost_while_a_store_is_made_makes_no_second_one(
    machines: Machines, fates: Sequence[Fate]
) -> None:
    """First of the registration, then of the making."""
    gateway = ScriptedGateway(machines.address)
    gateway.script(*fates)
    desk = machines.open("desk", gateway=gateway)
    assert desk.recovery.outcome == "fresh"
    assert json.loads(machines.stored()["head"])["storeId"] == desk.state.store_id


def test_a_prefix_within_that_of_another_store_is_refused(machines: Machines, tmp_path: Path) -> None:
    """Its keys would be foreign to the store around it, whose next start would fail."""
    machines.open("desk")
    before = machines.stored()
    inner = f"{machines.address.prefix}inner/"
    with pytest.raises(StoreUnusable, match="lies within that of another store") as refused:
        open_etcd_store(machines.address.endpoints, tmp_path / "inner", prefix=inner)
    assert f"set `etcd_prefix` to {machines.address.prefix} to share" in refused.value.message
    assert machines.stored() == before


def test_another_store_than_the_directory_belongs_to_is_refused(machines: Machines) -> None:
    found = machines.open("desk").state.store_id
    refused = refusal(machines, UNKNOWN)
    assert found in refused.message
    assert UNKNOWN in refused.message


def test_a_store_that_is_gone_is_not_made_anew(machines: Machines) -> None:
    refused = refusal(machines, UNKNOWN)
    assert UNKNOWN in refused.message
    assert refused.errno == errno.ENOENT


def test_workspaces_without_a_head_are_left_as_they_are(machines: Machines) -> None:
    machines.open("desk").save(workspace(1))
    machines.close("desk")
    machines.gateway.transact([], [Delete(machines.key("head"))])
    assert "head is missing" in refusal(machines).message


@pytest.mark.parametrize("name", ["notes", "a", "z", "g_x/workspace/ws_1", "workspace/ws_1", "session/x"])
def test_foreign_keys_are_named(machines: Machines, name: str) -> None:
    machines.gateway.transact([], [Put(machines.key(name), b"\xff")])
    assert name in refusal(machines).message
    machines.gateway.transact([], [Delete(machines.key(name))])
    machines.open("lap").save(workspace(1))


def test_a_newer_format_is_left_as_it_is(machines: Machines) -> None:
    machines.open("desk")
    machines.close("desk")
    head = json.loads(machines.stored()["head"])
    newer = json.dumps({"format": 2, "storeId": head["storeId"]}).encode()
    machines.gateway.transact([], [Put(machines.key("head"), newer)])
    refused = refusal(machines)
    assert isinstance(refused, WrittenByNewerRelease)
    assert "format 2" in refused.message


def test_an_etcd_that_does_not_answer_may_do_so_later(tmp_path: Path) -> None:
    with pytest.raises(StoreUnreachable, match="refuses connections"):
        open_etcd_store(["http://127.0.0.1:1"], tmp_path / "data")
    with pytest.raises(StoreUnusable, match="is no endpoint"):
        open_etcd_store(["127.0.0.1:1"], tmp_path / "data")


def test_what_a_killed_daemon_has_left_of_a_generation_is_removed(machines: Machines) -> None:
    desk = machines.open("desk")
    desk.save(workspace(1))
    left, building = ("g_" + IdFactory().store().removeprefix("st_") for _ in range(2))
    lease = machines.gateway.grant(600)
    machines.gateway.transact(
        [],
        [
            Put(machines.key(f"{left}/workspace/ws_01"), b"{"),
            Put(machines.key(f"{building}/workspace/ws_01"), b"{"),
            Put(machines.key(f"{building}/building"), b'"server"', lease),
        ],
    )
    lap = machines.open("lap")
    assert lap.get_all() == desk.get_all()
    names = machines.stored()
    assert not any(name.startswith(left) for name in names)
    assert any(name.startswith(building) for name in names)
    machines.gateway.revoke(lease)
    desk.flush()
    desk.tidy()
    assert len({name.partition("/")[0] for name in machines.stored() if name.startswith("g_")}) == 1


def test_members_of_a_later_release_are_told_and_kept(machines: Machines) -> None:
    machines.open("desk").save(workspace(1))
    machines.close("desk")
    # As a later release has written it: the head has the hash of what it holds.
    stored = machines.stored()
    (name,) = [name for name in stored if "/workspace/" in name]
    text = stored[name].replace(b'"id":', b'"later":1,"id":', 1)
    head = json.loads(stored["head"]) | {"digest": stored_texts.digest_text(stored_texts.hash_of(text))}
    machines.gateway.transact(
        [], [Put(machines.key(name), text), Put(machines.key("head"), json.dumps(head).encode())]
    )
    lap = machines.open("lap")
    assert any("ws_01.later" in warning for warning in lap.warnings)
    lap.save(workspace(2))
    assert machines.stored()[name] == text


class CompactingGateway(Gateway):
    """A gateway to an etcd that is compacted between the first and the second page of the first reading."""

    compact: Callable[[], None] | None = None

    def read(self, read: Read, *, limit_seconds: float | None = None) -> ReadAnswer:
        if read.revision and self.compact is not None:
            compact, self.compact = self.compact, None
            compact()
        return super().read(read, limit_seconds=limit_seconds)


def test_a_compaction_while_a_store_is_read_begins_the_reading_anew(
    etcd: Cluster, machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = machines.open("desk")
    for number in range(1, 6):
        desk.save(workspace(number))
    monkeypatch.setattr(reading, "_PAGE_KEYS", 3)
    gateway = CompactingGateway(machines.address)

    def compact() -> None:
        desk.save(workspace(6))
        member = etcd.members[0]
        member.ask(
            "/v3/kv/compaction", {"revision": machines.gateway.read(Read(b"a")).revision, "physical": True}
        )

    gateway.compact = compact
    assert machines.open("lap", gateway=gateway).get_all() == desk.get_all()
    assert gateway.compact is None
