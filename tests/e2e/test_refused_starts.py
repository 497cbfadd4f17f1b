"""What stops a start: the exit code, one line that says what to do, and nothing touched."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.daemon_process import DaemonProcess, Ended, Home, new_home, run_all_to_end
from support.documents import PRIMARY, SNAPSHOT, store_text, workspace_json

USABLE_CODES = (64, 74, 75, 78)  # which of them a socket in use gives is nowhere written
LONGEST = 107  # bytes in a socket's path on Linux; macOS has 103


def nothing_prepared(home: Home) -> None:
    """Not even the data directory."""


def data_is_a_file(home: Home) -> None:
    home.data_dir.write_text("not a directory")


def directory_in_place_of(name: str) -> Callable[[Home], None]:
    return lambda home: (home.data_dir / name).mkdir(parents=True)


def symlink_in_place_of(name: str) -> Callable[[Home], None]:
    def prepare(home: Home) -> None:
        home.data_dir.mkdir()
        (home.root / "elsewhere.json").write_text(store_text([workspace_json(1)]))
        (home.data_dir / name).symlink_to(home.root / "elsewhere.json")

    return prepare


def fifo_in_place_of(name: str) -> Callable[[Home], None]:
    def prepare(home: Home) -> None:
        home.data_dir.mkdir()
        os.mkfifo(home.data_dir / name)

    return prepare


def newer(name: str, text: str) -> Callable[[Home], None]:
    def prepare(home: Home) -> None:
        home.data_dir.mkdir()
        home.primary.write_text(store_text([workspace_json(1)]), encoding="utf-8")
        (home.data_dir / name).write_text(text, encoding="utf-8")

    return prepare


def file_in_place_of_the_socket(home: Home) -> None:
    home.socket.parent.mkdir(0o700)
    home.socket.write_text("a file of somebody's")


def config(text: str) -> Callable[[Home], None]:
    def prepare(home: Home) -> None:
        (home.root / "c.toml").write_text(text)

    return prepare


ODD = os.fsdecode(b"caf\xe9")
TOO_LONG = "/tmp/" + "s" * 120  # noqa: S108 - never made
WHOLE = store_text([workspace_json(1)])
ROUND = store_text([workspace_json(1)], revision=9, version=4)
UNLIKE = '{"version": 4, "shape": {"unlike": "ours"}}'

# name: (what is prepared, arguments beside the paths, environment, exit code, what the line names)
CASES: dict[str, tuple[Callable[[Home], None], tuple[str, ...], dict[str, str], int, tuple[str, ...]]] = {
    "unknown option": (nothing_prepared, ("--no-such",), {}, 64, ("--no-such",)),
    "data directory is a file": (data_is_a_file, (), {}, 74, ("data",)),
    "primary is a directory": (directory_in_place_of(PRIMARY), (), {}, 74, (PRIMARY,)),
    "primary is a symlink": (symlink_in_place_of(PRIMARY), (), {}, 74, (PRIMARY,)),
    "primary is a FIFO": (fifo_in_place_of(PRIMARY), (), {}, 74, (PRIMARY,)),
    "snapshot is a FIFO": (fifo_in_place_of(SNAPSHOT), (), {}, 74, (SNAPSHOT,)),
    "store of version 4": (newer(PRIMARY, ROUND), (), {}, 78, ("4",)),
    "store of version 4 of another shape": (newer(PRIMARY, UNLIKE), (), {}, 78, ("4",)),
    "snapshot of version 4": (newer(SNAPSHOT, ROUND), (), {}, 78, ("4",)),
    "JSON where SQLite is asked for": (
        newer(PRIMARY, WHOLE),
        ("--store", "sqlite"),
        {},
        78,
        ("JSON", "workspaced migrate --to sqlite"),
    ),
    "a kind of store that is none": (
        nothing_prepared,
        (),
        {"WORKSPACED_STORE": "xml"},
        78,
        ("WORKSPACED_STORE",),
    ),
    "settings in the environment": (
        nothing_prepared,
        (),
        {"WORKSPACED_LOG_LEVEL": "loud", "WORKSPACED_LOG_FORMAT": "xml"},
        78,
        ("WORKSPACED_LOG_LEVEL", "WORKSPACED_LOG_FORMAT"),
    ),
    "settings in the file": (
        config('log_level = "loud"\nlog_format = 5\nno_such_setting = 1\n'),
        ("--config", "c.toml"),
        {},
        78,
        ("log_level", "log_format", "no_such_setting", "c.toml"),
    ),
    "settings of etcd": (
        config('store = "etcd"\netcd_prefix = "x"\netcd_user = "ada"\nmachine = "a b"\n'),
        ("--config", "c.toml", "--etcd-endpoints", "devbox"),
        {},
        78,
        ("etcd_prefix", "etcd_user", "etcd_password_file", "machine", "--etcd-endpoints"),
    ),
    "etcd that does not answer": (
        nothing_prepared,
        ("--store", "etcd", "--machine", "devbox"),
        {"WORKSPACED_ETCD_ENDPOINTS": "http://127.0.0.1:1,http://127.0.0.1:2"},
        74,
        ("http://127.0.0.1:1", "http://127.0.0.1:2", "refuses connections", "etcd_endpoints"),
    ),
    "data of another kind than etcd": (
        newer("x", ""),
        ("--store", "etcd", "--machine", "devbox"),
        {},
        78,
        ("holds a JSON store", "workspaced migrate --to etcd"),
    ),
    "data directory that is not UTF-8": (
        nothing_prepared,
        ("--data-dir", ODD),
        {},
        78,
        ("--data-dir", "UTF-8"),
    ),
    "socket that is not UTF-8": (nothing_prepared, ("--socket", ODD), {}, 78, ("--socket", "UTF-8")),
    "file that is no configuration": (config("log_level ="), ("--config", "c.toml"), {}, 78, ("c.toml",)),
    "file that is not there": (nothing_prepared, ("--config", "c.toml"), {}, 78, ("c.toml",)),
}


@pytest.fixture(scope="module")
def homes() -> Iterator[dict[str, Home]]:
    """A prepared home for each case."""
    with ExitStack() as stack:
        homes = {name: stack.enter_context(new_home()) for name in CASES}
        for name, (prepare, *_) in CASES.items():
            prepare(homes[name])
        yield homes


def contents(root: Path) -> dict[str, object]:
    """Everything below, with kind, mode, time of change and bytes; less the lock, which a start leaves behind."""
    return {
        str(path.relative_to(root)): (
            path.lstat().st_mode,
            path.lstat().st_mtime_ns if path.is_file() or path.is_symlink() else None,
            path.read_bytes() if path.is_file() else None,
        )
        for path in root.rglob("*")
        if path.name != "workspaced.lock"
    }


@pytest.fixture(scope="module")
def before(homes: dict[str, Home]) -> dict[str, dict[str, object]]:
    """What was in each home before the start."""
    return {name: contents(home.data_dir) for name, home in homes.items()}


@pytest.fixture(scope="module")
def ended(homes: dict[str, Home], before: dict[str, object]) -> dict[str, Ended]:
    """How the daemon ended in each case."""
    return run_all_to_end(
        {
            name: DaemonProcess(homes[name], *arguments, environment=environment)
            for name, (_, arguments, environment, _, _) in CASES.items()
        }
    )


@pytest.mark.parametrize("case", CASES)
def test_a_start_is_refused(case: str, ended: dict[str, Ended]) -> None:
    *_, code, named = CASES[case]
    assert ended[case].code == code, ended[case]
    lines = ended[case].stderr.splitlines()
    assert len(lines) == 1, lines
    assert [each for each in named if each not in lines[0]] == []
    assert "Traceback" not in lines[0]


@pytest.mark.parametrize("case", CASES)
def test_a_refused_start_touches_nothing(
    case: str, homes: dict[str, Home], before: dict[str, dict[str, object]], ended: dict[str, Ended]
) -> None:
    assert ended[case].code
    assert contents(homes[case].data_dir) == before[case]
    assert not homes[case].socket.exists()


@pytest.fixture(scope="module")
def socket_starts() -> Iterator[dict[str, tuple[Home, Ended]]]:
    """How daemons ended that were given a socket path that can't be used."""
    with new_home() as long_home, new_home() as file_home, new_home() as other_home:
        file_in_place_of_the_socket(file_home)
        with socket.socket(socket.AF_UNIX) as foreign:
            other_home.socket.parent.mkdir(0o700)
            foreign.bind(str(other_home.socket))
            foreign.listen()
            environment = {"WORKSPACED_DATA_DIR": str(long_home.data_dir), "WORKSPACED_SOCKET": TOO_LONG}
            homes = {"too long": long_home, "a file": file_home, "another program's": other_home}
            ended = run_all_to_end(
                {
                    "too long": DaemonProcess(long_home, environment=environment, names_paths=False),
                    "a file": DaemonProcess(file_home),
                    "another program's": DaemonProcess(other_home),
                }
            )
        yield {name: (homes[name], ended[name]) for name in homes}


@pytest.mark.parametrize("case", ["too long", "a file", "another program's"])
def test_a_socket_path_that_cannot_be_used(case: str, socket_starts: dict[str, tuple[Home, Ended]]) -> None:
    home, ended = socket_starts[case]
    assert ended.code in USABLE_CODES
    assert len(ended.stderr.splitlines()) == 1
    if case == "too long":
        assert ended.code == 78  # a wrong setting
        assert str(len(TOO_LONG)) in ended.stderr
        assert str(LONGEST) in ended.stderr or "103" in ended.stderr
    else:
        assert str(home.socket) in ended.stderr
        assert home.socket.exists()
    if case == "a file":
        assert home.socket.read_text() == "a file of somebody's"
