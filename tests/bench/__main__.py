"""Runs the benchmark: `make bench`, or `make bench-quick` for the SLOs in a minute."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from bench import results, scenarios
from bench.results import Row


def main() -> int:
    """Measures, prints and keeps the results; 1 where an SLO is missed."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: the SLOs, in a minute")
    parser.add_argument("--out", type=Path, default=Path("bench-results"), help="where the results go")
    options = parser.parse_args()
    rows: list[Row] = []
    for row in _quick() if options.quick else _all():
        rows.append(row)
        print(f"{row.name}: {row.value:,.3f} {row.unit}", file=sys.stderr)
    print(results.table(rows))
    print(f"\nThe results are in {results.write(rows, options.out)}.")
    missed = [row for row in rows if row.misses_slo()]
    for row in missed:
        print(
            f"Missed: {row.name} is {row.value:,.1f} {row.unit}, and the SLO is {row.slo:g}.", file=sys.stderr
        )
    return 1 if missed else 0


def _quick() -> Iterator[Row]:
    yield from scenarios.writes(rounds=60)
    yield from scenarios.restores(rounds=3)
    yield from scenarios.reads(rounds=20)
    yield from scenarios.concurrency(1.0, (1, 50))
    yield from scenarios.memory(connections=200)


def _all() -> Iterator[Row]:
    yield from scenarios.writes(rounds=300)
    yield from scenarios.restores(rounds=15)
    yield from scenarios.reads(rounds=100)
    yield from scenarios.concurrency(5.0, (1, 2, 5, 10, 25, 50, 100, 200))
    yield from scenarios.memory(connections=500)
    yield from scenarios.growth((50, 1_000, 10_000), rounds=20)


if __name__ == "__main__":
    sys.exit(main())
