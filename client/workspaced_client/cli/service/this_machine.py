"""The service manager of this machine."""

from workspaced_client._core import service_manager
from workspaced_client.cli.base.failures import EXIT_UNREACHABLE, Failure
from workspaced_client.cli.service.manager import Manager


def find_manager() -> Manager:
    """Return the manager of this machine. Raise Failure if there is none."""
    manager, absence = manager_of_platform()
    if absence is not None:
        raise absence
    return manager


def manager_of_platform() -> tuple[Manager, Failure | None]:
    """Return the manager that machines of this kind have, and the failure if this one lacks it."""
    # Imported here: a command needs at most one of them.
    if service_manager.platform() == "darwin":
        from workspaced_client.cli.service.launchd_agent import Launchd

        absence = _no_manager("launchd has no session of yours here: log in on the machine's screen, or")
        return Launchd(), None if Launchd.is_there() else absence
    from workspaced_client.cli.service.systemd_units import Systemd

    absence = _no_manager("systemd does not run for your user here (is this a container?):")
    return Systemd(), None if Systemd.is_there() else absence


def _no_manager(why: str) -> Failure:
    return Failure(
        f"{why} run `workspaced run` in the foreground, or under a supervisor of your own.",
        kind="noServiceManager",
        exit_code=EXIT_UNREACHABLE,
    )
