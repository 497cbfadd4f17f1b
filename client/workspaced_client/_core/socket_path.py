"""The path of the daemon's socket."""

import os

from workspaced_client._core.local_errors import UnusableSocketPath


def find_socket(explicit: str | os.PathLike[str] | None) -> str:
    """Return the path to connect to, by the daemon's own rules. Raises UnusableSocketPath."""
    from workspaced_protocol import paths  # it loads platformdirs, which takes as long as all else here

    try:
        return str(paths.socket_path(explicit))
    except paths.UnusablePath as error:
        raise UnusableSocketPath(str(error)) from error
