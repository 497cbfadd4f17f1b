"""The width of the user's terminal."""

from __future__ import annotations

import os
import sys

_USUAL = 80


def columns_of_terminal() -> int:
    """Return the width in cells: as COLUMNS says, else of the terminal on stdout, else 80. (`shutil` is slow to load.)"""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or _USUAL if sys.__stdout__ else _USUAL
    except (OSError, ValueError):
        return _USUAL
