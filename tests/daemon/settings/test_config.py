"""The settings: which of argument, environment and file is in force, and what is said of a wrong one."""

import errno
import os
import re
from pathlib import Path

import pytest

from workspaced.settings.loading import BadConfiguration
from workspaced.settings.loading import load_settings as load
from workspaced.settings.model import FIELDS, Settings
from workspaced_protocol.framing import MAX_LINE_BYTES
from workspaced_protocol.paths import (
    UnusablePath,
    data_dir,
    default_data_dir,
    default_socket_path,
    socket_path,
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any setting in it, or in the environment."""
    for name in os.environ:
        if name.startswith(("WORKSPACED_", "XDG_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "run").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    return tmp_path


@pytest.fixture
def user_file(home: Path) -> Path:
    """The configuration file that is read when none is named."""
    path = home / "config" / "workspaced" / "config.toml"
    path.parent.mkdir(parents=True)
    return path


def load_settings(arguments: dict[str, object], file: Path | None) -> Settings:
    """The settings alone, without where they come from."""
    return load(arguments, file).settings


def problem(arguments: dict[str, object] | None = None, file: Path | None = None) -> str:
    """What is said of settings that can't be used."""
    with pytest.raises(BadConfiguration) as refused:
        load_settings(arguments or {}, file)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_without_any_setting_the_platforms_places_are_used() -> None:
    settings = load_settings({}, None)
    assert str(settings.data_dir) == default_data_dir()
    assert str(settings.socket) == default_socket_path() == socket_path()
    assert (settings.log_level, settings.log_format) == ("info", "console")
    assert settings.max_line_bytes == MAX_LINE_BYTES == 1024 * 1024


UNREADABLE = [
    (b"log_level = ", "is not TOML (Invalid value (at "),
    (b"log_level = 1\nlog_level = 2", "is not TOML (Cannot overwrite a value (at "),
    (b'y = 1\nx = "\xff"', "is not UTF-8 (line 2): save it again"),
    (b"x = " + b"9" * 5000, "is not TOML (a number is too long"),  # Python refuses to convert it
    (b"x = " + b"[" * 3000, "brackets are nested too deeply): `workspaced config sample` shows"),
]

VALUES: list[tuple[str, object, str, object]] = [
    # setting, in the file, in the environment, as an argument
    ("data_dir", "/file", "/environment", "/argument"),
    ("socket", "/file.sock", "/environment.sock", "/argument.sock"),
    ("log_level", "error", "warning", "debug"),
    ("log_format", "console", "json", "console"),
    ("max_line_bytes", 2048, "4096", 8192),
    ("etcd_prefix", "/file/", "/environment/", "/argument/"),
    ("machine", "file", "environment", "argument"),
]


@pytest.mark.parametrize(("name", "in_file", "in_environment", "argument"), VALUES)
def test_an_argument_is_stronger_than_the_environment_and_that_than_the_file(
    user_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    in_file: object,
    in_environment: str,
    argument: object,
) -> None:
    user_file.write_text(f"{name} = {in_file!r}\n")
    assert str(getattr(load_settings({}, None), name)) == str(in_file)
    monkeypatch.setenv(f"WORKSPACED_{name.upper()}", in_environment)
    assert str(getattr(load_settings({}, None), name)) == in_environment
    assert str(getattr(load_settings({name: argument}, None), name)) == str(argument)
    monkeypatch.delenv(f"WORKSPACED_{name.upper()}")
    assert str(getattr(load_settings({name: argument}, None), name)) == str(argument)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_byte_order_mark_is_no_part_of_the_file(user_file: Path, ending: str) -> None:
    user_file.write_bytes(b"\xef\xbb\xbf" + f'log_level = "debug"{ending}'.encode())
    assert load_settings({}, None).log_level == "debug"
    user_file.write_bytes(b"\xef\xbb\xbf")
    assert load_settings({}, None).log_level == "info"
    user_file.write_bytes(b"\xef\xbb\xbfx = \xff")
    assert "is not UTF-8 (line 1)" in problem()


def test_a_named_file_is_read_in_place_of_the_users(user_file: Path, tmp_path: Path) -> None:
    user_file.write_text('log_level = "error"\nlog_format = "json"\n')
    named = tmp_path / "other.toml"
    named.write_text('log_level = "debug"\n')
    settings = load_settings({}, named)
    assert (settings.log_level, settings.log_format) == ("debug", "console")


def test_a_named_file_has_to_be_there(tmp_path: Path) -> None:
    told = problem(file=tmp_path / "missing.toml")
    assert f"{tmp_path}/missing.toml" in told
    assert "--config" in told
    for path in (tmp_path, tmp_path / ("x" * 300)):
        assert problem(file=path).startswith(f"{path} can't be read (")


def test_a_pipe_or_a_file_without_an_end_is_refused_at_once(user_file: Path, tmp_path: Path) -> None:
    os.mkfifo(user_file)
    assert problem() == f"{user_file} is a pipe, and can't be a configuration file: move it away."
    for target in ("/dev/zero", tmp_path / "large.toml"):
        user_file.unlink()
        user_file.symlink_to(target)
        (tmp_path / "large.toml").write_bytes(b"#" * (2**20 + 1))
        assert problem().startswith(f"{user_file} is larger than 1 MiB, and can't be")
    (tmp_path / "large.toml").write_bytes(b"#" * 2**20)
    assert load_settings({}, None).log_level == "info"
    assert load_settings({}, Path(os.devnull)).log_level == "info"


def test_each_wrong_setting_is_named_with_where_it_stands(
    user_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_file.write_text('max_line_bytes = 3\nlog_level = "error"\ncolour = "red"\n')
    monkeypatch.setenv("WORKSPACED_LOG_LEVEL", "loud")
    told = problem({"log_format": "xml"}).split("; ")
    assert len(told) == 4
    assert any(
        part.startswith("WORKSPACED_LOG_LEVEL: ") and "debug, info, warning or error" in part for part in told
    )
    assert any(part.startswith("--log-format: ") and "console or json" in part for part in told)
    assert any(
        part.startswith(f"`max_line_bytes` in {user_file}, line 1: ") and "1024 to" in part for part in told
    )
    assert any(part.startswith(f"`colour` in {user_file}, line 3: ") for part in told)


def test_variables_are_in_capitals_as_for_the_apps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("workspaced_socket", "/low.sock")
    assert str(load_settings({}, None).socket) == socket_path() == default_socket_path()


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("data_dir = 5", "data_dir"),
        ('max_line_bytes = "many"', "max_line_bytes"),
        ("max_line_bytes = 67108865", "max_line_bytes"),
        ("log_level = true", "log_level"),
        ("backups_hourly = true", "backups_hourly"),
        ("colour = 1", "colour"),
        ("[socket]\npath = 1", "socket"),
    ],
)
def test_a_wrong_line_of_the_file_is_named(user_file: Path, line: str, name: str) -> None:
    user_file.write_text(f"{line}\n")
    assert problem().startswith(f"`{name}` in {user_file}, line 1")


@pytest.mark.parametrize(("content", "reason"), UNREADABLE)
def test_a_file_that_is_no_toml_is_named_with_the_reason(
    user_file: Path, content: bytes, reason: str
) -> None:
    user_file.write_bytes(content)
    told = problem()
    assert told.startswith(f"{user_file} is not ")
    assert reason in told


def test_a_socket_path_that_no_address_holds_is_refused() -> None:
    told = problem({"socket": "/" + "x" * 200})
    assert told.startswith("--socket: ")
    assert "201 bytes" in told


@pytest.mark.parametrize("name", ["data_dir", "socket"])
def test_paths_are_made_absolute(home: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(home)
    assert getattr(load_settings({name: "~/a/../b"}, None), name) == home / "b"
    assert getattr(load_settings({name: "c"}, None), name) == home / "c"


def test_a_link_that_the_user_chose_is_kept(home: Path) -> None:
    (home / "real").mkdir()
    (home / "link").symlink_to("real")
    assert load_settings({"data_dir": f"{home}/link"}, None).data_dir == home / "link"


@pytest.mark.parametrize("name", ["data_dir", "socket"])
def test_a_home_that_is_not_there_is_a_wrong_setting(name: str) -> None:
    assert problem({name: "~nobody-of-this-name/x"}).startswith(f"--{name.replace('_', '-')}: ")


@pytest.mark.parametrize("name", ["data_dir", "socket"])
def test_a_path_with_a_nul_is_a_wrong_setting(user_file: Path, name: str) -> None:
    user_file.write_text(f'{name} = "/a\\u0000b"\n')
    assert problem().startswith(f"`{name}` in {user_file}, line 1 is ")


@pytest.mark.parametrize("name", ["data_dir", "socket"])
def test_a_path_that_is_not_utf8_is_a_wrong_setting(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Clients are told of it in JSON, which can't hold it: no status would be answered."""
    odd = os.fsdecode(b"caf\xe9")
    option = f"--{name.replace('_', '-')}"
    assert problem({name: f"/{odd}"}).startswith(f"{option}: it is '/caf\\udce9': b'/caf\\xe9' is not UTF-8")
    (home / odd).mkdir()
    with monkeypatch.context() as there:
        there.chdir(home / odd)
        assert problem({name: "x"}).startswith(f"{option}: it is “x”: b'{home}/caf\\xe9/x' is not UTF-8")
    monkeypatch.setenv("HOME", f"/{odd}")
    assert f"{option}: it is “~/x”: b'/caf\\xe9/x' is not UTF-8" in problem({name: "~/x"})
    monkeypatch.setenv("XDG_DATA_HOME", str(home / odd))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / odd))
    assert f"the default of {option}: it is '{home}/caf\\udce9/workspaced" in problem()


@pytest.mark.parametrize("name", list(FIELDS))
def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """As in the client's own reading of WORKSPACED_SOCKET; and "" as a path would be the working directory."""
    default = getattr(load_settings({}, None), name)
    monkeypatch.setenv(f"WORKSPACED_{name.upper()}", "")
    assert getattr(load_settings({}, None), name) == default
    assert socket_path() == str(load_settings({}, None).socket)


@pytest.mark.parametrize("name", ["data_dir", "socket"])
def test_an_empty_path_is_a_wrong_setting(name: str) -> None:
    """As `--data-dir "$DIR"` with DIR unset: the working directory is not what was meant."""
    assert problem({name: ""}).startswith(f"--{name.replace('_', '-')}: ")


def test_a_file_that_can_not_be_read_is_named_with_the_reason(
    user_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_file.write_text("")

    def refuse(path: str, *_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        told = problem()
    assert told == f"{user_file} can't be read (Permission denied): fix that, or move the file away."


@pytest.mark.parametrize("name", ["data_dir", "socket"])
@pytest.mark.parametrize("value", ['"relative/x"', "5", '"~nobody-of-this-name/x"', '"a\\u0000b"', '""'])
def test_a_path_in_the_file_has_to_be_the_same_from_everywhere(
    user_file: Path, name: str, value: str
) -> None:
    """Daemon and apps start in directories of their own, and read the same file."""
    user_file.write_text(f"\n{name} = {value}\n")
    assert problem().startswith(f"`{name}` in {user_file}, line 2 is ")
    told = ""
    try:
        (data_dir if name == "data_dir" else socket_path)()
    except UnusablePath as error:
        told = str(error)
    assert told.startswith(f"`{name}` in {user_file} is ")


@pytest.mark.parametrize("level", ["file", "environment"])
def test_apps_find_the_paths_that_the_daemon_was_given(
    user_file: Path, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    user_file.write_text('data_dir = "~/file/data"\nsocket = "~/file/d.sock"\n')
    if level == "environment":
        monkeypatch.setenv("WORKSPACED_DATA_DIR", "~/environment/data")
        monkeypatch.setenv("WORKSPACED_SOCKET", "~/environment/d.sock")
    settings = load_settings({}, None)
    assert str(settings.socket) == socket_path() == os.path.expanduser(f"~/{level}/d.sock")
    assert str(settings.data_dir) == data_dir() == os.path.expanduser(f"~/{level}/data")


@pytest.mark.parametrize(("content", "reason"), UNREADABLE)
def test_apps_are_told_of_a_file_that_can_not_be_read(user_file: Path, content: bytes, reason: str) -> None:
    user_file.write_bytes(content)
    with pytest.raises(UnusablePath, match=re.escape(reason)):
        socket_path()
    assert socket_path("/named.sock") == "/named.sock"


def test_a_setting_that_is_nearly_one_is_told_with_the_one_it_is_near_to(user_file: Path) -> None:
    user_file.write_text("backup_daily = 3\n")
    assert "`backups_daily`" in problem()


def test_a_variable_that_is_no_setting_is_passed_over_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be an app's own: it stops no start."""
    monkeypatch.setenv("WORKSPACED_LOGLEVEL", "debug")
    monkeypatch.setenv("WORKSPACED_LOG_LEVEL", "debug")
    assert load({}, None).unknown_variables == ("WORKSPACED_LOGLEVEL",)


def test_the_variables_of_a_command_that_runs_in_a_workspace_are_no_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("WORKSPACED_WORKSPACE", "WORKSPACED_WORKSPACE_ID", "WORKSPACED_WORKSPACE_ROOT"):
        monkeypatch.setenv(name, "alpha")
    assert load({}, None).unknown_variables == ()


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "0"])
def test_a_time_is_a_number_that_can_be_waited(user_file: Path, value: str) -> None:
    user_file.write_text(f"slow_request_ms = {value}\n")
    assert problem().startswith(f"`slow_request_ms` in {user_file}, line 1: ")


def test_where_each_value_comes_from_is_told(user_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user_file.write_text("# settings\nbackups_daily = 3\nlog_level = 'error'\n")
    monkeypatch.setenv("WORKSPACED_LOG_LEVEL", "warning")
    found = load({"log_format": "json"}, None)
    assert {name: (each.origin, each.place) for name, each in found.given.items()} == {
        "backups_daily": ("file", f"`backups_daily` in {user_file}, line 2"),
        "log_level": ("environment", "WORKSPACED_LOG_LEVEL"),
        "log_format": ("argument", "--log-format"),
    }
    assert found.file == user_file
    assert (found.settings.backups_daily, found.settings.log_level) == (3, "warning")


def test_a_relative_path_where_the_current_directory_is_gone_is_a_wrong_setting(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "gone").mkdir()
    monkeypatch.chdir(home / "gone")
    (home / "gone").rmdir()
    assert problem({"data_dir": "data"}).startswith("--data-dir: it is “data”: ")
