"""The paths of the data, the socket and the configuration file, the same for daemon and clients.

The environment overrides the configuration file, and the file overrides the platform's default.

Every command of `workspacectl` loads this, so it loads nothing that Python has not loaded already: neither pathlib nor
`typing`.
"""

from __future__ import annotations

import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

_APP: Final = "workspaced"
_SOCKET: Final = f"{_APP}/workspaced.sock"

# The XDG base directory specification; macOS: Apple's File System Programming Guide. There, too, who sets a variable of
# XDG means it.
_OF_LINUX: Final = {"data": ".local/share", "state": ".local/state", "config": ".config"}
_OF_MACOS: Final = "Library/Application Support"
_RUNTIME_OF_MACOS: Final = "Library/Caches/TemporaryItems"
_LOGS_OF_MACOS: Final = "Library/Logs"

SOCKET_PATH_LIMIT: Final = 103 if sys.platform == "darwin" else 107
"""The longest socket path in bytes: sun_path less its final NUL (unix(7); 104 on macOS, sys/un.h)."""

WORKSPACE_VARIABLES: Final = (
    "WORKSPACED_WORKSPACE",
    "WORKSPACED_WORKSPACE_ID",
    "WORKSPACED_WORKSPACE_ROOT",
)
"""What `workspacectl run` tells a command of its workspace: the name, the id and the root path. No settings."""

_LARGEST_CONFIG_FILE: Final = 2**20
"""In bytes: over a hundred times the sample's size. A larger file was hardly meant, or has no end."""

_NO_HOME: Final = (
    "set HOME, or give both paths: --data-dir and --socket, or WORKSPACED_DATA_DIR and WORKSPACED_SOCKET."
)


class UnusablePath(ValueError):
    """A path that can't be used. The message names the path and the way out."""


class UnusableFile(UnusablePath):
    """A configuration file that can't be read, so the paths that it may set are unknown."""


def default_data_dir() -> str:
    """Return the platform's directory for the user's data, such as `~/.local/share/workspaced`. Raises UnusablePath."""
    return _user_directory("data")


def default_socket_path() -> str:
    """Return `$XDG_RUNTIME_DIR/workspaced/workspaced.sock`, or the same path in another directory of the user.

    Without a usable XDG_RUNTIME_DIR, that directory is `/run/user/UID` on Linux if it exists, else the user's state
    directory; on macOS, the user's runtime directory. It is never the shared `/tmp`, where another user could
    take the name first. Raises UnusablePath.
    """
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    # The XDG base directory specification: relative paths must be ignored, and the user must own the directory. After
    # `su` and `sudo -E` it is another user's: root could write there, and would lock its owner out.
    if given.startswith("/") and _is_own_directory(given):
        return os.path.join(given, _SOCKET)
    if sys.platform == "darwin":
        return os.path.join(home_directory(), _RUNTIME_OF_MACOS, _SOCKET)
    of_system = f"/run/user/{os.geteuid()}"
    if _is_own_directory(of_system):
        return os.path.join(of_system, _SOCKET)
    return os.path.join(_user_directory("state"), os.path.basename(_SOCKET))


def default_log_dir() -> str:
    """Return the platform's directory for the user's logs, such as `~/.local/state/workspaced/log`. Raises UnusablePath."""
    if sys.platform == "darwin":
        return os.path.join(home_directory(), _LOGS_OF_MACOS, _APP)
    return os.path.join(_user_directory("state"), "log")


def _is_own_directory(path: str) -> bool:
    """Return whether this user owns the directory and can make files there."""
    try:
        status = os.stat(path)
    except OSError:
        return False
    is_own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    return is_own and os.access(path, os.W_OK | os.X_OK)


def default_config_file() -> str | None:
    """Return the user's configuration file, such as `~/.config/workspaced/config.toml`. It may be missing.

    A user without a home directory has none.
    """
    try:
        return os.path.join(_user_directory("config"), "config.toml")
    except UnusablePath:
        return None


def home_directory() -> str:
    """Return the user's home directory. Raises UnusablePath if there is none."""
    home = os.path.expanduser("~")
    if not home.startswith("/") or not os.environ.get("HOME", "/").startswith("/"):
        raise UnusablePath(
            f"There is no home directory (HOME is “{os.environ['HOME']}”, which is not an absolute path): {_NO_HOME}"
            if "HOME" in os.environ
            else f"There is no home directory (HOME is not set, and user {os.geteuid()} is unknown to the system): {_NO_HOME}"
        )
    return home


def _user_directory(kind: str) -> str:
    """Return the platform's directory of this kind for the user. Raises UnusablePath if there is no home."""
    below_home = _OF_MACOS if sys.platform == "darwin" else _OF_LINUX[kind]
    return os.path.join(_of_xdg(kind) or os.path.join(home_directory(), below_home), _APP)


def _of_xdg(kind: str) -> str:
    """Return the directory of this kind as XDG's variable has it, or an empty text."""
    given = os.environ.get(f"XDG_{kind.upper()}_HOME", "")
    return given if given.startswith("/") else ""


def data_dir() -> str:
    """Return the data directory of a daemon started with this environment: as set, else the default.

    Raises UnusablePath if the setting is not a usable path.
    """
    return _as_set("data_dir") or default_data_dir()


def socket_path(explicit: str | os.PathLike[str] | None = None) -> str:
    """Return the socket to listen on or connect to: `explicit`, else as set, else the default.

    Raises UnusablePath if the platform can't bind it.
    """
    if explicit:
        return check_socket_path(_expanded(os.fspath(explicit), "the socket"))
    return check_socket_path(_as_set("socket") or default_socket_path())


def _as_set(setting: str) -> str | None:
    """Return the path of a setting from the environment or the configuration file, or None."""
    variable = f"WORKSPACED_{setting.upper()}"
    if given := os.environ.get(variable):
        return os.path.abspath(_expanded(given, variable))
    file = default_config_file()
    if file is None:
        return None
    try:
        value = read_config_file(file)[1].get(setting)
    except FileNotFoundError:
        return None
    return None if value is None else check_written_path(value, f"`{setting}` in {file}")


def read_config_file(file: str) -> tuple[str, dict[str, Any]]:
    """Return the text of a configuration file, and its settings. Raises FileNotFoundError or UnusableFile."""
    try:
        # No wait for the writer of a named pipe.
        with open(file, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as opened:
            is_pipe = stat.S_ISFIFO(os.fstat(opened.fileno()).st_mode)
            content = b"" if is_pipe else opened.read(_LARGEST_CONFIG_FILE + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnusableFile(
            f"{file} can't be read ({error.strerror}): fix that, or move the file away."
        ) from error
    if is_pipe or len(content) > _LARGEST_CONFIG_FILE:
        what = "a pipe" if is_pipe else "larger than 1 MiB"
        raise UnusableFile(f"{file} is {what}, and can't be a configuration file: move it away.")
    try:
        text = content.decode().removeprefix("\ufeff")  # the byte order mark of some editors
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


def check_written_path(value: object, where: str) -> str:
    """Return a path from a configuration file, with ~ expanded. Raises UnusablePath, which names `where` it is set.

    A relative path is refused: it would differ for each program, by its current directory.
    """
    # The file is UTF-8: where the locale is not, Python has other text for the same path.
    is_text = isinstance(value, str) and "\0" not in value
    path = _expanded(os.fsdecode(str(value).encode()), where) if is_text else ""
    if not os.path.isabs(path):
        raise UnusablePath(f"{where} is {value!r}: give an absolute path, or one that begins with ~/.")
    return os.path.abspath(path)


def _expanded(path: str, where: str) -> str:
    expanded = os.path.expanduser(path)
    if expanded.startswith("~"):
        raise UnusablePath(f"{where} is {path!r}, but this home directory does not exist.")
    return expanded


def make_private_directory(directory: str | os.PathLike[str]) -> None:
    """Make a directory and its missing parents, each with mode 0700 whatever the umask. Raises OSError."""
    try:
        os.mkdir(directory, 0o700)
    except FileNotFoundError:
        parent = os.path.dirname(os.path.abspath(directory))
        if parent == os.path.abspath(directory):
            raise
        make_private_directory(parent)
        make_private_directory(directory)
    except OSError:  # such as EEXIST, or EROFS for one that exists
        if not os.path.isdir(directory):
            raise
    else:
        os.chmod(directory, 0o700)


def check_socket_path(path: str) -> str:
    """Return `path` as an absolute path. Raises UnusablePath if it is too long for a socket address."""
    path = os.path.abspath(path)  # realpath() would follow symbolic links, which may lengthen the path
    length = len(os.fsencode(path))
    if length > SOCKET_PATH_LIMIT:
        raise UnusablePath(
            f"The socket path {path} has {length} bytes, but this platform's limit is {SOCKET_PATH_LIMIT}: "
            "choose a shorter one with --socket or WORKSPACED_SOCKET."
        )
    return path
