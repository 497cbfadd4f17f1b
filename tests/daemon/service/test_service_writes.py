"""The writes of the protocol as a client sees them: results, refusals, sessions, and keys."""

import os

import msgspec
import pytest
from msgspec import structs

from support.samples import ALPHA, STATE, project, workspace
from support.serving import Client, Daemon, Json, a_workspace, ids
from support.waiting import until
from workspaced_protocol.models import Session


@pytest.mark.requirement("FR-001", "FR-010")
async def test_a_workspace_lives_from_its_creation_to_its_deletion(client: Client) -> None:
    created = a_workspace(await client.result("workspace.create", name="New", rootPath="/src/new"))
    assert created.id.startswith("ws_")
    assert (created.name, created.root_path, created.state) == ("New", "/src/new", "active")
    assert (created.revision, created.projects) == (10, ())
    assert created.created_at == created.updated_at > 1_700_000_000_000
    closed = a_workspace(await client.result("workspace.close", id=created.id, ifRevision=10))
    assert (closed.state, closed.revision) == ("closed", 11)
    opened = a_workspace(await client.result("workspace.open", id=created.id, ifRevision=11))
    assert (opened.state, opened.revision) == ("active", 12)
    updated = a_workspace(await client.result("workspace.update", id=created.id, name="Newer", ifRevision=12))
    assert (updated.name, updated.root_path, updated.revision) == ("Newer", "/src/new", 13)
    moved = a_workspace(await client.result("workspace.update", id=created.id, rootPath="/elsewhere"))
    assert (moved.name, moved.root_path, moved.revision) == ("Newer", "/elsewhere", 14)
    assert await client.result("workspace.delete", id=created.id, ifRevision=14) is None
    assert await client.result("store.getById", id=created.id) is None


@pytest.mark.requirement("FR-001")
@pytest.mark.parametrize(
    ("method", "id_", "state", "required"),
    [("workspace.open", "ws_01", "active", "closed"), ("workspace.close", "ws_02", "closed", "active")],
)
async def test_a_move_that_is_not_allowed_says_from_where_it_would_be(
    client: Client, method: str, id_: str, state: str, required: str
) -> None:
    code, message, data = await client.refusal(method, id=id_)
    assert (code, data) == (1003, {"kind": "invalidState", "state": state, "required": required})
    assert state in message
    assert required in message


@pytest.mark.requirement("FR-002")
async def test_a_name_that_is_taken_is_refused_with_its_holder(client: Client) -> None:
    for method, params in (
        ("workspace.create", {"name": "ALPHA", "rootPath": "/src"}),
        ("workspace.update", {"id": "ws_02", "name": "alpha"}),
        ("store.save", {"workspace": msgspec.to_builtins(workspace(9, name="alphA"))}),
        ("store.apply", {"changes": [{"save": msgspec.to_builtins(workspace(9, name="alphA"))}]}),
    ):
        code, _, data = await client.refusal(method, **params)
        assert (code, data) == (1002, {"kind": "nameConflict", "id": "ws_01"})


@pytest.mark.parametrize(
    ("method", "params", "revision"),
    [
        ("workspace.close", {"id": "ws_01"}, 5),
        ("workspace.open", {"id": "ws_02"}, 7),
        ("workspace.update", {"id": "ws_01", "name": "New"}, 5),
        ("workspace.delete", {"id": "ws_01"}, 5),
        ("store.save", {"workspace": msgspec.to_builtins(ALPHA)}, 5),
        ("store.apply", {"changes": [{"remove": "ws_02"}]}, 9),
    ],
)
async def test_a_write_on_condition_of_another_revision_is_refused(
    daemon: Daemon, client: Client, method: str, params: Json, revision: int
) -> None:
    code, message, data = await client.refusal(method, ifRevision=4, **params)
    assert (code, data) == (1005, {"kind": "revisionConflict", "revision": revision})
    assert "4" in message
    assert daemon.writer.state.workspaces() == STATE.workspaces()
    await client.result(method, ifRevision=revision, **params)


@pytest.mark.requirement("FR-008")
async def test_a_session_is_of_its_connection(daemon: Daemon, client: Client) -> None:
    other = daemon.connect()
    result = await client.result("session.begin", workspaceId="ws_01", label="editor")
    session = msgspec.convert(result, Session)
    assert session.id.startswith("ss_")
    assert (session.workspace_id, session.label, session.pid) == ("ws_01", "editor", os.getpid())
    assert session.started_at > 1_700_000_000_000
    assert await other.result("session.list") == [result]
    assert await other.result("session.list", workspaceId="ws_01") == [result]
    assert await other.result("session.list", workspaceId="ws_02") == []
    code, _, _ = await other.refusal("session.end", id=session.id)
    assert code == 1001
    code, message, data = await other.refusal("workspace.delete", id="ws_01")
    assert (code, data) == (1004, {"kind": "activeSessions", "count": 1})
    assert "close the sessions first" in message
    assert await client.result("session.end", id=session.id) is None
    assert await other.result("session.list") == []
    assert await other.result("workspace.delete", id="ws_01") is None


@pytest.mark.requirement("FR-008")
async def test_sessions_end_with_their_connection(daemon: Daemon, client: Client) -> None:
    other = daemon.connect()
    await other.result("session.begin", workspaceId="ws_01", label=None)
    await client.result("session.begin", workspaceId="ws_01")
    other.close()
    await until(lambda: len(daemon.writer.state.sessions) == 1)
    code, _, data = await client.refusal("workspace.delete", id="ws_01")
    assert (code, data["count"]) == (1004, 1)


async def test_saves_keep_every_field_but_the_revision(client: Client) -> None:
    given = structs.replace(
        workspace(4, projects=(project(1, "ws_04"), project(2, "ws_04", "https://example.com/x.git"))),
        revision=77,
    )
    saved = a_workspace(await client.result("store.save", workspace=msgspec.to_builtins(given)))
    assert saved == structs.replace(given, revision=10)
    assert a_workspace(await client.result("store.getById", id="ws_04")) == saved


async def test_apply_commits_all_or_nothing(daemon: Daemon, client: Client) -> None:
    save = {"save": msgspec.to_builtins(workspace(4))}
    conflicting = {"save": msgspec.to_builtins(workspace(5, name="Alpha"))}
    code, _, _ = await client.refusal("store.apply", changes=[{"remove": "ws_02"}, save, conflicting])
    assert code == 1002
    assert daemon.writer.state.workspaces() == STATE.workspaces()
    assert await client.result("store.apply", changes=[{"remove": "ws_02"}, save], ifRevision=9) == {
        "revision": 11
    }
    assert ids(await client.result("store.getAll")) == ["ws_01", "ws_03", "ws_04"]
    assert daemon.writer.commits.statistics().count == 1


async def test_remove_is_null_for_an_unknown_id_too(daemon: Daemon, client: Client) -> None:
    assert await client.result("store.remove", id="ws_unknown") is None
    assert daemon.writer.state.revision == 9
    assert await client.result("store.remove", id="ws_01") is None
    assert daemon.writer.state.get("ws_01") is None


async def test_a_write_that_is_sent_again_with_its_key_is_applied_once(
    daemon: Daemon, client: Client
) -> None:
    created = await client.result("workspace.create", name="New", rootPath="/src", requestKey="k1")
    other = daemon.connect()
    assert await other.result("workspace.create", name="New", rootPath="/src", requestKey="k1") == created
    id_ = a_workspace(created).id
    for method, key in (("workspace.close", "k2"), ("workspace.open", "k3")):
        first = await client.result(method, id=id_, requestKey=key)
        assert await client.result(method, id=id_, requestKey=key) == first
    renamed = await client.result("workspace.update", id=id_, name="Newer", requestKey="k4")
    assert await client.result("workspace.create", name="New", rootPath="/src", requestKey="k1") == renamed
    for method, params in (
        ("workspace.delete", {"id": id_}),
        ("store.remove", {"id": "ws_01"}),
        ("store.acknowledgeRecovery", {}),
    ):
        for _ in range(2):
            assert await client.result(method, **params, requestKey=method) is None
    sample = msgspec.to_builtins(workspace(4))
    saved = await client.result("store.save", workspace=sample, requestKey="k5")
    assert await client.result("store.save", workspace=sample, requestKey="k5") == saved
    applied = await client.result("store.apply", changes=[{"remove": "ws_02"}], requestKey="k6")
    assert await client.result("store.apply", changes=[{"remove": "ws_02"}], requestKey="k6") == applied
    assert ids(await client.result("store.getAll")) == ["ws_03", "ws_04"]
