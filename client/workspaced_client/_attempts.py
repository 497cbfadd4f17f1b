"""One call over as many connections as it takes, without I/O: what may be sent again, and for how long.

The strategy: a read changes nothing, and a write carries a key that the daemon applies once, so both can
be sent again where the connection was lost, whatever became of the first. What has neither, such as a
session, which ends with its connection, is sent once.
"""

import os
from collections.abc import Iterator
from typing import Final, TypeGuard

from msgspec import convert, structs

from workspaced_client._local_errors import ConnectionLost, NotResponding, SessionsLost, WorkspacedError
from workspaced_protocol.models import Session
from workspaced_protocol.params import WriteParams

_PAUSE_SECONDS: Final = (0.05, 2.0)  # the first pause between two connects, and the longest


class Attempts:
    """A call that is tried until it has an answer, must not be repeated, or its time is over."""

    def __init__(self, method: str, params: object, timeout_seconds: float, now: float) -> None:
        self.method = method
        self.params = with_key(method, params)
        self.deadline = now + timeout_seconds
        self.timeout_seconds = timeout_seconds
        self._pauses = pauses_seconds()
        self._loss: WorkspacedError | None = None
        self._may_be_applied = False

    def left_seconds(self, now: float) -> float:
        """How long the call may still take."""
        return max(self.deadline - now, 0.0)

    def lost(self, error: WorkspacedError, now: float) -> None:
        """A connection gave no answer: raises that where this is the end of it."""
        if not self._may_be_applied:  # else what came first says so
            self._loss = error
            self._may_be_applied = isinstance(error, ConnectionLost) and error.outcome_unknown
        if now >= self.deadline or not _may_repeat(self.method, self.params):
            raise self._loss or error

    def sessions_lost(self, reason: str, session_ids: set[str]) -> SessionsLost | None:
        """The error where the lost connection held these sessions."""
        lost = tuple(sorted(session_ids))
        return SessionsLost(self.method, reason, lost, self._may_be_applied) if lost else None

    def pause_seconds(self, error: WorkspacedError, now: float) -> float:
        """How long to wait, after this error, until the daemon is looked for again.

        The last pauses are ever shorter, so that time is left to ask in. Where there is none, raises what
        came first, since it tells more.
        """
        left_seconds = self.left_seconds(now)
        if left_seconds <= _PAUSE_SECONDS[0]:
            raise self._loss or error
        return min(next(self._pauses), left_seconds / 2)

    def not_reached(self) -> WorkspacedError:
        """The error where the call's time is over before a daemon was found."""
        return self._loss or NotResponding("connect", self.timeout_seconds)

    def closed(self) -> ConnectionLost:
        """The error where the client was closed before a daemon was found."""
        return ConnectionLost(self.method, "this client was closed", self._may_be_applied)

    def timed_out(self, error: NotResponding) -> NotResponding:
        """The error of the whole call, where the last of several attempts had no answer in time."""
        unknown = error.outcome_unknown or self._may_be_applied
        return NotResponding(self.method, self.timeout_seconds, unknown)


def note_sessions(ids: set[str], method: str, params: object, answer: object) -> None:
    """Keeps account of the sessions that a connection holds, from a call and its answer."""
    if method == "session.begin":
        session = convert(answer, Session) if isinstance(answer, dict) else answer
        if isinstance(session, Session):
            ids.add(session.id)
    elif method == "session.end":
        ended = params.get("id") if _is_object(params) else getattr(params, "id", None)
        ids.discard(str(ended))


def pauses_seconds() -> Iterator[float]:
    """How long to wait between one connect and the next: ever longer, and by chance, so that many clients of
    a daemon that comes back do not all knock at once."""
    import random  # a millisecond, for who has lost the daemon only

    pause_seconds, longest_seconds = _PAUSE_SECONDS
    while True:
        yield pause_seconds * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        pause_seconds = min(pause_seconds * 2, longest_seconds)


def with_key(method: str, params: object) -> object:
    """The params with a request key, where the method takes one and the caller has given none."""
    if isinstance(params, WriteParams):
        return structs.replace(params, request_key=_new_key()) if params.request_key is None else params
    if _is_object(params) and params.get("requestKey") is None:
        from workspaced_protocol.methods import METHODS  # as in `_protocol.may_write`

        known = METHODS.get(method)
        if known is not None and issubclass(known.params, WriteParams):
            return {**params, "requestKey": _new_key()}
    return params


def _is_object(params: object) -> TypeGuard[dict[str, object]]:
    return isinstance(params, dict)


def _new_key() -> str:
    return os.urandom(16).hex()


def _may_repeat(method: str, params: object) -> bool:
    from workspaced_protocol.methods import METHODS  # as above

    known = METHODS.get(method)
    if known is None:
        return False
    return known.changes_nothing or issubclass(known.params, WriteParams)
