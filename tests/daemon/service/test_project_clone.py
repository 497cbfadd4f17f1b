"""project.clone from the request to the bound project: its answers, its progress, and how it can be stopped."""

import errno
import os
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from support.git_samples import HANGS, ISOLATED, Lifeline, fake_git, make_repository
from support.serving import Client, Daemon, error_of
from support.waiting import until
from workspaced.store import CommitUnknown, InMemoryWorkspaceStore, StorageFailure
from workspaced.store.contract import Commit

pytestmark = pytest.mark.requirement("FR-003")

URL = "https://example.com/team/app.git"


class FailingStore(InMemoryWorkspaceStore):
    """A store whose commits fail once there is something to fail with."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[StorageFailure] = []

    def commit(self, commit: Commit, /) -> None:
        if self.failures:
            raise self.failures.pop()
        super().commit(commit)


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's git configuration is out of the way."""
    for name, value in ISOLATED.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def store() -> FailingStore:
    """The daemon's store."""
    return FailingStore()


@pytest.fixture
async def daemon(nursery: trio.Nursery, store: FailingStore) -> AsyncIterator[Daemon]:
    """A daemon that runs until the test ends."""
    daemon = Daemon(nursery, store, Path("/data"))  # nobody asks for a backup here
    daemon.paths.limit_seconds = 60
    await nursery.start(daemon.run)
    yield daemon
    daemon.close()


@pytest.fixture
async def client(daemon: Daemon, nursery: trio.Nursery) -> Client:
    """A client of it."""
    return daemon.connect()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root of a workspace."""
    root = tmp_path / "root"
    root.mkdir()
    return root


@pytest.fixture
def lifeline(tmp_path: Path) -> Iterator[Lifeline]:
    """Tells whether a fake git lives."""
    lifeline = Lifeline(tmp_path / "lifeline")
    yield lifeline
    lifeline.close()


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a script in git's place."""
    return lambda script: monkeypatch.setenv("PATH", fake_git(tmp_path / "bin", script).replace_path())


@pytest.fixture
def hanging(play: Callable[[str], None], lifeline: Lifeline) -> Lifeline:
    """A git that hangs in the middle of a clone."""
    play(f"{lifeline.script()}\n{HANGS}\nsleep 600 & wait")
    return lifeline


# What it comes to


async def test_a_clone_is_bound_by_its_url_and_told(
    client: Client, daemon: Daemon, nursery: trio.Nursery, root: Path, tmp_path: Path
) -> None:
    url = make_repository(tmp_path / "origin.git")
    id_ = await client.create(str(root))
    subscriber = daemon.connect()
    await subscriber.result("events.subscribe", topics=["project.*"])
    workspace = await client.result("project.clone", workspaceId=id_, gitUrl=url)
    (project,) = workspace["projects"]
    path = str(root / "origin")
    assert (project["rootPath"], project["gitUrl"], project["status"]) == (path, url, "active")
    assert sorted(os.listdir(path)) == [".git", "file0", "file1", "file2"]
    (event,) = await subscriber.notified()
    assert (event["topic"], event["revision"]) == ("project.bound", workspace["revision"])
    assert event["payload"] == {
        "workspaceId": id_,
        "projectId": project["id"],
        "rootPath": path,
        "gitUrl": url,
        "workspace": workspace,
        "previous": {**workspace, "projects": [], "revision": 1, "updatedAt": workspace["createdAt"]},
        "by": {"pid": os.getpid(), "uid": os.getuid()},
    }
    assert event["peer"] == {"pid": os.getpid(), "uid": os.getuid()}
    assert event["correlationId"].startswith("cor_")


async def test_a_repeated_key_clones_once(client: Client, root: Path, tmp_path: Path) -> None:
    url = make_repository(tmp_path / "origin")
    id_ = await client.create(str(root))
    clone = {"workspaceId": id_, "gitUrl": url, "requestKey": "key"}
    first = await client.result("project.clone", **clone)
    assert await client.result("project.clone", **clone) == first
    renamed = await client.result("workspace.update", id=id_, name="Renamed")
    assert await client.result("project.clone", **clone) == renamed


async def test_what_can_not_be_bound_is_not_cloned(
    client: Client, root: Path, play: Callable[[str], None], tmp_path: Path
) -> None:
    play(f"touch '{tmp_path}/called'")
    id_ = await client.create(str(root))
    bound = root / "bound"
    bound.mkdir()
    await client.result("project.bind", workspaceId=id_, rootPath=str(bound))
    full = root / "full"
    full.mkdir()
    (full / "precious").write_text("precious")
    for refused, params in (
        ("notFound", {"workspaceId": "ws_none", "gitUrl": URL}),
        ("duplicateProject", {"workspaceId": id_, "gitUrl": URL, "targetDir": str(bound)}),
        ("gitUrl", {"workspaceId": id_, "gitUrl": "ext::sh -c touch% ran"}),
        ("gitUrl", {"workspaceId": id_, "gitUrl": "https://example.com/.."}),
        ("targetDir", {"workspaceId": id_, "gitUrl": URL, "targetDir": "relative"}),
        ("targetDir", {"workspaceId": id_, "gitUrl": URL, "targetDir": str(full)}),
    ):
        data = (await client.refusal("project.clone", **params)).data
        assert refused in (data["kind"], data.get("path"))
    assert not (tmp_path / "called").exists()
    assert sorted(os.listdir(root)) == ["bound", "full"]
    assert os.listdir(full) == ["precious"]


async def test_a_project_that_is_gone_is_bound_still(client: Client, root: Path) -> None:
    id_ = await client.create(str(root))
    (root / "app").mkdir()
    await client.result("project.bind", workspaceId=id_, rootPath=str(root / "app"))
    (root / "app").rmdir()
    refused = await client.refusal("project.clone", workspaceId=id_, gitUrl=URL)
    assert refused.data["kind"] == "duplicateProject"
    assert os.listdir(root) == []


async def test_a_failed_clone_gives_what_git_said(client: Client, root: Path) -> None:
    id_ = await client.create(str(root))
    error = await client.refusal("project.clone", workspaceId=id_, gitUrl=f"file://{root}/no/where")
    assert (error.code, error.data["kind"]) == (3002, "gitFailed")
    assert "fatal: " in error.data["stderr"]
    assert os.listdir(root) == []


@pytest.mark.parametrize(
    ("failure", "kind", "stays"),
    [
        (StorageFailure("The disk is full.", errno.ENOSPC), "storageFailure", False),
        (CommitUnknown("The disk failed.", errno.EIO), "commitUnknown", True),
    ],
    ids=["not applied", "unknown"],
)
async def test_a_clone_that_can_not_be_bound_is_removed_unless_it_may_be_bound(
    client: Client,
    store: FailingStore,
    root: Path,
    tmp_path: Path,
    failure: StorageFailure,
    kind: str,
    stays: bool,
) -> None:
    url = make_repository(tmp_path / "origin")
    id_ = await client.create(str(root))
    store.failures.append(failure)
    refused = await client.refusal("project.clone", workspaceId=id_, gitUrl=url)
    assert refused.data["kind"] == kind
    assert os.listdir(root) == (["origin"] if stays else [])


async def test_a_workspace_that_is_deleted_meanwhile_gets_no_clone(
    client: Client, root: Path, play: Callable[[str], None], tmp_path: Path
) -> None:
    go_on = tmp_path / "go on"
    os.mkfifo(go_on)
    play(f"{HANGS}\nread line < '{go_on}'")
    id_ = await client.create(str(root))
    cloning = await client.request("project.clone", workspaceId=id_, gitUrl=URL)
    await client.notified()
    # Writes do not wait for a clone.
    assert await client.result("workspace.delete", id=id_) is None
    go_on.write_text("go on\n")
    assert error_of(await client.answer(cloning)).data == {"kind": "notFound", "id": id_}
    assert os.listdir(root) == []


# Progress


async def test_progress_is_told_to_the_one_who_asked(
    client: Client, daemon: Daemon, nursery: trio.Nursery, root: Path, hanging: Lifeline
) -> None:
    id_ = await client.create(str(root))
    other = daemon.connect()
    await other.result("events.subscribe")
    cloning = await client.request("project.clone", workspaceId=id_, gitUrl=URL)
    (progress,) = await client.notified()
    assert client.notifications[0]["method"] == "$/progress"
    assert progress == {
        "id": cloning,
        "phase": "Receiving objects",
        "percent": 42,
        "message": "Receiving objects:  42% (42/100), 1.20 MiB | 800.00 KiB/s",
    }
    await wait_all_tasks_blocked()
    await other.result("daemon.ping")
    assert other.notifications == []


async def test_progress_is_told_ten_times_a_second_at_most(
    client: Client, mock_clock: MockClock, root: Path, tmp_path: Path, play: Callable[[str], None]
) -> None:
    go_on = tmp_path / "go on"
    os.mkfifo(go_on)
    play(
        f"""exec 4< '{go_on}'
        while read percent <&4; do echo "Receiving objects: $percent% (1/2)" >&2; echo $percent > '{tmp_path}/at'; done"""
    )
    id_ = await client.create(str(root))
    cloning = await client.request("project.clone", workspaceId=id_, gitUrl=URL)
    speak = await trio.to_thread.run_sync(os.open, go_on, os.O_WRONLY)
    try:
        for percent in range(1, 41):
            os.write(speak, b"%d\n" % percent)
            await until(partial(_holds, tmp_path / "at", percent))
            await wait_all_tasks_blocked()
            mock_clock.jump(0.025)
    finally:
        os.close(speak)
    await client.answer(cloning)
    told = [message["params"]["percent"] for message in client.notifications]
    assert 2 <= len(told) <= 10
    assert told == sorted(told)


def _holds(path: Path, number: int) -> bool:
    return path.exists() and path.read_text() == f"{number}\n"


# How it can be stopped


async def test_a_cancelled_clone_is_ended_and_removed(client: Client, root: Path, hanging: Lifeline) -> None:
    id_ = await client.create(str(root))
    cloning = await client.request("project.clone", workspaceId=id_, gitUrl=URL)
    await client.notified()
    assert (root / "app" / "half").exists()
    await client.cancel(cloning)
    error = error_of(await client.answer(cloning))
    assert (error.code, error.data["kind"]) == (-32800, "cancelled")
    assert not hanging.is_held()
    assert os.listdir(root) == []
    assert await client.result("daemon.ping") == "pong"


async def test_a_client_that_is_gone_ends_its_clone(
    client: Client, daemon: Daemon, root: Path, hanging: Lifeline, mock_clock: MockClock
) -> None:
    id_ = await client.create(str(root))
    await client.request("project.clone", workspaceId=id_, gitUrl=URL)
    await client.notified()
    client.close()
    await until(lambda: not daemon.online)  # the clock stands still: it is seen at once
    assert not hanging.is_held()
    assert os.listdir(root) == []
    assert daemon.projects(id_) == []


async def test_a_client_that_only_sends_no_more_gets_its_answer(
    client: Client,
    daemon: Daemon,
    root: Path,
    tmp_path: Path,
    play: Callable[[str], None],
    mock_clock: MockClock,
) -> None:
    go_on = tmp_path / "go on"
    os.mkfifo(go_on)
    play(f"{HANGS}\nread line < '{go_on}'")
    id_ = await client.create(str(root))
    cloning = await client.request("project.clone", workspaceId=id_, gitUrl=URL)
    await client.notified()
    client.finish()
    for _ in range(60):
        await wait_all_tasks_blocked()
        mock_clock.jump(1.0)
    go_on.write_text("go on\n")
    assert (await client.answer(cloning))["result"]["projects"][0]["rootPath"] == str(root / "app")
    await until(lambda: not daemon.online)


async def test_a_client_that_leaves_after_it_sent_no_more_ends_its_clone(
    client: Client, daemon: Daemon, root: Path, hanging: Lifeline, mock_clock: MockClock
) -> None:
    id_ = await client.create(str(root))
    await client.request("project.clone", workspaceId=id_, gitUrl=URL)
    await client.notified()
    client.finish()
    await wait_all_tasks_blocked()
    assert len(daemon.online) == 1
    client.close()
    mock_clock.jump(0.5)
    await until(lambda: not daemon.online)
    assert not hanging.is_held()
    assert os.listdir(root) == []
