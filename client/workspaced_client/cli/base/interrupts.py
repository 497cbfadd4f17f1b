"""Ctrl-C, held back while modules are loaded.

msgspec crashes the process where an exception ends the making of one of its classes (seen with 0.22 and Python 3.11).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_signal: Any = __import__("_signal")  # typeshed lacks it, and the module `signal` takes long to load


class InterruptsHeld:
    """Holds SIGINT back during a `with` block; one that came takes effect behind it."""

    def __enter__(self) -> None:
        self._before: Iterable[int] = _signal.pthread_sigmask(_signal.SIG_BLOCK, (_signal.SIGINT,))

    def __exit__(self, *_: object) -> None:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, self._before)
