"""The lines of the history, however their file is damaged: nothing is told that did not happen, and no gap is hidden."""

from itertools import pairwise
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.samples import workspace
from workspaced.domain import workspaces
from workspaced.domain.draft import Draft
from workspaced.domain.entries import Cause
from workspaced.domain.state import State
from workspaced.store.json.history_lines import Writing, happened, history_of, parse
from workspaced_protocol.models import Peer

pytestmark = pytest.mark.requirement("FR-005")

SEED: Final = 7


def history_text() -> tuple[State, bytes]:
    """A state, and the text of its history: commits of one change, of two, and of none."""
    state, text = State(), b""
    for number in range(12):
        draft = Draft(state)
        for each in range(number % 3):
            command = workspaces.save(workspace(each, name=f"Name {each} {number}"), None)
            draft.apply(command(draft), Cause(f"cor_{number}", Peer(1, each), "store.save"), number)
        if number % 3 == 0:
            draft.revision += 1
        following = draft.freeze()
        writing = Writing(state.revision, f"{number:016x}", SEED)
        text += writing.lines(draft.entries, state.revision, following.revision, 1 << 20)
        state = following
    return state, text


STATE, TEXT = history_text()
STORE: Final = f"{11:016x}"
TRUE: Final = tuple(STATE.history.after(-1, 100))

PLACES: Final = st.integers(0, len(TEXT) - 1)
LINES: Final = st.integers(0, TEXT.count(b"\n") - 1)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """The text with some bytes changed, cut out, repeated, or in another order."""
    text = bytearray(TEXT)
    for _ in range(draw(st.integers(0, 3))):
        at, end = sorted((draw(PLACES), draw(PLACES)))
        kind = draw(st.sampled_from(["flip", "cut", "zeros", "repeat", "swap", "end"]))
        lines = bytes(text).splitlines(keepends=True)
        if kind == "flip" and at < len(text):
            text[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "cut":
            del text[at:end]
        elif kind == "zeros":
            text[at:end] = bytes(end - at)
        elif kind == "repeat":
            text[end:end] = text[at:end]
        elif kind == "swap" and len(lines) > 1:
            one, other = draw(LINES) % len(lines), draw(LINES) % len(lines)
            lines[one], lines[other] = lines[other], lines[one]
            text = bytearray(b"".join(lines))
        elif kind == "end":
            del text[at:]
    return bytes(text)


def test_whole_lines_tell_it_all() -> None:
    history = history_of(happened(parse(TEXT, SEED).lines, STATE, STORE), STATE)
    assert tuple(history.after(-1, 100)) == TRUE
    assert history.complete_since == 0


@given(damaged())
def test_whatever_the_damage_only_what_happened_is_told_and_each_gap(text: bytes) -> None:
    history = history_of(happened(parse(text, SEED).lines, STATE, STORE), STATE)
    told = history.after(-1, 100)
    assert set(told) <= set(TRUE)
    assert all(one.revision < other.revision for one, other in pairwise(told))
    since = history.complete_since
    assert [each for each in told if each.revision > since] == [
        each for each in TRUE if each.revision > since
    ]


@given(damaged(), st.sampled_from([0, SEED + 1]))
def test_with_another_stores_seed_nothing_is_told(text: bytes, seed: int) -> None:
    assert parse(text, seed).lines == []
