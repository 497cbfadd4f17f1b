"""Errors that the daemon answers with: each has its class, through each client, with typed attributes."""

import copy
import inspect
import pickle
from collections.abc import Mapping

import pytest

import workspaced_client
from client.conftest import Connect
from client.fake_server import Peer, greeting, line
from workspaced_client import DaemonError, WorkspacedError, errors
from workspaced_client._core.daemon_errors import from_answer
from workspaced_protocol.errors import ErrorCode, RpcError
from workspaced_protocol.models import Session

PROMISED: Mapping[ErrorCode, Mapping[str, object]] = {
    ErrorCode.INVALID_PARAMS: {"path": "workspace.projects[0].id"},
    ErrorCode.NAME_CONFLICT: {"id": "ws_1"},
    ErrorCode.INVALID_STATE: {"state": "active", "required": "closed"},
    ErrorCode.ACTIVE_SESSIONS: {"count": 3},
    ErrorCode.REVISION_CONFLICT: {"revision": 12},
    ErrorCode.PROTOCOL_UNSUPPORTED: {"minimum": 1, "maximum": 4},
    ErrorCode.COMMIT_UNKNOWN: {"revision": 13},
    ErrorCode.STORAGE_FAILURE: {"errno": 28},
    ErrorCode.GIT_UNAVAILABLE: {"stderr": "no git"},
    ErrorCode.GIT_FAILED: {"stderr": "fatal: no"},
    ErrorCode.GIT_TIMEOUT: {"stderr": ""},
}


@pytest.mark.parametrize("code", ErrorCode, ids=lambda code: code.name)
def test_each_code_has_a_class_of_its_own(code: ErrorCode) -> None:
    data: dict[str, object] = {"kind": code.kind, "more": 1, **PROMISED.get(code, {})}
    error = from_answer(RpcError(code, "A sentence.", data))
    assert type(error) is not DaemonError
    assert type(error).expected_code == code
    assert (error.code, error.kind, error.message, error.data) == (code, code.kind, "A sentence.", data)
    assert str(error) == "A sentence."
    for name, value in PROMISED.get(code, {}).items():
        assert getattr(error, name) == value
    assert getattr(workspaced_client, type(error).__name__) is type(error)


@pytest.mark.parametrize("code", PROMISED, ids=lambda code: code.name)
def test_what_the_daemon_did_not_tell_is_none(code: ErrorCode) -> None:
    for data in ({}, {name: ["no such type"] for name in PROMISED[code]}):
        error = from_answer(RpcError(code, "A sentence.", dict(data)))
        assert [getattr(error, name) for name in PROMISED[code]] == [None] * len(PROMISED[code])


def test_a_claim_tells_the_session_that_is_there() -> None:
    held = {"id": "ss_1", "workspaceId": "ws_1", "label": None, "pid": 7, "startedAt": 5, "exclusive": True}
    there = Session(id="ss_1", workspace_id="ws_1", label=None, pid=7, started_at=5, exclusive=True)
    for session in (held, {**held, "of a later release": {"x": 1}}):
        error = from_answer(RpcError(1008, "A sentence.", {"session": session}))
        assert isinstance(error, workspaced_client.Claimed)
        assert error.session == there
    for unreadable in (None, "ss_1", {**held, "pid": "7"}):
        error = from_answer(RpcError(1008, "A sentence.", {"session": unreadable}))
        assert isinstance(error, workspaced_client.Claimed)
        assert error.session is None


def test_an_unknown_code_gives_the_base_class(connect: Connect) -> None:
    def script(peer: Peer) -> None:
        peer.refuse(peer.request().id, 4711, "Something new.", {"kind": "somethingNew", "x": [1]})
        peer.refuse(peer.request().id, 4711, "Something new.")

    client = connect(greeting(script))
    with pytest.raises(DaemonError, match=r"^Something new\.$") as caught:
        client.daemon.ping()
    assert type(caught.value) is DaemonError
    assert caught.value.data == {"kind": "somethingNew", "x": [1]}
    with pytest.raises(DaemonError) as caught:
        client.daemon.ping()
    assert (caught.value.kind, caught.value.data) == ("", {})


@pytest.mark.parametrize("data", [None, "text", [1], 5, True, {"kind": 5}, {"path": ["a"], "new": {"x": 1}}])
@pytest.mark.parametrize("code", [4711, ErrorCode.INVALID_PARAMS])
def test_data_of_a_later_form_costs_neither_the_sentence_nor_the_connection(
    connect: Connect, code: int, data: object
) -> None:
    def script(peer: Peer) -> None:
        peer.send(line({"jsonrpc": "2.0", "method": "later/news", "params": [1]}))
        peer.refuse(peer.request().id, code, "Something new.", data)
        peer.answer(peer.request(), "in order")

    client = connect(greeting(script))
    with pytest.raises(DaemonError, match=r"^Something new\.$") as caught:
        client.daemon.ping()
    assert caught.value.kind == ""
    assert caught.value.data == (data if isinstance(data, dict) else {})
    assert client.call("next") == "in order"


def test_each_error_is_raised_by_the_call_it_answers(connect: Connect) -> None:
    def script(peer: Peer) -> None:
        for code in ErrorCode:
            request = peer.request()
            peer.refuse(
                request.id, code, f"About {code.name}.", {"kind": code.kind, **PROMISED.get(code, {})}
            )
        peer.answer(peer.request(), "pong")

    client = connect(greeting(script))
    for code in ErrorCode:
        with pytest.raises(DaemonError, match=rf"^About {code.name}\.") as caught:
            client.workspaces.get("ws_1")
        assert caught.value.code == code
        assert type(caught.value).expected_code == code
    client.daemon.ping()


def test_every_error_can_be_copied_and_pickled() -> None:
    samples = [
        errors.CannotConnect("/s", "why"),
        errors.NotRunning("/s", "why"),
        errors.NotStarted("/s", "why"),
        errors.NotAllowed("/s", "why"),
        errors.UnusableSocketPath("too long"),
        errors.Unsendable("m", "why"),
        errors.UsedAfterFork(12),
        errors.Unanswered("m", "why"),
        errors.ConnectionLost("m", "why", outcome_unknown=True),
        errors.SessionsLost("m", "why", ("ss_1", "ss_2"), outcome_unknown=True),
        errors.BadAnswer("m", "why", outcome_unknown=True),
        errors.NotResponding("m", 1.5, outcome_unknown=True),
        errors.GitError(1, "m"),
        DaemonError(4711, "m", {"a": 1}),
        *(from_answer(RpcError(code, "m", dict(PROMISED.get(code, {})))) for code in ErrorCode),
    ]
    classes = {
        value
        for value in vars(errors).values()
        if inspect.isclass(value) and issubclass(value, WorkspacedError) and value is not WorkspacedError
    }
    assert {type(sample) for sample in samples} == classes
    for sample in samples:
        for double in (copy.copy(sample), pickle.loads(pickle.dumps(sample))):  # noqa: S301 - our own pickle
            assert type(double) is type(sample)
            assert str(double) == str(sample)
            assert vars(double) == vars(sample)


def test_every_error_is_exported() -> None:
    assert set(errors.__all__) <= set(workspaced_client.__all__)
