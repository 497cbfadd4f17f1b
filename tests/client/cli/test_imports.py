"""The command `import`: shown first, applied as one commit, and with nothing to do the second time."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from client.cli.older_stores import OLDER, older_store
from client.cli.workspacectl import Ctl, run_on_terminal
from support.daemon_process import DaemonProcess
from support.documents import verified, without_revision, workspace_json


def stored(ctl: Ctl) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = ctl("list", "--json").json
    return listed


def file_of(daemon: DaemonProcess) -> dict[str, Any]:
    return verified(daemon.data_dir / "workspaces.json")


def repository(path: Path) -> Path:
    (path / ".git").mkdir(parents=True)
    (path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    return path


@pytest.mark.requirement("FR-005")
def test_an_older_store_is_shown_then_imported_whole_in_one_commit(
    ctl: Ctl, daemon: DaemonProcess, tmp_path: Path
) -> None:
    directory = str(older_store(tmp_path / "old"))
    ctl("create", "mine", "/srv/mine")
    before = file_of(daemon)
    preview = ctl("import", directory, "--dry-run")
    assert preview.code == 0
    assert preview.out.splitlines() == [
        *(f"+ {each['name']}  {each['rootPath']} (2 projects)" for each in OLDER),
        f"3 workspaces and 6 projects to import, in the store at revision {before['revision']}.",
    ]
    assert file_of(daemon) == before
    with daemon.client() as client:
        commits = client.daemon.status().commits.count
        done = ctl("import", directory, "--yes")
        assert client.daemon.status().commits.count == commits + 1
    revision = before["revision"] + 3
    assert done.code == 0
    assert (
        done.out
        == preview.out + f"Imported 3 workspaces and 6 projects: the store is at revision {revision}.\n"
    )
    assert [each for each in without_revision(stored(ctl)) if each["name"] != "mine"] == OLDER
    after = file_of(daemon)
    again = ctl("import", directory)
    assert (again.code, again.err) == (0, "")
    assert again.out.splitlines() == [
        *(f"= {each['name']}  {each['rootPath']}  it is there already" for each in OLDER),
        "Nothing to do: everything is in the store already.",
    ]
    assert file_of(daemon) == after


def test_what_can_not_be_imported_is_told_and_the_rest_is(ctl: Ctl, tmp_path: Path) -> None:
    taken = ctl("create", OLDER[1]["name"].upper(), "/srv/other", "--json").json
    workspaces = [{**OLDER[0], "color": "red"}, OLDER[1], {**OLDER[2], "state": "deleted"}]
    directory = older_store(tmp_path / "old", workspaces)
    done = ctl("import", str(directory), "--yes", "--json")
    assert done.code == 0
    assert done.err == (
        f"warning: {directory}/workspaces.json has unknown members, which are not imported: "
        "workspaces[0].color\n"
    )
    assert done.json["applied"] is True
    assert (done.json["changed"], done.json["present"]) == ([], [])
    assert done.json["added"] == [each for each in stored(ctl) if each["id"] == OLDER[0]["id"]]
    assert done.json["added"][0]["revision"] == done.json["revision"]
    assert done.json["skipped"] == [
        {
            "name": OLDER[1]["name"],
            "path": OLDER[1]["rootPath"],
            "reason": f"the name is taken by “{taken['name']}” at /srv/other",
        },
        {"name": OLDER[2]["name"], "path": OLDER[2]["rootPath"], "reason": "it was deleted"},
    ]
    again = ctl("import", str(directory))
    assert "! " in again.out
    assert again.out.endswith("Nothing to do: everything is in the store already, or left out.\n")
    assert ctl("import", str(directory), "--json").json["applied"] is False


FILE = """// The shop, in parts.
{
    "folders": [
        { "path": "web", "name": "Web" },
        { "path": "../elsewhere/api", }, /* beside it */
        { "path": "gone" },
        { "uri": "vscode-remote://box/srv" },
    ],
    "settings": {},
}
"""


def test_a_code_workspace_is_imported_and_what_is_added_to_it_later(ctl: Ctl, tmp_path: Path) -> None:
    code = tmp_path / "code"
    for path in (code / "web", tmp_path / "elsewhere" / "real", code / "new"):
        path.mkdir(parents=True)
    (tmp_path / "elsewhere" / "api").symlink_to("real")
    file = code / "shop.code-workspace"
    file.write_text(FILE)
    done = ctl("import", str(file), "--yes")
    assert done.code == 0
    assert done.out.splitlines()[:-1] == [
        "! shop  vscode-remote://box/srv  left out: it is not a folder on this machine",
        f"! shop  {code}/gone  left out: it does not exist",
        f"+ shop  {tmp_path}",
        f"    + {code}/web",
        f"    + {tmp_path}/elsewhere/real",
        f"1 workspace and 2 projects to import, in the store at revision {stored(ctl)[0]['revision'] - 1}. 2 left out.",
    ]
    (shop,) = stored(ctl)
    assert [each["rootPath"] for each in shop["projects"]] == [f"{code}/web", f"{tmp_path}/elsewhere/real"]
    assert ctl("import", str(file)).out.endswith("everything is in the store already, or left out.\n")
    file.write_text(FILE.replace("gone", "new"))
    more = ctl("import", str(file), "--yes").out.splitlines()
    assert more[1:3] == [f"~ shop  {tmp_path}", f"    + {code}/new"]
    assert more[-1].startswith("Imported 1 project: ")
    ctl("rename", "shop", "store")
    for path in (code / "web", code / "new"):
        path.rmdir()
    assert ctl("import", str(file)).code == 0
    assert [len(each["projects"]) for each in stored(ctl)] == [3]


def test_files_of_one_name_are_kept_apart_or_brought_together(ctl: Ctl, tmp_path: Path) -> None:
    files: list[str] = []
    for part in ("a", "b"):
        (tmp_path / part).mkdir()
        file = tmp_path / part / "code.code-workspace"
        file.write_text('{"folders": [{"path": "."}]}')
        files.append(str(file))
    apart = ctl("import", *files, "--dry-run", "--json").json
    assert [each["rootPath"] for each in apart["added"]] == [f"{tmp_path}/a"]
    assert apart["skipped"][0]["path"] == f"{tmp_path}/b"
    assert "the name is taken by" in apart["skipped"][0]["reason"]
    together = ctl("import", *files, "--into", "both", "--yes", "--json").json
    assert [each["rootPath"] for each in together["added"]] == [str(tmp_path)]
    assert [each["rootPath"] for each in together["added"][0]["projects"]] == [
        f"{tmp_path}/a",
        f"{tmp_path}/b",
    ]
    assert ctl("import", *files, "--into", "BOTH").out.endswith("everything is in the store already.\n")


def test_a_scan_makes_a_workspace_of_each_repository(ctl: Ctl, tmp_path: Path) -> None:
    code = tmp_path / "code"
    for path in ("api", "x/web", "y/web", "node_modules/z", "api/inner"):
        repository(code / path)
    (tmp_path / "link").symlink_to(code)
    done = ctl("import", "--scan", str(tmp_path / "link"), "--yes")
    assert done.code == 0
    assert done.out.splitlines()[:3] == [
        f"+ api  {code}/api",
        f"+ x/web  {code}/x/web",
        f"+ y/web  {code}/y/web",
    ]
    found = stored(ctl)
    assert {each["name"]: each["rootPath"] for each in found} == {
        name: f"{code}/{name}" for name in ("api", "x/web", "y/web")
    }
    assert [[one["rootPath"] for one in each["projects"]] for each in found] == [
        [each["rootPath"]] for each in found
    ]
    again = ctl("import", "--scan", str(code))
    assert f"= api  {code}/api  it is in “api” already" in again.out.splitlines()
    assert again.out.endswith("Nothing to do: everything is in the store already.\n")
    assert stored(ctl) == found


def test_the_name_in_the_reason_is_harmless_for_a_terminal(
    ctl: Ctl, daemon: DaemonProcess, tmp_path: Path
) -> None:
    repository(tmp_path / "code" / "api")
    assert ctl("import", "--scan", str(tmp_path / "code"), "--yes").code == 0
    (made,) = stored(ctl)
    with daemon.client() as client:
        found = client.store.get_by_id(made["id"])
        assert found is not None
        client.store.save(structs.replace(found, name="a\x1b[2J\u3164\nb"))
    out = ctl("import", "--scan", str(tmp_path / "code")).out
    assert r"  it is in “a\x1b[2J\u3164\nb” already" in out.splitlines()[0]
    assert "\x1b" not in out


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no name that is not UTF-8")
def test_paths_that_no_json_can_hold_are_left_out(ctl: Ctl, tmp_path: Path) -> None:
    repository(tmp_path / "caf\udce9")
    result = ctl("import", "--scan", str(tmp_path), "--yes")
    assert result.code == 0
    assert result.out.splitlines()[0].endswith("/caf\\udce9  left out: its path is not UTF-8")
    file = tmp_path / "caf\udce9" / "x.code-workspace"
    file.write_text('{"folders": [{"path": "."}]}')
    folder = ctl("import", str(file), "--yes", "--json").json
    assert [each["reason"] for each in folder["skipped"]] == ["its path is not UTF-8"]
    assert stored(ctl) == []


def test_a_scan_into_one_workspace(ctl: Ctl, tmp_path: Path) -> None:
    for path in ("api", "web"):
        repository(tmp_path / path)
    root = os.path.realpath(tmp_path)
    made = ctl("import", "--scan", str(tmp_path), "--into", "all", "--yes", "--json").json
    assert [(each["name"], each["rootPath"]) for each in made["added"]] == [("all", root)]
    repository(tmp_path / "more")
    grown = ctl("import", "--scan", str(tmp_path), "--into", made["added"][0]["id"], "--yes", "--json").json
    assert [each["rootPath"] for each in grown["changed"][0]["projects"]] == [
        f"{root}/{name}" for name in ("api", "web", "more")
    ]
    again = ctl("import", "--scan", str(tmp_path), "--into", "All", "--yes", "--json").json
    assert (again["applied"], again["added"], again["changed"]) == (False, [], [])
    assert [each["name"] for each in again["present"]] == ["all"]


def test_a_directory_without_repositories(ctl: Ctl, tmp_path: Path) -> None:
    result = ctl("import", "--scan", str(tmp_path), "--yes")
    assert (result.code, result.out) == (
        0,
        "Nothing to do: found nothing to import.\n",
    )


def test_more_than_one_commit_takes_is_refused_whole(ctl: Ctl, tmp_path: Path) -> None:
    path = tmp_path / "much.json"
    many = [workspace_json(number, 1, rootPath="/" + "x" * 200_000) for number in range(6)]
    path.write_text(json.dumps(without_revision(many)))
    result = ctl("import", str(path), "--yes", "--quiet")
    assert result.code == 1
    assert result.err.startswith(
        "error: Nothing was imported: 6 workspaces and 6 projects are too many for one commit."
    )
    assert "max_line_bytes" in result.err
    assert stored(ctl) == []


def test_a_change_after_the_preview_is_noticed(
    ctl: Ctl, daemon: DaemonProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change_then_agree(question: str, *, declined: str) -> None:
        with daemon.client() as client:
            client.workspaces.create("between", "/srv/between")

    monkeypatch.setattr("workspaced_client.cli.import_.require_yes", change_then_agree)
    result = ctl("import", str(older_store(tmp_path / "old")))
    assert result.code == 1
    assert "Nothing was imported: the store has changed in the meantime" in result.err
    assert [each["name"] for each in stored(ctl)] == ["between"]


def test_with_nobody_to_ask_nothing_is_imported(ctl: Ctl, tmp_path: Path) -> None:
    result = ctl("import", str(older_store(tmp_path / "old")))
    assert result.code == 2
    assert result.err.startswith("error: Nothing was imported. There is no terminal to ask on: add --yes")
    assert stored(ctl) == []


def test_a_directory_that_can_not_be_scanned_is_named(ctl: Ctl, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for name, problem in (("none", "No such file or directory"), ("file", "Not a directory")):
        result = ctl("import", "--scan", str(tmp_path / name), "--yes")
        assert (result.code, result.out) == (1, "")
        assert result.err == f"error: {tmp_path / name} can't be read: {problem}.\n"


def test_on_a_terminal_a_scan_shows_how_far_it_is_and_asks(
    ctl: Ctl, daemon: DaemonProcess, tmp_path: Path
) -> None:
    for number in range(120):
        (tmp_path / f"group{number}").mkdir()
    repository(tmp_path / "api")
    result = run_on_terminal(
        "--socket",
        str(daemon.socket),
        "import",
        "--scan",
        str(tmp_path),
        home=tmp_path,
        at_question=lambda _, terminal: os.write(terminal, b"n\n"),
    )
    assert result.code == 1
    assert "100 directories, 1 git repository" in result.out
    assert "+ api  ~/api" in result.out
    assert "Nothing was imported." in result.out
    assert stored(ctl) == []
