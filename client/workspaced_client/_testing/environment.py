"""The environment of a daemon under test: nothing in it leads to the user's own daemon, settings or git."""

import os
from pathlib import Path
from typing import Final

_LEADS_ELSEWHERE: Final = ("WORKSPACED_", "XDG_", "LISTEN_", "NOTIFY_", "WATCHDOG_")

GIT_ISOLATED: Final = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
"""An environment in which git knows nothing of the user's configuration."""


def leads_elsewhere(variable: str) -> bool:
    """Return whether a variable of this environment may lead a program under test to the user's own daemon."""
    return variable.startswith(_LEADS_ELSEWHERE)


def environment_at(home: Path, **more: str) -> dict[str, str]:
    """Return this process's environment with another HOME, less what leads elsewhere and git's configuration."""
    kept = {name: value for name, value in os.environ.items() if not leads_elsewhere(name)}
    return {**kept, **GIT_ISOLATED, "HOME": str(home), **more}
