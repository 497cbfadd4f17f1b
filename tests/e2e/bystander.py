"""What a client that behaves well notices of others: its latency, and the memory of the daemon."""

import itertools
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from support.process_costs import memory_kb
from support.raw_connection import RawConnection

KIB = 1024
MIB = 1024 * KIB
WRITES = 20  # each waits for the disk: more only make the tests slow
FEWEST_WRITES = 5
PINGS_A_WRITE = 10

_BURST = 2000  # requests by which it is told how fast this machine is now
_BURST_SECONDS = 0.025  # what they take on an idle machine of two cores


class Noise(NamedTuple):
    """What a request may take beside twice its time on an idle daemon, in seconds.

    The allowances hold for a machine that does the burst in its time, and grow with the time that it takes: under a
    measure of coverage five times as long, and longer beside other tests.
    """

    median: float
    p90: float


PING_NOISE = Noise(0.010, 0.050)
"""The daemon serves one client's 32 KiB of requests in one go, some 2 ms, and so do the clients that a test runs in its
own process, in turns of 5 ms (sys.getswitchinterval()). A daemon that let one client have its way would take a second."""

WRITE_NOISE = Noise(0.050, 0.250)
"""A write takes some ten such turns, one for each step from the socket to the disk and back; and on a disk that others
use, an fsync of 1 ms takes 40 now and then, or 100."""


class Latency(NamedTuple):
    """The median and the 90th percentile of some requests, in seconds."""

    median: float
    p90: float

    @classmethod
    def of(cls, seconds: list[float]) -> "Latency":
        return cls(statistics.median(seconds), statistics.quantiles(seconds, n=10)[-1])

    def check_about(self, idle: "Latency", noise: Noise, slowed: float, others_seconds: float) -> None:
        """It is no more than twice the idle one, and the noise."""
        assert self.median <= 2 * idle.median + slowed * (noise.median + others_seconds)
        assert self.p90 <= 2 * idle.p90 + slowed * (noise.p90 + others_seconds)

    def __str__(self) -> str:
        return f"{self.median * 1000:.2f} / {self.p90 * 1000:.2f} ms"


class Latencies(NamedTuple):
    """How fast the daemon answers."""

    pings: Latency
    writes: Latency

    def __str__(self) -> str:
        return f"ping {self.pings}, write {self.writes}"


class Bystander:
    """A client that asks one thing after another, beside what others do to the daemon."""

    def __init__(self, path: Path) -> None:
        self._connection = RawConnection(path)
        self._names = (f"Bystander {number}" for number in itertools.count())
        self._id = self._connection.create(next(self._names))["id"]
        self._slowed = self._slowness()
        self._idle = self.measure()

    def close(self) -> None:
        self._connection.close()

    def measure(self, is_on: Callable[[], bool] | None = None) -> Latencies:
        """The latency of requests for as long as `is_on`, or of as many as tell it."""
        pings: list[float] = []
        writes: list[float] = []
        while is_on() if is_on else len(writes) < WRITES:
            pings += [self._timed("daemon.ping") for _ in range(PINGS_A_WRITE)]
            writes.append(self._timed("workspace.update", id=self._id, name=next(self._names)))
        assert len(writes) >= FEWEST_WRITES, "what others do has ended before it could be measured"
        return Latencies(Latency.of(pings), Latency.of(writes))

    def check(self, is_on: Callable[[], bool] | None = None, *, others_seconds: float = 0.0) -> None:
        """The latency is now about what it was on the idle daemon.

        `others_seconds` is what it takes to serve each of the others once, where that is much. A ping waits for that
        once, a write thrice: to be read, for the commit before it, and to be answered.
        """
        idle, now = self._idle, self.measure(is_on)
        print(
            f"idle: {idle}; now: {now}; slowed {self._slowed:.1f} times"
        )  # pytest shows it where a test fails
        now.pings.check_about(idle.pings, PING_NOISE, self._slowed, others_seconds)
        now.writes.check_about(idle.writes, WRITE_NOISE, self._slowed, 3 * others_seconds)

    def _slowness(self) -> float:
        """How many times longer than on an idle machine requests take that come together."""
        began_at = time.perf_counter()
        for _ in range(10):
            self._connection.answers([self._connection.request("daemon.ping") for _ in range(_BURST // 10)])
        took_seconds = time.perf_counter() - began_at
        return max(1.0, took_seconds / _BURST_SECONDS)

    def _timed(self, method: str, **params: object) -> float:
        began_at = time.perf_counter()
        self._connection.call(method, **params)
        return time.perf_counter() - began_at


class Memory:
    """How much the memory of a process has grown, by the most that it had so far."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before_bytes = self._most_bytes() if Path(f"/proc/{pid}/status").exists() else None

    def check_grown_at_most(self, limit_bytes: int) -> None:
        """The most that it ever had is no more above what that was at first; to be asked last, for it may skip."""
        if self._before_bytes is None:
            pytest.skip(f"{sys.platform} has no /proc/PID/status to tell memory by; all else was checked")
        grown_bytes = self._most_bytes() - self._before_bytes
        print(f"memory: grown by {grown_bytes / MIB:.1f} MiB, at most {limit_bytes / MIB:.1f}")
        assert grown_bytes <= limit_bytes

    def _most_bytes(self) -> int:
        return memory_kb(self._pid, "VmHWM") * KIB
