"""A data directory that joins a store in etcd: what is noted there, and what is refused from then on."""

import json
import socket
import sys
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import ANY

import pytest

from support.documents import files_below
from support.etcd import Cluster, needs_etcd
from support.etcd_stores import prefix_of
from support.samples import workspace
from support.waiting import wait_until
from workspaced.store.contract import StoreUnreachable, StoreUnusable, UnfitSettings
from workspaced.store.etcd.address import EtcdAddress
from workspaced.store.joining import EtcdSettings
from workspaced.store.kinds import Choice, OpenStore, OtherKind, open_store
from workspaced_protocol.datadir import JOINED, PRIMARY, QUARANTINE

pytestmark = needs_etcd


@dataclass
class Machines:
    """Data directories of several machines, whose store is below one prefix."""

    root: Path
    endpoints: tuple[str, ...]

    @property
    def settings(self) -> EtcdSettings:
        return EtcdSettings(EtcdAddress(self.endpoints, prefix_of(self.root)), "devbox")

    def open(
        self, choice: Choice = "auto", name: str = "devbox", settings: EtcdSettings | None = None
    ) -> OpenStore:
        return open_store(choice, self.root / name, socket="", etcd=settings or self.settings)

    def marker(self, name: str = "devbox") -> dict[str, str]:
        marker: dict[str, str] = json.loads((self.root / name / JOINED).read_text())
        return marker


@pytest.fixture
def machines(etcd: Cluster, tmp_path: Path) -> Machines:
    return Machines(tmp_path, etcd.endpoints)


def test_the_first_start_notes_which_store_it_made_and_as_which_machine(machines: Machines) -> None:
    with closing(machines.open("etcd")) as store:
        assert store.machine == "devbox"
        assert machines.marker() == {
            "kind": "etcd",
            "storeId": store.state.store_id,
            "prefix": machines.settings.address.prefix,
            "machine": "devbox",
            "endpoints": list(machines.endpoints),
            "directoryId": ANY,
        }
        assert (machines.root / "devbox" / JOINED).stat().st_mode & 0o777 == 0o600
        store.save(workspace(1))
    with closing(machines.open("auto")) as store:
        assert [each.name for each in store.get_all()] == ["Workspace 1"]
    assert not (machines.root / "devbox" / PRIMARY).exists()


def test_a_second_machine_joins_the_store_that_is_there(machines: Machines) -> None:
    laptop = replace(machines.settings, machine="laptop")
    with closing(machines.open("etcd")) as one, closing(machines.open("etcd", "laptop", laptop)) as other:
        one.save(workspace(1))
        wait_until(lambda: other.take_news() is not None)
        assert [each.name for each in other.get_all()] == ["Workspace 1"]
    desk, lap = machines.marker(), machines.marker("laptop")
    assert lap == desk | {"machine": "laptop", "directoryId": lap["directoryId"]}
    assert lap["directoryId"] != desk["directoryId"]


def test_a_directory_keeps_its_id_and_one_without_gets_one(machines: Machines) -> None:
    machines.open("etcd").close()
    marker = machines.marker()
    machines.open().close()
    assert machines.marker() == marker
    path = machines.root / "devbox" / JOINED
    path.write_text(json.dumps({name: value for name, value in marker.items() if name != "directoryId"}))
    machines.open().close()
    assert machines.marker()["directoryId"] != marker["directoryId"]


def test_another_prefix_than_the_one_that_was_joined_is_refused(machines: Machines) -> None:
    machines.open("etcd").close()
    before = files_below(machines.root / "devbox")
    other = EtcdSettings(EtcdAddress(machines.endpoints, "/other/"), "devbox")
    for choice in ("auto", "etcd"):
        with pytest.raises(UnfitSettings) as refused:
            machines.open(choice, settings=other)
        assert machines.settings.address.prefix in refused.value.message
        assert "the setting `etcd_prefix` is /other/" in refused.value.message
        assert machines.marker()["storeId"] in refused.value.message
    assert files_below(machines.root / "devbox") == before


def test_the_store_that_was_joined_needs_no_setting(machines: Machines) -> None:
    machines.open("etcd").close()
    nobody = EtcdAddress(("http://127.0.0.1:1",))
    unset = EtcdSettings(nobody, "devbox", has_endpoints=False, has_prefix=False)
    marker = machines.marker()
    for choice in ("auto", "etcd"):
        with closing(machines.open(choice, settings=unset)) as store:
            assert store.state.store_id == marker["storeId"]
        assert machines.marker() == marker


def test_another_store_below_the_same_prefix_is_refused(machines: Machines) -> None:
    machines.open("etcd").close()
    marker = machines.marker()
    another = marker | {"storeId": "st_" + "0" * 26}
    (machines.root / "devbox" / JOINED).write_text(json.dumps(another))
    before = files_below(machines.root / "devbox")
    with pytest.raises(StoreUnusable) as refused:
        machines.open()
    assert marker["storeId"] in refused.value.message
    assert another["storeId"] in refused.value.message
    assert files_below(machines.root / "devbox") == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"kind":"etcd"}',
        '{"kind":"json"}',
        '{"storeId":"x"}',
        '{"machine":"a b"}',
        '{"endpoints":["x"]}',
        '{"directoryId":"x"}',
        '{"later":1}',
    ],
)
def test_a_marker_that_can_not_be_read_stops_the_start(machines: Machines, text: str) -> None:
    machines.open("etcd").close()
    if text.endswith("}"):
        text = json.dumps(machines.marker() | json.loads(text)) if "etcd" not in text else text
    (machines.root / "devbox" / JOINED).write_text(text)
    with pytest.raises(StoreUnusable, match=f"{JOINED} can't be read.*move it away"):
        machines.open()
    assert (machines.root / "devbox" / JOINED).read_text() == text


def test_a_machine_keeps_its_name_when_its_host_is_renamed(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    unnamed = replace(machines.settings, machine=None)
    monkeypatch.setattr(socket, "gethostname", lambda: "first.example")
    machines.open("etcd", settings=unnamed).close()
    monkeypatch.setattr(socket, "gethostname", lambda: "second.example")
    with closing(machines.open(settings=unnamed)) as store:
        assert store.machine == "first.example"
    with closing(machines.open(settings=replace(unnamed, machine="third"))) as store:
        assert store.machine == "third"
    assert machines.marker()["machine"] == "third"


@pytest.mark.parametrize("name", ["localhost", "localhost.localdomain", "", "a b"])
def test_a_machine_without_a_name_of_its_own_is_asked_for_one(
    machines: Machines, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    with pytest.raises(UnfitSettings, match=r'machine = "devbox"'):
        machines.open("etcd", settings=replace(machines.settings, machine=None))
    assert not (machines.root / "devbox" / JOINED).exists()


@pytest.mark.parametrize("kind", ["json", "sqlite"])
def test_files_of_another_kind_are_not_left_behind(machines: Machines, kind: Choice) -> None:
    with closing(machines.open(kind)) as store:
        store.save(workspace(1))
    before = files_below(machines.root / "devbox")
    with pytest.raises(OtherKind, match="make it an etcd store: workspaced migrate --to etcd"):
        machines.open("etcd")
    assert files_below(machines.root / "devbox") == before


@pytest.mark.parametrize("kind", ["json", "sqlite"])
def test_a_directory_that_has_joined_serves_no_other_kind(machines: Machines, kind: Choice) -> None:
    machines.open("etcd").close()
    with pytest.raises(OtherKind, match=f"holds an etcd store, but the setting `store` is {kind}"):
        machines.open(kind)
    assert not (machines.root / "devbox" / QUARANTINE).exists()


def test_an_etcd_that_does_not_answer_leaves_the_directory_free(machines: Machines) -> None:
    nobody = EtcdSettings(EtcdAddress(("http://127.0.0.1:1",)), "devbox")
    with pytest.raises(StoreUnreachable, match=r"http://127\.0\.0\.1:1 refuses connections"):
        machines.open("etcd", settings=nobody)
    assert not (machines.root / "devbox" / JOINED).exists()
    machines.open("json").close()


def test_without_the_http_client_one_sentence_says_how_to_get_it(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [*sys.modules]:
        if name.startswith("workspaced.store.etcd.") and not name.endswith(".address"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "urllib3", None)
    with pytest.raises(UnfitSettings) as refused:
        machines.open("etcd")
    assert refused.value.message == (
        "A store in etcd needs urllib3, which is not installed: pip install 'workspaced[etcd]'."
    )
