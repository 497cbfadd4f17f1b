"""Undo through a connection: of each kind of change, what refuses it, and what it leaves, from protocol.md alone."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from support.git_samples import make_repository
from support.lives import next_life
from support.scripted_store import ScriptedStore, disk_full, outcome_unknown
from support.serving import Client, Json, Serve
from support.waiting import until


@pytest.fixture
async def client(serve: Serve) -> Client:
    """A client of a daemon without workspaces."""
    return (await serve()).connect()


async def newest(client: Client) -> Json:
    (entry,) = await client.result("history.list", limit=1)
    return dict(entry)


async def undo_newest(client: Client, **more: object) -> Any:
    return await client.result("history.undo", revision=(await newest(client))["revision"], **more)


def less_time(workspace: Json) -> Json:
    """The same without the two members that an undo sets anew."""
    return {name: value for name, value in workspace.items() if name not in ("revision", "updatedAt")}


async def bound(client: Client, path: Path, *names: str) -> Json:
    """A workspace with projects in directories of these names."""
    workspace = await client.result("workspace.create", name="Alpha", rootPath=str(path))
    for name in names:
        (path / name).mkdir()
        workspace = await client.result(
            "project.bind", workspaceId=workspace["id"], rootPath=str(path / name)
        )
    return dict(workspace)


async def test_an_open_with_its_checks_is_undone_as_a_whole(client: Client, tmp_path: Path) -> None:
    workspace = await bound(client, tmp_path, "a", "b")
    closed = await client.result("workspace.close", id=workspace["id"])
    (tmp_path / "a").rmdir()
    (tmp_path / "b").rmdir()
    opened = await client.result("workspace.open", id=workspace["id"])
    assert [project["status"] for project in opened["projects"]] == ["stale", "stale"]
    assert less_time(await undo_newest(client)) == less_time(closed)
    assert less_time(await undo_newest(client)) == less_time(opened)  # what nobody looked at again


async def test_a_clone_is_unbound_and_its_directory_stays(client: Client, tmp_path: Path) -> None:
    source = make_repository(tmp_path / "source")
    workspace = await bound(client, tmp_path)
    cloned = await client.result(
        "project.clone", workspaceId=workspace["id"], gitUrl=str(source), targetDir=str(tmp_path / "copy")
    )
    assert (await newest(client))["method"] == "project.clone"
    assert less_time(await undo_newest(client)) == less_time(workspace)
    assert (tmp_path / "copy" / ".git").is_dir()
    assert less_time(await undo_newest(client)) == less_time(cloned)


async def test_a_deletion_is_undone_with_the_projects(serve: Serve, tmp_path: Path) -> None:
    daemon = await serve()
    client = daemon.connect()
    workspace = await bound(client, tmp_path, "a", "b")
    await client.result("workspace.delete", id=workspace["id"])
    deleted_at = (await newest(client))["revision"]
    again = (await next_life(serve, daemon)).connect()  # also after a restart
    assert await again.result("workspace.list") == []
    back = await again.result("history.undo", revision=deleted_at, ifRevision=deleted_at)
    assert back == {**workspace, "revision": deleted_at + 1, "updatedAt": back["updatedAt"]}
    assert await again.result("workspace.list") == [back]
    assert await again.result("workspace.get", name="ALPHA") == back


async def test_each_change_of_a_restore_and_of_an_apply_is_undone_alone(client: Client) -> None:
    one = await client.result("workspace.create", name="One", rootPath="/one")
    two = await client.result("workspace.create", name="Two", rootPath="/two")
    copy = await client.result("store.backup")
    changes = [{"save": {**one, "name": "Uno"}}, {"remove": two["id"]}, {"save": {**one, "name": "Eins"}}]
    await client.result("store.apply", changes=changes)
    entries = await client.result("history.list", limit=3)
    assert [entry["method"] for entry in entries] == ["store.apply"] * 3
    last, removal, first = (entry["revision"] for entry in entries)
    assert (await client.refusal("history.undo", revision=first))[2]["revision"] == last
    assert (await client.result("history.undo", revision=last))["name"] == "Uno"
    assert (await client.result("history.undo", revision=removal))["name"] == "Two"
    await client.result("store.restore", source=copy["name"])
    restored = await client.result("history.list", limit=2)
    assert {entry["method"] for entry in restored} == {"store.restore"}
    held = {each["id"]: less_time(each) for each in await client.result("store.getAll")}
    assert held == {each["id"]: less_time(each) for each in (one, two)}
    uno = next(entry for entry in restored if entry["workspaceId"] == one["id"])
    assert (await client.result("history.undo", revision=uno["revision"]))["name"] == "Uno"


async def test_undo_goes_back_and_forth(client: Client) -> None:
    made = await client.result("workspace.create", name="One", rootPath="/one")
    renamed = await client.result("workspace.update", id=made["id"], name="Uno")
    for _ in range(3):
        assert less_time(await undo_newest(client)) == less_time(made)
        assert less_time(await undo_newest(client)) == less_time(renamed)
    entries = await client.result("history.list")
    assert [entry["revision"] for entry in entries] == list(range(8, 0, -1))
    for later, earlier in pairwise(entries):
        assert later["before"] == earlier["after"]


async def test_a_name_that_is_taken_by_now_refuses_a_rename_back(client: Client) -> None:
    one = await client.result("workspace.create", name="One", rootPath="/one")
    await client.result("workspace.update", id=one["id"], name="Uno")
    renamed_at = (await newest(client))["revision"]
    other = await client.create(name="ONE")
    code, message, data = await client.refusal("history.undo", revision=renamed_at)
    assert (code, data) == (1002, {"kind": "nameConflict", "id": other})
    assert message == "The name “One” is taken by “ONE” at /src: give that one another name first."
    await client.result("workspace.update", id=other, name="Else")
    assert (await client.result("history.undo", revision=renamed_at))["name"] == "One"


@pytest.mark.parametrize("how", ["workspace.create", "store.save", "store.apply", "history.undo"])
async def test_no_creation_is_undone_under_a_session(client: Client, how: str) -> None:
    times = {"createdAt": 1, "updatedAt": 1}
    made: Json = {"id": "ws_a", "name": "A", "rootPath": "/a", "state": "active", "projects": [], **times}
    if how == "workspace.create":
        await client.create()
    elif how == "store.apply":
        await client.result("store.apply", changes=[{"save": made}])
    else:
        await client.result("store.save", workspace=made)
    if how == "history.undo":
        await client.result("store.remove", id="ws_a")
        await undo_newest(client)
    entry = await newest(client)
    assert (entry["method"], entry["before"]) == (how, None)
    session = await client.result("session.begin", workspaceId=entry["workspaceId"])
    code, _message, data = await client.refusal("history.undo", revision=entry["revision"])
    assert (code, data["count"]) == (1004, 1)
    assert await newest(client) == entry
    await client.result("session.end", id=session["id"])
    assert await client.result("history.undo", revision=entry["revision"]) is None
    assert await client.result("store.getById", id=entry["workspaceId"]) is None


async def test_the_guard_of_a_deleted_workspace_is_its_deletion(client: Client) -> None:
    id_ = await client.create()
    await client.result("workspace.close", id=id_)
    await client.result("workspace.delete", id=id_)
    for guard in (0, 1, 2, 4):
        code, _message, data = await client.refusal("history.undo", revision=3, ifRevision=guard)
        assert (code, data["revision"]) == (1005, 3)
    assert (await client.result("history.undo", revision=3, ifRevision=3))["state"] == "closed"
    for guard in (3, 5):
        code, _message, data = await client.refusal("history.undo", revision=4, ifRevision=guard)
        assert (code, data["revision"]) == (1005, 4)
    assert await client.result("history.undo", revision=4, ifRevision=4) is None


async def test_a_change_that_a_later_one_hides_is_refused_though_it_is_the_same_again(client: Client) -> None:
    id_ = await client.create(name="One")
    for name in ("Uno", "One"):
        await client.result("workspace.update", id=id_, name=name)
    code, message, data = await client.refusal("history.undo", revision=2)
    assert (code, data["revision"]) == (1005, 3)
    assert "only its last change can be undone" in message  # undoing revision 3 first does not help
    assert (await client.result("history.undo", revision=3))["name"] == "Uno"
    assert (await client.refusal("history.undo", revision=2))[2]["revision"] == 4


@pytest.mark.parametrize("revision", [0, 2, 4, 99])
async def test_a_revision_that_is_no_change_of_a_workspace_is_refused(client: Client, revision: int) -> None:
    await client.create(name="One")
    await client.result("store.remove", id="ws_none", requestKey="k")  # revision 2: a key alone
    await client.create(name="Two")
    code, message, data = await client.refusal("history.undo", revision=revision)
    assert (code, data["kind"], data["oldest"]) == (1001, "notFound", 1)
    assert "revision 1" in message


async def test_what_did_not_happen_is_not_in_the_history(serve: Serve) -> None:
    daemon = await serve(ScriptedStore(None, disk_full(), outcome_unknown()))
    client = daemon.connect()
    one = await client.create(name="One")
    assert (await client.refusal("workspace.close", id=one))[0] == 2003
    assert (await client.refusal("workspace.close", id=one))[0] == 2002
    await until(lambda: daemon.writer.status.state == "ok")
    assert (await client.refusal("workspace.open", id=one))[0] == 1003
    assert (await client.refusal("workspace.get", id="ws_none"))[0] == 1001
    assert [entry["method"] for entry in await client.result("history.list")] == ["workspace.create"]
    closed = await client.result("workspace.close", id=one)
    assert [entry["revision"] for entry in await client.result("history.list")] == [closed["revision"], 1]
    subscriber = (await next_life(serve, daemon)).connect()
    await subscriber.result("events.subscribe", since=0)
    told = [(event["topic"], event["revision"]) for event in await subscriber.notified(2)]
    assert told == [("workspace.created", 1), ("workspace.closed", closed["revision"])]


async def test_an_undo_is_told_as_the_change_that_it_is(client: Client) -> None:
    one = await client.result("workspace.create", name="One", rootPath="/one")
    await client.result("workspace.delete", id=one["id"])
    await client.result("events.subscribe", since=2)
    for topic in ("workspace.created", "workspace.deleted", "workspace.created"):
        client.notifications.clear()
        await undo_newest(client)
        (event,) = await client.notified()
        entry = await newest(client)
        assert (event["topic"], event["revision"]) == (topic, entry["revision"])
        assert event["payload"]["workspace"] == entry["after"]
        assert event["payload"]["previous"] == entry["before"]
        assert event["correlationId"] == entry["correlationId"]
