"""Real members of etcd on free ports of the loopback interface: one, or a cluster, each started, stopped and killed by its pid.

Without an `etcd` on PATH, the tests that need it are skipped: `needs_etcd`.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
from collections.abc import Generator, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final

import pytest

from support.proxy import Proxy
from support.waiting import wait_until
from workspaced_client._testing.guarded_directory import GuardedDirectory, guarded_directory

ETCD: Final = shutil.which("etcd")

WHERE_ETCD_IS: Final = "etcd is not installed (Debian: etcd-server)"
needs_etcd: Final = pytest.mark.skipif(ETCD is None, reason=WHERE_ETCD_IS)

_PORTS: Final = range(20000, 32000)
"""Below those that systems give to connections, which would take a port of a member that is about to start again."""

_ATTEMPTS: Final = 5


class Member:
    """One member: not started yet, running, paused or dead."""

    def __init__(self, name: str, directory: GuardedDirectory, client_port: int, peer_port: int) -> None:
        self.name = name
        self.client_port = client_port
        self.peer_port = peer_port
        self.scheme = "http"
        self.arguments: tuple[str, ...] = ()
        self._directory = directory
        self._log = directory.path / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """Its client URL."""
        return f"{self.scheme}://127.0.0.1:{self.client_port}"

    @property
    def is_running(self) -> bool:
        """Whether its process has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process that runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, without waiting for it."""
        assert ETCD is not None
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    ETCD,
                    "--name",
                    self.name,
                    "--data-dir",
                    str(self._directory.path / "data"),
                    *self.arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={"PATH": os.environ["PATH"]},  # etcd takes its settings from variables, too
                start_new_session=True,
            )
        self._directory.watch(self._process.pid)

    def kill(self) -> None:
        """End it by SIGKILL, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self._directory.watch(None)

    def wipe(self) -> None:
        """Lose all of its data, while it does not run."""
        shutil.rmtree(self._directory.path / "data")

    def pause(self) -> None:
        """Have it hang, as a machine without processor time: its connections stay."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def ask(self, path: str, request: dict[str, Any], *, token: str = "") -> Any:
        """Return the answer of its gateway. Raises OSError or HTTPException."""
        with contextlib.closing(HTTPConnection("127.0.0.1", self.client_port, timeout=2)) as connection:
            connection.request("POST", path, json.dumps(request), {"Authorization": token} if token else {})
            answer = connection.getresponse()
            text = answer.read()
        assert answer.status == 200, text
        return json.loads(text)

    def status(self) -> Any:
        """Return its own account of itself, None where it does not answer."""
        try:
            return self.ask("/v3/maintenance/status", {})
        except (OSError, HTTPException):
            return None

    @property
    def log(self) -> str:
        """Everything it has written."""
        return self._log.read_text("utf-8", errors="replace")


class Cluster:
    """The members, and the proxies between them; `cut_off` needs `has_proxies`."""

    def __init__(self, members: Sequence[Member], proxies: Sequence[Proxy] = ()) -> None:
        self.members = members
        self._proxies = proxies
        self._cut: set[bytes] = set()

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The client URLs of all members."""
        return tuple(member.endpoint for member in self.members)

    def leader(self) -> Member:
        """Return the member that all which run take for the leader; wait until there is one."""
        found: list[Member] = []

        def is_there() -> bool:
            statuses = {member.name: member.status() for member in self.members if member.is_running}
            leaders = {status.get("leader", "0") if status else "0" for status in statuses.values()}
            if len(leaders) != 1:
                return False
            [leader] = leaders
            ids = {status["header"]["member_id"]: name for name, status in statuses.items()}
            found[:] = [member for member in self.members if member.name == ids.get(leader)]
            return bool(found)

        wait_until(is_there, lambda: "\n".join(member.log[-2000:] for member in self.members))
        return found[0]

    def follower(self) -> Member:
        """Return a member that is not the leader."""
        leader = self.leader()
        return next(member for member in self.members if member is not leader)

    def cut_off(self, member: Member) -> None:
        """Cut a member off from the others; its clients still reach it."""
        status = member.status()
        assert status is not None
        self._cut.add(f"x-server-from: {int(status['header']['member_id']):x}\r\n".encode())
        for other, proxy in zip(self.members, self._proxies, strict=True):
            if other is member:
                proxy.mode = "refuse"
            else:
                proxy.refuses = self._is_cut
            proxy.cut()

    def join(self) -> None:
        """Let all members reach one another again."""
        self._cut.clear()
        for proxy in self._proxies:
            proxy.mode = "pass"

    def _is_cut(self, request: bytes) -> bool:
        return any(sender in request.lower() for sender in self._cut)


@contextlib.contextmanager
def etcd_cluster(
    size: int = 1,
    *,
    arguments: Sequence[str] = (),
    scheme: str = "http",
    has_proxies: bool = False,
    where: Path | None = None,
) -> Generator[Cluster]:
    """Yield a cluster that serves, for a `with` block.

    `where` is a directory on the disk that it is to use; by default the disk of temporary files.
    """
    for attempt in range(_ATTEMPTS):
        with contextlib.ExitStack() as stack:
            cluster = _new_cluster(stack, size, arguments, scheme, where, has_proxies=has_proxies)
            for member in cluster.members:
                stack.callback(member.kill)
                member.start()
            if _is_ready(cluster, scheme) or attempt == _ATTEMPTS - 1:
                assert all(member.is_running for member in cluster.members), cluster.members[0].log[-4000:]
                yield cluster
                return


def _new_cluster(
    stack: contextlib.ExitStack,
    size: int,
    arguments: Sequence[str],
    scheme: str,
    where: Path | None,
    *,
    has_proxies: bool,
) -> Cluster:
    ports = free_ports(2 * size)
    members = [
        Member(
            f"m{number}",
            stack.enter_context(guarded_directory(where)),
            client_port=ports[2 * number],
            peer_port=ports[2 * number + 1],
        )
        for number in range(size)
    ]
    proxies = [stack.enter_context(Proxy(member.peer_port)) for member in members] if has_proxies else []
    told_ports = [proxy.port for proxy in proxies] or [member.peer_port for member in members]
    peers = [f"http://127.0.0.1:{port}" for port in told_ports]
    everybody = ",".join(f"{member.name}={peer}" for member, peer in zip(members, peers, strict=True))
    for member, peer in zip(members, peers, strict=True):
        member.scheme = scheme
        client = member.endpoint
        member.arguments = (
            *("--listen-client-urls", client, "--advertise-client-urls", client),
            *("--listen-peer-urls", f"http://127.0.0.1:{member.peer_port}"),
            *("--initial-advertise-peer-urls", peer, "--initial-cluster", everybody),
            *("--logger", "zap", "--log-level", "warn"),
            *arguments,
        )
    return Cluster(members, proxies)


def _is_ready(cluster: Cluster, scheme: str) -> bool:
    """Wait until each member serves; False where one has ended, as it does if another program has taken its port."""

    def serves(member: Member) -> bool:
        if scheme == "https":
            return _accepts(member.client_port)
        status = member.status()
        return status is not None and status.get("leader", "0") != "0"

    def is_decided() -> bool:
        return not all(member.is_running for member in cluster.members) or all(map(serves, cluster.members))

    wait_until(is_decided, lambda: "\n".join(member.log[-2000:] for member in cluster.members))
    return all(member.is_running for member in cluster.members)


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def free_ports(count: int) -> list[int]:
    """Return different ports that nobody listens on now."""
    found: list[int] = []
    choice = random.Random()  # another one in each worker
    while len(found) < count:
        port = choice.choice(_PORTS)
        with contextlib.closing(socket.socket()) as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                attempt.bind(("127.0.0.1", port))
                if port not in found:
                    found.append(port)
    return found


def port_of(endpoint: str) -> int:
    """Return the port of a client URL."""
    return int(endpoint.rpartition(":")[2])
