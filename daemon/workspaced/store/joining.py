"""The store in etcd that a data directory has joined, the name of this machine and the id of the directory there.

The strategy: nothing in the directory holds the data of such a store, so a small file names it. It is written once the
store was opened, by the first start with `store = "etcd"` in an empty directory, or by a migration. From then on no other
store is served there, whatever the settings say: a wrong prefix must not lead to another list of workspaces.
"""

import errno
import socket
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from workspaced.domain.ids import IdFactory
from workspaced.store.contract import StoreUnusable, UnfitSettings
from workspaced.store.disk import Disk
from workspaced.store.etcd.address import EtcdAddress, parse_endpoint
from workspaced.store.files import Directory
from workspaced.store.place import unusable
from workspaced_protocol.datadir import JOINED
from workspaced_protocol.models import WRONG_MACHINE, MachineName, StoreId, is_machine_name

DEFAULT_ENDPOINTS: Final = ("http://127.0.0.1:2379",)
"""Where etcd listens by itself."""

_NO_NAMES: Final = ("localhost", "localhost.localdomain")
"""Host names that many machines have."""


@dataclass(frozen=True)
class EtcdSettings:
    """The settings of a store in etcd."""

    address: EtcdAddress = field(default_factory=lambda: EtcdAddress(DEFAULT_ENDPOINTS))
    machine: str | None = None
    """The name of this machine; None: the one by which it joined the store, at first the host name."""
    has_endpoints: bool = True
    """Whether the endpoints were chosen, and are not the default."""
    has_prefix: bool = True
    """Whether the prefix was chosen, and is not the default."""

    def within(self, joined: "Joined | None") -> "EtcdSettings":
        """Return the settings for a data directory: its own endpoints and prefix, where none were chosen."""
        if joined is None:
            return self
        address = self.address
        if not self.has_endpoints and joined.endpoints:
            address = replace(address, endpoints=joined.endpoints)
        if not self.has_prefix:
            address = replace(address, prefix=joined.prefix)
        return replace(self, address=address)

    @property
    def machine_name(self) -> str | None:
        """The name by which this machine would join a store; None where it has none of its own."""
        name = self.machine or socket.gethostname()
        return name if name not in _NO_NAMES and is_machine_name(name) else None


class Joined(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The content of the file."""

    kind: Literal["etcd"]
    store_id: StoreId
    prefix: Annotated[str, Meta(min_length=1)]
    machine: MachineName
    """The name that this machine has for the others."""
    endpoints: tuple[str, ...] = ()
    """The members that served it last, for a command without settings."""
    directory_id: Annotated[str, Meta(pattern=r"^dd_[0-7][0-9A-HJKMNP-TV-Z]{25}$(?!\n)")] | None = None
    """The id of the data directory, by which the store tells it from others; None until the next start."""

    def __post_init__(self) -> None:
        if not is_machine_name(self.machine):
            raise ValueError(f"`machine` is wrong: {WRONG_MACHINE}")
        for each in self.endpoints:
            parse_endpoint(each)


def joined_store(directory: Directory) -> Joined | None:
    """Return which store in etcd a directory has joined, or None. Raises StoreUnusable or OSError."""
    content = directory.read(JOINED)
    if content is None:
        return None
    try:
        return msgspec.json.decode(content.data, type=Joined)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        advice = (
            "it tells which store in etcd this directory belongs to: restore it, or move it away, and the next start with "
            '`store = "etcd"` writes it again'
        )
        path = directory.path / JOINED
        raise StoreUnusable(f"{path} can't be read ({error})", advice, errno.EINVAL) from error


def joined_at(data_dir: Path) -> Joined | None:
    """Return the same of a directory that need not be there, and may be locked. Raises StoreUnusable."""
    try:
        with closing(Directory.open(Disk(), data_dir, create=False)) as directory:
            return joined_store(directory)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unusable(data_dir, error) from error


def note_joined(directory: Directory, joined: Joined) -> None:
    """Put the file durably in place. Raises StorageFailure if nothing changed, or CommitUnknown."""
    directory.replace([JOINED], msgspec.json.encode(joined) + b"\n")


def require_prefix(directory: Directory, joined: Joined, prefix: str) -> None:
    """Raise UnfitSettings where the settings lead to another store than the directory's."""
    if joined.prefix != prefix:
        raise UnfitSettings(
            f"{directory.path} belongs to the store {joined.store_id} below {joined.prefix} in etcd, but the setting "
            f"`etcd_prefix` is {prefix}",
            f"set it to {joined.prefix}; or, to have the store below {prefix} here, move {directory.path / JOINED} away",
        )


@contextmanager
def extra_needed() -> Generator[None]:
    """Raise UnfitSettings in place of the error of an import, where the HTTP client is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "urllib3":
            raise
        raise UnfitSettings(
            "A store in etcd needs urllib3, which is not installed",
            "pip install 'workspaced[etcd]'",
        ) from error


def directory_id_of(joined: Joined | None) -> str:
    """Return the id of a data directory, a new one where it has none."""
    return (joined.directory_id if joined is not None else None) or IdFactory().directory()


def machine_of(settings: EtcdSettings, joined: Joined | None) -> str:
    """Return the name of this machine. Raises UnfitSettings where it has none."""
    if settings.machine is None and joined is not None:
        return joined.machine
    name = settings.machine_name
    if name is None:
        raise UnfitSettings(
            f"This machine needs a name for the others that share its store, and its host name is “{socket.gethostname()}”",
            'choose one by the setting `machine`, such as machine = "devbox"',
        )
    return name
