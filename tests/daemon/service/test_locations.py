"""`workspace.resolve`: what holds a path as given or by its real path, after any change, and beside paths that hang."""

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from support.running import Running
from support.samples import STATE, project, workspace
from support.serving import Client, Serve, error_of
from support.shared_store import SharedMemory
from support.waiting import until
from workspaced.domain.state import State
from workspaced.host import path_checks, real_paths
from workspaced.host.path_checks import CHECK_SECONDS, PATIENCE_SECONDS
from workspaced.host.real_paths import Resolved
from workspaced.store import InMemoryWorkspaceStore
from workspaced_protocol.models import Workspace


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """`w/link` leads to `there`."""
    root = tmp_path.resolve()
    for name in ("w/app/web", "w/other", "there/deep"):
        (root / name).mkdir(parents=True)
    (root / "w/link").symlink_to("../there")
    return root


async def holder(client: Client, path: str | Path) -> tuple[str, str | None, str] | None:
    """The name of the workspace, the path of the project and the rest of the path; None for error 1001."""
    answer = await client.answer(await client.request("workspace.resolve", path=str(path)))
    if "error" in answer:
        assert answer["error"]["code"] == 1001, answer
        return None
    result = answer["result"]
    # It is the workspace as it is now, in every member.
    assert result["workspace"] == await client.result("workspace.get", id=result["workspace"]["id"])
    bound = result.get("project")
    assert bound is None or bound in result["workspace"]["projects"]
    return result["workspace"]["name"], bound and bound["rootPath"], result["relativePath"]


async def create(client: Client, name: str, root: str | Path) -> str:
    made = await client.result("workspace.create", name=name, rootPath=str(root))
    return str(made["id"])


async def test_the_innermost_workspace_or_project_holds_a_path(serve: Serve, tree: Path) -> None:
    client = (await serve()).connect()
    app = await create(client, "App", tree / "w/app")
    await create(client, "All", tree / "w")
    bound = await client.result("project.bind", workspaceId=app, rootPath=str(tree / "w/app/web"))
    result = await client.result("workspace.resolve", path=f"{tree}/w/app/web/src/x.py")
    assert result == {"workspace": bound, "project": bound["projects"][0], "relativePath": "src/x.py"}
    assert await client.result("workspace.resolve", path=f"{tree}/w/app") == {
        "workspace": bound,
        "relativePath": "",
    }
    assert await holder(client, tree / "w/app-copy") == ("All", None, "app-copy")
    assert await holder(client, tree / "w/not/there/yet.txt") == ("All", None, "not/there/yet.txt")
    assert await holder(client, tree) is None


async def test_a_path_is_held_by_its_real_path_where_nothing_holds_it_as_given(
    serve: Serve, tree: Path
) -> None:
    client = (await serve()).connect()
    await create(client, "There", tree / "there")
    assert await holder(client, tree / "w/link") == ("There", None, "")
    assert await holder(client, tree / "w/link/deep/new/file") == ("There", None, "deep/new/file")
    await create(client, "As given", tree / "w/link")
    assert await holder(client, tree / "w/link/deep") == ("As given", None, "deep")
    assert await holder(client, tree / "there/deep") == ("There", None, "deep")


async def test_a_parent_is_that_of_a_links_target(serve: Serve, tree: Path) -> None:
    client = (await serve()).connect()
    await create(client, "W", tree / "w")
    await create(client, "There", tree / "there")
    await create(client, "Link", tree / "w/link")
    assert await holder(client, f"{tree}/w/app/../other/x") == ("W", None, "other/x")
    assert await holder(client, f"{tree}/w/link/../w/app") == ("W", None, "app")
    assert await holder(client, f"{tree}/w/link/..") is None  # `tree`, not `w`
    assert await holder(client, f"{tree}/w/link/deep/..") == ("Link", None, "")
    assert await holder(client, f"{tree}/w/app/../../there/deep") == ("There", None, "deep")
    assert await holder(client, f"/..{tree}/w/x") == ("W", None, "x")


async def test_the_root_holds_everything(serve: Serve) -> None:
    client = (await serve()).connect()
    await create(client, "Machine", "/")
    assert await holder(client, "/") == ("Machine", None, "")
    assert await holder(client, "/usr/../etc/nothing") == ("Machine", None, "etc/nothing")


@pytest.mark.parametrize(
    ("path", "fault"), [("", "absolute"), ("w/app", "absolute"), ("~/x", "absolute"), ("/w\0", "NUL")]
)
async def test_a_path_that_can_be_none_is_refused(client: Client, path: str, fault: str) -> None:
    code, message, data = await client.refusal("workspace.resolve", path=path)
    assert (code, data) == (-32602, {"kind": "invalidParams", "path": "path"})
    assert fault in message


async def test_a_refusal_names_the_path_and_shows_no_secret_and_no_megabyte(client: Client) -> None:
    _, message, data = await client.refusal("workspace.resolve", path="/nowhere/at/all")
    assert (message, data) == ("No workspace holds “/nowhere/at/all”.", {"kind": "notFound"})
    _, message, _ = await client.refusal("workspace.resolve", path="/x" * 400_000)
    assert len(message) < 300


async def test_a_search_sees_every_change_that_was_answered(serve: Serve, tree: Path) -> None:
    client = (await serve()).connect()
    id_ = await create(client, "A", tree / "w/app")
    assert await holder(client, tree / "w/app/x") == ("A", None, "x")
    bound = await client.result("project.bind", workspaceId=id_, rootPath=str(tree / "w/app/web"))
    assert await holder(client, tree / "w/app/web/x") == ("A", str(tree / "w/app/web"), "x")
    (tree / "w/app/web").rmdir()
    checked = await client.result("project.check", workspaceId=id_)
    assert checked["projects"][0]["status"] == "stale"
    assert await holder(client, tree / "w/app/web/x") == ("A", str(tree / "w/app/web"), "x")
    await client.result("project.unbind", workspaceId=id_, projectId=bound["projects"][0]["id"])
    assert await holder(client, tree / "w/app/web/x") == ("A", None, "web/x")
    await client.result("workspace.update", id=id_, name="B", rootPath=str(tree / "w"))
    assert await holder(client, tree / "w/app/web/x") == ("B", None, "app/web/x")
    other = await create(client, "C", tree / "w")
    assert await holder(client, tree / "w/x") == ("B", None, "x")
    await client.result("workspace.close", id=id_)
    assert await holder(client, tree / "w/x") == ("C", None, "x")
    await client.result("workspace.open", id=id_)
    assert await holder(client, tree / "w/x") == ("B", None, "x")
    stored = await client.result("workspace.get", id=id_)
    await client.result("store.save", workspace={**stored, "state": "deleted"})
    assert await holder(client, tree / "w/x") == ("C", None, "x")
    backup = await client.result("store.backup")
    await client.result("store.apply", changes=[{"remove": other}, {"save": {**stored, "name": "D"}}])
    assert await holder(client, tree / "w/x") == ("D", None, "x")
    await client.result("workspace.delete", id=id_)
    assert await holder(client, tree / "w/x") is None
    await client.result("store.restore", source=backup["name"])
    assert await holder(client, tree / "w/x") == ("C", None, "x")


async def test_workspaces_of_the_start_and_deleted_ones_are_known(serve: Serve) -> None:
    store = InMemoryWorkspaceStore()
    store.state = State.of(
        [
            workspace(1, root_path="/w/a", state="deleted"),
            workspace(2, root_path="/w/a", state="closed", projects=(project(2, "ws_02"),)),
            workspace(3, root_path="relative"),
        ]
    )
    client = (await serve(store)).connect()
    assert await holder(client, "/w/a") == ("Workspace 2", None, "")
    assert await holder(client, "/src/repository 2/x") == ("Workspace 2", "/src/repository 2", "x")


async def test_a_name_below_that_is_not_utf_8_is_refused_as_in_a_bind(serve: Serve, tree: Path) -> None:
    client = (await serve()).connect()
    (tree / "w/odd").symlink_to(os.fsdecode(os.fsencode(tree) + b"/there/\xff"))
    assert await holder(client, tree / "w/odd") is None
    await create(client, "There", tree / "there")
    code, message, data = await client.refusal("workspace.resolve", path=str(tree / "w/odd/x"))
    assert (code, data["kind"], data["reason"]) == (1007, "pathUnreachable", "unusable")
    assert "leads to a name that is not UTF-8" in message
    await create(client, "Odd", tree / "w/odd")
    assert await holder(client, tree / "w/odd/x") == ("Odd", None, "x")


class Mount:
    """Paths below `/dead` hang until `revive`, when they are looked at."""

    def __init__(self) -> None:
        self.looks = 0
        self._revived = threading.Event()

    def resolved(self, path: str) -> Resolved:
        if path.startswith("/dead"):
            self.looks += 1
            self._revived.wait(30)
        return Resolved(path, path)

    def revive(self) -> None:
        self._revived.set()


@pytest.fixture
def mount(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mount]:
    mount = Mount()
    monkeypatch.setattr(real_paths, "resolved", mount.resolved)
    yield mount
    mount.revive()


async def pass_time(clock: MockClock, seconds: float) -> None:
    """Let so much time pass once nothing is left to do at this moment."""
    await wait_all_tasks_blocked()
    clock.jump(seconds)
    await wait_all_tasks_blocked()


async def test_a_mount_that_hangs_is_told_in_time_and_holds_up_nobody(
    serve: Serve, mount: Mount, mock_clock: MockClock
) -> None:
    daemon = await serve()
    client, other = daemon.connect(), daemon.connect()
    await create(client, "Known", "/dead/known")
    assert await holder(client, "/dead/known/x") == ("Known", None, "x")  # as given: no disk is needed
    assert mount.looks == 0
    hanging = [await client.request("workspace.resolve", path="/dead/unknown") for _ in range(3)]
    await until(lambda: mount.looks == 1)
    await pass_time(mock_clock, PATIENCE_SECONDS)
    # From here on the clock stands still.
    assert await holder(other, "/alive") is None
    assert await client.result("daemon.ping") == "pong"
    await pass_time(mock_clock, CHECK_SECONDS)
    for request in hanging:
        answer = await client.answer(request)
        assert answer["error"]["code"] == 1001
        assert "“/dead/unknown” as it is written, and it could not be looked at within 2 s" in str(answer)
    assert await holder(client, "/dead/unknown") is None
    assert mount.looks == 1  # it is known to hang: nobody waits for it again
    await create(client, "Unknown", "/dead")
    assert await holder(client, "/dead/unknown") == ("Unknown", None, "unknown")


async def test_where_all_threads_hang_a_search_is_refused_and_projects_are_still_checked(
    serve: Serve, mount: Mount, mock_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(path_checks, "_THREADS", 2)
    client = (await serve()).connect()
    hanging = [await client.request("workspace.resolve", path=f"/dead/{number}") for number in range(2)]
    await until(lambda: mount.looks == 1)
    await pass_time(mock_clock, PATIENCE_SECONDS)
    await until(lambda: mount.looks == 2)
    await pass_time(mock_clock, CHECK_SECONDS)
    assert [(await client.answer(request))["error"]["code"] for request in hanging] == [1001, 1001]
    one_more = await client.request("workspace.resolve", path="/dead/2")
    await pass_time(mock_clock, PATIENCE_SECONDS)
    await pass_time(mock_clock, CHECK_SECONDS)
    error = (await client.answer(one_more))["error"]
    assert (error["code"], mount.looks) == (2004, 2)
    assert "too many other paths do not respond" in error["message"]
    id_ = await create(client, "A", tmp_path)
    bound = await client.result("project.bind", workspaceId=id_, rootPath=str(tmp_path))
    assert await holder(client, tmp_path / "x") == ("A", bound["projects"][0]["rootPath"], "x")


async def test_a_client_can_cancel_a_search(serve: Serve, mount: Mount) -> None:
    client = (await serve()).connect()
    request = await client.request("workspace.resolve", path="/dead")
    await until(lambda: mount.looks == 1)
    await client.cancel(request)
    assert (await client.answer(request))["error"]["code"] == -32800


async def _client_of_many(serve: Serve, count: int) -> Client:
    store = InMemoryWorkspaceStore()
    workspaces: list[Workspace] = []
    for number in range(count):
        root = f"/home/ada/code/{number}"
        bound = msgspec.structs.replace(project(1, f"ws_{number:02}"), root_path=f"{root}/web")
        workspaces.append(workspace(number, root_path=root, projects=(bound,)))
    store.state = State.of(workspaces)
    return (await serve(store)).connect()


async def test_a_first_search_among_many_workspaces_lets_others_have_their_turns(
    serve: Serve, nursery: trio.Nursery
) -> None:
    client = await _client_of_many(serve, 5_000)
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    nursery.start_soon(take_turns)
    assert await holder(client, "/home/ada/code/1/x") == ("Workspace 1", None, "x")
    assert turns > 100
    turns = 0
    assert await holder(client, "/home/ada/code/1/x") == ("Workspace 1", None, "x")
    assert turns < 100
    nursery.cancel_scope.cancel()


async def test_the_time_for_a_path_is_the_setting_for_path_checks(
    running: Running, nursery: trio.Nursery, mount: Mount
) -> None:
    running.settings = replace(running.settings, path_check_seconds=0.05)
    nursery.start_soon(running.run)
    client = await running.connect()
    _, message, _ = await client.refusal("workspace.resolve", path="/dead")
    assert "within 0.05 s" in message
    signal.raise_signal(signal.SIGTERM)
    await running.stopped.wait()  # though a thread still hangs there


async def test_a_stop_refuses_a_search_that_waits_for_a_disk(
    running: Running, nursery: trio.Nursery, mount: Mount
) -> None:
    running.settings = replace(running.settings, path_check_seconds=60.0)
    nursery.start_soon(running.run)
    client = await running.connect()
    await client.request("workspace.resolve", path="/dead")
    await until(lambda: mount.looks == 1)
    signal.raise_signal(signal.SIGTERM)
    with trio.fail_after(30):
        assert error_of(await client.receive())[0] == 2005
        await running.stopped.wait()


async def test_a_refused_write_changes_no_search(serve: Serve) -> None:
    store = InMemoryWorkspaceStore()
    store.state = STATE
    client = (await serve(store)).connect()
    with trio.fail_after(30):
        code, *_ = await client.refusal("workspace.create", name="ALPHA", rootPath="/elsewhere")
    assert code == 1002
    assert await holder(client, "/elsewhere/x") is None


async def test_a_search_knows_what_others_did_though_no_event_told_it(serve: Serve) -> None:
    memory = SharedMemory()
    store, other = memory.open(), memory.open()
    client = (await serve(store)).connect()
    await create(client, "Old", "/w/old")
    assert await holder(client, "/w/old") == ("Old", None, "")
    store.cut_off("No network.", 1)
    other.take_news()
    for each in other.state.workspaces():
        other.remove(each.id)
    other.save(workspace(9, name="New", root_path="/w/new"))
    store.loses_track = True
    store.come_back()
    while await holder(client, "/w/new") is None:
        await trio.lowlevel.checkpoint()
    assert await holder(client, "/w/old") is None
