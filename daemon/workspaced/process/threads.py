"""Blocking calls in threads, and what is told where the system gives no more threads.

The strategy: what is rare takes a thread of trio's. What every write waits for has a `Worker`: its
thread is there already, and a pipe tells that a call is done, which wakes the event loop in a third
of the time that trio's way back takes.
"""

import os
import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

import outcome
import structlog
import trio

from workspaced.domain.errors import RequestError
from workspaced_protocol.errors import ErrorCode

_log = structlog.get_logger(__name__)

T = TypeVar("T")


class NoThread(RequestError):
    """The system starts no more threads: nothing was done."""

    code = ErrorCode.OVERLOADED

    def __init__(
        self, lacking: str = "start no more threads", limit: str = "the user's limit of processes (ulimit -u)"
    ) -> None:
        super().__init__(
            f"The system lets the daemon {lacking}: try again in a moment; if that does not help, raise {limit}."
        )


async def run_in_thread(blocking: Callable[..., T], *arguments: object, limiter: trio.CapacityLimiter) -> T:
    """Run a blocking call; where it is cancelled, the thread is left to it. Raises NoThread.

    `limiter` tells how many such calls there may be at once, those that were left included: each kind that
    can hang apart from others has its own, lest it stop them.
    """
    # Not trio's way back for a result: an exception would be left to the collector, with the frames of trio's thread.
    ended: list[outcome.Maybe[T]] = []
    try:
        await trio.to_thread.run_sync(
            lambda: ended.append(outcome.capture(blocking, *arguments)),
            abandon_on_cancel=True,
            limiter=limiter,
        )
    except RuntimeError as error:
        # So threading.Thread.start() tells that the system refused; it has no error of its own for it.
        raise NoThread from error
    return ended.pop().unwrap()  # which lets go of the exception that it raises


class Worker:
    """Makes blocking calls, one at a time, in a thread that it keeps. `aclose` it after use."""

    def __init__(self, name: str) -> None:
        """`name` is the thread's, for whoever looks at the process."""
        self._name = name
        self._idle: _Thread | None = None
        self._busy: _Thread | None = None

    async def run(
        self, blocking: Callable[..., T], *arguments: object, afterwards: Callable[[], None] | None = None
    ) -> T:
        """Makes a call and waits for it; where that is cancelled, the thread is left to it. Raises NoThread.

        `afterwards` is called in the thread once the result is on its way, and before the next call.
        """
        self.begin(partial(blocking, *arguments), afterwards)
        return await self.wait()  # type: ignore[no-any-return]  # what `blocking` returned

    def begin(self, call: Callable[[], Any], afterwards: Callable[[], None] | None = None) -> None:
        """Makes a call, which `wait` is to be called for. Raises NoThread."""
        if self._busy is not None:
            raise RuntimeError("a worker makes one call at a time")
        thread = self._idle or _Thread(self._name)
        self._idle, self._busy = None, thread
        thread.begin(call, afterwards)

    async def wait(self) -> Any:
        """The result of the call that was begun; where this is cancelled, the thread is left to it."""
        thread = self._busy
        if thread is None:
            raise RuntimeError("no call was begun")
        try:
            # Who calls knows for how long; that ends this wait, but never the call.
            await trio.lowlevel.wait_readable(thread.done)
        except BaseException:
            thread.dismiss()
            raise
        else:
            self._idle = thread
        finally:
            self._busy = None
        return thread.result()

    async def aclose(self) -> None:
        """Waits for what is called `afterwards`, and lets the thread end."""
        try:
            if self._idle is not None:
                await self.run(lambda: None)
        finally:
            for thread in (self._idle, self._busy):
                if thread is not None:
                    thread.dismiss()
            self._idle = self._busy = None


class _Thread:
    """A thread that makes the calls it is handed, until it is dismissed."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls = SimpleQueue[tuple[Callable[[], Any], Callable[[], None] | None] | None]()
        self._outcome: outcome.Maybe[Any] | None = None
        self._is_dismissed = False
        self._telling = threading.Lock()  # held by who writes to the pipe or closes it
        try:
            self.done, self._done_end = os.pipe()
        except OSError as error:
            raise NoThread("open no more files", "its limit of open files (ulimit -n)") from error
        try:
            # A daemon thread: one that a disk keeps must not keep the process from ending.
            threading.Thread(target=self._run, name=name, daemon=True).start()
        except RuntimeError as error:
            self._close_pipe()
            raise NoThread from error

    def begin(self, call: Callable[[], Any], afterwards: Callable[[], None] | None) -> None:
        """Makes the call; `done` is readable once it has ended, while the other call is made."""
        self._calls.put((call, afterwards))

    def result(self) -> Any:
        """What the call returned; raises what it raised."""
        os.read(self.done, 1)
        return self._take_outcome().unwrap()

    def _take_outcome(self) -> outcome.Maybe[Any]:
        # Nothing may go on holding an exception that is raised: its traceback holds the frames that it has passed.
        taken, self._outcome = self._outcome, None
        if taken is None:
            raise RuntimeError("the call has not ended")
        return taken

    def dismiss(self) -> None:
        """The thread ends, after the call that it makes now, which is of no interest any more."""
        trio.lowlevel.notify_closing(self.done)
        with self._telling:
            self._is_dismissed = True
            self._close_pipe()
        self._calls.put(None)

    def _run(self) -> None:
        while (handed := self._calls.get()) is not None:
            call, afterwards = handed
            self._outcome = outcome.capture(call)
            with self._telling:
                if not self._is_dismissed:
                    os.write(self._done_end, b"\0")
            if afterwards is not None:
                try:
                    afterwards()
                except Exception:  # noqa: BLE001 - nobody waits for it, and the thread is needed still
                    _log.exception("What a call left to be done failed.", thread=self._name)
            del handed, call, afterwards  # lest the last state be kept while nobody writes

    def _close_pipe(self) -> None:
        os.close(self.done)
        os.close(self._done_end)
