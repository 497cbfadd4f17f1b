"""The commands on workspaces, against a real daemon."""

import os
from pathlib import Path

import pytest
from msgspec import structs

from client.cli.workspacectl import Ctl, run_on_terminal
from support.daemon_process import DaemonProcess
from support.hanging_paths import hanging
from workspaced_client.exchange import directories

WIRE_MEMBERS = {"id", "name", "rootPath", "state", "createdAt", "updatedAt", "revision", "projects"}


def test_create_takes_the_directory_given(ctl: Ctl, tmp_path: Path) -> None:
    result = ctl("create", "alpha", str(tmp_path))
    assert (result.code, result.out, result.err) == (0, f"Created workspace “alpha” at {tmp_path}.\n", "")


def test_create_warns_where_there_is_no_directory(ctl: Ctl, tmp_path: Path) -> None:
    missing, file = tmp_path / "nodir", tmp_path / "file"
    file.touch()
    result = ctl("create", "alpha", str(missing))
    assert (result.code, result.err) == (0, f"warning: {missing} can't be used yet: it does not exist.\n")
    result = ctl("create", "beta", str(file), "--quiet")
    assert (result.code, result.err) == (0, f"warning: {file} can't be used yet: it is not a directory.\n")


def test_create_tells_of_what_it_made_where_the_directory_hangs(
    ctl: Ctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "nodir"
    monkeypatch.setattr(directories, "_PATIENCE_SECONDS", 0.1)
    with hanging(monkeypatch, missing):
        result = ctl("create", "alpha", str(missing))
    assert (result.code, result.out, result.err) == (0, f"Created workspace “alpha” at {missing}.\n", "")


def test_what_looks_like_an_id_is_never_taken_for_a_name(ctl: Ctl, daemon: DaemonProcess) -> None:
    gone = ctl("create", "alpha", "/", "--json").json["id"]
    with daemon.client() as client:
        other = client.workspaces.get(name="alpha")
        client.store.remove(gone)
        client.store.save(
            structs.replace(other, id=f"{gone[:-1]}{'1' if gone[-1] == '0' else '0'}", name=gone)
        )
    for command in ("show", "close", "delete"):
        result = ctl(command, gone)
        assert (result.code, result.out) == (1, "")
        assert result.err.startswith(f"error: There is no workspace with the id “{gone}”.")


def test_create_without_a_path_takes_the_current_directory(
    ctl: Ctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ctl("create", "alpha", "--json").json["rootPath"] == os.getcwd()


@pytest.mark.parametrize(
    ("given", "below"), [("sub/../other", "here/other"), ("~/src", "home/src"), (".", "here")]
)
def test_create_resolves_relative_paths_and_tildes_here(
    ctl: Ctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, below: str
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert ctl("create", "alpha", given, "--json").json["rootPath"] == str(tmp_path / below)


def test_create_in_a_directory_that_is_gone(
    ctl: Ctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    result = ctl("create", "alpha")
    assert result.code == 2
    assert result.err == "error: The current directory no longer exists: give an absolute path.\n"


def test_a_refusal_is_one_line_and_exit_code_1(ctl: Ctl) -> None:
    ctl("create", "alpha", "/a")
    result = ctl("create", "ALPHA", "/b")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: The name “ALPHA” is taken")
    assert result.err.count("\n") == 1


def test_a_refusal_as_json(ctl: Ctl) -> None:
    made = ctl("create", "alpha", "/a", "--json").json
    result = ctl("create", "alpha", "/b", "--json")
    assert (result.code, result.out) == (1, "")
    assert result.error["code"] == 1002
    assert result.error["kind"] == "nameConflict"
    assert "is taken" in result.error["message"]
    assert result.error["data"] == {"kind": "nameConflict", "id": made["id"]}


def test_list_shows_every_workspace_and_its_state(ctl: Ctl) -> None:
    ctl("create", "alpha", "/srv/a")
    ctl("create", "beta", "/srv/b")
    ctl("close", "beta")
    header, *rows = ctl("list").out.splitlines()
    assert header.split() == ["NAME", "STATE", "PROJECTS", "PATH", "ID"]
    assert [row.split()[:4] for row in rows] == [
        ["alpha", "active", "0", "/srv/a"],
        ["beta", "closed", "0", "/srv/b"],
    ]
    assert len(ctl("list", "--state", "closed").out.splitlines()) == 2


def test_list_as_json_has_the_shapes_of_the_wire(ctl: Ctl, daemon: DaemonProcess) -> None:
    ctl("create", "alpha", "/srv/a")
    result = ctl("list", "--json")
    with daemon.client() as client:
        assert result.json == client.call("workspace.list")
    assert [set(workspace) for workspace in result.json] == [WIRE_MEMBERS]


def test_an_empty_list_prints_nothing_that_a_script_would_take_for_a_row(ctl: Ctl) -> None:
    result = ctl("list")
    assert (result.code, result.out) == (0, "")
    assert result.err.splitlines() == [
        "There are no workspaces. To make one of this directory: workspacectl create NAME",
        "To make one of each git repository below a directory: workspacectl import --scan DIR",
    ]
    assert ctl("list", "--state", "closed").err == "No workspace is closed: `workspacectl list` shows all.\n"
    assert ctl("list", "--quiet").err == ""
    assert ctl("list", "--json").json == []


def test_show_by_name_and_by_id(ctl: Ctl) -> None:
    made = ctl("create", "Alpha", "/srv/a", "--json").json
    assert ctl("show", made["id"], "--json").json == made
    assert ctl("show", "ALPHA", "--json").json == made
    text = ctl("show", "alpha").out
    assert all(member in text for member in ("Alpha", made["id"], "active", "/srv/a", "revision"))


def test_an_exact_id_wins_over_a_name(ctl: Ctl, daemon: DaemonProcess) -> None:
    first = ctl("create", "first", "/a", "--json").json
    with daemon.client() as client:
        second = client.workspaces.create(first["id"], "/b")
    assert ctl("show", first["id"], "--json").json["name"] == "first"
    ctl("delete", second.id, "--yes")
    assert [each["name"] for each in ctl("list", "--json").json] == ["first"]


def test_show_tells_of_projects(ctl: Ctl, daemon: DaemonProcess) -> None:
    made = ctl("create", "alpha", "/srv/a", "--json").json
    project = {
        "id": "proj_1",
        "workspaceId": made["id"],
        "rootPath": "/srv/a/one",
        "status": "stale",
        "boundAt": 1,
        "gitUrl": "https://example.org/one.git",
    }
    with daemon.client() as client:
        client.call("store.save", {"workspace": {**made, "projects": [project]}})
    assert "  stale   /srv/a/one (cloned from https://example.org/one.git)\n" in ctl("show", "alpha").out
    assert ctl("list").out.splitlines()[1].split()[2] == "1"


def test_what_is_not_found_is_told_with_close_names(ctl: Ctl) -> None:
    ctl("create", "Website", "/a")
    ctl("create", "backend", "/b")
    result = ctl("show", "WEBISTE")
    assert result.code == 1
    assert result.err == (
        "error: There is no workspace with the id or name “WEBISTE”. Did you mean “Website”?\n"
    )
    assert "`workspacectl list` shows all" in ctl("show", "zzz").err
    error = ctl("show", "webiste", "--json").error
    assert (error["code"], error["kind"]) == (1001, "notFound")
    assert "“Website”" in error["message"]


def test_what_is_not_found_among_none(ctl: Ctl) -> None:
    assert "There are none yet: `workspacectl create NAME`" in ctl("show", "alpha").err


def test_rename(ctl: Ctl) -> None:
    made = ctl("create", "alpha", "/a", "--json").json
    assert ctl("rename", "alpha", "beta").out == "Renamed “alpha” to “beta”.\n"
    assert ctl("rename", "beta", "gamma", "--json").json["name"] == "gamma"
    assert ctl("show", "gamma", "--json").json["id"] == made["id"]


def test_rename_to_the_name_it_has_changes_nothing(ctl: Ctl) -> None:
    made = ctl("create", "shop", "/a", "--json").json
    assert ctl("rename", "shop", "shop").out == "“shop” has that name already.\n"
    assert ctl("rename", "shop", "shop", "--json").json == made
    assert ctl("rename", "shop", "Shop").out == "Renamed “shop” to “Shop”.\n"


def test_move(ctl: Ctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = ctl("create", "alpha", "/a", "--json").json
    moved = ctl("move", "ALPHA", str(tmp_path))
    assert (moved.code, moved.out, moved.err) == (0, f"Workspace “alpha” is at {tmp_path} now.\n", "")
    again = ctl("move", "alpha", f"{tmp_path}/sub/..")
    assert (again.code, again.out) == (0, f"Workspace “alpha” is at {tmp_path} already.\n")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    document = ctl("move", made["id"], "--json").json
    assert (document["id"], document["rootPath"]) == (made["id"], os.getcwd())
    assert ctl("path", "alpha").out == f"{os.getcwd()}\n"
    assert ctl("move", "alpha", "/", "--quiet").out == ""


def test_move_warns_where_there_is_no_directory(ctl: Ctl, tmp_path: Path) -> None:
    ctl("create", "alpha", "/")
    result = ctl("move", "alpha", str(tmp_path / "none"), "--quiet")
    assert (result.code, result.out) == (0, "")
    assert result.err == f"warning: {tmp_path}/none can't be used yet: it does not exist.\n"


def test_close_and_open(ctl: Ctl) -> None:
    ctl("create", "alpha", "/a")
    assert ctl("close", "alpha").out == "Closed workspace “alpha”.\n"
    again = ctl("close", "alpha")
    assert (again.code, "it must be active" in again.err) == (1, True)
    assert ctl("open", "alpha").out == "Opened workspace “alpha”.\n"
    assert ctl("close", "alpha", "--json").json["state"] == "closed"
    assert ctl("open", "alpha", "--json").json["state"] == "active"


def test_delete_needs_a_yes_in_a_script(ctl: Ctl) -> None:
    ctl("create", "alpha", "/a")
    for options in ((), ("--json",), ("--quiet",)):
        refused = ctl("delete", "alpha", *options)
        assert (refused.code, refused.out) == (2, "")
        assert "Nothing was deleted. There is no terminal to ask on: add --yes to go on." in refused.err
    assert len(ctl("list", "--json").json) == 1
    assert ctl("delete", "alpha", "--yes").out == "Deleted workspace “alpha”.\n"
    ctl("create", "alpha", "/a")
    assert ctl("delete", "alpha", "--yes", "--json").json is None
    assert ctl("list", "--json").json == []


def test_delete_is_refused_while_somebody_is_at_work(ctl: Ctl, daemon: DaemonProcess) -> None:
    made = ctl("create", "alpha", "/a", "--json").json
    with daemon.client() as client:
        client.sessions.begin(made["id"])
        result = ctl("delete", "alpha", "--yes", "--json")
    assert result.code == 1
    assert (result.error["kind"], result.error["data"]["count"]) == ("activeSessions", 1)


@pytest.mark.parametrize(
    ("keys", "code", "is_left", "told"),
    [
        (b"y\n", 0, False, "Deleted workspace “alpha”."),
        (b"n\n", 1, True, "error: Nothing was deleted."),
        (b"\n", 1, True, "error: Nothing was deleted."),
        (b"\x04", 1, True, "error: Nothing was deleted."),
    ],
)
def test_delete_asks_on_a_terminal(
    ctl: Ctl, daemon: DaemonProcess, tmp_path: Path, keys: bytes, code: int, is_left: bool, told: str
) -> None:
    ctl("create", "alpha", "/srv/a")
    result = run_on_terminal(
        "delete",
        "alpha",
        "--socket",
        str(daemon.socket),
        home=tmp_path,
        at_question=lambda _, terminal: os.write(terminal, keys),
    )
    assert result.out.startswith("Delete workspace “alpha” (/srv/a)? [y/N] ")
    assert told in result.out
    assert result.code == code
    assert bool(ctl("list", "--json").json) == is_left


def test_delete_asks_nothing_with_yes(ctl: Ctl, daemon: DaemonProcess, tmp_path: Path) -> None:
    ctl("create", "alpha", "/srv/a")
    result = run_on_terminal("delete", "alpha", "-y", "--socket", str(daemon.socket), home=tmp_path)
    assert (result.code, result.out) == (0, "Deleted workspace “alpha”.\n")


def test_quiet_commands_say_nothing_when_all_is_well(ctl: Ctl) -> None:
    for arguments in (
        ("create", "alpha", "/"),
        ("close", "alpha"),
        ("open", "alpha"),
        ("update", "alpha", "--tag", "a", "--meta", "k=1"),
        ("rename", "alpha", "beta"),
        ("delete", "beta", "--yes"),
    ):
        result = ctl(*arguments, "--quiet")
        assert (result.code, result.out, result.err) == (0, "", "")
    assert ctl("delete", "beta", "--quiet", "--yes").err != ""


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (".", "A workspace can't be named “.”, which stands for the one around the current directory."),
        ("ws_01JABCDEFGHJKMNPQRSTVWXYZ0", "is no name: it has the form of an id."),
    ],
)
def test_a_name_by_which_no_command_would_find_it_is_refused(ctl: Ctl, name: str, told: str) -> None:
    ctl("create", "alpha", "/a")
    for command in (("create", name), ("rename", "alpha", name)):
        result = ctl(*command)
        assert (result.code, result.out) == (2, "")
        assert told in result.err
    assert [each["name"] for each in ctl("list", "--json").json] == ["alpha"]
