"""Two results files side by side: what changed by more than the noise of the runs."""

from collections.abc import Sequence

from bench.results import Row


def comparison(before: Sequence[Row], after: Sequence[Row]) -> str:
    """A table of the rows that both have; the last column says what is more than chance."""
    old = {_key(row): row for row in before}
    new = {_key(row): row for row in after}
    lines = [f"{'what':<44} {'before':>12} {'after':>12} {'unit':<9} {'change':>8} {'noise':>7}"]
    lines += [_line(old[key], row) for key, row in new.items() if key in old]
    for title, missing in (("Only before", old.keys() - new.keys()), ("Only after", new.keys() - old.keys())):
        if missing:
            lines.append(f"{title}: {', '.join(sorted(name for name, _ in missing))}.")
    return "\n".join(lines)


def _key(row: Row) -> tuple[str, float | None]:
    """A figure by its name, and where it lies on a curve: one may be measured by itself, too."""
    return row.name, row.at


def _line(old: Row, new: Row) -> str:
    change = new.value / old.value - 1 if old.value else 0.0
    noise = max(_noise(old), _noise(new))
    verdict = ""
    if old.spread and new.spread and abs(change) > noise:
        verdict = "better" if (change > 0) == new.higher else "worse"
    told = f"{noise:>6.0%} " if old.spread and new.spread else " " * 7
    return f"{new.name:<44} {old.value:>12,.2f} {new.value:>12,.2f} {new.unit:<9} {change:>+8.1%} {told} {verdict}"


def _noise(row: Row) -> float:
    """How far the parts of one run lie from their middle, as a share of it."""
    if row.spread is None or not row.value:
        return 0.0
    least, greatest = row.spread
    return max(greatest - row.value, row.value - least) / row.value
