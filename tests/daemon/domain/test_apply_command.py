"""`apply`: several changes in one commit, or none of them."""

import pytest
from msgspec import structs

from support.samples import BETA, GONE, STATE, refusal, step, told, with_sessions, workspace
from workspaced.domain import bulk
from workspaced.domain import workspaces as workspaces_
from workspaced.domain.draft import Draft
from workspaced.domain.errors import ActiveSessions, NameConflict, Refused
from workspaced.domain.outcome import Outcome
from workspaced_protocol.models import Change, StoreRevision


def test_apply_makes_all_changes_in_order_each_under_a_revision_of_its_own() -> None:
    changes = [
        Change(remove="ws_01"),
        Change(save=workspace(7, name="Alpha")),  # free by now
        Change(remove="ws_99"),
        Change(save=structs.replace(BETA, root_path="/beta")),
    ]
    state, outcome = step(STATE, bulk.apply(changes, None))
    assert outcome.result == StoreRevision(12)
    assert state.revision == 12
    assert state.workspaces() == [
        GONE,
        structs.replace(workspace(7, name="Alpha"), revision=11),
        structs.replace(BETA, root_path="/beta", revision=12),
    ]
    assert [(topic, revision) for topic, _, revision in told(outcome)] == [
        ("workspace.deleted", 10),
        ("workspace.created", 11),
        ("workspace.updated", 12),
    ]


@pytest.mark.parametrize(
    ("last", "error"),
    [
        (Change(save=workspace(8, name="alpha")), NameConflict),
        (Change(save=workspace(8, name="SEVEN")), NameConflict),
        (Change(remove="ws_01"), ActiveSessions),
    ],
    ids=["a name that was taken before", "a name that an earlier change takes", "sessions"],
)
def test_apply_makes_none_of_the_changes_where_one_is_refused(last: Change, error: type[Refused]) -> None:
    changes = [Change(save=workspace(7, name="Seven")), Change(remove="ws_02"), last]
    refused = refusal(bulk.apply(changes, None), with_sessions(STATE, "ws_01"))
    assert type(refused) is error


def test_apply_goes_on_where_the_batch_before_it_has_come_to() -> None:
    draft = Draft(STATE)
    draft.apply(workspaces_.save(workspace(7, name="Seven"), None)(draft))
    outcome = bulk.apply([Change(remove="ws_07"), Change(save=workspace(8, name="Seven"))], 10)(draft)
    assert outcome.result == StoreRevision(12)
    assert len(outcome.changes) == 2
    draft.apply(outcome)
    assert [change.remove for change in draft.changes] == [None, "ws_07", None]
    assert [one.id for one in draft.freeze().workspaces()] == ["ws_01", "ws_03", "ws_08", "ws_02"]


def test_apply_of_nothing_changes_nothing() -> None:
    state, outcome = step(STATE, bulk.apply([], None))
    assert outcome == Outcome(StoreRevision(9))
    assert state.revision == 9
