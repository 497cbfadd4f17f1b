"""The user's setting whether clients may start the daemon. It is read only where no daemon answers."""

import os
from typing import Final

from workspaced_protocol.paths import default_config_file, read_config_file

VARIABLE: Final = "WORKSPACED_AUTOSTART"
_SETTING: Final = "autostart"

# The words of the daemon, which checks the same variable (pydantic's for a bool).
_OFF: Final = frozenset({"0", "false", "off", "no", "n", "f"})


def is_autostart_on() -> bool:
    """Return whether clients may start a daemon: by the environment, else by the configuration file, else yes.

    Wrong values count as yes: the daemon that is started then names them. Raises UnusableFile.
    """
    given = os.environ.get(VARIABLE)
    if given:
        return given.lower() not in _OFF
    file = default_config_file()
    if file is None:
        return True
    try:
        value = read_config_file(file)[1].get(_SETTING, True)
    except FileNotFoundError:
        return True
    return str(value).lower() not in _OFF
