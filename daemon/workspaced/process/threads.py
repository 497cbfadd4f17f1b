"""Blocking calls in threads, with an error for clients if the system starts no more threads.

The strategy: rare calls use trio's threads. Calls that every write waits for use a `Worker`: it keeps its
thread, and signals the end of a call through a pipe, which wakes the event loop in a third of the time of
trio's own method.
"""

import os
import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

import outcome
import trio

from workspaced.domain.errors import RequestError
from workspaced.process.log import Logger
from workspaced_protocol.errors import ErrorCode

_log = Logger()

T = TypeVar("T")


class NoThread(RequestError):
    """The system starts no more threads. The request was not carried out."""

    code = ErrorCode.OVERLOADED

    def __init__(
        self, refused: str = "start more threads", limit: str = "the user's limit of processes (ulimit -u)"
    ) -> None:
        super().__init__(
            f"The system does not let the daemon {refused}: try again in a moment; if that does not help, raise {limit}."
        )


async def run_in_thread(blocking: Callable[..., T], *arguments: object, limiter: trio.CapacityLimiter) -> T:
    """Run a blocking call in a thread; on cancellation, abandon the thread. Raises NoThread.

    `limiter` bounds the calls at once, including abandoned ones. Each kind of call that may hang has its own
    limiter, so that it does not block other kinds.
    """
    # The result does not go through trio: it would leave an exception in a reference cycle with the frames of
    # trio's thread.
    ended: list[outcome.Maybe[T]] = []
    try:
        await trio.to_thread.run_sync(
            lambda: ended.append(outcome.capture(blocking, *arguments)),
            abandon_on_cancel=True,
            limiter=limiter,
        )
    except RuntimeError as error:
        # threading.Thread.start() raises it if the system starts no more threads; it has no error of its own.
        raise NoThread from error
    return ended.pop().unwrap()  # unwrap() drops its reference to the exception that it raises


class Worker:
    """Makes blocking calls, one at a time, in a thread that it keeps. Call `aclose` after use."""

    def __init__(self, name: str) -> None:
        """`name` is the name of the thread, for debugging tools."""
        self._name = name
        self._idle: _Thread | None = None
        self._busy: _Thread | None = None

    async def run(
        self, blocking: Callable[..., T], *arguments: object, afterwards: Callable[[], None] | None = None
    ) -> T:
        """Make a call and wait for its result; on cancellation, abandon the thread. Raises NoThread.

        `afterwards` is called in the thread after the result is sent and before the next call.
        """
        self.begin(partial(blocking, *arguments), afterwards)
        return await self.wait()  # type: ignore[no-any-return]  # what `blocking` returned

    def begin(self, call: Callable[[], Any], afterwards: Callable[[], None] | None = None) -> None:
        """Begin a call; `wait` must be called for its result. Raises NoThread."""
        if self._busy is not None:
            raise RuntimeError("a worker makes one call at a time")
        thread = self._idle or _Thread(self._name)
        self._idle, self._busy = None, thread
        thread.begin(call, afterwards)

    async def wait(self) -> Any:
        """Wait for the result of the call that was begun; on cancellation, abandon the thread."""
        thread = self._busy
        if thread is None:
            raise RuntimeError("no call was begun")
        try:
            # The caller sets the time limit. It ends this wait, but not the call.
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
        """Wait for the last `afterwards` call, then end the thread."""
        try:
            if self._idle is not None:
                await self.run(lambda: None)
        finally:
            for thread in (self._idle, self._busy):
                if thread is not None:
                    thread.dismiss()
            self._idle = self._busy = None


class _Thread:
    """A thread that makes calls until it is dismissed."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls = SimpleQueue[tuple[Callable[[], Any], Callable[[], None] | None] | None]()
        self._outcome: outcome.Maybe[Any] | None = None
        self._is_dismissed = False
        self._pipe_lock = threading.Lock()  # held while the pipe is written or closed
        try:
            self.done, self._done_writer = os.pipe()
        except OSError as error:
            raise NoThread("open more files", "its limit of open files (ulimit -n)") from error
        try:
            # A daemon thread, because a thread that hangs at the disk must not keep the process alive.
            threading.Thread(target=self._run, name=name, daemon=True).start()
        except RuntimeError as error:
            self._close_pipe()
            raise NoThread from error

    def begin(self, call: Callable[[], Any], afterwards: Callable[[], None] | None) -> None:
        """Begin the call. `done` becomes readable at its end; then `afterwards` is called."""
        self._calls.put((call, afterwards))

    def result(self) -> Any:
        """Return the result of the call, or raise its exception."""
        os.read(self.done, 1)
        return self._take_outcome().unwrap()

    def _take_outcome(self) -> outcome.Maybe[Any]:
        # Keep no reference to an exception that is raised: with its traceback, that would be a reference cycle.
        taken, self._outcome = self._outcome, None
        if taken is None:
            raise RuntimeError("the call has not ended")
        return taken

    def dismiss(self) -> None:
        """End the thread after its current call, and drop the result of that call."""
        trio.lowlevel.notify_closing(self.done)
        with self._pipe_lock:
            self._is_dismissed = True
            self._close_pipe()
        self._calls.put(None)

    def _run(self) -> None:
        while (handed := self._calls.get()) is not None:
            call, afterwards = handed
            self._outcome = outcome.capture(call)
            with self._pipe_lock:
                if not self._is_dismissed:
                    os.write(self._done_writer, b"\0")
            if afterwards is not None:
                try:
                    afterwards()
                except Exception:  # noqa: BLE001 - no caller waits for it, and the thread must go on
                    _log.exception("The cleanup after a call failed.", thread=self._name)
            del (
                handed,
                call,
                afterwards,
            )  # otherwise they would keep the last state in memory until the next write

    def _close_pipe(self) -> None:
        os.close(self.done)
        os.close(self._done_writer)
