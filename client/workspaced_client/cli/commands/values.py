"""The checked values of options and arguments: each function returns one, or raises ValueError.

The error's message goes on after the value in a sentence.
"""

from __future__ import annotations


def socket(text: str) -> str:
    """Return the path of a socket: an unset variable of a shell does not stand for the default one."""
    if not text:
        raise ValueError("is empty: give a path, or leave the option out")
    return text


def seconds(text: str) -> float:
    """Return a time to wait."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not number > 0:  # nor NaN
        raise ValueError("is not a number of seconds above 0")
    return number


def whole_number(text: str) -> int:
    """Return a revision or a count."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise ValueError("is not a whole number from 0 on")
    from workspaced_protocol.json_limits import MAX_SAFE_INTEGER  # few commands take a number

    if number > MAX_SAFE_INTEGER:
        raise ValueError(f"is above {MAX_SAFE_INTEGER}")
    return number


def count(text: str) -> int:
    """Return a number of things to show."""
    number = whole_number(text)
    if number == 0:
        raise ValueError("is too few: give 1 or more")
    return number
