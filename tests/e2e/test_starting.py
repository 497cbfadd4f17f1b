"""How a daemon starts and ends: signals, modes of its files, what killed daemons left."""

import contextlib
import json
import re
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.conftest import StartDaemon
from support.daemon_process import DaemonProcess, Ended, Home, new_home, run_all_to_end, running_daemon
from support.raw_connection import RawConnection

pytestmark = pytest.mark.usefixtures("measured")

PING = b'{"jsonrpc":"2.0","id":1,"method":"daemon.ping"}\n'


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(scope="module")
def shared_home() -> Iterator[Home]:
    """A home that is not there yet, and neither is the directory above it."""
    with new_home() as home:
        below = home.root / "not" / "there"
        yield Home(home.root, data_dir=below / "data", socket=below / "run" / "d.sock")


@pytest.fixture(scope="module")
def shared_daemon(shared_home: Home) -> Iterator[DaemonProcess]:
    """A daemon that is told by its environment alone where to live, and by its umask to hide nothing."""
    environment = {
        "WORKSPACED_DATA_DIR": str(shared_home.data_dir),
        "WORKSPACED_SOCKET": str(shared_home.socket),
    }
    with running_daemon(shared_home, environment=environment, names_paths=False, umask=0) as daemon:
        yield daemon


@pytest.mark.requirement("T011")
def test_directories_are_made_and_nothing_is_open_to_others(
    shared_home: Home, connection: RawConnection
) -> None:
    connection.create("Alpha")
    assert connection.call("daemon.status")["dataDir"] == str(shared_home.data_dir)
    assert mode(shared_home.data_dir) == 0o700
    assert mode(shared_home.socket.parent) == 0o700
    assert stat.S_ISSOCK(shared_home.socket.stat().st_mode)
    assert mode(shared_home.socket) == 0o600
    files = [path for path in shared_home.data_dir.rglob("*") if not path.is_dir()]
    assert {path.name for path in files} >= {
        "workspaces.json",
        "workspaces.snapshot.json",
        "workspaced.lock",
    }
    assert {mode(path) for path in files} == {0o600}


def test_the_lock_file_holds_the_pid_and_the_socket_path(
    shared_home: Home, shared_daemon: DaemonProcess
) -> None:
    held = (shared_home.data_dir / "workspaced.lock").read_text()
    assert re.search(rf"\b{shared_daemon.pid}\b", held)
    assert str(shared_home.socket) in held


@pytest.fixture(scope="module")
def seconds(shared_home: Home, shared_daemon: DaemonProcess) -> dict[str, Ended]:
    """How daemons end that want what the shared one has."""
    root, data_dir, path = shared_home.root, shared_home.data_dir, shared_home.socket
    (root / "alias").symlink_to(data_dir)
    other = root / "other" / "d.sock"
    homes = {
        "directory": Home(root, data_dir=data_dir, socket=other),
        "alias": Home(root, data_dir=root / "alias", socket=other),
        "both": shared_home,
        "socket": Home(root, data_dir=root / "other data", socket=path),
    }
    return run_all_to_end({case: DaemonProcess(home) for case, home in homes.items()})


@pytest.mark.parametrize("case", ["directory", "alias", "both"])
def test_a_second_daemon_on_one_directory_is_refused(
    case: str, seconds: dict[str, Ended], shared_daemon: DaemonProcess
) -> None:
    assert seconds[case].code == 75
    assert len(seconds[case].stderr.splitlines()) == 1
    assert re.search(rf"\b{shared_daemon.pid}\b", seconds[case].stderr), "the owner's pid is named"


def test_a_second_daemon_on_one_socket_is_refused(seconds: dict[str, Ended], shared_home: Home) -> None:
    ended = seconds["socket"]
    assert ended.code in (64, 74, 75, 78)  # which of them is nowhere written
    assert len(ended.stderr.splitlines()) == 1
    assert str(shared_home.socket) in ended.stderr


@pytest.mark.usefixtures("seconds")
def test_the_first_daemon_goes_on(shared_home: Home, connection: RawConnection) -> None:
    assert connection.call("daemon.status")["dataDir"] == str(shared_home.data_dir)
    assert connection.create("After the others")["name"] == "After the others"


def test_a_signal_ends_it_with_0_whatever_its_clients_do(home: Home, start: StartDaemon) -> None:
    for number, arguments in ((signal.SIGTERM, ()), (signal.SIGINT, ("--log-format", "json"))):
        daemon = start(*arguments, is_executed=True)
        with (
            RawConnection(home.socket) as idle,
            RawConnection(home.socket) as halfway,
            RawConnection(home.socket) as deaf,
        ):
            assert idle.call("daemon.ping") == "pong"
            halfway.send_bytes(b'{"jsonrpc":')
            deaf.socket.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    deaf.socket.send(PING * 1000)
            assert daemon.stop(number) == 0
            if arguments:
                assert all(json.loads(line) for line in daemon.stderr.splitlines()), "one object a line"
            with pytest.raises(EOFError):
                idle.receive()


@pytest.mark.requirement("T011")
def test_what_a_killed_daemon_left_is_cleared_away(home: Home, start: StartDaemon) -> None:
    start(is_executed=True).kill()
    assert home.socket.is_socket()
    left = [
        home.data_dir / name for name in (".workspaces.tmp", ".workspaces-a1.tmp", ".workspaces.json.x.tmp")
    ]
    notes = home.data_dir / "notes.tmp"
    for path in (*left, notes):
        path.write_text("half")
    start()
    assert [path for path in left if path.exists()] == []
    assert notes.read_text() == "half"
    with RawConnection(home.socket) as connection:
        assert connection.call("daemon.ping") == "pong"


def test_the_default_socket_is_in_the_runtime_directory(home: Home) -> None:
    runtime = home.root / "runtime"
    runtime.mkdir(0o700)
    environment = {"XDG_RUNTIME_DIR": str(runtime), "XDG_DATA_HOME": str(home.root / "share")}
    path = runtime / "workspaced" / "workspaced.sock"
    where = Home(home.root, socket=path)
    with (
        running_daemon(where, environment=environment, names_paths=False, is_executed=True),
        RawConnection(path) as connection,
    ):
        assert mode(path.parent) == 0o700
        status = connection.call("daemon.status")
        assert status["socket"] == str(path)
        assert status["dataDir"].startswith(str(home.root)), "data is in the user's data directory"
