"""Tells a SIGHUP that asks for a reload from one that says that the terminal was closed."""

import os
from typing import Final

_STANDARD: Final = (0, 1, 2)


class Terminal:
    """The terminal that the daemon was started from, if it was."""

    def __init__(self) -> None:
        self._descriptors = [number for number in _STANDARD if os.isatty(number)]

    def is_closed(self) -> bool:
        """Whether it is gone; without one, nothing can be."""
        # Of a terminal that was hung up, every question is answered with EIO.
        return any(not os.isatty(number) for number in self._descriptors)
