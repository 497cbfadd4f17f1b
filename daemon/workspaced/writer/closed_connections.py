"""The closed connections whose sessions end with the next commit, and the pause before it where no write comes."""

from collections.abc import Sequence
from typing import Final

from workspaced.domain import sessions
from workspaced.domain.draft import Draft
from workspaced.domain.entries import Event
from workspaced.domain.state import State

_RETRY_SECONDS: Final = (0.1, 5.0)  # the first and the longest pause after a failed commit


class ClosedConnections:
    """The connections that have closed, until nothing can begin a session for one of them any more."""

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self.pause_seconds = 0.0
        """How long to wait for a write before the next attempt at a commit that ends their sessions."""

    def add(self, connection: int) -> None:
        """Have the sessions of this connection ended."""
        self._numbers.append(connection)

    def all(self) -> Sequence[int]:
        """Return the connections, in the order of their closing."""
        return tuple(self._numbers)

    def hold_sessions(self, state: State) -> bool:
        """Return whether they still have sessions in this state."""
        return bool(sessions.held_by(self._numbers, state.sessions.values()))

    def forget(self, oldest: int) -> None:
        """Forget so many of them: their sessions have ended, and no queued write can begin another one."""
        del self._numbers[:oldest]

    def note_success(self) -> None:
        """Take note of a commit that succeeded."""
        self.pause_seconds = 0.0

    def note_failure(self) -> None:
        """Take note of a commit that failed: the next attempt is further away."""
        shortest, longest = _RETRY_SECONDS
        self.pause_seconds = min(max(self.pause_seconds * 2, shortest), longest)

    def end_sessions(self, state: State) -> tuple[State, Sequence[Event]]:
        """Return the state without their sessions, for which no commit is needed, and the events of that.

        They are not forgotten: a queued write may begin a session for one of them.
        """
        if not self._numbers:
            return state, ()
        draft = Draft(state)
        outcome = sessions.end_sessions_of(self._numbers)(draft)
        draft.apply(outcome)
        return draft.freeze(), outcome.events
