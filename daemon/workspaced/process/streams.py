"""Writing to stdout and stderr without blocking the daemon or raising errors.

The strategy: a thread writes the lines. It may block on a pipe without a reader, a stopped terminal or a
hanging disk. The queue of lines is bounded. Lines over the bound and lines that can't be written are
counted, and the count is logged once a line gets through again.
"""

import os
import select
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TextIO

_WAITING_CHARACTERS: Final = 1024 * 1024
_CLOSE_SECONDS: Final = 1.0  # the daemon waits this long at its end for the last lines to be written
_STANDARD: Final = (0, 1, 2)


def open_missing() -> None:
    """Open /dev/null as descriptors 0 to 2 where they are closed, so that no file of the store gets such a number."""
    while (opened := os.open(os.devnull, os.O_RDWR)) in _STANDARD:
        pass
    os.close(opened)


def say(stream: TextIO | None, text: str) -> None:
    """Write a text and a newline; give up after a second."""
    lines = LineWriter(stream)
    lines.write(text)
    lines.close()


class LineWriter:
    """Writes lines to a stream, in order, without blocking the caller.

    `report_lost` is called in the thread with the number of lost lines, once there is room again.
    """

    def __init__(self, stream: TextIO | None, report_lost: Callable[[int], None] = lambda _: None) -> None:
        self._write = _writing_to(stream)
        self._report_lost = report_lost
        self._lines: list[str] = []
        self._waiting_characters = 0
        self._lost = 0
        self._is_closed = False
        self._changed = threading.Condition()
        # A daemon thread, because a thread that waits for a reader must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        with suppress(RuntimeError):  # no more threads: `close` writes the lines
            self._thread.start()

    def write(self, line: str) -> None:
        """Queue the line, or count it as lost if the queue is full."""
        with self._changed:
            if self._waiting_characters > _WAITING_CHARACTERS:
                self._lost += 1
                return
            self._lines.append(line)
            self._waiting_characters += len(line)
            self._changed.notify()

    def close(self) -> None:
        """Wait until all lines are written, for at most a second."""
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
                # Only report while the queue is empty, so that there is room for the report.
                reported = 0 if lost or self._lines else self._lost
                self._lost -= reported
            if reported:
                self._report_lost(reported)

    def _next(self) -> list[str]:
        """Wait for lines and return all of them: other threads may take milliseconds between two writes."""
        with self._changed:
            while not self._lines and not self._is_closed:
                self._changed.wait()  # unbounded: until a line is logged
            lines, self._lines, self._waiting_characters = self._lines, [], 0
            return lines


def _writing_to(stream: TextIO | None) -> Callable[[list[str]], int]:
    """Return a function that writes lines to the stream and returns the number of lost lines."""
    if stream is None:  # it was closed when the process began
        return lambda _: 0
    try:
        return _DescriptorWriter(stream.fileno()).write
    except OSError:  # io.UnsupportedOperation: a stream within this process, without a descriptor
        return lambda lines: _write_text(stream, lines)


def _write_text(stream: TextIO, lines: list[str]) -> int:
    try:
        stream.write("".join(f"{line}\n" for line in lines))
        stream.flush()
    except OSError:
        return len(lines)
    return 0


class _DescriptorWriter:
    """Writes to a descriptor without a buffer. A buffer would keep lines after a failure, and fail again at exit."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._is_cut_off = False

    def write(self, lines: list[str]) -> int:
        """Write the lines and return the number of incomplete ones. First end a line that was cut off earlier."""
        text = "".join(f"{line}\n" for line in lines).encode(errors="backslashreplace")
        if self._is_cut_off:
            text = b"\n" + text
        left = memoryview(text)
        try:
            while left:
                left = left[self._write(left) :]
        except OSError:
            written = len(text) - len(left)
            self._is_cut_off = text[written - 1 : written] != b"\n" if written else self._is_cut_off
            return min(len(lines), bytes(left).count(b"\n"))
        self._is_cut_off = False
        return 0

    def _write(self, text: memoryview) -> int:
        while True:
            with suppress(BlockingIOError):
                return os.write(self._number, text)
            # Another program made the descriptor non-blocking, but this thread may block.
            select.select([], [self._number], [])
