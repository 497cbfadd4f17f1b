"""The peer credentials of a Unix socket, from the kernel."""

import socket
import struct
import sys
from typing import Final, NamedTuple

import trio

# <sys/un.h> of macOS; Python's socket module does not name them.
_SOL_LOCAL: Final = 0
_LOCAL_PEERCRED: Final = 0x001
_LOCAL_PEERPID: Final = 0x002
_XUCRED: Final = struct.Struct("IIh16I")  # version, uid, number of groups, groups (<sys/ucred.h>)


class PeerCredentials(NamedTuple):
    """The process and the user of the peer."""

    pid: int
    uid: int


def peer_credentials(connected: trio.socket.SocketType) -> PeerCredentials:
    """Return the peer's credentials at the time of its connect(2). Raise OSError if the kernel has none."""
    if sys.platform == "darwin":
        _, uid, *_ = _XUCRED.unpack(connected.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED.size))
        return PeerCredentials(connected.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID), uid)
    # SO_PEERCRED gives a struct ucred: pid, uid, gid (unix(7)).
    pid, uid, _ = struct.unpack("iII", connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return PeerCredentials(pid, uid)
