"""The daemon as a real process, as the tests of the daemon need it: in any home, by any launcher, in any environment.

`running_daemon` is all that most tests need: a daemon that answers, for a `with` block. `DaemonProcess` adds to the
`Daemon` of `workspaced_client.testing` what only these tests ask for.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

from support.documents import PRIMARY, SNAPSHOT
from support.warm_start import WarmProcess
from workspaced_client._testing.daemon import Daemon
from workspaced_client._testing.daemon import DaemonFailed as DaemonFailed
from workspaced_client._testing.daemon import listens as listens
from workspaced_client._testing.environment import environment_at as environment_at
from workspaced_client._testing.environment import leads_elsewhere as leads_elsewhere
from workspaced_client._testing.guarded_directory import guarded_directory

WORKSPACED = (sys.executable, "-m", "workspaced")

MEASURES_CHILDREN = "COVERAGE_PROCESS_CONFIG"
"""By this variable, each Python that a test starts measures its coverage: that makes its start twice as long."""

_AT_ONCE = 3  # daemons that start at the same time: more only wait for each other on two cores


def _is_read_at_execution(variable: str) -> bool:
    """Whether Python, the C library or the daemon's imports read this variable when a program begins."""
    return variable.startswith(("PYTHON", "LC_", "LANG", "LD_", "MALLOC_", "GIT_"))


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
    `subprocess.Popen`. It starts by a fork (support/warm_start.py), but for what that can't show: such a start, one
    whose coverage is measured, or one that `is_executed` on purpose, since its start is what matters.
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
        is_executed: bool = False,
    ) -> None:
        super().__init__(home.root, data_dir=home.data_dir, socket=home.socket, environment=environment)
        self.home = home
        self._argv = (*launcher, *program, "run", *(home.arguments() if names_paths else ()), *arguments)
        self._stdin, self._pass_fds, self._umask = stdin, pass_fds, umask
        inherits = (*launcher, *pass_fds, *filter(_is_read_at_execution, self._environment))
        is_usual = (program, stdin, umask) == (WORKSPACED, subprocess.DEVNULL, -1) and not inherits
        self._is_forked = is_usual and not is_executed and sys.platform == "linux"

    def _command(self) -> Sequence[str]:
        return self._argv

    def _process(self, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        if not self._is_forked or MEASURES_CHILDREN in os.environ:
            return super()._process(environment)
        warm = WarmProcess(self._argv[len(WORKSPACED) :], self.root, environment)
        return cast("subprocess.Popen[bytes]", warm)

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
