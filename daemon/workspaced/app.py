"""The composition root: `build` makes a daemon of its parts, `run` starts and stops it in order.

Of two nested nurseries, the writer's is the outer one. So a stop can commit and answer the queued writes
before it closes the connections and the store.
"""

import gc
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trio

from workspaced.domain.entries import NOBODY, Event
from workspaced.domain.frecency import Use
from workspaced.domain.ids import IdFactory
from workspaced.domain.machines import Here
from workspaced.events import EventHub
from workspaced.host.git import Git
from workspaced.host.path_checks import PathChecker
from workspaced.host.real_paths import RealPaths
from workspaced.opening import open_or_wait
from workspaced.process import log
from workspaced.process.log import Logger
from workspaced.rpc.clients import Clients
from workspaced.rpc.listener import SocketListener, adopt, bind
from workspaced.rpc.server import Server
from workspaced.service.bound_paths import BoundPaths
from workspaced.service.daemon import DaemonOperations
from workspaced.service.history import HistoryOperations
from workspaced.service.locations import Locations
from workspaced.service.maintenance import Maintenance
from workspaced.service.projects import ProjectOperations
from workspaced.service.registry import Operation, registry
from workspaced.service.sessions import SessionOperations
from workspaced.service.store import StoreOperations
from workspaced.service.usage import Usage
from workspaced.service.workspaces import WorkspaceOperations
from workspaced.settings.model import Settings
from workspaced.settings.reloading import LiveSettings
from workspaced.store.backups import Backups
from workspaced.store.contract import WorkspaceStore
from workspaced.store.usage_file import UsageFile
from workspaced.supervision.ending import received
from workspaced.supervision.supervisor import Supervisor, supervised
from workspaced.writer.actor import Writer
from workspaced.writer.settling import Settling
from workspaced_protocol.daemon_models import DaemonStatus
from workspaced_protocol.events import StoreRecovered, Topic

_DRAIN_SECONDS: Final = 10.0  # twice the deadline of a write; a disk that hangs longer is given up

_NEXT_START: Final = "The next start recovers the store from what the disk holds."
_NEXT_START_OF_SHARED: Final = (
    "It is not known whether the last writes were applied: the next start serves what etcd holds."
)

_log = Logger()


class DiskHangs(Exception):
    """The daemon stopped while its disk still hung. The message says what to do."""


class DiskFails(Exception):
    """The daemon stopped before it could repair its store after a failed commit. The message says what to do."""


@dataclass(frozen=True)
class Daemon:
    """The parts of a daemon. It serves only while the `run` of `writer`, `paths`, `real_paths` and `server.log` run."""

    store: WorkspaceStore
    hub: EventHub
    writer: Writer
    settling: Settling
    paths: PathChecker
    real_paths: RealPaths
    usage: Usage
    git: Git
    maintenance: Maintenance
    operations: dict[str, Operation]
    clients: Clients
    server: Server
    status: Callable[[], DaemonStatus]
    """Returns the result of `daemon.status`."""

    def apply_settings(self, settings: Settings) -> None:
        """Apply the settings that can change in a running daemon."""
        self.server.log.apply_settings(settings.slow_request_ms)
        self.server.max_line_bytes = settings.max_line_bytes
        self.paths.limit_seconds = self.real_paths.limit_seconds = settings.path_check_seconds
        self.git.timeout_seconds = settings.git_timeout_seconds
        self.git.allowed_protocols = settings.git_allowed_protocols.split(":")


def build(
    store: WorkspaceStore,
    *,
    data_dir: Path,
    socket: Path,
    hub: EventHub | None = None,
    writer: Writer | None = None,
    paths: PathChecker | None = None,
    uses: dict[str, Use] | None = None,
    usage_file: UsageFile | None = None,
    machine: str | None = None,
    host_name: str | None = None,
) -> Daemon:
    """Make a daemon on an open store; `data_dir` and `socket` are for its status.

    `machine` is this machine's name in a store that several machines share, None in a store of its own. `host_name` is the
    name under which this machine may be known in copies of a shared store.

    A given hub, writer or path checker replaces the daemon's own. `uses` are those of the last start; they are kept
    in `usage_file`, if there is one.
    """
    hub = hub or EventHub(store.state.revision, store.state.history)
    writer = writer or Writer(store, hub)
    reserved = os.path.realpath(data_dir)
    paths, real_paths, git = paths or PathChecker(), RealPaths(), Git(reserved=reserved)
    ids, clients = IdFactory(), Clients()
    here = Here(name=machine or host_name, mark=machine)
    bound = BoundPaths(writer, paths, here)
    about = DaemonOperations(store, writer, hub, clients, data_dir=data_dir, socket=socket, machine=machine)
    sessions = SessionOperations(writer, ids)
    usage = Usage(writer, hub, usage_file, uses)
    maintenance = Maintenance(store, writer, bound, Backups(data_dir), data_dir, here)
    operations = registry(
        about,
        WorkspaceOperations(writer, ids, bound, usage, here),
        Locations(writer, hub, real_paths, here),
        usage,
        HistoryOperations(writer, here),
        ProjectOperations(writer, ids, bound, git, here, reserved),
        sessions,
        StoreOperations(writer, bound, here),
        maintenance,
    )
    server = Server(operations, writer, clients, sessions, ids, here)
    return Daemon(
        store=store,
        hub=hub,
        writer=writer,
        settling=Settling(store, writer),
        paths=paths,
        real_paths=real_paths,
        usage=usage,
        git=git,
        maintenance=maintenance,
        operations=operations,
        clients=clients,
        server=server,
        status=about.describe,
    )


async def run(
    settings: Settings,
    on_ready: Callable[[DaemonStatus], None],
    load: Callable[[], Settings],
    *,
    owns_process: bool = False,
) -> None:
    """Run the daemon until SIGTERM or SIGINT; call `on_ready` with its status when it accepts clients.

    Under a service manager, a log line replaces `on_ready`. On SIGHUP, `load` reads the settings again. With
    `owns_process`, every child of the process is the daemon's, so it reaps those that it did not start. Raises
    LockHeld, StoreUnusable or SocketUnusable if the daemon can't start, DiskHangs or DiskFails if the disk
    prevents an orderly stop.
    """
    # Signals during the recovery of the store take effect after it; those during a wait for etcd at once.
    with received() as ending, supervised(os.environ) as supervisor:
        socket_path = supervisor.socket_path(settings.socket)
        store = await open_or_wait(settings, socket_path, supervisor, ending)
        if store is None:
            return
        if owns_process:
            # What the store has loaded stays: a full garbage collection of 100,000 workspaces takes 140 ms.
            gc.freeze()
        usage_file = UsageFile(settings.data_dir)
        try:
            uses = await trio.to_thread.run_sync(usage_file.read)
            inherited = supervisor.inherited
            listener = bind(socket_path) if inherited is None else adopt(inherited)
        except BaseException:
            store.close()
            raise
        daemon = build(
            store,
            data_dir=settings.data_dir,
            socket=socket_path,
            uses=uses,
            usage_file=usage_file,
            machine=store.machine,
            host_name=settings.etcd.machine_name,
        )
        _publish_recovery(store, daemon.hub)

        def apply(settings: Settings) -> None:
            log.set_level(settings.log_level)
            daemon.apply_settings(settings)

        live = LiveSettings(settings, load, apply)
        async with trio.open_nursery() as children:
            if owns_process:
                children.start_soon(daemon.git.children.reap_others)
            await _serve(daemon, listener, live, supervisor, ending, on_ready)
            children.cancel_scope.cancel()
        _close(daemon, settings.data_dir)


async def _serve(
    daemon: Daemon,
    listener: SocketListener,
    live: LiveSettings,
    supervisor: Supervisor,
    ending: AsyncIterator[int],
    on_ready: Callable[[DaemonStatus], None],
) -> None:
    """Serve clients until a signal comes, then stop in order: the writes, then the connections."""
    writer, server = daemon.writer, daemon.server
    async with trio.open_nursery() as writing:
        await writing.start(writer.run)
        writing.start_soon(daemon.paths.run)
        writing.start_soon(daemon.real_paths.run)
        async with trio.open_nursery() as clients:
            clients.start_soon(daemon.maintenance.keep_backups, lambda: live.now.retention)
            clients.start_soon(daemon.usage.keep)
            clients.start_soon(server.log.run)
            clients.start_soon(daemon.settling.run)
            accepting = await clients.start(listener.accept_into, clients, server.serve)
            if supervisor.is_there:
                log.ready(live.now.data_dir, listener.path)
            else:
                on_ready(daemon.status())
            await supervisor.ready(daemon.status)
            clients.start_soon(listener.keep_path)
            clients.start_soon(supervisor.watch, listener.path, daemon.status)
            number = await supervisor.wait_for_stop(ending, live.reload, daemon.status)
            _log.info("Stopping.", signal=number.name)
            accepting.cancel()
            listener.close()
            writer.stop()
            daemon.paths.stop()  # refuses pending checks: their writes, and the writes behind them, are not applied
            await supervisor.stopping()
            with trio.move_on_after(_DRAIN_SECONDS):
                await writer.finished.wait()
                await daemon.settling.finish()
                await daemon.usage.save()
            clients.cancel_scope.cancel()
        writing.cancel_scope.cancel()


def _close(daemon: Daemon, data_dir: Path) -> None:
    """Close the store. Raise DiskHangs or DiskFails if the disk, or the server of a shared store, prevents an orderly stop."""
    writer = daemon.writer
    is_shared = daemon.store.shares_sessions
    if not writer.finished.is_set():
        raise DiskHangs(
            f"etcd still gives no answer {_DRAIN_SECONDS:g} s after the stop signal: see whether its members run. "
            f"{_NEXT_START_OF_SHARED}"
            if is_shared
            else f"The disk under {data_dir} still hangs {_DRAIN_SECONDS:g} s after the stop signal: check the "
            f"disk. {_NEXT_START}"
        )
    daemon.store.close()
    if writer.is_in_doubt:
        raise DiskFails(
            f"{writer.status.last_error} {_NEXT_START_OF_SHARED}"
            if is_shared
            else f"{writer.status.last_error} So the store in {data_dir} could not be repaired before "
            f"the stop: check the disk. {_NEXT_START}"
        )
    _log.info("Stopped.", revision=writer.state.revision)


def _publish_recovery(store: WorkspaceStore, hub: EventHub) -> None:
    """Publish an unacknowledged recovery, for clients that subscribe from the revision they know."""
    found = store.recovery
    if found.outcome in ("recovered", "dataLoss") and not found.acknowledged:
        topic: Topic = "store.dataLoss" if found.outcome == "dataLoss" else "store.recovered"
        payload = StoreRecovered(found.outcome, found.reason or "", found.quarantined)
        hub.publish(Event(topic, payload, store.state.revision), NOBODY)
