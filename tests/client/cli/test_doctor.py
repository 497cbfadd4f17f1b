"""`workspacectl doctor`: what it finds in each situation that somebody may be in."""

import fcntl
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from client.cli.doctor_checks import Doctor, checks_of, expect, without_daemon
from client.cli.workspacectl import Ctl, ctl_for, run_process
from client.conftest import Serve
from client.fake_server import Peer, Request, answering
from support.daemon_process import DaemonProcess, leads_elsewhere, running_daemon
from support.documents import PRIMARY, SNAPSHOT
from workspaced_client._core.local_time import since
from workspaced_protocol import __version__, mounts


def test_all_is_well(patient: DaemonProcess, capsys: pytest.CaptureFixture[str]) -> None:
    ctl = ctl_for(patient.socket, capsys)
    checks = checks_of(run_process("doctor", "--json", f"--socket={patient.socket}", home=patient.home.root))
    assert {check["status"] for name, check in checks.items() if name != "file system"} == {"ok"}
    assert __version__ in checks["python"]["message"]
    assert f"pid {patient.pid}" in checks["daemon"]["message"]
    assert str(patient.data_dir) in checks["data directory"]["message"]
    assert f"pid {patient.pid}" in checks["lock"]["message"]
    text = ctl("doctor")
    assert (text.code, text.err) == (0, "")
    assert f"ok       daemon: workspaced {__version__} answers (pid {patient.pid}, since 2" in text.out


def test_quiet_tells_only_what_is_wrong(patient: DaemonProcess, capsys: pytest.CaptureFixture[str]) -> None:
    patient.socket.chmod(0o666)
    result = ctl_for(patient.socket, capsys)("doctor", "--quiet")
    assert result.code == 1
    assert "\n         -> chmod 600 " in result.out
    assert "problem  socket: " in result.out
    assert not any(line.startswith("ok") for line in result.out.splitlines())


def test_no_daemon_and_no_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checks = without_daemon(tmp_path / "data", capsys)
    expect(checks["daemon"], "warning", "No daemon runs at", "workspacectl start")
    for name in ("socket", "data directory", "lock", PRIMARY, SNAPSHOT):
        assert checks[name]["status"] == "ok"
    assert not (tmp_path / "data").exists()


def test_the_data_directory_is_found_as_the_daemon_finds_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def data_directory(**env: str) -> str:
        with monkeypatch.context() as patched:
            for name in filter(leads_elsewhere, list(os.environ)):
                patched.delenv(name)
            for name, value in {"HOME": str(tmp_path), **env}.items():
                patched.setenv(name, value)
            checks = checks_of(ctl_for(tmp_path / "s", capsys)("doctor", "--json"))
        return checks["data directory"]["message"]

    assert str(tmp_path / "here") in data_directory(WORKSPACED_DATA_DIR=str(tmp_path / "here"))
    assert str(tmp_path / "here") in data_directory(WORKSPACED_DATA_DIR="~/here")
    if sys.platform == "linux":
        assert str(tmp_path / "xdg/workspaced") in data_directory(XDG_DATA_HOME=str(tmp_path / "xdg"))
    assert str(tmp_path) in data_directory()


@pytest.mark.parametrize(
    ("config", "message"),
    [('log_level = "loud"\n', "`log_level` in {}, line 1: it is “loud”"), ("log_level = \n", "{}")],
)
def test_a_configuration_that_is_wrong(tmp_path: Path, socket_dir: Path, config: str, message: str) -> None:
    file = tmp_path / "config" / "workspaced" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(config)
    env = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_RUNTIME_DIR": str(socket_dir)}
    if sys.platform == "darwin":
        pytest.skip("it has its configuration elsewhere")
    checks = checks_of(run_process("doctor", "--json", home=tmp_path, env=env))
    expect(checks["configuration"], "problem", message.format(file), "workspaced config sample")
    expect(checks["daemon"], "warning", "No daemon runs at")
    assert [name for name, check in checks.items() if check["status"] == "problem"] == ["configuration"]


def test_a_variable_that_is_no_setting(tmp_path: Path, socket_dir: Path) -> None:
    env = {"WORKSPACED_LOG_LEVLE": "info", "WORKSPACED_SOCKET": str(socket_dir / "none.sock")}
    checks = checks_of(run_process("doctor", "--json", home=tmp_path, env=env))
    expect(checks["configuration"], "warning", "WORKSPACED_LOG_LEVLE", "workspaced config show")


def test_a_degraded_store_ends_in_one_full_stop(
    serve: Serve, capsys: pytest.CaptureFixture[str], patient: DaemonProcess
) -> None:
    degraded = {
        **ctl_for(patient.socket, capsys)("status", "--json").json,
        "store": {"state": "degraded", "lastError": "Mend its mode."},
    }

    def script(peer: Peer) -> None:
        peer.greet()
        peer.answer(peer.expect("daemon.status"), degraded)
        peer.answer(
            peer.expect("store.check"), {"primary": {"corrupted": False}, "snapshot": {"corrupted": False}}
        )

    check = checks_of(ctl_for(Path(serve(script)), capsys)("doctor", "--json"))["daemon"]
    expect(check, "problem", "but its store is degraded: Mend its mode.")
    assert not check["message"].endswith("..")


def test_a_data_directory_that_others_may_look_into(patient: DaemonProcess, doctor: Doctor) -> None:
    patient.data_dir.chmod(0o755)
    expect(doctor()["data directory"], "problem", "has mode 0755", f"chmod 700 '{patient.data_dir}'")


def test_a_data_directory_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").write_text("x")
    expect(without_daemon(tmp_path / "data", capsys)["data directory"], "problem", "is not a directory")


@pytest.mark.parametrize("name", ["backups", "quarantine"])
def test_something_in_the_place_of_a_directory_of_copies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / name).write_text("")
    expect(without_daemon(tmp_path, capsys)[name], "problem", f"{name} is no directory", "Move it away.")
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to(tmp_path.parent)
    expect(without_daemon(tmp_path, capsys)[name], "problem", f"{name} is a symbolic link", "Move it away.")
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    assert name not in without_daemon(tmp_path, capsys)


def test_a_socket_that_others_may_use(patient: DaemonProcess, doctor: Doctor) -> None:
    patient.socket.chmod(0o666)
    expect(doctor()["socket"], "problem", "has mode 0666", f"chmod 600 '{patient.socket}'")


def test_a_socket_directory_that_others_may_write_to(patient: DaemonProcess, doctor: Doctor) -> None:
    patient.socket.parent.chmod(0o777)
    expect(doctor()["socket directory"], "problem", "(mode 0777)", f"chmod 700 '{patient.socket.parent}'")
    patient.socket.parent.chmod(0o1777)
    expect(doctor()["socket directory"], "warning", "(mode 1777)", "--socket")


def test_what_is_at_the_sockets_path_is_none(socket_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = socket_dir / "file"
    path.write_text("x")
    checks = checks_of(ctl_for(path, capsys)("doctor", "--json"))
    expect(checks["socket"], "problem", "is not a socket", "--socket")


def test_a_socket_path_that_is_too_long(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checks = checks_of(ctl_for(tmp_path / ("x" * 120), capsys)("doctor", "--json"))
    expect(checks["socket"], "problem", "bytes, but this platform's limit is", "--socket")
    expect(checks["daemon"], "problem", "limit is")
    assert "socket directory" not in checks


def test_a_socket_left_by_a_killed_daemon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running_daemon(tmp_path) as daemon:
        daemon.kill()
        ctl = ctl_for(daemon.socket, capsys)
        checks = checks_of(ctl("doctor", "--json", "--data-dir", str(daemon.data_dir)))
    assert daemon.socket.exists()
    expect(checks["socket"], "warning", "is left over", "workspacectl start")
    expect(checks["daemon"], "warning", "No daemon runs", "workspacectl start")
    expect(checks["lock"], "ok", "No daemon holds")


def test_a_lock_that_is_held_by_a_daemon_elsewhere(
    patient: DaemonProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checks = without_daemon(patient.data_dir, capsys)
    message = f"is held by pid {patient.pid}, which listens on {patient.socket}"
    expect(checks["lock"], "problem", message, f"--socket '{patient.socket}'")


def test_a_lock_that_is_held_by_a_daemon_that_does_not_answer(
    patient: DaemonProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    patient.send_signal(signal.SIGSTOP)  # else it would listen there again
    away = patient.socket.rename(patient.socket.with_name("away"))
    try:
        ctl = ctl_for(patient.socket, capsys)
        checks = checks_of(ctl("doctor", "--json", "--data-dir", str(patient.data_dir)))
    finally:
        away.rename(patient.socket)
        patient.send_signal(signal.SIGCONT)
    message = f"is held by pid {patient.pid}, which does not answer"
    expect(checks["lock"], "problem", message, "workspacectl start")


def test_a_lock_without_a_name_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (tmp_path / "workspaced.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        checks = without_daemon(tmp_path, capsys)
    expect(checks["lock"], "problem", "is held by a process that has not written its pid")


def test_the_lock_is_never_made_or_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    without_daemon(tmp_path, capsys)
    assert list(tmp_path.iterdir()) == []
    path = tmp_path / "workspaced.lock"
    path.write_text("as it was")
    path.chmod(0o400)
    without_daemon(tmp_path, capsys)
    with path.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert lock.read() == "as it was"


def test_a_lock_that_was_taken_away_from_the_daemon(patient: DaemonProcess, doctor: Doctor) -> None:
    (patient.data_dir / "workspaced.lock").unlink()
    expect(doctor()["lock"], "warning", "does not hold", "workspacectl flush")
    with patient.client() as client:
        client.store.flush()
    expect(doctor()["lock"], "ok", f"pid {patient.pid}")


def test_a_lock_that_somebody_else_took(patient: DaemonProcess, doctor: Doctor) -> None:
    path = patient.data_dir / "workspaced.lock"
    path.unlink()
    with path.open("w") as lock:
        lock.write('{"pid":1,"socket":"/x"}')
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        expect(doctor()["lock"], "problem", "is held by pid 1, not by the daemon that answers")


def test_no_git(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    expect(without_daemon(tmp_path / "data", capsys)["git"], "warning", "no git on PATH", "Install git")
    (tmp_path / "bin" / "git").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "bin" / "git").chmod(0o755)
    checks = without_daemon(tmp_path / "data", capsys)
    expect(checks["git"], "warning", "failed with exit code 3", "Install git")


def test_data_in_memory(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "TABLE", "/proc/self/mountinfo")
    if sys.platform != "linux":
        pytest.skip("only Linux has /dev/shm")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        expect(without_daemon(Path(directory), capsys)["file system"], "warning", "is on tmpfs", "--data-dir")


@pytest.mark.parametrize(
    ("free_blocks", "free_files", "status"),
    [(1, 9, "problem"), (50_000, 9, "warning"), (10**7, 9, "ok"), (10**7, 0, "problem")],
)
def test_free_space(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    free_blocks: int,
    free_files: int,
    status: str,
) -> None:
    real = os.statvfs(tmp_path)
    fields = list(real)
    # statvfs(3): f_frsize is 1, f_bavail 4, f_files 5, f_favail 7.
    fields[1], fields[4], fields[5], fields[7] = 4096, free_blocks, 9, free_files
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(fields))
    assert without_daemon(tmp_path, capsys)["free space"]["status"] == status


STATUS = {
    "version": "9.9.9",
    "protocol": 1,
    "pid": 1,
    "dataDir": "/nowhere/data",
    "socket": "/nowhere/s",
    "startedAt": 1,
    "revision": 0,
    "workspaces": 0,
    "sessions": 0,
    "connections": 1,
    "recovery": {"outcome": "clean", "quarantined": [], "acknowledged": True},
    "store": {"state": "ok"},
    "commits": {"count": 0, "requests": 0, "p50Ms": 0.0, "p95Ms": 0.0},
}
VALID = {"primary": {"corrupted": False}, "snapshot": {"corrupted": False}}


def daemon_with(status: dict[str, object]) -> Callable[[Peer], None]:
    def reply(request: Request) -> object:
        return {"daemon.status": {**STATUS, **status}, "store.check": VALID}[request.method]

    return answering(reply)


def test_a_daemon_of_another_release(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    ctl: Ctl = ctl_for(serve(daemon_with({})), capsys)
    message = (
        f"workspaced 9.9.9 answers (pid 1, since 1970-01-01 00:00:00), but workspacectl is {__version__}."
    )
    check = checks_of(ctl("doctor", "--json"))["daemon"]
    expect(check, "warning", message.partition(", since")[0], "Restart the daemon")
    assert check["message"].endswith(f"but workspacectl is {__version__}.")


def test_a_daemon_of_another_release_that_keeps_its_data_elsewhere(
    serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ctl = ctl_for(serve(daemon_with({})), capsys)
    check = checks_of(ctl("doctor", "--json", "--data-dir", str(tmp_path)))["daemon"]
    where = f"; its data is in /nowhere/data, not in {tmp_path}, but workspacectl is {__version__}."
    expect(check, "warning", where, "Restart the daemon")


@pytest.mark.parametrize(
    ("state", "told", "error", "again"),
    [
        ("readOnly", "read-only", "No space left on device", "the daemon tries again by itself"),
        (
            "degraded",
            "degraded",
            "workspaces.json is now another store: move it away",
            "the next write tries again",
        ),
    ],
)
@pytest.mark.parametrize("since_ms", [None, 1_000_000_000_000])
def test_a_store_that_can_not_write(
    serve: Serve,
    capsys: pytest.CaptureFixture[str],
    state: str,
    told: str,
    error: str,
    again: str,
    since_ms: int | None,
) -> None:
    store: dict[str, object] = {"state": state, "lastError": error}
    if since_ms is not None:
        store["since"] = since_ms
        told += f" since {since(since_ms)}"
    ctl = ctl_for(serve(daemon_with({"version": __version__, "store": store})), capsys)
    expect(checks_of(ctl("doctor", "--json"))["daemon"], "problem", f"{told}: {error}", again)
    assert f"Store       {told}: {error}" in ctl("status").out


def test_a_daemon_that_hangs(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    def silent(peer: Peer) -> None:
        peer.request()
        peer.request()  # the client hangs up

    ctl = ctl_for(serve(silent), capsys)
    check = checks_of(ctl("doctor", "--json", "--timeout", "0.2"))["daemon"]
    expect(check, "problem", "within 0.2 seconds", "workspacectl stop")
