"""Where data and socket live: every way that the environment can decide it."""

import importlib.util
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from workspaced_protocol import paths
from workspaced_protocol.paths import (
    SOCKET_PATH_LIMIT,
    UnusablePath,
    check_socket_path,
    default_data_dir,
    default_socket_path,
    socket_path,
)

UID = 4_242_424
"""A user that no machine has."""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Linux machine, and a user with a home and nothing else."""
    for name in [*os.environ]:
        if name.startswith(("XDG_", "WORKSPACED_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", "/home/alex")
    monkeypatch.setattr(sys, "platform", "linux")


@pytest.fixture
def runtime_dirs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The directories that the user owns: put in those that the system is to have made."""
    usable: list[str] = []
    monkeypatch.setattr(os, "geteuid", lambda: UID)
    monkeypatch.setattr(paths, "_is_own_directory", lambda path: path in usable)
    return usable


@pytest.fixture
def macos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")


# The data


def test_data_lives_in_the_user_s_data_directory() -> None:
    assert default_data_dir() == "/home/alex/.local/share/workspaced"


def test_data_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/mnt/data")
    assert default_data_dir() == "/mnt/data/workspaced"


@pytest.mark.parametrize("given", ["", "data", "./data", "~/data"])
def test_a_relative_xdg_data_home_is_ignored(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # XDG Base Directory Specification, section 2: a relative path is invalid, and ignored.
    monkeypatch.setenv("XDG_DATA_HOME", given)
    assert default_data_dir() == "/home/alex/.local/share/workspaced"


@pytest.mark.usefixtures("macos")
def test_data_lives_in_the_library_on_macos() -> None:
    assert default_data_dir() == "/home/alex/Library/Application Support/workspaced"


# The socket


def test_the_socket_follows_xdg(runtime_dirs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    runtime_dirs.append("/run/other")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/other")
    assert default_socket_path() == "/run/other/workspaced/workspaced.sock"
    assert socket_path() == default_socket_path()


@pytest.mark.usefixtures("macos")
def test_the_socket_follows_xdg_on_macos_too(
    runtime_dirs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime_dirs.append("/run/other")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/other")
    assert default_socket_path() == "/run/other/workspaced/workspaced.sock"


@pytest.mark.parametrize("given", [None, "", "run", "./run", "~/run"])
def test_without_xdg_the_socket_lives_where_the_system_keeps_the_user_s(
    given: str | None, runtime_dirs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if given is not None:
        monkeypatch.setenv("XDG_RUNTIME_DIR", given)
    runtime_dirs.append(f"/run/user/{UID}")
    assert default_socket_path() == f"/run/user/{UID}/workspaced/workspaced.sock"


@pytest.mark.parametrize("given", [None, "", "run", "./run", "~/run"])
def test_without_any_runtime_directory_the_socket_lives_in_the_user_s_state(
    given: str | None, runtime_dirs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if given is not None:
        monkeypatch.setenv("XDG_RUNTIME_DIR", given)
    assert runtime_dirs == []
    assert default_socket_path() == "/home/alex/.local/state/workspaced/workspaced.sock"


@pytest.mark.parametrize(
    ("given", "expected"),
    [("/mnt/state", "/mnt/state"), ("state", "/home/alex/.local/state"), ("", "/home/alex/.local/state")],
)
@pytest.mark.usefixtures("runtime_dirs")
def test_the_state_directory_follows_xdg(given: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", given)
    assert default_socket_path() == f"{expected}/workspaced/workspaced.sock"


def test_a_runtime_directory_that_is_not_there_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: UID)
    assert not Path(f"/run/user/{UID}").exists()
    assert default_socket_path() == "/home/alex/.local/state/workspaced/workspaced.sock"


def broken_runtime_directory(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "run"
    if kind == "a file":
        path.touch()
    elif kind == "a dangling link":
        path.symlink_to(tmp_path / "nothing")
    elif kind != "missing":
        path.mkdir(0o500 if kind == "read-only" else 0o700)
    if kind == "another user's":
        owner = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    return path


@pytest.mark.parametrize("kind", ["missing", "a file", "a dangling link", "read-only", "another user's"])
def test_a_runtime_directory_that_is_not_the_users_is_passed_over(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "read-only" and os.geteuid() == 0:
        pytest.skip("root writes everywhere")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(broken_runtime_directory(kind, tmp_path, monkeypatch)))
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    of_system = f"/run/user/{os.geteuid()}/workspaced/workspaced.sock"
    assert default_socket_path() in (of_system, "/state/workspaced/workspaced.sock")


@pytest.mark.usefixtures("macos")
def test_the_socket_lives_in_the_user_s_library_on_macos() -> None:
    assert default_socket_path() == "/home/alex/Library/Caches/TemporaryItems/workspaced/workspaced.sock"


@pytest.mark.parametrize("tmp", ["/tmp", "/var/tmp"])  # noqa: S108 - the names that must not be used
def test_the_socket_is_never_in_a_shared_directory(
    tmp: str, runtime_dirs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", tmp)
    assert runtime_dirs == []
    assert not default_socket_path().startswith(f"{tmp}/")


def test_the_environment_names_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/other")
    monkeypatch.setenv("WORKSPACED_SOCKET", "/run/mine.sock")
    assert socket_path() == "/run/mine.sock"
    assert socket_path(None) == "/run/mine.sock"


def test_an_empty_name_in_the_environment_is_none(
    runtime_dirs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime_dirs.append("/run/other")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/other")
    monkeypatch.setenv("WORKSPACED_SOCKET", "")
    assert socket_path() == "/run/other/workspaced/workspaced.sock"


@pytest.mark.parametrize("explicit", ["/run/given.sock", Path("/run/given.sock")])
def test_an_explicit_socket_goes_before_the_environment(
    explicit: str | Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKSPACED_SOCKET", "/run/mine.sock")
    assert socket_path(explicit) == "/run/given.sock"


def test_a_relative_socket_is_one_below_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # tmp_path may be longer than a socket's path: the limit is not what this test is about.
    monkeypatch.setattr(paths, "SOCKET_PATH_LIMIT", 4096)
    monkeypatch.chdir(tmp_path)
    assert socket_path("a/../s.sock") == f"{tmp_path}/s.sock"
    monkeypatch.setenv("WORKSPACED_SOCKET", "e.sock")
    assert socket_path() == f"{tmp_path}/e.sock"


def test_a_link_on_the_way_to_the_socket_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "SOCKET_PATH_LIMIT", 4096)
    (tmp_path / "long-name").mkdir()
    (tmp_path / "l").symlink_to("long-name")
    assert check_socket_path(f"{tmp_path}/l/s.sock") == f"{tmp_path}/l/s.sock"


# A user without a home


@pytest.mark.parametrize("home", [None, "", "here", "~"])
def test_a_user_without_a_home_is_told_what_to_set(home: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: UID)
    monkeypatch.setattr(os, "getuid", lambda: UID)
    monkeypatch.delenv("HOME")
    if home is not None:
        monkeypatch.setenv("HOME", home)
    for find in (default_data_dir, default_socket_path, socket_path):
        with pytest.raises(UnusablePath, match="set HOME, or give both paths"):
            find()
    assert paths.default_config_file() is None
    assert socket_path("/run/given.sock") == "/run/given.sock"
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert default_data_dir() == "/data/workspaced"


# The directories that are made


@pytest.mark.parametrize("umask", [0, 0o022, 0o177, 0o377, 0o777])
def test_directories_have_their_mode_whatever_the_umask(umask: int, tmp_path: Path) -> None:
    made = tmp_path / "one" / "two"
    earlier = os.umask(umask)
    try:
        paths.make_private_directory(made)
    finally:
        os.umask(earlier)
    assert [stat.S_IMODE(each.stat().st_mode) for each in (made, made.parent)] == [0o700, 0o700]
    made.chmod(0o750)
    paths.make_private_directory(made)
    assert stat.S_IMODE(made.stat().st_mode) == 0o750  # the user's own


# The limit


def socket_of_bytes(count: int) -> str:
    return "/run/" + "s" * (count - len("/run/"))


def test_a_path_at_the_limit_is_taken() -> None:
    path = socket_of_bytes(SOCKET_PATH_LIMIT)
    assert check_socket_path(path) == path
    assert socket_path(path) == path


@pytest.mark.parametrize("over", [1, 2, 100])
def test_a_path_over_the_limit_is_refused_with_both_lengths(
    over: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = socket_of_bytes(SOCKET_PATH_LIMIT + over)
    monkeypatch.setenv("WORKSPACED_SOCKET", path)
    checks: list[Callable[[], str]] = [
        lambda: check_socket_path(path),
        lambda: socket_path(path),
        socket_path,
    ]
    for check in checks:
        with pytest.raises(UnusablePath) as caught:
            check()
        message = str(caught.value)
        assert path in message
        assert f"{SOCKET_PATH_LIMIT + over} bytes" in message
        assert str(SOCKET_PATH_LIMIT) in message
        assert "--socket" in message
        assert "WORKSPACED_SOCKET" in message


def test_a_default_over_the_limit_is_refused(
    runtime_dirs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime_dirs.append("/" + "r" * SOCKET_PATH_LIMIT)
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime_dirs[0])
    with pytest.raises(UnusablePath, match=f"limit is {SOCKET_PATH_LIMIT}"):
        socket_path()


def test_the_limit_counts_bytes_and_not_characters() -> None:
    fits = "/" + "é" * (SOCKET_PATH_LIMIT // 2)
    assert check_socket_path(fits) == fits
    with pytest.raises(UnusablePath, match=f"{SOCKET_PATH_LIMIT // 2 * 2 + 3} bytes"):
        check_socket_path(f"{fits}é")


def test_a_name_that_is_no_unicode_is_measured_too() -> None:
    path = os.fsdecode(b"/" + b"\xff" * SOCKET_PATH_LIMIT)
    with pytest.raises(UnusablePath, match=f"{SOCKET_PATH_LIMIT + 1} bytes"):
        check_socket_path(path)


def fresh_paths() -> ModuleType:
    """The module as a process on another platform would import it."""
    spec = importlib.util.find_spec("workspaced_protocol.paths")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("platform", "limit"), [("linux", 107), ("darwin", 103)])
def test_the_limit_is_the_platform_s(platform: str, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert limit == fresh_paths().SOCKET_PATH_LIMIT
