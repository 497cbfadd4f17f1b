"""What doctor's tests share: its checks by name, and files put back after a test."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from client.cli.workspacectl import Result, ctl_for
from support.daemon_process import DaemonProcess

Checks = dict[str, dict[str, str]]
Doctor = Callable[[], Checks]


def checks_of(result: Result) -> Checks:
    """Return the checks of `doctor --json` by name."""
    checks: list[dict[str, str]] = result.json
    for check in checks:
        assert set(check) - {"advice"} == {"name", "status", "message"}
        assert check["status"] in ("ok", "warning", "problem")
        assert ("advice" in check) == (check["status"] != "ok")
    assert len({check["name"] for check in checks}) == len(checks)
    assert result.code == int(any(check["status"] == "problem" for check in checks))
    return {check["name"]: check for check in checks}


def expect(check: dict[str, str], status: str, message: str, advice: str = "") -> None:
    assert check["status"] == status, check
    assert message in check["message"]
    assert advice in check.get("advice", "")


@contextlib.contextmanager
def left_as_it_was(daemon: DaemonProcess) -> Iterator[DaemonProcess]:
    """Put the daemon's files and their modes back after the `with` block."""
    yield daemon
    daemon.data_dir.chmod(0o700)
    daemon.socket.parent.chmod(0o700)
    daemon.socket.chmod(0o600)
    with daemon.client() as client:
        client.store.flush()


def doctor_for(daemon: DaemonProcess, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """Return a doctor for the daemon, which gives the checks by name."""
    return lambda: checks_of(ctl_for(daemon.socket, capsys)("doctor", "--json"))


def without_daemon(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> Checks:
    """Return the checks of doctor where no daemon runs."""
    ctl = ctl_for(data_dir.parent / "none.sock", capsys)
    return checks_of(ctl("doctor", "--json", "--data-dir", str(data_dir)))
