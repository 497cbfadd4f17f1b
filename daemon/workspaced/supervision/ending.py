"""The signals that end the daemon, as events of its loop."""

from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager

import trio

from workspaced.process import signals


@contextmanager
def received() -> Generator[AsyncIterator[int]]:
    """Yield the ending signals as they come. Those that come after the block change nothing."""
    try:
        with trio.open_signal_receiver(*signals.ending()) as coming:
            signals.begin_to_run()
            yield coming
    finally:
        # Before the loop closes the socket that the handlers write to. Not in a process that runs more than a daemon.
        if signals.is_taken_over():
            signals.ignore_ending()
