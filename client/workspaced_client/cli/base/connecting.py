"""Reaching the daemon for one command, and warning of what its last start had to recover from."""

import warnings
from collections.abc import Generator
from contextlib import contextmanager

from workspaced_client import CannotConnect, Client, RecoveryWarning, Unanswered, UnusableSocketPath
from workspaced_client.cli.base import recovery_notice
from workspaced_client.cli.base.failures import Unreachable
from workspaced_client.cli.base.options import DEFAULT_TIMEOUT_SECONDS, Options
from workspaced_client.cli.base.output import tell


@contextmanager
def connected(
    options: Options, *, warn: bool = True, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
) -> Generator[Client]:
    """A client for the `with` block. Raises Unreachable, also where the daemon goes away meanwhile.

    `warn` is for all commands but those that tell of the recovery in full; `timeout_seconds` holds for
    each answer where the user has chosen none.
    """
    try:
        with connect(options, timeout_seconds) as client:
            if warn:
                warning = recovery_notice.warning(client.daemon.status().recovery)
                if warning:
                    tell(f"warning: {warning}")
            yield client
    except (CannotConnect, Unanswered) as error:
        raise Unreachable(error, socket_of(options, error)) from error


def connect(options: Options, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS) -> Client:
    """A client that warns of nothing. Raises what `Client.connect` does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RecoveryWarning)
        return Client.connect(
            options.socket,
            timeout_seconds=options.patience_seconds(timeout_seconds),
            reconnect=False,  # somebody waits, and is told at once
        )


def socket_of(options: Options, error: Exception | None = None) -> str:
    """The socket that is, or was, connected to. Raises UnusableSocketPath."""
    if isinstance(error, CannotConnect):
        return error.path
    from workspaced_protocol import paths  # only here, because it loads a library that finds directories

    try:
        return str(paths.socket_path(options.socket))
    except paths.UnusablePath as unusable:
        raise UnusableSocketPath(str(unusable)) from unusable
