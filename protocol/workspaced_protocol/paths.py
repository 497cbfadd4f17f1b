"""Where the data and the socket live when nobody says otherwise, for daemon and clients alike."""

import os
import sys
from pathlib import Path
from typing import Final

import platformdirs

_APP: Final = "workspaced"

SOCKET_PATH_LIMIT: Final = 103 if sys.platform == "darwin" else 107
"""The longest socket path in bytes: sun_path less its final NUL (unix(7); 104 on macOS, sys/un.h)."""


class UnusablePath(ValueError):
    """A path that can't be used, with a sentence that names it and says what to do."""


def default_data_dir() -> Path:
    """The platform's directory for the user's data, such as `~/.local/share/workspaced`."""
    return Path(platformdirs.user_data_dir(_APP, appauthor=False))


def default_socket_path() -> Path:
    """`$XDG_RUNTIME_DIR/workspaced/workspaced.sock`, or the same below a directory of the user's own.

    Without XDG_RUNTIME_DIR that is `/run/user/UID` on Linux where the system made one, else the
    user's state directory; on macOS the user's runtime directory. It is never a name in a shared
    `/tmp`, where another user could take it first.
    """
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    # The XDG base directory specification has relative paths ignored.
    if given.startswith("/"):
        runtime_dir = Path(given)
    elif sys.platform == "darwin":
        runtime_dir = Path(platformdirs.user_runtime_dir(appauthor=False))
    else:
        runtime_dir = Path(f"/run/user/{os.getuid()}")
        if not os.access(runtime_dir, os.W_OK | os.X_OK):
            runtime_dir = Path(platformdirs.user_state_dir(appauthor=False))
    return runtime_dir / _APP / "workspaced.sock"


def socket_path(explicit: str | os.PathLike[str] | None = None) -> Path:
    """The socket to listen on or to connect to: `explicit`, else $WORKSPACED_SOCKET, else the default.

    Raises UnusablePath for one that the platform can't bind.
    """
    chosen = explicit or os.environ.get("WORKSPACED_SOCKET")
    return check_socket_path(Path(chosen).expanduser() if chosen else default_socket_path())


def check_socket_path(path: Path) -> Path:
    """`path` made absolute, or UnusablePath where it is longer than a socket address holds."""
    path = Path(os.path.abspath(path))  # resolve() would follow links, and lengthen the path
    length = len(os.fsencode(path))
    if length > SOCKET_PATH_LIMIT:
        raise UnusablePath(
            f"The socket path {path} has {length} bytes, and this platform's limit is {SOCKET_PATH_LIMIT}: "
            "choose a shorter one with --socket or WORKSPACED_SOCKET."
        )
    return path
