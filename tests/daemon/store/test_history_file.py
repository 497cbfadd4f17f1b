"""The files of the history: kept across restarts, told as far as they can be read, and in nobody's way."""

import os
import stat
import time
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from msgspec import structs
from structlog.testing import capture_logs

from support.documents import PRIMARY, SNAPSHOT
from support.obstacles import FullDisk, HalfwayDisk, directory
from support.samples import workspace
from workspaced.domain import workspaces
from workspaced.domain.entries import Cause, Entry
from workspaced.domain.history import KEPT_ENTRIES, History
from workspaced.domain.state import Draft, State
from workspaced.store import JsonWorkspaceStore, create_json_store, history_file
from workspaced.store.disk import Disk
from workspaced.store.history_lines import Writing, happened, history_of, parse
from workspaced_protocol.datadir import EARLIER_HISTORY, HISTORY, MAX_HISTORY_BYTES
from workspaced_protocol.models import Peer

pytestmark = pytest.mark.requirement("FR-005")


@pytest.fixture(autouse=True)
def _without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_file, "REWRITE_PAUSE_SECONDS", 0.0)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory that is not there yet."""
    return tmp_path / "data"


def told(store: JsonWorkspaceStore) -> list[Entry]:
    """What the store tells, oldest first."""
    return [*store.state.history.newest_first()][::-1]


def revisions(store: JsonWorkspaceStore) -> list[int]:
    return [entry.revision for entry in told(store)]


def fill(data_dir: Path, count: int = 5) -> list[Entry]:
    """Make a store with so many changes, and return them."""
    with closing(create_json_store(data_dir)) as store:
        for number in range(1, count + 1):
            store.save(workspace(number % 3, name=f"Größe {number}"))
        return told(store)


def again(data_dir: Path) -> tuple[list[int], int, list[str]]:
    """Start again: the revisions that are told, after which they are complete, and what the log says."""
    with closing(create_json_store(data_dir)) as store:
        return revisions(store), store.state.history.complete_since, store.warnings


def test_it_is_the_same_after_a_restart(data_dir: Path) -> None:
    before = fill(data_dir)
    with closing(create_json_store(data_dir)) as store:
        assert told(store) == before
        assert store.state.history.complete_since == 0
        store.remove("ws_01")
        before = told(store)
    with closing(create_json_store(data_dir)) as store:
        assert told(store) == before
        assert before[-1].after is None
    assert stat.S_IMODE((data_dir / HISTORY).stat().st_mode) == 0o600


def test_a_line_is_the_entry_as_clients_get_it(data_dir: Path) -> None:
    (entry,) = fill(data_dir, 1)
    line = msgspec.json.decode((data_dir / HISTORY).read_bytes().splitlines()[-1])
    checksum = msgspec.json.decode((data_dir / PRIMARY).read_bytes())["_checksum"]
    assert line["after"] == msgspec.json.decode(entry.after or b"")
    assert line["before"] is None
    assert (line["revision"], line["follows"], line["store"]) == (1, 0, checksum[:16])
    assert line["by"] == {"pid": os.getpid(), "uid": os.getuid()}


def flip(text: bytes, at: int) -> bytes:
    return text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :]


def nth_line(text: bytes, number: int) -> int:
    """Where the line of this revision has its middle."""
    lines = text.splitlines(keepends=True)
    return len(b"".join(lines[:number])) + len(lines[number]) // 2


@pytest.mark.parametrize(
    ("damage", "kept", "complete_since"),
    [
        (lambda text: text, [1, 2, 3, 4, 5], 0),
        (lambda text: flip(text, nth_line(text, 1)), [2, 3, 4, 5], 1),
        (lambda text: flip(text, nth_line(text, 3)), [1, 2, 4, 5], 3),
        (lambda text: flip(text, nth_line(text, 5)), [1, 2, 3], 5),
        (lambda text: flip(text, nth_line(text, 5) + 100), [1, 2, 3], 5),
        (lambda text: text[:-1], [1, 2, 3], 5),
        (lambda text: text[: nth_line(text, 4)], [1, 2], 5),
        (lambda text: b"".join(text.splitlines(keepends=True)[2:]), [2, 3, 4, 5], 1),
        (lambda text: text.replace(b"\n", b"\n\n"), [1, 2, 3, 4, 5], 0),
        (lambda text: b"\xff\x00" * 50 + b"\n" + text, [1, 2, 3, 4, 5], 0),
        (lambda text: text + b'{"revision":6,"follows":5}\n', [1, 2, 3, 4, 5], 0),
        (lambda text: text + b"\0" * 4096, [1, 2, 3, 4, 5], 0),
        (lambda _: b"", [], 5),
        (lambda _: b"\n", [], 5),
        (lambda _: b"\xff\xfe\x00" * 1000, [], 5),
        (lambda text: text.replace(b"Gr", b"gr"), [], 5),
        (lambda text: text.replace(b'"revision"', b'"version":9,"revision"'), [], 5),
        (lambda text: text + text, [1, 2, 3, 4, 5], 0),
        (lambda text: b"{" * 100_000 + b"\n" + text, [1, 2, 3, 4, 5], 0),
    ],
)
def test_what_can_be_read_of_a_damaged_file_is_told_and_the_rest_is_a_gap(
    data_dir: Path, damage: Callable[[bytes], bytes], kept: list[int], complete_since: int
) -> None:
    before = fill(data_dir)
    path = data_dir / HISTORY
    path.write_bytes(damage(path.read_bytes()))
    with closing(create_json_store(data_dir)) as store:
        assert store.recovery.outcome == "clean"
        assert revisions(store) == kept
        assert store.state.history.complete_since == complete_since
        assert [entry for entry in before if entry.revision in kept] == told(store)
        store.save(workspace(9))
    assert again(data_dir) == ([*kept, 6], complete_since, [])


def test_a_damaged_text_is_kept_once_before_it_is_written_anew(data_dir: Path) -> None:
    fill(data_dir)
    path = data_dir / HISTORY
    damaged = flip(path.read_bytes(), nth_line(path.read_bytes(), 3))
    path.write_bytes(damaged)
    for _ in range(2):
        _, _, warnings = again(data_dir)
        assert "1 lines" in warnings[0]
        (copy,) = (data_dir / "quarantine").iterdir()
        assert copy.read_bytes() == damaged
        assert warnings[1:] == [f"A copy of the damaged {HISTORY} is kept at {copy}"]
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(9))
    assert again(data_dir)[2] == []


def fifo(path: Path) -> None:
    os.mkfifo(path)


def link_to_a_file(path: Path) -> None:
    path.with_name("elsewhere").write_text("not ours")
    path.symlink_to("elsewhere")


def dangling_link(path: Path) -> None:
    path.symlink_to("/nowhere")


def link_to_an_endless_file(path: Path) -> None:
    path.symlink_to("/dev/zero")


def unreadable_file(path: Path) -> None:
    path.write_text("x")
    path.chmod(0)


def huge_file(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 40)


@pytest.mark.parametrize("name", [HISTORY, EARLIER_HISTORY])
@pytest.mark.parametrize(
    "obstacle", [fifo, link_to_a_file, dangling_link, link_to_an_endless_file, unreadable_file, huge_file]
)
def test_what_stands_in_its_place_stops_no_start_and_gives_way(
    data_dir: Path, obstacle: Callable[[Path], None], name: str
) -> None:
    fill(data_dir)
    if name == HISTORY:
        (data_dir / HISTORY).unlink()
    obstacle(data_dir / name)
    kept, complete_since, _ = again(data_dir)
    assert (kept, complete_since) == (([], 5) if name == HISTORY else ([1, 2, 3, 4, 5], 0))
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(9))
    assert again(data_dir)[0] == [*kept, 6]
    assert stat.S_ISREG((data_dir / HISTORY).lstat().st_mode)
    if obstacle is link_to_a_file:
        assert (data_dir / "elsewhere").read_text() == "not ours"


def test_a_directory_in_its_place_stays_and_is_told(data_dir: Path) -> None:
    fill(data_dir)
    (data_dir / HISTORY).unlink()
    directory(data_dir / HISTORY)
    with closing(create_json_store(data_dir)) as store, capture_logs() as logs:
        assert "history.jsonl can't be read (it is not a regular file)" in store.warnings[0]
        store.save(workspace(8))
        store.save(workspace(9))
        assert revisions(store) == [6, 7]
        assert len(logs) == 1
        assert "is a directory: move it away" in logs[0]["reason"]
        (data_dir / HISTORY).rmdir()
        store.save(workspace(9, name="Again"))
        assert [log["event"] for log in logs[1:]] == ["The history is written again."]
    assert again(data_dir) == ([6, 7, 8], 5, [])


def test_a_directory_in_the_place_of_the_earlier_file_keeps_this_one_small(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_file, "MAX_HISTORY_BYTES", 4000)
    data_dir.mkdir()
    directory(data_dir / EARLIER_HISTORY)
    with closing(create_json_store(data_dir)) as store:
        for number in range(50):
            store.save(workspace(number))
            assert (data_dir / HISTORY).stat().st_size <= 4000
    kept, complete_since, _ = again(data_dir)
    assert kept == [*range(complete_since + 1, 51)]
    assert len(kept) >= 3


def test_a_full_disk_costs_no_write_and_the_history_comes_back(data_dir: Path) -> None:
    disk = HistoryRefusingDisk()
    with closing(JsonWorkspaceStore(data_dir, disk=disk)) as store, capture_logs() as logs:
        store.save(workspace(1))
        disk.room_bytes = 100
        for number in range(2, 6):
            store.save(workspace(number))
        assert len(logs) == 1
        assert logs[0]["reason"] == os.strerror(28)
        disk.room_bytes = None
        store.save(workspace(6))
        assert [log["event"] for log in logs[1:]] == ["The history is written again."]
    assert again(data_dir) == ([1, 2, 3, 4, 5, 6], 0, [])


class HistoryRefusingDisk(FullDisk):
    """A disk that is full for the history alone."""

    def write(self, fd: int, data: memoryview) -> int:
        return Disk.write(self, fd, data)


def test_what_could_not_be_written_before_the_end_is_a_gap(data_dir: Path) -> None:
    disk = HistoryRefusingDisk()
    with closing(JsonWorkspaceStore(data_dir, disk=disk)) as store:
        for number in range(1, 4):
            store.save(workspace(number))
        disk.room_bytes = 100
        store.save(workspace(4))
    # The last commit in the file is not told: nobody knows any more whether it happened.
    assert again(data_dir) == ([1, 2], 4, [])


def link_elsewhere(path: Path) -> None:
    path.unlink()
    path.symlink_to("elsewhere")


def fifo_instead(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    "change",
    [
        Path.unlink,
        lambda path: path.write_bytes(b"x"),
        lambda path: path.write_bytes(path.read_bytes() + b"more"),
        lambda path: path.rename(path.with_name("away")),
        link_elsewhere,
        fifo_instead,
    ],
)
def test_a_file_that_others_change_while_the_store_is_open_is_written_anew(
    data_dir: Path, change: Callable[[Path], object]
) -> None:
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(1))
        store.save(workspace(2))
        change(data_dir / HISTORY)
        store.save(workspace(3))
    assert again(data_dir) == ([1, 2, 3], 0, [])


def test_a_commit_that_failed_is_not_told(data_dir: Path) -> None:
    disk = HalfwayDisk()
    with closing(JsonWorkspaceStore(data_dir, disk=disk)) as store:
        store.save(workspace(1))
        disk.refused = PRIMARY
        with pytest.raises(Exception, match="Could not write"):
            store.save(workspace(2))
        disk.refused = None
        store.save(workspace(3))
    assert [entry.workspace_id for entry in told(create_json_store(data_dir))] == ["ws_01", "ws_03"]


def test_files_are_bounded_and_both_are_told(data_dir: Path) -> None:
    large = workspace(1, root_path="/" + "x" * 100_000)
    with closing(create_json_store(data_dir)) as store:
        for number in range(60):
            store.save(structs.replace(large, updated_at=number))
        sizes = [(data_dir / name).stat().st_size for name in (HISTORY, EARLIER_HISTORY)]
        assert max(sizes) <= MAX_HISTORY_BYTES
        before = told(store)
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
        store.commit(draft.freeze(), draft.entries)
        assert (data_dir / HISTORY).stat().st_size <= MAX_HISTORY_BYTES + 1000
    kept, complete_since, _ = again(data_dir)
    assert kept == [*range(complete_since + 1, 101)]
    assert len(kept) > 50


@pytest.mark.parametrize("lost", [(PRIMARY,), (SNAPSHOT,)])
def test_the_loss_of_either_file_of_the_store_leaves_it(data_dir: Path, lost: tuple[str, ...]) -> None:
    fill(data_dir)
    for name in lost:
        (data_dir / name).unlink()
    with closing(create_json_store(data_dir)) as store:
        assert revisions(store) == [1, 2, 3, 4, 5]
        store.save(workspace(9))
        known = (revisions(store), store.state.history.complete_since)
    assert again(data_dir)[:2] == known


def test_an_earlier_copy_of_the_store_has_the_history_of_its_time(data_dir: Path) -> None:
    fill(data_dir, 3)
    copy = (data_dir / PRIMARY).read_bytes()
    fill(data_dir, 4)
    newer = (data_dir / PRIMARY).read_bytes()
    for name in (PRIMARY, SNAPSHOT):
        (data_dir / name).write_bytes(copy)
    with closing(create_json_store(data_dir)) as store:
        assert revisions(store) == [1, 2, 3]
        assert store.state.history.complete_since == 0
        store.save(workspace(2, name="Another life"))
        assert revisions(store) == [1, 2, 3, 4]
    assert again(data_dir)[:2] == ([1, 2, 3, 4], 0)
    for name in (PRIMARY, SNAPSHOT):
        (data_dir / name).write_bytes(newer)
    kept, complete_since, _ = again(data_dir)
    assert complete_since == 7
    assert kept == [1, 2, 3]


def test_a_store_of_an_earlier_release_begins_its_history_at_its_revision(data_dir: Path) -> None:
    fill(data_dir)
    (data_dir / HISTORY).unlink()
    assert again(data_dir)[:2] == ([], 5)
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(9))
    assert again(data_dir)[:2] == ([6], 5)


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
    return writing.lines(state.history.after(-1, KEPT_ENTRIES), 0, state.revision, 1 << 30), state


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
    assert min(durations) < 0.1  # a quarter of it; the machine may be busy
