"""Runs the benchmark: `make bench`, or `make bench-quick` for the SLOs alone."""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from bench import (
    command_line,
    compare,
    crowd,
    databases,
    footprint,
    history,
    locations,
    results,
    scenarios,
    startup,
    write_cost,
)
from bench.results import Row


def main() -> int:
    """Measures, or compares; 1 where an SLO is missed."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and no curves, in 20 seconds")
    parser.add_argument("--out", type=Path, default=Path("bench-results"), help="where the results go")
    parser.add_argument("--compare", type=Path, nargs=2, metavar=("A", "B"), help="two results files")
    options = parser.parse_args()
    if options.compare:
        try:
            before, after = (results.read(path) for path in options.compare)
        except results.Unreadable as error:
            print(f"bench: {error}", file=sys.stderr)
            return 2
        print(compare.comparison(before, after))
        return 0
    # What is installed has its bytecode with it; where this is set, each process would compile the sources again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    rows: list[Row] = []
    for row in _quick() if options.quick else _all():
        rows.append(row)
        print(f"{row.name}: {row.value:,.3f} {row.unit}", file=sys.stderr)
    print(results.table(rows))
    print(f"\nThe results are in {results.write(rows, options.out)}.")
    if not options.quick:
        from bench import plots  # matplotlib takes its time

        print(f"The plots are {', '.join(str(path) for path in plots.draw(rows, options.out))}.")
    missed = [row for row in rows if row.misses_slo()]
    for row in missed:
        print(
            f"Missed: {row.name} is {row.value:,.1f} {row.unit}, and the SLO is {row.slo:g}.", file=sys.stderr
        )
    return 1 if missed else 0


def _quick() -> Iterator[Row]:
    yield from scenarios.writes(rounds=60)
    yield from databases.sqlite_writes((50, 10_000), rounds=30)
    yield from databases.sqlite_restores(10_000, rounds=3)
    yield from startup.restores(rounds=3)
    yield from startup.imports(rounds=5)
    yield from command_line.commands(rounds=5)
    yield from scenarios.reads(rounds=20)
    yield from crowd.concurrency(1.0, (1, 50))
    yield from crowd.beside_an_echo(rounds=5, seconds=0.2)
    yield from crowd.a_get_beside(rounds=3, seconds=0.3)
    yield from scenarios.events(subscribers=50, rounds=40)
    yield from history.cost(rounds=60)
    yield from history.of_ten_thousand(rounds=50)
    yield from write_cost.beside_the_store((50, 10_000), rounds=50)
    yield from footprint.memory(connections=200, requests=100_000)


def _all() -> Iterator[Row]:
    yield from scenarios.writes(rounds=300)
    yield from databases.sqlite_writes((50, 10_000, 100_000), rounds=200)
    yield from databases.sqlite_restores(10_000, rounds=15)
    yield from startup.restores(rounds=15)
    yield from startup.imports(rounds=15)
    yield from command_line.commands(rounds=15)
    yield from scenarios.reads(rounds=100)
    yield from crowd.concurrency(5.0, (1, 2, 5, 10, 25, 50, 100, 200))
    yield from crowd.beside_an_echo(rounds=15, seconds=0.5)
    yield from crowd.a_get_beside(rounds=9, seconds=0.5)
    yield from scenarios.events(subscribers=50, rounds=200)
    yield from history.cost(rounds=300)
    yield from history.of_ten_thousand(rounds=200)
    yield from scenarios.large_answers(10_000, seconds=5.0)
    yield from locations.searches(10_000, seconds=5.0)
    yield from footprint.memory(connections=500, requests=1_000_000)
    yield from write_cost.beside_the_store((50, 10_000, 100_000), rounds=300)
    yield from footprint.growth((50, 200, 1_000, 3_000, 10_000), rounds=20)


if __name__ == "__main__":
    sys.exit(main())
