"""The marker of a migration that was stopped: which store a start serves, and what it moves away."""

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
