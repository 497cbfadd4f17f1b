"""What is measured of memory: at rest, for each connection, and after many requests."""

from collections.abc import Iterator

from bench import load, machines
from bench.results import Row
from bench.scenarios import fill, pipelined
from support.process_costs import memory_kb


def memory(connections: int, requests: int) -> Iterator[Row]:
    """What the process holds at 50 x 10, for each connection that does nothing, and after many requests."""
    with (
        machines.measured_directory() as where,
        machines.measured_daemon(where) as daemon,
        daemon.client() as client,
    ):
        id_ = fill(client, 50)[7].id
        before_kb = memory_kb(daemon.pid)
        idle = [machines.connect(daemon.socket) for _ in range(connections)]
        for connected in idle:
            connected.sendall(load.request_line("daemon.ping", {}))
            connected.recv(1000)
        after_kb = memory_kb(daemon.pid)
        for connected in idle:
            connected.close()
        get = load.request_line("workspace.get", {"id": id_})
        pipelined(daemon, get, requests // 10)  # what a busy daemon keeps once is no growth
        early_kb = memory_kb(daemon.pid)
        pipelined(daemon, get, requests)
        grown_kb = memory_kb(daemon.pid) - early_kb
    yield Row("memory at 50 x 10", before_kb / 1000, "MB", goal=45)
    yield Row("memory of an idle connection", (after_kb - before_kb) / connections, "kB", goal=12)
    yield Row(f"memory gained by {requests:,} requests", grown_kb / 1000, "MB", goal=1)
