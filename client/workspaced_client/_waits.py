"""What threads wait for in the blocking client, so made that an exception in a wait leaves nothing locked.

A signal's handler, such as that of Ctrl-C, may raise in the main thread after any call that it makes, at the
start of any function and of any round of a loop: also just after a lock was taken, or inside an `Event`,
which then stays locked for good. So locks are held for moments only, and by `with`, which takes and gives
them back without a moment between. What lasts longer has a holder known by name, who may give it up at any
time, and again.
"""

import threading
from time import monotonic

from workspaced_client._socket import remaining


class Closed:
    """Whether something was closed; a wait for it ends early."""

    def __init__(self) -> None:
        self._is_set = False
        self._unset = threading.Lock()
        self._unset.acquire()

    def is_set(self) -> bool:
        """Whether it was."""
        return self._is_set

    def set(self) -> None:
        """Ends the waits, now and later."""
        self._is_set = True
        try:
            self._unset.release()
        except RuntimeError:
            return  # it was set before

    def wait(self, seconds: float) -> None:
        """Returns after that time, or once it is set."""
        if self._unset.acquire(timeout=seconds):
            self.set()  # for the next that waits


class Turns:
    """Something that one thread does at a time, each for a holder of its own, while others wait for it.

    `lock` guards it, and whatever else its owner likes: who calls a method holds it, but for `get` and `give_up`.
    """

    def __init__(self, lock: threading.Lock) -> None:
        self.lock = lock
        self._holder: object = None
        self._waiting: dict[object, threading.Lock] = {}

    def take(self, one: object) -> bool:
        """Whether it is this one's turn, as it is where nobody else has it."""
        if self._holder is None:
            self._holder = one
        return self._holder is one

    def ask(self, one: object) -> "threading.Lock | None":
        """None where it is this one's turn; else a lock that can be taken when it is to ask again."""
        if self.take(one):
            self._waiting.pop(one, None)
            return None
        turn = threading.Lock()
        turn.acquire()
        self._waiting[one] = turn
        return turn

    def get(self, one: object, deadline: float) -> bool:
        """Whether its turn came by the deadline."""
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
        """This one has its turn no longer, and waits for none: the next is to ask again."""
        self._waiting.pop(one, None)
        if self._holder is one:
            self._holder = None
        if self._holder is None and self._waiting:
            self.wake(next(iter(self._waiting)))

    def give_up(self, one: object) -> None:
        """`leave`, for who does not hold the lock."""
        with self.lock:
            self.leave(one)

    def wake(self, one: object) -> None:
        """Lets this one ask again, if it waits."""
        turn = self._waiting.get(one)
        if turn is not None and turn.locked():
            turn.release()
