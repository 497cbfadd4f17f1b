"""The daemon as a real process, as the tests of the daemon need it: in any home, by any launcher, in any environment.

`running_daemon` is all that most tests need: a daemon that answers, for a `with` block. `DaemonProcess` adds to the
`Daemon` of `workspaced_client.testing` what only these tests ask for.
"""

import contextlib
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from support.documents import PRIMARY, SNAPSHOT
from workspaced_client._testing.daemon import Daemon
from workspaced_client._testing.guarded_directory import guarded_directory

WORKSPACED = (sys.executable, "-m", "workspaced")

_AT_ONCE = 3  # daemons that start at the same time: more only wait for each other on two cores


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
    """Yield a home that is removed in the end."""
    with guarded_directory() as directory:
        yield Home(directory.path)


@dataclass(frozen=True)
class Ended:
    """How a daemon ended by itself; the code is None if it had to be killed."""

    code: int | None
    stderr: str


class DaemonProcess(Daemon):
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
        super().__init__(home.root, data_dir=home.data_dir, socket=home.socket, environment=environment)
        self.home = home
        self._argv = (*launcher, *program, "run", *(home.arguments() if names_paths else ()), *arguments)
        self._stdin, self._pass_fds, self._umask = stdin, pass_fds, umask

    def _command(self) -> Sequence[str]:
        return self._argv

    @property
    def stderr(self) -> str:
        """What it has written to stderr since it was started; all of it once it has ended."""
        return self.log

    def begin(self) -> Self:
        """Start it, and wait for nothing."""
        self._begin()
        return self

    def wait_ready(self, path: Path | None = None) -> None:
        """Wait until it listens at its socket, or at another path. Raises DaemonFailed."""
        self._wait_ready(path)

    def run_to_end(self) -> Ended:
        """Start it, and return how it ended by itself, as it is expected to."""
        self._begin()
        try:
            return Ended(self._started.wait(), self.stderr)
        except subprocess.TimeoutExpired:
            return Ended(None, self.stderr)
        finally:
            self.close()


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
