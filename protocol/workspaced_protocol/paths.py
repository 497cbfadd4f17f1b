"""The paths of the data, the socket and the configuration file, the same for daemon and clients.

The environment overrides the configuration file, and the file overrides the platform's default.
"""

import os
import sys
from pathlib import Path
from typing import Any, Final

import platformdirs

_APP: Final = "workspaced"

SOCKET_PATH_LIMIT: Final = 103 if sys.platform == "darwin" else 107
"""The longest socket path in bytes: sun_path less its final NUL (unix(7); 104 on macOS, sys/un.h)."""


class UnusablePath(ValueError):
    """A path that can't be used. The message names the path and the way out."""


class UnusableFile(UnusablePath):
    """A configuration file that can't be read, so the paths that it may set are unknown."""


def default_data_dir() -> Path:
    """Return the platform's directory for the user's data, such as `~/.local/share/workspaced`."""
    return Path(platformdirs.user_data_dir(_APP, appauthor=False))


def default_socket_path() -> Path:
    """Return `$XDG_RUNTIME_DIR/workspaced/workspaced.sock`, or the same path in another directory of the user.

    Without XDG_RUNTIME_DIR, that directory is `/run/user/UID` on Linux if it exists, else the user's state
    directory; on macOS, the user's runtime directory. It is never the shared `/tmp`, where another user could
    take the name first.
    """
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    # The XDG base directory specification: relative paths must be ignored.
    if given.startswith("/"):
        runtime_dir = Path(given)
    elif sys.platform == "darwin":
        runtime_dir = Path(platformdirs.user_runtime_dir(appauthor=False))
    else:
        runtime_dir = Path(f"/run/user/{os.getuid()}")
        if not os.access(runtime_dir, os.W_OK | os.X_OK):
            runtime_dir = Path(platformdirs.user_state_dir(appauthor=False))
    return runtime_dir / _APP / "workspaced.sock"


def default_config_file() -> Path:
    """Return the user's configuration file, such as `~/.config/workspaced/config.toml`. It may be missing."""
    return Path(platformdirs.user_config_dir(_APP, appauthor=False)) / "config.toml"


def data_dir() -> Path:
    """Return the data directory of a daemon started with this environment: as set, else the default.

    Raises UnusablePath if the setting is not a usable path.
    """
    return _as_set("data_dir") or default_data_dir()


def socket_path(explicit: str | os.PathLike[str] | None = None) -> Path:
    """Return the socket to listen on or connect to: `explicit`, else as set, else the default.

    Raises UnusablePath if the platform can't bind it.
    """
    if explicit:
        return check_socket_path(_expanded(os.fspath(explicit), "the socket"))
    return check_socket_path(_as_set("socket") or default_socket_path())


def _as_set(setting: str) -> Path | None:
    """Return the path of a setting from the environment or the configuration file, or None."""
    variable = f"WORKSPACED_{setting.upper()}"
    if given := os.environ.get(variable):
        return Path(os.path.abspath(_expanded(given, variable)))
    file = default_config_file()
    try:
        value = read_config_file(file)[1].get(setting)
    except FileNotFoundError:
        return None
    return None if value is None else check_written_path(value, f"`{setting}` in {file}")


def read_config_file(file: Path) -> tuple[str, dict[str, Any]]:
    """Return the text of a configuration file, and its settings. Raises FileNotFoundError or UnusableFile."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnusableFile(
            f"{file} can't be read ({error.strerror}): fix that, or move the file away."
        ) from error
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnusableFile(f"{file} is not UTF-8 (line {line}): save it again as UTF-8.") from error
    import tomllib  # loaded late: it is slow to import, and few users have a configuration file

    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason = f"{error}"
    except (ValueError, RecursionError):
        reason = "a number is too long, or brackets are nested too deeply"
    raise UnusableFile(f"{file} is not TOML ({reason}): `workspaced config sample` shows the format.")


def check_written_path(value: object, where: str) -> Path:
    """Return a path from a configuration file, with ~ expanded. Raises UnusablePath, which names `where` it is set.

    A relative path is refused: it would differ for each program, by its current directory.
    """
    path = _expanded(value, where) if isinstance(value, str) and "\0" not in value else None
    if path is None or not path.is_absolute():
        raise UnusablePath(f"{where} is {value!r}: give an absolute path, or one that begins with ~/.")
    return Path(os.path.abspath(path))


def _expanded(path: str, where: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UnusablePath(f"{where} is {path!r}, but this home directory does not exist.") from error


def check_socket_path(path: Path) -> Path:
    """Return `path` as an absolute path. Raises UnusablePath if it is too long for a socket address."""
    path = Path(os.path.abspath(path))  # resolve() would follow symbolic links, which may lengthen the path
    length = len(os.fsencode(path))
    if length > SOCKET_PATH_LIMIT:
        raise UnusablePath(
            f"The socket path {path} has {length} bytes, but this platform's limit is {SOCKET_PATH_LIMIT}: "
            "choose a shorter one with --socket or WORKSPACED_SOCKET."
        )
    return path
