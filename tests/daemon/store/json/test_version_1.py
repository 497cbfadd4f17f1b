"""Stores that older apps wrote: nothing of them is lost, and they are kept before they are written over."""

import json
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from msgspec import structs

from support.documents import PRIMARY, SNAPSHOT, files_below, quarantined, version_1_members, version_1_text
from support.samples import fifty_by_ten, project, workspace
from workspaced.store import create_json_store, detect_corruption, recover_from_snapshot

pytestmark = pytest.mark.requirement("FR-005")

ODD = [
    workspace(9, name="Late", created_at=900),
    structs.replace(workspace(1, name='日本語 “\\"/\n\t\u2028\x7f 🚀', created_at=5), id="ws_7ma7rcsx"),
    workspace(2, name="Twice", created_at=7, root_path="relative/../path"),
    workspace(3, name="tWICE", created_at=7, projects=(project(1, "ws_03"), project(1, "ws_elsewhere"))),
    workspace(4, name="", created_at=8, state="deleted"),
    workspace(5, name=" ", created_at=8, state="closed", root_path=""),
]
"""What no command would accept today, but what stands in a file is not to be lost."""


def made(**layout: bool | int | None) -> Callable[[Path], None]:
    def write(data_dir: Path) -> None:
        text = version_1_text([*fifty_by_ten()[:12], *ODD], **layout)  # type: ignore[arg-type]  # as they are named
        for name in (PRIMARY, SNAPSHOT):
            (data_dir / name).write_text(text)

    return write


def given(directory: str) -> Callable[[Path], None]:
    def write(data_dir: Path) -> None:
        shutil.copytree(directory, data_dir, dirs_exist_ok=True, copy_function=shutil.copyfile)

    return write


STORES = [
    pytest.param(made(), id="pretty"),
    pytest.param(made(ascii_only=True), id="with escapes"),
    pytest.param(made(indent=None), id="on one line"),
    pytest.param(made(checksum=False), id="without a checksum"),
]
# A store that a real app wrote, where there is one.
if directory := os.environ.get("WORKSPACED_TEST_V1_STORE"):
    STORES.append(pytest.param(given(directory), id="given"))


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.mark.parametrize("write", STORES)
def test_an_older_store_loads_with_nothing_lost(data_dir: Path, write: Callable[[Path], None]) -> None:
    write(data_dir)
    before = files_below(data_dir)
    written = json.loads(before[PRIMARY])["workspaces"]
    assert detect_corruption(data_dir).corrupted is False
    assert len(recover_from_snapshot(data_dir) or []) == len(written)
    with closing(create_json_store(data_dir)) as store:
        assert (store.recovery.outcome, store.warnings) == ("clean", [])
        loaded = store.get_all()
        assert [one.created_at for one in loaded] == sorted(one["createdAt"] for one in written)
        by_id = {one["id"]: one for one in written}
        assert version_1_members(loaded) == [by_id[one.id] for one in loaded]
        assert len(loaded) == len(written)
    after = files_below(data_dir)
    assert {name: after.get(name) for name in before} == before  # nothing was written, so nothing was touched


@pytest.mark.parametrize("write", STORES)
def test_an_older_store_is_kept_in_quarantine_before_the_first_write(
    data_dir: Path, write: Callable[[Path], None]
) -> None:
    write(data_dir)
    before = files_below(data_dir)
    with closing(create_json_store(data_dir)) as store:
        loaded = store.get_all()
        saved = store.save(workspace(99, name="The first of version 3", created_at=2**50))
        kept = quarantined(data_dir)
        assert sorted(kept.values()) == sorted([before[PRIMARY], before[SNAPSHOT]])
        assert all("version-1" in name for name in kept)
        assert {PRIMARY, SNAPSHOT} == {name[name.index("workspaces") :] for name in kept}
        store.save(workspace(98, name="The second", created_at=2**51))
        assert quarantined(data_dir) == kept
    assert json.loads((data_dir / PRIMARY).read_text())["version"] == 3
    with closing(create_json_store(data_dir)) as store:
        assert (store.recovery.outcome, store.warnings) == ("clean", [])
        assert store.get_all()[:-1] == [*loaded, saved]
    assert quarantined(data_dir) == kept


def test_a_snapshot_that_is_one_write_behind_is_kept_too(data_dir: Path) -> None:
    (data_dir / PRIMARY).write_text(version_1_text([workspace(1), workspace(2)]))
    (data_dir / SNAPSHOT).write_text(version_1_text([workspace(1)]))
    before = files_below(data_dir)
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(3))
        assert [one.id for one in store.get_all()] == ["ws_01", "ws_02", "ws_03"]
    assert sorted(quarantined(data_dir).values()) == sorted([before[PRIMARY], before[SNAPSHOT]])


def test_an_older_store_without_a_snapshot_loads(data_dir: Path) -> None:
    text = version_1_text([workspace(1)])
    (data_dir / PRIMARY).write_text(text)
    with closing(create_json_store(data_dir)) as store:
        assert store.get_all() == [workspace(1)]
        store.save(workspace(2))
    assert list(quarantined(data_dir).values()) == [text.encode()]


def test_revision_0_of_an_older_workspace_is_written_out(data_dir: Path) -> None:
    (data_dir / PRIMARY).write_text(version_1_text([workspace(1)]))
    with closing(create_json_store(data_dir)) as store:
        store.save(workspace(2))
    workspaces = json.loads((data_dir / PRIMARY).read_text())["workspaces"]
    assert [one["revision"] for one in workspaces] == [0, 1]


@pytest.mark.requirement("FR-006")
def test_an_older_file_with_a_wrong_checksum_is_corrupted(data_dir: Path) -> None:
    text = version_1_text([workspace(1)])
    (data_dir / PRIMARY).write_text(text.replace("Workspace 1", "Workspace l"))
    check = detect_corruption(data_dir)
    assert check.corrupted
    assert check.reason is not None
    assert "checksum" in check.reason


@pytest.mark.requirement("FR-006")
@pytest.mark.parametrize("member", ['"revision": 3', '"requestKeys": {}'])
def test_members_of_version_2_are_unknown_in_version_1(data_dir: Path, member: str) -> None:
    text = version_1_text([workspace(1)], checksum=False).replace('"version": 1', f'"version": 1, {member}')
    (data_dir / PRIMARY).write_text(text)
    with closing(create_json_store(data_dir)) as store:
        assert store.get_all() == [workspace(1)]
        assert len(store.warnings) == 1
        store.save(workspace(2))
    assert list(quarantined(data_dir).values()) == [text.encode()]
