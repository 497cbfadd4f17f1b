"""`workspace.*`: what each call gives, and how each refusal reads."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from e2e.conftest import Connect, NewName
from support.raw_connection import RawConnection

ULID = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"


@pytest.fixture
def workspace(connection: RawConnection, new_name: NewName) -> dict[str, Any]:
    """A new workspace of the shared daemon."""
    return connection.create(new_name())


@pytest.mark.requirement("FR-001")
def test_create_gives_an_active_workspace(connection: RawConnection, new_name: NewName) -> None:
    name, before = new_name(), connection.revision()
    workspace = connection.call("workspace.create", name=name, rootPath="/srv/code")
    made_at = workspace["createdAt"]
    assert isinstance(made_at, int)
    assert workspace == {
        "id": workspace["id"],
        "name": name,
        "rootPath": "/srv/code",
        "state": "active",
        "createdAt": made_at,
        "updatedAt": made_at,
        "revision": before + 1,
        "projects": [],
    }
    status = connection.call("daemon.status")
    assert abs(made_at - status["startedAt"]) < 3_600_000  # both in Unix milliseconds


@pytest.mark.requirement("FR-010")
def test_ids_are_ulids_that_rise(connection: RawConnection, new_name: NewName) -> None:
    requests = [
        connection.request("workspace.create", name=new_name(), rootPath="/srv/code") for _ in range(100)
    ]
    answers = connection.answers(requests)
    ids = [answers[request["id"]]["result"]["id"] for request in requests]
    assert all(re.fullmatch(f"ws_{ULID}", each) for each in ids)
    assert ids == sorted(set(ids))


@pytest.mark.requirement("FR-001")
def test_close_and_open(connection: RawConnection, workspace: dict[str, Any]) -> None:
    closed = connection.call("workspace.close", id=workspace["id"])
    assert closed == {
        **workspace,
        "state": "closed",
        "updatedAt": closed["updatedAt"],
        "revision": workspace["revision"] + 1,
    }
    assert closed["updatedAt"] >= workspace["updatedAt"]
    opened = connection.call("workspace.open", id=workspace["id"])
    assert opened == {
        **workspace,
        "state": "active",
        "updatedAt": opened["updatedAt"],
        "revision": workspace["revision"] + 2,
    }
    assert opened["updatedAt"] >= closed["updatedAt"]
    assert connection.call("workspace.get", id=workspace["id"]) == opened


@pytest.mark.requirement("FR-001")
def test_a_move_that_is_not_allowed_says_which_state_it_must_be_in(
    connection: RawConnection, workspace: dict[str, Any]
) -> None:
    data = connection.refused(1003, "workspace.open", id=workspace["id"])
    assert (data["state"], data["required"]) == ("active", "closed")
    assert "active" in data["message"]
    assert "closed" in data["message"]
    connection.call("workspace.close", id=workspace["id"])
    data = connection.refused(1003, "workspace.close", id=workspace["id"])
    assert (data["state"], data["required"]) == ("closed", "active")
    assert "active" in data["message"]
    assert "closed" in data["message"]


@pytest.mark.requirement("FR-001")
@pytest.mark.parametrize("closed_first", [False, True])
def test_delete(connection: RawConnection, workspace: dict[str, Any], closed_first: bool) -> None:
    if closed_first:
        connection.call("workspace.close", id=workspace["id"])
    before = connection.revision()
    assert connection.call("workspace.delete", id=workspace["id"]) is None
    assert connection.revision() == before + 1
    connection.refused(1001, "workspace.get", id=workspace["id"])
    connection.refused(1001, "workspace.delete", id=workspace["id"])
    assert workspace["id"] not in [each["id"] for each in connection.call("workspace.list")]


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("workspace.open", {}),
        ("workspace.close", {}),
        ("workspace.update", {"name": "Nobody"}),
        ("workspace.delete", {}),
        ("workspace.get", {}),
    ],
)
def test_an_unknown_workspace(connection: RawConnection, method: str, more: dict[str, str]) -> None:
    before = connection.revision()
    data = connection.refused(1001, method, id="ws_unknown", **more)
    assert "ws_unknown" in data["message"]
    assert connection.revision() == before


def test_get_by_name(connection: RawConnection, workspace: dict[str, Any]) -> None:
    assert connection.call("workspace.get", name=workspace["name"]) == workspace
    assert connection.call("workspace.get", name=workspace["name"].upper()) == workspace
    connection.refused(1001, "workspace.get", name="No such name")


def test_update(connection: RawConnection, workspace: dict[str, Any], new_name: NewName) -> None:
    name = new_name()
    renamed = connection.call("workspace.update", id=workspace["id"], name=name)
    assert renamed == {
        **workspace,
        "name": name,
        "updatedAt": renamed["updatedAt"],
        "revision": workspace["revision"] + 1,
    }
    moved = connection.call("workspace.update", id=workspace["id"], rootPath="/srv/moved")
    assert moved == {
        **renamed,
        "rootPath": "/srv/moved",
        "updatedAt": moved["updatedAt"],
        "revision": workspace["revision"] + 2,
    }
    both = connection.call("workspace.update", id=workspace["id"], name=name.upper(), rootPath="/srv/both")
    assert (both["name"], both["rootPath"]) == (name.upper(), "/srv/both")
    assert connection.call("workspace.get", id=workspace["id"]) == both


@pytest.mark.requirement("FR-002")
def test_names_are_unique_without_regard_to_case(connection: RawConnection, new_name: NewName) -> None:
    name = f"Äpfel {new_name()}"
    first, other, before = connection.create(name), connection.create(new_name()), connection.revision()
    for taken in (name, name.upper(), name.lower(), name.swapcase()):
        data = connection.refused(1002, "workspace.create", name=taken, rootPath="/x")
        assert data["id"] == first["id"]
        data = connection.refused(1002, "workspace.update", id=other["id"], name=taken)
        assert data["id"] == first["id"]
    assert connection.revision() == before
    assert connection.call("workspace.get", id=other["id"]) == other


@pytest.mark.requirement("FR-002")
def test_a_deleted_workspaces_name_is_free_again(connection: RawConnection, new_name: NewName) -> None:
    name = new_name()
    first = connection.create(name)
    connection.call("workspace.delete", id=first["id"])
    assert connection.create(name.upper())["id"] != first["id"]


@pytest.mark.requirement("FR-002")
def test_of_many_creates_of_one_name_one_wins(connect: Connect, new_name: NewName) -> None:
    name = new_name()
    connections = [connect() for _ in range(10)]

    def create(number: int) -> dict[str, Any]:
        spelt = name.upper() if number % 2 else name.lower()
        each = connections[number]
        return each.answer(each.request("workspace.create", name=spelt, rootPath=f"/srv/{number}"))

    with ThreadPoolExecutor(len(connections)) as pool:
        answers = list(pool.map(create, range(len(connections))))
    (winner,) = [answer["result"] for answer in answers if "result" in answer]
    refusals = [answer["error"] for answer in answers if "error" in answer]
    assert {(error["code"], error["data"]["id"]) for error in refusals} == {(1002, winner["id"])}
    assert connections[0].call("workspace.get", name=name) == winner


@pytest.mark.requirement("FR-002")
@pytest.mark.parametrize("name", ["", " ", "\t", " \n ", "\u00a0", "\u3000"])
def test_an_empty_or_blank_name_is_refused(
    connection: RawConnection, workspace: dict[str, Any], name: str
) -> None:
    assert "name" in connection.refused(-32602, "workspace.create", name=name, rootPath="/x")["path"]
    assert "name" in connection.refused(-32602, "workspace.update", id=workspace["id"], name=name)["path"]


@pytest.mark.requirement("FR-002")
@pytest.mark.parametrize("character", ["a", "日", "🚀"])
def test_a_name_of_1000_characters_is_accepted(connection: RawConnection, character: str) -> None:
    name = character * 1000
    assert connection.create(name)["name"] == name
    assert connection.call("workspace.get", name=name)["name"] == name


def test_if_revision_makes_a_write_conditional_on_the_workspaces_revision(
    connection: RawConnection, workspace: dict[str, Any], new_name: NewName
) -> None:
    connection.create(new_name())  # the store's revision goes on, this workspace's does not
    workspace_id, revision = workspace["id"], workspace["revision"]
    closed = connection.call("workspace.close", id=workspace_id, ifRevision=revision)
    opened = connection.call("workspace.open", id=workspace_id, ifRevision=closed["revision"])
    name = new_name()
    updated = connection.call("workspace.update", id=workspace_id, name=name, ifRevision=opened["revision"])
    assert connection.call("workspace.delete", id=workspace_id, ifRevision=updated["revision"]) is None


def test_a_write_with_another_revision_is_refused_and_changes_nothing(
    connection: RawConnection, workspace: dict[str, Any]
) -> None:
    workspace_id = workspace["id"]
    closed = connection.call("workspace.close", id=workspace_id)
    before = connection.revision()
    stale: dict[str, Any] = {"id": workspace_id, "ifRevision": workspace["revision"]}
    for method, more in (("open", {}), ("update", {"rootPath": "/srv/other"}), ("delete", {})):
        data = connection.refused(1005, f"workspace.{method}", **stale, **more)
        assert data["revision"] == closed["revision"]
    opened = connection.call("workspace.open", id=workspace_id)
    assert connection.refused(1005, "workspace.close", **stale)["revision"] == opened["revision"]
    assert connection.call("workspace.get", id=workspace_id) == opened
    assert opened["revision"] == before + 1


def test_list_gives_workspaces_by_creation_and_by_state(connection: RawConnection, new_name: NewName) -> None:
    first, second, third = (connection.create(new_name()) for _ in range(3))
    closed = connection.call("workspace.close", id=second["id"])
    ours = {first["id"], second["id"], third["id"]}

    def listed(**params: str) -> list[Any]:
        return [each for each in connection.call("workspace.list", **params) if each["id"] in ours]

    assert sorted(listed(), key=lambda each: str(each["id"])) == [first, closed, third]
    assert listed() == sorted(listed(), key=lambda each: int(each["createdAt"]))
    assert listed(state="closed") == [closed]
    assert {each["id"] for each in listed(state="active")} == {first["id"], third["id"]}


def test_params_by_position(connection: RawConnection, new_name: NewName) -> None:
    name = new_name()
    workspace = connection.call("workspace.create", name, "/srv/position")
    assert (workspace["name"], workspace["rootPath"]) == (name, "/srv/position")
    workspace_id = workspace["id"]
    assert connection.call("workspace.get", workspace_id) == workspace
    closed = connection.call("workspace.close", workspace_id, workspace["revision"])
    assert closed["state"] == "closed"
    assert workspace_id in [each["id"] for each in connection.call("workspace.list", "closed")]
    connection.refused(1005, "workspace.open", workspace_id, workspace["revision"])
    opened = connection.call("workspace.open", workspace_id)
    other_name = new_name()
    updated = connection.call("workspace.update", workspace_id, other_name, "/srv/p", opened["revision"])
    assert (updated["name"], updated["rootPath"]) == (other_name, "/srv/p")
    assert connection.call("workspace.delete", workspace_id, updated["revision"]) is None
