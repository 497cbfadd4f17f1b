"""A real daemon for a test: started, stopped, killed and started again in a directory of its own."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from workspaced_client._testing.child import PATIENCE_SECONDS, Child
from workspaced_client._testing.environment import environment_at
from workspaced_client._testing.guarded_directory import GuardedDirectory, guarded_directory

if TYPE_CHECKING:
    from workspaced_client._async.client import AsyncClient
    from workspaced_client._sync.client import Client

_LOOK_AGAIN_SECONDS: Final = 0.01  # a daemon's first line, or its end, wakes the wait earlier
_TELL_ALL: Final = ("--log-level", "debug")  # with each request, for the report of a failed test


class DaemonFailed(AssertionError):
    """The daemon did not start, or did not end as it should; the message holds its log."""

    __module__ = "workspaced_client.testing"  # as users import it


class Daemon:
    """A daemon that keeps its data and its socket below `root`; `arguments` are more options of `workspaced run`.

    `daemon()` makes one that runs. One that was stopped or killed can be started again, with the same data.
    """

    __module__ = "workspaced_client.testing"  # as users import it

    def __init__(
        self,
        root: Path,
        *arguments: str,
        data_dir: Path | None = None,
        socket: Path | None = None,
        environment: Mapping[str, str] | None = None,
        guard: GuardedDirectory | None = None,
    ) -> None:
        self.root = root
        self.data_dir = data_dir or root / "data"
        """Its data directory."""
        self.socket = socket or root / "run" / "d.sock"
        """The path of its socket."""
        self._arguments = arguments
        self._environment = environment or {}
        self._guard = guard
        self._child: Child | None = None
        self._clients = contextlib.ExitStack()
        # What it inherits: the tests of the daemon itself set more of it.
        self._stdin = subprocess.DEVNULL
        self._pass_fds: Sequence[int] = ()
        self._umask = -1

    @property
    def pid(self) -> int:
        """Its process id, or that of the last one that ran."""
        return self._started.process.pid

    @property
    def is_running(self) -> bool:
        """Whether its process has not ended."""
        return self._child is not None and self._child.is_running

    @property
    def log(self) -> str:
        """All that it has logged since it was started."""
        return self._started.written["stderr"].decode(errors="replace")

    def client(self, *, timeout_seconds: float = PATIENCE_SECONDS, reconnect: bool = True) -> "Client":
        """Return a new client of it, which is closed at the end of the test at the latest."""
        # Loaded late: pytest loads this module in every project.
        from workspaced_client._sync.client import Client

        connected = Client.connect(self.socket, timeout_seconds=timeout_seconds, reconnect=reconnect)
        return self._clients.enter_context(connected)

    def async_client(
        self, *, timeout_seconds: float = PATIENCE_SECONDS, reconnect: bool = True
    ) -> "AbstractAsyncContextManager[AsyncClient]":
        """Return the block of a new async client of it, under trio or asyncio: `async with daemon.async_client() as …`."""
        from workspaced_client._async.client import AsyncClient  # loaded late, as above

        return AsyncClient.connect(self.socket, timeout_seconds=timeout_seconds, reconnect=reconnect)

    def start(self) -> Self:
        """Start it, and return once it answers. Raises DaemonFailed if it can't."""
        self._begin()
        try:
            self._wait_ready()
        except BaseException:
            self._end()
            raise
        return self

    def _begin(self) -> None:
        """Start it, and wait for nothing."""
        if self.is_running:
            raise DaemonFailed("The daemon runs already: stop or kill it first, or use restart().")
        self._end()
        process = self._process(environment_at(self.root, **self._environment))
        self._watch(process.pid)
        self._child = Child(process)

    def _process(self, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        """Return its new process."""
        return subprocess.Popen(
            self._command(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.root,
            env=environment,
            stdin=self._stdin,
            pass_fds=self._pass_fds,
            umask=self._umask,
            start_new_session=True,  # so that its end is that of all that it has started, and a Ctrl-C is not its end
        )

    def _command(self) -> Sequence[str]:
        """Return the program and its arguments."""
        paths = ("--data-dir", str(self.data_dir), "--socket", str(self.socket))
        return (sys.executable, "-m", "workspaced", "run", *paths, *self._arguments)

    def _wait_ready(self, path: Path | None = None) -> None:
        """Return once it listens at its socket, or at another path. Raises DaemonFailed."""
        child, path = self._started, path or self.socket
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not listens(path):
            if not child.is_running:
                raise self._failed(f"ended with {self.wait()} before it was ready")
            if time.monotonic() > deadline:
                raise self._failed(f"was not ready after {PATIENCE_SECONDS:g} seconds")
            child.wait_for_news(_LOOK_AGAIN_SECONDS)

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        self._started.process.send_signal(number)

    def wait(self) -> int:
        """Return its exit code once it has ended. Raises DaemonFailed if it does not end."""
        try:
            code = self._started.wait()
        except subprocess.TimeoutExpired:
            raise self._failed(f"did not end within {PATIENCE_SECONDS:g} seconds") from None
        self._watch(None)
        return code

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end, also if it is stopped (SIGSTOP), and return its exit code: 0 if it ended well."""
        self.send_signal(number)
        self.send_signal(signal.SIGCONT)
        return self.wait()

    def kill(self) -> None:
        """End it by SIGKILL, as a crash would: none of its code runs any more."""
        self.stop(signal.SIGKILL)

    def restart(self, number: int = signal.SIGTERM) -> None:
        """End it by this signal if it runs, and start it again. Raises DaemonFailed."""
        if self.is_running and (code := self.stop(number)) not in (0, -signal.SIGKILL):
            raise self._failed(f"ended with {code}")
        self.start()

    def close(self) -> None:
        """Close its clients, and end it whatever its condition, with all that it has started."""
        self._clients.close()
        self._end()

    def _end(self) -> None:
        if self._child is not None:
            self._child.close()
            self._watch(None)

    def _watch(self, pid: int | None) -> None:
        if self._guard is not None:
            self._guard.watch(pid)

    def _failed(self, what: str) -> DaemonFailed:
        written = self._started.written
        told = b"".join(written.values()).decode(errors="replace").strip()
        return DaemonFailed(f"The daemon {what}. It wrote:\n{told or '(nothing)'}")

    @property
    def _started(self) -> Child:
        if self._child is None:
            raise DaemonFailed("The daemon was not started yet: call start().")
        return self._child


@contextmanager
def daemon(*arguments: str, environment: Mapping[str, str] | None = None) -> Generator[Daemon]:
    """Yield a daemon that answers, with a data directory and a socket of its own; nothing is left of it in the end.

    `arguments` are more options of `workspaced run`, such as `--log-level=info`, and `environment` more variables.
    This process's own environment stays as it is. Raises DaemonFailed if it does not start.
    """
    with guarded_directory() as directory:
        running = Daemon(directory.path, *_TELL_ALL, *arguments, environment=environment, guard=directory)
        try:
            yield running.start()
        finally:
            running.close()


def listens(path: Path) -> bool:
    """Return whether somebody accepts connections there."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        return True
