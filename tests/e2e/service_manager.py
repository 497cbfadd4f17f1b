"""A service manager for one daemon: it hears how the daemon fares, and passes it a listening socket."""

import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from support.waiting import PATIENCE_SECONDS

Message = dict[str, str]

_LAUNCH = """
import os, sys
passed, pid, *command = sys.argv[1:]
if passed != "3":
    os.dup2(int(passed), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_FDNAMES="workspaced", LISTEN_PID=pid or str(os.getpid()))
os.execv(command[0], command)
"""


def passing(listening: socket.socket, pid: str = "") -> Sequence[str]:
    """Return a launcher that passes a daemon this socket, as sd_listen_fds(3) tells it; `pid` is another's."""
    return (sys.executable, "-c", _LAUNCH, str(listening.fileno()), pid)


class ServiceManager:
    """The socket on which a daemon tells how it fares."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self._path))

    @property
    def environment(self) -> dict[str, str]:
        return {"NOTIFY_SOCKET": str(self._path)}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def hear(self, within_seconds: float = PATIENCE_SECONDS) -> Message:
        """Return the next message, by field. Raises TimeoutError where none comes."""
        self._socket.settimeout(within_seconds)
        lines = self._socket.recv(4096).decode().split("\n")
        return dict(line.split("=", 1) for line in lines)

    def hear_of(self, field: str) -> list[Message]:
        """Return all messages up to the first that has this field."""
        messages = [self.hear()]
        while field not in messages[-1]:
            messages.append(self.hear())
        return messages

    def falls_silent(self, seconds: float, messages: int = 20) -> bool:
        """Return whether no message comes for so long, after those that were on their way."""
        for _ in range(messages + 1):
            try:
                self.hear(seconds)
            except TimeoutError:
                return True
        return False
