"""The example apps, in Python and in Go: each stays right while its daemon is killed and restarted.

That in TypeScript has the same test beside the other tests of its client.
"""

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.daemon_process import DaemonProcess, running_daemon
from support.repository import ROOT
from support.waiting import PATIENCE_SECONDS, wait_until

PYTHON_APP = ROOT / "client" / "examples" / "sidebar.py"
GO_PAGE = ROOT / "docs/integrate/go.md"


class App:
    """A sidebar that runs: lines go in, and what it has printed is kept."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.printed: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        self.printed.extend(line.rstrip("\n") for line in self._process.stdout)

    def type(self, *lines: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("".join(f"{line}\n" for line in lines))
        self._process.stdin.flush()

    def wait_for(self, pattern: str) -> None:
        self._wait(lambda: any(re.fullmatch(pattern, line) for line in self.printed), pattern)

    def wait_until_it_shows(self, names: str) -> None:
        """Events and answers come over two connections, so an answer may be printed after the last event."""
        self._wait(lambda: self._shown()[-1:] == [f"active: {names}"], names)

    def _shown(self) -> list[str]:
        return [line for line in self.printed if line.startswith("active: ")]

    def _wait(self, condition: Callable[[], bool], wanted: str) -> None:
        wait_until(
            lambda: condition() or self._process.poll() is not None,
            lambda: f"{wanted!r} is not in {self.printed}",
        )
        assert condition(), f"the app ended with {self._process.poll()} after {self.printed}"

    def end_of_input(self) -> int:
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._process.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()


@contextmanager
def running_app(daemon: DaemonProcess, *command: str | Path) -> Generator[App]:
    # The daemon is the test's: no app starts another one.
    own = {"WORKSPACED_SOCKET": str(daemon.socket), "WORKSPACED_AUTOSTART": "0"}
    process = subprocess.Popen(
        command, env=os.environ | own, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    app = App(process)
    try:
        yield app
    finally:
        app.close()


def check_through_a_kill_and_a_restart(*command: str | Path) -> None:
    with running_daemon() as daemon, running_app(daemon, *command) as app:
        client = daemon.client()
        app.wait_for("active: ")
        app.type("a", "A")
        app.wait_for("created a: ws_.*")
        app.wait_for("nameConflict: .*A.*")
        app.wait_for("active: a")
        daemon.kill()
        app.type("b")  # while there is no daemon
        daemon.start()
        app.wait_for("created b: ws_.*")
        made = client.workspaces.create("c", "/srv/c")
        app.wait_for("active: a, b, c")
        daemon.stop()
        app.type("d")
        daemon.start()
        client.workspaces.close(made.id)
        app.wait_for("created d: ws_.*")
        app.wait_until_it_shows("a, b, d")
        assert app.end_of_input() == 0
        assert [each.name for each in client.workspaces.list("active", sort="name")] == ["a", "b", "d"]


def test_the_app_in_python_stays_right() -> None:
    assert len(PYTHON_APP.read_text("utf-8").splitlines()) <= 50
    check_through_a_kill_and_a_restart(sys.executable, "-W", "error", PYTHON_APP)


@pytest.mark.skipif(shutil.which("go") is None, reason="Go is not installed")
def test_the_app_in_go_compiles_and_stays_right(tmp_path: Path) -> None:
    (code,) = re.findall(r"^```go\n(.*?)^```$", GO_PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    (tmp_path / "main.go").write_text(code, "utf-8")
    (tmp_path / "go.mod").write_text("module sidebar\n\ngo 1.19\n", "utf-8")
    # A cache of its own and no network: nothing is left of it, and the standard library is all that it needs.
    go_environment = os.environ | {
        "GOCACHE": str(tmp_path / "cache"),
        "GOFLAGS": "-mod=mod",
        "GOPROXY": "off",
    }
    for command in (["vet", "."], ["build", "-o", "sidebar", "."]):
        done = subprocess.run(
            ["go", *command], cwd=tmp_path, env=go_environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    check_through_a_kill_and_a_restart(tmp_path / "sidebar")
