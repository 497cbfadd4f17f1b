"""The files of the history: kept across restarts, told as far as they can be read, and in nobody's way."""

import os
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from support.documents import PRIMARY, SNAPSHOT
from support.kept_history import again, entries_of, revisions, written
from support.logs import capture_logs
from support.obstacles import FullDisk, HalfwayDisk, directory
from support.samples import workspace
from workspaced.store import JsonWorkspaceStore, create_json_store
from workspaced.store.disk import Disk
from workspaced.store.json import history_file
from workspaced_protocol.datadir import EARLIER_HISTORY, HISTORY, MAX_HISTORY_BYTES

pytestmark = pytest.mark.requirement("FR-005")


@pytest.fixture(autouse=True)
def _without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_file, "REWRITE_PAUSE_SECONDS", 0.0)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory that is not there yet."""
    return tmp_path / "data"


def test_it_is_the_same_after_a_restart(data_dir: Path) -> None:
    before = written(data_dir)
    with closing(create_json_store(data_dir)) as store:
        assert entries_of(store) == before
        assert store.state.history.complete_since == 0
        store.remove("ws_01")
        before = entries_of(store)
    with closing(create_json_store(data_dir)) as store:
        assert entries_of(store) == before
        assert before[-1].after is None
    assert stat.S_IMODE((data_dir / HISTORY).stat().st_mode) == 0o600


def test_a_line_is_the_entry_as_clients_get_it(data_dir: Path) -> None:
    (entry,) = written(data_dir, 1)
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
        (lambda text: b"x" * 3 * MAX_HISTORY_BYTES + b"\n" + text, [1, 2, 3, 4, 5], 0),
    ],
)
def test_what_can_be_read_of_a_damaged_file_is_told_and_the_rest_is_a_gap(
    data_dir: Path, damage: Callable[[bytes], bytes], kept: list[int], complete_since: int
) -> None:
    before = written(data_dir)
    path = data_dir / HISTORY
    path.write_bytes(damage(path.read_bytes()))
    with closing(create_json_store(data_dir)) as store:
        assert store.recovery.outcome == "clean"
        assert revisions(store) == kept
        assert store.state.history.complete_since == complete_since
        assert [entry for entry in before if entry.revision in kept] == entries_of(store)
        store.save(workspace(9))
    assert again(data_dir) == ([*kept, 6], complete_since, [])


def test_a_damaged_text_is_told_until_it_is_written_anew(data_dir: Path) -> None:
    written(data_dir)
    path = data_dir / HISTORY
    path.write_bytes(flip(path.read_bytes(), nth_line(path.read_bytes(), 3)))
    for _ in range(2):
        (warning,) = again(data_dir)[2]
        assert "has 1 line that can't be read" in warning
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(9))
    assert again(data_dir)[2] == []


def fifo(path: Path) -> None:
    os.mkfifo(path)


def link_to_a_file(path: Path) -> None:
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
    written(data_dir)
    elsewhere = (data_dir / HISTORY).read_bytes()
    (data_dir / "elsewhere").write_bytes(elsewhere)
    if name == HISTORY:
        (data_dir / HISTORY).unlink()
    obstacle(data_dir / name)
    kept, complete_since, _ = again(data_dir)
    assert (kept, complete_since) == (([], 5) if name == HISTORY else ([1, 2, 3, 4, 5], 0))
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(9))
    assert again(data_dir)[0] == [*kept, 6]
    assert stat.S_ISREG((data_dir / HISTORY).lstat().st_mode)
    assert (data_dir / "elsewhere").read_bytes() == elsewhere


def test_a_directory_in_its_place_stays_and_is_told(data_dir: Path) -> None:
    written(data_dir)
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


@pytest.mark.parametrize("obstacle", [Path.unlink, fifo, link_to_a_file, dangling_link, unreadable_file])
def test_what_changes_soon_after_it_was_written_anew_is_caught_up_on(
    data_dir: Path, obstacle: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_file, "REWRITE_PAUSE_SECONDS", 1000.0)
    monkeypatch.setattr(history_file, "REWRITE_SHARE", 1e9)
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(1))  # writes the file: for a while, no commit does so again
        if obstacle is not Path.unlink:
            (data_dir / HISTORY).unlink()
        obstacle(data_dir / HISTORY)
        store.save(workspace(2))
        store.save(workspace(3))
        store.catch_up()
        store.save(workspace(4))
        assert not store.is_behind
    assert again(data_dir) == ([1, 2, 3, 4], 0, [])


def test_after_it_was_written_anew_in_no_time_the_next_commit_may_do_so_again(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_file, "REWRITE_PAUSE_SECONDS", 1000.0)
    monkeypatch.setattr(history_file, "REWRITE_SHARE", 0.0)
    with closing(create_json_store(data_dir)) as store:
        for number in range(1, 4):
            store.save(workspace(number))
            (data_dir / HISTORY).unlink()
        store.save(workspace(4))
    assert again(data_dir) == ([1, 2, 3, 4], 0, [])


def test_nothing_is_caught_up_on_in_another_directory(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_file, "REWRITE_PAUSE_SECONDS", 1000.0)
    monkeypatch.setattr(history_file, "REWRITE_SHARE", 1e9)
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(1))
        (data_dir / HISTORY).unlink()
        store.save(workspace(2))
        data_dir.rename(data_dir.with_name("moved"))
        store.catch_up()
        data_dir.mkdir()
        store.catch_up()
        assert store.is_behind
        assert list(data_dir.iterdir()) == []


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
    assert [entry.workspace_id for entry in entries_of(create_json_store(data_dir))] == ["ws_01", "ws_03"]


@pytest.mark.parametrize("lost", [(PRIMARY,), (SNAPSHOT,)])
def test_the_loss_of_either_file_of_the_store_leaves_it(data_dir: Path, lost: tuple[str, ...]) -> None:
    written(data_dir)
    for name in lost:
        (data_dir / name).unlink()
    with closing(create_json_store(data_dir)) as store:
        assert revisions(store) == [1, 2, 3, 4, 5]
        store.save(workspace(9))
        known = (revisions(store), store.state.history.complete_since)
    assert again(data_dir)[:2] == known


def test_copies_of_the_store_that_take_turns_have_each_their_own_history(data_dir: Path) -> None:
    written(data_dir, 3)
    copy = (data_dir / PRIMARY).read_bytes()
    with closing(create_json_store(data_dir)) as store:
        for number in range(5):
            store.save(workspace(1, name=f"This life {number}"))
    newer = (data_dir / PRIMARY).read_bytes()
    for name in (PRIMARY, SNAPSHOT):
        (data_dir / name).write_bytes(copy)
    with closing(create_json_store(data_dir)) as store:
        assert revisions(store) == [1, 2, 3]
        assert store.state.history.complete_since == 0
        for number in range(3):
            store.save(workspace(2, name=f"Another life {number}"))
    assert again(data_dir)[:2] == ([1, 2, 3, 4, 5, 6], 0)
    for name in (PRIMARY, SNAPSHOT):
        (data_dir / name).write_bytes(newer)
    assert again(data_dir)[:2] == ([1, 2, 3], 8)


def test_a_store_of_an_earlier_release_begins_its_history_at_its_revision(data_dir: Path) -> None:
    written(data_dir)
    (data_dir / HISTORY).unlink()
    assert again(data_dir)[:2] == ([], 5)
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(9))
    assert again(data_dir)[:2] == ([6], 5)
