"""What an import leaves out: each told with its reason, and without a say in what becomes of the others."""

import json
from pathlib import Path
from typing import Any

import pytest

from client.cli.older_stores import OLDER, older_store
from client.cli.workspacectl import Ctl
from support.documents import without_revision
from support.hanging_paths import hanging
from workspaced_client.exchange import directories


def code_workspace(path: Path, *folders: object) -> str:
    """Write a file of the editor, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"folders": folders}))
    return str(path)


def imported(ctl: Ctl, *arguments: str) -> tuple[dict[str, tuple[str, list[str]]], dict[str, str]]:
    """Import, and return the roots and projects by workspace, and the reasons by what was left out."""
    result: dict[str, Any] = ctl("import", *arguments, "--yes", "--json").json
    stored: list[dict[str, Any]] = ctl("list", "--json").json
    return (
        {each["name"]: (each["rootPath"], [one["rootPath"] for one in each["projects"]]) for each in stored},
        {each["path"]: each["reason"] for each in result["skipped"]},
    )


def test_a_folder_that_is_left_out_does_not_move_the_root(ctl: Ctl, tmp_path: Path) -> None:
    team = tmp_path / "team"
    (team / "app").mkdir(parents=True)
    (tmp_path / "file").write_text("")
    (team / "loop").symlink_to("loop")
    elsewhere = ["/nowhere/lib", str(tmp_path / "gone"), str(tmp_path / "file"), "../../gone", "loop"]
    for number, path in enumerate(elsewhere):
        file = code_workspace(team / f"w{number}.code-workspace", {"path": "app"}, {"path": path})
        stored, left_out = imported(ctl, file)
        assert stored[f"w{number}"] == (str(team), [f"{team}/app"])
        assert len(left_out) == 1
        ctl("delete", f"w{number}", "--yes")


def test_a_file_of_nothing_usable_does_not_move_the_root_of_what_is_brought_together(
    ctl: Ctl, tmp_path: Path
) -> None:
    (tmp_path / "a" / "app").mkdir(parents=True)
    useful = code_workspace(tmp_path / "a" / "x.code-workspace", {"path": "app"})
    useless = code_workspace(tmp_path / "b" / "y.code-workspace", {"path": "gone"})
    stored, left_out = imported(ctl, useless, useful, "--into", "both")
    assert stored == {"both": (f"{tmp_path}/a", [f"{tmp_path}/a/app"])}
    assert left_out == {f"{tmp_path}/b/gone": "it does not exist"}


def test_a_root_is_never_above_the_home(ctl: Ctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home" / "ada"))
    files: list[str] = []
    for name in ("ada/a", "bob/b"):
        (tmp_path / "home" / name / "lib").mkdir(parents=True)
        folders = ({"path": "lib"}, {"path": f"{tmp_path}/home/bob/b/lib"})
        files.append(code_workspace(tmp_path / "home" / name / "x.code-workspace", *folders))
    ada = f"{tmp_path}/home/ada/a"
    both = [f"{ada}/lib", f"{tmp_path}/home/bob/b/lib"]
    assert imported(ctl, files[0])[0] == {"x": (ada, both)}
    assert imported(ctl, *files, "--into", "y")[0]["y"] == (ada, both)


def test_a_file_that_is_only_a_suffix_is_named_as_its_directory(ctl: Ctl, tmp_path: Path) -> None:
    file = code_workspace(tmp_path / "web" / ".code-workspace", {"path": "."})
    web = f"{tmp_path}/web"
    assert imported(ctl, file)[0] == {"web": (web, [web])}
    assert imported(ctl, file, "--into", "shop")[0] == {"web": (web, [web]), "shop": (web, [web])}


def test_paths_of_windows_are_told_as_such_unless_they_are_there(ctl: Ctl, tmp_path: Path) -> None:
    for name in ("app", "with\\backslash"):
        (tmp_path / name).mkdir()
    paths = ["C:\\src\\web", "d:/src", "\\\\server\\share", "..\\lib"]
    file = code_workspace(
        tmp_path / "x.code-workspace",
        *({"path": path} for path in paths),
        {"uri": "file:///c%3A/src"},
        {"path": "app"},
        {"path": "with\\backslash"},
    )
    stored, left_out = imported(ctl, file)
    assert stored == {"x": (str(tmp_path), [f"{tmp_path}/app", f"{tmp_path}/with\\backslash"])}
    assert left_out == dict.fromkeys([*paths, "file:///c%3A/src"], "it is a Windows path")


def test_a_folder_whose_file_system_hangs_holds_up_no_other(
    ctl: Ctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app").mkdir()
    file = code_workspace(tmp_path / "x.code-workspace", {"path": "/dead/mount"}, {"path": "app"})
    monkeypatch.setattr(directories, "_PATIENCE_SECONDS", 0.5)
    with hanging(monkeypatch, Path("/dead/mount")):
        stored, left_out = imported(ctl, file)
    assert stored == {"x": (str(tmp_path), [f"{tmp_path}/app"])}
    assert left_out == {"/dead/mount": "its file system gave no answer in time"}


def test_wrong_entries_of_every_kind_cost_no_other(ctl: Ctl, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "link").symlink_to("app")
    wrong = [None, 5, "app", {}, {"path": 5}, {"uri": "vscode-remote://box/srv"}]
    file = code_workspace(
        tmp_path / "x.code-workspace", {"path": "app"}, *wrong, {"path": "link"}, {"path": "."}
    )
    result = ctl("import", file, "--yes")
    assert result.code == 0
    assert result.out.splitlines()[:2] == [
        "! x  null  left out: `folders[1]` must be an object (line 1, column 31)",
        "! x  5  left out: `folders[2]` must be an object (line 1, column 37)",
    ]
    assert "6 left out." in result.out
    assert imported(ctl, file)[0] == {"x": (str(tmp_path), [f"{tmp_path}/app", str(tmp_path)])}


def test_one_project_or_workspace_of_an_older_store_costs_no_other(ctl: Ctl, tmp_path: Path) -> None:
    broken = {**OLDER[1]["projects"][0], "status": "lost"}
    workspaces = [
        {**OLDER[0], "state": "aktive"},
        {**OLDER[1], "projects": [broken, OLDER[1]["projects"][1]]},
        OLDER[2],
    ]
    result = ctl("import", str(older_store(tmp_path / "old", workspaces)), "--yes", "--json").json
    assert without_revision(ctl("list", "--json").json) == [
        {**OLDER[1], "projects": [OLDER[1]["projects"][1]]},
        OLDER[2],
    ]
    assert [(each["name"], each["path"]) for each in result["skipped"]] == [
        (OLDER[0]["name"], OLDER[0]["rootPath"]),
        (OLDER[1]["name"], broken["rootPath"]),
    ]
    assert result["skipped"][0]["reason"].startswith("`workspaces[0].state` is wrong: “")
    assert result["skipped"][1]["reason"].startswith("`workspaces[1].projects[0].status` is wrong: “")


def test_a_name_that_is_taken_stops_no_other_file(ctl: Ctl, tmp_path: Path) -> None:
    ctl("create", "taken", "/srv/other")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    files = [
        code_workspace(tmp_path / "a" / "TAKEN.code-workspace", {"path": "."}),
        code_workspace(tmp_path / "b" / "free.code-workspace", {"path": "."}),
    ]
    stored, left_out = imported(ctl, *files)
    assert stored["free"] == (f"{tmp_path}/b", [f"{tmp_path}/b"])
    assert left_out[f"{tmp_path}/a"].startswith("the name is taken by")


def test_a_name_that_create_would_refuse_or_trim_is_told_in_the_plan(ctl: Ctl, tmp_path: Path) -> None:
    names = ["  trimmed ", "a\tb\x1b[2J", "\u200b\0"]
    named = [{**each, "name": name} for each, name in zip(OLDER, names, strict=True)]
    store = str(older_store(tmp_path / "old", named))
    preview = ctl("import", store, "--dry-run").out
    assert "    named “  trimmed ” there; the white space at the ends is left out" in preview
    assert r"    named “a\tb\x1b[2J” there; control characters became a space" in preview
    assert "has a name that shows nothing: give it one in the file" in preview
    result: dict[str, Any] = ctl("import", store, "--yes", "--json").json
    assert [each["name"] for each in result["added"]] == ["trimmed", "a b [2J"]
    assert [each["name"] for each in result["notes"]] == ["trimmed", "a b [2J"]
    assert len(result["skipped"]) == 1
    assert ctl("import", store, "--yes", "--json").json["added"] == []
