"""The daemon's command line: exit codes, the one line that each error gets, and what a start tells."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import closing
from io import StringIO
from pathlib import Path

import pytest

import workspaced_protocol
from support.samples import workspace
from workspaced.app import DiskFails, DiskHangs
from workspaced.cli import main
from workspaced.store import create_json_store


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but the test's."""
    for name in os.environ:
        if name.startswith(("WORKSPACED_", "XDG_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv(
        "COLUMNS", "80"
    )  # argparse breaks lines and words for the terminal of whoever runs this


class Place:
    """Where a daemon under test keeps its data and listens."""

    def __init__(self, data_dir: Path, socket_path: Path) -> None:
        self.data_dir = data_dir
        self.socket = socket_path
        self.arguments = ["run", "--data-dir", str(data_dir), "--socket", str(socket_path)]


@pytest.fixture
def place(tmp_path: Path, socket_dir: Path) -> Place:
    return Place(tmp_path / "data", socket_dir / "x.sock")


class StopsWhenReady(StringIO):
    """A standard output, or error, that signals this process once the daemon says it is ready, and is."""

    def __init__(self, sign: str, number: signal.Signals, place: Place) -> None:
        super().__init__()
        self._sign = sign
        self._number = number
        self._place = place
        self.was_reachable = False
        self.is_terminal = False

    def isatty(self) -> bool:
        return self.is_terminal

    def write(self, text: str) -> int:
        if self._sign in text and not self.was_reachable:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(self._place.socket))
            self.was_reachable = True
            signal.raise_signal(self._number)
        return super().write(text)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_with_exit_code_0(
    place: Place, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    output, errors = StopsWhenReady("workspaced", number, place), StringIO()
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(sys, "stderr", errors)
    assert main(place.arguments) == 0
    assert output.was_reachable
    told = output.getvalue()
    assert str(place.data_dir) in told
    assert str(place.socket) in told
    assert "workspacectl" not in told  # nobody reads a file and types what it says
    assert [line for line in errors.getvalue().splitlines() if "error" in line] == []
    assert not place.socket.exists()
    with closing(create_json_store(place.data_dir)) as store:  # the lock is free again
        assert store.recovery.outcome == "fresh"


@pytest.mark.parametrize("is_set", [True, False])
def test_at_a_terminal_it_says_what_to_type_next(
    place: Place, monkeypatch: pytest.MonkeyPatch, *, is_set: bool
) -> None:
    if is_set:
        monkeypatch.setenv("WORKSPACED_SOCKET", str(place.socket))
    output = StopsWhenReady("workspaced", signal.SIGINT, place)
    output.is_terminal = True
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(sys, "stderr", StringIO())
    assert main(place.arguments) == 0
    # Clients would look for another daemon where this one's socket is given to it alone.
    option = "" if is_set else f" --socket {place.socket}"
    assert f"workspacectl{option} create my-project " in output.getvalue()


def test_for_programs_it_logs_one_json_object_a_line(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    output, errors = StringIO(), StopsWhenReady('"Ready."', signal.SIGTERM, place)
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(sys, "stderr", errors)
    assert main([*place.arguments, "--log-format", "json"]) == 0
    assert output.getvalue() == ""
    entries = [json.loads(line) for line in errors.getvalue().splitlines()]
    assert [(entry["event"], entry["level"]) for entry in entries] == [
        ("Ready.", "info"),
        ("Stopping.", "info"),
        ("Stopped.", "info"),
    ]
    assert entries[0]["data_dir"] == str(place.data_dir)
    assert entries[0]["socket"] == str(place.socket)
    assert entries[1]["signal"] == "SIGTERM"
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", entry["timestamp"]) for entry in entries)


def test_the_log_level_is_followed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = StringIO()
    monkeypatch.setattr(sys, "stdout", StopsWhenReady("workspaced", signal.SIGTERM, place))
    monkeypatch.setattr(sys, "stderr", errors)
    assert main([*place.arguments, "--log-level", "warning"]) == 0
    assert errors.getvalue() == ""


def failure(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> tuple[int, str]:
    """The exit code, and the one line that it comes with."""
    try:
        code = main(arguments)
    except SystemExit as exit_:  # argparse leaves in this way
        code = int(exit_.code or 0)
    captured = capsys.readouterr()
    assert captured.out == ""
    *log, line = captured.err.splitlines()
    assert line.startswith("workspaced")
    assert log == []
    return code, line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "COMMAND"),
        (["walk"], "'walk'"),
        (["run", "--colour"], "--colour"),
        (["run", "--data-dir"], "--data-dir"),
        (["run", "extra"], "extra"),
    ],
)
def test_wrong_usage_is_64(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    code, line = failure(capsys, arguments)
    assert code == 64
    assert said in line
    assert "--help" in line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--log-level", "loud"], "--log-level: "),
        (["--log-format", "xml"], "--log-format: "),
        (["--socket", "/" + "x" * 200], "--socket: "),
        (["--config", "/no/such/file"], "/no/such/file"),
    ],
)
def test_a_bad_configuration_is_78(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    code, line = failure(capsys, ["run", *arguments])
    assert code == 78
    assert said in line


def test_settings_are_taken_from_the_environment_and_each_wrong_one_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "config.toml"
    file.write_text("colour = 1\nmax_line_bytes = 1\n")
    monkeypatch.setenv("WORKSPACED_LOG_LEVEL", "loud")
    code, line = failure(capsys, ["run", "--config", str(file)])
    assert code == 78
    for said in (
        "WORKSPACED_LOG_LEVEL: ",
        f"`colour` in {file}, line 1: ",
        f"`max_line_bytes` in {file}, line 2: ",
    ):
        assert said in line


@pytest.mark.parametrize(
    "arguments", [["--data-dir", "~nobody-of-this-name"], ["--socket", "~nobody-of-this-name"]]
)
def test_a_home_that_is_not_there_is_78(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert failure(capsys, ["run", *arguments])[0] == 78


def test_a_store_of_a_newer_release_is_78(capsys: pytest.CaptureFixture[str], place: Place) -> None:
    place.data_dir.mkdir()
    (place.data_dir / "workspaces.json").write_text('{"version":4,"workspaces":[]}')
    code, line = failure(capsys, place.arguments)
    assert code == 78
    assert "version 4" in line
    assert (place.data_dir / "workspaces.json").read_text() == '{"version":4,"workspaces":[]}'


def test_a_data_directory_of_another_daemon_is_75_and_its_pid_is_named(
    capsys: pytest.CaptureFixture[str], place: Place
) -> None:
    with closing(create_json_store(place.data_dir)):
        code, line = failure(capsys, place.arguments)
    assert code == 75
    assert f"pid {os.getpid()}" in line
    assert str(place.data_dir) in line
    assert not place.socket.exists()


def test_a_data_directory_that_can_not_be_read_is_74(
    capsys: pytest.CaptureFixture[str], place: Place
) -> None:
    place.data_dir.write_text("a file")
    code, line = failure(capsys, place.arguments)
    assert code == 74
    assert str(place.data_dir) in line
    assert "--data-dir" in line


def test_a_socket_that_can_not_be_bound_is_74_and_gives_the_lock_back(
    capsys: pytest.CaptureFixture[str], place: Place
) -> None:
    place.socket.write_text("a file")
    code, line = failure(capsys, place.arguments)
    assert code == 74
    assert str(place.socket) in line
    assert "--socket" in line
    create_json_store(place.data_dir).close()


@pytest.mark.parametrize("kind", [DiskHangs, DiskFails])
def test_a_disk_that_hangs_or_fails_at_the_end_is_74(
    capsys: pytest.CaptureFixture[str],
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[DiskHangs | DiskFails],
) -> None:
    async def run(*_: object, **__: object) -> None:
        raise kind("The disk is bad.")

    monkeypatch.setattr("workspaced.cli.run", run)
    assert failure(capsys, place.arguments) == (74, "workspaced: The disk is bad.")


@pytest.mark.parametrize("format_", ["console", "json"])
def test_a_defect_is_70_with_its_traceback_in_the_log_and_a_sentence_for_the_user(
    capsys: pytest.CaptureFixture[str], place: Place, monkeypatch: pytest.MonkeyPatch, format_: str
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("workspaced.store.kinds.JsonWorkspaceStore", broken)
    assert main([*place.arguments, "--log-format", format_]) == 70
    *log, line = capsys.readouterr().err.splitlines()
    assert line.startswith("workspaced: ")
    assert "report" in line
    assert any("ZeroDivisionError" in entry for entry in log)
    if format_ == "json":
        (entry,) = log
        assert "ZeroDivisionError" in json.loads(entry)["exception"]


@pytest.mark.parametrize(
    ("arguments", "said"), [(["--help"], "COMMAND"), (["run", "--help"], "WORKSPACED_DATA_DIR")]
)
def test_help_is_on_stdout_with_exit_code_0(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 0
    captured = capsys.readouterr()
    assert said in captured.out
    assert captured.err == ""


@pytest.mark.parametrize(
    ("arguments", "program"),
    [(["run", "--dta", "x"], "workspaced run"), (["config", "show", "--dta"], "workspaced config show")],
)
def test_an_unknown_option_refers_to_the_help_of_its_command(
    capsys: pytest.CaptureFixture[str], arguments: list[str], program: str
) -> None:
    code, line = failure(capsys, arguments)
    assert code == 64
    assert line.startswith(f"{program}: unrecognized arguments: --dta")
    assert line.endswith(f"see {program} --help.")


PRINTING = [["--version"], ["--help"], ["run", "--help"], ["config", "sample"], ["config", "show"]]


def printed_to(stdout: int, arguments: list[str]) -> tuple[int, str]:
    """The exit code and the standard error of a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "workspaced", *arguments], stdout=stdout, stderr=subprocess.PIPE, check=False
    )
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_output_that_can_not_be_written_is_told(
    place: Place, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("WORKSPACED_SOCKET", str(place.socket))
    if not os.path.exists("/dev/full"):
        pytest.skip("only Linux and some BSDs have /dev/full")
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        told = printed_to(full, arguments)
    finally:
        os.close(full)
    assert told == (1, "workspaced: The output could not be written: No space left on device.\n")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1:strict", "utf-16"])
def test_the_output_is_utf_8_whatever_the_encoding_of_the_streams(place: Place, encoding: str) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "workspaced", "config", "show", "--data-dir", "/ü", "--socket", place.socket],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert " /ü " in shown.stdout.decode()


def test_output_that_nobody_reads_is_quiet() -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        assert printed_to(write, ["config", "sample"]) == (141, "")
    finally:
        os.close(write)


def test_help_names_every_option_of_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    told = capsys.readouterr().out
    for option in ("--data-dir", "--socket", "--store", "--config", "--log-level", "--log-format"):
        assert option in told


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--version"])
    assert exit_.value.code == 0
    assert capsys.readouterr().out == f"workspaced {workspaced_protocol.__version__}\n"


def test_a_recovery_is_logged_at_the_start(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(create_json_store(place.data_dir)) as store:
        store.save(workspace(1))
    (place.data_dir / "workspaces.json").write_text("{")
    errors = StringIO()
    monkeypatch.setattr(sys, "stdout", StopsWhenReady("workspaced", signal.SIGTERM, place))
    monkeypatch.setattr(sys, "stderr", errors)
    assert main(place.arguments) == 0
    assert "warning" in errors.getvalue()
    assert "recovered" in errors.getvalue()
