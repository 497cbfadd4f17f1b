"""Timed copies: what is written, which are kept, and that a damaged disk is never mistaken for a copy."""

import gc
import weakref
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, active_thread_count, wait_all_tasks_blocked

from support.documents import STORE_ID
from support.logs import capture_logs
from support.obstacles import HalfwayDisk
from support.samples import fifty_by_ten, workspace
from support.waiting import until
from workspaced.domain import workspaces
from workspaced.domain.machines import ALONE
from workspaced.domain.state import State
from workspaced.events import EventHub
from workspaced.host.path_checks import PathChecker
from workspaced.service.bound_paths import BoundPaths
from workspaced.service.maintenance import Maintenance
from workspaced.store import InMemoryWorkspaceStore, StorageFailure
from workspaced.store.backups import BackupFile, Backups, BadBackup, Retention, superfluous
from workspaced.store.disk import Disk
from workspaced.writer.actor import Writer

START = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def backup(age: timedelta, revision: int = 1) -> BackupFile:
    made_at = START - age
    return BackupFile(f"workspaces-{made_at:%Y%m%dT%H%M%SZ}-r{revision}.json", made_at, revision)


def kept(backups: list[BackupFile], retention: Retention | None = None) -> list[BackupFile]:
    gone = superfluous(backups, retention or Retention(), backups[0])
    return [each for each in backups if each not in gone]


# What is written


@pytest.mark.requirement("FR-005")
def test_a_copy_is_named_by_time_and_revision_and_reads_back(tmp_path: Path) -> None:
    backups = Backups(tmp_path, time_s=START.timestamp)
    made = backups.write(State.of(fifty_by_ten(), 17, store_id=STORE_ID))
    assert made == BackupFile("workspaces-20260301T123000Z-r17.json", START, 17)
    path = tmp_path / "backups" / made.name
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [each.id for each in backups.read(made.name)] == [each.id for each in fifty_by_ten()]
    assert backups.read(str(path)) == backups.read(made.name)


class LyingDisk(Disk):
    """Tells that all was written, and drops the last byte of each write."""

    def write(self, fd: int, data: memoryview) -> int:
        super().write(fd, data[:-1])
        return len(data)


def test_a_copy_that_reads_back_differently_is_no_copy(tmp_path: Path) -> None:
    backups = Backups(tmp_path, disk=LyingDisk(), time_s=START.timestamp)
    with pytest.raises(StorageFailure):
        backups.write(State.of([workspace(1)], 1, store_id=STORE_ID))
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_copy_at_a_path_is_never_written_over_another_file(tmp_path: Path) -> None:
    backups = Backups(tmp_path / "data")
    (tmp_path / "there").write_text("precious")
    with pytest.raises(BadBackup, match="already exists"):
        backups.write_to(tmp_path / "there", State())
    assert (tmp_path / "there").read_text() == "precious"
    with pytest.raises(BadBackup, match="is a directory: add a file name"):
        backups.write_to(tmp_path, State())
    with pytest.raises(BadBackup, match=r"The directory .* does not exist"):
        backups.write_to(tmp_path / "missing" / "copy", State())


# What is listed


def test_what_is_no_file_is_no_backup(tmp_path: Path) -> None:
    """The advice of a start, to move it away, would be wrong here."""
    (tmp_path / "link").symlink_to("elsewhere")
    for odd in (tmp_path, tmp_path / "link"):
        with pytest.raises(BadBackup, match=r"(regular file|symbolic link): choose a backup file"):
            Backups(tmp_path).read(str(odd))


def test_the_newest_is_listed_first_and_what_is_no_copy_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir(mode=0o700)
    mine = [backup(timedelta(days=1), 3), backup(timedelta(hours=1), 9), backup(timedelta(hours=1), 10)]
    for each in mine:
        (folder / each.name).touch()
    for name in (
        "notes.txt",
        "workspaces-20261301T000000Z-r1.json",
        "workspaces-20260301T250000Z-r1.json",
        "workspaces-20260301T123000Z-r.json",
        "workspaces-20260301T123000Z-r1.json.bak",
    ):
        (folder / name).touch()
    assert Backups(tmp_path).list() == [mine[2], mine[1], mine[0]]


def test_a_directory_without_copies_has_none(tmp_path: Path) -> None:
    assert Backups(tmp_path).list() == []


# What is kept


@pytest.mark.requirement("FR-005")
def test_a_day_of_hourly_copies_and_a_month_of_daily_ones_are_kept() -> None:
    hourly = [backup(timedelta(hours=hours)) for hours in range(24 * 40)]
    left = kept(hourly)
    assert left[:24] == hourly[:24]
    daily = left[24:]
    days = [each.made_at.date() for each in daily]
    assert len(set(days)) == len(days)
    assert all(each.made_at.hour == 23 for each in daily if each.made_at.date() < hourly[23].made_at.date())
    assert (
        min(days) == (START - timedelta(days=30)).date() + timedelta(days=1)
        or min(days) == (START - timedelta(days=30)).date()
    )


def test_of_one_hour_only_the_newest_is_kept() -> None:
    three = [backup(timedelta(minutes=minutes), revision) for minutes, revision in ((1, 9), (5, 8), (20, 7))]
    assert kept(three) == three[:1]


def test_copies_are_kept_by_their_rank_however_old() -> None:
    old = [backup(timedelta(days=400), 2), backup(timedelta(days=500), 1)]
    assert kept(old) == old
    assert kept(old, Retention(hourly=0, daily=0)) == old[:1]


def the_last_days(days: int) -> list[BackupFile]:
    """A copy of each day, newest first; their revisions rise from 101."""
    return [backup(timedelta(days=day), 100 + days - day) for day in range(days)]


@pytest.mark.parametrize("years", [-26, -1, 1, 30])
def test_a_clock_that_jumps_removes_nothing(years: int) -> None:
    days = the_last_days(29)
    wrong = backup(timedelta(days=-365 * years), 130)
    assert kept([wrong, *days]) == [wrong, *days]
    right_again = backup(timedelta(hours=-1), 131)
    assert kept([right_again, wrong, *days]) == [right_again, wrong, *days]


def test_a_clock_that_is_wrong_for_weeks_removes_no_newer_copy() -> None:
    """Neither while it is wrong, nor once it is right again."""
    wrong = [backup(timedelta(days=365, hours=hours), 1000 - hours) for hours in range(24)]
    before = the_last_days(30)
    assert kept([*wrong, *before]) == [*wrong, *before]
    ahead = [backup(timedelta(days=-365, hours=hours), 1000 - hours) for hours in range(24)]
    now = [backup(timedelta(hours=hours), 2000 - hours) for hours in range(24)]
    assert [each for each in kept([*now, *ahead]) if each in now] == now


def test_a_store_that_begins_anew_keeps_its_copies() -> None:
    before, added = the_last_days(60), backup(timedelta(minutes=-1), 1)
    assert added in kept([before[0], added, *before[1:]])


def test_the_copy_just_made_is_kept_whatever_its_name_says() -> None:
    lying = backup(timedelta(days=9000), 1)
    assert lying in kept([lying, *the_last_days(60)])


def test_of_copies_of_the_same_time_the_highest_revision_is_kept() -> None:
    same = [backup(timedelta(), revision) for revision in (10, 9, 2)]
    assert kept(same) == same[:1]


def test_clocks_that_alternate_keep_no_more_than_the_two_ranks() -> None:
    alternating = [
        backup(timedelta(minutes=minute, days=400 * (minute % 2)), 9000 - minute) for minute in range(5000)
    ]
    assert len(kept(alternating)) <= 2 * (24 + 30)


def test_thinning_removes_copies_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir(mode=0o700)
    (folder / "notes.txt").touch()
    new, old = backup(timedelta(minutes=1), 2), backup(timedelta(minutes=2), 1)
    for each in (new, old):
        (folder / each.name).touch()
    assert Backups(tmp_path).thin_out(Retention(), new) == [old]
    assert sorted(path.name for path in folder.iterdir()) == ["notes.txt", new.name]


# The hourly round


class Hours(Backups):
    """Copies whose clock stands where the test puts it."""

    def __init__(self, data_dir: Path) -> None:
        self.now = START
        super().__init__(data_dir, time_s=lambda: self.now.timestamp())


def test_a_copy_that_may_be_in_place_is_a_plain_failure(tmp_path: Path) -> None:
    disk = HalfwayDisk()
    disk.refused = "copy"
    with pytest.raises(StorageFailure, match="Input/output error"):
        Backups(tmp_path, disk=disk).write_to(tmp_path / "copy", State(store_id=STORE_ID))


@pytest.mark.requirement("FR-005")
async def test_each_hour_a_copy_is_made_if_the_revision_has_moved(
    nursery: trio.Nursery, mock_clock: MockClock, tmp_path: Path
) -> None:
    store = InMemoryWorkspaceStore()
    writer = Writer(store, EventHub())
    copies = Hours(tmp_path)
    await nursery.start(writer.run)

    async def hour() -> list[int]:
        """Lets an hour pass, and gives the revisions of the copies there are by then."""
        copies.now += timedelta(hours=1)
        mock_clock.jump(3600)
        await _idle()
        return [each.revision for each in copies.list()]

    async def _idle() -> None:
        # With all tasks blocked, the round waits for a thread at work or else for nothing but the hour.
        await wait_all_tasks_blocked()
        while active_thread_count():
            await wait_all_tasks_blocked()

    nursery.start_soon(
        Maintenance(
            store, writer, BoundPaths(writer, PathChecker(), ALONE), copies, tmp_path, ALONE
        ).keep_backups,
        lambda: Retention(hourly=3, daily=1),
    )
    await _idle()
    assert copies.list() == []  # an empty store needs no copy
    await writer.write(workspaces.create("ws_01", "Alpha", "/a", 1))
    assert await hour() == [1]
    first = copies.list()[0].name
    assert await hour() == [1]
    await writer.write(workspaces.create("ws_02", "Beta", "/b", 1))
    await writer.write(workspaces.create("ws_03", "Gamma", "/c", 1))
    assert await hour() == [3, 1]
    await writer.write(workspaces.remove("ws_03"))
    assert await hour() == [4, 3, 1]
    await writer.write(workspaces.create("ws_04", "Delta", "/d", 1))
    with capture_logs() as told:
        assert await hour() == [5, 4, 3]
    assert [line["name"] for line in told if "backup was removed" in line["event"]] == [first]


async def test_between_two_copies_no_older_state_stays_in_memory(
    nursery: trio.Nursery, mock_clock: MockClock, tmp_path: Path
) -> None:
    store = InMemoryWorkspaceStore()
    writer = Writer(store, EventHub())
    await nursery.start(writer.run)
    await writer.write(workspaces.create("ws_01", "Alpha", "/a", 1))
    maintenance = Maintenance(
        store, writer, BoundPaths(writer, PathChecker(), ALONE), Hours(tmp_path), tmp_path, ALONE
    )
    nursery.start_soon(maintenance.keep_backups, Retention)
    await wait_all_tasks_blocked(0.01)
    await until(lambda: active_thread_count() == 0)
    copied = weakref.ref(writer.state)
    await writer.write(workspaces.create("ws_02", "Beta", "/b", 1))

    def is_gone() -> bool:
        gc.collect()  # whatever else has referred to it; a thread may hold it for a moment longer
        return copied() is None

    await until(is_gone)


async def test_a_disk_that_refuses_a_copy_stops_nothing(
    nursery: trio.Nursery, mock_clock: MockClock, tmp_path: Path
) -> None:
    store = InMemoryWorkspaceStore()
    writer = Writer(store, EventHub())
    await nursery.start(writer.run)
    await writer.write(workspaces.create("ws_01", "Alpha", "/a", 1))
    (tmp_path / "backups").write_text("in the way")
    copies = Hours(tmp_path)
    maintenance = Maintenance(
        store, writer, BoundPaths(writer, PathChecker(), ALONE), copies, tmp_path, ALONE
    )
    nursery.start_soon(maintenance.keep_backups, Retention)
    await wait_all_tasks_blocked(0.01)
    await until(lambda: active_thread_count() == 0)
    (tmp_path / "backups").unlink()
    await wait_all_tasks_blocked(0.01)
    mock_clock.jump(3600)
    await until(lambda: (tmp_path / "backups").is_dir() and bool(copies.list()))
    assert [each.revision for each in copies.list()] == [1]
