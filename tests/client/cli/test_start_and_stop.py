"""`workspacectl start` and `stop`, and commands that start the daemon they need; without a service manager."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from client.cli.workspacectl import WORKSPACECTL, Result, run_here
from support.daemon_process import Home, leads_elsewhere, new_home, running_daemon
from support.waiting import PATIENCE_SECONDS
from workspaced_client import Client


class User:
    """A user in a home without a daemon, and without a service manager."""

    def __init__(self, home: Home, capture: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self._capture = capture

    def ctl(self, *arguments: str) -> Result:
        return run_here(self._capture, *arguments)

    @property
    def log_exists(self) -> bool:
        """Whether a client has started a daemon."""
        return bool(list(self.home.root.rglob("daemon.log")))


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[User]:
    with new_home() as home:
        for name in list(os.environ):
            if leads_elsewhere(name):
                monkeypatch.delenv(name)
        monkeypatch.setenv("HOME", str(home.root))
        monkeypatch.setenv("WORKSPACED_SOCKET", str(home.socket))
        monkeypatch.setenv("WORKSPACED_DATA_DIR", str(home.data_dir))
        user = User(home, capfd)
        yield user
        assert user.ctl("stop").code == 0


def test_start_and_stop_say_what_they_did_and_may_be_repeated(user: User) -> None:
    nothing = user.ctl("stop")
    assert (nothing.code, nothing.out) == (0, f"No daemon runs at {user.home.socket}: nothing to do.\n")
    assert user.ctl("stop", "--json").json["stopped"] is False
    started = user.ctl("start")
    with Client.connect() as client:
        pid = client.daemon.status().pid
    data = f"its data is in {user.home.data_dir}"
    assert (started.code, started.out[: started.out.index(", and its log")]) == (
        0,
        f"Started workspaced 0.1.0 in the background (pid {pid}); {data}",
    )
    again = user.ctl("start", "--json").json
    assert (again["started"], again["manager"], again["daemon"]["pid"]) == (False, None, pid)
    assert user.ctl("start").out.startswith(f"workspaced 0.1.0 already runs (pid {pid}, since ")

    two = [subprocess.Popen([WORKSPACECTL, "stop"], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [each.communicate(timeout=PATIENCE_SECONDS)[0] for each in two]
    assert [each.returncode for each in two] == [0, 0]
    assert any(each.startswith(f"Stopped workspaced (pid {pid}). The data in ") for each in told)
    assert user.ctl("stop").out == nothing.out


def test_commands_at_once_start_one_daemon(user: User) -> None:
    runs = [
        subprocess.Popen([WORKSPACECTL, "create", str(number), "/"], stderr=subprocess.PIPE, text=True)
        for number in range(4)
    ]
    assert [each.communicate(timeout=PATIENCE_SECONDS)[1] for each in runs] == [""] * 4
    assert user.ctl("status", "--json").json["workspaces"] == 4
    log = next(user.home.root.rglob("daemon.log")).read_text()
    assert log.count("keeps its data in") == 1


def test_what_only_looks_starts_nothing(user: User) -> None:
    assert user.ctl("status").code == 3
    assert user.ctl("doctor").code == 0
    assert user.ctl("service", "install", "--dry-run").code == 0
    assert user.ctl("__complete", "path", "").code == 0
    assert not user.log_exists


@pytest.mark.parametrize("how", ["option", "variable", "file"])
def test_autostart_can_be_switched_off(user: User, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    if how == "variable":
        monkeypatch.setenv("WORKSPACED_AUTOSTART", "0")
    elif how == "file":
        config = user.home.root / ".config/workspaced/config.toml"
        config.parent.mkdir(parents=True)
        config.write_text("autostart = false\n")
    for command in (["list"], ["path", "a"], ["create", "a"]):
        refused = user.ctl(*(["--no-autostart"] if how == "option" else []), *command)
        assert (refused.code, "The daemon is not running" in refused.err) == (3, True)
    assert not user.log_exists


def test_a_daemon_in_the_foreground_is_stopped_in_order(user: User) -> None:
    with running_daemon(user.home) as daemon:
        assert user.ctl("stop").out.startswith(f"Stopped workspaced (pid {daemon.pid}).")
        assert daemon.wait() == 0


def test_one_with_other_data_is_stopped_by_its_socket(user: User, tmp_path: Path) -> None:
    other = Home(user.home.root, data_dir=tmp_path / "data", socket=user.home.root / "other.sock")
    with running_daemon(other) as daemon:
        told = user.ctl("--socket", str(other.socket), "stop")
        assert told.out.startswith(
            f"Stopped workspaced (pid {daemon.pid}). The data in {other.data_dir} is free"
        )
        assert daemon.wait() == 0


def test_a_daemon_that_does_not_end_is_not_killed(user: User) -> None:
    with running_daemon(user.home) as daemon:
        os.kill(daemon.pid, signal.SIGSTOP)
        try:
            late = user.ctl("stop", "--timeout", "0.2")
        finally:
            os.kill(daemon.pid, signal.SIGCONT)
        assert late.code == 1
        assert f"still holds {user.home.data_dir} after 0.2 s" in late.err
        assert late.err.endswith(f"kill -9 {daemon.pid}\n")
        assert daemon.wait() == 0


def test_a_daemon_on_another_socket_is_named(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Home(user.home.root, socket=user.home.root / "other.sock")
    with running_daemon(other) as daemon:
        refused = user.ctl("list")
        assert (refused.code, len(refused.err.splitlines())) == (3, 1)
        way = f"stop it: workspacectl --socket {other.socket} stop"
        assert f"the daemon with pid {daemon.pid} has {user.home.data_dir}, and listens on" in refused.err
        assert way in refused.err
        assert user.ctl("stop").code == 0  # none runs at the socket that the user has chosen
        monkeypatch.delenv("WORKSPACED_SOCKET")
        told = user.ctl("stop")
        assert told.code == 1
        assert told.err.splitlines()[1] == f"To stop that one: workspacectl --socket {other.socket} stop"
        monkeypatch.setenv("WORKSPACED_SOCKET", str(user.home.socket))


@pytest.mark.skipif(
    not Path("/proc/self").exists(), reason="looks at the process in /proc, which macOS lacks"
)
def test_the_pid_of_another_container_is_not_signalled(user: User) -> None:
    """The lock is this process's, and its record names a process that has nothing to do with it."""
    with subprocess.Popen(["sleep", "60"]) as innocent:
        from workspaced.store import create_json_store

        store = create_json_store(user.home.data_dir, socket=str(user.home.socket))
        lock = user.home.data_dir / "workspaced.lock"
        lock.write_text(lock.read_text().replace(str(os.getpid()), str(innocent.pid)))
        refused = user.ctl("stop")
        assert (refused.code, f"calls itself pid {innocent.pid}" in refused.err) == (1, True)
        assert innocent.poll() is None
        store.close()
        innocent.kill()


def test_a_wrong_configuration_is_told_in_one_line(user: User) -> None:
    config = user.home.root / ".config/workspaced/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("autostart = 'perhaps'\n")
    refused = user.ctl("list")
    assert (refused.code, len(refused.err.splitlines())) == (3, 1)
    assert f"`autostart` in {config}, line 1: it is “perhaps”, but it must be true or false" in refused.err


def test_one_that_another_command_started_meanwhile_is_not_called_ones_own(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as others:

        def ensure_running(*_: object, **__: object) -> None:
            others.enter_context(running_daemon(user.home))

        monkeypatch.setattr("workspaced_client.cli.start.ensure_running", ensure_running)
        told = user.ctl("start").out
        assert told.startswith("workspaced 0.1.0 has just started (pid ")
        assert "), by its socket or by another command; its data is in " in told
