"""The rows of a run: what was measured, what was promised, and the files and the table they become."""

import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.samples import Distribution
from workspaced_protocol import __version__


@dataclass
class Row:
    """One figure. An SLO that is missed fails the run; a goal is only told."""

    name: str
    value: float
    unit: str
    slo: float | None = None
    goal: float | None = None
    higher: bool = False
    """Whether more is better."""
    requirement: str | None = None
    distribution: dict[str, float] = field(default_factory=dict[str, float])

    @classmethod
    def latency(
        cls, name: str, times: Distribution, slo_p95_ms: float | None = None, requirement: str | None = None
    ) -> "Row":
        """The 95th percentile of a distribution, and the others beside it."""
        return cls(
            f"{name}, p95",
            times.percentile(95),
            "ms",
            slo_p95_ms,
            requirement=requirement,
            distribution=times.summary(),
        )

    def misses_slo(self) -> bool:
        """Whether the promise is broken; on a machine of a CI, which is shared, it is doubled."""
        if self.slo is None:
            return False
        return self.value > self.slo * (2 if os.environ.get("CI") else 1)

    def meets_goal(self) -> bool | None:
        """Whether the goal is reached, or None where there is none."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.higher else self.value <= self.goal


def table(rows: Sequence[Row]) -> str:
    """For people."""
    lines = [f"{'what':<42} {'value':>12} {'unit':<9} {'SLO':>7} {'goal':>9}"]
    for row in rows:
        slo = "" if row.slo is None else f"{row.slo:g}{'!' if row.misses_slo() else ''}"
        goal = "" if row.goal is None else f"{row.goal:,g} {'yes' if row.meets_goal() else 'no'}"
        lines.append(f"{row.name:<42} {row.value:>12,.3f} {row.unit:<9} {slo:>7} {goal:>13}")
    return "\n".join(lines)


def write(rows: Sequence[Row], folder: Path) -> Path:
    """The results as JSON, with the machine and the versions that they hold for; gives the file."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{time.strftime('%Y%m%dT%H%M%S')}.json"
    content = {
        "machine": {
            "system": platform.platform(),
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "python": sys.version.split()[0],
            "workspaced": __version__,
            "isCi": bool(os.environ.get("CI")),
        },
        "rows": [
            {
                **{name: value for name, value in vars(row).items() if value not in (None, {}, False)},
                "missesSlo": row.misses_slo(),
                "meetsGoal": row.meets_goal(),
            }
            for row in rows
        ],
    }
    path.write_text(json.dumps(content, indent=2) + "\n")
    return path
