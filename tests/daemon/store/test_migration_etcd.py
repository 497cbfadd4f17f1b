"""A store that goes to etcd and comes back: the same workspaces, history and request keys, and the same bytes."""

import os
import re
import signal
import traceback
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from msgspec import structs

from support.documents import files_below
from support.etcd import Cluster, needs_etcd
from support.etcd_stores import prefix_of
from support.samples import project, workspace
from support.share import numbers
from support.two_kinds import BOTH, do, filled, state_in
from workspaced.domain import workspaces
from workspaced.domain.records import RecoveryNotice
from workspaced.domain.state import State
from workspaced.store import migration
from workspaced.store.contract import Commit, StoreUnreachable, StoreUnusable, UnfitSettings
from workspaced.store.etcd import copying
from workspaced.store.etcd.address import EtcdAddress
from workspaced.store.etcd.gateway import Gateway
from workspaced.store.etcd.messages import Put, Read
from workspaced.store.files import Directory
from workspaced.store.joining import EtcdSettings
from workspaced.store.kinds import OpenStore, open_store
from workspaced.store.migration import migrate
from workspaced.store.unfinished import FILES, Kind
from workspaced_protocol.datadir import HISTORY, JOINED, MIGRATION, PRIMARY, QUARANTINE, SNAPSHOT

pytestmark = needs_etcd


@dataclass
class Place:
    """A data directory, and the prefix that its machine uses."""

    data_dir: Path
    settings: EtcdSettings

    def migrate(self, to: Kind, settings: EtcdSettings | None = None) -> list[str]:
        told: list[str] = []
        migrate(self.data_dir, to, told.append, settings or self.settings)
        return told

    def open(self) -> OpenStore:
        return open_store("auto", self.data_dir, socket="", etcd=self.settings)

    def state(self) -> State:
        with closing(self.open()) as store:
            assert store.recovery.outcome in ("clean", "fresh")
            return store.state

    def fill(self, kind: Kind) -> State:
        """Make a store with all that one can hold, and projects."""
        filled(self.data_dir, kind)
        with closing(open_store(kind, self.data_dir, socket="")) as store:
            bound = (project(1, "ws_05"), project(2, "ws_05"))
            do(store, workspaces.save(workspace(5, projects=bound), None))
        return state_in(self.data_dir)


@pytest.fixture
def place(etcd: Cluster, tmp_path: Path) -> Place:
    return Place(tmp_path / "data", EtcdSettings(EtcdAddress(etcd.endpoints, prefix_of(tmp_path)), "devbox"))


def require_same(found: State, before: State) -> None:
    assert found == before
    assert [*found.request_keys.items()] == [*before.request_keys.items()]
    assert list(found.history.entries) == list(before.history.entries)
    assert found.history.complete_since == before.history.complete_since


@pytest.mark.parametrize("kind", BOTH)
def test_all_of_it_goes_there_with_the_mark_of_the_machine(place: Place, kind: Kind) -> None:
    before = place.fill(kind)
    told = place.migrate("etcd")
    after = place.state()
    assert (after.revision, after.store_id) == (before.revision, before.store_id)
    assert [each.name for each in after.workspaces()] == [each.name for each in before.workspaces()]
    assert {each.machine for each in after.workspaces()} == {"devbox"}
    assert {bound.machine for each in after.workspaces() for bound in each.projects} == {"devbox"}
    assert [*after.request_keys.items()] == [*before.request_keys.items()]
    assert [each.revision for each in after.history.entries] == [
        each.revision for each in before.history.entries
    ]
    assert not [name for name in FILES[kind] if (place.data_dir / name).exists()]
    assert (place.data_dir / JOINED).exists()
    assert told[-1] == "The next start serves the etcd store."


@pytest.mark.parametrize("kind", BOTH)
def test_there_and_back_nothing_is_different(place: Place, kind: Kind) -> None:
    before = place.fill(kind)
    place.migrate("etcd")
    told = place.migrate(kind)
    require_same(place.state(), before)
    assert not (place.data_dir / JOINED).exists()
    assert "stays as it is" in "\n".join(told)
    assert copying.there(place.settings.address) == (before.store_id, before.revision)


def test_there_and_back_gives_the_same_bytes(place: Place) -> None:
    place.fill("json")
    names = (PRIMARY, SNAPSHOT, HISTORY)
    place.migrate("sqlite")
    place.migrate("json")
    before = {name: (place.data_dir / name).read_bytes() for name in names}
    place.migrate("etcd")
    place.migrate("json")
    assert {name: (place.data_dir / name).read_bytes() for name in names} == before


def test_a_store_without_a_write_goes_there_too(place: Place) -> None:
    open_store("json", place.data_dir, socket="").close()
    place.migrate("etcd")
    assert place.state().revision == 0
    place.migrate("sqlite")
    assert place.state().revision == 0


def test_the_workspaces_of_other_machines_come_along_with_their_marks(place: Place, tmp_path: Path) -> None:
    place.fill("json")
    place.migrate("etcd")
    laptop = replace(place.settings, machine="laptop")
    with closing(open_store("etcd", tmp_path / "laptop", socket="", etcd=laptop)) as store:
        do(store, workspaces.save(structs.replace(workspace(7), machine="laptop"), None))
    place.migrate("json")
    after = place.state()
    assert {each.name: each.machine for each in after.workspaces()} == {
        each.name: "laptop" if each.name == "Workspace 7" else None for each in after.workspaces()
    }


def test_a_store_that_is_there_already_is_not_touched(place: Place, tmp_path: Path) -> None:
    other = replace(place.settings, machine="laptop")
    with closing(open_store("etcd", tmp_path / "laptop", socket="", etcd=other)) as store:
        do(store, workspaces.save(workspace(7), None))
        theirs = store.state
    ours = place.fill("json")
    before = files_below(place.data_dir)
    with pytest.raises(UnfitSettings) as refused:
        place.migrate("etcd")
    for told in (ours.store_id, theirs.store_id, place.settings.address.prefix, "--etcd-prefix"):
        assert told in refused.value.message
    assert files_below(place.data_dir) == before
    assert copying.there(place.settings.address) == (theirs.store_id, theirs.revision)


def test_keys_of_another_program_are_named_and_stay(place: Place) -> None:
    ours = place.fill("json")
    key = f"{place.settings.address.prefix}theirs".encode()
    with closing(Gateway(place.settings.address)) as gateway:
        gateway.transact([], [Put(key, b"theirs")])
        with pytest.raises(StoreUnusable, match=r"keys of another program.*theirs"):
            place.migrate("etcd")
        assert [each.key for each in gateway.read(Read(key[:-6], key[:-7] + b"0")).items] == [key]
    require_same(place.state(), ours)


def test_an_etcd_that_does_not_answer_leaves_the_old_store(place: Place) -> None:
    ours = place.fill("json")
    nobody = EtcdSettings(EtcdAddress(("http://127.0.0.1:1",)), "devbox")
    with pytest.raises(StoreUnreachable, match="refuses connections"):
        place.migrate("etcd", nobody)
    require_same(place.state(), ours)
    assert not (place.data_dir / MIGRATION).exists()


def test_the_way_back_is_from_the_store_that_was_joined(place: Place) -> None:
    place.fill("json")
    place.migrate("etcd")
    other = replace(place.settings, address=replace(place.settings.address, prefix="/other/"))
    with pytest.raises(UnfitSettings, match="the setting `etcd_prefix` is /other/"):
        place.migrate("json", other)
    text = (place.data_dir / JOINED).read_text()
    (place.data_dir / JOINED).write_text(re.sub(r"st_\w+", "st_" + "0" * 26, text))
    with pytest.raises(UnfitSettings, match="check `etcd_endpoints`"):
        place.migrate("json")
    assert not (place.data_dir / PRIMARY).exists()


def test_the_way_back_needs_no_settings(place: Place) -> None:
    ours = place.fill("json")
    place.migrate("etcd")
    nobody = EtcdAddress(("http://127.0.0.1:1",))
    unset = EtcdSettings(nobody, "devbox", has_endpoints=False, has_prefix=False)
    told = place.migrate("json", unset)
    assert any(place.settings.address.prefix in each for each in told)
    require_same(place.state(), ours)


def test_a_recovery_must_be_acknowledged_first(place: Place) -> None:
    filled(place.data_dir, "json")
    with closing(open_store("json", place.data_dir, socket="")) as store:
        notice = RecoveryNotice("recovered", "it was damaged", (), 1)
        store.commit(Commit(replace(store.state, recovery=notice), is_whole=True))
    with pytest.raises(StoreUnusable, match=r"it was damaged.*recovery ack"):
        place.migrate("etcd")
    assert copying.there(place.settings.address) is None


def killed_after(place: Place, to: Kind, step: int) -> bool:
    """Migrate in a child that SIGKILL ends after its n-th step at etcd or at the files; return whether it was."""
    child = os.fork()
    if child == 0:
        try:
            steps = 0

            def counted(call: Callable[..., object]) -> Callable[..., object]:
                def count(*arguments: object, **named: object) -> object:
                    nonlocal steps
                    result = call(*arguments, **named)
                    steps += 1
                    if steps == step:
                        os.kill(os.getpid(), signal.SIGKILL)
                    return result

                return count

            for owner, name in ((Gateway, "transact"), (Directory, "replace"), (os, "rename")):
                setattr(owner, name, counted(getattr(owner, name)))
            place.migrate(to)
        except BaseException:  # noqa: BLE001 - the child must end here
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert status == 0
    return False


@pytest.mark.parametrize("way", [("json", "etcd"), ("etcd", "json")])
def test_killed_at_any_step_one_whole_store_serves(
    etcd: Cluster, tmp_path: Path, way: tuple[Kind, Kind]
) -> None:
    served = set[bool]()
    for step in numbers(4):
        root = tmp_path / str(step)
        place = Place(root / "data", EtcdSettings(EtcdAddress(etcd.endpoints, prefix_of(root)), "devbox"))
        before = place.fill("json")
        if way[0] == "etcd":
            place.migrate("etcd")
            before = place.state()
        was_killed = killed_after(place, way[1], step)
        found = place.state()
        is_in_etcd = (place.data_dir / JOINED).exists()
        served.add(is_in_etcd)
        assert len(found.records) == 3
        assert (found.revision, found.store_id) == (before.revision, before.store_id)
        assert not (place.data_dir / MIGRATION).exists()
        there = [
            kind for kind, names in FILES.items() if any((place.data_dir / each).exists() for each in names)
        ]
        assert there == ["etcd" if is_in_etcd else "json"]
        # The same way again leads to the end of it.
        place.migrate(way[1])
        if way[1] == "json":
            assert {each.machine for each in place.state().workspaces()} == {None}
        assert len(place.state().records) == 3
        if not was_killed:
            break
    assert step > 5
    assert served == {True, False}


def test_a_store_that_an_earlier_migration_left_in_etcd_is_taken_up(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.fill("json")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(migration, "_switch", interrupted)
        with pytest.raises(KeyboardInterrupt):
            place.migrate("etcd")
    told = place.migrate("etcd")
    assert any("holds this store at this revision already" in each for each in told)
    assert (place.data_dir / JOINED).exists()


def test_a_store_that_went_on_since_is_not(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have the same id, and neither has all: a user chooses."""
    place.fill("json")
    place.migrate("etcd")
    place.migrate("json")
    with closing(place.open()) as store:
        do(store, workspaces.save(workspace(8), None))
        revision = store.state.revision
    with pytest.raises(UnfitSettings) as refused:
        place.migrate("etcd")
    assert f"at revision {revision}" in refused.value.message
    assert f"at revision {revision - 1} already" in refused.value.message
    assert len(list((place.data_dir / QUARANTINE).iterdir())) > 0
