"""A program that gives strange things to the program that it becomes: `python born.py HOW… -- PROGRAM…`."""

import os
import signal
import sys
from collections.abc import Callable

HOW: dict[str, Callable[[], object]] = {
    "ignores-children": lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
    "blocks-all-signals": lambda: signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals()),
    "ignores-all-signals": lambda: [
        signal.signal(number, signal.SIG_IGN)
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGHUP}
    ],
    "ignores-hangup": lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    "has-alarm": lambda: signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05),
    "has-child": lambda: os.fork() or os._exit(0),
}

split = sys.argv.index("--")
for how in sys.argv[1:split]:
    HOW[how]()
os.execvp(sys.argv[split + 1], sys.argv[split + 1 :])  # noqa: S606 - no shell is wanted
