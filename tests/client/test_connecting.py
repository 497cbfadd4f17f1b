"""Connecting, with each client: what is in the way is named, and nothing hangs."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from client.conftest import Connect, Serve
from client.fake_server import PATIENCE_SECONDS, HungUp, Peer, answering, occupied_queue
from client.flavours import connected
from workspaced_client import (
    CannotConnect,
    ConnectionLost,
    NotAllowed,
    NotResponding,
    NotRunning,
    ProtocolUnsupported,
    UnusableSocketPath,
)


def connect_only(flavour: str, path: Path, timeout_seconds: float = 10.0) -> None:
    with connected(flavour, path, timeout_seconds):
        pass


@pytest.fixture
def without_socket(socket_dir: Path) -> Path:
    return socket_dir / "none.sock"


def test_no_socket_means_not_running(flavour: str, without_socket: Path) -> None:
    with pytest.raises(NotRunning, match="`workspacectl start`") as caught:
        connect_only(flavour, without_socket)
    assert caught.value.path == str(without_socket)
    assert str(without_socket) in str(caught.value)


def test_a_socket_left_over_means_not_running(flavour: str, socket_dir: Path) -> None:
    path = socket_dir / "stale.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
    with pytest.raises(NotRunning, match=f"nobody listens on the socket at {path}"):
        connect_only(flavour, path)


def test_a_file_in_its_place_means_not_running(flavour: str, socket_dir: Path) -> None:
    path = socket_dir / "file"
    path.touch()
    with pytest.raises(NotRunning, match=f"there is no socket at {path}"):
        connect_only(flavour, path)
    with pytest.raises(NotRunning):
        connect_only(flavour, path / "below")


def test_a_socket_of_another_kind_is_named(flavour: str, socket_dir: Path) -> None:
    path = socket_dir / "datagrams"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(path))
        with pytest.raises(CannotConnect, match=f"Could not connect to the socket {path}: "):
            connect_only(flavour, path)


def test_a_path_too_long_is_named(flavour: str) -> None:
    with pytest.raises(UnusableSocketPath, match="choose a shorter one"):
        connect_only(flavour, Path("/tmp") / ("x" * 200))  # noqa: S108 - nothing is made there


def test_the_environment_names_the_socket(
    flavour: str, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKSPACED_SOCKET", str(serve(answering(lambda request: request.method))))
    with connected(flavour, None) as client:
        assert client.call("some.method") == "some.method"


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_no_time_to_wait_is_refused(flavour: str, without_socket: Path, seconds: float) -> None:
    with pytest.raises(ValueError, match="timeout_seconds must be more than 0"):
        connect_only(flavour, without_socket, seconds)


class ArrayOfOne:
    """As numpy.array(5.0)."""

    def __float__(self) -> float:
        return 5.0


class Unreadable(int):
    """A number whose own code fails."""

    def __float__(self) -> float:
        raise ZeroDivisionError

    __repr__ = __str__ = __float__  # type: ignore[assignment]


NO_NUMBERS = [
    None,
    "10",
    b"10",
    [1],
    1j,
    timedelta(seconds=1),
    object(),
    True,
    False,
    ArrayOfOne(),
    Unreadable(5),
]


@pytest.mark.parametrize("seconds", NO_NUMBERS, ids=lambda value: type(value).__name__)
def test_a_time_that_is_no_number_is_refused(
    flavour: str, without_socket: Path, connect: Connect, seconds: Any
) -> None:
    told = r"^timeout_seconds must be a number of seconds, not \w+; use math\.inf to wait forever\.$"
    with pytest.raises(TypeError, match=told):
        connect_only(flavour, without_socket, seconds)
    if seconds is not None:  # a call has the client's time then
        client = connect(answering(lambda request: request.method))
        with pytest.raises(TypeError, match=told):
            client.call("a", timeout_seconds=seconds)
        assert client.call("b") == "b"


def test_a_time_too_large_for_a_float_is_refused(flavour: str, without_socket: Path) -> None:
    with pytest.raises(ValueError, match=r"^timeout_seconds is too large for a float; use math\.inf"):
        connect_only(flavour, without_socket, 10**400)


@pytest.mark.parametrize("seconds", [Decimal(10), Fraction(10), 10])
def test_every_number_of_seconds_is_taken(connect: Connect, seconds: Any) -> None:
    assert connect(answering(lambda request: request.method), seconds).call("a") == "a"


class PathOfBytes:
    """A path that is legal for `open`."""

    def __fspath__(self) -> bytes:
        return b"/x.sock"


@pytest.mark.parametrize("path", [b"/x.sock", PathOfBytes(), 5, 0, False, ["a"], object()])
def test_a_socket_that_is_no_path_is_refused(flavour: str, path: Any) -> None:
    with pytest.raises(TypeError, match=r"^socket must be a path, a str or a pathlib\.Path, not \w+"):
        connect_only(flavour, path)


@pytest.mark.parametrize("path", ["/x\0.sock", "/\ud800.sock", Path("/x\0.sock")])
def test_a_path_that_no_file_can_have_is_refused(flavour: str, path: Any) -> None:
    with pytest.raises(UnusableSocketPath, match=r"^No file can have the name .*give another path"):
        connect_only(flavour, path)


def test_a_directory_is_no_socket(flavour: str, socket_dir: Path) -> None:
    with pytest.raises(NotRunning, match="there is a directory instead of a socket at"):
        connect_only(flavour, socket_dir)


def test_endless_time_is_taken(connect: Connect) -> None:
    client = connect(answering(lambda request: request.method), float("inf"))
    assert client.call("a") == "a"


def test_a_daemon_that_never_answers(connect: Connect) -> None:
    def script(peer: Peer) -> None:
        peer.expect("daemon.hello")
        peer.request()

    with pytest.raises(NotResponding, match=r"answer daemon\.hello within 0\.1 seconds") as caught:
        connect(script, 0.1)
    assert (caught.value.method, caught.value.seconds) == ("daemon.hello", 0.1)
    assert not caught.value.outcome_unknown


def test_a_daemon_that_never_accepts(flavour: str, socket_dir: Path) -> None:
    path = socket_dir / "deaf.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        with pytest.raises(NotResponding, match=r"within 0\.1 seconds"):
            connect_only(flavour, path, 0.1)


needs_a_queue_that_waits = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux lets a connect wait for room; macOS refuses it at once"
)


@needs_a_queue_that_waits
def test_a_daemon_whose_queue_stays_full(flavour: str, socket_dir: Path) -> None:
    path = socket_dir / "full.sock"
    with (
        occupied_queue(path),
        pytest.raises(NotResponding, match=r"accept the connection within 0\.1 s") as caught,
    ):
        connect_only(flavour, path, 0.1)
    assert (caught.value.method, caught.value.seconds) == ("connect", 0.1)


@needs_a_queue_that_waits
def test_a_daemon_whose_queue_gets_room(flavour: str, socket_dir: Path) -> None:
    path = socket_dir / "full.sock"
    with occupied_queue(path) as (listener, waiting), ThreadPoolExecutor(1) as pool:
        pending = pool.submit(connect_only, flavour, path, PATIENCE_SECONDS)
        waiting.close()
        listener.settimeout(PATIENCE_SECONDS)
        greeted = False
        while not greeted:
            accepted, _ = listener.accept()
            with accepted, contextlib.suppress(HungUp):
                Peer(accepted).greet()
                greeted = True
        pending.result(PATIENCE_SECONDS)


def test_a_protocol_that_the_daemon_does_not_speak(connect: Connect) -> None:
    def script(peer: Peer) -> None:
        peer.refuse(
            peer.request().id,
            1010,
            "Protocol 1 is not spoken here.",
            {"kind": "protocolUnsupported", "minimum": 2, "maximum": 3},
        )

    with pytest.raises(ProtocolUnsupported, match="not spoken here") as caught:
        connect(script)
    assert (caught.value.minimum, caught.value.maximum) == (2, 3)


def test_a_connection_that_is_closed_at_once(connect: Connect) -> None:
    with pytest.raises(ConnectionLost, match=r"^daemon\.hello got no answer"):
        connect(lambda peer: peer.socket.close())


def test_closed_at_once_by_another_users_daemon(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(NotAllowed, match="start one of your own") as caught:
        connect(lambda peer: peer.socket.close())
    assert "its socket belongs to" in str(caught.value)


@pytest.fixture
def forbidden() -> Iterator[Path]:
    """A listening socket that its mode keeps everyone but root from."""
    directory = tempfile.mkdtemp(prefix="wsd-")
    path = Path(directory) / "forbidden.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        path.chmod(0)
        Path(directory).chmod(0o755)
        yield path
    shutil.rmtree(directory)


AS_NOBODY = """
import os, sys
sys.path[:] = {path!r}
from client.flavours import connected
from workspaced_client import NotAllowed, NotRunning

def attempt(socket):
    try:
        with connected({flavour!r}, socket):
            print("connected")
    except (NotAllowed, NotRunning) as error:
        print(type(error).__name__, error)

attempt("/no/such.sock")  # loads all that another user may not be allowed to read
os.setuid(65534)
attempt({socket!r})
"""


def test_a_socket_that_is_not_for_this_user(flavour: str, forbidden: Path) -> None:
    if os.geteuid() != 0:
        with pytest.raises(NotAllowed, match="Permission denied"):
            connect_only(flavour, forbidden)
        return
    # Root may go everywhere: a process that has become another user tries.
    code = AS_NOBODY.format(path=sys.path, flavour=flavour, socket=str(forbidden))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    before, after = done.stdout.splitlines()
    assert before.startswith("NotRunning")
    assert after.startswith("NotAllowed")
    assert "Permission denied" in after


def test_clients_do_not_leave_descriptors_open(flavour: str, serve: Serve, without_socket: Path) -> None:
    directory = Path("/dev/fd")

    def refuse(peer: Peer) -> None:
        peer.refuse(peer.request().id, 1010, "No.")

    answering_path = serve(answering(lambda request: request.method))
    refusing_path = serve(refuse)
    asked = Event()

    def hold(peer: Peer) -> None:
        peer.request()
        asked.set()
        peer.request()

    silent_path = serve(hold)

    def all_ways() -> None:
        with connected(flavour, answering_path) as client:
            client.call("a")
        with pytest.raises(ProtocolUnsupported):
            connect_only(flavour, refusing_path)
        with pytest.raises(NotResponding):
            connect_only(flavour, silent_path, 0.05)
        with pytest.raises(NotRunning):
            connect_only(flavour, without_socket)

    def client_ends() -> set[str]:
        return {
            name
            for name in os.listdir(directory)
            if _is_connected_to(int(name), (answering_path, refusing_path, silent_path))
        }

    all_ways()
    assert asked.is_set()
    assert client_ends() == set()


def _is_connected_to(descriptor: int, paths: tuple[Path, ...]) -> bool:
    """Whether this is a client's end of a connection to one of the sockets."""
    try:
        copied = os.dup(descriptor)
    except OSError:
        return False  # the directory's own descriptor, closed since
    try:
        end = socket.socket(fileno=copied)
    except OSError:
        os.close(copied)
        return False  # no socket
    with end:
        try:
            return end.family == socket.AF_UNIX and end.getpeername() in map(str, paths)
        except OSError:
            return False  # not connected
