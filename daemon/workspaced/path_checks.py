"""Looks at directories without ever waiting long: what is at a path, or why that can't be told.

The strategy: a look at a file system that hangs can't be ended, only left to its thread. So a path
is looked at by one thread at a time, and one that hangs is not looked at again before its thread is
back: it takes up one thread, however often it is asked about, and the other paths have the rest.
"""

import os
from collections.abc import Iterable
from typing import Final
from weakref import WeakValueDictionary

import trio

from workspaced.domain.projects import PathFacts, Reachable, Unreached

CHECK_SECONDS: Final = 2.0
"""How long one path may take, the wait for a thread included."""

_THREADS: Final = 64  # as many paths may hang before others are kept from being looked at


class PathChecker:
    """Looks at paths, each for at most `seconds`."""

    def __init__(self, seconds: float = CHECK_SECONDS) -> None:
        self._seconds = seconds
        self._threads = trio.CapacityLimiter(_THREADS)
        self._turns: WeakValueDictionary[str, trio.Lock] = WeakValueDictionary()
        self._looking: set[str] = set()

    async def check(self, paths: Iterable[str]) -> PathFacts:
        """What is at each of the paths now; all are looked at side by side."""
        facts: dict[str, Reachable | Unreached] = {}
        # Shielded, since a look that is given up would pass for one that hangs; the time limit ends it.
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                for path in set(paths):
                    nursery.start_soon(self._check, path, facts)
        return facts

    async def _check(self, path: str, facts: dict[str, Reachable | Unreached]) -> None:
        facts[path] = Unreached("timedOut", f"could not be looked at within {self._seconds:g} s")
        with trio.move_on_after(self._seconds):
            async with self._turns.setdefault(path, trio.Lock()):
                if path not in self._looking:
                    facts[path] = await trio.to_thread.run_sync(
                        self._look, path, abandon_on_cancel=True, limiter=self._threads
                    )

    def _look(self, path: str) -> Reachable | Unreached:
        self._looking.add(path)
        try:
            return look(path)
        finally:
            self._looking.discard(path)


def look(path: str) -> Reachable | Unreached:
    """What is at this path. It blocks for as long as the file system does."""
    if not os.path.isabs(path):
        return Unreached("unusable", "is not an absolute path")
    try:
        real_path = os.path.realpath(path, strict=True)
        real_path.encode()  # JSON can't hold a name that is not UTF-8
        # Opened, and not only asked about: a network file system answers for certain only then.
        descriptor = os.open(real_path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            status = os.stat(".", dir_fd=descriptor)  # “.” takes the right to enter it, too
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return Unreached("missing", "does not exist")
    except NotADirectoryError:
        return Unreached("notADirectory", "is not a directory")
    except PermissionError:
        return Unreached("permission", "may not be read by the daemon's user")
    except OSError as error:
        return Unreached("unusable", f"can't be read ({error.strerror})")
    except ValueError:
        return Unreached("unusable", "leads to a name that is not UTF-8, or holds a NUL")
    return Reachable(real_path, (status.st_dev, status.st_ino))
