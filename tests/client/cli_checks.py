"""What doctor's tests share: its findings by name, and a daemon that finds its files as they were."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from client.cli_daemon import Result, RunningDaemon, ctl_for

PRIMARY = "workspaces.json"
SNAPSHOT = "workspaces.snapshot.json"

Checks = dict[str, dict[str, str]]
Doctor = Callable[[], Checks]


def found(result: Result) -> Checks:
    """The checks by name, of `doctor --json`."""
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
def left_as_it_was(daemon: RunningDaemon) -> Iterator[RunningDaemon]:
    """Afterwards the daemon's files and their modes are as they were."""
    yield daemon
    daemon.data_dir.chmod(0o700)
    daemon.socket.parent.chmod(0o700)
    daemon.socket.chmod(0o600)
    with daemon.client() as client:
        client.store.flush()


def doctor_for(daemon: RunningDaemon, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """Runs doctor against the daemon, and gives the checks by name."""
    return lambda: found(ctl_for(daemon.socket, capsys)("doctor", "--json"))


def without_daemon(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> Checks:
    """The checks of doctor where no daemon runs."""
    ctl = ctl_for(data_dir.parent / "none.sock", capsys)
    return found(ctl("doctor", "--json", "--data-dir", str(data_dir)))
