"""Wrong, missing and unknown params of every method: -32602 with the field named, and nothing changed."""

from collections.abc import Iterator
from typing import Any

import pytest

from e2e.conftest import NewName
from support.documents import workspace_json
from support.raw_connection import RawConnection

REQUIRED = {
    "daemon.hello": ("client", "protocol"),
    "workspace.create": ("name", "rootPath"),
    "workspace.open": ("id",),
    "workspace.close": ("id",),
    "workspace.update": ("id",),
    "workspace.delete": ("id",),
    "session.begin": ("workspaceId",),
    "session.end": ("id",),
    "store.getById": ("id",),
    "store.getByName": ("name",),
    "store.save": ("workspace",),
    "store.remove": ("id",),
    "store.apply": ("changes",),
}
WITHOUT = (
    "daemon.ping",
    "daemon.status",
    "workspace.list",
    "session.list",
    "store.getAll",
    "store.flush",
    "store.check",
    "store.acknowledgeRecovery",
)
LONGEST = {  # as many params as the tables give, `requestKey` counted for each method that writes
    "daemon.hello": 2,
    "daemon.ping": 0,
    "daemon.status": 0,
    "workspace.create": 5,
    "workspace.open": 3,
    "workspace.close": 3,
    "workspace.update": 7,
    "workspace.delete": 3,
    "workspace.get": 2,
    "workspace.list": 4,
    "session.list": 1,
    "store.getAll": 0,
    "store.getById": 1,
    "store.getByName": 1,
    "store.check": 0,
}
VALID: dict[str, Any] = {
    "client": "test",
    "protocol": 1,
    "name": "Never made",
    "rootPath": "/x",
    "workspace": workspace_json(1),
    "changes": [],
}


def params_for(method: str) -> dict[str, Any]:
    """Params of the right types for a method that takes some of the common ones."""
    return {field: VALID.get(field, "ws_none") for field in REQUIRED.get(method, ())}


@pytest.fixture
def unchanged(connection: RawConnection) -> Iterator[None]:
    """See that the test changed nothing."""
    before = connection.revision()
    yield
    assert connection.revision() == before


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("method", "field"), [(method, field) for method, fields in REQUIRED.items() for field in fields]
)
def test_a_missing_param_is_named(connection: RawConnection, method: str, field: str) -> None:
    params = params_for(method)
    del params[field]
    data = connection.refused(-32602, method, **params)
    assert field in data["path"]
    assert field in data["message"]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("method", "field"), [(method, field) for method, fields in REQUIRED.items() for field in fields]
)
@pytest.mark.parametrize("value", [None, True, 1.5, {"a": 1}], ids=["null", "true", "fraction", "object"])
def test_a_param_of_a_wrong_type_is_named(
    connection: RawConnection, method: str, field: str, value: object
) -> None:
    data = connection.refused(-32602, method, **{**params_for(method), field: value})
    assert field in data["path"]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("method", ["workspace.create", "store.getById", "workspace.open"])
def test_a_param_of_a_wrong_type_by_position_is_named(connection: RawConnection, method: str) -> None:
    position = len(REQUIRED[method]) - 1
    params = ["text"] * position + [5]
    assert REQUIRED[method][position] in connection.refused(-32602, method, *params)["path"]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("method", [*REQUIRED, *WITHOUT])
def test_an_unknown_param_is_named(connection: RawConnection, method: str) -> None:
    data = connection.refused(-32602, method, **{**params_for(method), "colour": "red"})
    assert "colour" in data["path"]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("method", LONGEST)
def test_too_many_params_by_position(connection: RawConnection, method: str) -> None:
    connection.refused(-32602, method, *[1] * (LONGEST[method] + 1))


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("value", ["1", 1.5, True, [], {}])
@pytest.mark.parametrize("method", ["open", "close", "update", "delete"])
def test_if_revision_must_be_an_integer(connection: RawConnection, method: str, value: object) -> None:
    params = {**params_for(f"workspace.{method}"), "ifRevision": value}
    data = connection.refused(-32602, f"workspace.{method}", **params)
    assert "ifRevision" in data["path"]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("key", ["", "k" * 129, 5, {}], ids=["empty", "129 characters", "number", "object"])
@pytest.mark.parametrize("method", ["workspace.create", "workspace.delete", "store.remove"])
def test_a_request_key_has_1_to_128_characters(connection: RawConnection, method: str, key: object) -> None:
    data = connection.refused(-32602, method, **{**params_for(method), "requestKey": key})
    assert "requestKey" in data["path"]


@pytest.mark.parametrize("key", ["k", "日" * 128, "🚀" * 128, " ", "\n"])
def test_a_request_key_may_be_any_text(connection: RawConnection, new_name: NewName, key: str) -> None:
    connection.call("workspace.create", name=new_name(), rootPath="/x", requestKey=key)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("state", ["open", "ACTIVE", "", 1])
def test_list_takes_only_a_state(connection: RawConnection, state: object) -> None:
    assert "state" in connection.refused(-32602, "workspace.list", state=state)["path"]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("params", [{}, {"id": "ws_none", "name": "Both"}], ids=["neither", "both"])
def test_get_takes_an_id_or_a_name(connection: RawConnection, params: dict[str, str]) -> None:
    connection.refused(-32602, "workspace.get", **params)
