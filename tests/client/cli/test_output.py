"""What reaches a terminal, a pipe and a closed stream: escapes, tables, colours."""

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.cli.workspacectl import Ctl, ctl_for, run_on_terminal, run_process
from support.daemon_process import DaemonProcess, running_daemon
from workspaced_client import Change, NameConflict, Workspace
from workspaced_protocol.models import WorkspaceState

HOSTILE = "a\x1b[31mred\x9b2J\x07\nb\t\u202ec\u2028[red]d[/red]:smile:"
HARMLESS = r"a\x1b[31mred\x9b2J\x07\nb\t\u202ec\u2028[red]d[/red]:smile:"
PERSIAN_AND_EMOJI = "می\u200cخواهم 👩\u200d💻"
WIDE = "工作区" * 30
LONG_PATH = "/srv/" + "/".join(f"directory-{number}" for number in range(12))


def stored(number: int, name: str, root_path: str, state: WorkspaceState, updated_at: int = 9) -> Workspace:
    return Workspace(
        id=f"ws_{number}",
        name=name,
        root_path=root_path,
        state=state,
        created_at=number,
        updated_at=updated_at,
        projects=(),
    )


WORKSPACES = [
    stored(1, HOSTILE, "/srv/\x1b]0;title\x07x", "active"),
    stored(2, PERSIAN_AND_EMOJI, "/srv/emoji", "closed"),
    stored(3, WIDE, LONG_PATH, "active", updated_at=2**53 - 1),
    stored(4, "e\u0301", "/srv/decomposed", "deleted"),
]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    with running_daemon(tmp_path_factory.mktemp("d")) as daemon:
        with daemon.client() as client:
            client.store.apply([Change(save=workspace) for workspace in WORKSPACES])
        yield daemon


@pytest.fixture
def ctl(daemon: DaemonProcess, capsys: pytest.CaptureFixture[str]) -> Ctl:
    return ctl_for(daemon.socket, capsys)


@pytest.fixture
def at(daemon: DaemonProcess) -> dict[str, str]:
    return {"WORKSPACED_SOCKET": str(daemon.socket)}


def cells(text: str) -> int:
    """The columns that a terminal shows `text` in (Unicode Standard Annex 11)."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def has_controls(text: str) -> bool:
    return any(unicodedata.category(character) == "Cc" and character != "\n" for character in text)


def test_names_and_paths_are_escaped_in_tables(ctl: Ctl) -> None:
    out = ctl("list").out
    assert HARMLESS in out
    assert r"/srv/\x1b]0;title\x07x" in out
    assert not has_controls(out)
    assert len(out.splitlines()) == 1 + len(WORKSPACES)


def test_a_path_for_scripts_is_escaped_on_a_terminal_alone(at: dict[str, str], tmp_path: Path) -> None:
    assert run_process("path", "ws_1", home=tmp_path, env=at).out == f"{WORKSPACES[0].root_path}\n"
    assert run_on_terminal("path", "ws_1", home=tmp_path, env=at).out == "/srv/\\x1b]0;title\\x07x\n"
    for run, copy, told in ((run_process, "a\tb", "a\tb"), (run_on_terminal, "c\td", r"c\td")):
        result = run("backup", "--quiet", str(tmp_path / copy), home=tmp_path, env={**at, "COLUMNS": "500"})
        assert result.out == f"{tmp_path}/{told}\n"


def test_joiners_within_words_and_emoji_stay(ctl: Ctl) -> None:
    assert PERSIAN_AND_EMOJI in ctl("list").out


HIDDEN = [
    *"\u3164\u115f\u1160\uffa0\u2800\u034f\u180e\u180b\u00ad\u200b\u2060\u2062\ufeff\u202e\u2066\u2065\ufe00\ufe0f",
    *"\u200d\u200c\U0001d159\U0001d173\U000e0001\U000e0041\U000e0080\U000e0100\U000e01f0",
]


@pytest.mark.parametrize("hidden", HIDDEN, ids=ascii)
def test_hidden_characters_are_escaped(ctl: Ctl, hidden: str) -> None:
    escape = hidden.encode("unicode_escape").decode()
    for name in ("sh{}op", "{}shop", "shop{}", "日{}本", "\U0001f3f4{}shop", "👩 {}"):
        assert f"“{name.format(escape)}”" in ctl("show", name.format(hidden)).err or (
            hidden == "\ufe0f" and name.startswith("\U0001f3f4")  # the form of that emoji
        )


@pytest.mark.parametrize(
    "name",
    [
        "👩\u200d💻",
        "👩🏽\u200d🚒",
        "❤\ufe0f\u200d🔥",
        "🏳\ufe0f\u200d🌈 ☎\ufe0e",
        "1\ufe0f\u20e3 #\ufe0f\u20e3",
        "ℹ\ufe0f ‼\ufe0f ©\ufe0f ㊗\ufe0f",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "می\u200cخواهم",
        "क्\u200dष ක්\u200dය",
        "e\u0301 ü 工作区",
    ],
    ids=ascii,
)
def test_emoji_and_words_keep_what_they_need(ctl: Ctl, name: str) -> None:
    assert f"“{name}?”" in ctl("show", f"{name}?").err


@pytest.mark.parametrize("command", [("show",), ("close",), ("rename", "free name")])
def test_names_are_escaped_in_sentences(ctl: Ctl, daemon: DaemonProcess, command: tuple[str, ...]) -> None:
    try:
        result = ctl(command[0], "ws_1", *command[1:])
        assert HARMLESS in result.out
        assert not has_controls(result.out)
    finally:
        with daemon.client() as client:
            client.store.save(WORKSPACES[0])


def test_names_are_escaped_in_errors(ctl: Ctl) -> None:
    for arguments in (
        ("show", "x" + HOSTILE),
        ("show", "no\x1b[2J\nsuch"),
        ("rename", "a\x1b[31mred\x9b2J", "b"),
    ):
        result = ctl(*arguments)
        assert result.code == 1
        assert r"\x1b[" in result.err
        assert result.err.count("\n") == 1
        assert not has_controls(result.err)


def test_usage_errors_are_escaped(ctl: Ctl) -> None:
    result = ctl("list", "--state", "x\x1b[2J\ny")
    assert result.code == 2
    assert not has_controls(result.err)


def test_json_holds_names_as_they_are_in_plain_ascii(ctl: Ctl) -> None:
    result = ctl("list", "--json")
    assert result.out.isascii()
    assert not has_controls(result.out)
    assert [workspace["name"] for workspace in result.json] == [each.name for each in WORKSPACES]


def test_a_time_beyond_the_calendar_is_shown_as_a_number(ctl: Ctl) -> None:
    assert f"{2**53 - 1} ms after 1970" in ctl("show", "ws_3").out


def test_a_terminal_of_80_columns_holds_every_row(at: dict[str, str], tmp_path: Path) -> None:
    result = run_on_terminal("list", home=tmp_path, columns=80, env={**at, "NO_COLOR": "1"})
    header, *rows = result.out.splitlines()
    assert header.split() == ["NAME", "STATE", "PROJECTS", "PATH"]  # no room for the id
    state_at = header.index("STATE")
    for row, workspace in zip(rows, WORKSPACES, strict=True):
        assert cells(row) <= 80
        assert workspace.state in row
    wide = rows[2]
    assert wide.startswith("工作区工作区")
    assert wide.endswith("/directory-11")
    assert cells(wide[: wide.index("active")]) == state_at
    assert "  …/directory-" in wide


def test_a_wide_terminal_shows_ids_too(at: dict[str, str], tmp_path: Path) -> None:
    result = run_on_terminal("list", home=tmp_path, columns=500, env=at)
    assert "ws_3" in result.out
    assert WIDE in result.out
    assert LONG_PATH in result.out


def test_a_very_narrow_terminal_still_shows_something_of_all(at: dict[str, str], tmp_path: Path) -> None:
    result = run_on_terminal("list", home=tmp_path, columns=20, env={**at, "NO_COLOR": "1"})
    assert all(workspace.state in result.out for workspace in WORKSPACES)
    assert "工作…区" in result.out


def test_names_that_differ_at_their_ends_are_told_apart_on_a_narrow_terminal(tmp_path: Path) -> None:
    names = [
        f"{long} {end}" for long in ("a-workspace-with-a-long-name", "e\u0301" * 20) for end in ("v1", "v2")
    ]
    with running_daemon(tmp_path) as daemon:
        with daemon.client() as client:
            for name in names:
                client.workspaces.create(name, "/srv/web")
        at = {"WORKSPACED_SOCKET": str(daemon.socket), "NO_COLOR": "1"}
        result = run_on_terminal("list", home=tmp_path, columns=40, env=at)
    shown = [row.partition("  ")[0] for row in result.out.splitlines()[1:]]
    assert [(name[:2], name[-2:]) for name in shown] == [(name[:2], name[-2:]) for name in names]
    assert all("…" in name for name in shown)


def test_no_table_is_wider_than_40_columns(tmp_path: Path) -> None:
    deep = f"{os.path.realpath(tmp_path)}/clients/a-customer/portal/frontend"
    os.makedirs(f"{deep}/web")
    with running_daemon(tmp_path) as daemon:
        with daemon.client() as client:
            tags = ["customer", "frontend"]
            made = client.workspaces.create("customer-portal-frontend", deep, tags=tags)
            client.projects.bind(made.id, f"{deep}/web")
            client.store.backup()
        at = {"WORKSPACED_SOCKET": str(daemon.socket), "NO_COLOR": "1"}
        with daemon.client() as client:
            client.sessions.begin(made.id, label="an editor with a long label")
            for command in ("list", "check", "history", "sessions", "backups", "status --clients"):
                told = run_on_terminal(*command.split(), home=tmp_path / "h", columns=40, env=at).out
                _, _, table = told.rpartition("\n\n")  # above that of clients is the status
                assert [line for line in table.splitlines() if cells(line) > 40] == [], command
                if command in ("list", "check"):
                    assert "/frontend" in told or "/web" in told, told


def test_a_narrow_terminal_keeps_the_end_of_a_path(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon, daemon.client() as client:
        for path, columns, told in (
            ("/home/ada/projects/clients/code/web", 40, "…/code/web"),
            ("/home/ada/projects/clients/code/web", 45, "…/clients/code/web"),
            ("/home/ada/projects/" + "a-long-name-of-a-directory", 40, "…-of-a-directory"),
            ("/工作区/工作区/工作区工作区", 38, "…/工作区工作区"),
            ("/srv/web", 40, "/srv/web"),
        ):
            client.store.save(stored(1, "web", path, "active"))
            at = {"WORKSPACED_SOCKET": str(daemon.socket), "NO_COLOR": "1"}
            result = run_on_terminal("list", home=tmp_path, columns=columns, env=at)
            header, row = result.out.splitlines()
            assert cells(row) <= columns, path
            assert row[header.index("PATH") :].split("  ")[0] == told


def test_a_name_of_a_megabyte_is_cut_in_texts_and_whole_in_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = "n" * 900_000
    with running_daemon(tmp_path) as daemon:
        ctl = ctl_for(daemon.socket, capsys)
        with daemon.client() as client:
            changes = [Change(save=stored(number, f"{number}", "/srv", "active")) for number in range(2, 9)]
            client.store.apply([*changes, Change(save=stored(1, "other", "/srv", "closed"))])
            client.store.save(stored(1, long, "/srv", "closed"))
        for arguments in (
            ("list",),
            ("log", "--all"),
            ("log", "other"),
            ("undo",),  # refused: nobody is there to say yes
            ("show", "ws_1"),
            ("check",),
            ("open", "ws_1"),
            ("open", "ws_1"),  # refused: it is open
            ("unbind", "ws_1", "web"),  # refused: it has no projects
            ("backup", str(tmp_path / "copy.json")),
            ("close", "ws_1"),
            ("restore", str(tmp_path / "copy.json"), "--dry-run"),
            ("delete", "ws_1"),
            ("recovery", "salvage", "--from", str(tmp_path / "copy.json"), "--dry-run"),
        ):
            result = ctl(*arguments)
            assert len(result.out) + len(result.err) < 6_000, arguments
        with daemon.client() as client:
            client.store.save(stored(1, long, "/srv", "closed"))
        (told,) = (each for each in ctl("list", "--json").json if each["id"] == "ws_1")
        assert told["name"] == long
        with daemon.client() as client, pytest.raises(NameConflict) as refused:
            client.workspaces.create(long, "/srv")
        assert len(str(refused.value)) < 500
        assert str(refused.value).endswith("at /srv: choose another.")


def test_a_pipe_gets_everything_in_full(at: dict[str, str], tmp_path: Path) -> None:
    result = run_process("list", home=tmp_path, env={**at, "COLUMNS": "40"})
    assert WIDE in result.out
    assert LONG_PATH in result.out
    assert "ws_3" in result.out
    assert "…" not in result.out
    assert all(line == line.rstrip() for line in result.out.splitlines())


def test_colours_are_for_terminals_alone(at: dict[str, str], tmp_path: Path) -> None:
    assert "\x1b[32mactive" in run_on_terminal("list", home=tmp_path, columns=500, env=at).out
    for result in (
        run_process("list", home=tmp_path, env=at),
        run_on_terminal("list", home=tmp_path, env={**at, "NO_COLOR": "1"}),
        run_on_terminal("list", home=tmp_path, env={**at, "TERM": "dumb"}),
    ):
        assert result.code == 0
        assert "\x1b" not in result.out


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1:strict", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "utf-16", "LC_ALL": "C"},
        {"LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=str,
)
def test_the_output_is_utf_8_in_every_locale(
    at: dict[str, str], tmp_path: Path, variables: dict[str, str]
) -> None:
    listed = run_process("list", home=tmp_path, env={**at, **variables})
    assert (listed.code, listed.err) == (0, "")
    assert WIDE in listed.out
    refused = run_process("show", "nöpe 工", home=tmp_path, env={**at, **variables})
    assert (refused.code, refused.out) == (1, "")
    assert "“nöpe 工”" in refused.err
    assert r"\u5de5" in run_process("list", "--json", home=tmp_path, env={**at, **variables}).out


@pytest.mark.parametrize("arguments", [("list",), ("list", "--json"), ("status",)])
def test_nobody_reads_the_output(at: dict[str, str], tmp_path: Path, arguments: tuple[str, ...]) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        result = run_process(*arguments, home=tmp_path, stdout=write, env=at)
    finally:
        os.close(write)
    assert (result.code, result.err) == (141, "")


def test_help_that_nobody_reads_is_quiet(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        result = run_process("--help", home=tmp_path, stdout=write)
    finally:
        os.close(write)
    assert result.code != 0
    assert result.err == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("list",),
        ("--help",),
        ("list", "--help"),
        ("recovery", "--help"),
        ("shell-init", "bash"),
    ],
    ids=" ".join,
)
def test_a_full_disk_behind_the_output(
    at: dict[str, str], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("only Linux and some BSDs have /dev/full")
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        result = run_process(*arguments, home=tmp_path, stdout=full, env=at)
    finally:
        os.close(full)
    assert result.code == 1
    assert result.err == "error: The output could not be written: No space left on device.\n"
