"""Git's output: its steps of progress, and what is kept of it, however it is cut into pieces."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workspaced.host.git_output import KEPT_BYTES, GitOutput, Step

OUTPUT = (
    b"Cloning into '/src/app'...\n"
    b"remote: Enumerating objects: 8, done.        \n"
    b"remote: Counting objects:  50% (4/8)\rremote: Counting objects: 100% (8/8), done.        \n"
    b"Receiving objects:  12% (1/8)\rReceiving objects:  99% (8/8), 1.2 MiB | 3.4 MiB/s\r"
    b"Receiving objects: 100% (8/8), 1.2 MiB | 3.4 MiB/s, done.\n"
    b"fatal: early EOF"
)
TEXT = (
    "Cloning into '/src/app'...\n"
    "remote: Enumerating objects: 8, done.\n"
    "remote: Counting objects: 100% (8/8), done.\n"
    "Receiving objects: 100% (8/8), 1.2 MiB | 3.4 MiB/s, done.\n"
    "fatal: early EOF"
)
STEPS = [
    ("Enumerating objects", None),
    ("Counting objects", 50),
    ("Counting objects", 100),
    ("Receiving objects", 12),
    ("Receiving objects", 99),
    ("Receiving objects", 100),
]


@pytest.mark.requirement("FR-003")
@settings(deadline=None, max_examples=150)
@given(st.lists(st.integers(0, len(OUTPUT)), max_size=8))
def test_pieces_of_any_size_give_the_same_text(cuts: list[int]) -> None:
    output = GitOutput()
    places = [0, *sorted(cuts), len(OUTPUT)]
    steps = [output.feed(OUTPUT[start:end]) for start, end in pairwise(places)]
    assert output.text == TEXT
    told = [(step.phase, step.percent) for step in steps if step]
    assert told == [step for step in STEPS if step in told]


def test_byte_by_byte_each_step_is_told() -> None:
    output = GitOutput()
    steps = [output.feed(bytes([byte])) for byte in OUTPUT]
    assert [(step.phase, step.percent) for step in steps if step] == STEPS


def test_of_many_steps_at_once_the_newest_is_told() -> None:
    step = GitOutput().feed(OUTPUT)
    assert step == Step("Receiving objects", 100, "Receiving objects: 100% (8/8), 1.2 MiB | 3.4 MiB/s, done.")


@pytest.mark.parametrize(
    "line", ["warning: You appear to have cloned an empty repository.", "remote: 12% of nothing", "Host: x"]
)
def test_other_lines_are_no_steps(line: str) -> None:
    output = GitOutput()
    assert output.feed(f"{line}\n".encode()) is None
    assert output.text == line


def test_only_the_end_is_kept() -> None:
    output = GitOutput()
    for number in range(20_000):
        output.feed(f"remote: line {number}\n".encode())
    output.feed(b"fatal: the end")
    assert KEPT_BYTES - 100 < len(output.text) <= KEPT_BYTES
    assert output.text.endswith("remote: line 19999\nfatal: the end")


def test_a_line_without_an_end_is_kept_in_part() -> None:
    output = GitOutput()
    for _ in range(100):
        output.feed(b"x" * 4096)
    assert output.text == "x" * KEPT_BYTES


def test_windows_line_ends_lose_nothing() -> None:
    output = GitOutput()
    output.feed(b"ssh: no such host\r\nfatal: no\r\n")
    assert output.text == "ssh: no such host\nfatal: no"


def test_what_would_command_a_terminal_is_left_out() -> None:
    output = GitOutput()
    step = output.feed(b"remote: Counting objects: 5\x1b[31m\x07\n\xff\n")
    assert step is not None
    assert step.message == "remote: Counting objects: 5[31m"
    assert output.text == "remote: Counting objects: 5[31m\n\N{REPLACEMENT CHARACTER}"
