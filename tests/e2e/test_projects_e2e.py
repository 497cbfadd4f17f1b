"""Projects as an app sees them: a real daemon, the real git, real directories."""

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from e2e.project_process import PATIENCE_SECONDS, ProjectConnection, ProjectProcess
from support.git_samples import HANGS, Lifeline, fake_git, make_repository

URL = "https://example.com/team/app.git"

Start = Callable[..., ProjectProcess]
Connect = Callable[[ProjectProcess], ProjectConnection]


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory with a short name: a socket's path has at most some hundred bytes."""
    with tempfile.TemporaryDirectory(prefix="wsd-") as name:
        yield Path(name).resolve()


@pytest.fixture
def start(home: Path) -> Iterator[Start]:
    """Starts a daemon with this environment, and waits until it answers."""
    with ExitStack() as stack:

        def start(**environment: str) -> ProjectProcess:
            daemon = ProjectProcess(home, environment)
            stack.callback(daemon.close)
            daemon.wait_ready()
            return daemon

        yield start


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connects to a daemon."""
    with ExitStack() as stack:

        def connect(daemon: ProjectProcess) -> ProjectConnection:
            connection = ProjectConnection(daemon.socket_path)
            stack.callback(connection.close)
            return connection

        yield connect


@pytest.fixture
def root(home: Path) -> Path:
    """The root of a workspace."""
    root = home / "root"
    root.mkdir()
    return root


@pytest.fixture
def lifeline(home: Path) -> Iterator[Lifeline]:
    """Tells whether a fake git lives."""
    lifeline = Lifeline(home / "lifeline")
    yield lifeline
    lifeline.close()


@pytest.fixture
def hanging(home: Path, lifeline: Lifeline) -> str:
    """A PATH whose git hangs in the middle of a clone."""
    return fake_git(home / "bin", f"{lifeline.script()}\n{HANGS}\nsleep 600 & wait").replace_path()


# Bind and unbind


@pytest.mark.requirement("FR-003")
def test_a_bound_directory_is_kept_until_it_is_unbound(start: Start, connect: Connect, root: Path) -> None:
    (root / "real").mkdir()
    (root / "link").symlink_to("real")
    app = connect(start())
    id_ = app.create(root)
    bound = app.result("project.bind", workspaceId=id_, rootPath=str(root / "link"))
    (project,) = bound["projects"]
    assert project == {
        "id": project["id"],
        "workspaceId": id_,
        "rootPath": str(root / "real"),
        "status": "active",
        "boundAt": project["boundAt"],
    }
    assert project["id"].startswith("proj_")
    code, data = app.refusal("project.bind", workspaceId=id_, rootPath=f"{root}/real/")
    assert (code, data) == (1006, {"kind": "duplicateProject", "id": project["id"]})
    code, data = app.refusal("project.unbind", workspaceId=id_, projectId="proj_none")
    assert (code, data["kind"]) == (1001, "notFound")
    unbound = app.result("project.unbind", workspaceId=id_, projectId=project["id"])
    assert unbound["projects"] == []
    assert (root / "real").is_dir()
    code, _ = app.refusal("project.unbind", workspaceId=id_, projectId=project["id"])
    assert code == 1001


@pytest.mark.requirement("FR-003")
def test_what_is_no_directory_is_not_bound(start: Start, connect: Connect, root: Path) -> None:
    (root / "file").touch()
    os.mkfifo(root / "fifo")
    app = connect(start())
    id_ = app.create(root)
    for name, reason in (("nothing", "missing"), ("file", "notADirectory"), ("fifo", "notADirectory")):
        path = str(root / name)
        code, data = app.refusal("project.bind", workspaceId=id_, rootPath=path)
        assert (code, data) == (1007, {"kind": "pathUnreachable", "path": path, "reason": reason})
    code, data = app.refusal("project.bind", workspaceId=id_, rootPath="there")
    assert (code, data["path"]) == (-32602, "rootPath")


@pytest.mark.requirement("FR-003", "FR-004")
def test_pipelined_writes_are_applied_in_the_order_sent(start: Start, connect: Connect, root: Path) -> None:
    paths = [root / f"p{number}" for number in range(20)]
    for path in paths:
        path.mkdir()
    app = connect(start())
    id_ = app.create(root)
    binds = [("project.bind", {"workspaceId": id_, "rootPath": str(path)}) for path in paths]
    requests = []
    for bind in binds:
        requests += [bind, ("workspace.close", {"id": id_}), ("workspace.open", {"id": id_})]
    ids = app.send(*requests)
    answers = {answer["id"]: answer for answer in (app.receive() for _ in ids)}
    revisions = [answers[id_]["result"]["revision"] for id_ in ids]
    assert revisions == list(range(2, 2 + len(ids)))
    bound = [project["rootPath"] for project in app.result("store.getById", id=id_)["projects"]]
    assert bound == [str(path) for path in paths]


# Stale and active


@pytest.mark.requirement("FR-004")
def test_an_open_makes_projects_stale_and_active_again(start: Start, connect: Connect, root: Path) -> None:
    for name in ("stays", "goes"):
        (root / name).mkdir()
    app = connect(start())
    id_ = app.create(root)
    for name in ("stays", "goes"):
        app.result("project.bind", workspaceId=id_, rootPath=str(root / name))
    app.result("events.subscribe", topics=["project.statusChanged"])

    def reopened() -> list[str]:
        app.result("workspace.close", id=id_)
        workspace = app.result("workspace.open", id=id_)
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
    checked = app.result("project.check", workspaceId=id_)
    assert [project["status"] for project in checked["projects"]] == ["active", "stale"]
    while len(app.notifications) < 3:
        app.notifications.append({"params": app.notified()})
    told = [message["params"]["payload"] for message in app.notifications]
    assert [(payload["status"], payload.get("reason")) for payload in told] == [
        ("stale", "missing"),
        ("active", None),
        ("stale", "missing"),
    ]
    assert {payload["projectId"] for payload in told} == {checked["projects"][1]["id"]}


# Clone


@pytest.mark.requirement("FR-003")
def test_a_clone_is_a_project_with_its_url(start: Start, connect: Connect, root: Path, home: Path) -> None:
    url = make_repository(home / "origin.git")
    daemon = start()
    app = connect(daemon)
    id_ = app.create(root)
    app.result("project.clone", workspaceId=id_, gitUrl=url)
    target = root / "deep" / "er"
    cloned = app.result("project.clone", workspaceId=id_, gitUrl=url, targetDir=str(target))
    bound = [(project["rootPath"], project["gitUrl"]) for project in cloned["projects"]]
    assert bound == [(str(root / "origin"), url), (str(target), url)]
    for path, _ in bound:
        assert {".git", "file0"} <= set(os.listdir(path))
    assert [message["method"] for message in app.notifications] != []
    assert {message["method"] for message in app.notifications} == {"$/progress"}
    code, data = app.refusal("project.clone", workspaceId=id_, gitUrl=url)
    assert (code, data["path"]) == (-32602, "targetDir")
    daemon.stop()
    assert connect(start()).result("store.getById", id=id_) == cloned


@pytest.mark.requirement("FR-003")
def test_without_git_there_is_an_error_that_says_so(start: Start, connect: Connect, root: Path) -> None:
    app = connect(start(PATH=str(root)))
    id_ = app.create(root)
    code, data = app.refusal("project.clone", workspaceId=id_, gitUrl=URL)
    assert (code, data) == (3001, {"kind": "gitUnavailable", "stderr": ""})
    assert os.listdir(root) == []


@pytest.mark.requirement("FR-003")
def test_a_git_that_hangs_is_ended_in_time(
    start: Start, connect: Connect, root: Path, hanging: str, lifeline: Lifeline
) -> None:
    app = connect(start(PATH=hanging, WORKSPACED_GIT_TIMEOUT_SECONDS="1"))
    id_ = app.create(root)
    code, data = app.refusal("project.clone", workspaceId=id_, gitUrl=URL)
    assert (code, data["kind"]) == (3003, "gitTimeout")
    assert "Receiving objects:  42%" in data["stderr"]
    assert not lifeline.is_held()
    assert os.listdir(root) == []


@pytest.mark.requirement("FR-003")
def test_only_allowed_protocols_are_cloned_by_and_none_runs_a_program(
    start: Start, connect: Connect, root: Path, home: Path
) -> None:
    app = connect(start(GIT_ALLOW_PROTOCOL="ext:file", WORKSPACED_GIT_ALLOWED_PROTOCOLS="https:ssh"))
    id_ = app.create(root)
    for url in (
        make_repository(home / "origin"),
        f"ext::sh -c touch% {home}/ran",
        f"--upload-pack=touch {home}/ran",
    ):
        code, data = app.refusal("project.clone", workspaceId=id_, gitUrl=url)
        assert (code, data["path"]) == (-32602, "gitUrl")
    code, _ = app.refusal(
        "project.clone", workspaceId=id_, gitUrl=f"ssh://-oProxyCommand=touch% {home}/ran/x"
    )
    assert code == 3002
    assert not (home / "ran").exists()
    assert os.listdir(root) == []


@pytest.mark.requirement("FR-003")
def test_a_client_that_dies_takes_its_clone_along(
    start: Start, connect: Connect, root: Path, hanging: str, lifeline: Lifeline
) -> None:
    daemon = start(PATH=hanging)
    app, watcher = connect(daemon), connect(daemon)
    id_ = app.create(root)
    app.send(("project.clone", {"workspaceId": id_, "gitUrl": URL}))
    assert app.notified()["percent"] == 42
    app.close()
    assert lifeline.wait_until_let_go(PATIENCE_SECONDS)
    while watcher.result("daemon.status")["connections"] > 1:
        pass  # its connection ends once all is cleared away
    assert os.listdir(root) == []
    assert watcher.result("store.getById", id=id_)["projects"] == []


@pytest.mark.requirement("FR-003")
def test_a_stop_ends_a_clone_and_clears_it_away(
    start: Start, connect: Connect, root: Path, hanging: str, lifeline: Lifeline
) -> None:
    daemon = start(PATH=hanging)
    app = connect(daemon)
    app.send(("project.clone", {"workspaceId": app.create(root), "gitUrl": URL}))
    assert app.notified()["percent"] == 42
    daemon.process.send_signal(signal.SIGTERM)
    code, stderr = daemon.end()
    assert code == 0, stderr
    assert not lifeline.is_held()
    assert os.listdir(root) == []


def test_settings_that_can_not_be_are_named(home: Path) -> None:
    wrong = {
        "WORKSPACED_GIT_TIMEOUT_SECONDS": "0",
        "WORKSPACED_PATH_CHECK_SECONDS": "-1",
        "WORKSPACED_GIT_ALLOWED_PROTOCOLS": "https,ssh",
    }
    code, stderr = ProjectProcess(home, wrong).end()
    assert code == 78
    for name in wrong:
        assert name in stderr
