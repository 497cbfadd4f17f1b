"""Looks at directories without ever waiting long: what is at a path, or why that can't be told.

The strategy: a look takes microseconds, unless its file system hangs; then it can't be ended, only
left to its thread. So one thread looks at all that was asked for meanwhile, path after path, and one
that is silent for a moment is left to its path, while another goes on with the rest. A path is looked
at by one thread at a time: one that hangs takes up one thread, however often it is asked about.
"""

import os
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import trio

from workspaced.domain.projects import PathFacts, Reachable, Unreached
from workspaced.threads import run_in_thread

CHECK_SECONDS: Final = 2.0
"""How long a check may take, the wait for a thread included."""

PATIENCE_SECONDS: Final = 0.02
"""How long a thread may take before it is left to the path that it looks at; each time twice as long."""

_PAUSE_SECONDS: Final = 0.001  # the first pause before a path is asked about again that another thread has
_THREADS: Final = 64  # as many paths may hang before others are kept from being looked at

_Found = dict[str, Reachable | Unreached]


@dataclass(slots=True, eq=False)
class _Look:
    """A look that is under way."""

    began_at: float


@dataclass(slots=True, eq=False)
class _Round:
    """The paths that one thread looks at together, for all who asked while the round before was on."""

    paths: set[str] = field(default_factory=set[str])
    found: _Found = field(default_factory=_Found)
    done: trio.Event = field(default_factory=trio.Event)


class PathChecker:
    """Looks at paths, for at most `limit_seconds` a check."""

    def __init__(self, seconds: float = CHECK_SECONDS) -> None:
        self.limit_seconds = seconds
        self._threads = trio.CapacityLimiter(_THREADS)
        self._looks: dict[str, _Look] = {}
        self._turn = trio.Lock()
        self._next: _Round | None = None

    async def check(self, paths: Iterable[str]) -> PathFacts:
        """What is at each of the paths now."""
        unknown = Unreached("timedOut", f"could not be looked at within {self.limit_seconds:g} s")
        facts: _Found = dict.fromkeys(paths, unknown)
        wanted = {path for path in facts if not self._hangs(path)}
        if wanted:
            found: _Found = {}
            # Shielded, since others wait for a round, too; the time limit ends it.
            with trio.move_on_after(self.limit_seconds, shield=True):
                found = await self._in_round(wanted)
                await self._look_at_rest(wanted, found)
            facts.update((path, found[path]) for path in wanted if path in found)
        return facts

    def _hangs(self, path: str) -> bool:
        look = self._looks.get(path)
        return look is not None and trio.current_time() - look.began_at >= self.limit_seconds

    async def _in_round(self, wanted: set[str]) -> _Found:
        """Looks at the paths together with those of others; a thread that comes back late adds to it."""
        if self._next is not None:
            round_ = self._next
            round_.paths |= wanted
            await round_.done.wait()
            return round_.found
        round_ = self._next = _Round(wanted.copy())
        try:
            async with self._turn:
                self._next = None
                await self._in_thread(deque(round_.paths), round_.found, PATIENCE_SECONDS)
        finally:
            if self._next is round_:
                self._next = None
            round_.done.set()
        return round_.found

    async def _look_at_rest(self, wanted: set[str], found: _Found) -> None:
        """Goes on where a thread was left to its path."""
        patience_seconds, pause_seconds = PATIENCE_SECONDS, _PAUSE_SECONDS
        while missing := wanted - found.keys():
            if free := [path for path in missing if path not in self._looks]:
                patience_seconds *= 2
                await self._in_thread(deque(free), found, patience_seconds)
            else:
                await trio.sleep(pause_seconds)
                pause_seconds = min(pause_seconds * 2, PATIENCE_SECONDS)

    async def _in_thread(self, paths: deque[str], found: _Found, patience_seconds: float) -> None:
        began_at = trio.current_time()
        with trio.move_on_after(patience_seconds):
            await run_in_thread(self._look_at_each, paths, found, began_at, limiter=self._threads)
        paths.clear()  # a thread that was left behind comes back to none

    def _look_at_each(self, paths: deque[str], found: _Found, began_at: float) -> None:
        """What a thread does; its steps on what threads share are each one of the interpreter's own."""
        while True:
            try:
                path = paths.popleft()
            except IndexError:
                return
            mine = _Look(began_at)
            if self._looks.setdefault(path, mine) is mine:
                try:
                    found[path] = look(path)
                finally:
                    del self._looks[path]


def look(path: str) -> Reachable | Unreached:
    """What is at this path. It blocks for as long as the file system does."""
    if not os.path.isabs(path):
        return Unreached("unusable", "is not an absolute path")
    try:
        # Opened, and not only asked about: a network file system answers for certain only then.
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            status = os.stat(".", dir_fd=descriptor)  # “.” takes the right to enter it, too
            real_path = _real_path(path, descriptor)
            real_path.encode()  # JSON can't hold a name that is not UTF-8
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


def _real_path(path: str, descriptor: int) -> str:
    """The path with all symbolic links resolved, of a directory that is open."""
    try:
        found = os.readlink(f"/proc/self/fd/{descriptor}")  # proc_pid_fd(5); a sixth of what realpath() takes
    except OSError:
        return os.path.realpath(path, strict=True)  # no such file system: macOS
    # One that was removed meanwhile has “ (deleted)” behind its name there.
    return found if os.path.lexists(found) else os.path.realpath(path, strict=True)
