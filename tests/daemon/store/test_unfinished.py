"""The marker of a migration that was stopped: which store a start serves, and what it moves away."""

import os
from pathlib import Path

import msgspec
import pytest

from support.documents import files_below
from support.two_kinds import filled, state_in
from workspaced.store.contract import StoreUnusable
from workspaced.store.kinds import open_store
from workspaced.store.unfinished import Unfinished
from workspaced_protocol.datadir import DATABASE, MIGRATION


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_of_two_stores_the_marker_decides(data_dir: Path, tmp_path: Path) -> None:
    before = filled(data_dir, "json")
    filled(tmp_path / "other", "sqlite")
    (tmp_path / "other" / DATABASE).rename(data_dir / DATABASE)
    marker = Unfinished("json", {DATABASE: "kept.db"})
    (data_dir / MIGRATION).write_bytes(msgspec.json.encode(marker))
    assert state_in(data_dir) == before
    assert not (data_dir / DATABASE).exists()
    assert (data_dir / "quarantine" / "kept.db").exists()
    assert not (data_dir / MIGRATION).exists()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b'{"kind":"ldap","leaves":{}}',
        b'{"kind":"json","leaves":{"workspaces.json":"x"}}',
        b'{"kind":"json","leaves":{"../x":"x"}}',
        b'{"kind":"json","leaves":{"workspaces.db":"../x"}}',
    ],
)
def test_a_marker_that_can_not_be_right_stops_the_start(data_dir: Path, text: bytes) -> None:
    filled(data_dir, "json")
    (data_dir / MIGRATION).write_bytes(text)
    before = files_below(data_dir)
    with pytest.raises(StoreUnusable, match=f"{MIGRATION} can't be read.*move"):
        open_store("auto", data_dir, socket="")
    assert files_below(data_dir) == before


def test_a_start_that_can_not_move_what_is_left_serves_all_the_same(data_dir: Path) -> None:
    before = filled(data_dir, "json")
    (data_dir / DATABASE).write_bytes(b"in part")
    marker = Unfinished("json", {DATABASE: "kept.db"})
    (data_dir / MIGRATION).write_bytes(msgspec.json.encode(marker))
    (data_dir / "quarantine").rmdir()
    (data_dir / "quarantine").symlink_to("elsewhere")
    assert state_in(data_dir) == before
    assert (data_dir / MIGRATION).exists()
    (data_dir / "quarantine").unlink()
    assert state_in(data_dir) == before
    assert (data_dir / "quarantine" / "kept.db").read_bytes() == b"in part"


def stopped_migration(data_dir: Path) -> None:
    """Leave a file of the store that does not serve, and the marker that names it."""
    (data_dir / DATABASE).write_bytes(b"in part")
    marker = Unfinished("json", {DATABASE: "kept.db"})
    (data_dir / MIGRATION).write_bytes(msgspec.json.encode(marker))


def test_what_is_left_is_moved_over_no_copy(data_dir: Path) -> None:
    filled(data_dir, "json")
    (data_dir / "quarantine" / "kept.db").write_bytes(b"of another one")
    stopped_migration(data_dir)
    state_in(data_dir)
    copies = {path.read_bytes() for path in (data_dir / "quarantine").iterdir()}
    assert copies == {b"of another one", b"in part"}
    assert not (data_dir / MIGRATION).exists()


def test_a_quarantine_that_vanishes_is_not_taken_for_a_move_that_was_made(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = filled(data_dir, "json")
    stopped_migration(data_dir)

    def vanish(name: str, to: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        (data_dir / "quarantine").rmdir()
        rename(name, to, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    rename = os.rename
    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", vanish)
        assert state_in(data_dir) == before
    assert (data_dir / DATABASE).read_bytes() == b"in part"
    assert (data_dir / MIGRATION).exists()
    assert state_in(data_dir) == before
    assert (data_dir / "quarantine" / "kept.db").read_bytes() == b"in part"
    assert not (data_dir / MIGRATION).exists()
