"""`workspacectl which`, and what counts as a use on the command line, against a real daemon."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from client.cli.workspacectl import Ctl, ctl_for
from client.fake_server import CLEAN, STATUS, FakeServer, HungUp, Peer, Request
from support.daemon_process import DaemonProcess
from workspaced_client.cli import path


@pytest.fixture
def tree(tmp_path: Path, ctl: Ctl) -> Path:
    """A workspace `shop` at `shop`, with the project `shop/web`; `way` leads to `shop`."""
    root = tmp_path.resolve()
    (root / "shop/web/src").mkdir(parents=True)
    (root / "away").mkdir()
    (root / "way").symlink_to("shop")
    ctl("create", "shop", str(root / "shop"))
    ctl("bind", "shop", str(root / "shop/web"))
    return root


def test_a_path_in_a_project_is_told_with_its_workspace(ctl: Ctl, tree: Path) -> None:
    result = ctl("which", str(tree / "shop/web/src/new.py"))
    assert (result.code, result.err) == (0, "")
    assert (
        result.out
        == f"Workspace  shop (active)\nProject    {tree}/shop/web (active)\nPath       src/new.py\n"
    )


def test_a_root_path_is_told_and_its_rest_is_a_dot(ctl: Ctl, tree: Path) -> None:
    result = ctl("which", f"{tree}/shop/")
    assert result.out == f"Workspace  shop (active)\nDirectory  {tree}/shop\nPath       .\n"


def test_as_json_it_is_what_the_daemon_answers(ctl: Ctl, tree: Path) -> None:
    found = ctl("which", str(tree / "shop/web"), "--json").json
    assert found["workspace"] == ctl("show", "shop", "--json").json
    assert found["project"] == found["workspace"]["projects"][0]
    assert found["relativePath"] == ""
    assert "project" not in ctl("which", str(tree / "shop"), "--json").json


def test_where_nothing_holds_the_path_it_exits_with_1(ctl: Ctl, tree: Path) -> None:
    result = ctl("which", str(tree / "away"))
    assert (result.code, result.out) == (1, "")
    assert result.err.splitlines() == [
        f"error: No workspace holds “{tree}/away”.",
        "`workspacectl create NAME PATH` makes a workspace of a directory.",
    ]
    error = ctl("which", str(tree / "away"), "--json").error
    assert (error["code"], error["kind"]) == (1001, "notFound")


@pytest.mark.parametrize(
    ("directory", "given", "expected"),
    [
        ("shop/web", [], "web:"),
        ("shop/web", ["src/x"], "web:src/x"),
        ("shop/web/src", [".."], "web:"),
        ("shop/web", ["../.."], None),
        ("way/web", [], "web:"),
        ("way/web", ["../web/./src/"], "web:src"),
        ("shop", ["~/web/src"], "web:src"),
        ("away", [], None),
        ("away", ["../shop/x"], ":x"),
    ],
)
def test_it_takes_the_current_directory_and_paths_relative_to_it(
    ctl: Ctl,
    tree: Path,
    monkeypatch: pytest.MonkeyPatch,
    directory: str,
    given: list[str],
    expected: str | None,
) -> None:
    monkeypatch.setenv("HOME", str(tree / "shop"))
    monkeypatch.setenv("PWD", str(tree / directory))
    monkeypatch.chdir(tree / directory)
    result = ctl("which", *given, "--json")
    if expected is None:
        assert result.code == 1
        return
    project, _, rest = expected.partition(":")
    assert result.json["relativePath"] == rest
    assert result.json.get("project", {"rootPath": "/"})["rootPath"].rpartition("/")[2] == project


@pytest.mark.parametrize("logical", ["{tree}/away", "shop/web", "", "/nowhere", "{tree}/way"])
def test_the_shells_path_counts_only_where_it_leads_here(
    ctl: Ctl, tree: Path, monkeypatch: pytest.MonkeyPatch, logical: str
) -> None:
    ctl("create", "way", str(tree / "way"))
    monkeypatch.chdir(tree / "shop")
    monkeypatch.setenv("PWD", logical.format(tree=tree))
    expected = "way" if logical == "{tree}/way" else "shop"
    assert ctl("which", "--json").json["workspace"]["name"] == expected


def test_a_current_directory_that_is_gone_and_a_path_that_is_not_utf_8_are_told(
    ctl: Ctl, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree / "away")
    (tree / "away").rmdir()
    monkeypatch.setenv("PWD", str(tree / "away"))
    result = ctl("which")
    assert (result.code, result.out) == (2, "")
    assert "no longer exists" in result.err
    monkeypatch.chdir(tree)
    result = ctl("which", os.fsdecode(b"/x/\xff"))
    assert (result.code, result.out) == (2, "")
    assert "not valid UTF-8" in result.err


def used(daemon: DaemonProcess) -> list[tuple[str, int]]:
    with daemon.client() as client:
        names = {each.id: each.name for each in client.workspaces.list()}
        return [(names[each.workspace_id], round(each.score)) for each in client.workspaces.usage()]


def test_path_counts_as_a_use_and_lists_by_use_tell(ctl: Ctl, daemon: DaemonProcess) -> None:
    for name in ("alpha", "beta", "gamma"):
        ctl("create", name, f"/srv/{name}")
    assert used(daemon) == []
    revision = ctl("status", "--json").json["revision"]
    for arguments in (("path", "gamma"), ("path", "beta", "--json"), ("path", "gamma")):
        assert ctl(*arguments).code == 0
    for arguments in (("show", "alpha"), ("which", "/srv/alpha"), ("path", "nope")):
        ctl(*arguments)
    assert used(daemon) == [("gamma", 2), ("beta", 1)]
    assert ctl("status", "--json").json["revision"] == revision

    def listed(*options: str) -> list[str]:
        return [each["name"] for each in ctl("list", "--json", *options).json]

    assert listed("--sort", "recent") == ["gamma", "beta", "alpha"]
    assert listed("--sort", "recent", "--reverse") == ["alpha", "beta", "gamma"]
    assert listed("--sort", "recent", "--name", "*a", "--under", "/srv/beta") == ["beta"]
    assert listed() == ["alpha", "beta", "gamma"]


ALPHA = {
    "id": "ws_1",
    "name": "alpha",
    "rootPath": "/srv/alpha",
    "state": "active",
    "createdAt": 1,
    "updatedAt": 1,
    "revision": 1,
    "projects": [],
}


def hang_up(_: Peer, __: Request) -> None:
    raise HungUp


ANSWERS: dict[str, Callable[[Peer, Request], object]] = {
    "an older daemon": lambda peer, request: peer.refuse(request.id, -32601, "There is no such method."),
    "a workspace that is gone by now": lambda peer, request: peer.refuse(request.id, 1001, "Gone."),
    "an answer that makes no sense": lambda peer, request: peer.answer(request, [1]),
    "no answer": lambda _peer, _request: None,
    "a lost connection": hang_up,
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_use_that_can_not_be_noted_keeps_nobody_from_going_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    """`wcd` goes where `path` says, and only where that ends well."""
    monkeypatch.setattr(path, "_TOUCH_SECONDS", 0.05)
    touched = []

    def script(peer: Peer) -> None:
        peer.hello()
        while True:
            request = peer.request()
            if request.method == "workspace.touch":
                touched.append(request.params)
                ANSWERS[answer](peer, request)
            else:
                status = {**STATUS, "recovery": CLEAN}
                peer.answer(request, status if request.method == "daemon.status" else ALPHA)

    with FakeServer(tmp_path / "s", script) as server:
        result = ctl_for(server.path, capsys)("path", "alpha")
    assert (result.code, result.out, result.err) == (0, "/srv/alpha\n", "")
    assert touched == [{"id": "ws_1"}]
