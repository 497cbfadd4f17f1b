"""The history under every fault: it agrees with the store, claims nothing it can't know, and fails no commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from faults import runs
from faults.laboratory import Laboratory
from faults.promises import BrokenPromise
from faults.runs import DATA_DIR, Owed, Run
from faults.scenarios import DAMAGED, FRESH, SCENARIOS, Scenario, in_data_dir
from faults.simulated_disk import SimulatedDisk
from faults.simulated_faults import Fault
from faults.simulated_nodes import Tree, each
from support.documents import STORE_ID
from workspaced.domain.history import History
from workspaced.domain.state import State
from workspaced.store.json import history_file
from workspaced.store.json.history_file import HistoryFile
from workspaced.store.json.history_lines import Line, history_of
from workspaced_protocol.datadir import EARLIER_HISTORY, HISTORY, MAX_HISTORY_BYTES, PRIMARY, SNAPSHOT

pytestmark = [
    pytest.mark.requirement("FR-005", "T011"),
    pytest.mark.usefixtures("measured_once", "no_look_at_this_machine"),
]

OPENED = (Run.open, Run.commit, Run.settle)
SMALL_FILE_BYTES = 2500
"""Room for some two commits, so that files are full often."""


@cache
def store() -> Run:
    """A process that has ended in good order, and left a store with some history."""
    run = Run(SimulatedDisk(FRESH.found))
    for step in (*OPENED, Run.rename, Run.remove, Run.only_key, Run.settle, Run.close):
        step(run)
    return run


def files_of(run: Run) -> dict[str, bytes | Tree]:
    """The files in the data directory, by name."""
    return {path.rpartition("/")[2]: data for path, data in each(run.disk.visible())}


def found(name: str, files: dict[str, bytes | Tree]) -> Scenario:
    """Writes after a start on these files, whose history may tell of nothing but what happened."""
    return Scenario(name, (Run.open, Run.rename), found=in_data_dir(files), owed=store().owed())


def on_files() -> list[Scenario]:
    """Starts on files with a history that is whole, damaged, cut, or in the way."""
    whole = files_of(store())
    history = whole[HISTORY]
    assert isinstance(history, bytes)
    middle = len(history) // 2
    flipped = history[:middle] + bytes([history[middle] ^ 1]) + history[middle + 1 :]
    return [
        found("start on a whole history", {**whole}),
        found("start on a damaged history", {**whole, HISTORY: flipped}),
        found("start on a cut history", {**whole, HISTORY: history[:-9]}),
        found("start on an empty history", {**whole, HISTORY: b""}),
        found("start on two files of a history", {**whole, EARLIER_HISTORY: history, HISTORY: b""}),
        found("start on a directory for a history", {**whole, HISTORY: ((PRIMARY, b"x"),)}),
        found("start on a directory for an earlier history", {**whole, EARLIER_HISTORY: ()}),
    ]


CHANGES = Scenario(
    "changes of each kind",
    (Run.rename, Run.settle, Run.remove, Run.only_key, Run.rename),
    OPENED,
    FRESH.found,
)
RESTART = Scenario("restart", (Run.rename, Run.settle, Run.close, Run.open, Run.remove), OPENED, FRESH.found)
HISTORIES = (CHANGES, RESTART, *on_files())
EACH = pytest.mark.parametrize("scenario", HISTORIES, ids=str)
EITHER_SIZE = pytest.mark.parametrize("max_bytes", [MAX_HISTORY_BYTES, SMALL_FILE_BYTES])

DID_NOT_HAPPEN = "the history tells of what did not happen|does not lead to the state"

FAILED = next(each for each in SCENARIOS if each.name == "re-commit, 1st rename failed")

laboratory = cache(Laboratory)


def broken_by(tried: Callable[[], None], promise: str) -> None:
    with pytest.raises(BrokenPromise, match=promise):
        tried()


def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_file, "MAX_HISTORY_BYTES", SMALL_FILE_BYTES)


@EACH
def test_without_a_fault_and_after_a_power_loss_at_any_operation_it_agrees_with_the_store(
    scenario: Scenario,
) -> None:
    laboratory(scenario).without_fault()
    laboratory(scenario).power_losses()


@pytest.mark.parametrize("scenario", [CHANGES, RESTART], ids=str)
def test_after_a_kill_at_any_operation_it_agrees_with_the_store(scenario: Scenario) -> None:
    laboratory(scenario).kills()


@EACH
def test_no_commit_fails_with_it_whatever_operation_fails(scenario: Scenario) -> None:
    laboratory(scenario).failures()


@pytest.mark.parametrize("scenario", [CHANGES, RESTART], ids=str)
def test_with_full_files_all_of_that_holds(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    renames = laboratory(scenario).trace.count("rename")  # with files of the usual size
    small_files(monkeypatch)
    small = Laboratory(scenario)
    assert small.trace.count("rename") > renames
    small.without_fault()
    small.power_losses()
    small.kills()
    small.failures()


@pytest.mark.parametrize("scenario", [FRESH, CHANGES, RESTART], ids=str)
@EITHER_SIZE
def test_a_kill_between_any_two_operations_loses_nothing_of_it(
    scenario: Scenario, max_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_file, "MAX_HISTORY_BYTES", max_bytes)
    tried = Laboratory(scenario)
    for at in range(1, len(tried.trace) + 2):
        run = tried.interrupted(Fault("kill", at))
        run.disk.end_process()
        run = Run(run.disk, run.owed(), hour=1)
        run.open()
        if max_bytes > SMALL_FILE_BYTES:
            assert run.store.state.history.complete_since == 0, f"killed at operation {at}"
        run.close()


@EITHER_SIZE
def test_what_was_synced_is_there_after_a_power_loss(max_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_file, "MAX_HISTORY_BYTES", max_bytes)
    run = Run(SimulatedDisk(FRESH.found))
    for step in (Run.open, Run.commit, Run.rename, Run.rename, Run.remove, Run.settle):
        step(run)
    kept = len(run.store.state.history)
    assert kept == 6
    for tree in run.disk.survivors():
        after = Run(SimulatedDisk(tree), run.owed())
        after.open()
        history = after.store.state.history
        if max_bytes > SMALL_FILE_BYTES:
            assert (len(history), history.complete_since) == (kept, 0)
        assert len(history) > 1


def test_what_is_written_anew_is_there_after_a_power_loss_but_for_the_last_commit() -> None:
    run = Run(SimulatedDisk(FRESH.found))
    for step in (Run.open, Run.commit, Run.rename, Run.settle):
        step(run)
    run.disk.remove(f"{DATA_DIR}/{HISTORY}")
    run.rename()
    for tree in run.disk.survivors():
        after = Run(SimulatedDisk(tree), run.owed())
        after.open()
        told = [entry.revision for entry in after.store.state.history.newest_first()]
        assert told[-3:] == [3, 2, 1]


def test_a_sync_that_failed_has_it_written_anew() -> None:
    run = Run(SimulatedDisk(FRESH.found))
    run.open()
    run.commit()
    run.disk.arm(Fault("error", 1, 5))
    run.settle()
    run.disk.arm(None)
    run.settle()
    assert run.disk.trace == [], "the file must not be synced again"
    run.commit()
    run.settle()
    for tree in run.disk.survivors():
        after = Run(SimulatedDisk(tree), run.owed())
        after.open()
        assert after.store.state.history.complete_since == 0


def test_the_laboratory_sees_lines_of_a_failed_commit_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    def take_back(_: HistoryFile) -> None:
        pass

    monkeypatch.setattr(HistoryFile, "take_back", take_back)
    broken_by(Laboratory(FAILED).failures, DID_NOT_HAPPEN)


def test_the_laboratory_sees_the_last_lines_not_compared_with_the_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def happened(lines: list[Line], state: State, _: str) -> list[Line]:
        return [line for line in lines if line.revision <= state.revision]

    monkeypatch.setattr(history_file, "happened", happened)
    broken_by(Laboratory(FAILED).power_losses, DID_NOT_HAPPEN)


def test_the_laboratory_sees_a_hole_that_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(lines: list[Line], state: State) -> History:
        history = history_of(lines, state)
        return History.of(history.entries, 0)

    monkeypatch.setattr(history_file, "history_of", told)
    broken_by(Laboratory(CHANGES).power_losses, "missing from a history that is complete|does not lead")


def test_of_another_stores_history_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    files = files_of(store())
    monkeypatch.setattr(runs, "STORE_ID", STORE_ID[:-1] + "0")
    other = Run(SimulatedDisk(FRESH.found), hour=9)
    for step in (*OPENED, Run.rename, Run.rename, Run.commit, Run.settle, Run.close):
        step(other)
    theirs = files_of(other)[HISTORY]
    monkeypatch.undo()
    for name in (HISTORY, EARLIER_HISTORY):
        tree = in_data_dir({PRIMARY: files[PRIMARY], SNAPSHOT: files[SNAPSHOT], name: theirs})
        run = Run(SimulatedDisk(tree), replace(store().owed(), facts=frozenset()))
        run.open()
        assert run.store.state.history.complete_since == run.store.state.revision


def test_of_a_store_that_is_gone_nothing_is_told_by_the_one_that_begins_in_its_place() -> None:
    history = files_of(store())[HISTORY]
    run = Run(SimulatedDisk(in_data_dir({HISTORY: history, EARLIER_HISTORY: history})))
    for step in (Run.open, Run.commit, Run.close, Run.open):
        step(run)
    assert len(run.store.state.history) == 1
    assert run.store.state.history.complete_since == 0


def test_a_loss_of_data_is_a_gap() -> None:
    files = files_of(store())
    disk = SimulatedDisk(in_data_dir({**files, PRIMARY: DAMAGED, SNAPSHOT: DAMAGED}))
    run = Run(disk, Owed(may_tell_of_loss=True, facts=frozenset(store().facts)))
    run.open()
    lost_at = run.store.state.revision
    assert run.store.recovery.outcome == "dataLoss"
    for _ in range(2):
        assert run.store.state.history.complete_since == lost_at
        run.close()
        run.open()
    assert run.has(HISTORY)
