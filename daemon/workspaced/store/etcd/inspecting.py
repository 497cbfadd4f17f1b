"""What `workspaced etcd` and `workspacectl doctor` tell of etcd: its members, the way to them, and the store there.

Nothing is changed, and no daemon need run.
"""

import ipaddress
import json
import shlex
import socket
import ssl
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Final, Literal, NamedTuple

from workspaced.store.contract import StoreUnusable
from workspaced.store.etcd import copying
from workspaced.store.etcd.address import EtcdAddress, parse_endpoint
from workspaced.store.etcd.failures import EtcdError
from workspaced.store.etcd.gateway import Gateway
from workspaced.store.etcd.messages import Compare, MemberStatus, Put, Read
from workspaced.store.etcd.transaction import MAX_OPERATIONS

_LIMIT_SECONDS: Final = 2.0

_SLOW_SECONDS: Final = 0.25
"""A commit takes one round trip and etcd's own sync; a client waits 5 s for both at most."""

_CLOCK_SECONDS: Final = 5.0
"""More than HTTP's whole seconds and a slow answer explain."""

_DEFAULT_QUOTA_BYTES: Final = 2 * 1024**3
"""etcd's own, of a member that does not tell its quota."""

_UNCOMPACTED_REVISIONS: Final = 10_000
"""So many a member has only if it compacts nothing by itself: people do this in weeks, tests in minutes."""

_CERTIFICATE_DAYS: Final = 14


class Finding(NamedTuple):
    """The result of one check; `advice` says what to do, None where all is well."""

    name: str
    status: Literal["ok", "warning", "problem"]
    message: str
    advice: str | None = None


def inspect(address: EtcdAddress, joined_id: str | None) -> Iterator[Finding]:
    """Check each member, then the store below the prefix; `joined_id` is the id of the one that was joined, if any."""
    has_answered = False
    with closing(Gateway(address, limit_seconds=_LIMIT_SECONDS)) as gateway:
        for endpoint in address.endpoints:
            try:
                status = gateway.member_status(endpoint)
            except EtcdError as error:
                yield Finding(endpoint, "problem", f"etcd {error.problem}.", _sentence(error.advice))
            else:
                has_answered = True
                yield from _of_member(endpoint, status)
            yield from _of_the_way(endpoint, address)
        if has_answered:
            yield from _of_compaction(gateway, address)
        yield from _of_the_files(address)
        if has_answered:
            store = _of_the_store(address, joined_id)
            yield store
            if store.status == "ok":
                yield from _of_writing(gateway, address)


def as_text(findings: Sequence[Finding]) -> str:
    """Return the findings for people, a line for each, and one below it for its advice."""
    lines: list[str] = []
    for each in findings:
        lines.append(f"{each.status:<7}  {each.name}: {each.message}")
        if each.advice:
            lines.append(f"{'':7}  -> {each.advice}")
    return "\n".join(lines)


def as_json(findings: Sequence[Finding]) -> str:
    """Return the findings as JSON: `[{name, status, message, advice (or null)}]`."""
    return json.dumps([each._asdict() for each in findings], indent=2)


def _of_member(endpoint: str, status: MemberStatus) -> Iterator[Finding]:
    quota = status.quota_bytes or _DEFAULT_QUOTA_BYTES
    used = f"{status.database_bytes / 1024**2:,.1f} of {quota / 1024**2:,.0f} MiB in use"
    latency = f"{status.latency_seconds * 1000:.0f} ms"
    yield Finding(endpoint, "ok", f"etcd {status.version} answers within {latency}; {used}.")
    if status.problems:
        advice = "See `etcdctl alarm list`, and etcd's log."
        if any("NOSPACE" in each for each in status.problems):
            advice = "No write is taken: see docs/etcd.md, Compaction and quota."
        yield Finding(f"alarms at {endpoint}", "problem", f"{', '.join(status.problems)}.", advice)
    if status.latency_seconds > _SLOW_SECONDS:
        told = f"It takes {latency} to answer, and each write waits for it."
        advice = "Name a nearer member first, or see what slows it down."
        yield Finding(f"latency of {endpoint}", "warning", told, advice)
    if status.database_bytes * 2 > quota:
        advice = (
            "Start etcd with --auto-compaction-retention=1h, then run `etcdctl defrag`; or give it a larger "
            "--quota-backend-bytes. A full one takes no writes."
        )
        yield Finding(f"database of {endpoint}", "warning", f"It has over half of its quota: {used}.", advice)
    offset = status.clock_offset_seconds
    if offset is not None and abs(offset) > _CLOCK_SECONDS:
        told = f"It is {abs(offset):,.0f} s {'ahead of' if offset > 0 else 'behind'} this machine's."
        advice = "Set both by NTP: each machine dates its changes by its own clock."
        yield Finding(f"clock of {endpoint}", "warning", told, advice)


def _of_the_way(endpoint: str, address: EtcdAddress) -> Iterator[Finding]:
    parts = parse_endpoint(endpoint)
    if parts.is_tls:
        days = _days_of_certificate(parts.host, parts.port, address)
        if days is not None and days < _CERTIFICATE_DAYS:
            advice = "Renew it: after that no machine reaches this member."
            told = f"It is valid for {days:.0f} more days."
            yield Finding(f"certificate of {endpoint}", "warning", told, advice)
    elif not _is_loopback(parts.host):
        told = "There is none: who is on the way can read and change the list of workspaces."
        advice = "Give etcd certificates, and write https:// in `etcd_endpoints`."
        yield Finding(f"encryption to {endpoint}", "warning", told, advice)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _days_of_certificate(host: str, port: int, address: EtcdAddress) -> float | None:
    """Return how long the member's certificate is valid, None where no connection tells: that is told already."""
    try:
        context = ssl.create_default_context(cafile=address.ca_file)
        if address.cert_file is not None:
            context.load_cert_chain(address.cert_file, address.key_file, password="")
        with (
            socket.create_connection((host, port), timeout=_LIMIT_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host) as encrypted,
        ):
            certificate = encrypted.getpeercert() or {}
    except (OSError, ValueError):
        return None
    until = certificate.get("notAfter")
    return (ssl.cert_time_to_seconds(until) - time.time()) / 86400 if isinstance(until, str) else None


def _of_compaction(gateway: Gateway, address: EtcdAddress) -> Iterator[Finding]:
    """Look whether etcd still has its first revision, after many: it keeps every version of a key until it is told."""
    try:
        newest = gateway.read(Read(address.prefix.encode(), revision=1)).revision
    except EtcdError:  # Compacted, or what the check of the store tells
        return
    if newest > _UNCOMPACTED_REVISIONS:
        told = f"etcd has kept all of its {newest:,} revisions, and its database grows with each."
        yield Finding("compaction", "warning", told, "Start its members with --auto-compaction-retention=1h.")


def _of_the_files(address: EtcdAddress) -> Iterator[Finding]:
    """See that nobody else can read what proves who is who."""
    for setting, path in (("etcd_password_file", address.password_file), ("etcd_key_file", address.key_file)):
        try:
            mode = 0 if path is None else stat.S_IMODE(path.stat().st_mode)
        except OSError:
            continue  # told already, by the connection that needs it
        if mode & 0o077:
            told = f"Others on this machine can get at {path} (mode {mode:04o})."
            yield Finding(setting, "warning", told, f"chmod 600 {shlex.quote(str(path))}")


def _of_writing(gateway: Gateway, address: EtcdAddress) -> Iterator[Finding]:
    """See that the largest transaction of the store may be written: by one whose comparison can't hold."""
    never = Compare(f"{address.prefix}head".encode(), "VERSION", "LESS", 0)
    puts = [Put(f"{address.prefix}probe/{number}".encode(), b"") for number in range(MAX_OPERATIONS)]
    try:
        gateway.transact([never], puts)
    except EtcdError as error:
        name = f"writes below {address.prefix}"
        yield Finding(name, "problem", f"etcd {error.problem}.", _sentence(error.advice))


def _of_the_store(address: EtcdAddress, joined_id: str | None) -> Finding:
    name = address.prefix
    try:
        there = copying.there(address)
    except StoreUnusable as error:
        return Finding(name, "problem", f"{error.reason}.", _sentence(error.advice))
    if there is None and joined_id is None:
        return Finding(
            name, "ok", "Nothing is stored there yet: the first start, or a migration, makes a store."
        )
    found = "Nothing is stored there" if there is None else f"The store {there[0]} at revision {there[1]:,}"
    if joined_id is not None and (there is None or there[0] != joined_id):
        advice = "Check `etcd_endpoints`. If that store is lost, see docs/etcd.md, A lost etcd."
        return Finding(name, "problem", f"{found}, but this machine has joined {joined_id}.", advice)
    return Finding(name, "ok", f"{found}.")


def _sentence(advice: str) -> str:
    return f"{advice[:1].upper()}{advice[1:]}."
