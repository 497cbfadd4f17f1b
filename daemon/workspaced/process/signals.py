"""Signals: what the daemon does about each one, from its first moment to its last.

A process inherits the signal mask, the ignored signals and the timers of the program that started it. None of
them may change the daemon, so it sets them itself:

- SIGTERM, SIGINT and SIGHUP end it in order. Before it has opened anything, it ends at once with exit code 0.
  While it runs, they go to supervision/ending.py. Once the stop has begun, further ones change nothing.
- A SIGHUP that is ignored at the start stays ignored: that is how nohup(1) asks a program to outlive its terminal.
- SIGUSR1, SIGUSR2 and the signals of timers and descriptors mean nothing here, and end nothing.
- All others have the system's default: a shell can suspend the daemon (SIGTSTP), SIGQUIT leaves a core file, and
  SIGCHLD keeps the exit code of a child until it is asked for. Only SIGPIPE and SIGXFSZ are ignored, by Python, so
  that they become errors of a write.
"""

# Only what Python has loaded already, and `signal`: other imports would take time in which a signal is not ours.
import os
import signal
import sys

_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_WITHOUT_MEANING = tuple(
    getattr(signal, name)
    for name in ("SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGPWR", "SIGSTKFLT")
    if hasattr(signal, name)  # macOS lacks the last two
)
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)

_is_running = False


def take_over() -> None:
    """Set the disposition of every signal, then the mask and the timers. Call it before slow imports."""
    for number in signal.valid_signals():
        if signal.getsignal(number) is signal.SIG_IGN and number not in (*_IGNORED_BY_PYTHON, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
    for number in ending():
        signal.signal(number, _end_at_once)
    for number in _WITHOUT_MEANING:
        signal.signal(number, _pass_over)  # a handler and not SIG_IGN, which git would inherit
    for timer in _TIMERS:
        signal.setitimer(timer, 0)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def leave_to_system() -> None:
    """End by SIGINT as other programs do, without Python's traceback. For the commands that are no daemon."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def hold() -> None:
    """Let the ending signals wait, until `release`, or `take_over` in the program that this process becomes by exec."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)


def release() -> None:
    """Take the ending signals again, also those that `hold` let wait."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)


def begin_to_run() -> None:
    """From now on the daemon receives the ending signals as events: see supervision/ending.py."""
    global _is_running
    _is_running = True


def is_taken_over() -> bool:
    """Return whether the signals are this module's, as they are in the daemon's own process."""
    return signal.getsignal(signal.SIGTERM) is _end_at_once


def ignore_ending() -> None:
    """Ignore signals from now on. At its end trio, and then Python, takes away what their handlers need."""
    sys.unraisablehook = _report_unless_signal
    for number in (*_ENDING, *_WITHOUT_MEANING):
        signal.signal(number, signal.SIG_IGN)


def ending() -> tuple[signal.Signals, ...]:
    """Return the signals that end the daemon."""
    is_ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return tuple(number for number in _ENDING if number != signal.SIGHUP or not is_ignored)


def _end_at_once(_number: int, _frame: object) -> None:
    if not _is_running:
        os._exit(0)


def _pass_over(_number: int, _frame: object) -> None:
    pass


def _report_unless_signal(unraisable: "sys.UnraisableHookArgs", /) -> None:
    # CPython complains of a signal that came while it was being ignored (Modules/signalmodule.c, “race condition”).
    if not (isinstance(unraisable.exc_value, OSError) and "race condition" in str(unraisable.exc_value)):
        sys.__unraisablehook__(unraisable)
