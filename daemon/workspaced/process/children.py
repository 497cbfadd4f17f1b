"""The children of the process: those that the daemon waits for, and all others, which it reaps.

A process may have children that it never started: as PID 1 of a container, it inherits whatever has lost its
parent, such as the helpers of a git that was stopped; and exec keeps the children of the program before it. Each of
them stays in the system's table as a zombie until its parent waits for it. The reaper does that, but takes no exit
code from other code that waits for its own child.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Final, cast

import trio

_KILL_SECONDS: Final = 5.0  # for the system to end a killed process, unless a disk keeps it


class Children:
    """The children that the daemon started, until they are forgotten."""

    def __init__(self) -> None:
        self._own: set[int] = set()
        self._starting = 0
        self._reaps = False

    async def start(self, command: Sequence[str], **options: Any) -> trio.Process:
        """Start a child as `trio.lowlevel.open_process` does. The caller waits for it, then calls `forget`."""
        # Its pid is known only a moment after its start, and it may have ended by then.
        self._starting += 1
        try:
            process: trio.Process = await trio.lowlevel.open_process(command, **options)
            self._own.add(process.pid)
        finally:
            self._starting -= 1
            self._reap()
        return process

    async def output(self, command: Sequence[str], **options: Any) -> bytes:
        """Run a child to its end and return what it wrote to stdout, whatever its exit code. Cancelled, it is killed."""
        process = await self.start(command, stdout=subprocess.PIPE, **options)
        try:
            written = bytearray()
            async with cast("trio.abc.ReceiveStream", process.stdout) as stdout:
                async for chunk in stdout:
                    written += chunk
            await process.wait()
            return bytes(written)
        finally:
            if process.returncode is None:
                process.kill()
                with trio.CancelScope(shield=True), trio.move_on_after(_KILL_SECONDS):
                    await process.wait()
            self.forget(process)

    def forget(self, process: trio.Process) -> None:
        """Leave the child to the reaper, in case that it still runs, such as one that hangs at a disk."""
        self._own.discard(process.pid)
        self._reap()

    async def reap_others(self) -> None:
        """Reap all other children of this process, now and whenever one ends. For the owner of the process."""
        if sys.platform == "darwin":
            return  # PID 1 is launchd there, and Python has waitid() only since 3.13
        with trio.open_signal_receiver(signal.SIGCHLD) as ended:
            self._reaps = True
            self._reap()
            async for _ in ended:
                self._reap()

    def _reap(self) -> None:
        """Reap every other child that has ended. Those behind a child of our own are reaped once it is forgotten."""
        while self._reaps and not self._starting:
            try:
                # WNOWAIT only tells of it: the kernel tells of the same child until it is reaped.
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                if ended is None or ended.si_pid in self._own:
                    return
                os.waitpid(ended.si_pid, 0)
            except ChildProcessError:
                return
