"""Sessions: they begin and end with their connections, and keep their workspace from being deleted."""

from collections.abc import Callable

import pytest
from msgspec import structs

from support.samples import ALPHA, BETA, STATE, refusal, step, told, with_sessions
from workspaced.domain import bulk, sessions, workspaces
from workspaced.domain.commands import Command
from workspaced.domain.errors import ActiveSessions, NotFound
from workspaced.domain.outcome import Outcome
from workspaced_protocol.models import Change, Session


@pytest.mark.requirement("FR-008")
@pytest.mark.parametrize(("count", "said"), [(1, "1 active session:"), (3, "3 active sessions:")])
@pytest.mark.parametrize(
    "make",
    [
        lambda: workspaces.delete("ws_01", None),
        lambda: workspaces.remove("ws_01"),
        lambda: bulk.apply([Change(remove="ws_01")], None),
        lambda: workspaces.save(structs.replace(ALPHA, state="deleted"), None),
        lambda: bulk.restore([BETA], None),
        lambda: bulk.restore([structs.replace(ALPHA, state="deleted"), BETA], None),
    ],
    ids=["delete", "remove", "apply", "save as deleted", "restore without it", "restore as deleted"],
)
def test_a_workspace_with_active_sessions_is_not_deleted(
    make: Callable[[], Command], count: int, said: str
) -> None:
    refused = refusal(make(), with_sessions(STATE, "ws_01", count))
    assert isinstance(refused, ActiveSessions)
    assert refused.data == {"count": count}
    assert said in refused.message
    assert "close the sessions first" in refused.message


@pytest.mark.requirement("FR-008")
def test_sessions_elsewhere_do_not_keep_a_workspace() -> None:
    state, _ = step(STATE, workspaces.open_("ws_02", None, 50))
    state = with_sessions(state, "ws_02")
    state, _ = step(state, workspaces.delete("ws_01", None))
    assert state.get("ws_01") is None


@pytest.mark.requirement("FR-008")
def test_a_workspace_is_deleted_once_its_sessions_have_ended() -> None:
    state = with_sessions(STATE, "ws_01", 2)
    state, _ = step(state, workspaces.close("ws_01", None, 50))
    state, _ = step(state, sessions.end_session("ss_0", connection=0))
    assert refusal(workspaces.delete("ws_01", None), state).data == {"count": 1}
    state, _ = step(state, sessions.end_sessions_of([1]))
    state, _ = step(state, workspaces.delete("ws_01", None))
    assert state.get("ws_01") is None


def test_a_session_begins_and_ends_without_a_commit() -> None:
    session = Session("ss_1", "ws_01", "editor", 42, 7)
    began, outcome = step(STATE, sessions.begin_session(session, connection=3))
    assert outcome.result == session
    assert not outcome.touches_store
    assert began.revision == 9
    assert len(began.sessions.of_workspace("ws_01")) == 1
    payload = {"sessionId": "ss_1", "workspaceId": "ws_01"}
    assert told(outcome) == [("session.began", payload, 9)]
    state, outcome = step(began, sessions.end_session("ss_1", connection=3))
    assert outcome.result is None
    assert not outcome.touches_store
    assert len(state.sessions.of_workspace("ws_01")) == 0
    assert told(outcome, state=began) == [("session.ended", payload, 9)]


def test_a_session_is_ended_by_its_own_connection_alone() -> None:
    state = with_sessions(STATE, "ws_01", 2)
    for command in (sessions.end_session("ss_0", connection=1), sessions.end_session("ss_9", connection=0)):
        assert isinstance(refusal(command, state), NotFound)
    assert len(state.sessions.of_workspace("ws_01")) == 2


def test_the_sessions_of_gone_connections_end_together() -> None:
    began = with_sessions(STATE, "ws_01", 4)
    state, outcome = step(began, sessions.end_sessions_of([0, 2, 17]))
    assert sorted(state.sessions) == ["ss_1", "ss_3"]
    assert [payload for _, payload, _ in told(outcome, state=began)] == [
        {"sessionId": "ss_0", "workspaceId": "ws_01"},
        {"sessionId": "ss_2", "workspaceId": "ws_01"},
    ]
    _, outcome = step(state, sessions.end_sessions_of([0, 2]))
    assert outcome == Outcome(None)
