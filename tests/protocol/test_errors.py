"""Errors: the contract's codes and kinds, and what an error answer holds."""

import pytest

from support.error_kinds import KINDS, SPECIFIED_CODES
from workspaced_protocol.errors import MEANINGS, ErrorCode, RpcError


@pytest.mark.parametrize(("code", "kind"), KINDS.items())
def test_each_code_has_the_contract_s_kind(code: int, kind: str) -> None:
    assert ErrorCode(code).kind == kind


def test_there_are_no_other_codes() -> None:
    assert {code.value for code in ErrorCode} == KINDS.keys() | SPECIFIED_CODES


def test_no_two_codes_share_a_kind() -> None:
    assert len({code.kind for code in ErrorCode}) == len(ErrorCode)


@pytest.mark.parametrize("code", ErrorCode)
def test_each_code_is_explained_in_a_sentence(code: ErrorCode) -> None:
    assert " " in MEANINGS[code]
    assert MEANINGS[code].endswith(".")


@pytest.mark.parametrize(
    ("code", "members"),
    [
        (ErrorCode.INVALID_PARAMS, ["path"]),
        (ErrorCode.NAME_CONFLICT, ["id"]),
        (ErrorCode.INVALID_STATE, ["state", "required"]),
        (ErrorCode.ACTIVE_SESSIONS, ["count"]),
        (ErrorCode.REVISION_CONFLICT, ["revision"]),
        (ErrorCode.COMMIT_UNKNOWN, ["revision"]),
        (ErrorCode.STORAGE_FAILURE, ["errno"]),
        (ErrorCode.GIT_UNAVAILABLE, ["stderr"]),
        (ErrorCode.GIT_FAILED, ["stderr"]),
        (ErrorCode.GIT_TIMEOUT, ["stderr"]),
    ],
)
def test_an_explanation_names_the_data_that_the_contract_promises(
    code: ErrorCode, members: list[str]
) -> None:
    for member in members:
        assert f"`data.{member}`" in MEANINGS[code]


def test_an_error_is_its_code_message_and_data() -> None:
    error = RpcError(ErrorCode.NOT_FOUND, "There is no workspace ws_1.", {"kind": "notFound", "id": "ws_1"})
    assert error.code == 1001
    assert error.message == str(error) == "There is no workspace ws_1."
    assert error.data == {"kind": "notFound", "id": "ws_1"}
    assert error.kind == "notFound"


def test_an_error_of_an_unknown_code_is_held_too() -> None:
    error = RpcError(4711, "Something new.", {"kind": "new"})
    assert (error.code, error.kind) == (4711, "new")


@pytest.mark.parametrize("data", [None, {}, {"kind": None}, {"kind": 3}, {"other": 1}])
def test_an_answer_without_a_kind_has_an_empty_one(data: dict[str, object] | None) -> None:
    assert RpcError(1, "No.", data).kind == ""


def test_errors_without_data_share_none() -> None:
    first, second = RpcError(1, "No."), RpcError(1, "No.")
    first.data["a"] = 1
    assert second.data == {}
