"""A promise that is broken, and the promises of the history: it agrees with the state that a start found."""

from collections.abc import Set as AbstractSet
from typing import TypeAlias

from msgspec.json import decode

from workspaced.domain.state import State
from workspaced_protocol.models import Workspace

Fact: TypeAlias = tuple[int, str, bytes | None, bytes | None]
"""A change: its revision, its workspace, and the workspace before and after it."""


class BrokenPromise(AssertionError):
    """The store did not do what it promises."""


def require(condition: bool, promise: str) -> None:
    """`promise` says what is broken where the condition does not hold."""
    if not condition:
        raise BrokenPromise(promise)


def check_history(state: State, facts: AbstractSet[Fact], possible: AbstractSet[Fact]) -> set[Fact]:
    """The history agrees with the state that a start found; gives what it tells.

    `facts` were answered, `possible` may have happened.
    """
    history = state.history
    found = [(each.revision, each.workspace_id, each.before, each.after) for each in history.newest_first()]
    since = history.complete_since
    require(since <= state.revision, "the history begins after the state")
    left: dict[str, bytes | None] = {id_: record.json for id_, record in state.records.items()}
    for revision, id_, before, after in found:
        require(revision <= state.revision, "the history tells of a revision that the store does not have")
        if revision > since:
            require(left.get(id_) == after, "the history does not lead to the state")
            left[id_] = before
    for text in left.values():
        changed_at = decode(text, type=Workspace).revision if text is not None else 0
        require(changed_at <= since, "a change is missing from a history that is complete")
    told = set(found)
    missing = {fact for fact in facts - told if since < fact[0] <= state.revision}
    require(not missing, "an answered change is missing from a history that is complete")
    texts = {id_: record.json for id_, record in state.records.items()}
    for fact in told - facts:
        is_now = fact in possible and texts.get(fact[1]) == fact[3]
        require(is_now, "the history tells of what did not happen")
    return told
