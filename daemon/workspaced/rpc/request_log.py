"""The log of requests: each one at debug; those that were refused, were slow or met a defect for everybody.

The strategy: a request that was answered in time costs a look at the clock, unless the log tells
everything. Of the others, each client has so many lines a minute, so that no client can fill a disk
by asking for what it can't have; what is left out is counted, and told when the minute is over.
"""

import logging
from collections.abc import Callable
from typing import Final

import structlog
import trio

from workspaced.rpc.refusals import defect_of, to_rpc_error
from workspaced.service.requests import Caller
from workspaced_protocol.errors import ErrorCode

WINDOW_SECONDS: Final = 60.0
LINES_A_WINDOW: Final = 20
SLOW_REQUEST_MS: Final = 1000.0
"""Ten times what a write may take by the promise (p95), and a fifth of a write's deadline."""

_METHOD_CHARACTERS: Final = 100

_log = structlog.get_logger(__name__)


class _Client:
    """What the log has of one process in the window that runs."""

    def __init__(self, caller: Caller) -> None:
        # A process may come back over many connections, and has no more lines for it.
        self.peer = {name: value for name, value in caller.log_fields().items() if name != "connection"}
        self.told = 0
        self.left_out = 0


class RequestLog:
    """Tells the log what became of requests; `run` must run for what was left out to be told."""

    def __init__(
        self, new_correlation_id: Callable[[], str], slow_request_ms: float = SLOW_REQUEST_MS
    ) -> None:
        self.follow(slow_request_ms)
        self._new_correlation_id = new_correlation_id
        self._clients: dict[tuple[int, int], _Client] = {}
        self._begun = trio.Event()

    def follow(self, slow_request_ms: float) -> None:
        """Takes over the settings, and the level of the log."""
        self.slow_seconds = slow_request_ms / 1000
        self.tells_all = _log.is_enabled_for(logging.DEBUG)
        """Whether also those requests are told of that were answered in time."""

    def answered(
        self,
        caller: Caller,
        method: str | None,
        seconds: float,
        error: Exception | None,
        correlation_id: str | None = None,
    ) -> None:
        """A request has its answer: a result, or `error`. `method` is None where none could be read.

        Of the error its kind is told: the message may hold what the client sent.
        """
        kind = "ok" if error is None else to_rpc_error(error).kind
        is_refused = kind not in ("ok", ErrorCode.CANCELLED.kind)
        is_slow = seconds >= self.slow_seconds
        is_told = (is_refused or is_slow) and self._may_tell(caller)
        if not is_told and not self.tells_all:
            return
        entry: dict[str, object] = {
            **({} if method is None else {"method": method[:_METHOD_CHARACTERS]}),
            "outcome": kind,
            "duration_ms": round(seconds * 1000, 3),
            "correlation_id": correlation_id or self._new_correlation_id(),
            **caller.log_fields(),
        }
        defect = None if error is None else defect_of(error)
        if defect is not None and is_told:
            _log.error("A request failed.", **entry, exc_info=defect)
            return
        tell = _log.warning if is_told else _log.debug
        if is_refused:
            tell("A request was refused.", **entry)
        else:
            tell("A request was slow." if is_slow else "A request was answered.", **entry)

    def _may_tell(self, caller: Caller) -> bool:
        client = self._clients.get((caller.pid, caller.uid))
        if client is None:
            client = self._clients[caller.pid, caller.uid] = _Client(caller)
            self._begun.set()
        if client.told < LINES_A_WINDOW:
            client.told += 1
            return True
        if not self.tells_all:
            client.left_out += 1
        return False

    async def run(self) -> None:
        """Ends each window in its time, and the last one when it is cancelled."""
        try:
            while True:
                await self._begun.wait()  # for as long as there is nothing to tell
                await trio.sleep(WINDOW_SECONDS)
                self._end_window()
        finally:
            self._end_window()

    def _end_window(self) -> None:
        clients, self._clients, self._begun = self._clients, {}, trio.Event()
        for client in clients.values():
            if client.left_out:
                _log.warning(
                    "More requests were refused or slow than the log tells.",
                    left_out=client.left_out,
                    **client.peer,
                )
