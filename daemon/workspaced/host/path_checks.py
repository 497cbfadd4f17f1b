"""Looks at directories without ever waiting long: what is at a path, or why that can't be told.

The strategy: a look takes microseconds, unless its file system hangs; then it can't be ended, only
left to its thread. So one thread looks at all that was asked for meanwhile, path after path, and each
time that a moment was not enough for that, one more takes from the same paths. A path is looked
at by one thread at a time: one that hangs takes up one thread, however often it is asked about.
"""

import os
from collections import deque
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import trio

from workspaced.domain.errors import ShuttingDown
from workspaced.domain.projects import PathFacts, Reachable, Unreached
from workspaced.process.threads import NoThread, Worker

CHECK_SECONDS: Final = 2.0
"""How long a check may take, the wait for a thread included."""

PATIENCE_SECONDS: Final = 0.02
"""How long the threads of a round may take before one more is sent: all 64 are there well within the limit."""

_PAUSE_SECONDS: Final = 0.001  # the first pause while all paths are taken; each time twice as long
_THREADS: Final = 64  # as many may hang, each at a path, before others are kept from being looked at

_Found = dict[str, Reachable | Unreached]


@dataclass(slots=True, eq=False)
class _Look:
    """A look at a path that is under way."""

    began_at: float
    """On trio's clock, in seconds."""


@dataclass(slots=True, eq=False)
class _Round:
    """The checks that threads look at paths for, together."""

    checks: list["_Check"]
    """Those that are not answered yet."""
    paths: deque[str]
    """Those that no thread has taken."""
    resolved: frozenset[str]
    """The paths whose real path is wanted, too."""
    found: _Found


@dataclass(slots=True, eq=False)
class _Check:
    """The paths that somebody has asked about, until they are told."""

    facts: _Found
    """What is known already."""
    wanted: set[str]
    resolved: frozenset[str]
    deadline: float
    told: trio.Event = field(default_factory=trio.Event)
    error: list[Exception] = field(default_factory=list[Exception])
    """Why nothing was looked at, if that is so; taken out to be raised."""


class PathChecker:
    """Looks at paths, for at most `limit_seconds` a check. `run` must run for a check to be answered."""

    def __init__(self, seconds: float = CHECK_SECONDS) -> None:
        self.limit_seconds = seconds
        self._worker = Worker("paths")
        self._at_work: set[object] = set()  # one for each thread that was sent and is not back
        self._looks: dict[str, _Look] = {}  # those under way, by path
        self._asked: list[_Check] = []
        self._round: _Round | None = None
        self._unanswered: set[_Check] = set()
        self._has_begun = trio.Event()
        self._is_stopped = False

    async def check(self, paths: Iterable[str], resolved: Iterable[str] = ()) -> PathFacts:
        """Look at each of the paths, and return within the limit what is there.

        Of those in `resolved` the real path is told, too, which takes longer than all the rest. Nothing is told of
        a path that nobody has come to look at, since so many others hang. Raises NoThread or ShuttingDown.
        """
        if self._is_stopped:
            raise ShuttingDown
        now = trio.current_time()
        asked = set(paths)
        hanging = asked & self._hanging(now)
        facts: _Found = {path: self._timed_out() for path in hanging}
        if asked == hanging:
            return facts
        check = _Check(facts, asked - hanging, frozenset(resolved), now + self.limit_seconds)
        self._unanswered.add(check)
        self._asked.append(check)
        if self._round is None:
            self._begin_round()
        await check.told.wait()  # the limit of the check ends it
        if check.error:
            raise check.error.pop()  # held by no variable: its traceback holds them all
        return facts

    async def run(self) -> None:
        """Answers what is asked, round after round: a round is what was asked while the last one was on."""
        try:
            async with trio.open_nursery() as nursery, aclosing(self._worker):
                while True:
                    while self._round is None:
                        self._has_begun = trio.Event()
                        await self._has_begun.wait()  # for as long as nobody asks
                    round_ = self._round
                    try:
                        with trio.move_on_after(PATIENCE_SECONDS):
                            await self._worker.wait()
                    except Exception as defect:  # noqa: BLE001 - of a look; it must not end the checks of all who ask later
                        self._refuse(round_.checks, defect)
                    self._round = None
                    if self._asked:
                        self._begin_round()
                    self._tell_found(round_)
                    if round_.checks:
                        nursery.start_soon(self._look_at_rest, round_)
        finally:
            self.stop()  # what a connection waits for may be shielded

    def _begin_round(self) -> None:
        """Has the worker look at what was asked; `run` waits for it."""
        asked, self._asked = self._asked, []
        # With as many threads at work as there may be, all of these wait until one comes back.
        paths = deque({path for check in asked for path in check.wanted} if self._may_look() else ())
        round_ = _Round(asked, paths, frozenset[str]().union(*(check.resolved for check in asked)), {})
        try:
            self._send(self._worker, round_)
        except NoThread as none:
            self._refuse(asked, none)
            return
        self._round = round_
        self._has_begun.set()

    def stop(self) -> None:
        """Tells all who wait, and who ask from now on, that the daemon is stopping."""
        self._is_stopped = True
        self._refuse(list(self._unanswered), ShuttingDown())

    def _hanging(self, now: float) -> set[str]:
        # A copy, since the threads take from it what they are done with.
        looks = self._looks.copy().items()
        return {path for path, look in looks if now - look.began_at >= self.limit_seconds}

    def _may_look(self) -> bool:
        return len(self._at_work) < _THREADS

    def _answer(self, check: _Check) -> None:
        self._unanswered.discard(check)
        check.told.set()

    def _refuse(self, checks: Iterable[_Check], error: Exception) -> None:
        for check in checks:
            if check in self._unanswered:
                check.error.append(error)
                self._answer(check)

    def _tell_found(self, round_: _Round, *, is_over: bool = False) -> None:
        """Tells the checks of which all is found, or, once the round is over, what is."""
        for check in round_.checks:
            if is_over or check.wanted <= round_.found.keys():
                for path in check.wanted:
                    if path in round_.found:
                        check.facts[path] = round_.found[path]
                    elif path in self._looks:
                        check.facts[path] = self._timed_out()
                self._answer(check)
        round_.checks = [check for check in round_.checks if check in self._unanswered]

    def _timed_out(self) -> Unreached:
        return Unreached("timedOut", f"could not be looked at within {self.limit_seconds:g} s")

    async def _look_at_rest(self, round_: _Round) -> None:
        """Goes on where the first thread has not done all; that one, too, may yet add to what is found."""
        pause_seconds = _PAUSE_SECONDS
        try:
            with trio.move_on_at(round_.checks[0].deadline):
                while round_.checks:
                    missing = {path for check in round_.checks for path in check.wanted} - round_.found.keys()
                    free = [path for path in missing if path not in self._looks]
                    if free and self._may_look():
                        round_.paths = deque(free)
                        async with aclosing(Worker("paths")) as worker:
                            self._send(worker, round_)
                            with trio.move_on_after(PATIENCE_SECONDS):
                                await worker.wait()
                    else:
                        await trio.sleep(pause_seconds)
                        pause_seconds = min(pause_seconds * 2, PATIENCE_SECONDS)
                    self._tell_found(round_)
        except Exception as error:  # noqa: BLE001 - no thread, or a defect of one look: as above
            self._refuse(round_.checks, error)
        finally:
            round_.paths = deque()  # a thread that comes back now comes back to none
        self._tell_found(round_, is_over=True)

    def _send(self, worker: Worker, round_: _Round) -> None:
        thread = object()
        self._at_work.add(thread)
        try:
            worker.begin(partial(self._look_at_each, round_, thread, trio.lowlevel.current_clock()))
        except NoThread:
            self._at_work.discard(thread)
            raise

    def _look_at_each(self, round_: _Round, thread: object, clock: trio.abc.Clock) -> None:
        """What a thread does; its steps on what threads share are each one of the interpreter's own."""
        try:
            while True:
                try:
                    path = round_.paths.popleft()
                except IndexError:
                    return
                mine = _Look(clock.current_time())
                if self._looks.setdefault(path, mine) is mine:
                    try:
                        round_.found[path] = look(path, path in round_.resolved)
                    finally:
                        del self._looks[path]
        finally:
            self._at_work.discard(thread)


def look(path: str, resolve: bool) -> Reachable | Unreached:
    """What is at this path, with its real path where that is wanted. It blocks for as long as the file system does."""
    if not os.path.isabs(path):
        return Unreached("unusable", "is not an absolute path")
    real_path: str | None = None
    try:
        # Opened, and not only asked about: a network file system answers for certain only then.
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            status = os.stat(".", dir_fd=descriptor)  # “.” takes the right to enter it, too
            if resolve:
                real_path = _real_path(path, descriptor)
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
        return Unreached("unusable", "holds a NUL")
    return Reachable(real_path, (status.st_dev, status.st_ino))


def _real_path(path: str, descriptor: int) -> str:
    """The path with all symbolic links resolved, of a directory that is open."""
    try:
        found = os.readlink(
            f"/proc/self/fd/{descriptor}"
        )  # proc_pid_fd(5); a quarter of what realpath() takes
        # One that was removed meanwhile has “ (deleted)” behind its name there, which may be another's name.
        if os.path.samestat(os.stat(found), os.fstat(descriptor)):
            return found
    except OSError:
        pass  # no such file system: macOS; or no such directory any more
    return os.path.realpath(path, strict=True)
