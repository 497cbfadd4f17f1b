"""What is measured of many clients at once: their durable writes, beside a bare echo server; a read beside them."""

import statistics
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from bench import load, machines
from bench.distributions import percentile
from bench.machines import service_workspace
from bench.results import Row
from bench.scenarios import beside, fill_with_directories
from support.process_costs import processor_seconds

CLIENTS = 50


def updates(number: int) -> list[bytes]:
    """Return a client's lines: plain writes, none of which waits for a path to be checked."""
    return [
        load.request_line(
            "workspace.update", {"id": service_workspace(number, 0).id, "rootPath": f"/srv/{turn}"}
        )
        for turn in range(2)
    ]


def open_and_close(number: int) -> list[bytes]:
    """Return a client's lines: a plain write, then one that checks the paths of ten projects first."""
    params: dict[str, object] = {"id": service_workspace(number, 0).id}
    return [load.request_line("workspace.close", params), load.request_line("workspace.open", params)]


def gets(number: int) -> list[bytes]:
    """Return a client's line: a read."""
    return [load.request_line("workspace.get", {"id": service_workspace(number, 0).id})]


def concurrency(seconds: float, clients: tuple[int, ...]) -> Iterator[Row]:
    """Acknowledged durable writes of several clients at once; each opens and closes its own workspace."""
    rates: dict[int, float] = {}
    with (
        machines.measured_directory() as where,
        machines.measured_daemon(where) as daemon,
        daemon.client() as client,
    ):
        fill_with_directories(client, where, max(clients))
        for count in clients:
            with ExitStack() as connections:
                talkers = crowd(connections, daemon.socket, [open_and_close(each) for each in range(count)])
                parts = [load.talk(talkers, seconds / 5) for _ in range(5)]
            rates[count] = statistics.median(parts)
            for number in range(count):
                if client.workspaces.get(service_workspace(number, 0).id).state == "closed":
                    client.workspaces.open(service_workspace(number, 0).id)
            name = f"durable writes, {count} client{'s' if count > 1 else ''}"
            spread = (min(parts), max(parts))
            yield Row(name, rates[count], "a second", higher=True, spread=spread, at=count)
    if 50 in rates:
        yield Row("50 clients' writes to one's", rates[50] / rates[1], "x", goal=20, higher=True)


def beside_an_echo(rounds: int, seconds: float) -> Iterator[Row]:
    """Plain writes and reads of 50 clients, in turns with a bare echo server that answers the same clients' lines.

    The machine may have other work, so each round gives a ratio. That of the processor's time per answer does not
    depend on the disk, nor on what else runs.
    """
    with (
        machines.measured_directory() as where,
        machines.measured_daemon(where) as daemon,
        daemon.client() as client,
        machines.echo_server() as echo,
        ExitStack() as connections,
    ):
        fill_with_directories(client, where, CLIENTS)
        lines = {
            "writes": [updates(number) for number in range(CLIENTS)],
            "gets": [gets(number) for number in range(CLIENTS)],
        }
        rates: dict[str, list[float]] = {}
        costs: dict[str, list[float]] = {}
        crowds = {
            name: (server.pid, crowd(connections, server.socket, lines[kind]))
            for name, server, kind in (
                ("writes", daemon, "writes"),
                ("gets", daemon, "gets"),
                ("echo", echo, "writes"),
            )
        }
        for _ in range(rounds):
            for name, (pid, talkers) in crowds.items():
                spent = processor_seconds(pid)
                answers = sum(len(talker.latencies.values_ms) for talker in talkers)
                rates.setdefault(name, []).append(load.talk(talkers, seconds))
                answers = sum(len(talker.latencies.values_ms) for talker in talkers) - answers
                costs.setdefault(name, []).append((processor_seconds(pid) - spent) / answers * 1e6)
    yield _median(f"durable writes of {CLIENTS} clients", rates["writes"], "a second", higher=True)
    yield _median(f"gets of {CLIENTS} clients", rates["gets"], "a second", higher=True)
    yield _median(f"peer: a bare trio echo to {CLIENTS} clients", rates["echo"], "a second", higher=True)
    for name, goal in (("writes", 0.4), ("gets", None)):
        ratios = [own / peer for own, peer in zip(rates[name], rates["echo"], strict=True)]
        yield _median(f"{CLIENTS} clients' {name} to a bare echo", ratios, "x", goal=goal, higher=True)
    yield _median("processor time of a write beside 49 others", costs["writes"], "µs")
    yield _median("processor time of a get beside 49 others", costs["gets"], "µs")
    yield _median("peer: processor time of an echo beside 49 others", costs["echo"], "µs")


WRITERS, READERS = (
    f"""
import sys
from contextlib import ExitStack
from math import inf
from pathlib import Path
from bench import crowd, load
with ExitStack() as connections:
    talkers = crowd.crowd(connections, Path(sys.argv[1]), [crowd.{lines}(each) for each in range(crowd.CLIENTS)])
    print("ready", flush=True)
    load.talk(talkers, inf)
"""
    for lines in ("updates", "gets")
)
"""50 clients that each write, or read, as soon as their last line was answered."""


def a_get_beside(rounds: int, seconds: float) -> Iterator[Row]:
    """A get beside 50 clients that write, in turns with one beside 50 that read."""
    tails: dict[str, list[float]] = {"write": [], "read": []}
    with (
        machines.measured_directory() as where,
        machines.measured_daemon(where) as daemon,
        daemon.client() as client,
        ExitStack() as connections,
    ):
        fill_with_directories(client, where, CLIENTS)
        talkers = {name: crowd(connections, daemon.socket, [gets(7)]) for name in tails}
        for _ in range(rounds):
            for name, program in (("write", WRITERS), ("read", READERS)):
                (talker,) = talkers[name]
                before = len(talker.latencies.values_ms)
                with beside(program, daemon):
                    load.talk([talker], seconds)
                tails[name].append(percentile(talker.latencies.values_ms[before:], 99))
        for name, (talker,) in talkers.items():
            yield Row.latency(f"a get beside {CLIENTS} that {name}", talker.latencies, 99)
    ratios = [write / read for write, read in zip(tails["write"], tails["read"], strict=True)]
    yield _median(f"a get beside {CLIENTS} that write, p99 to one beside readers", ratios, "x", goal=1.5)


def crowd(connections: ExitStack, path: Path, lines: Sequence[Sequence[bytes]]) -> list[load.Talker]:
    """Return a connected client for each sequence of lines."""
    return [load.Talker(connections.enter_context(machines.connect(path)), each) for each in lines]


def _median(
    name: str, values: Sequence[float], unit: str, *, goal: float | None = None, higher: bool = False
) -> Row:
    spread = min(values), max(values)
    return Row(name, statistics.median(values), unit, goal=goal, higher=higher, spread=spread)
