"""The composition root: builds everything, owns the nurseries, and knows the order of start and stop.

Two nurseries, one in the other: the writer's outlives the clients', so that a stop can commit what
is queued, and answer it, before the connections are closed and the store is given up.
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog
import trio

from workspaced.domain.state import Event
from workspaced.events import Cause, EventHub
from workspaced.host.git import Git
from workspaced.host.path_checks import PathChecker
from workspaced.process import log
from workspaced.rpc.listener import adopt, bind
from workspaced.rpc.server import Server
from workspaced.service.maintenance import Maintenance
from workspaced.service.operations import Service
from workspaced.settings.model import Settings
from workspaced.settings.reloading import LiveSettings
from workspaced.store import JsonWorkspaceStore, create_json_store
from workspaced.store.backups import Backups
from workspaced.supervision.supervisor import supervised
from workspaced.writer.actor import Writer
from workspaced_protocol import mounts
from workspaced_protocol.events import StoreRecovered, Topic

_DRAIN_SECONDS: Final = 10.0  # twice the deadline of a write: a disk that hangs longer is not waited for

_log = structlog.get_logger(__name__)


class DiskHangs(Exception):
    """The daemon ended without waiting any longer for its disk. The message says what to do."""


class DiskFails(Exception):
    """The daemon ended before it could repair its store after a failed commit. The message says what to do."""


async def run(
    settings: Settings,
    ready: Callable[[Path], None],
    load: Callable[[], Settings],
) -> None:
    """Runs the daemon until SIGTERM or SIGINT; calls `ready` with the socket's path once it answers there.

    A service manager is told in place of `ready`. `load` reads the settings again on SIGHUP. Raises LockHeld,
    StoreUnusable or SocketUnusable where it can't start, DiskHangs or DiskFails where the disk keeps it
    from an orderly end.
    """
    # Signals that come while the store is restored wait for the end of that.
    wanted = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    with trio.open_signal_receiver(*wanted) as signals, supervised(os.environ) as supervisor:
        socket_path = supervisor.socket_path(settings.socket)
        await supervisor.restoring(settings.data_dir)
        store = await trio.to_thread.run_sync(_open_store, settings.data_dir, socket_path)
        try:
            inherited = supervisor.inherited
            listener = bind(socket_path) if inherited is None else adopt(inherited)
        except BaseException:
            store.close()
            raise
        hub = EventHub(store.state.revision)
        _publish_recovery(store, hub)
        writer = Writer(store, hub)
        maintenance = Maintenance(store, writer, Backups(settings.data_dir), settings.data_dir)
        paths, git = PathChecker(), Git()
        service = Service(
            store,
            writer,
            hub,
            maintenance,
            data_dir=str(settings.data_dir),
            socket=str(socket_path),
            paths=paths,
            git=git,
        )
        server = Server(service, writer)

        def follow(settings: Settings) -> None:
            log.set_level(settings.log_level)
            server.log.follow(settings.slow_request_ms)
            server.max_line_bytes = settings.max_line_bytes
            paths.limit_seconds = settings.path_check_seconds
            git.timeout_seconds = settings.git_timeout_seconds
            git.allowed_protocols = settings.git_allowed_protocols.split(":")

        live = LiveSettings(settings, load, follow)
        async with trio.open_nursery() as writing:
            await writing.start(writer.run)
            writing.start_soon(paths.run)
            async with trio.open_nursery() as clients:
                clients.start_soon(maintenance.keep_backups, lambda: live.now.retention)
                clients.start_soon(server.log.run)
                accepting = await clients.start(listener.accept_into, clients, server.serve)
                if supervisor.is_there:
                    log.ready(settings.data_dir, socket_path)
                else:
                    ready(socket_path)
                await supervisor.ready(service.status)
                clients.start_soon(supervisor.watch, socket_path, service.status)
                number = await supervisor.wait_for_stop(signals, live.reload, service.status)
                _log.info("Stopping.", signal=number.name)
                accepting.cancel()
                listener.close()
                writer.stop()
                paths.stop()  # what it refuses, and all that was sent behind that, is not applied
                await supervisor.stopping()
                with trio.move_on_after(_DRAIN_SECONDS):
                    await writer.finished.wait()
                clients.cancel_scope.cancel()
            writing.cancel_scope.cancel()
        if not writer.finished.is_set():
            raise DiskHangs(
                f"The disk under {settings.data_dir} still hangs {_DRAIN_SECONDS:g} s after the stop: check the "
                "disk; the next start looks what it holds."
            )
        store.close()
        if writer.status.state == "readOnly":
            raise DiskFails(
                f"{writer.status.last_error} So the store in {settings.data_dir} could not be repaired before "
                "the stop: check the disk; the next start looks what it holds."
            )
        _log.info("Stopped.", revision=writer.state.revision)


def _open_store(data_dir: Path, socket_path: Path) -> JsonWorkspaceStore:
    store = create_json_store(data_dir, socket=str(socket_path))
    for warning in (*_doubts_about(data_dir), *store.warnings):
        _log.warning(warning)
    recovery = store.recovery
    if recovery.outcome == "dataLoss":
        _log.error(
            "Data was lost; the store starts empty.", reason=recovery.reason, kept=recovery.quarantined
        )
    elif recovery.outcome == "recovered":
        _log.warning("The store was recovered.", reason=recovery.reason, kept=recovery.quarantined)
    return store


def _doubts_about(data_dir: Path) -> list[str]:
    """What the file system under the data directory does not promise."""
    try:
        table = Path(mounts.TABLE).read_bytes()
    except OSError:
        return []
    kind = mounts.file_system_of(os.fsencode(os.path.realpath(data_dir)), table)
    doubt = mounts.doubt_about(kind)
    return [f"{data_dir} lies on {kind}: {doubt}. {mounts.ADVICE}"] if doubt else []


def _publish_recovery(store: JsonWorkspaceStore, hub: EventHub) -> None:
    """Lets clients that come back with the revision they knew learn what happened to the store."""
    found = store.recovery
    if found.outcome in ("recovered", "dataLoss") and not found.acknowledged:
        topic: Topic = "store.dataLoss" if found.outcome == "dataLoss" else "store.recovered"
        payload = StoreRecovered(found.outcome, found.reason or "", found.quarantined)
        hub.publish(Event(topic, payload, store.state.revision), Cause(""))
