"""Standard output and error as the daemon writes to them: it never waits for their readers, nor fails by them.

The strategy: lines are handed to a thread, which may wait for a pipe that nobody reads, a terminal
that is stopped or a disk that hangs. What waits is bounded. What is over that, or could not be
written, is counted, and told of once a line gets through again.
"""

import os
import select
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TextIO

_WAITING_CHARACTERS: Final = 1024 * 1024
_CLOSE_SECONDS: Final = 1.0  # how long the end of the daemon waits for whoever reads what it said last
_STANDARD: Final = (0, 1, 2)


def open_missing() -> None:
    """Leads descriptors 0 to 2 to /dev/null where they are closed, lest a file of the store be one of them."""
    while (opened := os.open(os.devnull, os.O_RDWR)) in _STANDARD:
        pass
    os.close(opened)


def say(stream: TextIO | None, text: str) -> None:
    """Writes one text and its newline, if that can be done within a second."""
    lines = LineWriter(stream)
    lines.msg(text)
    lines.close()


class LineWriter:
    """Writes lines to a stream, in order, without keeping anybody waiting; also a logger for structlog.

    `tell_lost` is called, in the thread, with the number of lines that were lost, once there is room
    again to tell of it.
    """

    def __init__(self, stream: TextIO | None, tell_lost: Callable[[int], None] = lambda _: None) -> None:
        self._write = _writing_to(stream)
        self._tell_lost = tell_lost
        self._lines: deque[str] = deque()
        self._waiting_characters = 0
        self._lost = 0
        self._is_closed = False
        self._changed = threading.Condition()
        # A daemon thread: one that waits for a reader must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def msg(self, line: str) -> None:
        """Has the line written, or counts it as lost where too many wait already."""
        with self._changed:
            if self._waiting_characters > _WAITING_CHARACTERS:
                self._lost += 1
                return
            self._lines.append(line)
            self._waiting_characters += len(line)
            self._changed.notify()

    # structlog calls a logger's method by the level's name.
    debug = info = warning = error = critical = msg

    def close(self) -> None:
        """Waits until all lines are written, for a second at most."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        while (line := self._next()) is not None:
            try:
                self._write(line)
            except OSError:
                with self._changed:
                    self._lost += 1
            else:
                self._tell_of_loss()

    def _next(self) -> str | None:
        with self._changed:
            while not self._lines:
                if self._is_closed:
                    return None
                self._changed.wait()  # for as long as nothing is said
            line = self._lines.popleft()
            self._waiting_characters -= len(line)
            return line

    def _tell_of_loss(self) -> None:
        with self._changed:
            lost = 0 if self._lines else self._lost
            self._lost -= lost
        if lost:
            self._tell_lost(lost)


def _writing_to(stream: TextIO | None) -> Callable[[str], None]:
    """Writes a line to the stream; raises OSError."""
    if stream is None:  # so Python tells of one that was closed when the process began
        return lambda _: None
    try:
        return _Descriptor(stream.fileno()).write
    except OSError:  # io.UnsupportedOperation: a stream of this process's own, which leads to no descriptor
        return lambda line: _write_text(stream, line)


def _write_text(stream: TextIO, line: str) -> None:
    stream.write(line + "\n")
    stream.flush()


class _Descriptor:
    """Writes to a descriptor itself: in a buffer, what failed would be there still, and fail again at the end."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._is_torn = False

    def write(self, line: str) -> None:
        """Writes the line, after the end of one that was written in part."""
        text = memoryview(f"{line}\n".encode(errors="backslashreplace"))
        if self._is_torn:
            self._write(memoryview(b"\n"))
            self._is_torn = False
        while text:
            text = text[self._write(text) :]
            self._is_torn = bool(text)

    def _write(self, text: memoryview) -> int:
        while True:
            with suppress(BlockingIOError):
                return os.write(self._number, text)
            # Another program made it non-blocking; this thread is there to wait.
            select.select([], [self._number], [])
