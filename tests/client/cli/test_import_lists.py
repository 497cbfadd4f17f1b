"""`import --from`: the lists of other programs, shown first, applied as one commit, and the second time no change."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from client.cli.workspacectl import Ctl, ctl_for, run_on_terminal
from support.daemon_process import DaemonProcess
from support.git_samples import ISOLATED
from support.hanging_paths import hanging
from support.other_programs import folder, recent_projects, state_database, zoxide_database
from workspaced_client.exchange import directories

COUNTED = "Times of use are not imported: the daemon counts uses of its own."

VISITED = (
    "Of the directories visited, those with version control are taken: `workspacectl create` makes a workspace of any "
    "other."
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the home of a user whose environment says nothing of other places."""
    home = tmp_path.resolve() / "ada"
    for path in ("code/api", "code/web", "work/web", "notes"):
        (home / path).mkdir(parents=True)
    for name, value in ISOLATED.items():
        monkeypatch.setenv(name, value)
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "_ZO_DATA_DIR", "GHQ_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    return home


def in_configuration(home: Path, *parts: str) -> Path:
    """Return the path of a file below the directory for configuration, whose directories exist."""
    base = home / "Library" / "Application Support" if sys.platform == "darwin" else home / ".config"
    path = base.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def stored(ctl: Ctl) -> dict[str, list[str]]:
    listed: list[dict[str, Any]] = ctl("list", "--json").json
    return {each["name"]: [one["rootPath"] for one in each["projects"]] for each in listed}


def test_what_editors_have_opened(ctl: Ctl, daemon: DaemonProcess, home: Path) -> None:
    (home / "file.txt").write_text("")
    code_workspace = home / "code" / "all.code-workspace"
    code_workspace.write_text('{"folders": [{"path": "api"}, {"path": "gone"}]}')
    remote = {"folderUri": "vscode-remote://ssh-remote%2Bbox/srv/api", "remoteAuthority": "ssh-remote+box"}
    opened = [
        folder(home / "code" / "api"),
        remote,
        {"workspace": {"id": "1", "configPath": code_workspace.as_uri()}},
        folder(home / "code" / "web"),
        folder(home / "gone"),
        folder(home / "file.txt"),
        {"fileUri": (home / "file.txt").as_uri()},
    ]
    place = ("User", "globalStorage", "state.vscdb")
    code = state_database(in_configuration(home, "Code", *place), opened)
    cursor = state_database(in_configuration(home, "Cursor", *place), [remote, folder(home / "work" / "web")])
    preview = ctl("import", "--from", "vscode", "--dry-run")
    assert (preview.code, preview.err) == (0, "")
    revision = preview.out.rpartition("revision ")[2].partition(".")[0]
    assert preview.out.splitlines() == [
        f"Read {code}.",
        f"Read {cursor}.",
        "! api  vscode-remote://ssh-remote%2Bbox/srv/api  left out: it is on another machine (ssh-remote+box)",
        f"! 1 file  {code}  left out: a workspace is made of directories",
        f"! gone  {home}/gone  left out: it does not exist",
        f"! file.txt  {home}/file.txt  left out: it is not a directory",
        f"+ api  {home}/code/api",
        f"+ code/web  {home}/code/web",
        f"+ work/web  {home}/work/web",
        f"! all  {home}/code/gone  left out: it does not exist",
        f"+ all  {home}/code",
        f"    + {home}/code/api",
        f"4 workspaces and 4 projects to import, in the store at revision {revision}. 5 left out.",
    ]
    with daemon.client() as client:
        commits = client.daemon.status().commits.count
        assert ctl("import", "--from", "vscode", "--yes").code == 0
        assert client.daemon.status().commits.count == commits + 1
    assert stored(ctl) == {
        "api": [f"{home}/code/api"],
        "code/web": [f"{home}/code/web"],
        "work/web": [f"{home}/work/web"],
        "all": [f"{home}/code/api"],
    }
    again = ctl("import", "--from", "vscode")
    assert again.out.endswith("Nothing to do: everything is in the store already, or left out.\n")
    assert ctl("import", str(cursor)).out.splitlines()[-2] == (
        f"= web  {home}/work/web  it is in “work/web” already"
    )


def test_what_project_manager_has_saved(ctl: Ctl, home: Path) -> None:
    file = home / "synced.json"
    code_workspace = home / "code" / "all.code-workspace"
    code_workspace.write_text('{"folders": [{"path": "api"}, {"path": "web"}]}')
    projects = [
        {"name": "Shop", "rootPath": "$home/code/web", "tags": ["Work", "work", "x" * 65], "enabled": True},
        {"name": "Both", "rootPath": "~/work/web", "paths": ["$home/notes"], "tags": [], "group": "Private"},
        {"name": "Everything", "rootPath": str(code_workspace), "tags": ["Work"]},
        {"name": "Broken", "rootPath": str(home / "none.code-workspace")},
        {"name": "Off", "rootPath": "$home/notes", "enabled": False},
    ]
    file.write_text(json.dumps(projects))
    done = ctl("import", "--from", "project-manager", str(file), "--yes")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[:-2] == [
        f"Read {file}.",
        "! Off  $home/notes  left out: it is disabled in Project Manager",
        f"+ Shop  {home}/code/web",
        "    tags: Work",
        f"    without the tags “{'x' * 20}”: a workspace has at most 32 tags, of 1 to 64 characters",
        f"+ Both  {home}/work/web",
        "    tags: Private",
        f"    + {home}/work/web",
        f"    + {home}/notes",
        f"+ Everything  {home}/code",
        "    tags: Work",
        f"    + {home}/code/api",
        f"    + {home}/code/web",
        f"! Broken  {home}/none.code-workspace  left out: can't be read: No such file or directory",
    ]
    assert {each["name"]: each.get("tags") for each in ctl("list", "--json").json} == {
        "Shop": ["Work"],
        "Both": ["Private"],
        "Everything": ["Work"],
    }
    ctl("update", "Shop", "--untag", "Work")
    assert ctl("import", str(file), "--json").json["changed"] == []


def test_what_jetbrains_programs_have_opened(ctl: Ctl, home: Path) -> None:
    groups = (
        '<option name="groups"><list><ProjectGroup><option name="name" value="Team" />'
        '<option name="projects"><list><option value="$USER_HOME$/code/api" /></list></option>'
        "</ProjectGroup></list></option>"
    )
    info = '<RecentProjectMetaInfo displayName="The API"><option name="activationTimestamp" value="1" /></RecentProjectMetaInfo>'
    newer = in_configuration(home, "JetBrains", "PyCharm2025.1", "options", "recentProjects.xml")
    newer.write_text(recent_projects({"$USER_HOME$/code/api": info, "$USER_HOME$/gone": ""}, groups=groups))
    older = in_configuration(home, "JetBrains", "GoLand2024.3", "options", "recentProjects.xml")
    older.write_text(
        recent_projects({"$USER_HOME$/code/api": "", "$USER_HOME$/gone": "", "$USER_HOME$/notes": ""})
    )
    damaged = in_configuration(home, "Google", "AndroidStudio2024.1", "options", "recentProjects.xml")
    damaged.write_text("<application>")
    done = ctl("import", "--from", "jetbrains", "--yes", "--json").json
    assert [(each["name"], each["rootPath"], each.get("tags", [])) for each in done["added"]] == [
        ("The API", f"{home}/code/api", ["Team"]),
        ("notes", f"{home}/notes", []),
    ]
    assert done["remarks"] == [f"Read {damaged}.", f"Read {older}.", f"Read {newer}.", COUNTED]
    assert [(each["path"], each["reason"]) for each in done["skipped"]] == [
        (str(damaged), "line 1, column 14: the file ends here, in the middle of its XML"),
        (f"{home}/gone", "it does not exist"),
    ]
    assert ctl("import", "--from", "jetbrains", "--json").json["applied"] is False


def test_where_zoxide_has_been(ctl: Ctl, home: Path) -> None:
    for path in ("code/api", "work/web"):
        (home / path / ".git").mkdir()
    file = home / "db.zo"
    file.write_bytes(
        zoxide_database([home / "code", home / "code/api", home / "work/web", home / "gone", "/"])
    )
    done = ctl("import", str(file), "--yes")
    assert done.out.splitlines()[:-2] == [
        f"Read {file}.",
        COUNTED,
        VISITED,
        f"! code  {home}/code  left out: there is no version control in it",
        f"! gone  {home}/gone  left out: it does not exist",
        "! /  /  left out: there is no version control in it",
        f"+ api  {home}/code/api",
        f"+ web  {home}/work/web",
    ]


def test_what_ghq_has_cloned(ctl: Ctl, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in ("one/example.com/ada/web", "two/example.com/bob/web"):
        (home / path / ".git").mkdir(parents=True)
    monkeypatch.setenv("GHQ_ROOT", f"{home}/one:{home}/none:{home}/two")
    done = ctl("import", "--from", "ghq", "--yes")
    assert done.out.splitlines()[:-2] == [
        f"Read {home}/one.",
        f"Read {home}/none.",
        f"Read {home}/two.",
        f"! none  {home}/none  left out: can't be read: No such file or directory",
        f"+ ada/web  {home}/one/example.com/ada/web",
        f"+ bob/web  {home}/two/example.com/bob/web",
    ]
    assert ctl("import", "--from", "ghq", f"{home}/two").out.splitlines()[1:] == [
        f"= web  {home}/two/example.com/bob/web  it is in “bob/web” already",
        "Nothing to do: everything is in the store already.",
    ]


def test_workspace_files_of_one_name_are_told_apart(ctl: Ctl, home: Path) -> None:
    files = [home / part / "app.code-workspace" for part in ("code", "work")]
    for file, path in zip(files, ("api", "web"), strict=True):
        file.write_text(json.dumps({"folders": [{"path": path}, {"path": "gone"}]}))
    opened = [{"workspace": {"id": "1", "configPath": file.as_uri()}} for file in files]
    state = state_database(home / "state.vscdb", opened)
    assert ctl("import", "--from", "vscode", str(state), "--yes").code == 0
    assert stored(ctl) == {
        "app": [f"{home}/code/api"],
        "work/app": [f"{home}/work/web"],
    }
    assert ctl("import", str(state), "--json").json["applied"] is False


def test_all_of_a_list_into_one_workspace(ctl: Ctl, home: Path) -> None:
    xml = home / "recentProjects.xml"
    xml.write_text(
        recent_projects({"$USER_HOME$/code/api": "", "$USER_HOME$/notes": "", "$USER_HOME$/gone": ""})
    )
    made = ctl("import", str(xml), "--into", "all", "--yes", "--json").json
    assert [(each["name"], each["rootPath"]) for each in made["added"]] == [("all", str(home))]
    assert stored(ctl) == {"all": [f"{home}/code/api", f"{home}/notes"]}
    assert ctl("import", str(xml), "--into", "ALL", "--json").json["applied"] is False


def test_a_project_whose_file_system_hangs_holds_up_no_other(
    ctl: Ctl, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = state_database(home / "state.vscdb", [folder("/dead/mount"), folder(home / "notes")])
    monkeypatch.setattr(directories, "_PATIENCE_SECONDS", 0.5)
    with hanging(monkeypatch, Path("/dead/mount")):
        done = ctl("import", str(state), "--yes", "--json").json
    assert [each["reason"] for each in done["skipped"]] == ["its file system gave no answer in time"]
    assert stored(ctl) == {"notes": [f"{home}/notes"]}


def test_texts_of_a_list_are_harmless_on_a_terminal(ctl: Ctl, daemon: DaemonProcess, home: Path) -> None:
    (home / "a\x1b[2Jb").mkdir()
    file = home / "projects.json"
    projects = [
        {"name": "red\x1b[31m", "rootPath": "~/a\x1b[2Jb", "tags": ["\x1b[5mblink"]},
        {"name": "gone\x1b[2J", "rootPath": "~/\x1b[2J"},
    ]
    file.write_text(json.dumps(projects))
    result = run_on_terminal(
        "--socket",
        str(daemon.socket),
        "import",
        str(file),
        home=home,
        at_question=lambda _, terminal: os.write(terminal, b"n\n"),
    )
    assert r"a\x1b[2Jb" in result.out
    assert r"gone\x1b[2J" in result.out
    assert "\x1b[2J" not in result.out
    assert "\x1b[5m" not in result.out
    assert stored(ctl) == {}


def test_wrong_usage_and_other_files(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ctl = ctl_for(tmp_path / "none.sock", capsys)  # where no daemon runs: what is told was seen before
    os.mkfifo(home / "pipe")
    (home / "text").write_text("text")
    (home / "loop").symlink_to("loop")
    for arguments, code, problem in (
        (
            ["--from", "emacs"],
            2,
            "The value of --from is vscode, project-manager, jetbrains, zoxide or ghq, not",
        ),
        (["--from", "ghq", "--scan", "."], 2, "Give --from PROGRAM or --scan DIR, not both."),
        (["--from", "vscode"], 1, f"vscode has no list in its default places: {home}/"),
        (["--from", "ghq"], 1, f"{home}/ghq can't be read: No such file or directory."),
        (["--from", "zoxide", f"{home}/notes"], 1, f"There is no list of zoxide in {home}/notes: no db.zo."),
        (["--from", "zoxide", f"{home}/none"], 1, f"{home}/none can't be read: No such file or directory."),
        (["--from", "jetbrains", f"{home}/pipe"], 1, f"{home}/pipe is not a regular file."),
        (["--from", "vscode", f"{home}/pipe"], 1, f"{home}/pipe is not a regular file."),
        (["--from", "vscode", f"{home}/loop"], 1, f"{home}/loop can't be read: "),
        (
            ["--from", "vscode", f"{home}/text"],
            1,
            f"{home}/text is no list of vscode, which is a database of SQLite",
        ),
        (
            [f"{home}/text"],
            1,
            f"{home}/text is in an unknown format: it is a text that begins with “text”. Known are",
        ),
    ):
        result = ctl("import", *arguments, "--yes")
        assert (result.code, result.out) == (code, ""), arguments
        assert result.err.startswith(f"error: {problem}"), arguments
    hint = ctl("import", "--from", "vscode").err.splitlines()[-1]
    assert hint == "Name another place: workspacectl import --from vscode PATH"
    error = ctl("import", "--from", "vscode", f"{home}/text", "--json").error
    assert (error["kind"], error["data"]["path"]) == ("unusableFile", f"{home}/text")
