"""`daemon.*`: who answers, and how it fares."""

from typing import Any

import pytest

from e2e.conftest import Connect, NewName
from support.daemon_process import DaemonProcess, Home
from support.raw_connection import RawConnection, wait_for_connections


def test_hello(connection: RawConnection) -> None:
    hello = connection.call("daemon.hello", client="e2e 1.0", protocol=1)
    assert set(hello) == {"server", "version", "protocol", "capabilities"}
    assert hello["protocol"] == 1
    assert hello["version"] == connection.call("daemon.status")["version"]
    assert connection.call("daemon.hello", "e2e 1.0", 1) == hello


@pytest.mark.parametrize("protocol", [0, -1, 2, 99, 2**40])
def test_an_unsupported_protocol_is_an_error_that_names_the_supported_range(
    connection: RawConnection, protocol: int
) -> None:
    data = connection.refused(1010, "daemon.hello", client="e2e", protocol=protocol)
    assert "1" in data["message"].replace(str(protocol), "")
    assert connection.call("daemon.ping") == "pong"


def test_hello_is_optional_and_may_come_again(connection: RawConnection) -> None:
    assert connection.call("daemon.ping") == "pong"
    hello = connection.call("daemon.hello", client="e2e", protocol=1)
    assert connection.call("daemon.hello", client="e2e", protocol=1) == hello


def test_status(
    connection: RawConnection, shared_daemon: DaemonProcess, shared_home: Home, new_name: NewName
) -> None:
    wait_for_connections(connection, 1)
    workspace = connection.create(new_name())
    connection.call("session.begin", workspaceId=workspace["id"])
    status = connection.call("daemon.status")
    assert set(status) == {
        "version",
        "protocol",
        "pid",
        "dataDir",
        "socket",
        "startedAt",
        "revision",
        "workspaces",
        "sessions",
        "connections",
        "recovery",
        "store",
        "commits",
    }
    expected: dict[str, Any] = {
        "protocol": 1,
        "pid": shared_daemon.pid,
        "dataDir": str(shared_home.data_dir),
        "socket": str(shared_home.socket),
        "workspaces": len(connection.call("store.getAll")),
        "sessions": 1,
        "connections": 1,
        "revision": workspace["revision"],
        "store": {"state": "ok"},
    }
    assert {name: status[name] for name in expected} == expected
    assert isinstance(status["startedAt"], int)
    assert 0 <= workspace["createdAt"] - status["startedAt"] < 3_600_000
    assert set(status["recovery"]) == {"outcome", "quarantined", "acknowledged"}
    assert (status["recovery"]["outcome"], status["recovery"]["quarantined"]) == ("fresh", [])
    assert set(status["commits"]) == {"count", "requests", "p50Ms", "p95Ms"}


def test_status_counts_commits_and_the_writes_in_them(connection: RawConnection, new_name: NewName) -> None:
    # The end of a connection's sessions is a write, too: those of earlier tests come first.
    wait_for_connections(connection, 1)
    connection.create(new_name())
    before = connection.call("daemon.status")["commits"]
    connection.answers(
        [connection.request("workspace.create", name=new_name(), rootPath="/x") for _ in range(50)]
    )
    after = connection.call("daemon.status")["commits"]
    assert after["requests"] - before["requests"] == 50
    assert 1 <= after["count"] - before["count"] <= 50
    assert 0 < after["p50Ms"] <= after["p95Ms"]


def test_status_counts_connections(connect: Connect) -> None:
    watching = connect()
    others = [connect() for _ in range(5)]
    assert all(other.call("daemon.ping") == "pong" for other in others)
    wait_for_connections(watching, 6)
    for other in others:
        other.close()
    wait_for_connections(watching, 1)


def test_200_connections_are_served(connect: Connect) -> None:
    connections = [connect() for _ in range(200)]
    for connection in connections:
        connection.send(connection.request("daemon.ping"))
    assert [connection.receive()["result"] for connection in connections] == ["pong"] * 200
