"""Start the daemon if none runs: once, however many processes ask at the same moment.

The strategy:
- The process that holds the lock of the socket's directory starts the daemon, and keeps the lock until the
  daemon answers. The others find it running when they get the lock.
- Where a service is installed that listens at this socket, its manager starts the daemon.
- Else this process does. The daemon has no terminal and no parent but the system's first process: a shell starts it in the
  background and ends.
- The daemon holds the write end of a pipe all its life, so that a failed start is noticed at once.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from workspaced_client._core import data_lock
from workspaced_client._core.autostart_setting import is_autostart_on
from workspaced_client._core.connecting import try_to_connect
from workspaced_client._core.local_errors import NotRunning, NotStarted, UnusableSocketPath
from workspaced_client._core.service_manager import Service, ServiceFailed, find_service, is_same_path
from workspaced_client._core.socket_io import wait_until_ready
from workspaced_client._core.timeouts import remaining
from workspaced_protocol.datadir import LOCK_HELD
from workspaced_protocol.git_environment import without_git_invocation
from workspaced_protocol.paths import (
    UnusablePath,
    data_dir,
    default_data_dir,
    default_log_dir,
    make_private_directory,
)

_PING: Final = b'{"jsonrpc":"2.0","id":1,"method":"daemon.ping"}\n'  # as it stands: msgspec is slow to load
_LOOK_SECONDS: Final = 0.03  # between two attempts to reach it or to lock
_START_LOOK_SECONDS: Final = 0.005  # while it starts, which takes some hundred milliseconds: a user waits
_LOOKS_BETWEEN: Final = 10  # two looks at the state of the service, which take a process each
_OTHER_COMES_UP_SECONDS: Final = 3.0
_LOG_BYTES: Final = 1024 * 1024  # the next start puts a longer log aside

# The variables that a daemon and its git need. The rest of the environment is the app's own.
KEPT: Final = frozenset({"HOME", "USER", "LOGNAME", "PATH", "SHELL", "LANG", "TZ", "TMPDIR", "SSH_AUTH_SOCK"})
KEPT_FAMILIES: Final = ("LC_", "XDG_", "WORKSPACED_", "GIT_", "SSL_CERT_")
PROXIES: Final = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})  # in capitals, too


class Started:
    """How a daemon was started: by the service manager of this name, or by hand, with its log at `log`."""

    __slots__ = ("log", "manager")

    def __init__(self, *, manager: str = "", log: str = "") -> None:
        self.manager = manager
        self.log = log


def ensure_running(path: str, timeout_seconds: float, *, is_ordered: bool = False) -> Started | None:
    """Return once a daemon answers at `path`; start one if none does. Return None if it ran already.

    `is_ordered` is whether the user has ordered the start: it then happens whatever the setting `autostart`, and also
    after failures that have made the service manager give up.

    Raises NotStarted, UnusableSocketPath for a configuration that can't be read, NotRunning itself if the user has
    switched this off, and the other errors of connecting.
    """
    deadline = monotonic() + timeout_seconds
    if _answers(path, deadline):
        return None
    if not is_ordered and not _is_allowed():
        connection = try_to_connect(path)  # its error tells what is there
        if connection is not None:
            connection.close()
        return None
    try:
        beside = Path(path).parent
        make_private_directory(beside)
        directory = os.open(beside, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise _not_opened(path, error) from error
    with _locked(directory, path, deadline) as is_free:
        if not is_free or _answers(path, deadline):
            return None
        service = find_service(path, deadline) if _would_serve_the_same_data() else None
        if service is not None:
            _start_by(service, path, deadline, forgives=is_ordered)
            return Started(manager=service.manager)
        try:
            log = _log_file(beside)
        except OSError as error:
            raise _not_opened(path, error) from error
        _start(path, log, deadline)
        return Started(log=str(log))


def _is_allowed() -> bool:
    """Return whether the user lets clients start a daemon. Raises UnusableSocketPath for a file that can't be read."""
    try:
        return is_autostart_on()
    except UnusablePath as error:
        raise UnusableSocketPath(str(error)) from error


def _not_opened(path: str, error: OSError) -> NotStarted:
    return NotStarted(path, f"{error.filename} can't be made or opened ({error.strerror})")


def _would_serve_the_same_data() -> bool:
    """Return whether a service, which does not see this process's variables, has the data that they ask for."""
    if not os.environ.get("WORKSPACED_DATA_DIR"):
        return True
    try:
        return data_dir() == default_data_dir()
    except UnusablePath:
        return False


def _start_by(service: Service, path: str, deadline: float, *, forgives: bool) -> None:
    look_at = f"{service.manager} runs it; its log: workspacectl service logs"
    try:
        service.start(deadline, forgives=forgives)
    except ServiceFailed as error:
        raise NotStarted(path, f"{error} ({look_at})") from error
    looks = 0
    while not _answers(path, deadline):
        if not remaining(deadline, monotonic()):
            raise NotStarted(path, f"it has not answered in time ({look_at})")
        looks += 1
        failure = service.failure(deadline) if looks % _LOOKS_BETWEEN == 0 else None
        if failure is not None:
            raise NotStarted(path, f"{failure} ({look_at})")
        sleep(_LOOK_SECONDS)


def _answers(path: str, deadline: float) -> bool:
    """Return whether a daemon answers: a killed one may still accept connections for a moment, in silence."""
    try:
        connection = try_to_connect(path)
    except NotRunning:
        return False
    if connection is None:
        return True  # its backlog is full of clients
    with connection:
        connection.settimeout(max(remaining(deadline, monotonic()), _LOOK_SECONDS))
        try:
            connection.sendall(_PING)
            return bool(connection.recv(1))
        except TimeoutError:
            return True  # it runs, but is too busy to answer
        except OSError:
            return False


@contextmanager
def _locked(directory: int, path: str, deadline: float) -> Generator[bool]:
    """Lock an open directory for the block, then close it; yield False if a daemon came up instead."""
    try:
        while True:
            try:
                fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if _answers(path, deadline):
                    yield False
                    return
                if not remaining(deadline, monotonic()):
                    raise NotStarted(path, "another program has been starting it for too long") from None
                sleep(_LOOK_SECONDS)
            except OSError as error:
                raise NotStarted(path, f"its directory can't be locked ({error.strerror})") from error
            else:
                yield True
                return
    finally:
        os.close(directory)


def _start(path: str, log: Path, deadline: float) -> None:
    command = [_program(path), "run", "--socket", path]
    begins_at = log.stat().st_size
    ended, held = os.pipe()
    with os.fdopen(ended):
        try:
            # $0 is the log. The shell ends at once; the daemon stays.
            subprocess.run(
                ["/bin/sh", "-c", '"$@" </dev/null >>"$0" 2>&1 &', str(log), *command],
                check=True,
                cwd="/",
                env=_environment(),
                pass_fds=(held,),
                start_new_session=True,
            )
        except (OSError, UnusablePath, subprocess.CalledProcessError) as error:
            raise NotStarted(path, str(error).removesuffix(".")) from error
        finally:
            os.close(held)
        while not _answers(path, deadline):
            if not remaining(deadline, monotonic()):
                raise NotStarted(path, f"it has not answered in time; its log is {log}")
            if any(wait_until_ready(ended, _START_LOOK_SECONDS, to_read=True)):  # nobody writes to it
                said = _last_line(log, begins_at)
                if LOCK_HELD.removesuffix(".") not in said or not _comes_up(path, deadline):
                    raise NotStarted(path, said)
                return


def _comes_up(path: str, deadline: float) -> bool:
    """Return whether the daemon that holds the data directory answers here soon: a client in another language, which can't
    take the lock of the socket's directory, may have started it."""
    deadline = min(deadline, monotonic() + _OTHER_COMES_UP_SECONDS)
    while not (answers := _answers(path, deadline)) and remaining(deadline, monotonic()):
        elsewhere = _listens_elsewhere(path)
        if elsewhere is not None:
            raise NotStarted(path, elsewhere)
        sleep(_LOOK_SECONDS)
    return answers


def _listens_elsewhere(path: str) -> str | None:
    """Return a sentence if the daemon that holds the data has another socket."""
    try:
        directory = data_dir()
        held = data_lock.look(directory)
    except (OSError, UnusablePath):
        return None
    owner = held.owner if held is not None else None
    if owner is None or not owner.socket or is_same_path(owner.socket, path):
        return None
    import shlex  # loaded late, as `re` by it: a user waits for the start

    return (
        f"the daemon with pid {owner.pid} has {directory}, and listens on {owner.socket}: use that socket "
        f"(--socket or WORKSPACED_SOCKET), or stop it: workspacectl --socket {shlex.quote(owner.socket)} stop"
    )


def _program(path: str) -> str:
    beside = os.path.join(os.path.dirname(sys.executable or ""), "workspaced")
    found = beside if os.access(beside, os.X_OK) else shutil.which("workspaced")
    if found is None:
        raise NotStarted(path, f"there is no program `workspaced`, neither as {beside} nor on the PATH")
    return os.path.abspath(found)


def _environment() -> dict[str, str]:
    kept = {
        name: value
        for name, value in without_git_invocation(os.environ).items()
        if name in KEPT or name.lower() in PROXIES or name.startswith(KEPT_FAMILIES)
    }
    if kept.get("WORKSPACED_DATA_DIR"):
        kept["WORKSPACED_DATA_DIR"] = data_dir()  # it may be relative to the app's working directory
    return kept


def _log_file(otherwise: Path) -> Path:
    """Return the log of daemons that are started here, ready to write; a user without a home has it in `otherwise`."""
    try:
        directory = Path(default_log_dir())
    except UnusablePath:
        directory = otherwise
    make_private_directory(directory)
    log = directory / "daemon.log"
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    opened = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(opened, 0o600)  # a umask such as 0777 would keep the daemon from its log
    finally:
        os.close(opened)
    return log


def _last_line(log: Path, begins_at: int) -> str:
    """Return the daemon's last words."""
    with log.open("rb") as file:
        file.seek(begins_at)
        lines = file.read(_LOG_BYTES).decode(errors="replace").splitlines()
    said = [line.removeprefix("workspaced: ").removesuffix(".") for line in lines if line.strip()]
    return f"{said[-1]} (its log is {log})" if said else f"it ended without a word; its log is {log}"
