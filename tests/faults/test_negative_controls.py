"""The laboratory finds what it is there to find: each duty of the store is left out, and it must tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from faults.laboratory import Laboratory
from faults.promises import BrokenPromise
from faults.scenarios import EXISTING, FRESH, SCENARIOS, Scenario
from faults.simulated_disk import SimulatedDisk
from faults.simulated_nodes import File, Folder
from faults.told_apart import is_temp
from workspaced.store.files import Directory, Identity
from workspaced.store.json import own_files
from workspaced.store.json.json_store import JsonWorkspaceStore
from workspaced_protocol.datadir import PRIMARY

pytestmark = [
    pytest.mark.requirement("FR-005", "T011", "T012"),
    pytest.mark.usefixtures("measured_once", "no_look_at_this_machine"),
]

LOSSES = "a start found|told of a loss|not complete"

COMMITS = pytest.mark.parametrize("scenario", [FRESH, EXISTING], ids=str)


class WithoutFileSync(SimulatedDisk):
    """Data of files is never synced."""

    def sync(self, fd: int) -> None:
        if not isinstance(self.node(fd), File):
            super().sync(fd)


class WithoutDirectorySync(SimulatedDisk):
    """Entries of directories are never synced."""

    def sync(self, fd: int) -> None:
        if not isinstance(self.node(fd), Folder):
            super().sync(fd)


class WithSyncAfterRename(SimulatedDisk):
    """Data of files is synced last, when their names lead to them already."""

    def __post_init__(self) -> None:
        self._waiting: list[File] = []
        super().__post_init__()

    def sync(self, fd: int) -> None:
        node = self.node(fd)
        if isinstance(node, File):
            self._waiting.append(node)
            return
        super().sync(fd)
        for file in self._waiting:
            file.settle()
        self._waiting.clear()


class WithoutReadBack(SimulatedDisk):
    """What was written is never compared with what the disk holds."""

    def __post_init__(self) -> None:
        self._written: dict[int, bytes] = {}
        super().__post_init__()

    def write(self, fd: int, data: memoryview) -> int:
        taken = super().write(fd, data)
        self._written[fd] = self._written.get(fd, b"") + data[:taken]
        return taken

    def read_at(self, fd: int, count: int, offset: int) -> bytes:
        found = super().read_at(fd, count, offset)
        return self._written[fd][offset : offset + count] if fd in self._written else found


def broken_by(laboratory: Callable[[], None], promise: str) -> None:
    with pytest.raises(BrokenPromise, match=promise):
        laboratory()


@COMMITS
def test_power_loss_shows_that_files_are_not_synced(scenario: Scenario) -> None:
    broken_by(Laboratory(scenario, WithoutFileSync).power_losses, LOSSES)


@COMMITS
def test_power_loss_shows_that_directories_are_not_synced(scenario: Scenario) -> None:
    broken_by(Laboratory(scenario, WithoutDirectorySync).power_losses, "a start found")


@COMMITS
def test_power_loss_shows_that_files_are_synced_only_after_the_rename(scenario: Scenario) -> None:
    broken_by(Laboratory(scenario, WithSyncAfterRename).power_losses, LOSSES)


@COMMITS
def test_a_lying_write_shows_that_nothing_is_read_back(scenario: Scenario) -> None:
    broken_by(Laboratory(scenario, WithoutReadBack).failures, "lying write")


def test_the_loss_of_a_file_shows_that_there_is_no_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    replace = Directory.replace

    def replace_first(self: Directory, names: Sequence[str], data: bytes) -> frozenset[Identity]:
        return replace(self, names[:1], data)

    monkeypatch.setattr(Directory, "replace", replace_first)
    broken_by(Laboratory(EXISTING).losses, f"{PRIMARY} lost at the end: a start found 0 workspaces")


def test_a_failed_sync_shows_that_its_descriptor_is_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: JsonWorkspaceStore) -> bool:
        return False

    def forget(_: JsonWorkspaceStore, __: bool) -> None:
        pass

    monkeypatch.setattr(JsonWorkspaceStore, "_must_reopen", property(never, forget), raising=False)
    broken_by(Laboratory(EXISTING).failures, "synced again")


def test_a_kill_shows_that_a_start_does_not_sync_what_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    def settle(_: Directory, __: Sequence[str]) -> None:
        pass

    monkeypatch.setattr(Directory, "settle", settle)
    broken_by(Laboratory(EXISTING).kills, "restart, power loss: a start found")


def test_a_damaged_file_shows_that_nothing_is_quarantined(monkeypatch: pytest.MonkeyPatch) -> None:
    def quarantine(*_: object) -> str:
        return "/"

    monkeypatch.setattr(own_files, "quarantine", quarantine)
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == "commit over a damaged primary")
    broken_by(Laboratory(scenario).without_fault, "no copy is kept")


def test_a_start_that_reads_a_file_of_which_not_every_content_is_tried_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remove_temps = Directory.remove_temps

    def read_first(self: Directory) -> list[str]:
        for name in filter(is_temp, self.disk.list_names(self.fd)):
            self.read(name)
        return remove_temps(self)

    monkeypatch.setattr(Directory, "remove_temps", read_first)
    scenario = next(scenario for scenario in SCENARIOS if scenario.name.endswith("temporary files left"))
    broken_by(lambda: Laboratory(scenario).without_fault(), "a start read")
