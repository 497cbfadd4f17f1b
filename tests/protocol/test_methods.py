"""The table of methods: names, params, results and errors are those of protocol.md."""

import json
from typing import Literal

import msgspec
import pytest
from msgspec import Raw

from protocol.contract import CONTRACT, FITTING, names_of, raw, required_of
from workspaced_protocol.daemon_models import DaemonStatus, Hello
from workspaced_protocol.errors import ErrorCode
from workspaced_protocol.method import InvalidParams
from workspaced_protocol.methods import METHODS
from workspaced_protocol.models import Session, StoreCheck, StoreRevision, Workspace

RESULTS: dict[str, object] = {
    "daemon.hello": Hello,
    "daemon.ping": Literal["pong"],
    "daemon.status": DaemonStatus,
    "workspace.create": Workspace,
    "workspace.open": Workspace,
    "workspace.close": Workspace,
    "workspace.update": Workspace,
    "workspace.delete": None,
    "workspace.get": Workspace,
    "workspace.list": list[Workspace],
    "session.begin": Session,
    "session.end": None,
    "session.list": list[Session],
    "store.getAll": list[Workspace],
    "store.getById": Workspace | None,
    "store.getByName": Workspace | None,
    "store.save": Workspace,
    "store.remove": None,
    "store.apply": StoreRevision,
    "store.flush": StoreRevision,
    "store.check": StoreCheck,
    "store.acknowledgeRecovery": None,
}


def refusal(method: str, value: object) -> InvalidParams:
    """What the method says of these params."""
    with pytest.raises(InvalidParams) as caught:
        METHODS[method].decode_params(raw(value))
    return caught.value


def test_the_methods_are_the_contract_s() -> None:
    groups = ("daemon.", "workspace.", "session.", "store.")
    assert [name for name in CONTRACT if name.startswith(groups) and name not in METHODS] == []
    assert METHODS.keys() - CONTRACT.keys() == set()
    assert all(name == method.name for name, method in METHODS.items())


@pytest.mark.parametrize("method", METHODS)
def test_params_stand_in_the_contract_s_order(method: str) -> None:
    assert list(METHODS[method].param_names()) == names_of(method)


@pytest.mark.parametrize("method", METHODS)
def test_required_params_alone_are_enough_and_each_is_needed(method: str) -> None:
    required = {name: FITTING[name] for name in required_of(method)}
    if method != "workspace.get":
        METHODS[method].decode_params(raw(required))
    for name in required:
        error = refusal(method, {key: value for key, value in required.items() if key != name})
        assert error.path == name
        assert method in error.message
        assert f"`{name}` is missing" in error.message
    for position in range(len(required)):
        error = refusal(method, list(required.values())[:position])
        assert error.path == list(required)[position]


@pytest.mark.parametrize("method", METHODS)
def test_all_params_are_taken_by_name_and_by_position(method: str) -> None:
    values = {name: FITTING[name] for name in names_of(method)}
    if method == "workspace.get":
        del values["name"]  # it takes one of the two
    by_name = METHODS[method].decode_params(raw(values))
    assert METHODS[method].decode_params(raw(list(values.values()))) == by_name
    assert METHODS[method].decode_params(raw(dict(reversed(values.items())))) == by_name
    assert json.loads(msgspec.json.encode(by_name)).keys() == values.keys()
    assert METHODS[method].decode_params(Raw(msgspec.json.encode(by_name))) == by_name


@pytest.mark.parametrize("method", METHODS)
def test_null_stands_for_an_absent_optional_param(method: str) -> None:
    values = [FITTING[name] if name in required_of(method) else None for name in names_of(method)]
    if method == "workspace.get":
        values[1] = "Alpha"
    by_position = METHODS[method].decode_params(raw(values))
    assert METHODS[method].decode_params(raw(dict(zip(names_of(method), values, strict=True)))) == by_position


@pytest.mark.parametrize(
    "method", [name for name in METHODS if not required_of(name) and name != "workspace.get"]
)
@pytest.mark.parametrize("given_", [None, Raw(b"{}"), Raw(b"[]"), Raw(b"[ ]")])
def test_params_may_be_left_out_where_none_is_needed(method: str, given_: Raw | None) -> None:
    assert METHODS[method].decode_params(given_) == METHODS[method].params()


@pytest.mark.parametrize("method", [name for name in METHODS if required_of(name)])
def test_params_left_out_are_missing_params(method: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        METHODS[method].decode_params(None)
    assert caught.value.path == required_of(method)[0]


@pytest.mark.parametrize("method", RESULTS)
def test_results_are_the_contract_s(method: str) -> None:
    assert METHODS[method].result == RESULTS[method]


@pytest.mark.parametrize("method", METHODS)
def test_each_method_is_told_in_a_sentence(method: str) -> None:
    assert METHODS[method].doc[0].isupper()
    assert METHODS[method].doc.endswith(".")


@pytest.mark.parametrize("method", ["store.getById", "store.getByName", "store.remove"])
def test_an_absent_workspace_is_no_error_to_the_store(method: str) -> None:
    assert ErrorCode.NOT_FOUND not in METHODS[method].errors


WRITE_ERRORS = {
    ErrorCode.WRITE_TIMEOUT,
    ErrorCode.COMMIT_UNKNOWN,
    ErrorCode.STORAGE_FAILURE,
    ErrorCode.OVERLOADED,
    ErrorCode.SHUTTING_DOWN,
}


@pytest.mark.parametrize("method", METHODS)
def test_a_method_with_a_request_key_writes(method: str) -> None:
    row = METHODS[method]
    if "requestKey" in names_of(method):
        assert row.is_write or row.mode == "task"
        assert set(row.errors) >= WRITE_ERRORS
    if row.mode == "read":
        assert not set(row.errors) & WRITE_ERRORS


@pytest.mark.parametrize(
    ("code", "methods"),
    [
        (ErrorCode.REVISION_CONFLICT, [name for name in METHODS if "ifRevision" in names_of(name)]),
        (ErrorCode.NAME_CONFLICT, ["workspace.create", "workspace.update", "store.save", "store.apply"]),
        (ErrorCode.ACTIVE_SESSIONS, ["workspace.delete"]),
        (ErrorCode.PROTOCOL_UNSUPPORTED, ["daemon.hello"]),
        (
            ErrorCode.INVALID_STATE,
            ["workspace.open", "workspace.close", "workspace.delete", "session.begin"],
        ),
        (
            ErrorCode.NOT_FOUND,
            [
                *[
                    "workspace.open",
                    "workspace.close",
                    "workspace.update",
                    "workspace.delete",
                    "workspace.get",
                ],
                *["session.begin", "session.end"],
            ],
        ),
    ],
)
def test_an_error_is_told_of_by_the_methods_that_give_it(code: ErrorCode, methods: list[str]) -> None:
    assert [name for name in methods if code not in METHODS[name].errors] == []
