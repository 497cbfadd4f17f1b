"""The things that are measured: the real daemon in a process of its own, and its peers on the same disk."""

import os
import secrets
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from support.daemon_process import DaemonProcess, Home, running_daemon
from workspaced.domain.state import State
from workspaced.store import create_json_store
from workspaced.store.contract import Commit
from workspaced.store.document import encode_document
from workspaced_protocol.models import ProjectBinding, Workspace

ECHO_SERVER = """
import sys, trio

async def echo(stream):
    async with stream:
        async for data in stream:
            await stream.send_all(data)

async def main():
    listening = trio.socket.socket(trio.socket.AF_UNIX)
    await listening.bind(sys.argv[1])
    listening.listen()
    print("ready", flush=True)
    await trio.serve_listeners(echo, [trio.SocketListener(listening)])

trio.run(main)
"""


@contextmanager
def measured_directory() -> Iterator[Path]:
    """Yield a directory on the disk that the results are about: that of the checkout."""
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as name:
        yield Path(name)


@contextmanager
def short_directory() -> Iterator[Path]:
    """Yield a directory for a socket, whose path has at most 107 bytes: the checkout may lie deep."""
    with tempfile.TemporaryDirectory(prefix="wsd-") as short:
        yield Path(short)


@contextmanager
def measured_daemon(where: Path, *arguments: str) -> Iterator[DaemonProcess]:
    """Run a daemon that keeps its data in `where`, with these arguments of `workspaced run`."""
    with (
        short_directory() as short,
        running_daemon(Home(where, socket=short / "s"), *arguments, is_executed=True) as daemon,
    ):
        yield daemon


class EchoServer(NamedTuple):
    """A running echo server."""

    pid: int
    socket: Path


@contextmanager
def echo_server() -> Iterator[EchoServer]:
    """A bare trio server that sends back what it gets: the limit of what a read can be."""
    with tempfile.TemporaryDirectory(prefix="wsd-") as short:
        path = Path(short) / "s"
        command = [sys.executable, "-c", ECHO_SERVER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            try:
                process.stdout.readline()  # type: ignore[union-attr]  # PIPE was asked for
                yield EchoServer(process.pid, path)
            finally:
                process.kill()


def service_workspace(number: int, projects: int) -> Workspace:
    """Return one of the mission's workspaces: Unicode in every third name, half of the projects clones."""
    id_ = f"ws_01BENCH{number:019}"
    return Workspace(
        id=id_,
        name=f"{'Größe 大きさ' if number % 3 == 0 else 'service'} {number}",
        root_path=f"/home/ada/src/service-{number}",
        state="active",
        created_at=1_767_225_600_000 + number,
        updated_at=1_767_225_600_000 + number,
        projects=tuple(
            ProjectBinding(
                id=f"proj_01BENCH{number:012}{project:07}",
                workspace_id=id_,
                root_path=f"/home/ada/src/service-{number}/packages/part-{project}",
                git_url=f"https://git.example.com/team/part-{project}.git" if project % 2 else None,
                status="active",
                bound_at=1_767_225_600_000 + project,
            )
            for project in range(projects)
        ),
    )


def make_store(where: Path, size: int) -> None:
    """Fill the data directory of a daemon to be started."""
    store = create_json_store(where / "data")
    store.commit(Commit(State.of((service_workspace(number, 10) for number in range(size)), 1)))
    store.close()


def connect(path: Path) -> socket.socket:
    """A plain connection to a Unix socket."""
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connected.connect(str(path))
    return connected


class BareLoop:
    """The file operations of a durable write and nothing else, as any program would make them."""

    def __init__(self, where: Path, state: State) -> None:
        self._where = where / "bare"
        self._where.mkdir()
        self._data = encode_document(state)
        first = next(iter(state.ordered)).workspace
        self._projects = [project.root_path for project in first.projects]

    def open(self) -> None:
        """A look at each project's directory, and a commit."""
        for path in self._projects:
            os.close(os.open(path, os.O_RDONLY | os.O_DIRECTORY))
        self.commit()

    def commit(self) -> None:
        """Two files written, read back, compared, synced, renamed; the directory synced."""
        directory_fd = os.open(self._where, os.O_RDONLY | os.O_DIRECTORY)
        temps = [self._written(directory_fd) for _ in range(2)]
        for _, fd in temps:
            os.fsync(fd)
            os.close(fd)
        self._put_in_place(temps, directory_fd)
        os.close(directory_fd)

    def _written(self, directory_fd: int) -> tuple[str, int]:
        name = secrets.token_hex(8)
        fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=directory_fd)
        os.write(fd, self._data)
        if os.pread(fd, len(self._data) + 1, 0) != self._data:
            raise RuntimeError("what was written reads back differently")
        return name, fd

    def _put_in_place(self, temps: list[tuple[str, int]], directory_fd: int) -> None:
        for (name, _), target in zip(temps, ("primary", "snapshot"), strict=True):
            os.rename(name, target, src_dir_fd=directory_fd, dst_dir_fd=directory_fd)
        os.fsync(directory_fd)

    def close(self) -> None:
        """Nothing is open between two commits."""


class EagerLoop(BareLoop):
    """The same by the daemon's own ways: writeback begins at once, and what is replaced is freed afterwards."""

    def __init__(self, where: Path, state: State) -> None:
        (where / "eager").mkdir()
        super().__init__(where / "eager", state)
        self._directory_fd = os.open(self._where, os.O_RDONLY | os.O_DIRECTORY)
        self._standing: list[int] = []
        self._replaced: list[int] = []

    def commit(self) -> None:
        """As the daemon's; `tidy` is to be called outside of what is timed."""
        temps = [self._written(self._directory_fd) for _ in range(2)]
        for _, fd in temps:
            os.fsync(fd)
        self._put_in_place(temps, self._directory_fd)
        self._replaced, self._standing = self._standing, [fd for _, fd in temps]

    def tidy(self) -> None:
        """Free what was replaced."""
        while self._replaced:
            os.close(self._replaced.pop())

    def close(self) -> None:
        """Give up the descriptors."""
        for fd in (self._directory_fd, *self._standing):
            os.close(fd)

    def _written(self, directory_fd: int) -> tuple[str, int]:
        name, fd = super()._written(directory_fd)
        if sys.platform != "darwin":
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        return name, fd


class Sqlite:
    """The same data in sqlite3: WAL, synchronous=FULL, one row a workspace."""

    _LOG_COMMITS = 1_000
    """So many fill the log to the 1,000 pages at which SQLite writes it back: then its file has its full length."""

    def __init__(self, where: Path, state: State) -> None:
        self._connection = sqlite3.connect(where / "peer.sqlite3", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.execute("CREATE TABLE workspaces (id TEXT PRIMARY KEY, json BLOB)")
        self._connection.execute("BEGIN")
        self._connection.executemany(
            "INSERT INTO workspaces VALUES (?, ?)",
            ((record.workspace.id, record.json) for record in state.ordered),
        )
        self._connection.execute("COMMIT")
        self._row = next(iter(state.ordered))
        self._changes = 0
        for _ in range(self._LOG_COMMITS):
            self.commit()
        self._connection.execute("PRAGMA synchronous=FULL")

    def commit(self) -> None:
        """One workspace is changed: SQLite writes nothing where a row stays as it is."""
        self._changes += 1
        text = self._row.json + b" " * (self._changes % 2)
        self._connection.execute(
            "UPDATE workspaces SET json = ? WHERE id = ?", (text, self._row.workspace.id)
        )

    def close(self) -> None:
        """Close the database."""
        self._connection.close()
