"""The signals that end the daemon, as events of its loop."""

import signal
from collections.abc import AsyncIterator, Generator, Sequence
from contextlib import contextmanager
from types import FrameType

import trio

from workspaced.process import signals


@contextmanager
def received() -> Generator[AsyncIterator[int]]:
    """Yield the ending signals as they come. Those that come after the block change nothing."""
    numbers = signals.ending()
    signals.hold()
    try:
        with trio.open_signal_receiver(*numbers) as coming:
            _take_one_at_a_time(numbers)
            signals.begin_to_run()
            signals.release()
            yield coming
    finally:
        # Before the loop closes the socket that the handlers write to. Not in a process that runs more than a daemon.
        if signals.is_taken_over():
            signals.ignore_ending()
        signals.release()


def _take_one_at_a_time(numbers: Sequence[int]) -> None:
    """Let trio's handler run once for each signal until the loop has it.

    A sender that repeats a signal fast interrupts that handler again and again, else until Python's stack is full.
    Nothing is lost: the event of the first one is still to come.
    """
    token = trio.lowlevel.current_trio_token()
    handlers = {number: signal.getsignal(number) for number in numbers}  # trio's
    on_their_way = set[int]()

    def receive(number: int, frame: FrameType | None) -> None:
        if number in on_their_way:
            return
        on_their_way.add(number)
        handler = handlers[number]
        if callable(handler):
            handler(number, frame)
        token.run_sync_soon(on_their_way.discard, number)

    for number in numbers:
        signal.signal(number, receive)
