"""The commands on copies of the store: what they show, ask, refuse and change."""

import json
import os
import shutil
from pathlib import Path

import pytest

from client.cli.workspacectl import Ctl, ctl_for, run_on_terminal
from support.daemon_process import DaemonProcess, running_daemon
from support.documents import store_text, verified, workspace_json


@pytest.fixture
def ctl(ctl: Ctl) -> Ctl:
    """Three workspaces: alpha, beta (closed) and gamma."""
    for name in ("alpha", "beta", "gamma"):
        ctl("create", name, f"/srv/{name}")
    ctl("close", "beta")
    return ctl


def names(ctl: Ctl) -> list[str]:
    return sorted(each["name"] for each in ctl("list", "--json").json)


@pytest.mark.requirement("FR-005")
def test_a_backup_is_a_whole_store_at_the_path_given(
    ctl: Ctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = ctl("backup", "mine.json")
    kept = verified(tmp_path / "mine.json")
    assert result.code == 0
    assert result.out == f"Copied the store at revision {kept['revision']} to {tmp_path / 'mine.json'}.\n"
    assert [each["name"] for each in kept["workspaces"]] == ["alpha", "beta", "gamma"]
    again = ctl("backup", "mine.json")
    assert (again.code, again.out) == (1, "")
    assert f"{tmp_path / 'mine.json'} already exists" in again.err
    assert verified(tmp_path / "mine.json") == kept


def test_a_backup_without_a_path_is_listed_and_restored_by_its_name(ctl: Ctl, daemon: DaemonProcess) -> None:
    path = Path(ctl("backup", "--quiet").out.strip())
    assert path.parent == daemon.data_dir / "backups"
    revision = str(verified(path)["revision"])
    header, *rows = ctl("backups").out.splitlines()
    assert header.split() == ["NAME", "MADE", "REVISION"]
    # Of the second that this fixture fills, there may be others.
    assert [path.name, revision] in [[row.split()[0], row.split()[-1]] for row in rows]
    assert path.name in [each["name"] for each in ctl("backups", "--json").json]
    ctl("delete", "alpha", "--yes")
    assert ctl("restore", path.name, "--yes", "--quiet").out == ""
    assert names(ctl) == ["alpha", "beta", "gamma"]


@pytest.mark.requirement("FR-005", "FR-007")
def test_a_restore_shows_what_it_changes_and_keeps_what_was(
    ctl: Ctl, daemon: DaemonProcess, tmp_path: Path
) -> None:
    copy = str(tmp_path / "copy.json")
    ctl("backup", copy)
    ctl("delete", "gamma", "--yes")
    ctl("rename", "alpha", "omega")
    ctl("open", "beta")
    ctl("create", "delta", "/srv/delta")
    before = verified(daemon.data_dir / "workspaces.json")
    preview = ctl("restore", copy, "--dry-run")
    assert preview.code == 0
    assert preview.out.splitlines() == [
        "+ gamma  /srv/gamma (active)",
        "- delta  /srv/delta (active)",
        "~ alpha  name: omega -> alpha",
        "~ beta  state: active -> closed",
        f"1 workspace to add, 1 to remove, 2 to change, in the store at revision {before['revision']}.",
    ]
    assert verified(daemon.data_dir / "workspaces.json") == before
    done = ctl("restore", copy, "--yes")
    assert done.code == 0
    *shown, last = done.out.splitlines()
    assert shown == preview.out.splitlines()
    assert f"The old content is kept in {daemon.data_dir / 'quarantine'}." in last
    assert names(ctl) == ["alpha", "beta", "gamma"]
    kept = sorted((daemon.data_dir / "quarantine").glob("*before-restore*"))
    assert verified(kept[-1]) == before
    again = ctl("restore", copy)
    assert (again.code, again.err) == (0, "")
    assert again.out.startswith("Nothing would change: the store holds the same, at revision ")


def test_projects_are_part_of_the_comparison(ctl: Ctl, daemon: DaemonProcess, tmp_path: Path) -> None:
    kept, gone = tmp_path / "kept", tmp_path / "gone"
    kept.mkdir()
    gone.mkdir()
    with daemon.client() as client:
        alpha = client.workspaces.get(name="alpha")
        bound = client.projects.bind(alpha.id, gone)
        ctl("backup", str(tmp_path / "copy.json"))
        client.projects.unbind(alpha.id, bound.projects[0].id)
        client.projects.bind(alpha.id, kept)
    first = ctl("restore", str(tmp_path / "copy.json"), "--dry-run").out.splitlines()[0]
    assert first == f"~ alpha  project +{gone}; project -{kept}"


def test_as_json_a_restore_gives_what_it_changed(ctl: Ctl, tmp_path: Path) -> None:
    copy = str(tmp_path / "copy.json")
    ctl("backup", copy)
    ctl("delete", "gamma", "--yes")
    preview = ctl("restore", copy, "--dry-run", "--json")
    done = ctl("restore", copy, "--yes", "--json")
    for result, applied in ((preview, False), (done, True)):
        assert result.err == ""
        assert result.json["applied"] is applied
        assert [each["name"] for each in result.json["added"]] == ["gamma"]
        assert (result.json["changed"], result.json["removed"]) == ([], [])
    assert done.json["revision"] == preview.json["revision"] + 1


def test_with_nobody_to_ask_nothing_is_restored(ctl: Ctl, tmp_path: Path) -> None:
    copy = str(tmp_path / "copy.json")
    ctl("backup", copy)
    ctl("delete", "gamma", "--yes")
    result = ctl("restore", copy)
    assert result.code == 2
    assert "--yes" in result.err
    assert names(ctl) == ["alpha", "beta"]


@pytest.mark.parametrize(("answer", "code", "left"), [("y", 0, 3), ("n", 1, 2), ("", 1, 2)])
def test_on_a_terminal_a_restore_asks(
    ctl: Ctl, daemon: DaemonProcess, tmp_path: Path, answer: str, code: int, left: int
) -> None:
    ctl("backup", str(tmp_path / "copy.json"))
    ctl("delete", "gamma", "--yes")
    result = run_on_terminal(
        "--socket",
        str(daemon.socket),
        "restore",
        str(tmp_path / "copy.json"),
        home=tmp_path,
        at_question=lambda _, terminal: os.write(terminal, f"{answer}\n".encode()),
    )
    assert result.code == code
    assert "gamma" in result.out.partition("[y/N]")[0]
    assert len(names(ctl)) == left


NO_STORES = {
    "damaged": (
        store_text([workspace_json(1)]).replace("repo-1", "repo-2"),
        " is damaged, or not a store file",
    ),
    "cut": (
        store_text([workspace_json(1)])[:-50],
        ", line 3, column 15: the string that begins here has no end.",
    ),
    "something else": ("hello", " is not JSON."),
    "no store": ("{}", " is damaged, or not a store file"),
    "newer": (store_text([workspace_json(1)], version=4), " was written by a newer release"),
}


@pytest.mark.requirement("FR-006")
@pytest.mark.parametrize("case", NO_STORES)
def test_what_is_no_backup_is_refused_and_changes_nothing(
    ctl: Ctl, daemon: DaemonProcess, tmp_path: Path, case: str
) -> None:
    text, reason = NO_STORES[case]
    path = tmp_path / "copy.json"
    path.write_text(text)
    before = verified(daemon.data_dir / "workspaces.json")
    result = ctl("restore", str(path), "--yes")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"error: {path}{reason}")
    assert verified(daemon.data_dir / "workspaces.json") == before


def test_a_backup_that_is_not_there_is_named(ctl: Ctl, daemon: DaemonProcess, tmp_path: Path) -> None:
    by_name = ctl("restore", "no-such", "--yes")
    assert by_name.code == 1
    assert f"There is no backup {daemon.data_dir / 'backups' / 'no-such'}" in by_name.err
    by_path = ctl("restore", str(tmp_path / "no-such"), "--yes", "--json")
    assert by_path.code == 1
    assert str(tmp_path / "no-such") in by_path.error["message"]


def test_a_file_in_the_place_of_the_backups_is_told_with_the_way_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running_daemon(tmp_path) as daemon:
        ctl = ctl_for(daemon.socket, capsys)
        backups = daemon.data_dir / "backups"
        if backups.exists():
            shutil.rmtree(backups)
        backups.write_text("")
        for arguments in (("restore", "x"), ("restore", "x", "--dry-run"), ("backups",), ("backup",)):
            result = ctl(*arguments)
            assert result.code == 1
            assert f"{backups} is not a directory; move it away" in result.err
        assert ctl("restore", "x").err.endswith(", or give the path of a store file.\n")
        told = f"{backups}/x can't be read (Not a directory): check the path and its permissions, or name another file.\n"
        assert ctl("restore", f"{backups}/x").err == f"error: {told}"
        assert ctl("recovery", "salvage", "--from", f"{backups}/x").err.endswith(told)


def test_a_session_keeps_its_workspace_from_being_removed(
    ctl: Ctl, daemon: DaemonProcess, tmp_path: Path
) -> None:
    ctl("backup", str(tmp_path / "copy.json"))
    ctl("create", "delta", "/srv/delta")
    with daemon.client() as client:
        client.sessions.begin(client.workspaces.get(name="delta").id)
        result = ctl("restore", str(tmp_path / "copy.json"), "--yes", "--json")
        assert result.code == 1
        assert result.error["kind"] == "activeSessions"
        assert names(ctl) == ["alpha", "beta", "delta", "gamma"]


def test_a_store_of_version_1_is_restored(ctl: Ctl, tmp_path: Path) -> None:
    old = workspace_json(1)
    del old["revision"]
    path = tmp_path / "old.json"
    path.write_text(json.dumps({"version": 1, "workspaces": [old]}))
    assert ctl("restore", str(path), "--yes").code == 0
    assert names(ctl) == [old["name"]]
