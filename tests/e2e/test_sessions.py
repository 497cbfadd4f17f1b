"""`session.*`: a session lives as long as its connection, and guards its workspace."""

import os
import re

import pytest

from e2e.conftest import Connect, NewName, StartDaemon
from support.daemon_process import Home
from support.raw_connection import RawConnection, wait_for_connections
from support.waiting import wait_until


def wait_until_sessions_end(connection: RawConnection, workspace_id: str) -> None:
    wait_until(
        lambda: connection.call("session.list", workspaceId=workspace_id) == [],
        "the session outlives its connection",
    )


def test_begin_list_and_end(connection: RawConnection, new_name: NewName) -> None:
    workspace_id = connection.create(new_name())["id"]
    revision = connection.revision()
    session = connection.call("session.begin", workspaceId=workspace_id, label="editor 日本")
    assert session == {
        "id": session["id"],
        "workspaceId": workspace_id,
        "label": "editor 日本",
        "pid": os.getpid(),
        "startedAt": session["startedAt"],
    }
    assert re.fullmatch(r"ss_[0-7][0-9A-HJKMNP-TV-Z]{25}", session["id"])
    assert isinstance(session["startedAt"], int)
    assert connection.call("session.list") == [session]
    assert connection.call("session.list", workspaceId=workspace_id) == [session]
    assert connection.call("session.list", workspace_id) == [session]
    assert connection.call("session.end", id=session["id"]) is None
    assert connection.call("session.list") == []
    connection.refused(1001, "session.end", id=session["id"])
    assert connection.revision() == revision  # a session is no change of the store


def test_begin_by_position_and_without_a_label(connection: RawConnection, new_name: NewName) -> None:
    workspace_id = connection.create(new_name())["id"]
    labelled = connection.call("session.begin", workspace_id, "shell")
    bare = connection.call("session.begin", workspaceId=workspace_id)
    assert labelled["label"] == "shell"
    assert set(bare) == {"id", "workspaceId", "label", "pid", "startedAt"}
    assert labelled["id"] < bare["id"]
    assert connection.call("session.end", labelled["id"]) is None
    assert connection.call("session.end", bare["id"]) is None


def test_of_an_unknown_workspace(connection: RawConnection) -> None:
    connection.refused(1001, "session.begin", workspaceId="ws_unknown")
    connection.refused(1001, "session.end", id="ss_unknown")


def test_list_of_one_workspace(connection: RawConnection, new_name: NewName) -> None:
    first, second = connection.create(new_name())["id"], connection.create(new_name())["id"]
    sessions = [connection.call("session.begin", workspaceId=each) for each in (first, second, first)]
    by_id = {session["id"]: session for session in sessions}
    assert {each["id"]: each for each in connection.call("session.list")} == by_id
    listed = connection.call("session.list", workspaceId=first)
    assert sorted(each["id"] for each in listed) == sorted([sessions[0]["id"], sessions[2]["id"]])


@pytest.mark.requirement("FR-008")
def test_a_workspace_with_active_sessions_is_not_deleted(connect: Connect, new_name: NewName) -> None:
    owner, other = connect(), connect()
    workspace = owner.create(new_name())
    sessions = [owner.call("session.begin", workspaceId=workspace["id"]) for _ in range(2)]
    for connection in (other, owner):
        data = connection.refused(1004, "workspace.delete", id=workspace["id"])
        assert data["count"] == 2
        assert re.search("close.* session", data["message"])
    assert owner.call("workspace.get", id=workspace["id"]) == workspace
    owner.call("session.end", id=sessions[0]["id"])
    assert other.refused(1004, "workspace.delete", id=workspace["id"])["count"] == 1
    owner.call("session.end", id=sessions[1]["id"])
    assert other.call("workspace.delete", id=workspace["id"]) is None


@pytest.mark.requirement("FR-008")
def test_sessions_end_with_their_connection_alone(connect: Connect, new_name: NewName) -> None:
    leaving, staying = connect(), connect()
    first, second = staying.create(new_name())["id"], staying.create(new_name())["id"]
    for _ in range(3):
        leaving.call("session.begin", workspaceId=first)
    kept = staying.call("session.begin", workspaceId=second)
    leaving.close()
    wait_until_sessions_end(staying, first)
    assert staying.call("session.list") == [kept]
    assert staying.call("daemon.status")["sessions"] == 1
    assert staying.call("workspace.delete", id=first) is None
    staying.refused(1004, "workspace.delete", id=second)


@pytest.mark.requirement("FR-008")
def test_sessions_of_a_peer_that_vanishes_in_the_middle_of_a_request_end(
    connect: Connect, new_name: NewName
) -> None:
    vanishing, other = connect(), connect()
    workspace_id = other.create(new_name())["id"]
    vanishing.call("session.begin", workspaceId=workspace_id)
    vanishing.send_bytes(b'{"jsonrpc":"2.0","id":1,"method":"session.be')
    vanishing.close()
    wait_until_sessions_end(other, workspace_id)
    assert other.call("workspace.delete", id=workspace_id) is None


@pytest.mark.requirement("FR-008")
def test_a_session_that_was_begun_and_left_at_once_does_not_stay(connect: Connect, new_name: NewName) -> None:
    other = connect()
    workspace_id = other.create(new_name())["id"]
    for _ in range(30):
        leaving = connect()
        leaving.call("daemon.ping")  # it is accepted, and so is counted from now on
        leaving.send(leaving.request("session.begin", workspaceId=workspace_id))
        leaving.close()
    wait_for_connections(other, 1)
    wait_until_sessions_end(other, workspace_id)
    assert other.call("workspace.delete", id=workspace_id) is None


@pytest.mark.requirement("FR-008")
def test_sessions_do_not_outlive_the_daemon(home: Home, start: StartDaemon) -> None:
    daemon = start()
    with RawConnection(home.socket) as connection:
        workspace_id = connection.create("Alpha")["id"]
        connection.call("session.begin", workspaceId=workspace_id)
        daemon.kill()
    start()
    with RawConnection(home.socket) as connection:
        assert connection.call("session.list") == []
        assert connection.call("workspace.delete", id=workspace_id) is None
