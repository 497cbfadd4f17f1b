"""Tables on stdout: within the width of a terminal, else in full width.

Widths are in a terminal's cells; a wide character takes two.
"""

from __future__ import annotations

from unicodedata import category, combining

from workspaced_client.cli.base.output import (
    bold,
    coloured,
    colours_wanted,
    emit,
    on_terminal,
    shown,
    shown_name,
    shown_path,
)
from workspaced_client.cli.base.screen import columns_of_terminal
from workspaced_protocol.names import is_invisible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Final, TypeAlias

    Place: TypeAlias = tuple[str, str | None]
    """A path, and its machine if that is another one."""

_GAP: Final = "  "
_LEAST_CELLS: Final = 8
"""The least width of a column that shrinks; a table may then be wider than the terminal."""
_PART_OF_A_PATH: Final = 3
"""A column of paths gets at least a third of the terminal: the end of a path tells nothing in 8 cells."""


class Column:
    """A column of a table.

    On a terminal that is too narrow, the `optional` columns are left out first. Then the columns that
    `shrink` are cut, with an ellipsis: headers at the end, texts in the middle, because names often differ at the end
    alone; paths at the beginning, because their ends tell them apart; sentences at the end. Where that is not enough,
    those that give way are left out, the last one first, which leaves names and the ends of paths at 40 columns. `colours` has the colour of each value.
    """

    __slots__ = ("colours", "gives_way", "header", "is_path", "is_sentence", "optional", "shrinks")

    def __init__(
        self,
        header: str,
        *,
        shrinks: bool = False,
        optional: bool = False,
        gives_way: bool = False,
        is_path: bool = False,
        is_sentence: bool = False,
        colours: Mapping[str, str] | None = None,
    ) -> None:
        self.header = header
        self.shrinks = shrinks
        self.optional = optional
        self.gives_way = gives_way
        self.is_path = is_path
        self.is_sentence = is_sentence
        self.colours = colours or {}


def emit_table(columns: Sequence[Column], rows: Sequence[Sequence[str | Place]]) -> None:
    """Print the rows below the columns' headers; a cell may hold any text, a cell of paths also a Place."""
    texts = [
        [column.header for column in columns],
        *([_text(cell, column) for cell, column in zip(row, columns, strict=True)] for row in rows),
    ]
    widths = [max(cell_len(row[index]) for row in texts) for index in range(len(columns))]
    chosen = list(range(len(columns)))
    if on_terminal():
        room = columns_of_terminal()
        if _total(widths) > room:
            chosen = [index for index in chosen if not columns[index].optional]
            chosen = _without_those_that_give_way(room, columns, widths, chosen)
        widths = _within(room, columns, widths, chosen)
    styled = colours_wanted()
    lines: list[str] = []
    for number, row in enumerate(texts):
        cells = [_fitted(row[index], widths[index], columns[index] if number else None) for index in chosen]
        cells[-1] = cells[-1].rstrip()
        for position, index in enumerate(chosen if styled else ()):
            colour = columns[index].colours.get(row[index])
            cells[position] = coloured(cells[position], colour or "") if number else bold(cells[position])
        lines.append(_GAP.join(cells).rstrip())  # the last cell may be empty
    emit("\n".join(lines))


def _within(room: int, columns: Sequence[Column], widths: Sequence[int], chosen: Sequence[int]) -> list[int]:
    """Return widths that fit into `room` cells: columns that shrink share the room left by the others."""
    fitting = [_least(room, column, width) for column, width in zip(columns, widths, strict=True)]
    left = max(room - _total([fitting[index] for index in chosen]), 0)
    # The ones that lack least come first, so that the room they do not need goes to the others.
    shrinking = sorted(
        (index for index in chosen if columns[index].shrinks), key=lambda i: widths[i] - fitting[i]
    )
    for position, index in enumerate(shrinking):
        more = min(widths[index] - fitting[index], left // (len(shrinking) - position))
        fitting[index] += more
        left -= more
    return fitting


def _least(room: int, column: Column, width: int) -> int:
    if not column.shrinks:
        return width
    return min(width, max(_LEAST_CELLS, room // _PART_OF_A_PATH if column.is_path else 0))


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _without_those_that_give_way(
    room: int, columns: Sequence[Column], widths: Sequence[int], chosen: Sequence[int]
) -> list[int]:
    left = list(chosen)
    for index in reversed(chosen):
        if _total([_least(room, columns[i], widths[i]) for i in left]) <= room:
            break
        if columns[index].gives_way:
            left.remove(index)
    return left


def _text(cell: str | Place, column: Column) -> str:
    if not isinstance(cell, str):
        return shown_path(*cell)
    if column.is_path:
        return shown_path(cell)
    return shown(cell) if column.is_sentence else shown_name(cell)


def _fitted(text: str, width: int, column: Column | None) -> str:
    """Return the text in `width` cells; without a column it is a header."""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    if column is not None and column.is_path:
        return set_cell_size(_end_of_path(text, width), width)
    tail = _end(text, (width - 1) // 3) if column is not None and not column.is_sentence else ""
    head = set_cell_size(text, width - 1 - cell_len(tail)).rstrip()
    return set_cell_size(f"{head}…{tail}", width)


def _end_of_path(path: str, width: int) -> str:
    """Return the last components of a path that fit behind an ellipsis, or the end of the last one.

    The machine of a path stays in front of them, or its beginning in half of the room.
    """
    machine, colon, rest = path.partition(":")
    if colon and "/" not in machine and rest:
        most = max(width // 2 - 1, 1)
        front = machine if cell_len(machine) <= most else f"{machine[: most - 1]}…"
        return f"{front}:{_end_of_path(rest, width - cell_len(front) - 1)}"
    parts = path.split("/")
    for first in range(1, len(parts)):
        end = f"…/{'/'.join(parts[first:])}"
        if cell_len(end) <= width:
            return end
    return f"…{_end(parts[-1], width - 1)}"


def _end(text: str, width: int) -> str:
    """Return the end of a text that fits, from the beginning of a letter on."""
    first = len(text)
    while first > 0 and cell_len(text[first - 1 :]) <= width:
        first -= 1
    while first < len(text) and (combining(text[first]) or is_invisible(text[first])):
        first += 1
    return text[first:]


def cell_len(text: str) -> int:
    """Return the number of a terminal's cells that the text takes."""
    if _is_narrow(text):
        return len(text)
    from rich import cells  # it takes long to load, and knows all widths

    return cells.cell_len(text)


def set_cell_size(text: str, width: int) -> str:
    """Return the text in exactly this number of cells: padded at its end, or cut there."""
    if _is_narrow(text):
        return text[:width].ljust(width)
    from rich import cells  # as above

    return cells.set_cell_size(text, width)


def _is_narrow(text: str) -> bool:
    """Return whether each character is known to take one cell: in scripts from Latin to Georgian, and punctuation."""
    if text.isascii():
        return text.isprintable()
    return all(
        (each < "\u1100" or "\u2010" <= each <= "\u2027") and category(each)[0] not in "MC" for each in text
    )
