"""The rows of a run: what was measured, what was promised, and the file and the table they become."""

import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import trio

from bench.distributions import Distribution, median_ratio
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
    spread: tuple[float, float] | None = None
    """The least and the greatest of several values, of which `value` is the middle."""
    distribution: dict[str, float] = field(default_factory=dict[str, float])
    """In milliseconds; drawn where it is there."""
    at: float | None = None
    """Where on its curve this figure lies: a number of clients, or of workspaces."""

    @classmethod
    def latency(
        cls,
        name: str,
        times: Distribution,
        percent: float = 95,
        *,
        slo_ms: float | None = None,
        goal_ms: float | None = None,
        requirement: str | None = None,
        at: float | None = None,
    ) -> "Row":
        """A percentile of a distribution, and the others beside it."""
        return cls(
            f"{name}, p{percent:g}",
            times.percentile(percent),
            "ms",
            slo_ms,
            goal_ms,
            requirement=requirement,
            spread=times.spread(percent),
            distribution=times.summary(),
            at=at,
        )

    @classmethod
    def ratio(cls, name: str, of: Distribution, to: Distribution, goal: float | None = None) -> "Row":
        """How many times longer one takes than the other in the same run, by their medians."""
        return cls(name, median_ratio(of, to), "x", goal=goal)

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
    lines = [f"{'what':<44} {'value':>12} {'unit':<9} {'of one run':>19} {'SLO':>6} {'goal':>12}"]
    for row in rows:
        slo = "" if row.slo is None else f"{row.slo:g}{'!' if row.misses_slo() else ''}"
        goal = "" if row.goal is None else f"{row.goal:,g} {'yes' if row.meets_goal() else 'no'}"
        spread = "" if row.spread is None else f"{row.spread[0]:,.2f} to {row.spread[1]:,.2f}"
        lines.append(f"{row.name:<44} {row.value:>12,.2f} {row.unit:<9} {spread:>19} {slo:>6} {goal:>12}")
    return "\n".join(lines)


def write(rows: Sequence[Row], folder: Path) -> Path:
    """The results as JSON, with the machine and the versions that they hold for; gives the file."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{time.strftime('%Y%m%dT%H%M%S')}.json"
    content = {
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "isCi": bool(os.environ.get("CI")),
        },
        "versions": {
            "workspaced": __version__,
            "python": sys.version.split()[0],
            "trio": trio.__version__,
            "msgspec": version("msgspec"),
            "pydantic": version("pydantic"),
        },
        "rows": [
            {**asdict(row), "missesSlo": row.misses_slo(), "meetsGoal": row.meets_goal()} for row in rows
        ],
    }
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return path


def _processor() -> str:
    """The processor's name: /proc/cpuinfo has it (proc_cpuinfo(5)), where the platform module often has none."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine()
    )


class Unreadable(Exception):
    """A file that is no results file; the message says which, and why."""


def read(path: Path) -> list[Row]:
    """The rows of a results file. Raises Unreadable."""
    try:
        content: Any = json.loads(path.read_text())
        return [
            Row(**{name: value for name, value in row.items() if name not in ("missesSlo", "meetsGoal")})
            for row in content["rows"]
        ]
    except OSError as error:
        raise Unreadable(f"{path} can't be read: {error.strerror}.") from error
    except (ValueError, TypeError, KeyError) as error:
        raise Unreadable(f"{path} is not a results file of this benchmark: {error!r}.") from error
