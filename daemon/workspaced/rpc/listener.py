"""The listening socket: bound for this user alone, it accepts connections and checks their peers."""

import errno
import os
import socket
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import trio

from workspaced.domain.clock import now_ms
from workspaced.process import descriptors
from workspaced.process.log import Logger
from workspaced.process.threads import NoThread, run_in_thread
from workspaced.rpc.peer import peer_credentials
from workspaced.rpc.socket_file import SocketUnusable, identity_if_there, identity_of, listen_at
from workspaced.service.requests import Caller

# accept(2): no descriptor or no memory is available at the moment.
_CAPACITY_ERRNOS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
_CAPACITY_PAUSE_SECONDS: Final = 0.1
_SHORTAGE_LOG_SECONDS: Final = (
    60.0  # between log lines: clients that retry at the limit must not fill the log
)
_ROOT_UID: Final = 0
_PATH_CHECK_SECONDS: Final = 4.0  # no event tells that a path leads elsewhere; clients retry for longer

_log = Logger()


class SocketListener:
    """A listening socket at `path`. With `owns_file`, `close` also removes its file."""

    def __init__(self, path: Path, listening: socket.socket, *, owns_file: bool) -> None:
        self.path = path
        self._socket = trio.socket.from_stdlib_socket(listening)
        self._owns_file = owns_file
        self._identity = identity_of(path) if owns_file else identity_if_there(path)
        self._closed = threading.Event()
        self._path_problem = ""
        self._connections = 0
        self._most_clients = descriptors.most_clients()
        self._free_places = trio.Semaphore(self._most_clients)
        self._next_log_at = float("-inf")

    async def accept_into(
        self,
        nursery: trio.Nursery,
        serve: Callable[[trio.socket.SocketType, Caller], Awaitable[None]],
        task_status: trio.TaskStatus[trio.CancelScope] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Accept clients until the scope that it passes to `task_status` is cancelled.

        Each client of this user (or root) is served in `nursery`. At the limit of open files, further clients wait
        in the backlog.
        """
        with trio.CancelScope() as accepting:
            task_status.started(accepting)
            await self._accept_for_ever(nursery, serve)

    async def _accept_for_ever(
        self, nursery: trio.Nursery, serve: Callable[[trio.socket.SocketType, Caller], Awaitable[None]]
    ) -> None:
        is_short = False
        while True:
            await self._wait_for_place()
            listening = self._socket
            try:
                connected, _ = await listening.accept()
            except trio.ClosedResourceError:
                self._free_places.release()
                if listening is self._socket:
                    raise
                continue  # `keep_path` has put another in its place
            except OSError as error:
                self._free_places.release()
                if error.errno == errno.ECONNABORTED:
                    continue
                if error.errno not in _CAPACITY_ERRNOS:
                    raise
                if not is_short:
                    self._log_shortage(os.strerror(error.errno))
                is_short = True
                await trio.sleep(_CAPACITY_PAUSE_SECONDS)
                continue
            is_short = False
            caller = self._admit(connected)
            if caller is None:
                connected.close()
                self._free_places.release()
            else:
                nursery.start_soon(self._serve, serve, connected, caller)

    async def _serve(
        self,
        serve: Callable[[trio.socket.SocketType, Caller], Awaitable[None]],
        connected: trio.socket.SocketType,
        caller: Caller,
    ) -> None:
        try:
            await serve(connected, caller)
        finally:
            self._free_places.release()

    async def _wait_for_place(self) -> None:
        try:
            self._free_places.acquire_nowait()
        except trio.WouldBlock:
            self._log_shortage(
                f"{self._most_clients} clients are connected; the limit of open files (ulimit -Hn) allows no more"
            )
            await self._free_places.acquire()  # until a client leaves

    def _log_shortage(self, reason: str) -> None:
        now = trio.current_time()
        if now >= self._next_log_at:
            self._next_log_at = now + _SHORTAGE_LOG_SECONDS
            _log.error("No more clients can be accepted at the moment.", reason=reason)

    def _admit(self, connected: trio.socket.SocketType) -> Caller | None:
        try:
            credentials = peer_credentials(connected)
        except OSError as error:
            _log.warning("A client was refused: could not read the peer's credentials.", reason=str(error))
            return None
        if credentials.uid not in (os.geteuid(), _ROOT_UID):
            _log.warning("A client of another user was refused.", pid=credentials.pid, uid=credentials.uid)
            return None
        self._connections += 1
        return Caller(self._connections, credentials.pid, credentials.uid, now_ms())

    async def keep_path(self) -> None:
        """Listen at the path again whenever it does not lead here any more; never return.

        The path may go with a wiped runtime directory, for example. A socket of the service manager can't be bound
        again, and another program's is never taken: both are logged.
        """
        limiter = trio.CapacityLimiter(1)
        while True:
            await trio.sleep(_PATH_CHECK_SECONDS)
            try:
                # Without a time limit: nobody waits for it, and a thread that was given up could still bind.
                again = await run_in_thread(self._bind_if_lost, limiter=limiter)
            except (SocketUnusable, NoThread) as error:
                self._note_path_problem(error.message)
                continue
            if again is not None:
                lost, self._socket = self._socket, trio.socket.from_stdlib_socket(again)
                lost.close()
                _log.warning(
                    "The socket had gone from its path: the daemon listens there again.",
                    path=str(self.path),
                )
            elif self._path_problem:
                _log.info("The path of the socket leads to this daemon again.", path=str(self.path))
            self._path_problem = ""

    def _bind_if_lost(self) -> socket.socket | None:
        """Bind the path again if it does not lead here. Runs in a thread. Raises SocketUnusable."""
        if self._leads_here() or self._closed.is_set():  # in this order: closing removes the file
            return None
        if not self._owns_file:
            raise SocketUnusable(
                f"{self.path} does not lead to this daemon any more, and only the service manager can bind it again: "
                "restart the socket's unit, and then the daemon."
            )
        again = listen_at(self.path, replaces=True)
        self._identity = identity_of(self.path)
        if self._closed.is_set():
            again.close()
            self._remove_file()
            return None
        return again

    def _leads_here(self) -> bool:
        try:
            found = self.path.stat()  # a link to the socket will do
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._identity

    def _note_path_problem(self, problem: str) -> None:
        if problem != self._path_problem:
            self._path_problem = problem
            _log.error("No client can reach the daemon at its path.", reason=problem)

    def close(self) -> None:
        """Stop listening; remove the socket's file if this listener owns it and no other has replaced it."""
        self._closed.set()
        self._socket.close()
        if self._owns_file:
            self._remove_file()

    def _remove_file(self) -> None:
        try:
            if identity_of(self.path) == self._identity:
                self.path.unlink()
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            _log.warning("The socket could not be removed.", path=str(self.path), reason=str(error))


def adopt(listening: socket.socket) -> SocketListener:
    """Listen on a socket of the service manager, which keeps it open: after `close`, clients wait in its backlog."""
    return SocketListener(Path(listening.getsockname()), listening, owns_file=False)


def bind(path: Path) -> SocketListener:
    """Listen on `path` with mode 0600; make its directory with mode 0700 if it is missing. Raises SocketUnusable.

    The caller must hold the lock of the data directory: a socket without a listener is then a dead daemon's,
    and is replaced.
    """
    return SocketListener(path, listen_at(path), owns_file=True)
