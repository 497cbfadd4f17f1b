"""Bounded waiting for what another thread or another process brings about.

A thread of a test's own tells by an event. What another process does (a file, a socket, how many clients a daemon
counts) can only be looked at again and again, which is what these do: `wait_until` in a blocking test, `until` in one
that runs under trio, and `eventually` in one under trio that waits for seconds, on the real clock.
"""

import time
from collections.abc import Callable

import trio

PATIENCE_SECONDS = 30.0
"""How long a test waits for what must come; generous, since only a defect uses it up."""

_LOOK_AGAIN_SECONDS = 0.01  # rare enough to leave the processor to what is waited for


def wait_until(
    condition: Callable[[], bool],
    failure: str | Callable[[], str] = "",
    *,
    pause: Callable[[float], object] = time.sleep,
) -> None:
    """Return once the condition holds; `failure` says what is wrong if it never does.

    `pause` takes seconds, and may return earlier: a condition variable's `wait` does when it is notified.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(_in_vain(failure, PATIENCE_SECONDS))
        pause(_LOOK_AGAIN_SECONDS)


async def eventually(
    condition: Callable[[], bool],
    failure: str | Callable[[], str] = "",
    *,
    patience_seconds: float = PATIENCE_SECONDS,
) -> None:
    """Return once the condition holds, as `wait_until` does: for a test under trio on the real clock."""
    deadline = time.monotonic() + patience_seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(_in_vain(failure, patience_seconds))
        await trio.sleep(_LOOK_AGAIN_SECONDS)


def _in_vain(failure: str | Callable[[], str], seconds: float) -> str:
    told = failure if isinstance(failure, str) else failure()
    return f"Waited {seconds:g} s in vain: {told}"


async def until(condition: Callable[[], bool]) -> None:
    """Return once the condition holds; the time-out of the test is the deadline.

    It does not sleep: the autojump clock would take a sleep for the end of all work, and jump over what is waited for.
    """
    while not condition():
        await trio.lowlevel.checkpoint()
