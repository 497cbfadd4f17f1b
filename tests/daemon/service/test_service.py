"""The reads of the protocol as a client sees them, the status, and the check of the files."""

import errno
import os
import threading
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from trio.testing import MockClock, wait_all_tasks_blocked

import workspaced_protocol
from support.samples import ALPHA, BETA, STATE, workspace
from support.scripted_store import GatedStore
from support.serving import Client, Daemon, Json, Serve, a_workspace, ids
from support.waiting import until
from workspaced.domain.records import RecoveryNotice
from workspaced.store import InMemoryWorkspaceStore
from workspaced.store.contract import StoreUnusable
from workspaced_protocol.daemon_models import DaemonStatus, RecoveryStatus
from workspaced_protocol.errors import ErrorCode
from workspaced_protocol.methods import METHODS
from workspaced_protocol.models import StoreCheck


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


async def test_status_counts_what_there_is(daemon: Daemon, client: Client, tmp_path: Path) -> None:
    other = daemon.connect()
    await other.result("session.begin", workspaceId="ws_01")
    await client.result("store.flush")
    result = await client.result("daemon.status")
    status = msgspec.convert(result, DaemonStatus)
    assert status.version == workspaced_protocol.__version__
    assert status.protocol == 1
    assert status.pid == os.getpid()
    assert (status.data_dir, status.socket) == (str(tmp_path / "data"), "/run/sock")
    assert (status.revision, status.workspaces, status.sessions, status.connections) == (9, 3, 1, 2)
    assert status.recovery == RecoveryStatus("fresh", (), acknowledged=True)
    assert (status.store.state, status.store.last_error) == ("ok", None)
    assert (status.commits.count, status.commits.requests) == (1, 1)
    assert isinstance(result, dict)
    assert isinstance(result["commits"], dict)
    assert set(result["commits"]) == {"count", "requests", "p50Ms", "p95Ms"}
    other.close()
    await until(lambda: len(daemon.online) == 1)
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
    assert status["recovery"] == told | {"salvageableCount": 0}
    assert await client.result("store.acknowledgeRecovery") is None
    status = await client.result("daemon.status")
    assert isinstance(status, dict)
    assert status["recovery"] == told | {"acknowledged": True}


async def test_an_acknowledgement_of_nothing_takes_no_revision_and_stores_no_key(serve: Serve) -> None:
    store = InMemoryWorkspaceStore()
    client = (await serve(store)).connect()
    for key in ("k1", "k2", None):
        params = {} if key is None else {"requestKey": key}
        assert await client.result("store.acknowledgeRecovery", **params) is None
    status = await client.result("daemon.status")
    assert isinstance(status, dict)
    assert (status["revision"], status["commits"]["count"]) == (0, 0)
    assert store.state.request_keys == {}


async def test_an_acknowledgement_is_applied_once(serve: Serve) -> None:
    client = (await serve(Recovered())).connect()
    for _ in range(2):
        assert await client.result("store.acknowledgeRecovery", requestKey="k") is None
    status = await client.result("daemon.status")
    assert isinstance(status, dict)
    assert (status["revision"], status["commits"]["count"]) == (1, 1)


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
        (
            StoreUnusable("/data can't be used", "check its owner", errno.EACCES),
            errno.EACCES,
            "check its owner",
        ),
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
