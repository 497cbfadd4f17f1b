"""The options of all commands, the help, and wrong usage."""

import json
import re
from pathlib import Path

import pytest

from client.cli.workspacectl import run_here, run_on_terminal, run_process
from support.daemon_process import DaemonProcess
from workspaced_client.cli import commands
from workspaced_client.cli.commands.row import Command
from workspaced_protocol import __version__

COMMANDS = [tuple(row.name.split()) for row in commands.ROWS if isinstance(row, Command)]


def test_options_stand_before_the_command_or_behind_it(
    daemon: DaemonProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    socket = str(daemon.socket)
    for arguments in (
        ("--socket", socket, "--json", "--timeout", "9", "list"),
        ("list", "--socket", socket, "--json", "--timeout", "9"),
        ("list", f"--socket={socket}", "--json", "--timeout=9"),
        ("--json", "list", "--socket", socket, "-q"),
    ):
        result = run_here(capsys, *arguments)
        assert (result.code, result.json, result.err) == (0, [], "")
    nested = run_here(capsys, "recovery", "show", "--json", "--socket", socket)
    assert nested.json["outcome"] == "fresh"


def test_what_follows_a_double_dash_is_no_option(
    daemon: DaemonProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run_here(capsys, "--socket", str(daemon.socket), "show", "--", "--json")
    assert result.err.startswith("error: There is no workspace with the id or name “--json”.")


def test_a_tilde_in_the_socket_path(
    daemon: DaemonProcess, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(daemon.socket.parent))
    assert run_here(capsys, f"--socket=~/{daemon.socket.name}", "list", "--json").json == []


def test_the_socket_of_the_environment(
    daemon: DaemonProcess, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKSPACED_SOCKET", str(daemon.socket))
    assert run_here(capsys, "list", "--json").json == []


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (("--version",), ("list", "--version"), ("version",)):
        result = run_here(capsys, *arguments)
        assert (result.code, result.out) == (0, f"workspacectl {__version__}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--state", "open"),
        ("--nope",),
        ("surplus",),
        ("--timeout", "0"),
        ("--timeout", "-1"),
        ("--timeout", "nan"),
        ("--timeout", "soon"),
        ("--socket",),
    ],
)
def test_wrong_usage_is_exit_code_2(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    result = run_here(capsys, "list", *arguments)
    assert (result.code, result.out) == (2, "")
    told, hint = result.err.splitlines()
    assert told.startswith("error: ")
    assert "Value error" not in told
    assert arguments[0] in told or arguments[-1] in told
    assert hint.startswith("Try: workspacectl")
    assert hint.endswith("--help")
    as_json = run_here(capsys, "--json", "list", *arguments)
    assert (as_json.code, as_json.out) == (2, "")
    assert as_json.error["kind"] == "usage"
    assert set(as_json.error) == {"code", "kind", "message", "data"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("list", "--timeout", "abc"), "“abc” is not a number of seconds above 0."),
        (("list", "--timeout", "nan"), "“nan” is not a number of seconds above 0."),
        (("watch", "--since", "x"), "“x” is not a whole number from 0 on."),
        (("watch", "--since", "9007199254740992"), "“9007199254740992” is above 9007199254740991."),
        (("service", "logs", "-n", "-1"), "“-1” is not a whole number from 0 on."),
    ],
)
def test_a_wrong_number_is_told_in_own_words(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: str
) -> None:
    assert told in run_here(capsys, *arguments).err


@pytest.mark.parametrize(("command", "argument"), [("watch", "TOPIC"), ("import", "FILE")])
def test_the_help_of_an_argument_is_one_column(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str, argument: str
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    first, second = (
        run_here(capsys, command, "--help").out.partition("Arguments:\n")[2].partition("\n\n")[0].splitlines()
    )
    assert first.startswith(f"  {argument}  ")
    assert len(second) - len(second.lstrip()) == len(f"  {argument}  ")


def test_a_command_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    result = run_here(capsys, "lsit")
    assert (result.code, result.err) == (
        2,
        "error: There is no command “lsit”. Did you mean “list”?\nTry: workspacectl --help\n",
    )


def test_an_update_of_nothing_names_the_commands_for_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    result = run_here(capsys, "update", "alpha")
    assert result.code == 2
    first, hint = result.err.splitlines()
    assert first == "error: Give --tag, --no-tags or --meta: the change to make."
    assert "rename" in hint
    assert "move" in hint


def test_an_argument_that_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    result = run_here(capsys, "rename")
    assert result.code == 2
    assert result.err == (
        "error: The argument WORKSPACE is missing: its name or its id.\nTry: workspacectl rename --help\n"
    )


def test_a_socket_path_that_is_too_long(capsys: pytest.CaptureFixture[str]) -> None:
    result = run_here(capsys, "list", "--socket", "/tmp/" + "x" * 200)  # noqa: S108 - a name only
    assert result.code == 2
    assert "choose a shorter one" in result.err


def test_arguments_that_are_not_utf_8(daemon: DaemonProcess, tmp_path: Path) -> None:
    result = run_process(
        "create", b"\xff\xfe", "/x", home=tmp_path, env={"WORKSPACED_SOCKET": str(daemon.socket)}
    )
    assert (result.code, result.out) == (2, "")
    assert result.err == "error: “\\xff\\xfe” is not valid UTF-8: give another name or path.\n"


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ((), ("recovery",), ("service",)):
        result = run_here(capsys, *arguments)
        assert (result.code, result.err) == (2, "")
        assert result.out == run_here(capsys, *arguments, "--help").out
    assert json.loads(run_here(capsys, "--json").err)["kind"] == "usage"


def test_the_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--help", "-h"):
        result = run_here(capsys, option)
        assert result.code == 0
        listed = re.findall("^  ([a-z-]+)  ", result.out.partition("\nOptions")[0], re.MULTILINE)
        assert listed == [row.name for row in commands.top_level()]


def test_the_help_tells_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    told = " ".join(run_here(capsys, "--help").out.split()).partition("Exit codes: ")[2]
    assert [each.split()[0] for each in told.split("; ")] == ["0", "1", "2", "3", "130", "141"]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_help_fits_80_columns_and_has_an_example(
    capsys: pytest.CaptureFixture[str], command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    result = run_here(capsys, *command, "--help")
    assert result.code == 0
    assert max(len(line) for line in result.out.splitlines()) <= 80
    assert f"\n  workspacectl {' '.join(command)}" in result.out


def test_help_is_the_same_on_a_terminal(tmp_path: Path) -> None:
    assert run_on_terminal("--help", home=tmp_path).out == run_process("--help", home=tmp_path).out


# The names that `recovery salvage` and `undelete` take are not in the store.
@pytest.mark.parametrize(
    "command", [each for each in COMMANDS if each[-1] not in ("salvage", "undelete")], ids=" ".join
)
def test_completion_knows_the_workspaces_wherever_one_is_taken(
    daemon: DaemonProcess,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
) -> None:
    usage = run_here(capsys, *command, "--help").out
    option = re.search(r"(--\S+) WORKSPACE ", usage)
    monkeypatch.setenv("WORKSPACED_SOCKET", str(daemon.socket))
    with daemon.client() as client:
        made = client.workspaces.create("shop", "/srv")
        result = run_here(capsys, "__complete", *command, *(option.groups() if option else ()), "sh")
        client.workspaces.delete(made.id)
    takes_one = option is not None or re.search("^  WORKSPACE ", usage, re.MULTILINE) is not None
    assert (result.out == "shop\n") == takes_one


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("re", ["rename", "restore", "recovery"]),
        ("--json recovery a", ["ack"]),
        ("list --json --sta", ["--state", "--stale"]),
        ("list --state ", ["active", "closed", "deleted"]),
        ("list --sort=re", ["--sort=recent"]),
        ("shell-init ", ["bash", "zsh", "fish"]),
        ("help re", ["rename", "restore", "recovery"]),
        ("help service st", ["start", "stop", "status"]),
        ("watch store.d", ["store.dataLoss", "store.degraded"]),
        ("create alpha ", ["", "directories"]),
        ("import ", ["", "files"]),
        ("create -- --ta", []),
        ("nope ", []),
    ],
)
def test_completion_knows_what_comes_next(
    capsys: pytest.CaptureFixture[str], words: str, expected: list[str]
) -> None:
    result = run_here(capsys, "__complete", *words.split(" "))
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    if expected[:1] == [""]:
        assert lines == ["\t".join(expected)]
    else:
        assert [line.split("\t")[0] for line in lines] == expected
