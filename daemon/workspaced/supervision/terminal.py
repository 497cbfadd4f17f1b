"""The terminal of the daemon: did a SIGHUP ask for a reload, or was the terminal closed?"""

import os
from typing import Final

_STANDARD: Final = (0, 1, 2)


class Terminal:
    """The terminal that the daemon was started from, if any."""

    def __init__(self) -> None:
        self._descriptors = [number for number in _STANDARD if os.isatty(number)]

    def is_closed(self) -> bool:
        """Return whether the terminal was closed. Without a terminal, return False."""
        # After a hangup, every call on the terminal fails with EIO.
        return any(not os.isatty(number) for number in self._descriptors)
