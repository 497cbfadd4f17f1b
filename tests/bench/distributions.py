"""Distributions of what was measured."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

PERCENTS = (0, 1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9, 100)
"""Those that are kept of a distribution: enough to draw it again."""


@dataclass
class Distribution:
    """Measured times in milliseconds, in the order measured."""

    values_ms: list[float] = field(default_factory=list)

    def add(self, seconds: float) -> None:
        """Take one more."""
        self.values_ms.append(seconds * 1000)

    def percentile(self, percent: float) -> float:
        """The value that this share of the others does not exceed."""
        return percentile(self.values_ms, percent)

    @property
    def p50(self) -> float:
        """The median."""
        return statistics.median(self.values_ms)

    def spread(self, percent: float) -> tuple[float, float]:
        """The least and the greatest of this percentile over five parts of the run: what chance does to it."""
        size = max(1, len(self.values_ms) // 5)
        parts = [self.values_ms[at : at + size] for at in range(0, len(self.values_ms), size)]
        values = [percentile(part, percent) for part in parts if len(part) == size]
        return min(values), max(values)

    def summary(self) -> dict[str, float]:
        """For the results file."""
        percentiles = {f"p{percent:g}": round(self.percentile(percent), 4) for percent in PERCENTS}
        return {"count": len(self.values_ms), **percentiles}


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that this share of the others does not exceed."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * percent / 100))]


def median_ratio(of: Distribution, to: Distribution) -> float:
    """How many times longer one takes than the other, by their medians."""
    return of.p50 / to.p50
