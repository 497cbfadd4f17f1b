"""The command `export`: files that VS Code, an older app and `import` read back as they were."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from client.cli.workspacectl import Ctl, ctl_for, run_on_terminal, run_process
from support.daemon_process import DaemonProcess, running_daemon
from support.documents import verified, without_revision, workspace_json
from workspaced_protocol.models import Change

NAMES = ("alpha", 'Übung — "quoted" \\ / 日本語 🚀', "c1 \x9b\u202e")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """Holds three workspaces, the first of which has no projects."""
    with running_daemon(tmp_path_factory.mktemp("d")) as daemon:
        given = [workspace_json(number, 3 * number, name=name) for number, name in enumerate(NAMES)]
        with daemon.client() as client:
            client.store.apply([msgspec.convert({"save": each}, Change) for each in given])
        yield daemon


@pytest.fixture
def ctl(daemon: DaemonProcess, capsys: pytest.CaptureFixture[str]) -> Ctl:
    return ctl_for(daemon.socket, capsys)


@pytest.mark.parametrize("format_", ["json", "helios-v1"])
def test_an_export_of_all_is_read_back_with_nothing_to_do(ctl: Ctl, tmp_path: Path, format_: str) -> None:
    path = str(tmp_path / "all.json")
    result = ctl("export", "--all", "--format", format_, "-o", path)
    assert (result.code, result.out, result.err) == (0, f"Exported 3 workspaces to {path}.\n", "")
    assert ctl("import", path).out.endswith("Nothing to do: everything is in the store already.\n")


@pytest.mark.parametrize("number", range(3))
def test_a_code_workspace_is_read_back_with_nothing_to_do(ctl: Ctl, tmp_path: Path, number: int) -> None:
    stored = ctl("show", NAMES[number], "--json").json
    path = tmp_path / "any name.code-workspace"
    result = ctl("export", stored["id"], "--format", "code-workspace", "-o", str(path), "--quiet")
    assert (result.code, result.out) == (0, "")
    folders = [folder["path"] for folder in json.loads(path.read_text())["folders"]]
    assert folders == ([each["rootPath"] for each in stored["projects"]] or [stored["rootPath"]])
    again = ctl("import", str(path))
    assert again.out.endswith("Nothing to do: everything is in the store already.\n")


@pytest.mark.requirement("FR-005")
def test_an_older_app_or_the_daemon_in_its_place_reads_what_is_exported(
    ctl: Ctl, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = ctl("list", "--json").json
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    primary = data_dir / "workspaces.json"
    assert ctl("export", "--all", "--format", "helios-v1", "-o", str(primary)).code == 0
    document = verified(primary)
    assert list(document) == ["version", "workspaces", "_checksum"]
    assert (document["version"], document["workspaces"]) == (1, without_revision(everything))
    # As JSON.stringify(store, null, 2) prints it, over which an older app verifies.
    assert primary.read_text() == json.dumps(document, ensure_ascii=False, indent=2)
    shutil.copyfile(primary, data_dir / "workspaces.snapshot.json")
    exported = primary.read_bytes()
    with running_daemon(tmp_path) as other:
        theirs = ctl_for(other.socket, capsys)
        assert theirs("recovery", "show", "--json").json["outcome"] == "clean"
        assert without_revision(theirs("list", "--json").json) == without_revision(everything)
        assert theirs("create", "new", "/srv/new").code == 0
        kept = sorted((other.data_dir / "quarantine").iterdir())
        assert [path.read_bytes() for path in kept] == [exported, exported]
        assert all("version-1" in path.name for path in kept)


def test_only_those_that_are_named_are_exported(ctl: Ctl) -> None:
    for given in (["alpha"], [NAMES[2], "ALPHA", "alpha"]):
        names = [each["name"] for each in json.loads(ctl("export", *given, "--format", "json").out)]
        assert names == [NAMES[2], "alpha"][-len(set(map(str.lower, given))) :]


def test_paths_are_relative_to_the_file(ctl: Ctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop" / "web").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    Path("shop.code-workspace").write_text('{"folders": [{"path": "shop/web"}]}')
    assert ctl("import", "shop.code-workspace", "--yes").code == 0
    assert ctl("export", "shop", "--format", "code-workspace", "-o", "shop/s.code-workspace").code == 0
    assert json.loads(Path("shop/s.code-workspace").read_text()) == {"folders": [{"path": "web"}]}
    plain = json.loads(ctl("export", "shop", "--format", "code-workspace").out)
    assert plain == {"folders": [{"path": os.path.realpath("shop/web")}]}
    assert ctl("delete", "shop", "--yes").code == 0


def test_a_file_is_not_overwritten_unasked(ctl: Ctl, tmp_path: Path) -> None:
    path = tmp_path / "there.json"
    path.write_text("mine")
    (tmp_path / "link.json").symlink_to(path)
    for name in ("there.json", "link.json"):
        export = ("export", "alpha", "--format", "json", "-o", str(tmp_path / name))
        refused = ctl(*export)
        assert (refused.code, refused.out) == (1, "")
        assert refused.err == (
            f"error: {tmp_path / name} already exists, and was left as it is.\n"
            "Name another file, or add --force to replace it.\n"
        )
        assert path.read_text() == "mine"
        assert ctl(*export, "--force").code == 0
        assert json.loads(path.read_text())[0]["name"] == "alpha"
        path.write_text("mine")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link.json", "there.json"]


def test_what_can_not_be_written_is_named_and_nothing_is_left(ctl: Ctl, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, arguments, problem in (
        (tmp_path / "no" / "such", [], "No such file or directory"),
        (tmp_path / "pipe", ["--force"], "it is not a regular file"),
        (tmp_path / ("long" * 100), [], "File name too long"),
    ):
        result = ctl("export", "alpha", "--format", "json", "-o", str(path), *arguments)
        assert (result.code, result.err) == (
            1,
            f"error: {path} can't be written: {problem}. Nothing was exported.\n",
        )
    assert [each.name for each in tmp_path.iterdir()] == ["pipe"]


def test_stdout_gets_utf_8_whatever_the_locale(ctl: Ctl, daemon: DaemonProcess, tmp_path: Path) -> None:
    result = run_process(
        *("--socket", str(daemon.socket), "export", "--all", "--format", "helios-v1"),
        home=tmp_path,
        env={"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    )
    assert result.code == 0
    (tmp_path / "f.json").write_text(result.out)
    verified(tmp_path / "f.json")
    assert all(json.dumps(name, ensure_ascii=False) in result.out for name in NAMES)


def test_a_terminal_gets_nothing_that_it_would_act_on(
    ctl: Ctl, daemon: DaemonProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("export", NAMES[2], "--format")
    refused = run_on_terminal("--socket", str(daemon.socket), *arguments, "helios-v1", home=tmp_path)
    assert refused.code == 2
    assert refused.out.startswith(
        "error: This format can't be printed on a terminal: name a file with --output."
    )
    monkeypatch.setattr("workspaced_client.cli.export.on_terminal", lambda: True)
    shown = ctl(*arguments, "json").out
    assert shown.isascii()
    assert json.loads(shown)[0]["name"] == NAMES[2]


def test_wrong_usage(ctl: Ctl, tmp_path: Path) -> None:
    for arguments, problem in (
        (["alpha"], "The option --format is missing: code-workspace, json or helios-v1."),
        (
            ["alpha", "--format", "pdf"],
            "The value of --format is code-workspace, json or helios-v1, not “pdf”.",
        ),
        (["--format", "json"], "Give a WORKSPACE to export, or --all."),
        (["alpha", "--all", "--format", "json"], "Give a WORKSPACE or --all, not both."),
        (["--all", "--format", "code-workspace"], "A .code-workspace file holds one workspace"),
        (["alpha", "--force", "--format", "json"], "--force needs --output FILE."),
        (["alpha", "--format", "json", "-o", str(tmp_path)], f"{tmp_path} is a directory"),
    ):
        result = ctl("export", *arguments)
        assert (result.code, result.out) == (2, "")
        assert result.err.startswith(f"error: {problem}")
    unknown = ctl("export", "alpha", "aplha", "--format", "json", "-o", str(tmp_path / "x"))
    assert unknown.code == 1
    assert "Did you mean “alpha”?" in unknown.err
    assert list(tmp_path.iterdir()) == []


def test_what_was_written_is_told_to_programs(ctl: Ctl, tmp_path: Path) -> None:
    path = str(tmp_path / "x.json")
    told = ctl("export", "alpha", "--format", "json", "-o", path, "--json").json
    assert told == {"path": path, "format": "json", "workspaces": [workspace_json(0)["id"]]}
