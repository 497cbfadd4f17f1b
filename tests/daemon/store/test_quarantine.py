"""Copies in quarantine: what they are named, which are kept, and that none is lost before its time."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from support.documents import PRIMARY, SNAPSHOT, quarantined
from support.samples import workspace
from workspaced.store import JsonWorkspaceStore, create_json_store
from workspaced.store.disk import Disk
from workspaced.store.files import Content, Directory, Identity
from workspaced.store.quarantine import KEPT_FILES, quarantine

pytestmark = pytest.mark.requirement("FR-006")

NOON_NS = 1_772_452_800_123_456_789
"""2026-03-02 12:00:00.123456 UTC and some."""


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    with closing(Directory.open(Disk(), tmp_path, create=False)) as directory:
        yield directory


def keep(directory: Directory, data: bytes, reason: str, now_ns: int = NOON_NS, name: str = PRIMARY) -> Path:
    content = Content(data, Identity(0, 0, len(data), 0))
    return Path(quarantine(directory, name, content, reason, lambda: now_ns))


def seconds(count: float) -> int:
    return NOON_NS + int(count * 1_000_000_000)


def test_a_copy_is_named_by_time_and_reason(directory: Directory) -> None:
    copy = keep(directory, b"damaged", "not-utf-8")
    assert copy == directory.path / "quarantine" / f"20260302T120000.123456Z-not-utf-8-{PRIMARY}"
    assert copy.read_bytes() == b"damaged"


def test_copies_of_one_moment_are_all_kept(directory: Directory) -> None:
    copies = [keep(directory, b"%d" % number, "empty") for number in range(4)]
    assert [copy.read_bytes() for copy in copies] == [b"0", b"1", b"2", b"3"]
    assert sorted(copies) == copies


def test_the_newest_16_are_kept(directory: Directory) -> None:
    copies = [keep(directory, b"%d" % number, "edited", seconds(number)) for number in range(20)]
    assert KEPT_FILES == 16
    assert list(quarantined(directory.path).values()) == [b"%d" % number for number in range(4, 20)]
    assert all(copy.exists() for copy in copies[4:])


def test_other_files_in_quarantine_are_left_alone_and_not_counted(directory: Directory) -> None:
    folder = directory.path / "quarantine"
    folder.mkdir()
    others = [
        "notes.txt",
        PRIMARY,
        "20200101T000000.000000Z-mine.json",
        "20200101-empty-workspaces.json",
        f"20200101T000000.000000Z-empty-{PRIMARY}.bak",
    ]
    for name in others:
        (folder / name).write_text("mine")
    for number in range(20):
        keep(directory, b"%d" % number, "edited", seconds(number))
    assert all((folder / name).read_text() == "mine" for name in others)
    assert len(quarantined(directory.path)) == 16 + len(others)


def test_the_same_content_is_kept_once(directory: Directory) -> None:
    first = keep(directory, b"damaged", "empty")
    assert keep(directory, b"damaged", "empty", seconds(5)) == first
    assert len(quarantined(directory.path)) == 1


@pytest.mark.parametrize(
    ("data", "reason", "name"),
    [
        (b"damagea", "not-empty", PRIMARY),
        (b"damaged", "truncated", PRIMARY),
        (b"damaged", "empty", PRIMARY),
        (b"damaged", "not-empty", SNAPSHOT),
    ],
    ids=["content", "reason", "a reason that ends alike", "file"],
)
def test_what_differs_is_kept_beside_it(directory: Directory, data: bytes, reason: str, name: str) -> None:
    first = keep(directory, b"damaged", "not-empty")
    other = keep(directory, data, reason, seconds(5), name)
    assert other != first
    assert (first.read_bytes(), other.read_bytes()) == (b"damaged", data)
    assert other.name.endswith(f"Z-{reason}-{name}")


def test_what_a_killed_process_left_in_quarantine_is_removed(directory: Directory) -> None:
    (directory.path / "quarantine").mkdir()
    (directory.path / "quarantine" / ".workspaces-1.tmp").write_text("half")
    keep(directory, b"damaged", "empty")
    assert list(quarantined(directory.path).values()) == [b"damaged"]


def test_a_new_copy_is_kept_though_the_clock_has_stepped_back(directory: Directory) -> None:
    for number in range(KEPT_FILES):
        keep(directory, b"%d" % number, "edited", seconds(number))
    copy = keep(directory, b"newest", "edited", seconds(-3600))
    assert copy.read_bytes() == b"newest"
    assert len(quarantined(directory.path)) == KEPT_FILES


def test_a_damaged_file_is_kept_though_the_clock_has_stepped_back(tmp_path: Path) -> None:
    now_ns = NOON_NS
    with closing(JsonWorkspaceStore(tmp_path, time_ns=lambda: now_ns)) as store:
        for number in range(KEPT_FILES):
            (tmp_path / PRIMARY).write_text(f"edit {number}")
            store.save(workspace(number))
    now_ns = seconds(-3600)
    for name in (PRIMARY, SNAPSHOT):
        (tmp_path / name).write_text(f"all that is left of {name}")
    with closing(JsonWorkspaceStore(tmp_path, time_ns=lambda: now_ns)) as store:
        assert store.recovery.outcome == "dataLoss"
    kept = [Path(copy).read_text() for copy in store.recovery.quarantined if Path(copy).exists()]
    assert sorted(kept) == [f"all that is left of {name}" for name in (PRIMARY, SNAPSHOT)]


def damage(data_dir: Path, primary: str, snapshot: str) -> None:
    (data_dir / PRIMARY).write_text(primary)
    (data_dir / SNAPSHOT).write_text(snapshot)


def test_the_copy_that_a_damaged_file_has_already_outlasts_the_start_that_needs_it(tmp_path: Path) -> None:
    # The primary is damaged just as it was once: its copy is the oldest of 16. Then the snapshot's is one more.
    ticks: Callable[[], int] = iter(range(NOON_NS, 2 * NOON_NS, 1_000_000_000)).__next__
    for number in range(KEPT_FILES // 2):
        damage(tmp_path, f"damaged {number}", f"damaged too {number}")
        JsonWorkspaceStore(tmp_path, time_ns=ticks).close()
    assert len(quarantined(tmp_path)) == KEPT_FILES
    damage(tmp_path, "damaged 0", "another damage")
    with closing(JsonWorkspaceStore(tmp_path, time_ns=ticks)) as store:
        assert store.recovery.outcome == "dataLoss"
    kept = quarantined(tmp_path)
    assert b"another damage" in kept.values()
    assert b"damaged 0" in kept.values()
    assert len(kept) == KEPT_FILES


def test_damage_that_repeats_does_not_fill_the_disk(tmp_path: Path) -> None:
    for number in range(20):
        damage(tmp_path, f"damaged {number}", f"damaged {number}")
        create_json_store(tmp_path).close()
    assert list(quarantined(tmp_path).values()) == [
        b"damaged %d" % number for number in range(12, 20) for _ in (PRIMARY, SNAPSHOT)
    ]


def test_a_copy_that_can_not_be_read_is_passed_over(directory: Directory) -> None:
    first = keep(directory, b"damaged", "edited")
    first.unlink()
    first.symlink_to("as-long")
    second = keep(directory, b"damaged", "edited", seconds(1))
    assert second != first
    assert second.read_bytes() == b"damaged"
    assert first.is_symlink()
