"""`requestKey`: a write that is sent again is applied once, and answered with what is now."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from e2e.conftest import Connect, NewName, StartDaemon
from support.daemon_process import Home
from support.documents import workspace_json
from support.raw_connection import RawConnection


@pytest.fixture
def key(new_name: NewName) -> str:
    """A request key that no test had before."""
    return f"key {new_name()}"


def everything(connection: RawConnection) -> tuple[Any, int]:
    return connection.call("store.getAll"), connection.revision()


def test_a_repeated_create_changes_nothing(connect: Connect, new_name: NewName, key: str) -> None:
    connection = connect()
    params: dict[str, Any] = {"name": new_name(), "rootPath": "/x", "requestKey": key}
    first = connection.call("workspace.create", **params)
    before = everything(connection)
    assert connection.call("workspace.create", **params) == first
    assert connect().call("workspace.create", **params) == first
    assert everything(connection) == before


def test_a_repeat_is_answered_with_the_workspace_as_it_is_now(
    connection: RawConnection, new_name: NewName, key: str
) -> None:
    params: dict[str, Any] = {"name": new_name(), "rootPath": "/x", "requestKey": key}
    workspace_id = connection.call("workspace.create", **params)["id"]
    now = connection.call("workspace.update", id=workspace_id, name=new_name())
    assert connection.call("workspace.create", **params) == now
    connection.call("workspace.delete", id=workspace_id)
    before = everything(connection)
    assert connection.call("workspace.create", **params) is None
    assert everything(connection) == before


@pytest.mark.parametrize("method", ["workspace.close", "workspace.open", "workspace.update"])
def test_a_repeated_move_changes_nothing(
    connection: RawConnection, new_name: NewName, key: str, method: str
) -> None:
    workspace_id = connection.create(new_name())["id"]
    if method == "workspace.open":
        connection.call("workspace.close", id=workspace_id)
    more = {"rootPath": "/moved"} if method == "workspace.update" else {}
    revision = connection.call("workspace.get", id=workspace_id)["revision"]
    params: dict[str, Any] = {"id": workspace_id, "ifRevision": revision, "requestKey": key, **more}
    first = connection.call(method, **params)
    before = everything(connection)
    assert connection.call(method, **params) == first, "neither the state nor `ifRevision` is asked again"
    assert everything(connection) == before


@pytest.mark.parametrize("method", ["workspace.delete", "store.remove"])
def test_a_repeated_delete_is_null(
    connection: RawConnection, new_name: NewName, key: str, method: str
) -> None:
    name = new_name()
    params = {"id": connection.create(name)["id"], "requestKey": key}
    assert connection.call(method, **params) is None
    again = connection.create(name)
    before = everything(connection)
    assert connection.call(method, **params) is None
    assert everything(connection) == before
    assert connection.call("workspace.get", name=name) == again


def test_a_repeated_save_does_not_undo_what_came_between(
    connection: RawConnection, new_name: NewName, key: str
) -> None:
    given = workspace_json(1, 2, id=f"ws_{key.split()[-1]}", name=new_name())
    params = {"workspace": given, "requestKey": key}
    connection.call("store.save", **params)
    now = connection.call("workspace.update", id=given["id"], rootPath="/between")
    before = everything(connection)
    assert connection.call("store.save", **params) == now
    assert everything(connection) == before


def test_a_repeated_apply_changes_nothing(connection: RawConnection, new_name: NewName, key: str) -> None:
    given = workspace_json(1, id=f"ws_{key.split()[-1]}", name=new_name())
    params = {"changes": [{"save": given}], "requestKey": key}
    connection.call("store.apply", **params)
    connection.call("workspace.update", id=given["id"], rootPath="/between")
    before = everything(connection)
    connection.call("store.apply", **params)
    assert everything(connection) == before


def test_a_key_sent_from_many_clients_at_once_is_applied_once(
    connect: Connect, new_name: NewName, key: str
) -> None:
    connections = [connect() for _ in range(10)]
    params: dict[str, Any] = {"name": new_name(), "rootPath": "/x", "requestKey": key}
    before = connections[0].revision()

    def create(each: RawConnection) -> Any:
        return each.call("workspace.create", **params)

    with ThreadPoolExecutor(len(connections)) as pool:
        made = list(pool.map(create, connections))
    assert made == [made[0]] * len(connections)
    assert connections[0].revision() == before + 1


def test_a_key_repeated_on_one_connection_without_waiting_is_applied_once(
    connection: RawConnection, new_name: NewName, key: str
) -> None:
    params: dict[str, Any] = {"name": new_name(), "rootPath": "/x", "requestKey": key}
    before = connection.revision()
    answers = connection.answers([connection.request("workspace.create", **params) for _ in range(20)])
    assert len({answer["result"]["id"] for answer in answers.values()}) == 1
    assert connection.revision() == before + 1


def test_other_keys_are_other_writes(connection: RawConnection, new_name: NewName, key: str) -> None:
    first = connection.call("workspace.create", name=new_name(), rootPath="/x", requestKey=key)
    second = connection.call("workspace.create", name=new_name(), rootPath="/x", requestKey=f"{key}!")
    third = connection.call("workspace.create", name=new_name(), rootPath="/x", requestKey=key.upper())
    assert len({first["id"], second["id"], third["id"]}) == 3


def test_a_client_that_comes_back_late_after_a_kill_is_known_however_much_others_wrote(
    home: Home, start: StartDaemon
) -> None:
    """The store forgets keys that are older than its newest 256, but not those of clients that were cut off."""
    daemon = start()
    with RawConnection(home.socket) as connection:
        late = connection.call("workspace.create", name="Late", rootPath="/x", requestKey="late")
        busy = connection.call("workspace.create", name="Busy", rootPath="/x")["id"]
    daemon.kill()
    start()
    with RawConnection(home.socket) as connection:
        for batch in ("a", "b"):
            keys = [f"{batch}{number}" for number in range(300)]
            connection.answers(
                [
                    connection.request("workspace.update", id=busy, rootPath="/y", requestKey=key)
                    for key in keys
                ]
            )
        again = connection.call("workspace.create", name="Late", rootPath="/x", requestKey="late")
    assert again == late
