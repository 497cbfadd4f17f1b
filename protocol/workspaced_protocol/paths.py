"""Where the data, the socket and the configuration file live, worked out alike for daemon and clients.

What the environment says is stronger than the configuration file, and that than the platform's place.
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
    """A path that can't be used, with a sentence that names it and says what to do."""


class UnusableFile(UnusablePath):
    """A configuration file that can't be read, and so none of the paths that it may set."""


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


def default_config_file() -> Path:
    """The user's configuration file, such as `~/.config/workspaced/config.toml`; it need not be there."""
    return Path(platformdirs.user_config_dir(_APP, appauthor=False)) / "config.toml"


def data_dir() -> Path:
    """The data directory of a daemon that is started from here: as set, else the default.

    Raises UnusablePath where it is set to what can't be one.
    """
    return _as_set("data_dir") or default_data_dir()


def socket_path(explicit: str | os.PathLike[str] | None = None) -> Path:
    """The socket to listen on or to connect to: `explicit`, else as set, else the default.

    Raises UnusablePath for one that the platform can't bind.
    """
    if explicit:
        return check_socket_path(_expanded(os.fspath(explicit), "the socket"))
    return check_socket_path(_as_set("socket") or default_socket_path())


def _as_set(setting: str) -> Path | None:
    """The path that the environment or the configuration file gives a setting."""
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
    """The text of a configuration file, and what it sets. Raises FileNotFoundError, or UnusableFile."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnusableFile(f"{file} can't be read ({error.strerror}): mend that, or move it away.") from error
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnusableFile(f"{file} is not UTF-8 (line {line}): save it anew as UTF-8.") from error
    import tomllib  # it takes longer to load than all else here, and few have such a file

    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason = f"{error}"
    except (ValueError, RecursionError):
        reason = "a number in it is too long, or its brackets are too deep"
    raise UnusableFile(f"{file} is not TOML ({reason}): `workspaced config sample` shows how to write it.")


def check_written_path(value: object, where: str) -> Path:
    """A path from a configuration file, its tilde expanded, or UnusablePath that says `where` it stands.

    Programs start in directories of their own, so a relative one would be another path for each.
    """
    path = _expanded(value, where) if isinstance(value, str) and "\0" not in value else None
    if path is None or not path.is_absolute():
        raise UnusablePath(f"{where} is {value!r}: give an absolute path, or one that begins with ~/.")
    return Path(os.path.abspath(path))


def _expanded(path: str, where: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UnusablePath(f"{where} is {path!r}, and there is no such home directory.") from error


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
