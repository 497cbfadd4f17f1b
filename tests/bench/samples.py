"""Data of a realistic size, and distributions of what was measured."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field

from workspaced_protocol.models import ProjectBinding, Workspace


def workspace(number: int, projects: int) -> Workspace:
    """One of the mission's workspaces: Unicode in every third name, half of the projects clones."""
    id_ = f"ws_01BENCH{number:019}"
    return Workspace(
        id=id_,
        name=f"{'Größe 大きさ' if number % 3 == 0 else 'service'} {number}",
        root_path=f"/home/ada/src/service-{number}",
        state="active",
        created_at=1_767_225_600_000 + number,
        updated_at=1_767_225_600_000 + number,
        projects=tuple(
            ProjectBinding(
                id=f"proj_01BENCH{number:012}{project:07}",
                workspace_id=id_,
                root_path=f"/home/ada/src/service-{number}/packages/part-{project}",
                git_url=f"https://git.example.com/team/part-{project}.git" if project % 2 else None,
                status="active",
                bound_at=1_767_225_600_000 + project,
            )
            for project in range(projects)
        ),
    )


@dataclass
class Distribution:
    """Measured times in milliseconds."""

    values_ms: list[float] = field(default_factory=list)

    def add(self, seconds: float) -> None:
        """Takes one more."""
        self.values_ms.append(seconds * 1000)

    def percentile(self, percent: float) -> float:
        """The value that this share of the others does not exceed."""
        ranked = sorted(self.values_ms)
        return ranked[min(len(ranked) - 1, int(len(ranked) * percent / 100))]

    @property
    def p50(self) -> float:
        """The median."""
        return statistics.median(self.values_ms)

    def summary(self) -> dict[str, float]:
        """For the results file."""
        percentiles = {f"p{percent}": self.percentile(percent) for percent in (50, 90, 95, 99)}
        return {
            "count": len(self.values_ms),
            **{name: round(value, 4) for name, value in percentiles.items()},
        }


def median_ratio(of: Distribution, to: Distribution) -> float:
    """How many times longer one takes than the other, by their medians."""
    return of.p50 / to.p50


def mean(values: Iterable[float]) -> float:
    """The arithmetic mean."""
    return statistics.fmean(values)
