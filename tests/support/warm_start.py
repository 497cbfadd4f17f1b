"""Daemons by fork: a process that has imported the daemon once starts each of them, without nine tenths of a start.

Such a daemon has its own session, directory, environment, streams and signals, as one that was executed. But
it is no proof of what a program takes from the moment of its execution: the locale and Python's variables, its
descriptors and signals, the order of its imports, its parent. `DaemonProcess` executes whatever is about these.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

_MAX_REQUEST_BYTES = 1 << 17  # arguments and an environment


class WarmProcess:
    """A daemon with pipes as its outputs: what `Child` asks of a `subprocess.Popen`, and no more."""

    def __init__(self, arguments: Sequence[str], directory: Path, environment: Mapping[str, str]) -> None:
        self._status, status = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        self.returncode: int | None = None
        (out, out_end), (err, err_end) = os.pipe(), os.pipe()
        self.stdout, self.stderr = os.fdopen(out, "rb", 0), os.fdopen(err, "rb", 0)
        start = {"arguments": arguments, "directory": str(directory), "environment": dict(environment)}
        socket.send_fds(_starter(), [json.dumps(start).encode()], [out_end, err_end, status.fileno()])
        for end in (out_end, err_end):
            os.close(end)
        status.close()
        told = self._status.recv(32)
        assert told, "the process that forks daemons could not fork this one: its error stands in the output"
        self.pid = int(told)

    def poll(self) -> int | None:
        """Return its exit code, or None while it runs."""
        with self._lock:
            if self.returncode is None and select.select([self._status], [], [], 0)[0]:
                self.returncode = int(self._status.recv(32))
                self._status.shutdown(socket.SHUT_RDWR)  # its pid may be taken by another from now on
            return self.returncode

    def wait(self, timeout: float) -> int:
        """Return its exit code once it has ended. Raises subprocess.TimeoutExpired."""
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            left_seconds = deadline - time.monotonic()
            if left_seconds < 0:
                raise subprocess.TimeoutExpired("workspaced", timeout)
            select.select([self._status], [], [], left_seconds)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def __exit__(self, *_: object) -> None:
        for opened in (self.stdout, self.stderr, self._status):
            opened.close()


@cache
def _starter() -> socket.socket:
    """Start the process that forks, and return where it takes requests; it ends with this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        starter = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # a Ctrl-C is for the tests
        )

    def end() -> None:
        ours.close()
        starter.wait()

    atexit.register(end)
    return ours


# What follows runs in the process that forks, and in its children.


def _serve(requests: socket.socket) -> None:
    """Start a daemon for each request, until the end of who makes them."""
    import workspaced.cli  # noqa: F401 - this is what a start takes so long for
    from workspaced_protocol import mounts

    # So that no daemon warns of a temporary directory in memory; final for everybody else.
    setattr(mounts, "TABLE", os.devnull)  # noqa: B010
    gc.freeze()  # a collection in a child would copy all of it
    while True:
        request, descriptors, _, _ = socket.recv_fds(requests, _MAX_REQUEST_BYTES, 3)
        if not request:
            return
        if os.fork() == 0:
            requests.close()
            _keep(json.loads(request), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        while _has_reaped():
            pass


def _has_reaped() -> bool:
    """Whether a child had ended, and is no zombie any more."""
    try:
        return os.waitpid(-1, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return False


def _keep(start: dict[str, Any], out: int, err: int, status: int) -> NoReturn:
    """Start the daemon as a child of this process; tell its pid, and then its exit code, and keep its pid taken."""
    try:
        pid = os.fork()
        if pid == 0:
            os.close(status)
            _become_daemon(start, out, err)
        os.close(out)
        os.close(err)
        with socket.socket(fileno=status) as told:
            told.send(str(pid).encode())
            ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            assert ended is not None
            has_exited = ended.si_code == os.CLD_EXITED
            told.send(str(ended.si_status if has_exited else -ended.si_status).encode())
            told.recv(1)  # until nobody can send a signal to this pid any more
    finally:
        os._exit(0)


def _become_daemon(start: dict[str, Any], out: int, err: int) -> NoReturn:
    code: object = 1
    try:
        os.setsid()
        for descriptor, stream in ((out, 1), (err, 2)):
            os.dup2(descriptor, stream)
            os.close(descriptor)
        os.chdir(start["directory"])
        os.environ.clear()
        os.environ.update(start["environment"])
        time.tzset()
        sys.argv = ["workspaced", *start["arguments"]]

        from workspaced.__main__ import main

        main()
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001 - as Python does at the end of a program
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as _requests:
        _serve(_requests)
