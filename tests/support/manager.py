"""The service manager of a test: the socket on which the daemon tells it of its life, and what there is to tell."""

import socket
from pathlib import Path

from workspaced_protocol.daemon_models import CommitStatistics, DaemonStatus, RecoveryStatus, StoreStatus


class Manager:
    """The socket that a service manager is told on."""

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.address)
        self.socket.setblocking(False)

    def told(self) -> list[list[str]]:
        """The lines of each message that has come."""
        messages: list[list[str]] = []
        while True:
            try:
                messages.append(self.socket.recv(4096).decode().split("\n"))
            except BlockingIOError:
                return messages


def status_of(workspaces: int, store: StoreStatus) -> DaemonStatus:
    """The status of a daemon with this many workspaces, whose store fares so."""
    return DaemonStatus(
        version="1",
        protocol=1,
        pid=1,
        data_dir="/data",
        socket="/run/x.sock",
        started_at=1,
        revision=1,
        workspaces=workspaces,
        sessions=0,
        connections=1,
        recovery=RecoveryStatus("clean", (), acknowledged=True),
        store=store,
        commits=CommitStatistics(0, 0, 0.0, 0.0),
    )
