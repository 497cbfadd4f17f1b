"""`workspacectl delete` of several workspaces, and `workspacectl undelete`."""

from pathlib import Path

import pytest

from client.cli.workspacectl import Ctl
from support.daemon_process import DaemonProcess
from workspaced_client import ActiveSessions


@pytest.fixture
def names(daemon: DaemonProcess, ctl: Ctl) -> tuple[str, ...]:
    names = ("one", "two", "three")
    with daemon.client() as client:
        for name in names:
            client.workspaces.create(name, f"/srv/{name}")
    return names


def listed(ctl: Ctl) -> list[str]:
    return [each["name"] for each in ctl("list", "--json").json]


def test_several_are_deleted_in_one_commit(ctl: Ctl, daemon: DaemonProcess, names: tuple[str, ...]) -> None:
    with daemon.client() as client:
        commits = client.daemon.status().commits.count
        result = ctl("delete", "ONE", "two", "one", "--yes")
        assert client.daemon.status().commits.count == commits + 1
    assert (result.code, result.out) == (0, "Deleted 2 workspaces: “one”, “two”.\n")
    assert listed(ctl) == ["three"]


@pytest.mark.usefixtures("names")
def test_none_is_deleted_where_one_has_sessions(ctl: Ctl, daemon: DaemonProcess) -> None:
    with daemon.client() as client:
        client.sessions.begin(client.workspaces.get(name="two").id)
        result = ctl("delete", "one", "two", "--yes", "--json")
    assert (result.code, result.error["code"]) == (1, ActiveSessions.expected_code)
    assert result.error["message"].startswith("Nothing was deleted. Workspace “two” has 1 active session")
    assert listed(ctl) == ["one", "two", "three"]


@pytest.mark.parametrize("given", [("one", "tw"), ("one", "."), ("one", "never"), ()])
@pytest.mark.usefixtures("names")
def test_whole_names_alone_are_taken(ctl: Ctl, given: tuple[str, ...]) -> None:
    result = ctl("delete", *given, "--yes")
    assert result.code == (1 if given else 2)
    assert listed(ctl) == ["one", "two", "three"]


@pytest.mark.usefixtures("names")
def test_undelete_takes_the_last_of_a_name(ctl: Ctl, daemon: DaemonProcess, tmp_path: Path) -> None:
    with daemon.client() as client:
        first = client.workspaces.get(name="one")
        client.workspaces.delete(first.id)
        again = client.workspaces.create("One", "/srv/again")
        bound = client.projects.bind(again.id, tmp_path)
        client.workspaces.delete(again.id)
    result = ctl("undelete", "one")
    assert (result.code, result.out) == (0, "Brought back: One  /srv/again (active, 1 project)\n")
    assert f"This is the last one; the others: {first.id}" in result.err
    assert ctl("show", "one", "--json").json["projects"][0]["id"] == bound.projects[0].id
    taken = ctl("undelete", first.id)
    assert (taken.code, f"workspacectl rename {again.id} NEW_NAME" in taken.err) == (1, True)
    assert ctl("rename", "one", "other").code == 0
    assert ctl("undelete", "one").out == "Brought back: one  /srv/one (active)\n"


@pytest.mark.parametrize("given", ["living", "never"])
def test_what_is_not_deleted_is_not_brought_back(ctl: Ctl, given: str) -> None:
    ctl("create", "living", "/srv/living")
    result = ctl("undelete", given)
    assert result.code == 1
    assert f"error: No deleted workspace has the id or name “{given}”: the history reaches back" in result.err


@pytest.mark.usefixtures("names")
def test_log_is_of_the_workspace_here_or_of_all(
    ctl: Ctl, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    outside = ctl("log", "--json").json
    assert outside == ctl("log", "--all", "--json").json
    ctl("create", "here")
    assert [each["name"] for each in ctl("history", "--json").json] == ["here"]
    assert len(ctl("log", "--all", "--json").json) == min(20, len(outside) + 1)
    assert ctl("log", "here", "--all").code == 2


def test_an_undo_shows_each_field_before_and_after(ctl: Ctl, tmp_path: Path) -> None:
    ctl("create", "shop", "/srv/shop", "--tag", "web")
    ctl("bind", "shop", str(tmp_path))
    ctl("delete", "shop", "--yes")
    result = ctl("undo", "--dry-run")
    assert result.code == 0
    assert result.out.splitlines()[1:] == [
        "+ name      shop",
        "+ path      /srv/shop",
        "+ state     active",
        "+ tag       web",
        f"+ project   {tmp_path} (active)",
    ]
    assert listed(ctl) == []
    assert ctl("undo", "--yes").code == 0
    assert listed(ctl) == ["shop"]
    assert ctl("undo", "--yes").code == 0
    assert listed(ctl) == []


def test_open_of_an_open_workspace_checks_its_projects(ctl: Ctl, tmp_path: Path) -> None:
    project = tmp_path / "web"
    project.mkdir()
    ctl("create", "shop", "/srv/shop")
    ctl("bind", "shop", str(project))
    assert ctl("open", "shop").out == "Workspace “shop” is open already.\n"
    project.rmdir()
    result = ctl("open", "shop")
    assert result.code == 0
    assert result.out == f"Workspace “shop” is open already. 1 project can't be reached: {project}\n"
    assert ctl("list").out.splitlines()[0].split()[:4] == ["NAME", "STATE", "PROJECTS", "STALE"]
    assert ctl("list", "--format", "{name} {stale}").out == "shop 1\n"
