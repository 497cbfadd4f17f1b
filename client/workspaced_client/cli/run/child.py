"""A child process that stands for this one: signals that reach this process reach it too, and its exit code is ours.

The strategy:
- Both are in one process group, so the terminal's signals (Ctrl-C, Ctrl-\\, Ctrl-Z, its end, a new size) reach the child by
  themselves. Only what another process sends to this one alone is passed on.
- The signals are blocked and waited for, so that no handler interrupts anything. The child starts with the usual mask.
- When the child has stopped for the terminal, this process stops as well, so that the shell sees its job stopped. Going
  on, it lets the child go on.
"""

import os
import signal
import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from typing import Final

_PASSED_ON: Final = (
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGTSTP,
)
_HELD: Final = (*_PASSED_ON, signal.SIGCHLD)
_OF_TERMINALS: Final = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTSTP)
_TERMINAL_STOPS: Final = (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
_IGNORED_BY_PYTHON: Final = (signal.SIGPIPE, signal.SIGXFSZ)
_LOOK_SECONDS: Final = 1.0
_BY_SIGNAL: Final = 128  # a shell's exit code for the first signal, less its number


@contextmanager
def signals_held() -> Generator[set[int]]:
    """Hold the signals back during the `with` block; yields the mask before, for the child."""
    usual = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
    try:
        yield {int(each) for each in usual}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, usual)


def start(command: list[str], environment: Mapping[str, str], usual: Iterable[int]) -> int:
    """Start a program that is looked for in PATH, and return its pid. Raises OSError if it can't be run."""
    # A signal that has come so far was meant for this process alone: it takes effect now.
    held = signal.pthread_sigmask(signal.SIG_SETMASK, usual)
    signal.pthread_sigmask(signal.SIG_SETMASK, held)
    return os.posix_spawnp(command[0], command, environment, setsigmask=usual, setsigdef=_IGNORED_BY_PYTHON)


def wait(child: int) -> int:
    """Wait for the child's end, pass signals on to it, and return its exit code."""
    while True:
        number, is_of_terminal = _next_signal()
        if number != signal.SIGCHLD:
            if not is_of_terminal:
                with suppress(
                    ProcessLookupError, PermissionError
                ):  # it has ended, or has become another user
                    os.kill(child, number)
            continue
        code = _news_of(child)
        if code is not None:
            return code


def _next_signal() -> tuple[int, bool]:
    """Wait for a signal; return its number, and whether it came from the terminal, which sends it to the child too.

    Without one, it is time to look at the child: in a process with more threads, another one may take SIGCHLD.
    """
    if sys.platform == "darwin":  # which has no sigwaitinfo
        number = signal.sigwait(_HELD)
        return number, number in _OF_TERMINALS and _is_in_foreground()
    else:  # noqa: RET505 - mypy leaves out the branch of another platform alone
        info = signal.sigtimedwait(_HELD, _LOOK_SECONDS)
        if info is None:
            return signal.SIGCHLD, False
        return info.si_signo, info.si_code > 0  # 0 and less: from a process


def _is_in_foreground() -> bool:
    """Return whether this process group is the one that the terminal's keys reach."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False  # without a terminal
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _news_of(child: int) -> int | None:
    """Return the exit code of the child, or None while it lives. Stops this process with it."""
    is_stopped = False
    while True:
        pid, status = os.waitpid(child, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
        if not pid:
            if is_stopped:
                # Whoever let this process go on left the child out. `fg` does not: a second SIGCONT would come late, and
                # undo a stop that has come since.
                os.kill(child, signal.SIGCONT)
            return None
        is_stopped = False
        if os.WIFCONTINUED(status):
            continue
        if not os.WIFSTOPPED(status):
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else _BY_SIGNAL - code
        if os.WSTOPSIG(status) in _TERMINAL_STOPS:
            os.kill(os.getpid(), signal.SIGSTOP)
            is_stopped = True
