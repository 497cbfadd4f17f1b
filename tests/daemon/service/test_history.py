"""The history through a connection: what each change leaves, in which order, and what undoing it comes to."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.serving import Client, Serve

CAUSE = {"pid": os.getpid(), "uid": os.getuid()}


@pytest.fixture
async def client(serve: Serve) -> Client:
    """A client of a daemon without workspaces."""
    return (await serve()).connect()


async def undone(client: Client, revision: int) -> Any:
    return await client.result("history.undo", revision=revision)


async def test_a_change_tells_who_when_and_what_it_was_before(client: Client) -> None:
    await client.result("daemon.hello", client="editor", protocol=1)
    made = await client.result("workspace.create", name="Alpha", rootPath="/a")
    closed = await client.result("workspace.close", id=made["id"])
    newest, oldest = await client.result("history.list")
    assert newest.pop("correlationId").startswith("cor_")
    assert newest.pop("at") >= made["createdAt"]
    assert newest == {
        "revision": 2,
        "method": "workspace.close",
        "workspaceId": made["id"],
        "name": "Alpha",
        "before": made,
        "after": closed,
        "by": {**CAUSE, "program": "editor"},
    }
    assert (oldest["revision"], oldest["before"], oldest["after"]) == (1, None, made)


async def test_the_list_is_of_one_workspace_or_of_all_below_a_revision(client: Client) -> None:
    ids = [await client.create(f"/{name}", name) for name in "abc"]
    for id_ in ids:
        await client.result("workspace.close", id=id_)

    async def listed(**params: object) -> list[int]:
        return [entry["revision"] for entry in await client.result("history.list", **params)]

    assert await listed() == [6, 5, 4, 3, 2, 1]
    assert await listed(limit=2) == [6, 5]
    assert await listed(before=5, limit=3) == [4, 3, 2]
    assert await listed(workspaceId=ids[1]) == [5, 2]
    assert await listed(workspaceId=ids[1], before=5) == [2]
    assert await listed(workspaceId="ws_unknown") == []
    assert await listed(before=0) == []
    for limit in (0, 1001):
        assert (await client.refusal("history.list", limit=limit))[2]["path"] == "limit"


async def test_an_open_with_its_checks_is_one_change(client: Client, tmp_path: Path) -> None:
    id_ = await client.create(str(tmp_path))
    for name in "ab":
        (tmp_path / name).mkdir()
        await client.result("project.bind", workspaceId=id_, rootPath=str(tmp_path / name))
        (tmp_path / name).rmdir()
    closed = await client.result("workspace.close", id=id_)
    opened = await client.result("workspace.open", id=id_)
    assert opened["revision"] == closed["revision"] + 3
    (entry,) = await client.result("history.list", limit=1)
    assert (entry["method"], entry["before"], entry["after"]) == ("workspace.open", closed, opened)
    # Each of its revisions stands for the whole change.
    again = await undone(client, opened["revision"] - 2)
    assert again == {**closed, "revision": opened["revision"] + 1, "updatedAt": again["updatedAt"]}


UNDOABLE: dict[str, Callable[[str, dict[str, Any]], dict[str, object]]] = {
    "workspace.close": lambda path, it: {"id": it["id"]},
    "workspace.update": lambda path, it: {"id": it["id"], "name": "Other", "rootPath": "/other"},
    "workspace.delete": lambda path, it: {"id": it["id"]},
    "project.unbind": lambda path, it: {"workspaceId": it["id"], "projectId": it["projects"][0]["id"]},
    "project.bind": lambda path, it: {"workspaceId": it["id"], "rootPath": "/usr"},
    "project.check": lambda path, it: {"workspaceId": it["id"]},
    "store.save": lambda path, it: {"workspace": {**it, "state": "closed", "projects": [], "createdAt": 7}},
    "store.remove": lambda path, it: {"id": it["id"]},
    "store.apply": lambda path, it: {"changes": [{"remove": it["id"]}]},
}


@pytest.mark.parametrize("method", UNDOABLE)
async def test_each_change_can_be_undone_and_the_undo_too(
    client: Client, tmp_path: Path, method: str
) -> None:
    id_ = await client.create(str(tmp_path))
    project = tmp_path / "project"
    project.mkdir()
    before = await client.result("project.bind", workspaceId=id_, rootPath=str(project))
    project.rmdir()  # so that a check finds it stale
    await client.result(method, **UNDOABLE[method](str(project), before))
    after = await client.result("store.getById", id=id_)
    back = await undone(client, 3)
    assert back == {**before, "revision": 4, "updatedAt": back["updatedAt"]}
    assert await client.result("store.getById", id=id_) == back
    forth = await undone(client, 4)
    assert forth == (after and {**after, "revision": 5, "updatedAt": forth["updatedAt"]})
    assert [entry["method"] for entry in await client.result("history.list", limit=2)] == ["history.undo"] * 2


async def test_undoing_a_creation_takes_the_workspace_away(client: Client) -> None:
    id_ = await client.create()
    assert await undone(client, 1) is None
    assert await client.result("store.getById", id=id_) is None
    assert (await undone(client, 2))["id"] == id_


async def test_a_later_change_stands_in_the_way_of_an_undo(client: Client) -> None:
    id_ = await client.create()
    await client.result("workspace.close", id=id_)
    code, message, data = await client.refusal("history.undo", revision=1)
    assert (code, data["revision"]) == (1005, 2)
    assert "only its last change can be undone" in message
    await client.result("workspace.delete", id=id_)
    assert (await client.refusal("history.undo", revision=2))[2]["revision"] == 3
    assert (await client.refusal("history.undo", revision=3, ifRevision=2))[2]["revision"] == 3
    assert (await client.result("history.undo", revision=3, ifRevision=3))["state"] == "closed"


async def test_a_name_that_is_taken_by_now_and_sessions_refuse_it(client: Client) -> None:
    id_ = await client.create(name="Alpha")
    await client.result("workspace.delete", id=id_)
    other = await client.create(name="ALPHA")
    code, _, data = await client.refusal("history.undo", revision=2)
    assert (code, data["id"]) == (1002, other)
    session = await client.result("session.begin", workspaceId=other)
    code, _, data = await client.refusal("history.undo", revision=3)
    assert (code, data["count"]) == (1004, 1)
    await client.result("session.end", id=session["id"])
    assert await undone(client, 3) is None
    assert (await undone(client, 2))["id"] == id_


async def test_what_is_no_change_can_t_be_undone(client: Client) -> None:
    code, message, data = await client.refusal("history.undo", revision=1)
    assert (code, data["oldest"]) == (1001, None)
    assert "empty" in message
    await client.create()
    code, message, data = await client.refusal("history.undo", revision=2)
    assert (code, data["oldest"]) == (1001, 1)
    assert "reaches back to revision 1" in message


async def test_what_was_dropped_is_told_with_the_oldest(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workspaced.domain.history.KEPT_ENTRIES", 3)
    client = (await serve()).connect()
    for name in "abcde":
        await client.create(name=name)
    code, message, data = await client.refusal("history.undo", revision=2)
    assert (code, data["oldest"]) == (1001, 3)
    assert "reaches back to revision 3" in message
    assert [entry["revision"] for entry in await client.result("history.list")] == [5, 4, 3]


async def test_a_pipelined_undo_sees_the_change_before_it(client: Client) -> None:
    sent = [
        await client.request("workspace.create", name="Alpha", rootPath="/a"),
        await client.request("history.undo", revision=1),
    ]
    answers = [await client.receive() for _ in sent]
    assert [answer["id"] for answer in answers] == sent
    assert answers[1]["result"] is None


async def test_a_repeat_of_an_undo_changes_nothing(client: Client) -> None:
    id_ = await client.create()
    closed = await client.result("workspace.close", id=id_)
    first = await client.result("history.undo", revision=closed["revision"], requestKey="k")
    assert await client.result("history.undo", revision=closed["revision"], requestKey="k") == first
    assert len(await client.result("history.list")) == 3
