"""Runs the benchmark: `make bench`, or `make bench-quick` for the SLOs alone."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Final

from bench import (
    both_stores,
    command_line,
    compare,
    crowd,
    footprint,
    history,
    locations,
    one_list,
    results,
    scenarios,
    startup,
    write_cost,
)
from bench.results import Row

_Measure = Callable[[], Iterator[Row]]

_PARTS: Final[dict[str, _Measure]] = {
    "writes": lambda: scenarios.writes(rounds=300),
    "stores": lambda: both_stores.growth(
        (50, 500, 2_000, 10_000, 100_000), rounds=100, starts=5, json_up_to=10_000
    ),
    "etcd": lambda: one_list.of_two_machines(rounds=300),
    "starts": lambda: chain(startup.restores(rounds=15), startup.imports(rounds=15)),
    "commands": lambda: command_line.commands(rounds=15),
    "reads": lambda: scenarios.reads(rounds=100),
    "crowd": lambda: chain(
        crowd.concurrency(5.0, (1, 2, 5, 10, 25, 50, 100, 200)),
        crowd.beside_an_echo(rounds=15, seconds=0.5),
        crowd.a_get_beside(rounds=9, seconds=0.5),
    ),
    "events": lambda: scenarios.events(subscribers=50, rounds=200),
    "history": lambda: chain(history.cost(rounds=300), history.of_ten_thousand(rounds=200)),
    "large": lambda: chain(
        scenarios.large_answers(10_000, seconds=5.0),
        locations.searches(10_000, seconds=5.0),
        write_cost.beside_the_store((50, 10_000, 100_000), rounds=300),
    ),
    "memory": lambda: footprint.memory(connections=500, requests=1_000_000),
}
"""What `make bench` measures, in this order; `--part` chooses among it."""

_QUICK_PARTS: Final[dict[str, _Measure]] = {
    "writes": lambda: scenarios.writes(rounds=60),
    "stores": lambda: both_stores.growth((50, 10_000), rounds=20, starts=1, json_up_to=0),  # `writes` has it
    "etcd": lambda: one_list.of_two_machines(rounds=60),
    "starts": lambda: chain(startup.restores(rounds=3), startup.imports(rounds=5)),
    "commands": lambda: command_line.commands(rounds=5),
    "reads": lambda: scenarios.reads(rounds=20),
    "crowd": lambda: chain(
        crowd.concurrency(1.0, (1, 50)),
        crowd.beside_an_echo(rounds=5, seconds=0.2),
        crowd.a_get_beside(rounds=3, seconds=0.3),
    ),
    "events": lambda: scenarios.events(subscribers=50, rounds=40),
    "history": lambda: chain(history.cost(rounds=60), history.of_ten_thousand(rounds=50)),
    "large": lambda: write_cost.beside_the_store((50, 10_000), rounds=50),
    "memory": lambda: footprint.memory(connections=200, requests=100_000),
}
"""The same in half a minute, without what only a curve needs."""


def main() -> int:
    """Measures, or compares; 1 where an SLO is missed."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and no curves, in half a minute")
    parser.add_argument(
        "--part", choices=_PARTS, action="append", help="measure only this; several are allowed"
    )
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
    parts = _QUICK_PARTS if options.quick else _PARTS
    for part in options.part or parts:
        for row in parts[part]():
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


if __name__ == "__main__":
    sys.exit(main())
