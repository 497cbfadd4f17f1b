"""A process whose output is read by threads, so that it never waits for its reader."""

import os
import signal
import subprocess
import threading
from typing import IO, Final

PATIENCE_SECONDS: Final = 30.0
"""How long to wait for a start or an end. It is generous: only a defect uses it up."""


class Child:
    """A process with pipes as its outputs, which leads a process group of its own: `close` ends the whole group."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self.written = {"stdout": b"", "stderr": b""}
        self._stirred = threading.Condition()  # notified when it has written something, or closed a stream
        streams = (("stdout", process.stdout), ("stderr", process.stderr))
        # Daemonic: they are no reason for this process to live on, whose end is that of the child.
        self._readers = [
            threading.Thread(target=self._read, args=(name, stream), daemon=True)
            for name, stream in streams
            if stream
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str, stream: IO[bytes]) -> None:
        while chunk := os.read(stream.fileno(), 65536):
            with self._stirred:
                self.written[name] += chunk
                self._stirred.notify_all()
        with self._stirred:
            self._stirred.notify_all()

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def wait_for_news(self, seconds: float) -> None:
        """Return when it writes something or closes a stream, or after this time."""
        with self._stirred:
            self._stirred.wait(seconds)

    def wait(self) -> int:
        """Return its exit code once it has ended and all its output is read. Raises subprocess.TimeoutExpired."""
        code = self.process.wait(PATIENCE_SECONDS)
        for reader in self._readers:
            reader.join(PATIENCE_SECONDS)
        return code

    def close(self) -> None:
        """End it whatever its condition, also stopped, with all that it started, and free its pipes."""
        if self.is_running:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.wait()
        self.process.__exit__(None, None, None)  # closes the pipes
