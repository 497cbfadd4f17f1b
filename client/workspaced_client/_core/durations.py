"""The times that calls wait by default, where the command line tells them too."""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` takes long to load for a command
if TYPE_CHECKING:
    from typing import Final

CLONE_TIMEOUT_SECONDS: Final = 180.0
"""The daemon ends a clone after its `git_timeout_seconds` (120 by default); the rest is for cleaning up and
binding. A caller whose daemon has a longer limit passes a longer timeout."""
