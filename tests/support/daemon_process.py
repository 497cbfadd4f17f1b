"""The daemon as a real process: where it lives, how it is started, and how it ends.

`running_daemon` is all that most tests need: a daemon that answers, for a `with` block. A `DaemonProcess` can be
stopped, killed and started again in its home; what it writes is read all the time, and nothing of it outlives `close`.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from support.documents import PRIMARY, SNAPSHOT
from support.git_samples import ISOLATED
from support.waiting import PATIENCE_SECONDS, wait_until
from workspaced_client import Client

WORKSPACED = (sys.executable, "-m", "workspaced")

_AT_ONCE = 3  # daemons that start at the same time: more only wait for each other on two cores
_LEADS_ELSEWHERE = ("WORKSPACED_", "XDG_", "LISTEN_", "NOTIFY_", "WATCHDOG_")


def leads_elsewhere(variable: str) -> bool:
    """Return whether a variable of this environment may lead a program under test to the user's own daemon."""
    return variable.startswith(_LEADS_ELSEWHERE)


def environment_at(home: Path, **more: str) -> dict[str, str]:
    """Return this process's environment with another HOME, less what leads elsewhere and git's configuration."""
    kept = {name: value for name, value in os.environ.items() if not leads_elsewhere(name)}
    return {**kept, **ISOLATED, "HOME": str(home), **more}


class Home:
    """Where one daemon lives: a directory of its own, with the data directory and the socket in it."""

    def __init__(self, root: Path, *, data_dir: Path | None = None, socket: Path | None = None) -> None:
        self.root = root
        self.data_dir = data_dir or root / "data"
        self.socket = socket or root / "run" / "d.sock"

    @property
    def primary(self) -> Path:
        return self.data_dir / PRIMARY

    @property
    def snapshot(self) -> Path:
        return self.data_dir / SNAPSHOT

    def arguments(self) -> tuple[str, ...]:
        """Return the options of `workspaced run` that name the two paths."""
        return ("--data-dir", str(self.data_dir), "--socket", str(self.socket))


@contextlib.contextmanager
def new_home() -> Generator[Home]:
    """Yield a home that is removed in the end; its name is short, for a socket's path has at most some hundred bytes."""
    with tempfile.TemporaryDirectory(prefix="wsd-") as name:
        yield Home(Path(name).resolve())


def listens(path: Path) -> bool:
    """Return whether somebody accepts connections there."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        return True


class NotReady(AssertionError):
    """The daemon ended before it answered."""


@dataclass(frozen=True)
class Ended:
    """How a daemon ended by itself; the code is None if it had to be killed."""

    code: int | None
    stderr: str


class DaemonProcess:
    """A daemon in a home: not started yet, running, or ended.

    `arguments` follow those that name the home's paths, which are left out unless `names_paths`. `launcher` is a
    program that starts the daemon, such as strace; `program` is another daemon in its place. The rest is as in
    `subprocess.Popen`.
    """

    def __init__(
        self,
        home: Home,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        names_paths: bool = True,
        launcher: Sequence[str] = (),
        program: Sequence[str] = WORKSPACED,
        stdin: int = subprocess.DEVNULL,
        pass_fds: Sequence[int] = (),
        umask: int = -1,
    ) -> None:
        self.home = home
        self.command = (*launcher, *program, "run", *(home.arguments() if names_paths else ()), *arguments)
        self._environment = environment or {}
        self._stdin = stdin
        self._pass_fds = pass_fds
        self._umask = umask
        self._child: _Child | None = None

    @property
    def data_dir(self) -> Path:
        return self.home.data_dir

    @property
    def socket(self) -> Path:
        return self.home.socket

    @property
    def pid(self) -> int:
        return self._running.process.pid

    @property
    def is_running(self) -> bool:
        return self._child is not None and self._child.process.poll() is None

    @property
    def stderr(self) -> str:
        """What it has written to stderr since it was started; all of it once it has ended."""
        return self._running.written["stderr"].decode()

    def client(self) -> Client:
        """Return a new client of it."""
        return Client.connect(self.socket, timeout_seconds=PATIENCE_SECONDS)

    def start(self) -> Self:
        """Start it, and wait until it answers. Raises NotReady."""
        self.begin()
        try:
            self.wait_ready()
        except BaseException:
            self.close()
            raise
        return self

    def begin(self) -> Self:
        """Start it, and wait for nothing."""
        assert not self.is_running, "it runs already"
        self.close()
        self._child = _Child(
            subprocess.Popen(
                self.command,
                stdin=self._stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=self._pass_fds,
                cwd=self.home.root,
                env=environment_at(self.home.root, **self._environment),
                umask=self._umask,
                start_new_session=True,  # so that `close` ends what it has started, too
            )
        )
        return self

    def wait_ready(self, path: Path | None = None) -> None:
        """Wait until it listens at its socket, or at another path. Raises NotReady."""
        child, path = self._running, path or self.socket
        with child.stirred:
            wait_until(
                lambda: listens(path) or not self.is_running,
                lambda: f"the daemon was not ready: {child.written}",
                pause=child.stirred.wait,  # it writes a line as soon as it listens
            )
        if not listens(path):
            raise NotReady(f"The daemon ended with {self.wait()}: {self.stderr}")

    def run_to_end(self) -> Ended:
        """Start it, and return how it ended by itself, as it is expected to."""
        self.begin()
        try:
            return Ended(self.wait(), self.stderr)
        except subprocess.TimeoutExpired:
            return Ended(None, self.stderr)
        finally:
            self.close()

    def send_signal(self, number: int) -> None:
        self._running.process.send_signal(number)

    def wait(self) -> int:
        """Return its exit code once it has ended and all its output is read."""
        return self._running.wait()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end, and return its exit code."""
        self.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        """End it by SIGKILL: no handler of the daemon runs."""
        self.stop(signal.SIGKILL)

    def restart(self, number: int = signal.SIGTERM) -> None:
        """End it by this signal, and start it again."""
        code = self.stop(number)
        assert code in (0, -signal.SIGKILL), f"it ended with {code}: {self.stderr}"
        self.start()

    def close(self) -> None:
        """End it whatever its condition, with all that it started, and free what this process holds of it."""
        if self._child is not None:
            self._child.close()

    @property
    def _running(self) -> "_Child":
        assert self._child is not None, "it was not started"
        return self._child


class _Child:
    """A process whose output is read by threads, so that it never waits for its reader."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process
        self.written = {"stdout": b"", "stderr": b""}
        self.stirred = threading.Condition()
        """Notified when it has written something, or closed a stream."""
        streams = {"stdout": process.stdout, "stderr": process.stderr}
        self._readers = [threading.Thread(target=self._read, args=each) for each in streams.items()]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str, stream: IO[bytes]) -> None:
        while chunk := os.read(stream.fileno(), 65536):
            with self.stirred:
                self.written[name] += chunk
                self.stirred.notify_all()
        with self.stirred:
            self.stirred.notify_all()

    def wait(self) -> int:
        code = self.process.wait(PATIENCE_SECONDS)
        for reader in self._readers:
            reader.join(PATIENCE_SECONDS)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.wait()
        self.process.__exit__(None, None, None)  # closes the pipes


@contextlib.contextmanager
def running_daemon(
    home: Home | Path | None = None, *arguments: str, **options: Any
) -> Generator[DaemonProcess]:
    """Yield a daemon that answers; in the end it is stopped, which has to end it well, if it still runs.

    It lives in this home, or in the one below this directory, or in one of its own that is removed in the end.
    `options` are those of `DaemonProcess`.
    """
    with contextlib.ExitStack() as stack:
        if home is None:
            home = stack.enter_context(new_home())
        daemon = DaemonProcess(home if isinstance(home, Home) else Home(home), *arguments, **options)
        stack.callback(daemon.close)
        yield daemon.start()
        if daemon.is_running:
            assert daemon.stop() == 0, daemon.stderr


def run_all_to_end(daemons: Mapping[str, DaemonProcess]) -> dict[str, Ended]:
    """Do `run_to_end` for many, several at a time."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(daemons, pool.map(DaemonProcess.run_to_end, daemons.values()), strict=True))
