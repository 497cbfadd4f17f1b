"""Where a workspace is wanted: a part of its name, or the place where the user is. What is empty is no place."""

import os
from pathlib import Path

import pytest

from client.cli.workspacectl import Ctl
from support.git_samples import make_repository


@pytest.fixture
def tree(ctl: Ctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The workspaces `home` at the current directory, and in it `shop` and `shoes`; `way` leads to `shop`."""
    root = tmp_path.resolve()
    for name in ("shop/web/src", "shop/api", "shoes"):
        (root / name).mkdir(parents=True)
    (root / "way").symlink_to("shop")
    for name, path in (("home", root), ("Shop", root / "shop"), ("shoes", root / "shoes")):
        assert ctl("create", name, str(path)).code == 0
    monkeypatch.chdir(root)
    monkeypatch.setenv("PWD", str(root))
    return root


def shown(ctl: Ctl, *arguments: str) -> str:
    return str(ctl("show", *arguments, "--json").json["name"])


@pytest.mark.parametrize("given", [(), (".",)])
def test_nothing_and_a_dot_mean_the_innermost_workspace_around(
    ctl: Ctl, tree: Path, given: tuple[str, ...]
) -> None:
    assert shown(ctl, *given) == "home"
    os.chdir("shop/web/src")
    assert shown(ctl, *given) == "Shop"
    assert ctl("path", *given).out == f"{tree}/shop\n"
    assert ctl("close", *given).out == "Closed workspace “Shop”.\n"
    assert ctl("open", *given).out == "Opened workspace “Shop”.\n"


def test_the_place_is_the_one_that_the_shell_shows(
    ctl: Ctl, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctl("create", "by the way", f"{tree}/way")
    os.chdir("way")
    monkeypatch.setenv("PWD", f"{tree}/way")
    assert shown(ctl) == "by the way"
    monkeypatch.setenv("PWD", "/")  # of another program: it leads elsewhere
    assert shown(ctl) == "Shop"


def test_outside_all_workspaces_it_says_so(ctl: Ctl, tree: Path) -> None:
    os.chdir("/")
    for command in ("show", "open", "close", "path"):
        result = ctl(command)
        assert (result.code, result.out) == (1, "")
        assert result.err == (
            "error: No workspace holds the current directory, /.\n"
            "Name a workspace, or make one here: workspacectl create NAME\n"
        )


def test_a_directory_that_is_gone_is_no_place(ctl: Ctl, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "gone").mkdir()
    os.chdir("gone")
    monkeypatch.setenv("PWD", f"{tree}/gone")
    (tree / "gone").rmdir()
    result = ctl("show")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "no longer exists" in result.err


@pytest.mark.parametrize(
    ("given", "name"),
    [("shop", "Shop"), ("SHO", ""), ("shoe", "shoes"), ("ho", ""), ("oe", "shoes"), ("ome", "home")],
)
def test_a_beginning_and_then_a_part_are_enough_if_one_name_has_it(
    ctl: Ctl, tree: Path, given: str, name: str
) -> None:
    if name:
        assert shown(ctl, given) == name
        assert ctl("close", given).out == f"Closed workspace “{name}”.\n"
    else:
        assert ctl("show", given).code == (0 if given == "ho" else 1)


def test_a_whole_name_goes_before_a_beginning_and_a_beginning_before_a_part(ctl: Ctl, tree: Path) -> None:
    ctl("create", "sho", "/srv")
    ctl("create", "my shoes", "/srv")
    assert shown(ctl, "sho") == "sho"
    assert shown(ctl, "shoe") == "shoes"
    assert shown(ctl, "my") == "my shoes"


def test_several_are_listed(ctl: Ctl, tree: Path) -> None:
    result = ctl("show", "sh")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        f"error: “sh” is a part of 2 names: give more of the name.\n  Shop  {tree}/shop\n  shoes  {tree}/shoes\n"
    )
    error = ctl("close", "sh", "--json").error
    assert (error["kind"], [each["name"] for each in error["data"]["candidates"]]) == (
        "ambiguous",
        ["Shop", "shoes"],
    )


def test_deleted_workspaces_and_blanks_are_no_candidates(ctl: Ctl, tree: Path) -> None:
    ctl("delete", "shoes", "--yes")
    assert shown(ctl, "sh") == "Shop"
    assert ctl("show", " ").code == 1
    assert ctl("show", "").code == 1


@pytest.mark.parametrize(
    "command",
    [
        ("delete", "shoe", "--yes"),
        ("rename", "shoe", "boots"),
        ("move", "shoe", "/srv"),
        ("delete", ".", "-y"),
    ],
)
def test_what_can_do_harm_takes_the_whole_name(ctl: Ctl, tree: Path, command: tuple[str, ...]) -> None:
    assert ctl(*command).code == 1
    assert shown(ctl, "shoes") == "shoes"
    assert ctl("path", "shoes").out == f"{tree}/shoes\n"


def test_one_argument_is_the_directory_the_project_or_the_address(ctl: Ctl, tree: Path) -> None:
    os.chdir("shop")
    assert ctl("bind", "web").out == f"Bound {tree}/shop/web to workspace “Shop”.\n"
    assert ctl("bind", ".", "api").out == f"Bound {tree}/shop/api to workspace “Shop”.\n"
    url = make_repository(tree / "origin")
    assert ctl("clone", url).out == f"Cloned {url} to {tree}/shop/origin, for workspace “Shop”.\n"
    os.chdir("web")
    assert ctl("unbind", ".").out == f"Unbound {tree}/shop/web from workspace “Shop”.\n"
    assert ctl("unbind", "api").out == f"Unbound {tree}/shop/api from workspace “Shop”.\n"


def test_one_argument_that_may_have_been_meant_as_the_workspace(ctl: Ctl, tree: Path) -> None:
    result = ctl("bind", "shoes x")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        f"error: There is no directory {tree}/shoes x.\n"
        "To bind the current directory to a workspace: workspacectl bind 'shoes x' .\n"
    )


def test_check_looks_at_the_workspace_around_else_at_all(ctl: Ctl, tree: Path) -> None:
    ctl("bind", "shop", "shop/web")
    ctl("bind", "shoes", "shoes")
    os.chdir("shoes")
    assert [each["name"] for each in ctl("check", "--json").json] == ["shoes"]
    os.chdir("/")
    assert [each["name"] for each in ctl("check", "--json").json] == ["Shop", "shoes"]


@pytest.mark.parametrize(
    "command", [("create", "beta"), ("move", "alpha"), ("bind", "alpha"), ("unbind", "alpha"), ("which",)]
)
def test_an_empty_path_is_not_the_current_directory(ctl: Ctl, command: tuple[str, ...]) -> None:
    before = ctl("create", "alpha", "/a", "--json").json
    result = ctl(*command, "")
    assert (result.code, result.out) == (2, "")
    assert result.err == "error: A path is empty: give one, or “.” for the current directory.\n"
    assert ctl("list", "--json").json == [before]


def test_an_empty_socket_is_not_the_default_one(ctl: Ctl) -> None:
    result = ctl("--socket", "", "stop")
    assert (result.code, result.out) == (2, "")
    assert "The value of --socket is wrong: “” is empty" in result.err
