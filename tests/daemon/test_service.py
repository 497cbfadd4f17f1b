"""Each operation of the protocol, as a client sees it: results, refusals, and what stays as it was."""

import errno
import os
import threading
from dataclasses import replace

import msgspec
import pytest
from msgspec import structs
from trio.testing import MockClock, wait_all_tasks_blocked

import workspaced_protocol
from daemon.samples import ALPHA, BETA, STATE, project, workspace
from daemon.scripted_store import GatedStore
from daemon.serving import Client, Daemon, Json, Serve
from daemon.writing import until
from workspaced.domain.state import RecoveryNotice
from workspaced.store import InMemoryWorkspaceStore
from workspaced.store.base import StoreUnusable
from workspaced_protocol.errors import ErrorCode
from workspaced_protocol.methods import METHODS
from workspaced_protocol.models import DaemonStatus, RecoveryStatus, Session, StoreCheck, Workspace


@pytest.fixture
async def daemon(serve: Serve) -> Daemon:
    """Holds Alpha (ws_01, active), Beta (ws_02, closed) and Gone (ws_03, deleted) at revision 9."""
    store = InMemoryWorkspaceStore()
    store.state = STATE
    return await serve(store)


@pytest.fixture
async def client(daemon: Daemon) -> Client:
    return daemon.connect()


def a_workspace(result: object) -> Workspace:
    return msgspec.convert(result, Workspace)


def ids(result: object) -> list[str]:
    return [item.id for item in msgspec.convert(result, list[Workspace])]


async def test_hello_tells_who_answers_and_what_it_can_do(client: Client) -> None:
    assert await client.result("daemon.hello", client="test", protocol=1) == {
        "server": "workspaced",
        "version": workspaced_protocol.__version__,
        "protocol": 1,
        "capabilities": sorted(METHODS),
    }


@pytest.mark.parametrize("protocol", [0, 2, -1, 10**30])
async def test_hello_refuses_another_protocol_and_names_those_it_speaks(
    client: Client, protocol: int
) -> None:
    code, message, data = await client.refusal("daemon.hello", client="test", protocol=protocol)
    assert (code, data) == (1010, {"kind": "protocolUnsupported", "minimum": 1, "maximum": 1})
    assert "1 to 1" in message


async def test_status_counts_what_there_is(daemon: Daemon, client: Client) -> None:
    other = daemon.connect()
    await other.result("session.begin", workspaceId="ws_01")
    await client.result("store.flush")
    result = await client.result("daemon.status")
    status = msgspec.convert(result, DaemonStatus)
    assert status.version == workspaced_protocol.__version__
    assert status.protocol == 1
    assert status.pid == os.getpid()
    assert (status.data_dir, status.socket) == ("/data", "/run/sock")
    assert (status.revision, status.workspaces, status.sessions, status.connections) == (9, 3, 1, 2)
    assert status.recovery == RecoveryStatus("fresh", (), acknowledged=True)
    assert (status.store.state, status.store.last_error) == ("ok", None)
    assert (status.commits.count, status.commits.requests) == (1, 1)
    assert isinstance(result, dict)
    assert isinstance(result["commits"], dict)
    assert set(result["commits"]) == {"count", "requests", "p50Ms", "p95Ms"}
    other.close()
    await until(lambda: daemon.service.connections == 1)
    assert msgspec.convert(await client.result("daemon.status"), DaemonStatus).connections == 1


async def test_get_takes_an_id_or_a_name(client: Client) -> None:
    by_id = await client.result("workspace.get", id="ws_02")
    assert a_workspace(by_id) == BETA
    assert await client.result("workspace.get", name="bEtA") == by_id
    assert await client.result("store.getById", id="ws_02") == by_id
    assert await client.result("store.getByName", name="BETA") == by_id


@pytest.mark.parametrize("params", [{}, {"id": "ws_01", "name": "Alpha"}, {"id": None}])
async def test_get_takes_exactly_one_of_them(client: Client, params: Json) -> None:
    code, message, data = await client.refusal("workspace.get", **params)
    assert (code, data) == (-32602, {"kind": "invalidParams", "path": "id"})
    assert "either" in message


@pytest.mark.parametrize(
    "params", [{"id": "ws_unknown"}, {"name": "unknown"}, {"name": ""}, {"name": "Gone"}]
)
async def test_what_is_not_there_is_not_found(client: Client, params: dict[str, str]) -> None:
    code, message, data = await client.refusal("workspace.get", **params)
    assert code == 1001
    assert data["kind"] == "notFound"
    assert next(iter(params.values())) in message


async def test_the_store_gives_null_for_what_is_not_there(client: Client) -> None:
    assert await client.result("store.getById", id="ws_unknown") is None
    assert await client.result("store.getByName", name="unknown") is None


async def test_lists_are_by_time_of_creation(client: Client) -> None:
    for number, created_at in ((21, 15), (22, 5), (23, 30)):
        sample = workspace(number, created_at=created_at)
        await client.result("store.save", workspace=msgspec.to_builtins(sample))
    everything = ["ws_01", "ws_03", "ws_22", "ws_21", "ws_02", "ws_23"]
    assert ids(await client.result("workspace.list")) == everything
    assert ids(await client.result("store.getAll")) == everything
    assert ids(await client.result("workspace.list", state="active")) == ["ws_01", "ws_22", "ws_21", "ws_23"]
    assert ids(await client.result("workspace.list", state="closed")) == ["ws_02"]
    assert ids(await client.result("workspace.list", state="deleted")) == ["ws_03"]


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
    assert daemon.writer.commit_statistics().count == 1


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


class Recovered(InMemoryWorkspaceStore):
    """A store that lost its data, which nobody has acknowledged yet."""

    def __init__(self) -> None:
        super().__init__()
        notice = RecoveryNotice("dataLoss", "both files were damaged", ("/q/1", "/q/2"), 17)
        self.state = replace(self.state, recovery=notice)
        self.recovery = RecoveryStatus("dataLoss", notice.quarantined, False, notice.reason, 17)


@pytest.mark.requirement("FR-007")
async def test_a_recovery_is_told_until_it_is_acknowledged(serve: Serve) -> None:
    client = (await serve(Recovered())).connect()
    told = {
        "outcome": "dataLoss",
        "quarantined": ["/q/1", "/q/2"],
        "acknowledged": False,
        "reason": "both files were damaged",
        "occurredAt": 17,
    }
    status = await client.result("daemon.status")
    assert isinstance(status, dict)
    assert status["recovery"] == told
    assert await client.result("store.acknowledgeRecovery") is None
    status = await client.result("daemon.status")
    assert isinstance(status, dict)
    assert status["recovery"] == told | {"acknowledged": True}


class Unreadable(InMemoryWorkspaceStore):
    """A store whose files can't be checked."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def check(self) -> StoreCheck:
        raise self._error


@pytest.mark.parametrize(
    ("error", "number", "said"),
    [
        (OSError(errno.EIO, "Input/output error", "/data/x.json"), errno.EIO, "Input/output error"),
        (StoreUnusable("The data directory /data can't be used: check its owner."), 0, "check its owner"),
    ],
)
async def test_a_check_that_fails_says_so(serve: Serve, error: Exception, number: int, said: str) -> None:
    client = (await serve(Unreadable(error))).connect()
    code, message, data = await client.refusal("store.check")
    assert (code, data) == (2003, {"kind": "storageFailure", "errno": number})
    assert said in message
    assert ".." not in message


class Hanging(InMemoryWorkspaceStore):
    """A store whose check hangs until it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self._closed = threading.Event()

    def check(self) -> StoreCheck:
        self._closed.wait(30)
        return super().check()

    def close(self) -> None:
        self._closed.set()


async def test_a_check_is_given_up_after_five_seconds_and_holds_nobody(
    serve: Serve, mock_clock: MockClock
) -> None:
    store = Hanging()
    daemon = await serve(store)
    client = daemon.connect()
    await client.request("store.check")
    await wait_all_tasks_blocked()
    assert await daemon.connect().result("workspace.create", name="A", rootPath="/src") is not None
    await client.send(b'{"jsonrpc":"2.0","id":"later","method":"daemon.ping"}\n')
    assert (await client.receive())["id"] == "later"
    mock_clock.jump(4.99)
    await wait_all_tasks_blocked()
    mock_clock.jump(0.02)
    answer = await client.receive()
    error = answer["error"]
    assert isinstance(error, dict)
    assert error["code"] == 2003
    assert "5 s" in str(error["message"])
    store.close()


def test_the_table_tells_how_a_check_fails() -> None:
    """openrpc and the clients take each method's errors from the table (protocol.md, rpc.discover)."""
    assert ErrorCode.STORAGE_FAILURE in METHODS["store.check"].errors


@pytest.mark.requirement("T014")
async def test_reads_are_answered_at_once_while_the_disk_hangs(serve: Serve, gated: GatedStore) -> None:
    gated.state = STATE
    client = (await serve(gated)).connect()
    await client.request("workspace.create", name="New", rootPath="/src")
    await gated.next_commit()
    for method, params, expected in (
        ("workspace.get", {"id": "ws_01"}, msgspec.json.decode(msgspec.json.encode(ALPHA))),
        ("store.getByName", {"name": "New"}, None),
        ("session.list", {}, []),
    ):
        assert await client.result(method, **params) == expected
    assert ids(await client.result("store.getAll")) == ["ws_01", "ws_03", "ws_02"]
