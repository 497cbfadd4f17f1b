"""Waiting in tasks: the clock, the closing of a client or stream, turns, and the start of a daemon.

`_sync/waiting.py` has the same names for threads; both are written by hand.
"""

import anyio


def now() -> float:
    """Return the time of the event loop's clock, which deadlines are in."""
    return anyio.current_time()


async def start_daemon(path: str, seconds: float) -> None:
    """Return once a daemon answers; start one if none does. Raises the errors of `ensure_running`."""
    from workspaced_client._core.autostart import ensure_running  # few need it, and it loads much

    await anyio.to_thread.run_sync(ensure_running, path, seconds, abandon_on_cancel=True)


class Closed:
    """A flag that is set once, and ends waits early."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def is_set(self) -> bool:
        """Return whether it is set."""
        return self._event.is_set()

    def set(self) -> None:
        """End all waits, present and future."""
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Return after that time, or once it is set."""
        with anyio.move_on_after(seconds):
            await self._event.wait()


class Turns:
    """Work that one holder does at a time, while others wait for their turn."""

    def __init__(self) -> None:
        self._lock = anyio.Lock(
            fast_acquire=True
        )  # the work waits anyway, so a free turn needs no checkpoint
        self._holder: object = None

    async def get(self, one: object, deadline: float) -> bool:
        """Return whether its turn came by the deadline."""
        with anyio.CancelScope(deadline=deadline):
            await self._lock.acquire()
            self._holder = one
            return True
        return False

    def give_up(self, one: object) -> None:
        """End its turn, if it has one."""
        if self._holder is one:
            self._holder = None
            self._lock.release()
