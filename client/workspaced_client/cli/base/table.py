"""Tables on stdout: within the width of a terminal, else in full width.

Widths are in a terminal's cells; a wide character takes two.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from unicodedata import combining

import typer

from workspaced_client.cli.base.output import colours_wanted, emit, on_terminal, shown, shown_name
from workspaced_protocol.names import is_invisible

_GAP: Final = "  "
_LEAST_CELLS: Final = 8
"""The least width of a column that shrinks; a table may then be wider than the terminal."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    On a terminal that is too narrow, the `optional` columns are left out first. Then the columns that
    `shrink` are cut, with an ellipsis: headers at the end, texts in the middle, because names often differ at the end
    alone. Where that is not enough, those that give way are left out, the last one first.
    """

    header: str
    shrinks: bool = False
    optional: bool = False
    gives_way: bool = False
    is_path: bool = False
    """Paths are cut at the beginning: their ends tell them apart."""
    is_sentence: bool = False
    """Sentences are cut at the end."""
    colours: Mapping[str, str] = field(default_factory=dict[str, str])
    """The colour of each value."""


def emit_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print the rows below the columns' headers; a cell may hold any text."""
    from rich.cells import cell_len  # only here: it takes long to load

    texts = [
        [column.header for column in columns],
        *([_text(cell, column) for cell, column in zip(row, columns, strict=True)] for row in rows),
    ]
    widths = [max(cell_len(row[index]) for row in texts) for index in range(len(columns))]
    chosen = list(range(len(columns)))
    if on_terminal():
        room = shutil.get_terminal_size().columns
        if sum(widths) + len(_GAP) * (len(widths) - 1) > room:
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
            if colour or number == 0:
                cells[position] = typer.style(cells[position], fg=colour, bold=number == 0 or None)
        lines.append(_GAP.join(cells).rstrip())  # the last cell may be empty
    emit("\n".join(lines))


def _within(room: int, columns: Sequence[Column], widths: Sequence[int], chosen: Sequence[int]) -> list[int]:
    """Return widths that fit into `room` cells: columns that shrink share the room left by the others."""
    fitting = list(widths)
    shrinking = sorted((index for index in chosen if columns[index].shrinks), key=lambda i: widths[i])
    left = room - len(_GAP) * (len(chosen) - 1)
    left -= sum(widths[index] for index in chosen if not columns[index].shrinks)
    # The narrowest come first, so that the room they do not need goes to the others.
    for position, index in enumerate(shrinking):
        share = left // (len(shrinking) - position)
        fitting[index] = max(min(widths[index], share), min(widths[index], _LEAST_CELLS))
        left -= fitting[index]
    return fitting


def _without_those_that_give_way(
    room: int, columns: Sequence[Column], widths: Sequence[int], chosen: Sequence[int]
) -> list[int]:
    left = list(chosen)
    for index in reversed(chosen):
        least = [min(widths[i], _LEAST_CELLS) if columns[i].shrinks else widths[i] for i in left]
        if sum(least) + len(_GAP) * (len(least) - 1) <= room:
            break
        if columns[index].gives_way:
            left.remove(index)
    return left


def _text(cell: str, column: Column) -> str:
    return shown(cell) if column.is_path or column.is_sentence else shown_name(cell)


def _fitted(text: str, width: int, column: Column | None) -> str:
    """Return the text in `width` cells; without a column it is a header."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= width:
        return set_cell_size(text, width)
    if column is not None and column.is_path:
        return set_cell_size(_end_of_path(text, width), width)
    tail = _end(text, (width - 1) // 3) if column is not None and not column.is_sentence else ""
    head = set_cell_size(text, width - 1 - cell_len(tail)).rstrip()
    return set_cell_size(f"{head}…{tail}", width)


def _end_of_path(path: str, width: int) -> str:
    """Return the last components of a path that fit behind an ellipsis, or the end of the last one."""
    from rich.cells import cell_len

    parts = path.split("/")
    for first in range(1, len(parts)):
        end = f"…/{'/'.join(parts[first:])}"
        if cell_len(end) <= width:
            return end
    return f"…{_end(parts[-1], width - 1)}"


def _end(text: str, width: int) -> str:
    """Return the end of a text that fits, from the beginning of a letter on."""
    from rich.cells import cell_len

    first = len(text)
    while first > 0 and cell_len(text[first - 1 :]) <= width:
        first -= 1
    while first < len(text) and (combining(text[first]) or is_invisible(text[first])):
        first += 1
    return text[first:]
