"""Sockets that a service manager passes: which is taken, what is refused, and what is left in the environment."""

import ctypes
import errno
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trio

from workspaced.rpc.listener import adopt
from workspaced.rpc.socket_file import SocketUnusable
from workspaced.supervision.activation import inherited_socket
from workspaced.supervision.launchd import launchd_socket


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Closes what a test has opened."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def path(socket_dir: Path) -> Path:
    """Where the manager listens."""
    return socket_dir / "x.sock"


def listening_at(path: Path) -> socket.socket:
    passed = socket.socket(socket.AF_UNIX)
    passed.bind(str(path))
    passed.listen()
    return passed


def passing(count: int = 1, names: str | None = "workspaced") -> dict[str, str]:
    """The environment in which this process is passed so many descriptors."""
    environment = {"HOME": "/", "LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(count)}
    return environment if names is None else {**environment, "LISTEN_FDNAMES": names}


@pytest.mark.parametrize("names", ["workspaced", "workspaced.socket", "unknown", "", None])
def test_the_socket_is_taken_and_the_environment_is_left_without_it(path: Path, names: str | None) -> None:
    with listening_at(path) as passed:
        environment = passing(names=names)
        taken = inherited_socket(environment, os.dup2(passed.fileno(), os.dup(0), inheritable=True))
    assert taken is not None
    with taken:
        assert taken.getsockname() == str(path)
        assert not taken.get_inheritable(), "git would hold the socket"
        assert environment == {"HOME": "/"}


def test_one_of_several_is_taken_by_its_name(path: Path, stack: ExitStack) -> None:
    first = _two_in_a_row(stack, path)
    taken = inherited_socket(passing(2, "metrics:workspaced"), first)
    assert taken is not None
    with taken:
        assert taken.fileno() == first + 1
        assert not os.get_inheritable(first)


def _two_in_a_row(stack: ExitStack, path: Path) -> int:
    """Descriptors with numbers that follow each other, the second of a listening socket; gives the first number."""
    passed = stack.enter_context(listening_at(path))
    first = 200  # above what the tests' own process has open
    for number in (first, first + 1):
        with pytest.raises(OSError):
            os.fstat(number)
        os.dup2(passed.fileno(), number)
    stack.callback(os.close, first)
    return first


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"LISTEN_PID": "{other}", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "workspaced"},
        {"LISTEN_PID": "me", "LISTEN_FDS": "1"},
        {"LISTEN_FDS": "1"},
        {"LISTEN_PID": "{self}", "LISTEN_FDS": "0"},
        {"LISTEN_PID": "{self}"},
    ],
)
def test_what_is_for_another_process_or_nothing_is_left_alone(
    path: Path, environment: dict[str, str]
) -> None:
    numbers = {"other": os.getpid() + 1, "self": os.getpid()}
    given = {name: value.format(**numbers) for name, value in environment.items()}
    with listening_at(path) as passed:
        assert inherited_socket(given, passed.fileno()) is None
        assert passed.getsockname() == str(path)
    assert given == {}


def datagrams(path: Path) -> socket.socket:
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    bound.bind(str(path))
    return bound


def not_listening(path: Path) -> socket.socket:
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(str(path))
    return bound


def of_the_internet(_: Path) -> socket.socket:
    bound = socket.socket(socket.AF_INET)
    bound.bind(("127.0.0.1", 0))
    bound.listen()
    return bound


def connected(_: Path) -> socket.socket:
    ours, theirs = socket.socketpair()
    ours.close()
    return theirs


def abstract(_: Path) -> socket.socket:
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(f"\0workspaced-test-{os.getpid()}")
    bound.listen()
    return bound


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (datagrams, "not SOCK_STREAM"),
        (not_listening, "does not listen"),
        (of_the_internet, "not AF_UNIX"),
        (connected, "is a connection"),
        pytest.param(
            abstract,
            "not bound to a path",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="abstract names are Linux's"),
        ),
    ],
)
def test_another_kind_of_socket_is_refused(
    path: Path, make: Callable[[Path], socket.socket], problem: str
) -> None:
    descriptor = make(path).detach()
    with pytest.raises(SocketUnusable, match=problem) as refused:
        inherited_socket(passing(), descriptor)
    assert "ListenStream=" in str(refused.value)
    with pytest.raises(OSError):
        os.fstat(descriptor)  # it was closed


def test_what_is_no_socket_or_not_open_is_refused() -> None:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    with pytest.raises(SocketUnusable, match="not a socket"):
        inherited_socket(passing(), descriptor)
    os.close(descriptor)
    with pytest.raises(SocketUnusable, match="not open"):
        inherited_socket(passing(), descriptor)


@pytest.mark.parametrize(
    ("count", "names"), [(1, "metrics"), (2, None), (2, "workspaced:workspaced"), (2, "unknown:unknown")]
)
def test_anything_but_one_socket_of_the_name_is_refused(
    path: Path, stack: ExitStack, count: int, names: str | None
) -> None:
    first = _two_in_a_row(stack, path)
    stack.callback(os.close, first + 1)
    with pytest.raises(SocketUnusable, match=rf"passed {count} sockets \(names: {names or 'none'}\)"):
        inherited_socket(passing(count, names), first)


@pytest.mark.parametrize("count", ["many", "-1", "1.0"])
def test_a_count_that_is_no_number_is_refused(count: str) -> None:
    with pytest.raises(SocketUnusable, match="LISTEN_FDS"):
        inherited_socket({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": count})


async def test_an_adopted_socket_is_closed_and_its_file_stays(path: Path) -> None:
    with listening_at(path) as kept:
        listener = adopt(kept.dup())
        assert listener.path == path
        listener.close()
        async with await trio.open_unix_socket(path):
            kept.setblocking(False)
            kept.accept()[0].close()  # the client waited in what the manager keeps


class Library:
    """launchd's two functions, with their C signatures; the job's sockets are given by name."""

    def __init__(self, sockets: dict[bytes, list[int]], failure: int = 0) -> None:
        self.freed: list[int] = []
        self._arrays: dict[int, Any] = {}  # kept until they are freed, as by malloc(3)
        self._sockets = sockets
        self._failure = failure
        self.launch_activate_socket = ctypes.CFUNCTYPE(
            ctypes.c_int,
            ctypes.c_char_p,
            ctypes.POINTER(ctypes.POINTER(ctypes.c_int)),
            ctypes.POINTER(ctypes.c_size_t),
        )(self._activate)
        self.free = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self._free)

    def _activate(self, name: bytes, descriptors: Any, count: Any) -> int:
        if self._failure or name not in self._sockets:
            return self._failure or errno.ENOENT
        numbers = self._sockets[name]
        array = (ctypes.c_int * len(numbers))(*numbers)
        self._arrays[ctypes.addressof(array)] = array
        descriptors[0] = ctypes.cast(array, ctypes.POINTER(ctypes.c_int))
        count[0] = len(numbers)
        return 0

    def _free(self, address: int) -> None:
        del self._arrays[address]
        self.freed.append(address)


def test_launchds_socket_is_taken_by_its_name() -> None:
    library = Library({b"workspaced": [17], b"other": [18]})
    assert launchd_socket("workspaced", library) == 17
    assert len(library.freed) == 1


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (0, "no socket of that name"),
        (errno.ESRCH, "not started by launchd"),
        (errno.EALREADY, "already taken"),
        (errno.ENOMEM, os.strerror(errno.ENOMEM)),
    ],
)
def test_what_launchd_refuses_is_told(failure: int, told: str) -> None:
    with pytest.raises(SocketUnusable, match=told):
        launchd_socket("missing", Library({}, failure))


def test_more_than_one_of_launchds_sockets_are_refused_and_closed() -> None:
    ours = socket.socketpair()
    numbers = [each.detach() for each in ours]
    library = Library({b"workspaced": numbers})
    with pytest.raises(SocketUnusable, match="2 sockets"):
        launchd_socket("workspaced", library)
    for number in numbers:
        with pytest.raises(OSError):
            os.fstat(number)
    assert len(library.freed) == 1


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has a launchd")
def test_launchd_is_asked_only_where_there_is_one() -> None:
    environment = {"LAUNCHD_SOCKET": "workspaced"}
    with pytest.raises(SocketUnusable, match="macOS"):
        inherited_socket(environment)
    assert environment == {}
