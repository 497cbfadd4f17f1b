"""The real daemon as a process of its own: start it, wait until it answers, stop it, kill it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

DEADLINE_SECONDS = 30.0  # for a start, or an end; generous, since only a defect reaches it
_AT_ONCE = 3  # daemons that start at the same time: more only wait for each other on two cores
WORKSPACED = (sys.executable, "-m", "workspaced")
_LEAD_ELSEWHERE = (
    "WORKSPACED_",
    "XDG_",
    "LISTEN_",
    "NOTIFY_",
    "WATCHDOG_",
)  # a daemon under test must not see the caller's


@dataclass(frozen=True)
class Home:
    """Where one daemon lives: a directory of its own, with the data directory and the socket in it."""

    root: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def socket(self) -> Path:
        return self.root / "run" / "d.sock"

    @property
    def primary(self) -> Path:
        return self.data / "workspaces.json"

    @property
    def snapshot(self) -> Path:
        return self.data / "workspaces.snapshot.json"

    def arguments(self) -> tuple[str, ...]:
        return ("--data-dir", str(self.data), "--socket", str(self.socket))

    def quarantined(self) -> list[bytes]:
        """The contents of every file in quarantine."""
        folder = self.data / "quarantine"
        return [path.read_bytes() for path in sorted(folder.iterdir())] if folder.exists() else []


@contextlib.contextmanager
def new_home() -> Generator[Home]:
    """A home that is removed in the end; its name is short, for a socket's path has at most some hundred bytes."""
    with tempfile.TemporaryDirectory(prefix="wsd-") as name:
        yield Home(Path(name).resolve())


def listens(path: Path) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        return True


class DaemonProcess:
    """`workspaced run` with these arguments, as a child of this process; what it writes is read all the time.

    `command` is what becomes the daemon; it keeps the descriptors `pass_fds`.
    """

    def __init__(
        self,
        root: Path,
        arguments: tuple[str, ...],
        environment: Mapping[str, str] | None = None,
        umask: int = -1,
        *,
        command: Sequence[str] = WORKSPACED,
        pass_fds: Sequence[int] = (),
        stdin: int = subprocess.DEVNULL,
    ) -> None:
        self.root = root
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_LEAD_ELSEWHERE)}
        self._process = subprocess.Popen(
            [*command, "run", *arguments],
            stdin=stdin,
            pass_fds=pass_fds,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=root,
            env={**kept, "HOME": str(root), **(environment or {})},
            umask=umask,
        )
        self._output: dict[str, bytes] = {"stdout": b"", "stderr": b""}
        self._written = threading.Condition()
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        streams = {"stdout": self._process.stdout, "stderr": self._process.stderr}
        self._open = set(streams)
        self._readers = [threading.Thread(target=self._read, args=each) for each in streams.items()]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def stderr(self) -> str:
        """What it has written to stderr; all of it once it has ended."""
        return self._output["stderr"].decode()

    def _read(self, name: str, stream: IO[bytes]) -> None:
        while name in self._open:
            chunk = os.read(stream.fileno(), 65536)
            with self._written:
                self._output[name] += chunk
                if not chunk:
                    self._open.remove(name)
                self._written.notify_all()

    def wait_ready(self, path: Path) -> None:
        """Waits until it listens at the path; tries each time that it has written something, as it does then."""
        self.wait_ready_at(lambda: [path])

    def wait_ready_at(self, candidates: Callable[[], Iterable[Path]]) -> Path:
        """Waits until it listens at one of the paths, and gives that path."""
        found: list[Path] = []

        def ended_or_listens() -> bool:
            found.extend(path for path in candidates() if listens(path))
            return bool(found) or not self._open

        with self._written:
            stirred = self._written.wait_for(ended_or_listens, DEADLINE_SECONDS)
        assert stirred, f"the daemon was not ready after {DEADLINE_SECONDS} s: {self._output}"
        assert found, f"the daemon ended with {self.wait()}: {self.stderr}"
        return found[0]

    def send_signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        """Its exit code, once it has ended by itself and all its stderr is read."""
        code = self._process.wait(DEADLINE_SECONDS)
        for reader in self._readers:
            reader.join(DEADLINE_SECONDS)
        return code

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Asks it to end, and gives the exit code."""
        self.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        """SIGKILL: no handler of the daemon runs."""
        self.send_signal(signal.SIGKILL)
        self.wait()

    def close(self) -> None:
        """Ends it whatever its condition, and frees what this process holds of it."""
        if self._process.poll() is None:
            self.kill()
        for reader in self._readers:
            reader.join(DEADLINE_SECONDS)
        self._process.__exit__(None, None, None)  # closes the pipes


@dataclass(frozen=True)
class Ended:
    """How a daemon ended by itself; the code is None if it had to be killed."""

    code: int | None
    stderr: str


@dataclass(frozen=True)
class Start:
    """With what a daemon is started."""

    root: Path
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


def run_to_end(start: Start) -> Ended:
    """Starts a daemon that is expected to end by itself."""
    daemon = DaemonProcess(start.root, start.arguments, start.environment)
    try:
        return Ended(daemon.wait(), daemon.stderr)
    except subprocess.TimeoutExpired:
        return Ended(None, daemon.stderr)
    finally:
        daemon.close()


def run_all_to_end(starts: Mapping[str, Start]) -> dict[str, Ended]:
    """`run_to_end` for many, several at a time."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(starts, pool.map(run_to_end, starts.values()), strict=True))


def start_all(homes: Sequence[Home], *arguments: str) -> list[DaemonProcess]:
    """A daemon for each home, several started at a time; all of them answer. The caller closes them."""
    daemons: list[DaemonProcess] = []

    def start(home: Home) -> None:
        daemon = DaemonProcess(home.root, (*home.arguments(), *arguments))
        daemons.append(daemon)
        daemon.wait_ready(home.socket)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            list(pool.map(start, homes))
        except BaseException:
            for daemon in daemons:
                daemon.close()
            raise
    return sorted(daemons, key=lambda daemon: [home.root for home in homes].index(daemon.root))
