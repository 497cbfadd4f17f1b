"""The results as pictures (SVG and PNG): latencies, throughput, both stores as they grow, and a cold start."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from bench.results import Row

# Any: matplotlib's axes have no precise types.
_INK = "#333333"
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f")  # told apart by all
_KINDS = {"JSON": _COLOURS[0], "SQLite": _COLOURS[1]}
_DASHES = tuple(
    (0, lengths) for lengths in ((1, 1), (1, 3), (4, 1), (4, 3), (7, 1, 1, 1), (7, 2))
)  # of the peers, all in ink


def draw(rows: Sequence[Row], folder: Path) -> list[Path]:
    """Draw what the rows hold; return the files."""
    mpl.rcParams.update(
        {
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.alpha": 0.25,
            "svg.hashsalt": "workspaced",  # the same results give the same file
        }
    )
    written: list[Path] = []
    pictures: tuple[tuple[str, tuple[float, float], Callable[[Figure, Sequence[Row]], bool]], ...] = (
        ("latencies", (11, 5.5), _latencies),
        ("throughput", (8, 4.5), lambda figure, rows: _throughput(figure.add_subplot(), rows)),
        ("stores", (11, 7), _stores),
        ("cold-start", (8, 4.5), lambda figure, rows: _cold_start(figure.add_subplot(), rows)),
    )
    for name, inches, picture in pictures:
        figure = Figure(figsize=inches, layout="constrained")
        if picture(figure, rows):
            for kind in ("svg", "png"):
                path = folder / f"{name}.{kind}"
                figure.savefig(path, dpi=150, metadata={"Date": None} if kind == "svg" else None)
                written.append(path)
    return written


_CALLS = (
    r"(create|open|close|flush|restore) (at|of) 50 x 10|workspace\.get, one client|an event to .*|peer: .*"
)
_COMMANDS = r"workspacectl .*|python -c pass|zoxide query"


def _latencies(figure: Figure, rows: Sequence[Row]) -> bool:
    """The share of calls, and of commands of the shell, that were over within a time; peers and SLOs beside them."""
    panels = (
        ("Calls through the client, at 50 workspaces x 10 projects", _CALLS),
        ("Commands, from their start to their end", _COMMANDS),
    )
    measured = [row for row in rows if row.distribution and row.at is None]
    drawn = [
        (title, [row for row in measured if re.fullmatch(pattern, row.name.rpartition(",")[0])])
        for title, pattern in panels
    ]
    drawn = [panel for panel in drawn if panel[1]]
    if drawn:
        for axes, (title, chosen) in zip(
            figure.subplots(1, len(drawn), squeeze=False).flat, drawn, strict=True
        ):
            _shares(axes, title, chosen)
    return bool(drawn)


def _shares(axes: Any, title: str, drawn: Sequence[Row]) -> None:
    peers = [row for row in drawn if row.name.startswith("peer")]
    for number, row in enumerate([*(row for row in drawn if row not in peers), *peers]):
        points = sorted((float(name[1:]), ms) for name, ms in row.distribution.items() if name[0] == "p")
        axes.plot(
            [ms for _, ms in points],
            [percent for percent, _ in points],
            label=row.name.rpartition(",")[0],
            linestyle=_DASHES[peers.index(row)] if row in peers else ("-", "--")[number // len(_COLOURS) % 2],
            color=_INK if row in peers else _COLOURS[number % len(_COLOURS)],
            linewidth=1.5,
        )
    for slo in sorted({row.slo for row in drawn if row.slo is not None}):
        axes.axvline(slo, color="#c00000", linestyle="--", linewidth=1)
        axes.annotate(f"SLO {slo:g} ms", (slo, 3), rotation=90, ha="right", color="#c00000", fontsize=8)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.set_xlabel("milliseconds (logarithmic)")
    axes.set_ylabel("% within that time")
    axes.set_title(title, fontsize=10)
    axes.axhline(95, color=_INK, linewidth=0.5)
    axes.legend(fontsize=8, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.15), frameon=False)


def _throughput(axes: Any, rows: Sequence[Row]) -> bool:
    """Durable writes a second over the number of clients, beside what one client alone would multiply to."""
    drawn = _curve(rows, r"durable writes, \d+ clients?")
    if len(drawn) < 2:
        return False
    _with_spread(axes, drawn, "durable writes", _COLOURS[0])
    peers = {row.name: row for row in rows if row.name.startswith("peer")}
    for name, row in peers.items():
        if row.distribution and row.at is None and not re.search("echo|looks", name):
            axes.axhline(1000 / row.distribution["p50"], color=_INK, linestyle=":", linewidth=1)
            axes.annotate(
                f"{name.removeprefix('peer: ').rpartition(',')[0]}, one after the other",
                (drawn[0].at, 1000 / row.distribution["p50"]),
                fontsize=8,
                va="bottom",
            )
    axes.set_xscale("log")
    axes.set_yscale("log")
    _plain_ticks(axes, drawn)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:,g}")
    axes.set_xlabel("clients that write at once")
    axes.set_ylabel("acknowledged durable writes a second")
    axes.set_title("Writes of many clients share a commit")
    return True


_Style = Literal["-", "--", ":"]
_PANELS: tuple[tuple[str, str, tuple[tuple[str, str, _Style], ...]], ...] = (
    (
        "A write, from rest",
        "milliseconds",
        (
            ("{kind}: close at .*, p95", "95 % of the writes within", "--"),
            ("{kind}: close at .*, p50", "median", "-"),
            ("peer: {peer} at .*, p50", "peer: the bare loop, sqlite3", ":"),
        ),
    ),
    (
        "A start",
        "milliseconds, median",
        (
            ("{kind}: start at .*", "process to first answer", "-"),
            ("{kind}: restore at .*", "of it, opening the store", "--"),
        ),
    ),
    (
        "A read",
        "milliseconds, median",
        (("{kind}: list at .*", "list of all", "-"), ("{kind}: get at .*", "get of one", "--")),
    ),
    ("Written to the disk for a write", "kilobytes, mean", (("{kind}: bytes of a write at .*", "", "-"),)),
    ("The store's file", "megabytes", (("{kind}: file at .*", "", "-"),)),
    ("Memory of the daemon", "megabytes", (("{kind}: memory at .*", "", "-"),)),
)
"""Each with its title, its unit, and its lines: a pattern of rows, a label, a style."""

_PEERS = {"JSON": "the bare loop", "SQLite": "sqlite3"}


def _stores(figure: Figure, rows: Sequence[Row]) -> bool:
    """What both kinds of store cost from few workspaces to many, and what their peers take."""
    curves = [_curve(rows, f"{kind}: close at .*, p50") for kind in _KINDS]
    if max(map(len, curves)) < 2:
        return False
    for axes, (title, unit, lines) in zip(figure.subplots(2, 3, sharex=True).flat, _PANELS, strict=True):
        for pattern, _, style in lines:
            for kind, colour in _KINDS.items():
                curve = _curve(rows, pattern.format(kind=kind, peer=_PEERS[kind]))
                places, values = [row.at for row in curve], [row.value for row in curve]
                axes.plot(places, values, style, color=colour, marker="o", markersize=3, linewidth=1.5)
        axes.set_xscale("log")
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        axes.set_ylim(low, high * (high / low) ** (0.12 * len(lines)))  # room for the legend
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < _FEW_DECADES else (1,)))
        axes.yaxis.set_major_formatter("{x:,g}")
        axes.set_title(title)
        axes.set_ylabel(unit)
        if len(lines) > 1:
            styles = [Line2D([], [], color=_INK, linestyle=style, label=label) for _, label, style in lines]
            axes.legend(handles=styles, frameon=False, fontsize=8, loc="upper left", handlelength=3)
        _plain_ticks(axes, max(curves, key=len))
        axes.tick_params(axis="x", labelrotation=30)
    kinds = [Line2D([], [], color=colour, marker="o", label=kind) for kind, colour in _KINDS.items()]
    figure.legend(handles=kinds, loc="outside upper center", ncols=2, frameon=False, fontsize=11)
    figure.supxlabel("workspaces, 10 projects each (all scales are logarithmic)", fontsize=10)
    return True


_FEW_DECADES = 1_000
"""Up to this ratio of the ends of an axis, its scale has labels within the decades, too."""


def _cold_start(axes: Any, rows: Sequence[Row]) -> bool:
    """What a start is made of, one bar after the other."""
    phases = [row for row in rows if row.name.startswith("cold start: ")]
    left = 0.0
    for number, row in enumerate(phases):
        label = row.name.removeprefix("cold start: ")
        axes.barh(
            [0],
            [row.value],
            left=left,
            color=_COLOURS[number],
            height=0.4,
            label=f"{label}: {row.value:.0f} ms",
        )
        left += row.value
    axes.set_yticks([])
    axes.set_ylim(-0.6, 0.8)
    axes.set_xlabel("milliseconds since the process was started, medians")
    axes.set_title("From nothing to the first answer, at 50 x 10")
    if phases:
        axes.legend(frameon=False, ncols=3, loc="upper left")
    return bool(phases)


def _curve(rows: Sequence[Row], pattern: str) -> list[Row]:
    return sorted(
        (row for row in rows if row.at is not None and re.fullmatch(pattern, row.name)),
        key=lambda row: row.at or 0,
    )


def _with_spread(axes: Any, curve: Sequence[Row], label: str, colour: str) -> None:
    places = [row.at for row in curve]
    axes.plot(places, [row.value for row in curve], marker="o", markersize=4, label=label, color=colour)
    if all(row.spread for row in curve):
        least, greatest = zip(*(row.spread or (0.0, 0.0) for row in curve), strict=True)
        axes.fill_between(places, least, greatest, color=colour, alpha=0.15, linewidth=0)


def _plain_ticks(axes: Any, curve: Sequence[Row]) -> None:
    axes.set_xticks([row.at for row in curve], [f"{row.at:,g}" for row in curve])
    axes.minorticks_off()
