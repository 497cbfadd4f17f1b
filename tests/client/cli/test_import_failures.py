"""What `import` refuses before it asks the daemon for anything: damaged files, and wrong usage."""

import os
from pathlib import Path

import pytest

from client.cli.older_stores import OLDER, older_store
from client.cli.workspacectl import Ctl, ctl_for
from support.documents import store_text, version_1_text


@pytest.fixture
def ctl(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ctl:
    """Where no daemon runs: what is told is of the files, so nothing was begun."""
    return ctl_for(tmp_path / "none.sock", capsys)


SNAPSHOT_HINT = "The snapshot beside it is valid: workspacectl import "
GOOD = version_1_text(OLDER, ascii_only=True)
DAMAGED = {
    "damaged.code-workspace": (
        '{\n  "folders": {"path": 5}}',
        "line 2, column 14: `folders` must be a list.",
    ),
    "cut.code-workspace": (
        '{\n  "folders": [',
        "line 2, column 15: the file ends here, in the middle of its JSON.",
    ),
    "cut.json": (GOOD[: GOOD.index('"closed"')], "the file ends here, in the middle of its JSON."),
    "changed.json": (
        GOOD.replace("closed", "clozed", 1),
        "`workspaces[1].state` is wrong: “",
    ),
    "renamed.json": (
        GOOD.replace("repo-1", "repo-2", 1),
        "is damaged: its checksum does not match its content",
    ),
    "newer.json": (store_text([]), "is a store of workspaced itself: restore it with `workspacectl restore`"),
    "else.json": (
        "{}",
        "is in an unknown format: it is JSON: an object with no members. Known are an older app's",
    ),
    "pages.html": (
        "<html><p></html>",
        "is in an unknown format: it is XML, and begins with <html>. Known are",
    ),
    "workspaces.yaml": (
        "workspaces:\n- name: shop\n",
        "it is a text that begins with “workspaces:”. Known are",
    ),
    "workspaces.toml": ("[shop]\npath = '/srv'\n", "it is a text that begins with “[shop]”. Known are"),
    "projects.json": (
        '[{"path": "/srv"}]',
        "it is JSON: a list, whose first item is an object with `path`. Known",
    ),
    "yaml.code-workspace": (
        "folders: []",
        "is in an unknown format: VS Code's .code-workspace files are JSON.",
    ),
}


@pytest.mark.requirement("FR-006")
@pytest.mark.parametrize("name", DAMAGED)
def test_a_file_that_is_damaged_is_named_with_the_place(ctl: Ctl, tmp_path: Path, name: str) -> None:
    text, problem = DAMAGED[name]
    path = tmp_path / name
    path.write_text(text)
    good = older_store(tmp_path / "old")
    result = ctl("import", str(good), str(path), "--yes")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"error: {path}")
    assert problem in result.err
    as_json = ctl("import", str(path), "--yes", "--json").error
    assert (as_json["kind"], as_json["data"]["path"]) == ("unusableFile", str(path))


def test_the_snapshot_of_a_damaged_store_is_named(ctl: Ctl, tmp_path: Path) -> None:
    directory = older_store(tmp_path / "old")
    (directory / "workspaces.json").write_bytes(b"")
    result = ctl("import", str(directory), "--yes")
    snapshot = f"{directory}/workspaces.snapshot.json"
    assert (result.code, result.err) == (
        1,
        f"error: {directory}/workspaces.json is empty.\n{SNAPSHOT_HINT}{snapshot}\n",
    )
    assert ctl("import", snapshot, "--yes", "--json").error["kind"] == "notRunning"
    (directory / "workspaces.snapshot.json").write_text("{")
    assert SNAPSHOT_HINT not in ctl("import", str(directory), "--yes").err


@pytest.mark.parametrize("version", ["4", '"1.0"'])
def test_the_version_of_a_store_that_can_not_be_imported_is_told(
    ctl: Ctl, tmp_path: Path, version: str
) -> None:
    file = tmp_path / "workspaces.json"
    file.write_text(f'{{"version": {version}, "workspaces": []}}')
    assert ctl("import", str(file), "--yes").err == (
        f"error: {file}, line 1, column 13: `version` is {version}: only stores of version 1, written by "
        "older apps, can be imported.\n"
    )


def test_what_is_no_file_is_named(ctl: Ctl, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, problem in (
        (tmp_path / "none", "can't be read: No such file or directory."),
        (tmp_path / "pipe", "is not a regular file."),
    ):
        result = ctl("import", str(path), "--yes")
        assert (result.code, result.out) == (1, "")
        assert result.err == f"error: {path} {problem}\n"
    result = ctl("import", str(tmp_path), "--yes")
    assert result.err.splitlines() == [
        f"error: There is no {tmp_path}/workspaces.json: this is not the directory of an older app.",
        f"Name a file, or look for git repositories with --scan {tmp_path}",
    ]


def test_wrong_usage(ctl: Ctl, tmp_path: Path) -> None:
    old = str(older_store(tmp_path / "old"))
    for arguments, problem in (
        ([], "Give a FILE to import, --from PROGRAM, or --scan DIR."),
        ([old, "--scan", old], "Give a FILE or --scan DIR, not both."),
        (["--scan", old, "--into", " "], "The name for --into must not be empty or blank."),
        ([old, "--into", "x"], f"{old}/workspaces.json holds complete workspaces: --into can't bind them"),
    ):
        result = ctl("import", *arguments)
        assert result.code == 2
        assert result.err.startswith(f"error: {problem}")
