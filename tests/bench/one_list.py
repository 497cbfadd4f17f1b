"""What is measured of one list on several machines: two daemons on a store in etcd, of one member that syncs as usual.

The bare transactions do the least for the same: they compare the head, and put one workspace and the head. One goes
through the gateway of the daemon, one through `http.client`. Both are made by the benchmark's own process.
"""

import http.client
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from bench import load, machines
from bench.distributions import Distribution
from bench.machines import service_workspace
from bench.results import Row
from bench.scenarios import settle, timed
from support.daemon_process import DaemonProcess
from support.etcd import ETCD, WHERE_ETCD_IS, etcd_cluster
from support.waiting import wait_until
from workspaced.domain.records import encode
from workspaced.store.etcd import messages
from workspaced.store.etcd.address import EtcdAddress
from workspaced.store.etcd.gateway import Gateway
from workspaced.store.etcd.messages import Compare, Put, Read
from workspaced_client import Client
from workspaced_protocol.models import Change

_STORED: Final = 50
_WRITTEN_BY_EACH: Final = 50
_MACHINES: Final = ("laptop", "devbox")
_HEAD: Final = b" " * 400
"""As long as the head of a store."""


def of_two_machines(rounds: int) -> Iterator[Row]:
    """A write beside bare transactions, its way to another machine, and both machines writing at once."""
    if ETCD is None:
        print(f"One list on several machines is not measured: {WHERE_ETCD_IS}.", file=sys.stderr)
        return
    with machines.measured_directory() as where, etcd_cluster(where=where) as cluster:
        (endpoint,) = cluster.endpoints
        with (
            _daemon(where, endpoint, _MACHINES[0]) as first,
            _daemon(where, endpoint, _MACHINES[1]) as second,
            first.client() as client,
            second.client() as other,
        ):
            changes = [Change(save=service_workspace(number, 10)) for number in range(_STORED)]
            client.store.apply(changes)
            yield from _writes(client, second, endpoint, rounds)
            yield from _both_at_once(client, other)


@contextmanager
def _daemon(where: Path, endpoint: str, machine: str) -> Iterator[DaemonProcess]:
    home = where / machine
    home.mkdir()
    etcd = ("--store", "etcd", "--etcd-endpoints", endpoint, "--machine", machine)
    with machines.measured_daemon(home, *etcd) as daemon:
        yield daemon


def _writes(client: Client, elsewhere: DaemonProcess, endpoint: str, rounds: int) -> Iterator[Row]:
    """Writes through one daemon's client, in turns with their peers; another daemon's subscriber waits for their events."""
    id_ = service_workspace(0, 0).id
    value = encode(client.workspaces.get(id_))
    with (
        closing(_ByGateway(endpoint, value)) as bare,
        closing(_ByHttp(endpoint, value)) as by_http,
        closing(machines.connect(elsewhere.socket)) as subscriber,
    ):
        subscriber.sendall(load.request_line("events.subscribe", {"topics": ["workspace.*"]}))
        subscriber.recv(1000)
        deeds: dict[str, Callable[[], object]] = {
            "bare": bare.commit,
            "http": by_http.commit,
            "close": lambda: client.workspaces.close(id_),
        }
        times = {name: Distribution() for name in (*deeds, "elsewhere")}
        for number in range(rounds):
            for name, deed in deeds.items():
                settle()
                times[name].add(timed(deed))
            client.workspaces.open(id_)
            settle()
            times["elsewhere"].add(timed(_tell, client, id_, f"/srv/{number}", subscriber))
    commits = client.daemon.status().commits
    yield Row("etcd: a commit, p50", commits.p50_ms, "ms")
    yield Row(
        "etcd: a commit, p50 to the bare transaction", commits.p50_ms / times["bare"].p50, "x", goal=1.5
    )
    yield Row.latency("etcd: close through the client", times["close"], 50)
    yield Row.latency("etcd: close through the client", times["close"])
    yield Row.ratio(
        "etcd: close through the client, p50 to the bare transaction", times["close"], times["bare"]
    )
    yield Row.latency("peer: the bare transaction", times["bare"], 50)
    yield Row.latency("peer: the bare transaction by http.client", times["http"], 50)
    yield Row.latency("from a write to another machine's subscriber", times["elsewhere"], slo_ms=50)


def _tell(client: Client, id_: str, root_path: str, subscriber: socket.socket) -> None:
    """Write a path, and wait until the subscriber has the event that tells of it."""
    client.workspaces.update(id_, root_path=root_path)
    told = b""
    while f'"{root_path}"'.encode() not in told or not told.endswith(b"\n"):
        part = subscriber.recv(1 << 16)
        if not part:
            raise ConnectionError("The daemon has closed a connection.")
        told += part


def _both_at_once(*clients: Client) -> Iterator[Row]:
    """A hundred workspaces written by two machines at once: how fast, and when both have all of them."""

    def write(number: int) -> None:
        for each in range(_WRITTEN_BY_EACH):
            clients[number].workspaces.create(f"{_MACHINES[number]} {each}", "/srv")

    with ThreadPoolExecutor(len(clients)) as pool:
        began_at = time.perf_counter()
        for done in [pool.submit(write, number) for number in range(len(clients))]:
            done.result()
    written_at = time.perf_counter()
    wanted = _STORED + len(clients) * _WRITTEN_BY_EACH

    def are_equal() -> bool:
        first, second = (client.workspaces.list() for client in clients)
        return len(first) == wanted and first == second

    wait_until(are_equal, "the lists of the two machines differ")
    equal_after = time.perf_counter() - written_at
    yield Row(
        "writes of two machines at once",
        len(clients) * _WRITTEN_BY_EACH / (written_at - began_at),
        "a second",
    )
    yield Row("until both machines have the same list", equal_after * 1000, "ms", slo=1000)


class _Transaction(NamedTuple):
    """A bare transaction below a prefix of its own."""

    prefix: bytes
    value: bytes
    revision: int = 0
    """That of the last one, with which the next compares."""

    @property
    def compares(self) -> list[Compare]:
        return [Compare(self.prefix + b"head", "MOD", "EQUAL", self.revision)]

    @property
    def puts(self) -> list[Put]:
        return [Put(self.prefix + b"workspace", self.value), Put(self.prefix + b"head", _HEAD)]

    @property
    def reads(self) -> list[Read]:
        return [Read(self.prefix + b"head")]

    def next(self, answer: messages.TransactionAnswer) -> "_Transaction":
        """Return the transaction that follows this one, once it has succeeded."""
        if not answer.succeeded:
            raise RuntimeError("a bare transaction has met another one")
        return self._replace(revision=answer.revision)


class _ByGateway:
    """Bare transactions by the daemon's own gateway."""

    def __init__(self, endpoint: str, value: bytes) -> None:
        self._gateway = Gateway(EtcdAddress((endpoint,)))
        self._transaction = _Transaction(b"/bare by gateway/", value)

    def commit(self) -> None:
        """Put the workspace."""
        now = self._transaction
        self._transaction = now.next(self._gateway.transact(now.compares, now.puts, now.reads))

    def close(self) -> None:
        """Close the connections."""
        self._gateway.close()


class _ByHttp:
    """Bare transactions with nothing but `http.client`."""

    def __init__(self, endpoint: str, value: bytes) -> None:
        self._connection = http.client.HTTPConnection(endpoint.removeprefix("http://"))
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transaction = _Transaction(b"/bare by http/", value)

    def commit(self) -> None:
        """Put the workspace."""
        now = self._transaction
        body = messages.transaction(now.compares, now.puts, now.reads)
        self._connection.request("POST", "/v3/kv/txn", body, {"Content-Type": "application/json"})
        with self._connection.getresponse() as response:
            self._transaction = now.next(messages.transaction_reply(response.read()).plain())

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
