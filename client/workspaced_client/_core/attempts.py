"""The attempts at one call, without I/O: whether it may be sent again, and for how long.

The strategy: a read changes nothing, and a write carries a key that the daemon applies once. So after a lost
connection both are sent again, even if the first request was applied. Other calls are sent once: a session,
for instance, ends with its connection.
"""

import os
from collections.abc import Iterator
from typing import Final, TypeGuard

from msgspec import structs

from workspaced_client._core.json_values import plain_method, plain_params
from workspaced_client._core.local_errors import ConnectionLost, NotResponding, SessionsLost, WorkspacedError
from workspaced_client._core.local_paths import to_wire
from workspaced_protocol.params import WriteParams

_PAUSE_SECONDS: Final = (0.05, 2.0)  # the first pause between two attempts to connect, and the longest


class Attempts:
    """A call that is repeated until it has an answer, must not be repeated, or is out of time."""

    def __init__(self, method: str, params: object, timeout_seconds: float, now: float) -> None:
        self.method = plain_method(method)
        self.params = with_key(self.method, plain_params(self.method, to_wire(params)))
        self.deadline = now + timeout_seconds
        self.timeout_seconds = timeout_seconds
        self._pauses = pauses_seconds()
        self._loss: WorkspacedError | None = None
        self._may_be_applied = False
        self._losses = 0

    def left_seconds(self, now: float) -> float:
        """Return the time that the call has left."""
        return max(self.deadline - now, 0.0)

    @property
    def is_lost_again(self) -> bool:
        """Whether a second connection gave no answer: the first loss is most often a restart."""
        return self._losses > 1

    def lost(self, error: WorkspacedError, now: float) -> None:
        """Note that a connection gave no answer. Raise the loss to report unless another attempt may follow."""
        self._losses += 1
        if not self._may_be_applied:  # else keep the first loss, which says so
            self._loss = error
            self._may_be_applied = isinstance(error, ConnectionLost) and error.outcome_unknown
        if now >= self.deadline or not may_repeat(self.method):
            raise self._loss or error

    def sessions_lost(self, reason: str, session_ids: set[str]) -> SessionsLost | None:
        """Return the error to raise if the lost connection held sessions."""
        lost = tuple(sorted(session_ids))
        return SessionsLost(self.method, reason, lost, self._may_be_applied) if lost else None

    def pause_seconds(self, error: WorkspacedError, now: float) -> float:
        """Return the pause after this error before the next attempt to connect.

        The last pauses become shorter, so that time is left for the call. With no time left, raise the first
        loss, which tells more than this error.
        """
        left_seconds = self.left_seconds(now)
        if left_seconds <= _PAUSE_SECONDS[0]:
            raise self._loss or error
        return min(next(self._pauses), left_seconds / 2)

    def not_reached(self) -> WorkspacedError:
        """Return the error of a call that found no daemon in its time."""
        return self._loss or NotResponding("connect", self.timeout_seconds)

    def not_started(self, error: WorkspacedError) -> WorkspacedError:
        """Return the error of a call whose daemon could not be started again: whether it was applied counts more."""
        return self._loss if self._loss and self._may_be_applied else error

    def closed(self) -> ConnectionLost:
        """Return the error of a call whose client was closed before it found a daemon."""
        return ConnectionLost(self.method, "this client was closed", self._may_be_applied)

    def timed_out(self, error: NotResponding) -> NotResponding:
        """Return the error of the whole call when its last attempt got no answer in time."""
        unknown = error.outcome_unknown or self._may_be_applied
        return NotResponding(self.method, self.timeout_seconds, unknown)


def note_sessions(ids: set[str], method: str, params: object, answer: object) -> None:
    """Add the session that a call began to `ids`, or remove the one that it ended."""
    if method == "session.begin":
        # A plain result of `call` may have members of a later release.
        began = answer.get("id") if _is_object(answer) else getattr(answer, "id", None)
        if isinstance(began, str):
            ids.add(began)
    elif method == "session.end":
        ended = params.get("id") if _is_object(params) else getattr(params, "id", None)
        ids.discard(str(ended))


def pauses_seconds() -> Iterator[float]:
    """Yield the pauses between attempts to connect: growing, and random so that many clients of a restarted
    daemon do not return at the same moment."""
    import random  # it takes a millisecond, and is only needed when reconnecting

    pause_seconds, longest_seconds = _PAUSE_SECONDS
    while True:
        yield pause_seconds * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret
        pause_seconds = min(pause_seconds * 2, longest_seconds)


def with_key(method: str, params: object) -> object:
    """Return the params with a request key, if the method takes one and the caller gave none."""
    if isinstance(params, WriteParams):
        return structs.replace(params, request_key=_new_key()) if params.request_key is None else params
    if _is_object(params) and params.get("requestKey") is None:
        from workspaced_protocol.methods import (
            METHODS,  # the table takes time to load, and most calls do not need it
        )

        known = METHODS.get(method)
        if known is not None and issubclass(known.params, WriteParams):
            return {**params, "requestKey": _new_key()}
    return params


def _is_object(params: object) -> TypeGuard[dict[str, object]]:
    return isinstance(params, dict)


def _new_key() -> str:
    return os.urandom(16).hex()


def may_repeat(method: str) -> bool:
    """Return whether a call without an answer may be sent again; False for a method unknown to this release."""
    from workspaced_protocol.methods import METHODS  # loaded late, as in `with_key`

    known = METHODS.get(method)
    if known is None:
        return False
    return known.changes_nothing or issubclass(known.params, WriteParams)
