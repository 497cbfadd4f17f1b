"""`usage.json`: what is written comes back, and whatever else stands in its place costs the uses alone."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.logs import EventDict
from support.waiting import PATIENCE_SECONDS
from workspaced.domain.frecency import Use
from workspaced.store import create_json_store
from workspaced.store.usage_file import UsageFile
from workspaced_protocol.datadir import MAX_USAGE_BYTES, is_temp

USES = {"ws_01": Use(1_800_000_000_000, 1.0), "ws_02": Use(17, 0.1 + 0.2), "ws_é": Use(0, 1e9)}
ONE = '{"version":1,"workspaces":{"ws_01":{"lastUsedAt":%s,"score":%s}}}'


def test_uses_come_back_as_they_were(tmp_path: Path, logged: list[EventDict]) -> None:
    file = UsageFile(tmp_path)
    assert file.read() == {}
    file.write(USES)
    found = UsageFile(tmp_path).read()
    assert found == USES
    assert list(found) == list(USES)  # in the order of use
    file.write({})
    assert file.read() == {}
    assert [path.name for path in tmp_path.iterdir()] == ["usage.json"]
    assert (tmp_path / "usage.json").stat().st_mode & 0o777 == 0o600
    assert logged == []


def test_members_of_a_later_release_are_left_out(tmp_path: Path) -> None:
    text = '{"version":1,"new":{},"workspaces":{"ws_01":{"lastUsedAt":7,"score":2,"new":[1]}}}'
    (tmp_path / "usage.json").write_text(text)
    assert UsageFile(tmp_path).read() == {"ws_01": Use(7, 2.0)}


def directory(path: Path) -> None:
    path.mkdir()


def link(path: Path) -> None:
    (path.parent / "target").write_text(ONE % (1, 1))
    path.symlink_to("target")


def too_large(path: Path) -> None:
    path.write_text((ONE % (1, 1)).ljust(MAX_USAGE_BYTES + 1))


PLACES: dict[str, Callable[[Path], object]] = {
    "a directory": directory,
    "a FIFO": os.mkfifo,
    "a symbolic link": link,
    "a link to nowhere": lambda path: path.symlink_to("nowhere"),
    "too large": too_large,
}
TEXTS: dict[str, bytes] = {
    "nothing": b"",
    "cut": b'{"version":1,"workspaces":{"ws_01":{"lastUsedAt":1,',
    "not UTF-8": b'{"version":1,"workspaces":{"\xff":{"lastUsedAt":1,"score":1}}}',
    "a list": b"[]",
    "null": b"null",
    "no version": b'{"workspaces":{}}',
    "a later version": b'{"version":2,"workspaces":{}}',
    "a list of workspaces": b'{"version":1,"workspaces":[]}',
    "nested": b'{"version":1,"workspaces":{},"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    **{
        f"the time {at}": (ONE % (at, 1)).encode()
        for at in ("-1", "1.5", '"1"', "null", str(2**53), "1" * 400)
    },
    **{
        f"the score {score}": (ONE % (1, score)).encode()
        for score in ("0", "-1", "NaN", "Infinity", "1e999", "1e13", '"1"', "null")
    },
}


@pytest.mark.parametrize("place", [*PLACES, *TEXTS])
def test_whatever_stands_there_is_told_and_the_uses_start_anew(
    tmp_path: Path, logged: list[EventDict], place: str
) -> None:
    path = tmp_path / "usage.json"
    if place in PLACES:
        PLACES[place](path)
    else:
        path.write_bytes(TEXTS[place])
    file = UsageFile(tmp_path)
    assert file.read() == {}
    (entry,) = logged
    assert (entry["log_level"], entry["file"]) == ("warning", str(path))
    assert entry["reason"]
    if place == "a directory":
        with pytest.raises(OSError):
            file.write(USES)
        assert [each.name for each in tmp_path.iterdir()] == ["usage.json"]
        return
    file.write(USES)
    assert file.read() == USES
    assert path.is_file()
    assert not path.is_symlink()
    target = tmp_path / "target"
    assert not target.exists() or target.read_text() == ONE % (1, 1)


def test_a_file_that_may_not_be_read_starts_anew(tmp_path: Path, logged: list[EventDict]) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    UsageFile(tmp_path).write(USES)
    (tmp_path / "usage.json").chmod(0)
    assert UsageFile(tmp_path).read() == {}
    assert len(logged) == 1


def test_a_directory_that_is_gone_is_an_error_of_the_write_alone(
    tmp_path: Path, logged: list[EventDict]
) -> None:
    file = UsageFile(tmp_path / "gone")
    assert file.read() == {}
    with pytest.raises(FileNotFoundError):
        file.write(USES)
    assert len(logged) == 1


WRITER = """
import os, resource, signal, sys
from pathlib import Path
from workspaced.domain.frecency import Use
from workspaced.store.usage_file import UsageFile

def killed(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[2] == "killed":
    os.rename = killed
else:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
UsageFile(Path(sys.argv[1])).write({f"ws_{number}": Use(number, 1.0) for number in range(1000)})
"""
"""Writes more than fits, or is killed when all is written but the rename."""


@pytest.mark.parametrize(("fault", "code"), [("killed", -signal.SIGKILL), ("full", 1)])
def test_a_write_that_is_cut_short_leaves_the_earlier_file_whole(
    tmp_path: Path, fault: str, code: int, logged: list[EventDict]
) -> None:
    UsageFile(tmp_path).write(USES)
    command = [sys.executable, "-c", WRITER, str(tmp_path), fault]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == code, done.stderr
    assert UsageFile(tmp_path).read() == USES
    assert logged == []
    left = [path.name for path in tmp_path.iterdir() if path.name != "usage.json"]
    assert [is_temp(name) for name in left] == ([True] if fault == "killed" else [])
    create_json_store(tmp_path).close()  # a start removes what a kill left
    assert not [path for path in tmp_path.iterdir() if is_temp(path.name)]
    assert UsageFile(tmp_path).read() == USES
