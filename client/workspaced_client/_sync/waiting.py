"""Waiting in threads: the clock, the closing of a client or stream, turns, and the start of a daemon.

All of it survives Ctrl-C.

`_async/waiting.py` has the same names for tasks; both are written by hand.

The problem: a signal handler, such as that of Ctrl-C, may raise in the main thread after any call, at the
start of any function, and in any round of a loop. So it may raise just after a lock was taken, or inside a
`threading.Event`, which then stays locked for good.

The strategy:
- A lock is held for moments only, and by `with`, which takes and releases it without such a moment between.
- A longer hold is a turn. Its holder is known by name, and may give it up at any time, and again.
"""

import threading
from time import monotonic

from workspaced_client._core.timeouts import remaining


def now() -> float:
    """Return the time of the clock that deadlines are in."""
    return monotonic()


def start_daemon(path: str, seconds: float) -> None:
    """Return once a daemon answers; start one if none does. Raises the errors of `ensure_running`."""
    from workspaced_client._core.autostart import ensure_running  # few need it, and it loads much

    ensure_running(path, seconds)


class Closed:
    """A flag that is set once, and ends waits early."""

    def __init__(self) -> None:
        self._is_set = False
        self._unset = threading.Lock()
        self._unset.acquire()

    def is_set(self) -> bool:
        """Return whether it is set."""
        return self._is_set

    def set(self) -> None:
        """End all waits, present and future."""
        self._is_set = True
        try:
            self._unset.release()
        except RuntimeError:
            return  # it was set before

    def wait(self, seconds: float) -> None:
        """Return after that time, or once it is set."""
        if self._unset.acquire(timeout=seconds):
            self.set()  # for the next waiting thread


class Turns:
    """Work that one holder does at a time, while others wait for their turn.

    `lock` guards it, and may guard more. Callers of a method hold the lock, except for `get` and `give_up`.
    """

    def __init__(self, lock: "threading.Lock | None" = None) -> None:
        self.lock = threading.Lock() if lock is None else lock
        self._holder: object = None
        self._waiting: dict[object, threading.Lock] = {}

    def take(self, one: object) -> bool:
        """Return whether it is this one's turn now, which it becomes if nobody has it."""
        if self._holder is None:
            self._holder = one
        return self._holder is one

    def ask(self, one: object) -> "threading.Lock | None":
        """Return None if it is this one's turn, else a lock that it can take when it should ask again."""
        if self.take(one):
            self._waiting.pop(one, None)
            return None
        turn = threading.Lock()
        turn.acquire()
        self._waiting[one] = turn
        return turn

    def get(self, one: object, deadline: float) -> bool:
        """Return whether its turn came by the deadline."""
        while True:
            with self.lock:
                turn = self.ask(one)
            if turn is None:
                return True
            left = remaining(deadline, monotonic())
            if not left:
                return False
            turn.acquire(timeout=left)

    def leave(self, one: object) -> None:
        """End its turn or its wait for one, and wake the next."""
        self._waiting.pop(one, None)
        if self._holder is one:
            self._holder = None
        if self._holder is None and self._waiting:
            self.wake(next(iter(self._waiting)))

    def give_up(self, one: object) -> None:
        """End its turn or its wait for one, for a caller that does not hold the lock."""
        with self.lock:
            self.leave(one)

    def wake(self, one: object) -> None:
        """Let this one ask again, if it waits."""
        turn = self._waiting.get(one)
        if turn is not None and turn.locked():
            turn.release()
