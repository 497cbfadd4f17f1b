"""The connection of one command to the daemon, with a warning of a recovery that nobody has acknowledged."""

import warnings
from collections.abc import Generator
from contextlib import contextmanager

from workspaced_client import (
    CannotConnect,
    Client,
    NotRunning,
    RecoveryWarning,
    Unanswered,
    UnusableSocketPath,
)
from workspaced_client.cli.base import recovery_notice
from workspaced_client.cli.base.failures import Unreachable
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import tell
from workspaced_client.cli.commands.shared import DEFAULT_TIMEOUT_SECONDS
from workspaced_protocol import paths


@contextmanager
def connected(
    options: Options,
    *,
    warn: bool = True,
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    starts_daemon: bool = True,
) -> Generator[Client]:
    """Connect a client for the `with` block. Raise Unreachable if the daemon is not there, or goes away.

    `warn` is False for commands that show the recovery themselves. `timeout_seconds` applies to each answer
    unless the user chose another time. `starts_daemon` is False for commands that need none: they only look.
    """
    try:
        with connect(options, timeout_seconds, starts_daemon=starts_daemon and options.autostart) as client:
            status = client.daemon.status()
            options.machine = status.machine
            warning = recovery_notice.warning(status.recovery) if warn else None
            if warning:
                tell(f"warning: {warning}")
            yield client
    except (CannotConnect, Unanswered) as error:
        raise Unreachable(error, socket_of(options, error)) from error


def connect(
    options: Options, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS, *, starts_daemon: bool = False
) -> Client:
    """Return a connected client, without any warning. Raise what `Client.connect` raises."""
    if starts_daemon:
        try:
            return connect(options, timeout_seconds)
        except NotRunning:
            pass
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RecoveryWarning)
        return Client.connect(
            options.socket,
            timeout_seconds=options.patience_seconds(timeout_seconds),
            reconnect=False,  # the user waits, and gets the error at once
            autostart=starts_daemon,
        )


def socket_of(options: Options, error: Exception | None = None) -> str:
    """Return the path of the daemon's socket. Raise UnusableSocketPath."""
    if isinstance(error, CannotConnect):
        return error.path
    try:
        return paths.socket_path(options.socket)
    except paths.UnusablePath as unusable:
        raise UnusableSocketPath(str(unusable)) from unusable
