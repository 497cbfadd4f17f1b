"""Checks of directories with a time limit: is a path a readable directory, and if not, why.

The strategy:
- A look at one path takes microseconds. If the file system hangs, the look can't be cancelled; its thread
  is abandoned.
- One thread looks at all paths requested since the last round, one after another. Whenever a short time
  was not enough, one more thread takes paths from the same queue.
- Only one thread at a time looks at a path, so a hanging path occupies one thread, however often it is
  requested.
"""

import os
from collections import deque
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import trio

from workspaced.domain.errors import ShuttingDown
from workspaced.domain.projects import PathFacts, Reachable, Unreached
from workspaced.process.threads import NoThread, Worker

CHECK_SECONDS: Final = 2.0
"""The time limit of a check, including the wait for a thread."""

PATIENCE_SECONDS: Final = 0.02
"""The time before one more thread joins a round. All 64 can join well within the limit of a check."""

_PAUSE_SECONDS: Final = 0.001  # the first pause while every path has a thread; doubled each time
_THREADS: Final = 64  # as many paths may hang before checks of other paths must wait

_Found = dict[str, Any]  # Any: what a look returns, or Unreached


@dataclass(slots=True, eq=False)
class _Look:
    """A look under way."""

    began_at: float
    """On trio's clock, in seconds."""


@dataclass(slots=True, eq=False)
class _Round:
    """The checks that are served together, by one or more threads."""

    checks: list["_Check"]
    """The checks without an answer."""
    paths: deque[str]
    """The paths that no thread has taken yet."""
    resolved: frozenset[str]
    """The paths whose real path is requested too."""
    found: _Found


@dataclass(slots=True, eq=False)
class _Check:
    """The paths that a caller of `check` waits for."""

    facts: _Found
    """The results so far."""
    wanted: set[str]
    resolved: frozenset[str]
    deadline: float
    answered: trio.Event = field(default_factory=trio.Event)
    error: list[Exception] = field(default_factory=list[Exception])
    """The error that ended the check, if any; removed from here before it is raised."""


class PathChecker:
    """Checks paths within `limit_seconds`. Checks are answered while `run` runs."""

    def __init__(self, seconds: float = CHECK_SECONDS) -> None:
        self.limit_seconds = seconds
        self._worker = Worker("paths")
        self._busy_threads: set[object] = set()  # one token for each thread at work
        self._looks: dict[str, _Look] = {}  # the looks under way, by path
        self._queued: list[_Check] = []
        self._round: _Round | None = None
        self._unanswered: set[_Check] = set()
        self._has_begun = trio.Event()
        self._is_stopped = False

    async def check(self, paths: Iterable[str], resolved: Iterable[str] = ()) -> PathFacts:
        """Look at each path, and return the results within the limit.

        For paths in `resolved`, the result includes the real path, which takes longer than the rest of the
        look. The result lacks a path if all threads hung at other paths. Raises NoThread or ShuttingDown.
        """
        if self._is_stopped:
            raise ShuttingDown
        now = trio.current_time()
        requested = set(paths)
        hanging = requested & self._hanging(now)
        facts: _Found = {path: self._timed_out() for path in hanging}
        if requested == hanging:
            return facts
        check = _Check(facts, requested - hanging, frozenset(resolved), now + self.limit_seconds)
        self._unanswered.add(check)
        self._queued.append(check)
        if self._round is None:
            self._begin_round()
        await check.answered.wait()  # bounded by the limit of the check
        if check.error:
            raise check.error.pop()  # not kept in a variable: with its traceback, that would be a reference cycle
        return facts

    async def run(self) -> None:
        """Serve checks in rounds: each round takes the checks requested during the last one."""
        try:
            async with trio.open_nursery() as nursery, aclosing(self._worker):
                while True:
                    while self._round is None:
                        self._has_begun = trio.Event()
                        await self._has_begun.wait()  # unbounded: until a check is requested
                    round_ = self._round
                    try:
                        with trio.move_on_after(PATIENCE_SECONDS):
                            await self._worker.wait()
                    except Exception as defect:  # noqa: BLE001 - a defect in one look must not end later checks
                        self._refuse(round_.checks, defect)
                    self._round = None
                    if self._queued:
                        self._begin_round()
                    self._answer_checks(round_)
                    if round_.checks:
                        nursery.start_soon(self._finish_round, round_)
        finally:
            self.stop()  # also on cancellation: connections may wait shielded

    def _begin_round(self) -> None:
        """Start a round with the queued checks; `run` waits for its thread."""
        requested, self._queued = self._queued, []
        # If all threads are at work, these paths wait until one is free.
        paths = deque(
            {path for check in requested for path in check.wanted} if self._has_free_thread() else ()
        )
        round_ = _Round(
            requested, paths, frozenset[str]().union(*(check.resolved for check in requested)), {}
        )
        try:
            self._send(self._worker, round_)
        except NoThread as none:
            self._refuse(requested, none)
            return
        self._round = round_
        self._has_begun.set()

    def stop(self) -> None:
        """Answer all waiting and all later checks with ShuttingDown."""
        self._is_stopped = True
        self._refuse(list(self._unanswered), ShuttingDown())

    def look(self, path: str, resolve: bool) -> object:
        """Look at one path, in a thread. A subclass may look for something else."""
        return look(path, resolve)

    def _hanging(self, now: float) -> set[str]:
        # A copy, because threads remove finished looks.
        looks = self._looks.copy().items()
        return {path for path, look in looks if now - look.began_at >= self.limit_seconds}

    def _has_free_thread(self) -> bool:
        return len(self._busy_threads) < _THREADS

    def _answer(self, check: _Check) -> None:
        self._unanswered.discard(check)
        check.answered.set()

    def _refuse(self, checks: Iterable[_Check], error: Exception) -> None:
        for check in checks:
            if check in self._unanswered:
                check.error.append(error)
                self._answer(check)

    def _answer_checks(self, round_: _Round, *, is_over: bool = False) -> None:
        """Answer the complete checks; once the round is over, answer all checks with the results so far."""
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

    async def _finish_round(self, round_: _Round) -> None:
        """Look at the paths that the first thread did not finish. That thread may still add results."""
        pause_seconds = _PAUSE_SECONDS
        try:
            with trio.move_on_at(round_.checks[0].deadline):
                while round_.checks:
                    missing = {path for check in round_.checks for path in check.wanted} - round_.found.keys()
                    untaken = [path for path in missing if path not in self._looks]
                    if untaken and self._has_free_thread():
                        round_.paths = deque(untaken)
                        async with aclosing(Worker("paths")) as worker:
                            self._send(worker, round_)
                            with trio.move_on_after(PATIENCE_SECONDS):
                                await worker.wait()
                    else:
                        await trio.sleep(pause_seconds)
                        pause_seconds = min(pause_seconds * 2, PATIENCE_SECONDS)
                    self._answer_checks(round_)
        except Exception as error:  # noqa: BLE001 - no thread, or a defect in one look, as in `run`
            self._refuse(round_.checks, error)
        finally:
            round_.paths = deque()  # a thread that wakes up now finds no more work
        self._answer_checks(round_, is_over=True)

    def _send(self, worker: Worker, round_: _Round) -> None:
        thread = object()
        self._busy_threads.add(thread)
        try:
            worker.begin(partial(self._look_at_each, round_, thread, trio.lowlevel.current_clock()))
        except NoThread:
            self._busy_threads.discard(thread)
            raise

    def _look_at_each(self, round_: _Round, thread: object, clock: trio.abc.Clock) -> None:
        """Look at paths until none is left. Runs in a thread; each access to shared data is atomic in CPython."""
        try:
            while True:
                try:
                    path = round_.paths.popleft()
                except IndexError:
                    return
                mine = _Look(clock.current_time())
                if self._looks.setdefault(path, mine) is mine:
                    try:
                        round_.found[path] = self.look(path, path in round_.resolved)
                    finally:
                        del self._looks[path]
        finally:
            self._busy_threads.discard(thread)


def look(path: str, resolve: bool) -> Reachable | Unreached:
    """Look at a directory, and return its state, with its real path if `resolve` is set. Blocks with its file system."""
    if not os.path.isabs(path):
        return Unreached("unusable", "is not an absolute path")
    real_path: str | None = None
    try:
        # Open it instead of only calling stat: only then is a network file system certain to answer.
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            status = os.stat(".", dir_fd=descriptor)  # “.” also needs the permission to enter the directory
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
        return Unreached("unusable", "contains a NUL character")
    return Reachable(real_path, (status.st_dev, status.st_ino))


def _real_path(path: str, descriptor: int) -> str:
    """Return the path of an open directory, with all symbolic links resolved."""
    try:
        found = os.readlink(f"/proc/self/fd/{descriptor}")  # proc_pid_fd(5): four times as fast as realpath()
        # The name of a removed directory ends with “ (deleted)” there. Another directory may have that name.
        if os.path.samestat(os.stat(found), os.fstat(descriptor)):
            return found
    except OSError:
        pass  # no /proc, as on macOS, or the directory is gone
    return os.path.realpath(path, strict=True)
