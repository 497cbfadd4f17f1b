"""The commands on projects, and what `list` can leave out, against a real daemon."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.cli.workspacectl import (
    Ctl,
    Result,
    interrupted,
    run_on_terminal,
    started,
)
from support.daemon_process import DaemonProcess, running_daemon
from support.git_samples import Lifeline, fake_git, make_repository
from support.hanging_paths import hanging
from support.waiting import PATIENCE_SECONDS
from workspaced_client.exchange import directories

FAILS = (
    "printf \"%s\\n\" \"Cloning into '/x'...\" 'ssh: Could not resolve hostname nope' 'fatal: Could not read.' '' "
    "'Check it.' >&2; exit 128"
)


@pytest.fixture(scope="module")
def lifeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lifeline]:
    lifeline = Lifeline(tmp_path_factory.mktemp("l") / "lifeline")
    yield lifeline
    lifeline.close()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, lifeline: Lifeline) -> Iterator[DaemonProcess]:
    """A daemon whose git hangs at URLs with “hangs” in them, fails at “fails”, and is the system's else."""
    hang = lifeline.hanging_script()
    path = os.environ["PATH"]
    git = fake_git(
        tmp_path_factory.mktemp("g") / "bin",
        f'case "$*" in *hangs*) {hang};; *fails*) {FAILS};; esac\nPATH="{path}" exec git "$@"',
    )
    directory = tmp_path_factory.mktemp("d")
    with running_daemon(directory, environment={"PATH": git.replace_path()}) as daemon:
        yield daemon


@pytest.fixture
def here(ctl: Ctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory: that of the workspace “shop”, with two directories in it."""
    for name in ("web", "api"):
        (tmp_path / "shop" / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "shop")
    assert ctl("create", "shop").code == 0
    return tmp_path / "shop"


def bound(ctl: Ctl) -> list[str]:
    return [project["rootPath"] for project in ctl("show", "shop", "--json").json["projects"]]


@pytest.mark.requirement("FR-003")
def test_a_directory_is_bound_by_any_way_to_write_it(
    ctl: Ctl, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(here.parent))
    result = ctl("bind", "shop", "web")
    assert (result.code, result.out) == (0, f"Bound {here}/web to workspace “shop”.\n")
    assert ctl("bind", "shop", "~/shop/api", "--quiet").out == ""
    assert len(ctl("bind", "shop", ".", "--json").json["projects"]) == 3
    assert bound(ctl) == [f"{here}/web", f"{here}/api", str(here)]


@pytest.mark.requirement("FR-003")
@pytest.mark.parametrize(("given", "why"), [("nowhere", "does not exist"), ("file", "not a directory")])
def test_what_is_no_directory_is_named(ctl: Ctl, here: Path, given: str, why: str) -> None:
    (here / "file").touch()
    result = ctl("bind", "shop", given)
    assert (result.code, result.out) == (1, "")
    assert f"{here}/{given}" in result.err
    assert why in result.err
    assert bound(ctl) == []


@pytest.mark.requirement("FR-003")
@pytest.mark.parametrize("how", ["id", "path", "relative", "name"])
def test_a_project_is_unbound_by_any_name_of_it(ctl: Ctl, here: Path, how: str) -> None:
    made = ctl("bind", "shop", "web", "--json").json["projects"][0]
    given = {"id": made["id"], "path": f"{here}/web", "relative": "./web", "name": "web"}[how]
    os.chdir(here if how == "relative" else here.parent)
    result = ctl("unbind", "shop", given)
    assert (result.code, result.out) == (0, f"Unbound {here}/web from workspace “shop”.\n")
    assert bound(ctl) == []
    assert (here / "web").is_dir()


def test_a_project_that_is_not_there_or_ambiguous_is_told(ctl: Ctl, here: Path) -> None:
    assert "Workspace “shop” has no projects" in ctl("unbind", "shop", "web").err
    (here / "api" / "web").mkdir()
    ctl("bind", "shop", "web")
    ctl("bind", "shop", "api/web")
    os.chdir(here.parent)
    result = ctl("unbind", "shop", "web")
    assert result.code == 1
    assert f"More than one project is called “web”: {here}/web, {here}/api/web." in result.err
    result = ctl("unbind", "shop", "other", "--json")
    assert result.error["kind"] == "notFound"
    assert f"It has: {here}/web" in result.error["message"]
    assert len(bound(ctl)) == 2


@pytest.mark.requirement("FR-004")
def test_check_tells_what_is_out_of_reach_and_why(ctl: Ctl, here: Path) -> None:
    for name in ("web", "api"):
        ctl("bind", "shop", name)
    result = ctl("check")
    assert (result.code, result.err) == (0, "")
    assert [line.split()[1] for line in result.out.splitlines()] == ["STATUS", "active", "active"]
    (here / "web").rmdir()
    assert all(line == line.rstrip() for line in result.out.splitlines())
    result = ctl("check", "shop")
    assert result.code == 1
    assert result.out.splitlines()[1].split(maxsplit=3) == [
        "shop",
        "stale",
        f"{here}/web",
        "it does not exist",
    ]
    assert result.err == "1 project can't be reached.\n"
    assert [one["status"] for one in ctl("check", "--json").json[0]["projects"]] == ["stale", "active"]
    (here / "web").mkdir()
    assert ctl("check", "SHOP").code == 0


def test_check_waits_for_no_path_that_hangs(ctl: Ctl, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("web", "api"):
        ctl("bind", "shop", name)
        (here / name).rmdir()
    monkeypatch.setattr(directories, "_PATIENCE_SECONDS", 0.5)
    with hanging(monkeypatch, here / "web"):
        header, *rows = ctl("check").out.splitlines()
    why = header.index("WHY")
    assert [row[why:] for row in rows] == ["no answer in time", "it does not exist"]


def test_check_without_projects(ctl: Ctl, here: Path) -> None:
    os.chdir("/")
    assert ctl("check").err.startswith("There are no projects: `workspacectl bind` binds ")
    assert (ctl("check", "--json").json, ctl("check", "--quiet").err) == ([], "")
    assert ctl("check", "nope").code == 1


@pytest.mark.requirement("FR-003")
def test_clone(ctl: Ctl, here: Path) -> None:
    url = make_repository(here.parent / "origin")
    result = ctl("clone", "shop", url)
    assert (result.code, result.out) == (0, f"Cloned {url} to {here}/origin, for workspace “shop”.\n")
    assert ctl("clone", "shop", "../origin", "--into", "again", "--quiet").out == ""
    assert bound(ctl) == [f"{here}/origin", f"{here}/again"]
    assert (here / "again" / "file0").is_file()
    refused = ctl("clone", "shop", "ext::sh", "--json")
    assert (refused.code, refused.error["kind"]) == (1, "invalidParams")
    assert "fatal" in ctl("clone", "shop", f"file://{here.parent}/missing").err  # git's own words


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("tools.bundle", "tools"),
        ("./tools.bundle", "tools"),
        ("tools", "tools"),
        ("{}/tools.bundle", "tools"),
        ("bare", "bare"),
        ("bare.git/", "bare"),
        ("../shop/bare.git", "bare"),
        ("directory.bundle", "directory.bundle"),
    ],
)
def test_clone_takes_and_names_what_is_here_as_git_does(ctl: Ctl, here: Path, given: str, name: str) -> None:
    make_repository(here.parent / "origin")
    make_repository(here / "directory.bundle")
    clone = ["git", "clone", "-q", "--bare", "../origin", "bare.git"]
    bundle = ["git", "-C", "../origin", "bundle", "create", "-q", str(here / "tools.bundle"), "--all"]
    for command in (clone, bundle):
        subprocess.run(command, check=True)
    (here.parent / "into").mkdir()
    assert ctl("move", "shop", str(here.parent / "into")).code == 0
    result = ctl("clone", "shop", given.format(here), "--json")
    assert result.code == 0, result.err
    assert os.listdir(here.parent / "into") == [name]
    assert result.json["projects"][-1]["rootPath"] == str(here.parent / "into" / name)


def test_clone_tells_no_secret(ctl: Ctl, here: Path) -> None:
    for url in ("https://ada:s3cret@example.com/fails.git", "ftp://ada:s3cret@example.com/x"):
        for options in ((), ("--json",)):
            refused = ctl("clone", "shop", url, *options)
            assert refused.code == 1
            assert "ada@example.com" in refused.err
            assert "s3cret" not in refused.err + refused.out
    swapped = ctl("clone", "https://ada:s3cret@example.com/x", "shop")
    assert "“https://ada@example.com/x”" in swapped.err


@pytest.mark.parametrize("option", ["--json", "--quiet", "--timeout=60"])
def test_clone_warns_of_a_hook_that_fails(
    ctl: Ctl, here: Path, tmp_path_factory: pytest.TempPathFactory, option: str
) -> None:
    origin = make_repository(here.parent / "origin")
    template = tmp_path_factory.mktemp("t")
    (template / "hooks").mkdir()
    hook = template / "hooks" / "post-checkout"
    hook.write_text("#!/bin/sh\nexit 3\n")
    hook.chmod(0o755)
    home = tmp_path_factory.mktemp("h")
    with (
        running_daemon(home, environment={"GIT_TEMPLATE_DIR": str(template)}) as daemon,
        daemon.client() as client,
    ):
        client.workspaces.create("own", str(here.parent / "own"))
        result = ctl("--socket", str(daemon.socket), "clone", "own", origin, option)
        assert len(client.workspaces.get(name="own").projects) == 1
    assert result.code == 0
    assert "warning: The clone in " in result.err
    assert "exit code 3" in result.err


@pytest.mark.requirement("FR-003")
def test_clone_shows_a_bar_on_a_terminal_and_ends_git_at_ctrl_c(
    daemon: DaemonProcess, here: Path, lifeline: Lifeline
) -> None:
    def interrupt(process: subprocess.Popen[bytes], _terminal: int) -> None:
        process.send_signal(signal.SIGINT)

    result = run_on_terminal(
        "--socket",
        str(daemon.socket),
        "clone",
        "shop",
        "https://example.com/hangs.git",
        home=here,
        at_question=interrupt,
        question=b"KiB/s",
    )
    without_styles = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", result.out)
    assert re.search(r"hangs: Receiving objects +42% 1\.20 MiB, 800\.00 KiB/s", without_styles)
    assert result.code == 130
    assert "Traceback" not in result.out
    assert lifeline.wait_until_let_go(PATIENCE_SECONDS)
    with daemon.client() as client:
        assert client.workspaces.get(name="shop").projects == ()
    assert not (here / "hangs").exists()


def test_clone_tells_its_phases_where_there_is_no_terminal(
    daemon: DaemonProcess, here: Path, tmp_path: Path
) -> None:
    clone = ("--socket", str(daemon.socket), "clone", "shop", "https://example.com/hangs.git")
    with started(*clone, home=tmp_path) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "Receiving objects …\n"
        assert interrupted(process) == Result(130, "", "")


def test_a_clone_that_takes_too_long_is_told_as_one(ctl: Ctl, here: Path) -> None:
    result = ctl("clone", "shop", "https://example.com/hangs.git", "--timeout", "2", "--quiet")
    assert (result.code, result.out) == (1, "")
    told, hint = result.err.splitlines()
    assert told.startswith("error: The clone took longer than 2 seconds, and was cancelled. ")
    found = ctl("show", "shop", "--json").json["id"]
    assert told.endswith(f"unless it ended just before: see `workspacectl show {found}`.")
    assert "--timeout" in hint


def test_a_clone_that_fails_is_told_in_gits_own_lines(ctl: Ctl, here: Path) -> None:
    result = ctl("clone", "shop", "https://example.com/fails.git", "--quiet")
    assert result.code == 1
    told, *lines = result.err.splitlines()
    assert told.endswith("(exit code 128): fatal: Could not read.")
    assert lines == ["ssh: Could not resolve hostname nope", "Check it."]


def test_path_prints_the_directory_and_nothing_else(ctl: Ctl, here: Path) -> None:
    result = ctl("path", "SHOP")
    assert (result.code, result.out, result.err) == (0, f"{here}\n", "")
    assert ctl("path", "shop", "--json").json == str(here)
    assert ctl("path", "nope").code == 1


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ([], ["shop", "Bakery", "alpha"]),
        (["--sort", "name"], ["alpha", "Bakery", "shop"]),
        (["--sort", "name", "--reverse"], ["shop", "Bakery", "alpha"]),
        (["--sort", "path", "-r"], ["Bakery", "shop", "alpha"]),
        (["--sort", "projects"], ["Bakery", "alpha", "shop"]),
        (["--sort", "changed", "--state", "active"], ["alpha", "shop"]),
        (["--name", "B*"], ["Bakery"]),
        (["--name", "*A*"], ["Bakery", "alpha"]),
        (["--under", ".."], ["shop", "alpha"]),
        (["--under", "."], ["shop"]),
        (["--stale"], ["shop"]),
        (["--state", "closed"], ["Bakery"]),
        (["--name", "zzz"], []),
    ],
)
def test_list_can_be_narrowed_and_sorted(ctl: Ctl, here: Path, options: list[str], names: list[str]) -> None:
    ctl("create", "Bakery", "/zzz")
    ctl("close", "Bakery")
    ctl("create", "alpha", "..")
    ctl("bind", "shop", "web")
    (here / "web").rmdir()
    ctl("check")
    assert [each["name"] for each in ctl("list", *options, "--json").json] == names
    result = ctl("list", *options)
    assert [line.split()[0] for line in result.out.splitlines()[1:]] == names
    assert result.err == ("" if names else "No workspace matches: `workspacectl list` shows all.\n")
