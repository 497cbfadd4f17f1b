"""The command line on one of several machines that share the list: whose paths it shows, and the way to the others."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from msgspec import structs

from client.cli.workspacectl import (
    WORKSPACECTL,
    Ctl,
    ctl_for,
    run_on_terminal,
    run_process,
    started,
    user_environment,
)
from support.git_samples import make_repository
from support.shared_daemons import shared_daemons
from workspaced_client import Client
from workspaced_client.exchange import directories
from workspaced_client.exchange.directories import real_directories_in_time


@pytest.fixture
def sockets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """The sockets of two daemons on one store, by machine."""
    with shared_daemons(tmp_path_factory.mktemp("s"), ("laptop", "devbox")) as sockets:
        yield sockets


@pytest.fixture
def laptop(sockets: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> Ctl:
    """Run `workspacectl` on the laptop."""
    return ctl_for(sockets["laptop"], capsys)


@pytest.fixture
def devbox(sockets: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> Ctl:
    """Run `workspacectl` on the devbox."""
    return ctl_for(sockets["devbox"], capsys)


@pytest.fixture
def home(tmp_path: Path, laptop: Ctl, devbox: Ctl) -> Path:
    """The user's home on both machines. The workspace web is the devbox's, with a project on each; shop is the laptop's."""
    for name in ("code/web/app", "code/shop", "code/web/here"):
        (tmp_path / name).mkdir(parents=True)
    assert devbox("create", "web", f"{tmp_path}/code/web", "--tag", "x").code == 0
    assert laptop("create", "shop", f"{tmp_path}/code/shop").code == 0
    assert devbox("bind", "web", f"{tmp_path}/code/web/app").code == 0
    assert laptop("bind", "web", f"{tmp_path}/code/web/here").code == 0
    return tmp_path


def on_terminal(home: Path, socket: Path, columns: int, *arguments: str) -> str:
    shown = run_on_terminal(
        *arguments, home=home, columns=columns, env={"WORKSPACED_SOCKET": str(socket), "NO_COLOR": "1"}
    )
    assert shown.code == 0
    return shown.out


def test_a_list_shows_whose_paths_are_another_machine_s(home: Path, sockets: dict[str, Path]) -> None:
    assert on_terminal(home, sockets["laptop"], 70, "list").splitlines() == [
        "NAME  STATE   PROJECTS  TAGS  PATH",
        "web   active  2         x     devbox:~/code/web",
        "shop  active  0               ~/code/shop",
    ]
    assert on_terminal(home, sockets["devbox"], 40, "list").splitlines() == [
        "NAME  STATE   PROJECTS  PATH",
        "web   active  2         ~/code/web",
        "shop  active  0         laptop:…/shop",
    ]


def test_a_path_that_is_cut_keeps_its_machine(
    laptop: Ctl, devbox: Ctl, sockets: dict[str, Path], home: Path
) -> None:
    assert devbox("create", "deep", "/srv/a/rather/long/path/to/a/workspace").code == 0
    last = on_terminal(home, sockets["laptop"], 40, "list").splitlines()[-1]
    assert last == "deep  active  0         devbox:…orkspace"
    with Client.connect(sockets["laptop"]) as client:
        deep = client.workspaces.get(name="deep")
        client.store.save(structs.replace(deep, machine="a-very-long-name-of-a-machine.example.com"))
    last = on_terminal(home, sockets["laptop"], 40, "list").splitlines()[-1]
    assert last == "deep  active  0         a-very…:…rkspace"


def test_show_tells_the_machine_of_each_path(home: Path, sockets: dict[str, Path], laptop: Ctl) -> None:
    shown = on_terminal(home, sockets["laptop"], 80, "show", "web").splitlines()
    assert "Path      devbox:~/code/web" in shown
    assert shown[-2:] == ["  active  devbox:~/code/web/app", "  active  ~/code/web/here"]
    as_json = laptop("show", "web", "--json").json
    assert (as_json["machine"], as_json["rootPath"]) == ("devbox", f"{home}/code/web")
    assert [each["machine"] for each in as_json["projects"]] == ["devbox", "laptop"]


def test_the_status_names_the_machine(laptop: Ctl, home: Path) -> None:
    assert "\nMachine     laptop\n" in laptop("status").out
    assert laptop("list", "--format", "{name} {machine}").out == "web devbox\nshop laptop\n"
    for top in (str(home), "/"):
        assert laptop("list", "--under", top, "--format", "{name}").out == "shop\n"


def test_the_way_to_a_directory_of_another_machine_is_told(laptop: Ctl, devbox: Ctl, home: Path) -> None:
    assert devbox("path", "web").out == f"{home}/code/web\n"
    there = laptop("path", "web")
    assert (there.code, there.out) == (1, "")
    assert there.err.splitlines() == [
        f"error: Workspace “web” is on another machine: its directory is {home}/code/web on devbox.",
        f"To go there: ssh -t devbox 'cd -- {home}/code/web && exec \"$SHELL\" -l'",
        f"Its projects on this machine: {home}/code/web/here",
    ]
    error = laptop("path", "web", "--json").error
    assert error["data"] == {"kind": "otherMachine", "machine": "devbox", "rootPath": f"{home}/code/web"}


def test_the_way_leads_there_whatever_the_names(laptop: Ctl, devbox: Ctl, home: Path) -> None:
    """By an `ssh` that hands its command to a shell, as the real one does on the other machine."""
    there = home / "it's $HOME & more"
    there.mkdir()
    assert devbox("move", "web", str(there)).code == 0
    (home / "bin").mkdir()
    for name, text in (
        ("ssh", '[ "$1 $2 $#" = "-t devbox 3" ] && exec sh -c "$3"'),
        ("shell", 'pwd; echo "$@"'),
        ("workspacectl", 'printf "%s\\n" "$@"'),
    ):
        (home / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (home / "bin" / name).chmod(0o755)
    environment = {"PATH": f"{home}/bin:{os.environ['PATH']}", "SHELL": f"{home}/bin/shell"}

    def typed(line: str) -> list[str]:
        _, _, command = line.partition(": ")
        done = subprocess.run(
            ["sh", "-c", command], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.splitlines()

    assert typed(laptop("path", "web").err.splitlines()[1]) == [str(there), "-l"]
    id_ = laptop("show", "web", "--json").json["id"]
    arguments = ["sh", "-c", "echo 'a  b' \"$HOME\""]
    hint = laptop("run", "web", "--", *arguments).err.splitlines()[-1]
    assert typed(hint) == ["run", id_, "--", *arguments]


def test_wcd_stays_where_it_is(home: Path, sockets: dict[str, Path]) -> None:
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    script = 'eval "$(workspacectl shell-init bash)"; wcd web; echo $? "$PWD"'
    path = f"{Path(WORKSPACECTL).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        env=user_environment(home, WORKSPACED_SOCKET=str(sockets["laptop"]), PATH=path),
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"1 {home}\n"
    assert "To go there: ssh -t devbox " in done.stderr


def test_an_open_checks_what_is_here(laptop: Ctl, devbox: Ctl, home: Path) -> None:
    for name in ("app", "here"):
        (home / "code/web" / name).rmdir()
    assert devbox("check", "web").code == 1
    assert laptop("close", "web").code == 0
    assert laptop("open", "web").out == (
        f"Opened workspace “web”. Its directory is devbox:{home}/code/web. 1 project can't be reached: "
        f"{home}/code/web/here\n"
    )
    checked = laptop("check", "web")
    assert checked.out.splitlines()[1:] == [
        f"web        stale   devbox:{home}/code/web/app  found so by devbox, which alone checks it",
        f"web        stale   {home}/code/web/here        it does not exist",
    ]
    assert checked.err == "1 project can't be reached.\n"
    (home / "code/web/here").mkdir()
    assert laptop("check", "web").code == 0


def test_only_paths_of_this_machine_hold_a_directory(
    laptop: Ctl, devbox: Ctl, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home / "code/web/here")
    assert laptop("which").out == (
        f"Workspace  web (active, on devbox)\nProject    {home}/code/web/here (active)\nPath       .\n"
    )
    assert devbox("which").out == f"Workspace  web (active)\nDirectory  {home}/code/web\nPath       here\n"
    monkeypatch.chdir(home / "code/web/app")
    assert laptop("which").code == 1


def test_a_workspace_moves_here_also_to_the_same_path(laptop: Ctl, home: Path) -> None:
    moved = laptop("move", "web", f"{home}/code/web")
    assert moved.out == f"Workspace “web” is at {home}/code/web now.\n"
    assert laptop("show", "web", "--json").json["machine"] == "laptop"
    undone = laptop("undo", "--yes")
    told = f"path: devbox:{home}/code/web -> {home}/code/web"
    assert undone.out.splitlines() == [
        f"Undid revision 5, “web”: {told}.",
        f"It is now: web  devbox:{home}/code/web (active, 2 projects)",
    ]


def test_a_project_is_unbound_by_its_path_and_its_machine(laptop: Ctl, home: Path) -> None:
    app = f"{home}/code/web/app"
    assert laptop("bind", "web", app).code == 0
    assert laptop("unbind", "web", "app").err == (
        f"error: More than one project is called “app”: devbox:{app}, {app}. Give its path.\n"
    )
    assert laptop("unbind", "web", f"devbox:{app}").out == f"Unbound devbox:{app} from workspace “web”.\n"
    assert laptop("unbind", "web", app).out == f"Unbound {app} from workspace “web”.\n"


def test_a_clone_needs_a_directory_here(laptop: Ctl, home: Path) -> None:
    origin = str(make_repository(home / "origin"))
    refused = laptop("clone", "web", origin)
    assert refused.err.splitlines()[-1] == "To clone to a directory of this machine: add --into DIR."
    assert laptop("clone", "web", origin, "--into", f"{home}/code/clone", "-q").code == 0
    assert laptop("show", "web", "--json").json["projects"][-1]["machine"] == "laptop"


def test_the_log_tells_who_did_it_on_which_machine(laptop: Ctl, home: Path) -> None:
    lines = laptop("log", "web").out.splitlines()[1:]
    rows = [[cell.strip() for cell in line.split("  ") if cell] for line in lines]
    assert [(row[2], row[4].partition(",")[2]) for row in rows] == [
        (f"bound {home}/code/web/here", ""),
        (f"bound devbox:{home}/code/web/app", " on devbox"),
        (f"created at devbox:{home}/code/web", " on devbox"),
    ]


def test_watch_tells_the_machines_of_paths_and_people(home: Path, sockets: dict[str, Path]) -> None:
    with started("--socket", str(sockets["laptop"]), "watch", "--since", "0", home=home) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
    assert f"workspace.created      web  devbox:{home}/code/web  (by " in lines[0]
    assert lines[0].endswith(", on devbox)\n")
    assert f"workspace.created      shop  {home}/code/shop  (by " in lines[1]
    assert "on laptop" not in lines[1]
    assert f"project.bound          web  devbox:{home}/code/web/app  (by " in lines[2]
    assert f"project.bound          web  {home}/code/web/here  (by " in lines[3]


def test_tab_tells_where_a_workspace_is(home: Path, sockets: dict[str, Path]) -> None:
    def completed(*words: str) -> list[str]:
        env = {"WORKSPACED_SOCKET": str(sockets["laptop"])}
        return run_process("__complete", *words, home=home, env=env).out.splitlines()

    assert completed("path", "") == [f"web\tdevbox:{home}/code/web", "shop"]
    assert completed("unbind", "web", "") == ["app", "here"]
    assert completed("unbind", "web", "devbox:/") == [f"devbox:{home}/code/web/app"]


def test_an_ambiguous_part_of_names_shows_the_machines(laptop: Ctl, home: Path) -> None:
    assert laptop("create", "website", "/srv/site").code == 0
    refused = laptop("show", "we")
    assert refused.err.splitlines()[1:] == [f"  web  devbox:{home}/code/web", "  website  /srv/site"]
    candidates = laptop("show", "we", "--json").error["data"]["candidates"]
    assert [each["machine"] for each in candidates] == ["devbox", "laptop"]


def test_an_export_without_machines_tells_what_it_leaves_out(laptop: Ctl, devbox: Ctl, home: Path) -> None:
    exported = laptop("export", "web", "--format", "code-workspace")
    assert exported.json == {"folders": [{"path": f"{home}/code/web/here"}]}
    assert exported.err.splitlines()[0] == (
        "warning: code-workspace has no machines: the directories of others are left out, of 1 workspace. The format "
        "json has them."
    )
    assert laptop("bind", "shop", f"{home}/code/shop").code == 0
    of_version_1 = laptop("export", "--all", "--format", "helios-v1")
    assert [each["name"] for each in of_version_1.json["workspaces"]] == ["shop"]
    assert '"machine"' not in of_version_1.out
    assert [each["machine"] for each in laptop("export", "--all", "--format", "json").json] == [
        "devbox",
        "laptop",
    ]
    id_ = laptop("show", "shop", "--json").json["id"]
    refused = devbox("export", "shop", "--format", "code-workspace")
    assert refused.err.splitlines()[-1] == (
        f"To export it there: ssh -t laptop 'workspacectl export {id_} --format code-workspace'"
    )


def test_an_import_finds_only_directories_of_this_machine(
    laptop: Ctl, devbox: Ctl, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []

    def look(paths: Iterable[str]) -> object:
        paths = list(paths)
        looked_at.extend(paths)
        return real_directories_in_time(paths)

    monkeypatch.setattr(directories, "real_directories_in_time", look)
    make_repository(home / "code/web/app/repo")
    assert devbox("create", "theirs", f"{home}/code/web/app/repo").code == 0
    planned = laptop("import", "--scan", f"{home}/code/web/app", "--yes", "--json").json
    # The path is a workspace of the devbox already; here it is another directory.
    assert [each["rootPath"] for each in planned["added"]] == [f"{home}/code/web/app/repo"]
    assert [each["machine"] for each in planned["added"]] == ["laptop"]
    again = laptop("import", "--scan", f"{home}/code/web/app", "--yes", "--json").json
    assert (again["added"], len(again["present"])) == ([], 1)
    assert f"{home}/code/web/here" in looked_at
    assert f"{home}/code/web/app" not in looked_at  # a project of the devbox


def test_an_export_comes_back_with_its_machines(laptop: Ctl, home: Path) -> None:
    file = home / "all.json"
    assert laptop("export", "--all", "--format", "json", "--output", str(file)).code == 0
    before = laptop("list", "--json").json
    assert laptop("import", str(file), "--yes", "--json").json["changed"] == []
    assert laptop("delete", "web", "--yes").code == 0
    assert laptop("import", str(file), "--yes").code == 0
    after = laptop("list", "--json").json
    assert [less_revision(each) for each in after] == [less_revision(each) for each in before]


def less_revision(workspace: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in workspace.items() if name != "revision"}
