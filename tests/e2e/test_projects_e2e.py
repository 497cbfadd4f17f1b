"""Projects as an app sees them: a real daemon, the real git, real directories."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import Connect, StartDaemon
from support.daemon_process import DaemonProcess, Home
from support.git_samples import Lifeline, fake_git, make_repository
from support.raw_connection import RawConnection, wait_for_connections
from support.waiting import PATIENCE_SECONDS

URL = "https://example.com/team/app.git"


@pytest.fixture
def connect(home: Home) -> Iterator[Connect]:
    """Connect to the daemon of this home; what is still open after the test is closed."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(RawConnection(home.socket))


@pytest.fixture
def root(home: Home) -> Path:
    """The root of a workspace."""
    root = home.root / "root"
    root.mkdir()
    return root


@pytest.fixture
def lifeline(home: Home) -> Iterator[Lifeline]:
    """Tell whether a fake git lives."""
    lifeline = Lifeline(home.root / "lifeline")
    yield lifeline
    lifeline.close()


@pytest.fixture
def hanging(home: Home, lifeline: Lifeline) -> str:
    """A PATH whose git hangs in the middle of a clone."""
    return fake_git(home.root / "bin", lifeline.hanging_script()).replace_path()


def less_message(refused: dict[str, Any]) -> dict[str, Any]:
    """The error's data alone."""
    return {name: value for name, value in refused.items() if name != "message"}


# Bind and unbind


@pytest.mark.requirement("FR-003")
def test_a_bound_directory_is_kept_until_it_is_unbound(
    start: StartDaemon, connect: Connect, root: Path
) -> None:
    (root / "real").mkdir()
    (root / "link").symlink_to("real")
    start()
    app = connect()
    id_ = app.create("W", str(root))["id"]
    bound = app.call("project.bind", workspaceId=id_, rootPath=str(root / "link"))
    (project,) = bound["projects"]
    assert project == {
        "id": project["id"],
        "workspaceId": id_,
        "rootPath": str(root / "real"),
        "status": "active",
        "boundAt": project["boundAt"],
    }
    assert project["id"].startswith("proj_")
    refused = app.refused(1006, "project.bind", workspaceId=id_, rootPath=f"{root}/real/")
    assert less_message(refused) == {"kind": "duplicateProject", "id": project["id"]}
    app.refused(1001, "project.unbind", workspaceId=id_, projectId="proj_none")
    unbound = app.call("project.unbind", workspaceId=id_, projectId=project["id"])
    assert unbound["projects"] == []
    assert (root / "real").is_dir()
    app.refused(1001, "project.unbind", workspaceId=id_, projectId=project["id"])


@pytest.mark.requirement("FR-003")
def test_what_is_no_directory_is_not_bound(start: StartDaemon, connect: Connect, root: Path) -> None:
    (root / "file").touch()
    os.mkfifo(root / "fifo")
    start()
    app = connect()
    id_ = app.create("W", str(root))["id"]
    for name, reason in (("nothing", "missing"), ("file", "notADirectory"), ("fifo", "notADirectory")):
        path = str(root / name)
        refused = app.refused(1007, "project.bind", workspaceId=id_, rootPath=path)
        assert less_message(refused) == {"kind": "pathUnreachable", "path": path, "reason": reason}
    assert app.refused(-32602, "project.bind", workspaceId=id_, rootPath="there")["path"] == "rootPath"


@pytest.mark.requirement("FR-003", "FR-004")
def test_pipelined_writes_are_applied_in_the_order_sent(
    start: StartDaemon, connect: Connect, root: Path
) -> None:
    paths = [root / f"p{number}" for number in range(20)]
    for path in paths:
        path.mkdir()
    start()
    app = connect()
    id_ = app.create("W", str(root))["id"]
    requests = []
    for path in paths:
        requests += [
            app.request("project.bind", workspaceId=id_, rootPath=str(path)),
            app.request("workspace.close", id=id_),
            app.request("workspace.open", id=id_),
        ]
    answers = app.answers(requests)
    revisions = [answers[request["id"]]["result"]["revision"] for request in requests]
    assert revisions == list(range(2, 2 + len(requests)))
    bound = [project["rootPath"] for project in app.call("store.getById", id=id_)["projects"]]
    assert bound == [str(path) for path in paths]


@pytest.mark.requirement("FR-003")
@pytest.mark.parametrize("form", ["data", "data/backups", "link", "link/backups"])
def test_the_data_directory_takes_no_project(
    start: StartDaemon, connect: Connect, root: Path, home: Home, form: str
) -> None:
    (home.root / "link").symlink_to("data")
    start()
    (home.data_dir / "backups").mkdir(exist_ok=True)
    app = connect()
    id_ = app.create("W", str(root))["id"]
    path = str(home.root / form)
    assert app.refused(-32602, "project.bind", workspaceId=id_, rootPath=path)["path"] == "rootPath"
    clone = {"workspaceId": id_, "gitUrl": URL, "targetDir": f"{path}/new"}
    assert app.refused(-32602, "project.clone", **clone)["path"] == "targetDir"
    app.call("workspace.update", id=id_, rootPath=path)
    refused = app.refused(-32602, "project.clone", workspaceId=id_, gitUrl=URL)
    assert "lies in the daemon's data directory" in refused["message"]
    app.call("project.bind", workspaceId=id_, rootPath=str(home.root))  # what holds it, such as a home


@pytest.mark.requirement("FR-002")
def test_a_new_name_and_path_are_tidied_and_a_saved_one_is_kept(start: StartDaemon, connect: Connect) -> None:
    start()
    app = connect()
    made = app.create("  W\n", "//srv/./a/")
    assert (made["name"], made["rootPath"]) == ("W", "/srv/a")
    updated = app.call("workspace.update", id=made["id"], name="\tX ", rootPath="/srv//b/.")
    assert (updated["name"], updated["rootPath"]) == ("X", "/srv/b")
    for name in ("\u200b", "a\x1b[0mb", " "):
        assert app.refused(-32602, "workspace.create", name=name, rootPath="/srv")["path"] == "name"
        assert app.refused(-32602, "workspace.update", id=made["id"], name=name)["path"] == "name"
    given = {**updated, "name": " a\nb ", "rootPath": "//srv/./a/"}
    saved = app.call("store.save", workspace=given)
    assert (saved["name"], saved["rootPath"]) == (given["name"], given["rootPath"])


# Stale and active


@pytest.mark.requirement("FR-004")
def test_an_open_makes_projects_stale_and_active_again(
    start: StartDaemon, connect: Connect, root: Path
) -> None:
    for name in ("stays", "goes"):
        (root / name).mkdir()
    start()
    app = connect()
    id_ = app.create("W", str(root))["id"]
    for name in ("stays", "goes"):
        app.call("project.bind", workspaceId=id_, rootPath=str(root / name))
    app.call("events.subscribe", topics=["project.statusChanged"])

    def reopened() -> list[str]:
        app.call("workspace.close", id=id_)
        workspace = app.call("workspace.open", id=id_)
        assert workspace["state"] == "active"
        return [project["status"] for project in workspace["projects"]]

    assert reopened() == ["active", "active"]
    (root / "goes").rmdir()
    assert reopened() == ["active", "stale"]
    assert reopened() == ["active", "stale"]
    os.mkfifo(root / "goes")  # which would hold up whoever opens it
    assert reopened() == ["active", "stale"]
    (root / "goes").unlink()
    (root / "goes").mkdir()
    assert reopened() == ["active", "active"]
    (root / "goes").rmdir()
    checked = app.call("project.check", workspaceId=id_)
    assert [project["status"] for project in checked["projects"]] == ["active", "stale"]
    told = [app.notified()["payload"] for _ in range(3)]
    assert [(payload["status"], payload.get("reason")) for payload in told] == [
        ("stale", "missing"),
        ("active", None),
        ("stale", "missing"),
    ]
    assert {payload["projectId"] for payload in told} == {checked["projects"][1]["id"]}


# Clone


@pytest.mark.requirement("FR-003")
def test_a_clone_is_a_project_with_its_url(
    start: StartDaemon, connect: Connect, root: Path, home: Home
) -> None:
    url = make_repository(home.root / "origin.git")
    daemon = start()
    app = connect()
    id_ = app.create("W", str(root))["id"]
    app.call("project.clone", workspaceId=id_, gitUrl=url)
    target = root / "deep" / "er"
    cloned = app.call("project.clone", workspaceId=id_, gitUrl=url, targetDir=str(target))
    bound = [(project["rootPath"], project["gitUrl"]) for project in cloned["projects"]]
    assert bound == [(str(root / "origin"), url), (str(target), url)]
    for path, _ in bound:
        assert {".git", "file0"} <= set(os.listdir(path))
    assert {message["method"] for message in app.notifications} == {"$/progress"}
    assert app.refused(-32602, "project.clone", workspaceId=id_, gitUrl=url)["path"] == "targetDir"
    daemon.restart()
    assert connect().call("store.getById", id=id_) == cloned


@pytest.mark.requirement("FR-003")
def test_without_git_there_is_an_error_that_says_so(start: StartDaemon, connect: Connect, root: Path) -> None:
    start(environment={"PATH": str(root)})
    app = connect()
    id_ = app.create("W", str(root))["id"]
    refused = app.refused(3001, "project.clone", workspaceId=id_, gitUrl=URL)
    assert less_message(refused) == {"kind": "gitUnavailable", "stderr": ""}
    assert os.listdir(root) == []


@pytest.mark.requirement("FR-003")
def test_a_git_that_hangs_is_ended_in_time(
    start: StartDaemon, connect: Connect, root: Path, hanging: str, lifeline: Lifeline
) -> None:
    start(environment={"PATH": hanging, "WORKSPACED_GIT_TIMEOUT_SECONDS": "1"})
    app = connect()
    id_ = app.create("W", str(root))["id"]
    refused = app.refused(3003, "project.clone", workspaceId=id_, gitUrl=URL)
    assert "Receiving objects:  42%" in refused["stderr"]
    assert not lifeline.is_held()
    assert os.listdir(root) == []


@pytest.mark.requirement("FR-003")
def test_only_allowed_protocols_are_cloned_by_and_none_runs_a_program(
    start: StartDaemon, connect: Connect, root: Path, home: Home
) -> None:
    start(environment={"GIT_ALLOW_PROTOCOL": "ext:file", "WORKSPACED_GIT_ALLOWED_PROTOCOLS": "https:ssh"})
    app = connect()
    id_ = app.create("W", str(root))["id"]
    for url in (
        make_repository(home.root / "origin"),
        f"ext::sh -c touch% {home.root}/ran",
        f"--upload-pack=touch {home.root}/ran",
    ):
        assert app.refused(-32602, "project.clone", workspaceId=id_, gitUrl=url)["path"] == "gitUrl"
    url = f"ssh://-oProxyCommand=touch% {home.root}/ran/x"
    app.refused(3002, "project.clone", workspaceId=id_, gitUrl=url)
    assert not (home.root / "ran").exists()
    assert os.listdir(root) == []


@pytest.mark.requirement("FR-003")
def test_a_client_that_dies_takes_its_clone_along(
    start: StartDaemon, connect: Connect, root: Path, hanging: str, lifeline: Lifeline
) -> None:
    start(environment={"PATH": hanging})
    app, watcher = connect(), connect()
    id_ = app.create("W", str(root))["id"]
    app.send(app.request("project.clone", workspaceId=id_, gitUrl=URL))
    assert app.notified()["percent"] == 42
    app.close()
    assert lifeline.wait_until_let_go(PATIENCE_SECONDS)
    wait_for_connections(watcher, 1)  # its connection ends once all is cleared away
    assert os.listdir(root) == []
    assert watcher.call("store.getById", id=id_)["projects"] == []


@pytest.mark.requirement("FR-003")
def test_a_stop_ends_a_clone_and_clears_it_away(
    start: StartDaemon, connect: Connect, root: Path, hanging: str, lifeline: Lifeline
) -> None:
    daemon = start(environment={"PATH": hanging})
    app = connect()
    id_ = app.create("W", str(root))["id"]
    app.send(app.request("project.clone", workspaceId=id_, gitUrl=URL))
    assert app.notified()["percent"] == 42
    assert daemon.stop() == 0, daemon.stderr
    assert not lifeline.is_held()
    assert os.listdir(root) == []


def test_settings_that_can_not_be_are_named(home: Home) -> None:
    wrong = {
        "WORKSPACED_GIT_TIMEOUT_SECONDS": "0",
        "WORKSPACED_PATH_CHECK_SECONDS": "-1",
        "WORKSPACED_GIT_ALLOWED_PROTOCOLS": "https,ssh",
    }
    ended = DaemonProcess(home, environment=wrong).run_to_end()
    assert ended.code == 78
    for name in wrong:
        assert name in ended.stderr
