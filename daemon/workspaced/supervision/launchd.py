"""The listening socket from launchd on macOS: launch_activate_socket(3), called with ctypes."""

import ctypes
import errno
import os
import sys
from typing import Any, Final

from workspaced.rpc.socket_file import SocketUnusable

_LIBRARY: Final = "/usr/lib/libSystem.dylib"

# launch_activate_socket(3), ERRORS, with the way out of each.
_REASONS: Final = {
    errno.ENOENT: "the job has no socket of that name: compare LAUNCHD_SOCKET with the keys in Sockets",
    errno.ESRCH: "this process was not started by launchd: unset LAUNCHD_SOCKET",
    errno.EALREADY: "this process has already taken the socket",
}


def launchd_socket(name: str, library: Any = None) -> int:
    """Return the descriptor of the socket `name` in the `Sockets` of the job's property list.

    `library` has the C functions `launch_activate_socket` and `free`. The default is the system's library;
    tests pass another. Raises SocketUnusable.
    """
    library = library or _system_library()
    activate, free = library.launch_activate_socket, library.free
    # int launch_activate_socket(const char *name, int **fds, size_t *cnt); the caller frees fds.
    activate.argtypes = [
        ctypes.c_char_p,
        ctypes.POINTER(ctypes.POINTER(ctypes.c_int)),
        ctypes.POINTER(ctypes.c_size_t),
    ]
    activate.restype = ctypes.c_int
    free.argtypes = [ctypes.c_void_p]
    free.restype = None
    array, count = ctypes.POINTER(ctypes.c_int)(), ctypes.c_size_t()
    failure: int = activate(os.fsencode(name), ctypes.byref(array), ctypes.byref(count))
    if failure:
        reason = _REASONS.get(failure, os.strerror(failure))
        raise SocketUnusable(f"launchd did not pass the socket {name}: {reason}.")
    descriptors: list[int] = [array[index] for index in range(count.value)]
    free(array)
    if len(descriptors) != 1:
        for descriptor in descriptors:
            os.close(descriptor)
        raise SocketUnusable(
            f"launchd passed {len(descriptors)} sockets named {name}, but exactly one is needed: give the job one "
            "SockPathName."
        )
    return descriptors[0]


def _system_library() -> Any:
    if sys.platform == "darwin":
        return ctypes.CDLL(_LIBRARY)
    raise SocketUnusable("LAUNCHD_SOCKET is set, but launchd exists only on macOS: unset it.")
