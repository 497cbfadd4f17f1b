"""Standard output and error as the daemon writes to them: it never waits for their readers, nor fails by them.

The strategy: lines are handed to a thread, which may wait for a pipe that nobody reads, a terminal
that is stopped or a disk that hangs. What waits is bounded. What is over that, or could not be
written, is counted, and told of once a line gets through again.
"""

import os
import select
import threading
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
        self._lines: list[str] = []
        self._waiting_characters = 0
        self._lost = 0
        self._is_closed = False
        self._changed = threading.Condition()
        # A daemon thread: one that waits for a reader must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        with suppress(RuntimeError):  # the system starts no more threads: the lines are written at the end
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
        if self._thread.ident is None:
            self._run()
        else:
            self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        while lines := self._next():
            lost = self._write(lines)
            with self._changed:
                self._lost += lost
                # Told where nothing waits, so that there is room for it.
                told = 0 if lost or self._lines else self._lost
                self._lost -= told
            if told:
                self._tell_lost(told)

    def _next(self) -> list[str]:
        """All lines that wait, together: between two writes, the other threads may take milliseconds."""
        with self._changed:
            while not self._lines and not self._is_closed:
                self._changed.wait()  # for as long as nothing is said
            lines, self._lines, self._waiting_characters = self._lines, [], 0
            return lines


def _writing_to(stream: TextIO | None) -> Callable[[list[str]], int]:
    """Writes lines to the stream; gives how many of them could not be written."""
    if stream is None:  # so Python tells of one that was closed when the process began
        return lambda _: 0
    try:
        return _Descriptor(stream.fileno()).write
    except OSError:  # io.UnsupportedOperation: a stream of this process's own, which leads to no descriptor
        return lambda lines: _write_text(stream, lines)


def _write_text(stream: TextIO, lines: list[str]) -> int:
    try:
        stream.write("".join(f"{line}\n" for line in lines))
        stream.flush()
    except OSError:
        return len(lines)
    return 0


class _Descriptor:
    """Writes to a descriptor itself: in a buffer, what failed would be there still, and fail again at the end."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._is_torn = False

    def write(self, lines: list[str]) -> int:
        """Writes the lines, after the end of one that was written in part; gives how many are not whole."""
        text = "".join(f"{line}\n" for line in lines).encode(errors="backslashreplace")
        if self._is_torn:
            text = b"\n" + text
        left = memoryview(text)
        try:
            while left:
                left = left[self._write(left) :]
        except OSError:
            written = len(text) - len(left)
            self._is_torn = text[written - 1 : written] != b"\n" if written else self._is_torn
            return min(len(lines), bytes(left).count(b"\n"))
        self._is_torn = False
        return 0

    def _write(self, text: memoryview) -> int:
        while True:
            with suppress(BlockingIOError):
                return os.write(self._number, text)
            # Another program made it non-blocking; this thread is there to wait.
            select.select([], [self._number], [])
