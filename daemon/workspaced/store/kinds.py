"""The kinds of stores that a data directory can hold, and the choice among them at a start."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol, get_args

from workspaced.process.log import Logger
from workspaced.store.contract import (
    StoreError,
    StoreUnreachable,
    StoreUnusable,
    UnfitSettings,
    WorkspaceStore,
)
from workspaced.store.disk import Disk
from workspaced.store.files import Directory
from workspaced.store.joining import (
    EtcdSettings,
    Joined,
    extra_needed,
    joined_store,
    machine_of,
    note_joined,
    require_prefix,
)
from workspaced.store.json.json_store import JsonWorkspaceStore
from workspaced.store.locked_directory import LockedDirectory
from workspaced.store.place import refuse_network, unusable
from workspaced.store.unfinished import A_STORE, Kind, finish, marked
from workspaced_protocol.datadir import QUARANTINE, SIGNS

Choice = Literal["auto", "json", "sqlite", "etcd"]
"""A kind, or `auto`: the one that lies in the data directory, and JSON where none does."""

_log = Logger()


class OpenStore(WorkspaceStore, Protocol):
    """A store in a data directory, or the one in etcd that a data directory belongs to."""

    @property
    def machine(self) -> str | None:
        """The name that other machines know this one by; None where none shares the store."""
        ...

    @property
    def warnings(self) -> Sequence[str]:
        """Sentences for the log: what the start has found."""
        ...


class OtherKind(UnfitSettings):
    """The data directory holds another kind of store than the settings ask for, or more than one."""


def open_store(choice: Choice, data_dir: Path, *, socket: str, etcd: EtcdSettings | None = None) -> OpenStore:
    """Open the store in `data_dir`, and recover it if it is damaged. What is missing is made.

    Raises as `lock_home` and `open_in` do.
    """
    home = lock_home(choice, data_dir, socket)
    try:
        return open_in(home, choice, etcd or EtcdSettings())
    except StoreUnreachable:
        home.close()
        raise


def lock_home(choice: Choice, data_dir: Path, socket: str) -> LockedDirectory:
    """Lock the directory of a store; make it if it is missing. Raises LockHeld or StoreUnusable."""
    if choice == "sqlite":
        refuse_network(data_dir)  # before anything is made there
    return LockedDirectory(Disk(), data_dir, socket)


def open_in(home: LockedDirectory, choice: Choice, etcd: EtcdSettings) -> OpenStore:
    """Open the store in a locked directory, which is closed with the store.

    What a stopped migration has left is moved to quarantine before. Raises UnfitSettings (OtherKind for two stores) or
    StoreUnusable: then `home` is closed, but for StoreUnreachable, an etcd that does not answer.
    """
    data_dir = home.open.path
    try:
        _finish_migration(home.open)
        kind = _chosen(choice, home.open)
        if kind == "sqlite":
            refuse_network(data_dir)
    except OSError as error:
        home.close()
        raise unusable(data_dir, error) from error
    except BaseException:
        home.close()
        raise
    if kind == "json":
        return JsonWorkspaceStore(data_dir, home=home)
    if kind == "etcd":
        return _open_etcd(home, etcd)
    from workspaced.store.sqlite import SqliteWorkspaceStore

    return SqliteWorkspaceStore(data_dir, home=home)


def _open_etcd(home: LockedDirectory, settings: EtcdSettings) -> OpenStore:
    """Open the store in etcd, and note in the data directory that it belongs to it from now on."""
    try:
        home.open.remove_temps()
        before = joined_store(home.open)
        if before is not None:
            settings = settings.within(before)
            require_prefix(home.open, before, settings.address.prefix)
        machine = machine_of(settings, before)
        with extra_needed():
            from workspaced.store.etcd.etcd_store import EtcdWorkspaceStore
        store = EtcdWorkspaceStore(
            home, settings.address, machine, expected_id=None if before is None else before.store_id
        )
    except OSError as error:
        home.close()
        raise unusable(home.open.path, error) from error
    except StoreUnreachable:
        raise
    except BaseException:
        home.close()
        raise
    try:
        address = settings.address
        after = Joined("etcd", store.state.store_id, address.prefix, machine, address.endpoints)
        if after != before:
            note_joined(home.open, after)
    except StoreError as error:
        store.close()
        raise StoreUnusable(error.message, number=error.errno) from error
    return store


def kind_in(directory: Directory) -> Kind:
    """Return the kind of the store that lies in a directory, JSON where there is none yet. Raises OtherKind or OSError."""
    found = _kinds_in(directory)
    if len(found) > 1:
        names = set(directory.disk.list_names(directory.fd))
        files = " and ".join(min(names.intersection(SIGNS[kind])) for kind in found)
        raise OtherKind(
            f"{directory.path} holds two stores ({files})",
            f"choose one by the setting `store`, {' or '.join(found)}, or move the files of the other away",
        )
    return found[0] if found else "json"


def _kinds_in(directory: Directory) -> list[Kind]:
    """Return the kinds of which files lie in a directory: of one alone that serves where a marker tells so."""
    marker = marked(directory)
    if marker is not None:
        return [marker.kind]
    names = set(directory.disk.list_names(directory.fd))
    return [kind for kind in get_args(Kind) if not names.isdisjoint(SIGNS[kind])]


def _chosen(choice: Choice, directory: Directory) -> Kind:
    if choice == "auto":
        return kind_in(directory)
    found = _kinds_in(directory)
    if found and choice not in found:
        (other,) = found
        raise OtherKind(
            f"{directory.path} holds {A_STORE[other]}, but the setting `store` is {choice}",
            f"leave the setting out to serve that store, or make it {A_STORE[choice]}: workspaced migrate --to {choice}",
        )
    return choice


def _finish_migration(directory: Directory) -> None:
    """Move away what a migration that was stopped has left. Where that fails, the store that serves can go on."""
    try:
        marker = finish(directory)
    except OSError as error:
        _log.warning(
            "A migration was stopped, and what it left can't be moved to quarantine; the next start tries again.",
            reason=error.strerror or str(error),
        )
    else:
        if marker is not None:
            _log.warning(
                "A migration was stopped; what it left beside the store that serves was moved to quarantine.",
                store=marker.kind,
                kept=str(directory.path / QUARANTINE),
            )
