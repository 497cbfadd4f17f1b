"""What `workspacectl doctor` finds of the store's files, with a daemon and without one."""

import os
import shlex
import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from client.cli.doctor_checks import Doctor, checks_of, expect, without_daemon
from client.cli.workspacectl import ctl_for
from support.daemon_process import DaemonProcess, running_daemon
from support.documents import PRIMARY, SNAPSHOT, STORE_ID, sealed, store_text, version_1_text, workspace_json
from support.samples import workspace
from workspaced.domain.state import State
from workspaced.store import create_json_store
from workspaced.store.document import encode_document
from workspaced_protocol.datadir import DATABASE, MIGRATION


@pytest.fixture(scope="module")
def stored_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("d")
    with running_daemon(directory) as daemon, daemon.client() as client:
        client.workspaces.create("alpha", "/srv/a")
    return daemon.data_dir


@pytest.fixture
def stored(stored_once: Path, tmp_path: Path) -> Path:
    """The data directory of a daemon that has stored something and stopped."""
    return shutil.copytree(stored_once, tmp_path / "data")


def test_no_daemon_but_data(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checks = without_daemon(stored, capsys)
    for name in (PRIMARY, SNAPSHOT):
        expect(checks[name], "ok", "Version 3, 1 workspace, ")
        assert checks[name]["message"].endswith(" bytes, unchanged since it was written.")
    expect(checks["lock"], "ok", "No daemon holds")


def test_a_data_directory_that_can_not_be_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    expect(without_daemon(tmp_path / "a" / "b", capsys)["data directory"], "ok", "creates it when it starts")
    (tmp_path / "link").symlink_to("nowhere")
    for data_dir in (tmp_path / "link", tmp_path / "link" / "below"):
        finding = without_daemon(data_dir, capsys)["data directory"]
        expect(finding, "problem", f"can't be made: {tmp_path}/link is no directory", "--data-dir")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    finding = without_daemon(tmp_path / "a" / "b", capsys)["data directory"]
    expect(finding, "problem", f"can't be made: {tmp_path} can't be written to", "--data-dir")


@pytest.mark.parametrize("name", [PRIMARY, SNAPSHOT])
def test_a_file_that_was_damaged_under_the_daemon(patient: DaemonProcess, doctor: Doctor, name: str) -> None:
    path = patient.data_dir / name
    path.write_bytes(path.read_bytes().replace(b"alpha", b"alphb"))
    checks = doctor()
    expect(checks[name], "problem", "checksum", "workspacectl flush")
    assert [check["name"] for check in checks.values() if check["status"] == "problem"] == [name]


def test_a_file_that_was_removed_under_the_daemon(patient: DaemonProcess, doctor: Doctor) -> None:
    (patient.data_dir / SNAPSHOT).unlink()
    checks = doctor()
    expect(checks[SNAPSHOT], "warning", "It is missing.", "workspacectl flush")
    expect(checks[PRIMARY], "ok", "Valid")


def test_a_file_that_the_daemon_can_not_read(patient: DaemonProcess, doctor: Doctor) -> None:
    path = patient.data_dir / PRIMARY
    path.unlink()
    path.mkdir()
    try:
        expect(doctor()[PRIMARY], "problem", str(path), "nothing can be written")
    finally:
        path.rmdir()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b'{"version":3,', "truncated"),
        (b"\xff", "damaged"),
        (b"[]", "damaged"),
        (b'{"version":0,"workspaces":[]}', "no version 0"),
        (b'{"version":3,"workspaces":' + b"[" * 100_000, "damaged"),
    ],
)
def test_a_damaged_file_without_a_daemon(
    stored: Path, capsys: pytest.CaptureFixture[str], content: bytes, message: str
) -> None:
    (stored / PRIMARY).write_bytes(content)
    checks = without_daemon(stored, capsys)
    expect(checks[PRIMARY], "problem", message, "recovers it from the other file")
    expect(checks[SNAPSHOT], "ok", "Version 3")
    assert (stored / PRIMARY).read_bytes() == content


def test_both_files_damaged_without_a_daemon(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (PRIMARY, SNAPSHOT):
        (stored / name).write_bytes(b"")
    checks = without_daemon(stored, capsys)
    for name in (PRIMARY, SNAPSHOT):
        expect(checks[name], "problem", "it is empty", "start with an empty store")
        expect(checks[name], "problem", "it is empty", "workspacectl recovery salvage")


def test_a_wrong_checksum_is_found_without_a_daemon(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = (stored / PRIMARY).read_bytes().replace(b"alpha", b"alphb")
    (stored / PRIMARY).write_bytes(damaged)
    checks = without_daemon(stored, capsys)
    expect(checks[PRIMARY], "problem", "checksum does not match", "recovers it from the other file")
    (stored / SNAPSHOT).write_bytes(damaged[:-20])
    checks = without_daemon(stored, capsys)
    for name in (PRIMARY, SNAPSHOT):
        expect(checks[name], "problem", "It is damaged", "The other file is damaged too")
    with running_daemon(stored.parent) as daemon:  # as doctor said
        ctl = ctl_for(daemon.socket, capsys)
        assert ctl("list", "--json").json == []
        assert ctl("recovery", "show", "--json").json["outcome"] == "dataLoss"
        assert [each["name"] for each in ctl("recovery", "salvage", "--json", "--yes").json["saved"]] == [
            "alphb"
        ]


@pytest.mark.parametrize("name", [PRIMARY, SNAPSHOT])
def test_a_damaged_file_beside_one_that_is_missing(
    stored: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    other = SNAPSHOT if name == PRIMARY else PRIMARY
    (stored / name).write_bytes(b"")
    (stored / other).unlink()
    checks = without_daemon(stored, capsys)
    expect(checks[name], "problem", "it is empty", "The other file is missing too")
    expect(checks[other], "warning", "It is missing.", "can't be written again")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"version":2,"revision":1,"workspaces":[]}', "checksum is missing"),
        (b'{"version":3,"storeId":"st_01KJQ3AX4M0123456789ABCDEF","workspaces":[]}', "checksum is missing"),
        (store_text([], 1).replace('{"version":3', '{"version":8').encode(), "checksum does not match"),
        (store_text([], 1, 2).replace('{"version":2', '{"version":3').encode(), "checksum does not match"),
        (
            sealed(store_text([], 1, 2).replace('{"version":2', '{"version":3')).encode(),
            "`storeId` is missing",
        ),
        (store_text([], 1, store_id="st_1").encode(), "`storeId` is missing or wrong"),
        (b'{"version":1,"workspaces":[{"id":"ws_1"}]}', "`workspaces[0]` is wrong"),
        (b'{"version":1,"workspaces":[{"id":7}]}', "`workspaces[0].id` is wrong"),
    ],
)
def test_what_a_daemon_refuses_is_damaged(
    stored: Path, capsys: pytest.CaptureFixture[str], content: bytes, message: str
) -> None:
    (stored / PRIMARY).write_bytes(content)
    expect(without_daemon(stored, capsys)[PRIMARY], "problem", message, "recovers it from the other file")


def test_a_missing_file_without_a_daemon(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (stored / PRIMARY).unlink()
    expect(without_daemon(stored, capsys)[PRIMARY], "warning", "It is missing.", "workspacectl start")


def test_a_file_of_a_newer_release(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (stored / PRIMARY).write_bytes(b'{"version":4,"workspaces":[],"new":1}')
    expect(without_daemon(stored, capsys)[PRIMARY], "problem", "has version 4", "Install that release")


def test_a_file_of_an_older_app(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / PRIMARY).write_bytes(b'{"version": 1, "workspaces": []}')
    expect(without_daemon(tmp_path, capsys)[PRIMARY], "ok", "Version 1 (an older app's")


def test_a_file_of_an_older_release(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / PRIMARY).write_text(store_text([workspace_json(1)], 1, 2))
    expect(without_daemon(tmp_path, capsys)[PRIMARY], "ok", "Version 2 (an older release's")


OTHER = "st_01KJQ3AX4MZZZZZZZZZZZZZZZZ"


@pytest.mark.parametrize(
    ("primary", "snapshot", "is_told"),
    [
        (store_text([], 9), store_text([], 9), False),
        (store_text([], 9), store_text([], 9, store_id=OTHER), True),
        (store_text([], 1, store_id=OTHER), store_text([], 9), True),
        (store_text([], 9), store_text([], 8, 2), False),
        (store_text([], 9), store_text([], 10, 2), True),
        (store_text([], 9, 2), store_text([], 10), False),
        (store_text([], 11, 2), store_text([], 10), True),
        (store_text([], 11, 2), store_text([], 12, 2), False),
        (version_1_text([]), store_text([], 0), False),
    ],
)
def test_two_stores_are_told_as_a_start_would(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], primary: str, snapshot: str, is_told: bool
) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir(0o700)
    (data_dir / PRIMARY).write_text(primary)
    (data_dir / SNAPSHOT).write_text(snapshot)
    check = without_daemon(data_dir, capsys)[SNAPSHOT]
    if is_told:
        expect(check, "warning", "It is another store's: ", "keep this file in quarantine/")
    else:
        expect(check, "ok", "Version ")
    with closing(create_json_store(data_dir)) as store:
        assert ("another store's" in (store.recovery.reason or "")) == is_told


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (store_text([], 0, store_id=OTHER), f"another store's: it has the id {OTHER}"),
        (store_text([], 10**6), "another store's: it has "),
        (store_text([], 0, 2), "another store's or an old copy: it has version 2"),
        (version_1_text([]), "another store's or an old copy: it has version 1"),
    ],
    ids=["another id", "a higher revision", "version 2", "version 1"],
)
def test_another_store_under_the_daemon(
    patient: DaemonProcess, doctor: Doctor, text: str, message: str
) -> None:
    ours = (patient.data_dir / PRIMARY).read_bytes()
    (patient.data_dir / PRIMARY).write_text(text)
    try:
        check = doctor()[PRIMARY]
        expect(check, "problem", message, "nothing can be written")
        expect(check, "problem", message, "Move it away")
    finally:
        (patient.data_dir / PRIMARY).write_bytes(ours)


@pytest.mark.parametrize("kind", ["directory", "link", "pipe"])
def test_something_else_in_a_files_place(stored: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    path = stored / PRIMARY
    path.unlink()
    if kind == "directory":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(stored / SNAPSHOT)
    else:
        os.mkfifo(path)
    expect(without_daemon(stored, capsys)[PRIMARY], "problem", str(path), "before you start the daemon")


def test_left_over_temporary_files(patient: DaemonProcess, doctor: Doctor) -> None:
    left, fresh = (patient.data_dir / name for name in (".workspaces-old.tmp", ".workspaces-new.tmp"))
    for path in (left, fresh):
        path.write_bytes(b"x")
    os.utime(left, (1, 1))
    try:
        check = doctor()["temporary files"]
        expect(check, "warning", left.name)
        assert fresh.name not in check["message"]
    finally:
        left.unlink()
        fresh.unlink()
    expect(doctor()["temporary files"], "ok", "None")


def test_a_recovery_that_nobody_acknowledged(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (stored / PRIMARY).write_bytes(b"")
    with running_daemon(stored.parent) as daemon:
        told = checks_of(ctl_for(daemon.socket, capsys)("doctor", "--json"))["recovery"]
        expect(told, "warning", "The store had to be recovered", "recovery show")
    expect(without_daemon(stored, capsys)["recovery"], "warning", told["message"])
    with running_daemon(stored.parent) as daemon:
        ctl = ctl_for(daemon.socket, capsys)
        ctl("recovery", "ack")
        expect(checks_of(ctl("doctor", "--json"))["recovery"], "ok", "")


def test_another_data_directory_than_the_daemons(
    patient: DaemonProcess, stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (stored / SNAPSHOT).write_bytes(b"")
    ctl = ctl_for(patient.socket, capsys)
    checks = checks_of(ctl("doctor", "--json", "--data-dir", str(stored)))
    where = f"; its data is in {patient.data_dir}, not in {stored}."
    expect(checks["daemon"], "warning", where, "omit --data-dir")
    expect(checks["data directory"], "ok", str(stored))
    expect(checks["lock"], "ok", "No daemon holds")
    expect(checks[SNAPSHOT], "problem", "it is empty")


def test_an_edit_that_was_written_over_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running_daemon(tmp_path) as daemon:
        ctl = ctl_for(daemon.socket, capsys)
        with daemon.client() as client:
            client.workspaces.create("alpha", "/srv/a")
            assert "Notice" not in ctl("status").out
            for name in (PRIMARY, SNAPSHOT):
                path = daemon.data_dir / name
                path.write_bytes(path.read_bytes() + b"\n")
                client.store.flush()
                told = (
                    f"{name} was edited by another program while the daemon ran, which wrote it again: "
                    "`workspacectl recovery show` names the copy of the edited file."
                )
                assert f"\nNotice      {told}\n" in ctl("status").out
                checks = checks_of(ctl("doctor", "--json"))
                expect(checks["recovery"], "warning", told, "Change the store by workspacectl alone.")
                expect(checks[name], "ok", "Valid")
        assert "edited-workspaces.json" in ctl("recovery", "show").out


def test_an_edit_after_a_recovery_is_told_too(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (stored / PRIMARY).write_bytes(b"")
    with running_daemon(stored.parent) as daemon:
        ctl = ctl_for(daemon.socket, capsys)
        path = stored / SNAPSHOT
        path.write_bytes(path.read_bytes() + b"\n")
        ctl("flush")
        told = f"{SNAPSHOT} was edited by another program while the daemon ran, which"
        expect(
            checks_of(ctl("doctor", "--json"))["recovery"],
            "warning",
            f"recovery ack` ends this warning. After that, {told}",
        )
        ctl("recovery", "ack")
        expect(checks_of(ctl("doctor", "--json"))["recovery"], "warning", told)
        assert f"\nNotice      {told}" in ctl("status").out


@pytest.mark.parametrize("mode", [0o644, 0o620, 0o601, 0o660])
@pytest.mark.parametrize(
    "name",
    [
        PRIMARY,
        SNAPSHOT,
        "workspaced.lock",
        "history.jsonl",
        "history.1.jsonl",
        "usage.json",
        "backups",
        "quarantine",
        "backups/workspaces-20260102T030405Z-r17.json",
        "quarantine/20261123T000716.515137Z-edited-workspaces.json",
    ],
)
def test_permissions_of_other_users(
    stored: Path, capsys: pytest.CaptureFixture[str], name: str, mode: int
) -> None:
    for directory in ("backups", "quarantine"):
        (stored / directory).mkdir(mode=0o700, exist_ok=True)
    path = stored / name
    path.touch(0o600)
    stored.chmod(0o700)
    assert without_daemon(stored, capsys)["permissions"]["status"] == "ok"
    path.chmod(mode | (0o100 if path.is_dir() else 0))
    check = without_daemon(stored, capsys)["permissions"]
    expect(
        check,
        "warning",
        f"Other users have permissions for files of the store: {name} (0",
        "chmod -R go-rwx ",
    )
    subprocess.run(shlex.split(check["advice"]), check=True)  # as a user does
    assert without_daemon(stored, capsys)["permissions"]["status"] == "ok"


def test_many_files_that_others_may_use_are_counted(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(9):
        (stored / "backups" / f"{number}").touch()
        (stored / "backups" / f"{number}").chmod(0o644)
    expect(without_daemon(stored, capsys)["permissions"], "warning", "backups/2 (0644) and 6 more files.")


def test_many_workspaces_are_advised_to_move_into_a_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir(0o700)
    for number, status in ((2000, None), (2001, "warning")):
        state = State.of(map(workspace, range(number)), 1, store_id=STORE_ID)
        for name in (PRIMARY, SNAPSHOT):
            (data_dir / name).write_bytes(encode_document(state))
        check = without_daemon(data_dir, capsys).get("number of workspaces")
        assert (check and check["status"]) == status
    assert check is not None
    expect(check, "warning", "2001 workspaces", "workspaced migrate --to sqlite")
    with closing(create_json_store(data_dir)) as store:
        assert "2,001 workspaces" in store.warnings[-1]
        assert "workspaced migrate --to sqlite" in store.warnings[-1]


def test_a_stopped_migration_is_told(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (stored / DATABASE).write_bytes(b"in part")
    marker = {"kind": "json", "leaves": {DATABASE: "kept.db"}}
    (stored / MIGRATION).write_bytes(msgspec.json.encode(marker))
    checks = without_daemon(stored, capsys)
    expect(checks["migration"], "warning", MIGRATION, "start the daemon")
    expect(checks[PRIMARY], "ok", "1 workspace")
    assert DATABASE not in checks
