"""What the daemon writes to, when nobody reads it, when it is full, and when it is not there."""

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from io import StringIO

import pytest

from workspaced.process.streams import LineWriter, say

PATIENCE_SECONDS = 30.0


class Pipe:
    """A pipe whose reader reads when the test wants it to."""

    def __init__(self) -> None:
        self.reading, writing = os.pipe()
        self.stream = os.fdopen(writing, "w")

    def fill(self) -> None:
        """Leaves no room in it."""
        number = self.stream.fileno()
        os.set_blocking(number, False)
        with suppress(BlockingIOError):
            while True:
                os.write(number, b"." * 4096)
        os.set_blocking(number, True)

    def read_until(self, end: str) -> str:
        """What comes, up to this."""
        read = b""
        while not read.endswith(end.encode()):
            read += os.read(self.reading, 65536)
        return read.decode().lstrip(".")


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    with ExitStack() as stack:
        stack.callback(os.close, pipe.reading)
        stack.enter_context(pipe.stream)
        yield pipe


def test_lines_come_in_order_and_whole_whatever_is_in_them(pipe: Pipe) -> None:
    lines = LineWriter(pipe.stream)
    for number in range(1000):
        lines.write(f"{number} é\udcff")
    lines.close()
    written = pipe.read_until("999 é\\udcff\n").splitlines()
    assert written == [rf"{number} é\udcff" for number in range(1000)]


def test_a_pipe_that_nobody_reads_keeps_nobody_waiting_and_the_loss_is_told(pipe: Pipe) -> None:
    pipe.fill()
    lost: list[int] = []

    def tell_lost(count: int) -> None:
        lost.append(count)
        lines.write("the last")

    lines = LineWriter(pipe.stream, tell_lost)
    for number in range(3000):
        lines.write(f"{number} ".ljust(1024, "x"))
    lines.close()  # gives up after a second
    assert lost == []
    written = pipe.read_until("the last\n").splitlines()
    (count,) = lost
    numbers = [int(line.split()[0]) for line in written[:-1]]
    assert numbers == sorted(numbers)
    assert len(numbers) == 3000 - count
    assert 1024 < len(numbers) < 2100  # a mebibyte waits, and as much may be with the thread


def test_a_pipe_that_another_program_made_non_blocking_loses_nothing(pipe: Pipe) -> None:
    pipe.fill()
    os.set_blocking(pipe.stream.fileno(), False)
    lines = LineWriter(pipe.stream, lambda count: pytest.fail(f"{count} lines were lost"))
    for _ in range(300):
        lines.write("x" * 1024)
    lines.write("the last")
    assert pipe.read_until("the last\n").count("\n") == 301
    lines.close()


class FullForAWhile(StringIO):
    """A stream that refuses what comes until it is emptied."""

    def __init__(self) -> None:
        super().__init__()
        self.has_refused = threading.Event()
        self.is_full = True

    def write(self, text: str) -> int:
        if self.is_full:
            self.has_refused.set()
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


def test_lines_that_could_not_be_written_are_told_of_once_there_is_room_again() -> None:
    lost: list[int] = []
    stream = FullForAWhile()
    lines = LineWriter(stream, lost.append)
    lines.write("one")
    assert stream.has_refused.wait(PATIENCE_SECONDS)
    stream.is_full = False
    lines.write("two")
    lines.close()
    assert stream.getvalue() == "two\n"
    assert lost == [1]


def test_a_line_that_was_written_in_part_is_ended_before_the_next(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, write = pipe.stream.fileno(), os.write
    limits = iter([7, 0, 100, 100])  # what a disk takes of each write; nothing: it is full
    is_full = threading.Event()

    def limited(descriptor: int, data: memoryview) -> int:
        if descriptor != number:
            return write(descriptor, data)
        limit = next(limits)
        if not limit:
            is_full.set()
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[:limit])

    monkeypatch.setattr(os, "write", limited)
    lost: list[int] = []
    lines = LineWriter(pipe.stream, lost.append)
    lines.write("one\ntwo and more\nthree")  # as one, so that they are written together
    assert is_full.wait(PATIENCE_SECONDS)
    lines.write("four")
    lines.close()
    assert pipe.read_until("four\n") == "one\ntwo\nfour\n"
    assert lost == [1]


def test_a_pipe_without_a_reader_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        say(stream, "nobody hears it")


def test_without_a_stream_nothing_is_written_and_nothing_fails() -> None:
    say(None, "nobody hears it")


def test_where_the_system_starts_no_more_threads_the_end_still_tells(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    say(pipe.stream, "no more threads")
    assert pipe.read_until("\n") == "no more threads\n"


def test_the_end_waits_for_a_reader_for_a_second_only(pipe: Pipe) -> None:
    pipe.fill()
    done = threading.Event()

    def end() -> None:
        say(pipe.stream, "the last")
        done.set()

    ending = threading.Thread(target=end)
    ending.start()
    assert done.wait(PATIENCE_SECONDS)
    ending.join()
    assert pipe.read_until("the last\n") == "the last\n"
