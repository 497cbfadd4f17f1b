"""A machine of a test's own: a home, a service manager that stands in for the real one, and `workspacectl`."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from client.cli.workspacectl import Result, run_here
from support.daemon_process import leads_elsewhere
from workspaced_client._core import service_manager
from workspaced_protocol.paths import default_config_file, default_data_dir

_FAKE = Path(__file__).with_name("fake_service_manager.py")
_LOOKS = ("is-system-running", "is-failed", "show", "print", "show-user", "--output=cat")


@dataclass(frozen=True)
class Machine:
    """All below `root`, whose path is short enough for a socket."""

    root: Path
    capfd: pytest.CaptureFixture[str]

    @property
    def state(self) -> Path:
        """The stand-in's memory; a file made here changes its mind."""
        return self.root / "state"

    @property
    def socket(self) -> Path:
        return self.root / "run/workspaced/workspaced.sock"

    @property
    def data_dir(self) -> Path:
        return Path(default_data_dir())

    def configure(self, text: str) -> Path:
        """Write the daemon's configuration file."""
        path = Path(default_config_file() or "")
        path.parent.mkdir(parents=True)
        path.write_text(text)
        return path

    @property
    def units(self) -> Path:
        return self.root / ".config/systemd/user"

    @property
    def pid(self) -> int:
        """The daemon's that was started last."""
        return int((self.state / "pid").read_text())

    def ctl(self, *arguments: str) -> Result:
        """Run `workspacectl service …` in this process."""
        return run_here(self.capfd, "service", *arguments)

    def changes(self) -> list[str]:
        """The calls since the last look that were to change something, in words."""
        path = self.state / "calls"
        calls = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        path.unlink(missing_ok=True)
        return [" ".join(call) for call in calls if not set(_LOOKS) & set(call)]

    def everything(self) -> dict[str, str]:
        """Each file in the home, but for the stand-in's own, and what it holds."""
        kept = (path for path in self.root.rglob("*") if path.is_file() and path.parent != self.state)
        return {str(path): path.read_text() for path in kept}

    @contextlib.contextmanager
    def held_lock(self) -> Generator[None]:
        """In the meantime this process holds the lock on the data, as a daemon without a service does."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with (self.data_dir / "workspaced.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lock.write(json.dumps({"pid": os.getpid(), "socket": ""}))
            lock.flush()
            yield

    def require_free_data(self) -> None:
        """Fail where a daemon still has the data."""
        with self.held_lock():
            pass


@contextlib.contextmanager
def new_machine(
    root: Path, platform: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Generator[Machine]:
    """Its commands see this platform; in the end no daemon is left."""
    machine = Machine(root, capfd)
    for name in list(os.environ):
        if leads_elsewhere(name):
            monkeypatch.delenv(name)
    tools, run = root / "tools", root / "run"
    for directory in (tools, run, machine.state):
        directory.mkdir()
    for tool in ("systemctl", "loginctl", "journalctl") if platform == "linux" else ("launchctl",):
        script = tools / tool
        script.write_text(f"#!/bin/sh\nexec '{sys.executable}' -I -S '{_FAKE}' {tool} \"$@\"\n")
        script.chmod(0o755)
    monkeypatch.setenv("HOME", str(root))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(run))
    monkeypatch.setenv("FAKE_STATE", str(machine.state))
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setattr(service_manager, "platform", lambda: platform)
    try:
        yield machine
    finally:
        _end_daemon(machine)


def _end_daemon(machine: Machine) -> None:
    if not (machine.state / "pid").exists():
        return
    # The number may be another process's by now. Daemons of other tests are given arguments.
    if _command_of(machine.pid).endswith("/workspaced run"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(machine.pid, signal.SIGKILL)


def _command_of(pid: int) -> str:
    """The program and the arguments of a process; nothing where there is none."""
    if Path("/proc/self/cmdline").exists():  # as on Linux, where ps need not be installed
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            return Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").replace("\0", " ")
        return ""
    ps = ["/bin/ps", "-ww", "-o", "args=", "-p", str(pid)]
    return subprocess.run(ps, capture_output=True, text=True, check=False).stdout.strip()
