"""Writes of one connection go in the order sent, though some have to look at a disk first."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import trio
from msgspec import structs
from trio.testing import MockClock, wait_all_tasks_blocked

from support.samples import project, workspace
from support.scripted_store import GatedStore
from support.serving import Client, Daemon, Serve, error_of
from support.waiting import until
from workspaced.host.git import Git
from workspaced.store import InMemoryWorkspaceStore
from workspaced.writer.actor import DEADLINE_SECONDS
from workspaced_protocol.models import Backup, Workspace

CANCELLED = -32800


@pytest.fixture
async def daemon(nursery: trio.Nursery) -> AsyncIterator[Daemon]:
    """A daemon that runs until the test ends."""
    daemon = Daemon(nursery, InMemoryWorkspaceStore(), Path("/data"))  # nobody asks for a backup here
    daemon.paths.limit_seconds = 60
    await nursery.start(daemon.run)
    yield daemon
    daemon.close()


@pytest.fixture
async def client(daemon: Daemon, nursery: trio.Nursery) -> Client:
    """A client of it."""
    return daemon.connect()


@pytest.fixture
def directories(tmp_path: Path) -> list[str]:
    """Three directories that can be bound."""
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        path.mkdir()
    return [str(path) for path in paths]


@pytest.mark.requirement("FR-003")
async def test_writes_behind_a_look_wait_for_it(
    daemon: Daemon, client: Client, directories: list[str]
) -> None:
    id_ = await client.create()
    bound = await client.result("project.bind", workspaceId=id_, rootPath=directories[0])
    daemon.paths.is_holding = True
    binding = await client.request("project.bind", workspaceId=id_, rootPath=directories[1])
    unbinding = await client.request("project.unbind", workspaceId=id_, projectId=bound["projects"][0]["id"])
    renaming = await client.request("workspace.update", id=id_, name="Last")
    reading = await client.request("workspace.get", id=id_)
    # A read does not wait, and sees nothing of what does.
    assert (await client.answer(reading))["result"] == bound
    await wait_all_tasks_blocked()
    assert client.answers == []
    await daemon.paths.let_go(directories[1])
    answers = [(await client.answer(id_))["result"] for id_ in (binding, unbinding, renaming)]
    assert [len(answer["projects"]) for answer in answers] == [2, 1, 1]
    assert [answer["revision"] for answer in answers] == [3, 4, 5]
    assert daemon.projects(id_) == [directories[1]]


@pytest.mark.requirement("FR-003")
async def test_of_two_looks_the_first_sent_goes_first(
    daemon: Daemon, client: Client, directories: list[str]
) -> None:
    id_ = await client.create()
    daemon.paths.is_holding = True
    requests = [await client.request("project.bind", workspaceId=id_, rootPath=path) for path in directories]
    await daemon.paths.wait_for(*directories)  # side by side
    daemon.paths.is_holding = False  # one may look once more at what the one before it has bound
    for path in reversed(directories):
        assert daemon.projects(id_) == []
        await daemon.paths.let_go(path)
        await wait_all_tasks_blocked()
    for request in requests:
        await client.answer(request)
    assert daemon.projects(id_) == directories


def a_save(*paths: str) -> Workspace:
    """A closed workspace with projects at these paths; by turns stale, as if it were not there, and active."""
    bound = [structs.replace(project(n, "ws_07"), root_path=path) for n, path in enumerate(paths, start=1)]
    return workspace(7, state="closed", projects=tuple(bound))


@pytest.mark.requirement("FR-004")
@pytest.mark.parametrize(("method", "name"), [("workspace.open", "id"), ("project.check", "workspaceId")])
@pytest.mark.parametrize("saves", ["store.save", "store.apply"])
async def test_a_look_sees_what_a_write_before_it_binds(
    saves: str, method: str, name: str, client: Client, directories: list[str]
) -> None:
    saved = msgspec.to_builtins(a_save(directories[0], "/nowhere"))
    params = {"workspace": saved} if saves == "store.save" else {"changes": [{"save": saved}]}
    saving = await client.request(saves, **params)
    looking = await client.request(method, **{name: "ws_07"})
    renaming = await client.request("workspace.update", id="ws_07", name="Last")
    assert "result" in await client.answer(saving)
    looked = (await client.answer(looking))["result"]
    assert [project["status"] for project in looked["projects"]] == ["active", "stale"]
    assert (await client.answer(renaming))["result"]["name"] == "Last"


@pytest.mark.requirement("FR-003")
async def test_what_a_write_before_it_binds_is_not_bound_again(
    client: Client, directories: list[str], tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(directories[0])
    saving = await client.request("store.save", workspace=msgspec.to_builtins(a_save(str(tmp_path / "link"))))
    binding = await client.request("project.bind", workspaceId="ws_07", rootPath=directories[0])
    assert "result" in await client.answer(saving)
    assert error_of(await client.answer(binding)).code == 1006


@pytest.mark.requirement("FR-004")
@pytest.mark.parametrize(("method", "name"), [("workspace.open", "id"), ("project.check", "workspaceId")])
async def test_a_look_sees_what_another_connection_binds_meanwhile(
    method: str,
    name: str,
    daemon: Daemon,
    client: Client,
    nursery: trio.Nursery,
    directories: list[str],
) -> None:
    other = daemon.connect()
    await other.result("store.save", workspace=msgspec.to_builtins(a_save(directories[0])))
    daemon.paths.is_holding = True
    looking = await client.request(method, **{name: "ws_07"})
    renaming = await client.request("workspace.update", id="ws_07", name="Last")
    await daemon.paths.wait_for(directories[0])
    saved = msgspec.to_builtins(a_save(directories[0], "/nowhere"))
    assert "revision" in await other.result("store.save", workspace=saved)
    await daemon.paths.let_go(directories[0])
    await daemon.paths.let_go("/nowhere")
    looked = (await client.answer(looking))["result"]
    assert [project["status"] for project in looked["projects"]] == ["active", "stale"]
    assert (await client.answer(renaming))["result"]["name"] == "Last"


@pytest.mark.requirement("FR-003")
async def test_what_another_connection_binds_meanwhile_is_not_bound_again(
    daemon: Daemon,
    client: Client,
    nursery: trio.Nursery,
    directories: list[str],
    tmp_path: Path,
) -> None:
    link = tmp_path / "link"
    link.symlink_to(directories[0])
    other = daemon.connect()
    await other.result("store.save", workspace=msgspec.to_builtins(a_save()))
    daemon.paths.is_holding = True
    binding = await client.request("project.bind", workspaceId="ws_07", rootPath=directories[0])
    await daemon.paths.wait_for(directories[0])
    await other.result("store.save", workspace=msgspec.to_builtins(a_save(str(link))))
    await daemon.paths.let_go(directories[0])
    await daemon.paths.let_go(str(link))
    assert error_of(await client.answer(binding)).code == 1006


@pytest.mark.requirement("FR-003")
async def test_what_is_bound_while_git_runs_is_not_bound_again(
    daemon: Daemon,
    client: Client,
    nursery: trio.Nursery,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, may_end = trio.Event(), trio.Event()

    async def clone(*_: object) -> None:
        begun.set()
        await may_end.wait()

    monkeypatch.setattr(Git, "clone", clone)
    target, link = str(tmp_path / "target"), tmp_path / "link"
    link.symlink_to(target)
    other = daemon.connect()
    await other.result("store.save", workspace=msgspec.to_builtins(a_save()))
    cloning = await client.request("project.clone", workspaceId="ws_07", gitUrl="/a", targetDir=target)
    await begun.wait()
    await other.result("store.save", workspace=msgspec.to_builtins(a_save(str(link))))
    may_end.set()
    assert error_of(await client.answer(cloning)).code == 1006


@pytest.mark.requirement("FR-003")
async def test_what_a_restore_binds_meanwhile_is_not_bound_again(
    serve: Serve, gated: GatedStore, directories: list[str], tmp_path: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(directories[0])
    daemon = await serve(gated)
    client, other = daemon.connect(), daemon.connect()
    await client.request("store.save", workspace=msgspec.to_builtins(a_save(str(link))))
    await gated.succeed()
    await client.receive()
    copy = msgspec.convert(await client.result("store.backup"), Backup)
    await client.request("store.save", workspace=msgspec.to_builtins(a_save()))
    await gated.succeed()
    await client.receive()
    await client.request("store.restore", source=copy.name)
    attempt = await gated.next_commit()
    await other.request("project.bind", workspaceId="ws_07", rootPath=directories[0])
    await until(lambda: daemon.writer.submitted == 4)
    attempt.succeed()
    assert error_of(await other.receive()).code == 1006


@pytest.mark.requirement("FR-003")
async def test_what_a_late_save_binds_after_its_answer_is_not_bound_again(
    serve: Serve, gated: GatedStore, mock_clock: MockClock, directories: list[str], tmp_path: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(directories[0])
    daemon = await serve(gated)
    client, other = daemon.connect(), daemon.connect()
    await client.request("store.save", workspace=msgspec.to_builtins(a_save()))
    await gated.succeed()
    await client.receive()
    await client.request("store.save", workspace=msgspec.to_builtins(a_save(str(link))))
    attempt = await gated.next_commit()
    mock_clock.jump(DEADLINE_SECONDS)
    assert error_of(await client.receive()).code == 2002
    await other.request("project.bind", workspaceId="ws_07", rootPath=directories[0])
    await until(lambda: daemon.writer.submitted == 3)
    attempt.succeed()
    assert error_of(await other.receive()).code == 1006


async def test_saves_of_others_do_not_keep_a_look_from_being_done(
    daemon: Daemon, client: Client, nursery: trio.Nursery, directories: list[str]
) -> None:
    daemon.paths.limit_seconds = -1.0  # so the time for a second look is over
    other = daemon.connect()
    await other.result("store.save", workspace=msgspec.to_builtins(a_save(directories[0])))
    daemon.paths.is_holding = True
    checking = await client.request("project.check", workspaceId="ws_07")
    await daemon.paths.wait_for(directories[0])
    daemon.paths.limit_seconds = 60.0
    await other.result("store.save", workspace=msgspec.to_builtins(a_save(directories[0], "/nowhere")))
    await daemon.paths.let_go(directories[0])
    checked = (await client.answer(checking))["result"]
    assert [project["status"] for project in checked["projects"]] == ["active", "active"]


async def test_another_connection_does_not_wait(
    daemon: Daemon, client: Client, nursery: trio.Nursery, directories: list[str]
) -> None:
    id_ = await client.create()
    daemon.paths.is_holding = True
    binding = await client.request("project.bind", workspaceId=id_, rootPath=directories[0])
    await daemon.paths.wait_for(directories[0])
    other = daemon.connect()
    assert (await other.result("workspace.update", id=id_, name="Other"))["revision"] == 2
    await daemon.paths.let_go(directories[0])
    assert (await client.answer(binding))["result"]["revision"] == 3


async def test_a_refusal_takes_its_turn_and_holds_up_nothing(daemon: Daemon, client: Client) -> None:
    id_ = await client.create()
    daemon.paths.is_holding = True
    closing = await client.request("workspace.close", id=id_)
    relative = await client.request("project.bind", workspaceId=id_, rootPath="relative")
    opening = await client.request("workspace.open", id=id_)
    unknown = await client.request("project.bind", workspaceId=id_, path="/a")
    missing = await client.request("project.unbind", workspaceId=id_, projectId="proj_none")
    assert (await client.answer(closing))["result"]["state"] == "closed"
    assert error_of(await client.answer(relative)).data["path"] == "rootPath"
    assert error_of(await client.answer(unknown)).data["path"] == "path"
    await daemon.paths.let_go()
    assert (await client.answer(opening))["result"]["state"] == "active"
    assert error_of(await client.answer(missing)).data == {"kind": "notFound", "id": "proj_none"}


async def test_what_waits_can_be_cancelled(daemon: Daemon, client: Client, directories: list[str]) -> None:
    id_ = await client.create()
    daemon.paths.is_holding = True
    binding = await client.request("project.bind", workspaceId=id_, rootPath=directories[0])
    renaming = await client.request("workspace.update", id=id_, name="Cancelled")
    kept = await client.request("workspace.update", id=id_, name="Kept")
    await client.cancel(binding)
    await client.cancel(renaming)
    await daemon.paths.let_go(directories[0])
    for request in (binding, renaming):
        assert error_of(await client.answer(request)).code == CANCELLED
    kept_workspace = (await client.answer(kept))["result"]
    assert (kept_workspace["name"], kept_workspace["projects"]) == ("Kept", [])
    assert kept_workspace["revision"] == 2


async def test_what_a_client_sent_before_it_left_is_applied(
    daemon: Daemon, client: Client, directories: list[str]
) -> None:
    id_ = await client.create()
    daemon.paths.is_holding = True
    await client.request("project.bind", workspaceId=id_, rootPath=directories[0])
    await client.request("session.begin", workspaceId=id_)
    await client.request("workspace.update", id=id_, name="After")
    client.close()
    await daemon.paths.wait_for(directories[0])
    await wait_all_tasks_blocked()
    assert daemon.projects(id_) == []
    await daemon.paths.let_go(directories[0])
    await until(lambda: not daemon.online)
    await until(lambda: not daemon.writer.state.sessions and daemon.writer.state.revision == 3)
    workspace = daemon.writer.state.get(id_)
    assert workspace is not None
    assert workspace.name == "After"
    assert daemon.projects(id_) == [directories[0]]


@pytest.mark.requirement("FR-004")
async def test_a_subscriber_that_comes_back_misses_no_change_of_an_open(
    client: Client, daemon: Daemon, nursery: trio.Nursery, directories: list[str]
) -> None:
    id_ = await client.create()
    for path in directories:
        await client.result("project.bind", workspaceId=id_, rootPath=path)
    await client.result("workspace.close", id=id_)
    for path in directories[:2]:
        os.rmdir(path)
    closed = await client.result("workspace.get", id=id_)
    opened = await client.result("workspace.open", id=id_)
    assert [project["status"] for project in opened["projects"]] == ["stale", "stale", "active"]
    assert opened["revision"] == 8
    for since in range(5, 9):
        other = daemon.connect()
        await other.result("events.subscribe", since=since)
        expected = [("workspace.opened", 6), ("project.statusChanged", 7), ("project.statusChanged", 8)]
        expected = [(topic, revision) for topic, revision in expected if revision > since]
        events = await other.notified(len(expected))
        assert [(event["topic"], event["revision"]) for event in events] == expected
        if since < 8:
            assert events[-1]["payload"] == {
                "workspaceId": id_,
                "projectId": opened["projects"][1]["id"],
                "status": "stale",
                "reason": "missing",
                "workspace": opened,
                "previous": closed,
                "by": events[-1]["peer"],
            }


async def send_opens_and_saves(client: Client, count: int) -> list[int]:
    """Requests on one workspace: by turns an open, and a save with a path that no other has."""
    ids: list[int] = []
    for number in range(count):
        saved = msgspec.to_builtins(a_save(f"/nowhere/{number}"))
        ids.append(await client.request("workspace.open", id="ws_07"))
        ids.append(await client.request("store.save", workspace=saved))
    return ids


async def test_a_long_row_is_answered_to_its_end_at_a_stop(
    daemon: Daemon, client: Client, nursery: trio.Nursery, directories: list[str]
) -> None:
    daemon.paths.is_holding = True
    held = await client.request("project.bind", workspaceId="ws_07", rootPath=directories[0])
    await daemon.paths.wait_for(directories[0])
    daemon.paths.is_holding = False
    behind = await send_opens_and_saves(client, 400)
    await wait_all_tasks_blocked()
    await until(lambda: daemon.paths.under_way == 1)
    daemon.writer.stop()
    daemon.paths.stop()
    await daemon.paths.let_go(directories[0])
    for id_ in (held, *behind):
        assert error_of(await client.answer(id_)).code == 2005


async def test_opens_and_saves_in_a_row_wait_for_a_hung_disk_no_longer_than_one_of_them(
    nursery: trio.Nursery, gated: GatedStore, mock_clock: MockClock
) -> None:
    daemon = Daemon(nursery, gated, Path("/data"))
    daemon.paths.limit_seconds = 60
    await nursery.start(daemon.run)
    client = daemon.connect()
    ids = await send_opens_and_saves(client, 8)
    await until(lambda: daemon.writer.submitted == len(ids))
    await wait_all_tasks_blocked()
    mock_clock.jump(DEADLINE_SECONDS)
    codes = [error_of(await client.answer(id_)).code for id_ in ids]
    assert set(codes) <= {1001, 2001, 2002}
    daemon.close()
