"""The directories and files of an import, as the disk has them."""

import errno
import os
import threading
from pathlib import Path
from time import monotonic

import pytest

from support.hanging_paths import hanging
from workspaced_client.exchange import directories, regular_files
from workspaced_client.exchange.directories import real_directories_in_time
from workspaced_client.exchange.json_text import Unusable
from workspaced_client.exchange.regular_files import read, write


def test_directories_are_told_by_their_real_paths_and_others_by_what_is_wrong(tmp_path: Path) -> None:
    real = tmp_path.resolve() / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    names = ("real", "link", "file", "dangling", "loop", "none", "x" * 300)
    found, faults = real_directories_in_time([str(tmp_path / name) for name in names])
    assert found == {str(tmp_path / "real"): str(real), str(tmp_path / "link"): str(real)}
    assert {os.path.basename(path): fault for path, fault in faults.items()} == {
        "file": "it is not a directory",
        "dangling": "it does not exist",
        "loop": f"it can't be read ({os.strerror(errno.ELOOP)})",
        "none": "it does not exist",
        "x" * 300: f"it can't be read ({os.strerror(errno.ENAMETOOLONG)})",
    }


def test_paths_that_hang_hold_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, missing = str(tmp_path.resolve()), str(tmp_path / "missing")
    monkeypatch.setattr(directories, "_PATIENCE_SECONDS", 0.5)
    with hanging(monkeypatch, Path("/dead/mount")):
        looked = real_directories_in_time(["/dead/mount", first, missing])
        assert looked == ({first: first}, {missing: "it does not exist"})


def test_many_paths_that_hang_cost_one_wait_and_few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directories, "_PATIENCE_SECONDS", 0.5)
    threads, began = threading.active_count(), monotonic()
    with hanging(monkeypatch, Path("/dead/mount")):
        assert real_directories_in_time(["/dead/mount"] * 100) == ({}, {})
        assert monotonic() - began < 4  # a wait for each thread would come to 8 s
        assert threading.active_count() - threads <= 16


def test_only_regular_files_of_a_bearable_size_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    (tmp_path / "link").symlink_to(file)
    assert read(str(tmp_path / "link")) == b"12345"
    monkeypatch.setattr(regular_files, "MAX_FILE_BYTES", 4)
    for path, problem in (
        (str(file), "has 5 bytes; the limit is 4"),
        (str(tmp_path), "can't be read: Is a directory"),
        (f"{file}\0", "can't be read: embedded null byte"),
    ):
        with pytest.raises(Unusable) as caught:
            read(path)
        assert str(caught.value) == f"{path} {problem}."


def test_a_file_that_could_not_be_written_whole_is_not_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    there = tmp_path / "there"
    there.write_text("as it was")
    monkeypatch.setattr(os, "fsync", fail)
    for path, over in ((tmp_path / "new", False), (there, True)):
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            write(str(path), b"half", over=over)
    assert there.read_text() == "as it was"
    assert [each.name for each in tmp_path.iterdir()] == ["there"]
