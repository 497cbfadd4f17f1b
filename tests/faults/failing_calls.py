"""The library `failing_calls.c`: how it is built, and how a process under it puts faults into its own system calls."""

import ctypes
import errno
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

_SOURCE: Final = Path(__file__).with_suffix(".c")
_COMPILER: Final = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")

needs_compiler = pytest.mark.skipif(
    _COMPILER is None or os.uname().sysname != "Linux",
    reason="a C compiler is needed for the library that makes system calls fail, and Linux for its LD_PRELOAD",
)

NONE, ERROR, LASTING_ERROR, SHORT_WRITE, KILL = range(5)
POWER_LOSS: Final = 5
"""A kill after which only what was synced is left."""

READ_ERROR, LASTING_READ_ERROR = 6, 7
"""Of these, reads alone are counted."""


class HowItFails(NamedTuple):
    """A kind of fault, the error that it brings, and whether only calls that need room meet it."""

    number: int
    error: int = 0
    needs_room: bool = False


KINDS: Final = {
    "error": HowItFails(ERROR, errno.EIO),
    "lasting error": HowItFails(LASTING_ERROR, errno.EIO),
    "full disk": HowItFails(ERROR, errno.ENOSPC, needs_room=True),
    "lasting full disk": HowItFails(LASTING_ERROR, errno.ENOSPC, needs_room=True),
    "short write": HowItFails(SHORT_WRITE, errno.ENOSPC, needs_room=True),
    "kill": HowItFails(KILL),
    "power loss": HowItFails(POWER_LOSS),
    "read error": HowItFails(READ_ERROR, errno.EIO),
    "lasting read error": HowItFails(LASTING_READ_ERROR, errno.EIO),
}


def build(folder: Path) -> Path:
    """Compile the library into this folder."""
    library = folder / "failing_calls.so"
    command = [_COMPILER or "cc", "-O1", "-shared", "-fPIC", "-o", str(library), str(_SOURCE), "-ldl"]
    subprocess.run(command, check=True)
    return library


class Calls:
    """The library in a process that runs under it."""

    def __init__(self, watched: Path) -> None:
        """Count the calls on what lies below `watched`."""
        self._library: Any = ctypes.CDLL(os.environ["LD_PRELOAD"])
        self._library.faults_trace.restype = ctypes.c_char_p
        self._library.faults_reads.restype = ctypes.c_long
        self._library.faults_watch(os.fsencode(watched))

    def arm(self, kind: int = NONE, at: int = 0, number: int = 0) -> None:
        """Count from 1 again; the call number `at` meets the fault."""
        self._library.faults_arm(kind, ctypes.c_long(at), number)

    def shadow(self, path: Path) -> None:
        """Keep what is synced in this directory."""
        self._library.faults_shadow(os.fsencode(path))

    def trace(self) -> list[str]:
        """The calls since the last `arm`, but for reads."""
        text: bytes = self._library.faults_trace()
        return text.decode().split()

    def reads(self) -> int:
        """The number of reads since the last `arm`."""
        return int(self._library.faults_reads())
