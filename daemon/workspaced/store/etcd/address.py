"""The place of a store in etcd: endpoints, prefix, and the files that prove who is who."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

DEFAULT_PREFIX: Final = "/workspaced/default/"


@dataclass(frozen=True)
class EtcdAddress:
    """Where a store lies, and how to get there."""

    endpoints: tuple[str, ...]
    """The client URLs of members of one cluster, as `https://host:2379`."""
    prefix: str = DEFAULT_PREFIX
    """The beginning of all keys of the store; it ends with `/`."""
    ca_file: Path | None = None
    """Certificates of the authorities that may vouch for a member; None: those of the system."""
    cert_file: Path | None = None
    """The certificate that is shown to the members."""
    key_file: Path | None = None
    """Its private key; None: it is in `cert_file`."""
    user: str | None = None
    password_file: Path | None = None
    """Read again at each authentication, so that a changed password needs no restart."""


class EndpointParts(NamedTuple):
    """The parts of an endpoint's URL."""

    is_tls: bool
    host: str
    port: int


def parse_endpoint(endpoint: str) -> EndpointParts:
    """Return the parts of an endpoint. Raises ValueError, whose message says what an endpoint looks like."""
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname, parts.port
        (host or "").encode("idna")  # as the system looks it up: no part of a name is empty, or too long
    except ValueError:
        host = port = parts = None
    is_whole = parts is not None and parts.path in ("", "/") and not parts.query and not parts.fragment
    if (
        not is_whole
        or parts is None
        or parts.scheme not in ("http", "https")
        or not host
        or not port
        or "@" in parts.netloc
        or not endpoint.isprintable()
        or " " in endpoint
    ):
        raise ValueError(
            f"{endpoint!r} is no endpoint of etcd: write it as https://host:2379 or http://host:2379"
        )
    return EndpointParts(parts.scheme == "https", host, port)
