"""The opening of the store at a start: what the log tells of it, and the wait for an etcd that does not answer.

The data directory stays locked while a start waits: no second daemon begins, and clients can tell who holds it.
"""

import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import trio

from workspaced.process.log import Logger
from workspaced.settings.model import Settings
from workspaced.store.contract import StoreUnreachable, StoreUnusable
from workspaced.store.kinds import OpenStore, lock_home, open_in
from workspaced.store.locked_directory import LockedDirectory
from workspaced.supervision.supervisor import Supervisor

_PAUSE_SECONDS: Final = 1.0
"""Between two attempts to reach etcd."""

_log = Logger()


async def open_or_wait(
    settings: Settings, socket_path: Path, supervisor: Supervisor, ending: AsyncIterator[int]
) -> OpenStore | None:
    """Open the store; wait for etcd for up to `etcd_start_seconds`. Return None where a signal ends that wait.

    Raises LockHeld, or StoreUnusable: StoreUnreachable for an etcd that was not reached in time.
    """
    await supervisor.restoring(settings.data_dir)
    home = await trio.to_thread.run_sync(lock_home, settings.store, settings.data_dir, str(socket_path))
    try:
        return await trio.to_thread.run_sync(_open, settings, home)
    except StoreUnreachable as error:
        if not settings.etcd_start_seconds:
            home.close()
            raise
        reason = error
    _log.warning(
        f"etcd does not answer: the start waits for it for up to {settings.etcd_start_seconds:g} s.",
        reason=reason.reason,
    )
    failure: StoreUnusable | None = None
    store: OpenStore | None = None
    async with trio.open_nursery() as waiting:

        async def end() -> None:
            number = await supervisor.wait_for_end(ending)
            _log.info("Stopping.", signal=number.name)
            waiting.cancel_scope.cancel()

        waiting.start_soon(end)
        try:
            store = await _keep_trying(settings, home, supervisor, reason)
        except StoreUnusable as error:
            failure = error  # raised below, for the nursery would put it into a group
        waiting.cancel_scope.cancel()
    if failure is not None:
        if isinstance(failure, StoreUnreachable):
            home.close()
        raise failure
    return store


async def _keep_trying(
    settings: Settings, home: LockedDirectory, supervisor: Supervisor, reason: StoreUnreachable
) -> OpenStore:
    deadline = trio.current_time() + settings.etcd_start_seconds
    while True:
        try:
            await supervisor.waiting(f"Waiting for etcd: {reason.reason}")
            if trio.current_time() + _PAUSE_SECONDS >= deadline:
                raise StoreUnreachable(
                    f"{reason.message} The start has waited {settings.etcd_start_seconds:g} s for it (etcd_start_seconds).",
                    number=reason.errno,
                ) from reason
            await trio.sleep(_PAUSE_SECONDS)
        except trio.Cancelled:
            home.close()
            raise
        try:
            return await _attempt(settings, home)
        except StoreUnreachable as error:
            reason = error  # by now it may be another one


async def _attempt(settings: Settings, home: LockedDirectory) -> OpenStore:
    """Open the store in a thread, which is abandoned on cancellation: an etcd that hangs must not delay the end."""
    is_abandoned = threading.Event()

    def attempt() -> OpenStore:
        store = _open(settings, home)
        if is_abandoned.is_set():  # set a moment later, the end of the process closes it
            store.close()
        return store

    try:
        return await trio.to_thread.run_sync(attempt, abandon_on_cancel=True)
    except trio.Cancelled:
        is_abandoned.set()
        raise


def _open(settings: Settings, home: LockedDirectory) -> OpenStore:
    store = open_in(home, settings.store, settings.etcd)
    for warning in store.warnings:
        _log.warning(warning)
    recovery, count = store.recovery, store.state.salvageable_count()
    told = {"reason": recovery.reason, "kept": recovery.quarantined}
    if count:
        told["remedy"] = f"`workspacectl recovery salvage` can bring back {count}"
    if recovery.outcome == "dataLoss":
        _log.error("Data was lost; the store starts with what could be verified.", **told)
    elif recovery.outcome == "recovered":
        _log.warning("The store was recovered.", **told)
    return store
