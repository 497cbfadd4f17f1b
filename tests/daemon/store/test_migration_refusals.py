"""What a migration refuses, and that the old store then serves as before."""

import errno
import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from support.documents import files_below
from support.two_kinds import BOTH, OTHER, filled, state_in
from workspaced.domain.records import RecoveryNotice
from workspaced.store.contract import Commit, StoreUnusable
from workspaced.store.disk import Disk
from workspaced.store.kinds import OtherKind, open_store
from workspaced.store.lock import LockHeld
from workspaced.store.migration import migrate
from workspaced.store.unfinished import Kind
from workspaced_protocol.datadir import DATABASE, HISTORY, PRIMARY

FILE: dict[Kind, str] = {"json": PRIMARY, "sqlite": DATABASE}


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_a_served_directory_is_refused(data_dir: Path) -> None:
    with (
        closing(open_store("json", data_dir, socket="")),
        pytest.raises(LockHeld, match=f"pid {os.getpid()}"),
    ):
        migrate(data_dir, "sqlite", print)


def test_a_missing_directory_is_not_made(data_dir: Path) -> None:
    with pytest.raises(StoreUnusable, match="no data directory"):
        migrate(data_dir, "sqlite", print)
    assert not data_dir.exists()


def test_a_damaged_store_is_refused_and_left_alone(data_dir: Path) -> None:
    filled(data_dir, "json")
    (data_dir / PRIMARY).write_text("{")
    before = files_below(data_dir)
    with pytest.raises(StoreUnusable, match=r"truncated.*start the daemon, which recovers"):
        migrate(data_dir, "sqlite", print)
    assert files_below(data_dir) == before


@pytest.mark.parametrize("kind", BOTH)
def test_a_recovery_must_be_acknowledged_first(data_dir: Path, kind: Kind) -> None:
    filled(data_dir, kind)
    with closing(open_store(kind, data_dir, socket="")) as store:
        notice = RecoveryNotice("recovered", "it was damaged", (), 1)
        store.commit(Commit(replace(store.state, recovery=notice), is_whole=True))
    with pytest.raises(StoreUnusable, match=r"it was damaged.*recovery ack"):
        migrate(data_dir, OTHER[kind], print)
    with closing(open_store(kind, data_dir, socket="")) as store:
        assert store.state.recovery == notice


def test_another_store_beside_it_is_refused(data_dir: Path, tmp_path: Path) -> None:
    filled(data_dir, "json")
    filled(tmp_path / "other", "sqlite")
    (tmp_path / "other" / DATABASE).rename(data_dir / DATABASE)
    before = files_below(data_dir)
    for kind in BOTH:
        with pytest.raises(OtherKind, match="holds two stores"):
            migrate(data_dir, kind, print)
    assert files_below(data_dir) == before


def test_what_stands_in_the_way_is_named(data_dir: Path) -> None:
    filled(data_dir, "sqlite")
    (data_dir / HISTORY).write_text("of somebody else")
    with pytest.raises(StoreUnusable, match=f"{HISTORY} is in the way: move it away"):
        migrate(data_dir, "json", print)
    assert (data_dir / HISTORY).read_text() == "of somebody else"
    assert len(state_in(data_dir).records) == 2


def test_a_history_that_can_not_be_read_is_not_left_behind(data_dir: Path) -> None:
    filled(data_dir, "json")
    (data_dir / HISTORY).rename(data_dir / "elsewhere")
    (data_dir / HISTORY).symlink_to("elsewhere")
    before = files_below(data_dir)
    with pytest.raises(StoreUnusable, match=f"{HISTORY} can't be read .it is a symbolic link"):
        migrate(data_dir, "sqlite", print)
    assert files_below(data_dir) == before


@pytest.mark.parametrize("kind", BOTH)
def test_a_write_that_fails_leaves_the_old_store(
    data_dir: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = filled(data_dir, kind)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Disk, "sync", full)
        with pytest.raises(StoreUnusable, match="No space left"):
            migrate(data_dir, OTHER[kind], print)
    assert state_in(data_dir) == before
    assert not (data_dir / FILE[OTHER[kind]]).exists()


def test_a_damaged_database_is_recovered_as_at_a_start_and_not_migrated(data_dir: Path) -> None:
    filled(data_dir, "sqlite")
    data = bytearray((data_dir / DATABASE).read_bytes())
    data[:2048] = bytes(2048)
    (data_dir / DATABASE).write_bytes(data)
    with pytest.raises(StoreUnusable, match=r"nobody has acknowledged that .*recovery show"):
        migrate(data_dir, "json", print)
    assert not (data_dir / PRIMARY).exists()
    with closing(open_store("auto", data_dir, socket="")) as store:
        assert store.recovery.outcome in ("recovered", "dataLoss")


def test_a_quarantine_elsewhere_is_refused_before_anything_is_made(data_dir: Path) -> None:
    filled(data_dir, "json")
    (data_dir / "quarantine").rmdir()
    (data_dir / "quarantine").symlink_to("elsewhere")
    with pytest.raises(StoreUnusable, match="quarantine is a symbolic link"):
        migrate(data_dir, "sqlite", print)
    assert not (data_dir / DATABASE).exists()
