"""The service manager of this machine."""

import sys

from workspaced_client.cli.base.failures import EXIT_UNREACHABLE, Failure
from workspaced_client.cli.service.manager import Manager


def platform() -> str:
    """Return the platform, as in `sys.platform`."""
    return sys.platform


def find_manager() -> Manager:
    """Return the manager of this machine. Raise Failure if there is none."""
    # Imported here: a command needs at most one of them.
    if platform() == "darwin":
        from workspaced_client.cli.service.launchd_agent import Launchd

        if Launchd.is_there():
            return Launchd()
        raise _no_manager("launchd has no session of yours here: log in on the machine's screen, or")
    from workspaced_client.cli.service.systemd_units import Systemd

    if Systemd.is_there():
        return Systemd()
    raise _no_manager("systemd does not run for your user here (is this a container?):")


def _no_manager(why: str) -> Failure:
    return Failure(
        f"{why} run `workspaced run` in the foreground, or under a supervisor of your own.",
        kind="noServiceManager",
        exit_code=EXIT_UNREACHABLE,
    )
