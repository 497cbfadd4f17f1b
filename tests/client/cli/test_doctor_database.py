"""What doctor says of a SQLite store's database: as the daemon finds it, or by itself, without a write to it."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from client.cli.doctor_checks import doctor_for, expect, without_daemon
from support.daemon_process import running_daemon
from support.documents import files_below
from support.samples import workspace
from workspaced.store.sqlite import create_sqlite_store
from workspaced_protocol.datadir import ANSWERED, DAMAGED_DATABASE, DATABASE, DATABASE_LOG, PRIMARY


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that was closed, and one that a kill has left."""
    root = tmp_path_factory.mktemp("d")
    with closing(create_sqlite_store(root / "closed")) as store:
        for number in range(3):
            store.save(workspace(number))
        shutil.copytree(root / "closed", root / "killed")
    return root


def copy_of(samples: Path, name: str, tmp_path: Path) -> Path:
    return shutil.copytree(samples / name, tmp_path / "data")


@pytest.mark.parametrize("name", ["closed", "killed"])
def test_a_whole_database_is_read_and_not_touched(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    data_dir = copy_of(samples, name, tmp_path)
    before = files_below(data_dir)
    checks = without_daemon(data_dir, capsys)
    expect(checks[DATABASE], "ok", "Version 1, 3 workspaces, ")
    assert PRIMARY not in checks
    assert files_below(data_dir) == before


def changed(data_dir: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    (data_dir / name).write_bytes(change((data_dir / name).read_bytes()))


def other_program(data_dir: Path) -> None:
    for name in (DATABASE, ANSWERED):
        (data_dir / name).unlink()
    with closing(sqlite3.connect(data_dir / DATABASE)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")


def a_link(data_dir: Path) -> None:
    (data_dir / DATABASE).rename(data_dir / "elsewhere")
    (data_dir / DATABASE).symlink_to("elsewhere")


HARM: list[tuple[Callable[[Path], object], str, str]] = [
    (lambda at: (at / DATABASE).unlink(), "It is missing, though", "Start the daemon"),
    (lambda at: changed(at, DATABASE, lambda _: b""), "it is empty", "Start the daemon"),
    (lambda at: changed(at, DATABASE, lambda _: b"text" * 99), "its header is not", "Start the daemon"),
    (lambda at: changed(at, DATABASE, lambda data: data[:9000]), "It is damaged", "Start the daemon"),
    (
        lambda at: changed(at, DATABASE, lambda data: data.replace(b"Workspace 2", b"Workspace 3")),
        "the workspace ws_02 does not match its hash",
        "newest backup",
    ),
    (
        lambda at: changed(at, DATABASE, lambda data: data[:60] + b"\0\0\0\x09" + data[64:]),
        "It has version 9",
        "Install that release",
    ),
    (other_program, "It is another program's database", "Move it away"),
    (a_link, "it is a symbolic link", "Fix that before"),
    (lambda at: (at / DATABASE).rename(at / DAMAGED_DATABASE), "has not come to its end", "Start the daemon"),
    (lambda at: (at / PRIMARY).write_text("{}"), "holds two stores", "by the setting `store`"),
]


@pytest.mark.parametrize(("harm", "told", "advice"), HARM)
def test_what_a_start_would_not_serve_is_told_with_the_way_out(
    samples: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    harm: Callable[[Path], object],
    told: str,
    advice: str,
) -> None:
    data_dir = copy_of(samples, "closed", tmp_path)
    harm(data_dir)
    before = files_below(data_dir)
    checks = without_daemon(data_dir, capsys)
    expect(checks["store" if told.startswith("holds") else DATABASE], "problem", told, advice)
    assert files_below(data_dir) == before


def test_a_log_that_is_gone_is_told(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data_dir = copy_of(samples, "killed", tmp_path)
    (data_dir / DATABASE_LOG).unlink()
    checks = without_daemon(data_dir, capsys)
    expect(checks[DATABASE], "problem", "it holds revision 0, but revision 3 was answered")


def test_a_recovery_that_nobody_acknowledged_is_told(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data_dir = copy_of(samples, "killed", tmp_path)
    os.truncate(data_dir / DATABASE_LOG, 0)
    create_sqlite_store(data_dir).close()
    checks = without_daemon(data_dir, capsys)
    expect(checks["recovery"], "warning", "Workspaces were lost", "recovery show")


def test_the_daemon_checks_the_database_that_it_serves(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy_of(samples, "closed", tmp_path)
    with running_daemon(tmp_path) as daemon:
        doctor = doctor_for(daemon, capsys)
        checks = doctor()
        expect(checks[DATABASE], "ok", "Valid: the daemon has just verified it.")
        assert PRIMARY not in checks
        (daemon.data_dir / DATABASE).unlink()
        expect(doctor()[DATABASE], "warning", "It is missing.", "workspacectl flush makes a new one")
        with daemon.client() as client:
            client.store.flush()
        expect(doctor()[DATABASE], "ok", "Valid")
