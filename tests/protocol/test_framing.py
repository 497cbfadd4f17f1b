"""Framing: every stream gives the same lines, in whatever pieces it arrives."""

import time
import tracemalloc
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workspaced_protocol.framing import MAX_LINE_BYTES, LineSplitter

CAP = 8

EXAMPLES = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


def feedings(stream: bytes) -> Iterator[list[bytes]]:
    """The stream whole, byte by byte, and split at every position."""
    yield [stream]
    yield [stream[at : at + 1] for at in range(len(stream))]
    for at in range(1, len(stream)):
        yield [stream[:at], stream[at:]]


def run(pieces: list[bytes], cap: int = MAX_LINE_BYTES) -> tuple[list[bytes], LineSplitter]:
    splitter = LineSplitter(cap)
    return [line for piece in pieces for line in splitter.feed(piece)], splitter


STREAMS = [
    pytest.param(b"", [], 0, id="nothing"),
    pytest.param(b"ab\n", [b"ab"], 0, id="a line"),
    pytest.param(b"a\nbc\nd\n", [b"a", b"bc", b"d"], 0, id="lines"),
    pytest.param(b"ab", [], 2, id="an unfinished line"),
    pytest.param(b"ab\ncd\nefg", [b"ab", b"cd"], 3, id="lines and an unfinished one"),
    pytest.param(b"\n", [], 0, id="an empty line"),
    pytest.param(b"\n\na\n\n\nb\n\n", [b"a", b"b"], 0, id="empty lines between"),
    pytest.param(b"  \n\t \na\n", [b"a"], 0, id="blank lines"),
    pytest.param(b"ab\r\ncd\r\n", [b"ab\r", b"cd\r"], 0, id="CRLF, a JSON reader's white space"),
    pytest.param(b"\r\n\r\na\r\n", [b"a\r"], 0, id="empty lines with CRLF"),
    pytest.param(b"a\rb\n", [b"a\rb"], 0, id="CR alone ends no line"),
    pytest.param(b" a \n", [b" a "], 0, id="white space around is kept"),
    pytest.param("é\u2028ü\x85\n".encode(), ["é\u2028ü\x85".encode()], 0, id="Unicode's line ends are none"),
    pytest.param(b"\xff\xc3\n\xa9\n", [b"\xff\xc3", b"\xa9"], 0, id="what is not UTF-8"),
    pytest.param(b"\x00\n\x1c\n", [b"\x00", b"\x1c"], 0, id="control characters are no white space"),
]


@pytest.mark.parametrize(("stream", "lines", "pending"), STREAMS)
def test_a_stream_gives_the_same_lines_however_it_is_cut(
    stream: bytes, lines: list[bytes], pending: int
) -> None:
    for pieces in feedings(stream):
        got, splitter = run(pieces)
        assert got == lines, pieces
        assert splitter.pending_bytes == pending
        assert not splitter.overflowed


@pytest.mark.parametrize(("stream", "lines", "pending"), STREAMS)
def test_what_follows_a_stream_does_not_change_its_lines(
    stream: bytes, lines: list[bytes], pending: int
) -> None:
    last = stream[len(stream) - pending :]
    for pieces in feedings(stream + b"more\nand"):
        got, splitter = run(pieces)
        assert got == [*lines, last + b"more"], pieces
        assert splitter.pending_bytes == 3


@pytest.mark.parametrize("byte", [b"\x0b", b"\x0c"])
def test_vertical_tab_and_form_feed_are_no_blank_line(byte: bytes) -> None:
    # RFC 8259, section 2: white space is space, tab, newline and carriage return. This is bad JSON.
    for pieces in feedings(byte + b"\na\n"):
        assert run(pieces)[0] == [byte, b"a"]


def test_a_line_comes_at_once_with_its_newline() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"a") == []
    assert splitter.feed(b"") == []
    assert splitter.feed(b"b") == []
    assert splitter.pending_bytes == 2
    assert splitter.feed(b"\n") == [b"ab"]
    assert splitter.pending_bytes == 0


def test_splitters_share_nothing() -> None:
    first, second = LineSplitter(), LineSplitter()
    first.feed(b"a")
    assert second.feed(b"b\n") == [b"b"]
    assert first.feed(b"\n") == [b"a"]


# The cap


@pytest.mark.parametrize(
    ("stream", "lines"),
    [
        pytest.param(b"1234567\n", [b"1234567"], id="one under"),
        pytest.param(b"12345678\n", [b"12345678"], id="at the cap"),
        pytest.param(b"12345678\n12345678\n", [b"12345678", b"12345678"], id="two at the cap"),
        pytest.param(b"12345678", [], id="at the cap, unfinished"),
        pytest.param(b"a\n12345678", [b"a"], id="at the cap, unfinished, after a line"),
        pytest.param(b"        \n", [], id="blank, at the cap"),
        pytest.param(b"1234567\r\n", [b"1234567\r"], id="at the cap with CR"),
    ],
)
def test_a_line_up_to_the_cap_is_taken(stream: bytes, lines: list[bytes]) -> None:
    for pieces in feedings(stream):
        got, splitter = run(pieces, CAP)
        assert got == lines, pieces
        assert not splitter.overflowed


@pytest.mark.parametrize(
    ("stream", "lines"),
    [
        pytest.param(b"123456789\n", [], id="one over"),
        pytest.param(b"123456789", [], id="one over, its newline not there yet"),
        pytest.param(b"1234567890123456789\n", [], id="far over"),
        pytest.param(b"         \n", [], id="blank"),
        pytest.param(b"12345678\r\n", [], id="over by its CR"),
        pytest.param(b"a\n\nb\n123456789\n", [b"a", b"b"], id="after good lines"),
        pytest.param(b"12345678\n123456789", [b"12345678"], id="unfinished, after good lines"),
        pytest.param(b"123456789\nc\n", [], id="before good lines"),
        pytest.param(b"a\n123456789\nc\nd", [b"a"], id="between good lines"),
    ],
)
def test_a_line_over_the_cap_ends_the_framing(stream: bytes, lines: list[bytes]) -> None:
    for pieces in feedings(stream):
        got, splitter = run(pieces, CAP)
        assert got == lines, pieces
        assert splitter.overflowed
        assert splitter.pending_bytes == 0
        assert splitter.feed(b"more\n") == []
        assert splitter.overflowed
        assert splitter.pending_bytes == 0


def test_an_overlong_line_is_told_before_its_end_comes() -> None:
    splitter = LineSplitter(CAP)
    splitter.feed(b"12345678")
    assert not splitter.overflowed
    splitter.feed(b"9")
    assert splitter.overflowed


@pytest.mark.parametrize("piece_bytes", [MAX_LINE_BYTES + 2, 65536, 4093])
def test_the_default_cap_is_one_mebibyte(piece_bytes: int) -> None:
    assert MAX_LINE_BYTES == 1_048_576

    def cut(stream: bytes) -> list[bytes]:
        return [stream[at : at + piece_bytes] for at in range(0, len(stream), piece_bytes)]

    longest = b"x" * 1_048_576
    lines, splitter = run(cut(longest + b"\n"))
    assert lines == [longest]
    assert not splitter.overflowed
    lines, splitter = run(cut(b"a\n" + longest + b"x\n"))
    assert lines == [b"a"]
    assert splitter.overflowed


# Any stream, in any pieces

STREAM = st.lists(st.sampled_from([b"\n", b"a", b" ", b"\r", b"\t", b"{", b"\x00", b"\xff"]), max_size=60)


@st.composite
def cut_streams(draw: st.DrawFn) -> list[bytes]:
    stream = b"".join(draw(STREAM))
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    return [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


def expected(stream: bytes, cap: int) -> tuple[list[bytes], bool]:
    """The lines of the stream, and whether one is over the cap."""
    *finished, rest = stream.split(b"\n")
    lines: list[bytes] = []
    for line in finished:
        if len(line) > cap:
            return lines, True
        if line.strip(b" \t\r"):
            lines.append(line)
    return lines, len(rest) > cap


@EXAMPLES
@given(pieces=cut_streams(), cap=st.integers(1, 20))
def test_any_chunking_gives_the_same_lines(pieces: list[bytes], cap: int) -> None:
    splitter = LineSplitter(cap)
    lines: list[bytes] = []
    for piece in pieces:
        lines += splitter.feed(piece)
        assert splitter.pending_bytes <= cap
    assert (lines, splitter.overflowed) == expected(b"".join(pieces), cap)


@EXAMPLES
@given(pieces=st.lists(st.binary(max_size=40), max_size=10), cap=st.integers(1, 20))
def test_any_bytes_in_pieces_give_what_they_give_whole(pieces: list[bytes], cap: int) -> None:
    whole = LineSplitter(cap)
    lines, splitter = run(pieces, cap)
    assert lines == whole.feed(b"".join(pieces))
    assert splitter.overflowed == whole.overflowed
    assert splitter.pending_bytes == whole.pending_bytes


# The cost


def test_one_mebibyte_comes_byte_by_byte(unmeasured: None) -> None:
    line = bytes(range(32, 127)) * 11_037
    lines, splitter = run([line[at : at + 1] for at in range(len(line))])
    assert lines == []
    assert splitter.pending_bytes == len(line) == 1_048_515
    assert splitter.feed(b"\n") == [line]


def test_a_byte_costs_the_same_however_much_is_pending() -> None:
    # A copy or a scan of 1 MiB takes some 30 µs, a feed that does neither less than 1 µs.
    # The smallest of several times is what the work takes when the machine does nothing else.
    pieces = 1000

    def seconds(pending_bytes: int) -> float:
        splitter = LineSplitter()
        splitter.feed(b"x" * pending_bytes)
        start = time.process_time()
        for _ in range(pieces):
            splitter.feed(b"x")
        return time.process_time() - start

    empty = min(seconds(0) for _ in range(7))
    full = min(seconds(MAX_LINE_BYTES - pieces) for _ in range(7))
    assert full < 8 * empty


def test_many_lines_in_one_piece_cost_what_they_cost_apart() -> None:
    # A splitter that moves the rest down for every line copies 1 MiB for each of 65,536.
    def seconds(piece: bytes, times: int) -> float:
        splitter = LineSplitter()
        start = time.process_time()
        count = sum(len(splitter.feed(piece)) for _ in range(times))
        assert count == 65_536
        return time.process_time() - start

    apart = min(seconds(b"x" * 15 + b"\n", 65_536) for _ in range(3))
    together = min(seconds((b"x" * 15 + b"\n") * 65_536, 1) for _ in range(3))
    assert together < 8 * apart


def kept_bytes(pieces: Iterable[bytes], cap: int) -> int:
    """The memory that a splitter holds once the pieces are fed."""
    splitter = LineSplitter(cap)
    tracemalloc.start()
    try:
        for piece in pieces:
            splitter.feed(piece)
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def test_an_unfinished_line_takes_no_more_memory_in_small_pieces() -> None:
    # An object for each piece takes 40 bytes and more: a client must not make 1 MiB into 28.
    cap = 65_536
    assert kept_bytes((b"%02d" % (number % 100) for number in range(cap // 2)), cap) < 4 * cap


def test_empty_pieces_and_finished_lines_take_no_memory() -> None:
    assert kept_bytes([b""] * 10_000, CAP) < 10_000
    assert kept_bytes([b"a\n", b""] * 10_000, CAP) < 10_000
