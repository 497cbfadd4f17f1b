"""`workspacectl run`: the environment, the exit code and the signals of a command, and its session."""

import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from client.cli.shell_terminal import ON_THIS_TERMINAL
from client.cli.workspacectl import WORKSPACECTL, Result, ctl_for, run_process, user_environment
from support.daemon_process import DaemonProcess, Home, running_daemon
from support.waiting import PATIENCE_SECONDS, wait_until
from workspaced_client import Client, Workspace


@pytest.fixture(scope="module")
def alpha(daemon: DaemonProcess, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with a directory."""
    with daemon.client() as client:
        return client.workspaces.create("alpha", tmp_path_factory.mktemp("alpha"))


def run(daemon: DaemonProcess, *arguments: str) -> Result:
    return run_process(
        "run", *arguments, home=daemon.socket.parent, env={"WORKSPACED_SOCKET": str(daemon.socket)}
    )


@contextmanager
def at_work(daemon: DaemonProcess, *arguments: str) -> Generator[subprocess.Popen[str]]:
    """Yield a run whose command has printed its first line, `ready`."""
    process = subprocess.Popen(
        [WORKSPACECTL, "run", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=user_environment(daemon.socket.parent, WORKSPACED_SOCKET=str(daemon.socket)),
        start_new_session=True,  # no terminal: no signal but those of the test
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def test_it_runs_in_the_root_and_knows_its_workspace(daemon: DaemonProcess, alpha: Workspace) -> None:
    script = (
        'pwd; echo "$WORKSPACED_WORKSPACE $WORKSPACED_WORKSPACE_ID $WORKSPACED_WORKSPACE_ROOT"; echo "$@"'
    )
    result = run(daemon, "alpha", "--", "sh", "-c", script, "x", "--json", "--", "-q")
    assert result.out.splitlines() == [
        alpha.root_path,
        f"alpha {alpha.id} {alpha.root_path}",
        "--json -- -q",
    ]
    assert (result.code, result.err) == (0, "")


def test_the_name_and_the_dashes_may_be_left_out(
    daemon: DaemonProcess, alpha: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(daemon, "alpha", "echo", "--exclusive").out == "--exclusive\n"
    monkeypatch.chdir(alpha.root_path)
    assert run(daemon, "--", "echo", "alpha", "-x").out == "alpha -x\n"
    assert run(daemon, ".", "pwd").out == f"{alpha.root_path}\n"


@pytest.mark.usefixtures("alpha")
@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        (("sh", "-c", "exit 7"), 7, ""),
        (("sh", "-c", "kill -9 $$"), 137, ""),
        (("nosuchcommand", "--json"), 127, "error: The command “nosuchcommand” was not found in PATH"),
        (("./nosuch",), 127, "error: The command “./nosuch” was not found in the workspace's directory"),
        (("",), 127, "error: The command to run is empty."),
        (("/etc/passwd",), 126, "error: The command “/etc/passwd” can't be run: Permission denied."),
        ((), 2, "error: The command to run is missing."),
    ],
)
def test_its_exit_code(daemon: DaemonProcess, command: tuple[str, ...], code: int, told: str) -> None:
    result = run(daemon, "alpha", "--", *command)
    assert (result.code, result.out) == (code, "")
    assert result.err.startswith(told)
    assert bool(result.err) == bool(told)


def test_a_session_lasts_as_long_as_the_command(daemon: DaemonProcess, alpha: Workspace) -> None:
    with daemon.client() as client:
        with at_work(daemon, "--exclusive", "alpha", "--", "sh", "-c", "echo ready; read line") as process:
            (session,) = client.sessions.list(alpha.id)
            assert (session.label, session.exclusive, session.pid) == ("sh", True, process.pid)
            refused = run(daemon, "alpha", "--exclusive", "--", "true")
            assert refused.code == 1
            assert f"is claimed by 'sh' (process {process.pid})" in refused.err.replace("“", "'").replace(
                "”", "'"
            )
            assert f"workspacectl sessions {alpha.id}" in refused.err
            assert run(daemon, "alpha", "--", "true").code == 0
            process.communicate("\n", timeout=PATIENCE_SECONDS)
        # It has ended before the command line does: the next line of a script may claim the workspace.
        assert client.sessions.list(alpha.id) == []


def test_it_asks_for_the_end_of_its_session_and_so_knows_it(
    daemon: DaemonProcess,
    alpha: Workspace,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(alpha.root_path)
    asked: list[str] = []
    call = Client.call

    def noted(self: Client, method: str, *params: Any, **options: Any) -> object:
        asked.append(method)
        return call(self, method, *params, **options)

    monkeypatch.setattr(Client, "call", noted)
    assert ctl_for(daemon.socket, capsys)("run", "--", "true").code == 0
    assert asked == ["session.end"]


COUNTS_SIGNALS = """
import signal, sys
number = signal.Signals(int(sys.argv[1]))
signal.pthread_sigmask(signal.SIG_BLOCK, [number])
print("ready", flush=True)
signal.sigwait([number])
print("got", flush=True)
sys.stdin.readline()
print("again" if number in signal.sigpending() else "once")
sys.exit(3)
"""
"""Not a shell: one that gets a signal just before it reads a line tells of it only after the line."""


@pytest.mark.usefixtures("alpha")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_to_it_alone_reaches_the_command_once(daemon: DaemonProcess, number: signal.Signals) -> None:
    with at_work(daemon, "alpha", "--", sys.executable, "-c", COUNTS_SIGNALS, str(int(number))) as process:
        process.send_signal(number)
        assert process.stdout is not None
        assert process.stdout.readline() == "got\n"
        out, _ = process.communicate("\n", timeout=PATIENCE_SECONDS)
    assert (process.returncode, out) == (3, "once\n")


@pytest.mark.usefixtures("alpha")
def test_a_command_that_a_signal_ends_gives_its_number(daemon: DaemonProcess) -> None:
    with at_work(daemon, "alpha", "--", "sh", "-c", "echo ready; exec cat") as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 128 + signal.SIGTERM


class Shell:
    """An interactive bash on a terminal of its own, which has jobs."""

    def __init__(self, screen: int) -> None:
        self._screen = screen
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self._screen, text.encode())

    def wait_for(self, text: str) -> None:
        """Wait until this has come to the screen, after all that was waited for before."""
        while text not in self.seen:
            assert select.select([self._screen], [], [], PATIENCE_SECONDS)[0], self.seen
            self.seen += os.read(self._screen, 65536).decode(errors="replace")
        self.seen = self.seen.partition(text)[2]


@pytest.fixture
def shell(daemon: DaemonProcess) -> Generator[Shell]:
    screen, terminal = pty.openpty()
    with os.fdopen(screen, "rb", buffering=0):
        process = subprocess.Popen(
            [sys.executable, "-c", ON_THIS_TERMINAL, "bash", "--norc", "--noprofile", "-i"],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env=user_environment(
                daemon.socket.parent, WORKSPACED_SOCKET=str(daemon.socket), HISTFILE=os.devnull
            ),
            start_new_session=True,
        )
        os.close(terminal)
        with process:
            try:
                yield Shell(screen)
            finally:
                process.kill()


# What is typed comes to the screen, too: the texts that are waited for are not typed in one piece.
@pytest.mark.usefixtures("alpha")
def test_ctrl_c_reaches_the_command_once(shell: Shell) -> None:
    script = "import signal, sys; n = []; signal.signal(2, lambda *_: n.append(1)); print('rea' 'dy', flush=True); "
    script += "sys.stdin.readline(); sys.stdin.readline(); print('count' f'={len(n)}'); sys.exit(3)"
    shell.type(f'{WORKSPACECTL} run alpha -- {sys.executable} -c "{script}"; echo code""=$?\n')
    shell.wait_for("ready")
    shell.type("\x03")
    shell.wait_for("^C")
    shell.type("\n\n")
    shell.wait_for("count=1")
    shell.wait_for("code=3")


@pytest.mark.usefixtures("alpha")
def test_ctrl_z_stops_the_job_and_fg_lets_it_go_on(shell: Shell) -> None:
    script = 'echo rea""dy; while read line; do echo "got=""$line"; done'
    shell.type(f"{WORKSPACECTL} run alpha -- sh -c '{script}'; echo code\"\"=$?\n")
    shell.wait_for("ready")
    for line in ("one", "two"):
        shell.type("\x1a")
        shell.wait_for("Stopped")
        shell.type("fg\n")
        shell.wait_for("fg")
        shell.wait_for("run alpha")
        shell.type(f"{line}\n")
        shell.wait_for(f"got={line}")


def test_a_root_that_is_gone_is_told(daemon: DaemonProcess) -> None:
    with daemon.client() as client:
        made = client.workspaces.create("gone", "/nowhere/at/all")
    result = run(daemon, "gone", "--", "true")
    assert result.code == 1
    assert "The directory of workspace “gone”, /nowhere/at/all, can't be entered" in result.err
    assert f"workspacectl move {made.id} DIRECTORY" in result.err


def test_a_closed_workspace_is_told(daemon: DaemonProcess, tmp_path: Path) -> None:
    with daemon.client() as client:
        made = client.workspaces.create("shut", tmp_path)
        client.workspaces.close(made.id)
    result = run(daemon, "shut", "--", "true")
    assert (result.code, f"workspacectl open {made.id}" in result.err) == (1, True)


def test_after_a_restart_the_session_begins_again(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        with daemon.client() as client:
            made = client.workspaces.create("beta", tmp_path)
        with at_work(daemon, "beta", "--", "sh", "-c", "echo ready; read line; exit 5") as process:
            daemon.stop()
            daemon.start()
            with daemon.client() as client:
                wait_until(lambda: [each.pid for each in client.sessions.list(made.id)] == [process.pid])
            _, err = process.communicate("\n", timeout=PATIENCE_SECONDS)
        assert (process.returncode, err) == (5, "")


def test_a_session_that_can_not_begin_again_is_told_and_the_command_goes_on(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        with daemon.client() as client:
            client.workspaces.create("beta", tmp_path)
        with at_work(daemon, "beta", "--", "sh", "-c", "echo ready; read line; exit 5") as process:
            daemon.stop()
            # The one at the same socket has another store.
            with running_daemon(Home(tmp_path, data_dir=tmp_path / "other", socket=daemon.socket)):
                assert process.stderr is not None
                warning = process.stderr.readline()
                process.communicate("\n", timeout=PATIENCE_SECONDS)
        assert "the session in workspace “beta” could not be begun again: There is no workspace" in warning
        assert warning.endswith("The command goes on without one.\n")
        assert process.returncode == 5


def test_a_name_that_no_variable_can_hold_is_told(daemon: DaemonProcess, alpha: Workspace) -> None:
    with daemon.client() as client:
        saved = client.store.save(structs.replace(alpha, id="ws_nul", name="a\0b"))
        result = run(daemon, "ws_nul", "true")
        client.store.remove(saved.id)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: The name “a\\x00b” has a NUL character")
    assert result.err.endswith("workspacectl rename ws_nul NAME\n")
