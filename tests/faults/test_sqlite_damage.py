"""Damage in the files of a SQLite store: what serves is verified, and what is missing is told."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec import structs

from faults.runs import Content, content_of
from faults.store_session import large, made
from support.samples import workspace
from workspaced.domain import bulk, commands, workspaces
from workspaced.store.backups import Backups
from workspaced.store.disk import Disk
from workspaced.store.sqlite.sqlite_store import SqliteWorkspaceStore
from workspaced_protocol.datadir import (
    ANSWERED,
    DAMAGED_DATABASE,
    DATABASE,
    DATABASE_LOG,
    DATABASE_PAGE_BYTES,
    QUARANTINE,
)

pytestmark = pytest.mark.requirement("FR-007", "T013", "T015")

FRAME_BYTES = DATABASE_PAGE_BYTES + 24


class UnsyncedDisk(Disk):
    """A disk that is not waited for: here nothing outlives the machine."""

    def sync(self, fd: int) -> None:
        pass


def opened(data_dir: Path) -> SqliteWorkspaceStore:
    return SqliteWorkspaceStore(data_dir, disk=UnsyncedDisk())


@dataclass
class Sample:
    """A store as files: closed, or as a kill leaves it; what it holds, and every version of a workspace that it had."""

    closed: Path
    killed: Path
    content: Content
    versions: frozenset[bytes]
    revision: int


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    root = tmp_path_factory.mktemp("sample")
    versions: set[bytes] = set()
    with closing(opened(root / "closed")) as store:
        for number in range(9):
            given = workspace(number) if number % 3 else large(number, "large")
            store.commit(made(store.state, workspaces.save(given, None)))
            versions.update(content_of(store.state)[0])
        store.commit(made(store.state, commands.once("key 1", workspaces.remove("ws_05"))))
        again = structs.replace(workspace(4, name="Changed"), metadata={"a.b": "c" * 3000})
        store.commit(made(store.state, workspaces.save(again, None)))
        versions.update(content_of(store.state)[0])
        shutil.copytree(root / "closed", root / "killed")
        found = content_of(store.state)
        revision = store.state.revision
    return Sample(root / "closed", root / "killed", found, frozenset(versions), revision)


Damage = Callable[[bytes], bytes | None]


def flipped(at: int, bits: int = 1) -> Damage:
    return lambda data: data[:at] + bytes([data[at] ^ bits]) + data[at + 1 :]


def cut(at: int) -> Damage:
    return lambda data: data[:at]


def zeroed(start: int, end: int) -> Damage:
    return lambda data: data[:start] + bytes(len(data[start:end])) + data[end:]


def start_after(sample: Path, name: str, damage: Damage, data_dir: Path) -> SqliteWorkspaceStore:
    """Start on a copy of these files, one of which is damaged; None removes it."""
    shutil.rmtree(data_dir, ignore_errors=True)
    shutil.copytree(sample, data_dir)
    data = damage((data_dir / name).read_bytes())
    if data is None:
        (data_dir / name).unlink()
    else:
        (data_dir / name).write_bytes(data)
    return opened(data_dir)


def check(sample: Sample, store: SqliteWorkspaceStore, data_dir: Path, what: str) -> str:
    """What serves was there once; all of it, or the loss is told. Gives the outcome."""
    recovery = store.recovery
    found = content_of(store.state)
    assert sample.versions.issuperset(found[0]), what
    if recovery.outcome != "dataLoss":
        assert found[0] == sample.content[0], what
        assert store.state.revision >= sample.revision
    else:
        assert store.state.revision > sample.revision
    if recovery.outcome != "clean":
        assert recovery.reason is not None
        assert recovery.quarantined == tuple(str(each) for each in sorted((data_dir / QUARANTINE).iterdir()))
        assert not store.state.history.entries or store.state.history.complete_since == store.state.revision
    assert store.check().primary.reason is None, what
    store.commit(made(store.state, workspaces.save(workspace(9), None)))
    revision = store.state.revision
    store.close()
    with closing(opened(data_dir)) as again:
        assert again.state.revision == revision, what
        assert again.recovery.outcome == recovery.outcome, what
        assert not [each for each in data_dir.iterdir() if "damaged" in each.name or ".tmp" in each.name]
    return recovery.outcome


def pages(path: Path, size: int, start: int = 0) -> Iterator[int]:
    yield from range(start, path.stat().st_size - 1, size)


def test_no_flipped_bit_in_a_database_makes_wrong_data(sample: Sample, tmp_path: Path) -> None:
    outcomes: set[str] = set()
    header = [16, 18, 19, 21, 24, 28, 32, 36, 40, 44, 47, 52, 56, 60, 62, 64, 68, 92, 96, 100, 103, 107, 120]
    starts = [*pages(sample.closed / DATABASE, DATABASE_PAGE_BYTES)]
    places = [0, *header, *(start + 3 + 17 * index for index, start in enumerate(starts))]
    for at in places:
        store = start_after(sample.closed, DATABASE, flipped(at, 1 << at % 8), tmp_path / "data")
        outcomes.add(check(sample, store, tmp_path / "data", f"a bit at {at}"))
    assert "recovered" in outcomes


def test_a_flipped_bit_in_a_workspace_is_mended_by_the_history(sample: Sample, tmp_path: Path) -> None:
    at = (sample.closed / DATABASE).read_bytes().index(b'"name":"Workspace 7"') + 9
    store = start_after(sample.closed, DATABASE, flipped(at), tmp_path / "data")
    reason = store.recovery.reason
    assert check(sample, store, tmp_path / "data", "a name") == "recovered"
    assert reason is not None
    assert "the workspace ws_07 does not match its hash" in reason
    assert "all of revision 11 was verified" in reason


@pytest.mark.parametrize("part", range(2))
def test_no_cut_and_no_lost_page_of_a_database_makes_wrong_data(
    sample: Sample, tmp_path: Path, part: int
) -> None:
    outcomes: set[str] = set()
    for start in [*pages(sample.closed / DATABASE, DATABASE_PAGE_BYTES)][part::2]:
        for damage in (cut(start + 77 * part), zeroed(start, start + DATABASE_PAGE_BYTES)):
            store = start_after(sample.closed, DATABASE, damage, tmp_path / "data")
            outcomes.add(check(sample, store, tmp_path / "data", f"{damage} at {start}"))
    assert outcomes >= {"recovered", "dataLoss"}


def test_a_damaged_log_loses_no_more_than_it_must(sample: Sample, tmp_path: Path) -> None:
    outcomes: dict[str, int] = {}
    for start in [*pages(sample.killed / DATABASE_LOG, FRAME_BYTES, 32)][::5]:
        store = start_after(sample.killed, DATABASE_LOG, flipped(start + 4), tmp_path / "data")
        outcome = check(sample, store, tmp_path / "data", f"a bit at {start}")
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    # All pages are there, whatever SQLite thinks of the log.
    assert outcomes == {"recovered": sum(outcomes.values())}


@pytest.mark.parametrize("damage", [cut(0), cut(31), cut(32 + 3 * FRAME_BYTES), lambda _: None])
def test_the_end_of_a_log_that_is_gone_is_told(sample: Sample, tmp_path: Path, damage: Damage) -> None:
    store = start_after(sample.killed, DATABASE_LOG, damage, tmp_path / "data")
    reason = store.recovery.reason
    assert check(sample, store, tmp_path / "data", "a log") == "dataLoss"
    assert reason is not None
    assert f"revision {sample.revision} was answered" in reason


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (cut(0), "it is empty"),
        (cut(50), "its header is not that of a database"),
        (lambda _: b"not a database" * 1000, "its header is not that of a database"),
        (lambda _: None, "it is missing"),
    ],
)
def test_a_database_that_is_gone_comes_from_the_newest_backup(
    sample: Sample, tmp_path: Path, damage: Damage, told: str
) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(sample.closed, whole)
    with closing(opened(whole)) as store:
        Backups(whole).write(store.state)
    store = start_after(whole, DATABASE, damage, tmp_path / "data")
    reason = store.recovery.reason
    assert content_of(store.state)[0] == sample.content[0]
    assert check(sample, store, tmp_path / "data", told) == "recovered"
    assert reason is not None
    assert told in reason


def test_what_a_backup_lacks_is_told_with_its_number(sample: Sample, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(sample.closed, whole)
    with closing(opened(whole)) as store:
        Backups(whole).write(store.state)
        store.commit(made(store.state, bulk.restore(store.get_all()[:5], None)))
        store.commit(made(store.state, workspaces.save(workspace(40), None)))
        store.commit(made(store.state, workspaces.save(workspace(41), None)))
    store = start_after(whole, DATABASE, cut(0), tmp_path / "data")
    assert store.recovery.outcome == "dataLoss"
    assert store.recovery.reason is not None
    assert (
        "8 workspaces could be verified, 8 of them as the backup of revision 11 has them"
        in store.recovery.reason
    )
    store.close()


def test_no_damage_of_the_side_file_harms(sample: Sample, tmp_path: Path) -> None:
    for damage in (cut(0), cut(100), flipped(20), flipped(40), lambda _: None, lambda _: b"x" * 9000):
        store = start_after(sample.killed, ANSWERED, damage, tmp_path / "data")
        assert check(sample, store, tmp_path / "data", "the side file") == "clean"


class KillingDisk(UnsyncedDisk):
    """A disk that ends the process before it renames once too often."""

    def __init__(self, renames: int) -> None:
        self._left = renames

    def rename(self, source: str, target: str, dir_fd: int) -> None:
        if self._left == 0:
            os._exit(0)
        self._left -= 1
        super().rename(source, target, dir_fd)


@pytest.mark.parametrize("renames", range(4))
def test_a_start_that_is_killed_while_it_recovers_goes_on_at_the_next(
    sample: Sample, tmp_path: Path, renames: int
) -> None:
    shutil.copytree(sample.killed, tmp_path / "data")
    log = tmp_path / "data" / DATABASE_LOG
    log.write_bytes(flipped(32 + 2 * FRAME_BYTES + 100)(log.read_bytes()) or b"")
    child = os.fork()
    if child == 0:
        try:
            SqliteWorkspaceStore(tmp_path / "data", disk=KillingDisk(renames))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert check(sample, opened(tmp_path / "data"), tmp_path / "data", "the next start") == "recovered"


def test_a_start_that_was_killed_after_it_recovered_moves_what_it_had_set_aside(
    sample: Sample, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    store = start_after(sample.closed, DATABASE, cut(DATABASE_PAGE_BYTES * 9), data_dir)
    recovery = store.recovery
    store.close()
    kept = Path(recovery.quarantined[0])
    assert kept.name.endswith(DATABASE)
    content = kept.read_bytes()
    kept.rename(data_dir / DAMAGED_DATABASE)
    for found in (recovery.quarantined, (*recovery.quarantined, "another")):
        with closing(opened(data_dir)) as store:
            assert store.recovery.reason == recovery.reason
            assert len(store.recovery.quarantined) == len(found)
        assert kept.read_bytes() == content
        (data_dir / DAMAGED_DATABASE).write_bytes(b"of a flush that was killed")  # never over what is kept


def test_a_side_file_that_is_behind_makes_no_whole_of_a_part(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with closing(opened(data_dir)) as store:
        for number in range(3):
            store.commit(made(store.state, workspaces.save(workspace(number), None)))
        behind = (data_dir / ANSWERED).read_bytes()
        store.commit(made(store.state, workspaces.save(workspace(1, name="The newest"), None)))
    (data_dir / ANSWERED).write_bytes(behind)
    damaged = (data_dir / DATABASE).read_bytes().replace(b"The newest", b"The nearest"[:10])
    (data_dir / DATABASE).write_bytes(damaged)
    with closing(opened(data_dir)) as store:
        assert store.recovery.outcome == "dataLoss"
        assert store.recovery.reason is not None
        assert "the last answered revision was 4" in store.recovery.reason


def test_what_a_kill_left_of_a_commit_is_no_evidence(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with closing(opened(data_dir)) as store:
        for number in range(3):
            store.commit(made(store.state, workspaces.save(workspace(number), None)))
        shutil.copytree(data_dir, tmp_path / "before")
        store.commit(made(store.state, workspaces.save(workspace(1, name="Never answered"), None)))
        log = (data_dir / DATABASE_LOG).read_bytes()
    # All of its pages but the last are in the log; and the log's beginning is damaged.
    unfinished = flipped(200)(log[: len(log) - FRAME_BYTES])
    assert unfinished is not None
    (tmp_path / "before" / DATABASE_LOG).write_bytes(unfinished)
    with closing(opened(tmp_path / "before")) as store:
        assert store.recovery.outcome == "recovered"
        assert [each.name for each in store.get_all()] == ["Workspace 0", "Workspace 1", "Workspace 2"]
