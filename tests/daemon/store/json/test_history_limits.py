"""The limits of the history: its files, its memory, and the time of a start."""

import os
import threading
import time
import tracemalloc
from contextlib import closing
from pathlib import Path

import pytest
from msgspec import structs

from support.kept_history import again, entries_of
from support.samples import workspace
from support.waiting import PATIENCE_SECONDS
from workspaced.domain import workspaces
from workspaced.domain.draft import Draft
from workspaced.domain.entries import Cause
from workspaced.domain.history import KEPT_ENTRIES, History
from workspaced.domain.state import State
from workspaced.store import JsonWorkspaceStore, create_json_store
from workspaced.store.contract import commit_of
from workspaced.store.disk import Disk
from workspaced.store.json import history_file
from workspaced.store.json.history_lines import Writing, happened, history_of, parse
from workspaced_protocol.datadir import EARLIER_HISTORY, HISTORY, MAX_HISTORY_BYTES
from workspaced_protocol.models import Peer

pytestmark = pytest.mark.requirement("FR-005")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_files_are_bounded_and_both_are_told(data_dir: Path) -> None:
    large = workspace(1, root_path="/" + "x" * 100_000)
    with closing(create_json_store(data_dir)) as store:
        for number in range(60):
            store.save(structs.replace(large, updated_at=number))
        sizes = [(data_dir / name).stat().st_size for name in (HISTORY, EARLIER_HISTORY)]
        assert max(sizes) <= MAX_HISTORY_BYTES
        before = entries_of(store)
    kept, complete_since, _ = again(data_dir)
    assert kept == [*range(complete_since + 1, 61)]
    assert len(kept) > 20
    assert len(kept) <= len(before)


def test_a_huge_change_leaves_the_files_bounded(data_dir: Path) -> None:
    huge = workspace(1, root_path="/" + "x" * (MAX_HISTORY_BYTES + 9))
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(2))
        store.save(huge)
        store.save(workspace(3))
        assert (data_dir / HISTORY).stat().st_size < MAX_HISTORY_BYTES
    assert again(data_dir)[:2] == ([1, 3], 2)


def test_a_batch_of_many_changes_leaves_the_files_bounded(data_dir: Path) -> None:
    with closing(create_json_store(data_dir)) as store:
        draft = Draft(store.state)
        for number in range(100):
            one = workspace(number, root_path="/" + "x" * 60_000)
            draft.apply(workspaces.save(one, None)(draft), Cause("", Peer(1, 1), "store.apply"), 1)
        store.commit(commit_of(draft))
        assert (data_dir / HISTORY).stat().st_size <= MAX_HISTORY_BYTES + 1000
    kept, complete_since, _ = again(data_dir)
    assert kept == [*range(complete_since + 1, 101)]
    assert len(kept) > 50


def test_a_file_that_could_not_be_written_anew_is_not_tried_again_with_each_commit(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_file, "REWRITE_PAUSE_SECONDS", 1000.0)
    data_dir.mkdir()
    (data_dir / HISTORY).mkdir()
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(1))
        (data_dir / HISTORY).rmdir()
        store.save(workspace(2))
        assert not (data_dir / HISTORY).exists()
        assert len(entries_of(store)) == 2


class HangingDisk(Disk):
    """A disk whose syncs hang in every thread but the test's own, until they are let go."""

    def __init__(self) -> None:
        self.owner = threading.current_thread()
        self.hangs = threading.Event()
        self.goes_on = threading.Event()

    def sync(self, fd: int) -> None:
        if threading.current_thread() is not self.owner:
            self.hangs.set()
            assert self.goes_on.wait(PATIENCE_SECONDS)
        super().sync(fd)


def test_a_sync_that_hangs_holds_up_no_commit_and_leaves_no_descriptor(data_dir: Path) -> None:
    disk = HangingDisk()
    before = len(os.listdir("/dev/fd"))
    store = JsonWorkspaceStore(data_dir, disk=disk)
    store.save(workspace(1))
    syncing = threading.Thread(target=store.settle)
    syncing.start()
    assert disk.hangs.wait(PATIENCE_SECONDS)
    store.save(workspace(2))
    (data_dir / HISTORY).unlink()
    for number in range(3, 6):
        store.save(workspace(number))
        store.settle()  # one at a time
    store.close()
    disk.goes_on.set()
    syncing.join(PATIENCE_SECONDS)
    assert not syncing.is_alive()
    assert len(os.listdir("/dev/fd")) == before
    assert again(data_dir)[0][:2] == [1, 2]


@pytest.fixture(scope="module")
def ten_thousand() -> tuple[bytes, State]:
    """The text of 10,000 entries of 100 workspaces, and the state that they led to."""
    draft = Draft(State())
    for number in range(KEPT_ENTRIES):
        one = workspace(
            number % 100,
            name=f"Project number {number % 100}",
            root_path=f"/home/ada/projects/number-{number % 100}",
        )
        one = structs.replace(one, updated_at=1_772_449_264_788 + number)
        cause = Cause(f"cor_01KB2V9NWR0A0YH1J3KQ3X{number:04}", Peer(number % 9, 1), "store.save")
        draft.apply(workspaces.save(one, None)(draft), cause, 1_772_449_264_788 + number)
    state = draft.freeze()
    writing = Writing(state.revision, "", 0)
    return writing.lines(state.history.entries, 0, state.revision, 1 << 30), state


def load(text: bytes, state: State) -> History:
    return history_of(happened(parse(text, 0).lines, state, ""), state)


def test_ten_thousand_entries_take_less_than_8_megabytes(ten_thousand: tuple[bytes, State]) -> None:
    tracemalloc.start()
    try:
        history = load(*ten_thousand)
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert (len(history), history.complete_since) == (KEPT_ENTRIES, 0)
    assert taken < 8_000_000
    newest, *_, before = [*history.newest_first()][:101]
    assert newest.before is before.after, "texts are shared"
    assert newest.method is before.method


def test_ten_thousand_entries_are_there_at_once(ten_thousand: tuple[bytes, State]) -> None:
    durations: list[float] = []
    for _ in range(5):
        began_at = time.process_time()
        load(*ten_thousand)
        durations.append(time.process_time() - began_at)
    assert min(durations) < 0.4  # a tenth of it, on a machine at rest and without coverage
