"""`store.*`: the store's own calls, for those who carry whole workspaces over."""

from typing import Any

import pytest

from e2e.conftest import NewName
from support.daemon_process import Home
from support.documents import project_json, verified, workspace_json
from support.raw_connection import RawConnection


@pytest.fixture
def given(new_name: NewName) -> dict[str, Any]:
    """A workspace with three projects that no test saved before."""
    name = new_name()
    return workspace_json(int(name.split()[1]), projects=3, name=name)


def test_save_keeps_every_field_but_the_revision(connection: RawConnection, given: dict[str, Any]) -> None:
    before = connection.revision()
    saved = connection.call("store.save", workspace={**given, "revision": 987_654})
    assert saved == {**given, "revision": before + 1}
    assert connection.call("store.getById", id=given["id"]) == saved
    assert connection.call("workspace.get", id=given["id"]) == saved


def test_save_takes_a_workspace_without_a_revision(connection: RawConnection, given: dict[str, Any]) -> None:
    before = connection.revision()
    del given["revision"]
    assert connection.call("store.save", workspace=given) == {**given, "revision": before + 1}


def test_a_saved_workspace_is_replaced_whole(connection: RawConnection, given: dict[str, Any]) -> None:
    first = connection.call("store.save", workspace=given)
    changed = {
        **given,
        "rootPath": "/srv/elsewhere",
        "state": "closed",
        "createdAt": 5,
        "updatedAt": 6,
        "projects": [project_json(given["id"], 999)],
    }
    second = connection.call("store.save", workspace=changed)
    assert second == {**changed, "revision": first["revision"] + 1}
    assert connection.call("store.getById", id=given["id"]) == second


@pytest.mark.parametrize(
    "workspace_id", ["ws_a", "ws_7ma7rcsx", "ws_-_", "ws_" + "Zz09-_" * 21 + "ab"], ids=len
)
def test_save_takes_the_ids_of_older_apps(
    connection: RawConnection, given: dict[str, Any], workspace_id: str
) -> None:
    projects = [{**each, "workspaceId": workspace_id} for each in given["projects"]]
    moved = {**given, "id": workspace_id, "projects": projects}
    saved = connection.call("store.save", workspace=moved)
    assert saved == {**moved, "revision": saved["revision"]}


@pytest.mark.parametrize(
    "workspace_id",
    ["", "ws_", "a", "WS_a", "proj_a", "ws_" + "a" * 129, "ws_a b", "ws_a/b", "ws_é", "ws_a\n"],
)
def test_save_refuses_another_form_of_id(
    connection: RawConnection, given: dict[str, Any], workspace_id: str
) -> None:
    data = connection.refused(-32602, "store.save", workspace={**given, "id": workspace_id, "projects": []})
    assert "id" in data["path"]


@pytest.mark.parametrize("project_id", ["", "proj_", "ws_a", "proj_" + "a" * 129, "proj_a b"])
def test_save_refuses_another_form_of_project_id(
    connection: RawConnection, given: dict[str, Any], project_id: str
) -> None:
    given["projects"][1]["id"] = project_id
    data = connection.refused(-32602, "store.save", workspace=given)
    assert "id" in data["path"]
    assert connection.call("store.getById", id=given["id"]) is None


@pytest.mark.parametrize("field", ["id", "name", "rootPath", "state", "createdAt", "updatedAt", "projects"])
def test_save_names_the_field_that_is_missing_or_wrong(
    connection: RawConnection, given: dict[str, Any], field: str
) -> None:
    missing = {name: value for name, value in given.items() if name != field}
    assert field in connection.refused(-32602, "store.save", workspace=missing)["path"]
    wrong = {**given, field: {"no": "such"}}
    assert field in connection.refused(-32602, "store.save", workspace=wrong)["path"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("state", "open"),
        ("createdAt", "5"),
        ("createdAt", True),
        ("createdAt", 1.5),
        ("name", None),
        ("name", " "),
        ("projects", None),
    ],
)
def test_save_names_the_field_with_a_wrong_value(
    connection: RawConnection, given: dict[str, Any], field: str, value: object
) -> None:
    data = connection.refused(-32602, "store.save", workspace={**given, field: value})
    assert field in data["path"]


@pytest.mark.requirement("FR-002")
def test_save_refuses_a_name_that_is_taken(connection: RawConnection, given: dict[str, Any]) -> None:
    connection.call("store.save", workspace=given)
    before = connection.revision()
    other: dict[str, Any] = {**given, "id": "ws_other", "name": given["name"].upper(), "projects": []}
    assert connection.refused(1002, "store.save", workspace=other)["id"] == given["id"]
    assert connection.revision() == before
    assert connection.call("store.getById", id="ws_other") is None


def test_save_with_if_revision(connection: RawConnection, given: dict[str, Any], new_name: NewName) -> None:
    first = connection.call("store.save", workspace=given)
    connection.create(new_name())
    second = connection.call(
        "store.save", workspace={**given, "rootPath": "/2"}, ifRevision=first["revision"]
    )
    third = {**given, "rootPath": "/3"}
    data = connection.refused(1005, "store.save", workspace=third, ifRevision=first["revision"])
    assert data["revision"] == second["revision"]
    assert connection.call("store.getById", id=given["id"]) == second


def test_get_by_name_is_without_regard_to_case(connection: RawConnection, given: dict[str, Any]) -> None:
    given["name"] = f"Ünter {given['name']}"
    saved = connection.call("store.save", workspace=given)
    for name in (given["name"], given["name"].upper(), given["name"].lower()):
        assert connection.call("store.getByName", name=name) == saved
        assert connection.call("store.getByName", name) == saved


def test_what_is_unknown_is_null(connection: RawConnection) -> None:
    assert connection.call("store.getById", id="ws_unknown") is None
    assert connection.call("store.getById", "ws_unknown") is None
    assert connection.call("store.getByName", name="Unknown") is None


def test_remove(connection: RawConnection, given: dict[str, Any]) -> None:
    connection.call("store.save", workspace=given)
    before = connection.revision()
    assert connection.call("store.remove", id=given["id"]) is None
    assert connection.call("store.getById", id=given["id"]) is None
    assert connection.revision() == before + 1
    assert connection.call("store.remove", id=given["id"]) is None
    assert connection.call("store.remove", "ws_unknown") is None
    assert connection.revision() == before + 1


def test_get_all_is_sorted_by_creation(connection: RawConnection, new_name: NewName) -> None:
    numbers = [3, 1, 2, 5, 4]
    ids = {f"ws_sorted{number}" for number in numbers}
    for number in numbers:
        each = workspace_json(number, id=f"ws_sorted{number}", name=new_name(), createdAt=1_000_000 + number)
        connection.call("store.save", workspace=each)
    everything = connection.call("store.getAll")
    assert [each["createdAt"] for each in everything] == sorted(each["createdAt"] for each in everything)
    found = [each["id"] for each in everything if each["id"] in ids]
    assert found == [f"ws_sorted{number}" for number in (1, 2, 3, 4, 5)]


def test_apply_makes_every_change_in_one(connection: RawConnection, new_name: NewName) -> None:
    gone = connection.create(new_name())
    before = connection.revision()
    first, second = (workspace_json(int(name.split()[1]), 2, name=name) for name in (new_name(), new_name()))
    takes_over = {**second, "name": gone["name"]}
    changes = [{"save": first}, {"remove": gone["id"]}, {"save": takes_over}]
    result = connection.call("store.apply", changes=changes)
    assert result == {"revision": connection.revision()}
    assert result["revision"] > before
    for given in (first, takes_over):
        saved = connection.call("store.getById", id=given["id"])
        assert saved == {**given, "revision": saved["revision"]}
        assert before < saved["revision"] <= result["revision"]
    assert connection.call("store.getById", id=gone["id"]) is None


def test_apply_makes_all_changes_or_none(connection: RawConnection, new_name: NewName) -> None:
    kept = connection.create(new_name())
    before = connection.call("store.getAll"), connection.revision()
    good = workspace_json(1, id="ws_good", name=new_name())
    clashing = workspace_json(2, id="ws_clashing", name=kept["name"].upper())
    changes = [{"save": good}, {"remove": before[0][0]["id"]}, {"save": clashing}]
    if before[0][0]["id"] == kept["id"]:
        changes.pop(1)
    assert connection.refused(1002, "store.apply", changes=changes)["id"] == kept["id"]
    assert (connection.call("store.getAll"), connection.revision()) == before


def test_apply_with_if_revision_of_the_store(connection: RawConnection, new_name: NewName) -> None:
    change = {"save": workspace_json(1, id="ws_if_revision", name=new_name())}
    before = connection.revision()
    data = connection.refused(1005, "store.apply", changes=[change], ifRevision=before + 1)
    assert data["revision"] == before
    after = connection.call("store.apply", [change], before)["revision"]
    assert connection.refused(1005, "store.apply", [change], before)["revision"] == after


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"save": workspace_json(1), "remove": "ws_a"},
        {"keep": "ws_a"},
        "ws_a",
        {"remove": 5},
        {"save": {}},
    ],
)
def test_apply_refuses_what_is_no_change(connection: RawConnection, change: object) -> None:
    before = connection.revision()
    assert "changes" in connection.refused(-32602, "store.apply", changes=[change])["path"]
    assert connection.revision() == before


@pytest.mark.requirement("T011", "T012")
def test_flush_writes_both_files_anew(
    connection: RawConnection, shared_home: Home, new_name: NewName
) -> None:
    connection.create(new_name())
    revision = connection.revision()
    inodes = {path.stat().st_ino for path in (shared_home.primary, shared_home.snapshot)}
    kept_open = [
        path.open() for path in (shared_home.primary, shared_home.snapshot)
    ]  # no inode is used again
    assert connection.call("store.flush") == {"revision": revision}
    assert connection.revision() == revision
    for path in (shared_home.primary, shared_home.snapshot):
        assert path.stat().st_ino not in inodes
        assert verified(path)["revision"] == revision
    for file in kept_open:
        file.close()


def test_check_of_sound_files(connection: RawConnection, new_name: NewName) -> None:
    connection.create(new_name())
    sound = {"primary": {"corrupted": False}, "snapshot": {"corrupted": False}}
    assert connection.call("store.check") == sound
