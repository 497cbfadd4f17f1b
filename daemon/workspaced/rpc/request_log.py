"""The request log: all requests at level debug; at other levels only refused, slow and failed ones.

The strategy:
- A request that is answered in time costs one reading of the clock, unless the level is debug.
- Of the others, each client gets a number of lines a minute, so that no client can fill a disk with refused
  requests. The lines left out are counted, and the count is logged at the end of the minute.
"""

from collections.abc import Callable
from typing import Final

import trio

from workspaced.process.log import Logger
from workspaced.rpc.refusals import defect_of, to_rpc_error
from workspaced.service.requests import Caller
from workspaced_protocol.errors import ErrorCode
from workspaced_protocol.urls import without_secret

WINDOW_SECONDS: Final = 60.0
LINES_A_WINDOW: Final = 20
SLOW_REQUEST_MS: Final = 1000.0
"""Ten times the promised p95 of a write, and a fifth of its deadline."""

_METHOD_CHARACTERS: Final = 100

_log = Logger()


class _Client:
    """The log lines of one process in the current window."""

    def __init__(self, caller: Caller) -> None:
        # A process shares its lines among all its connections.
        self.peer = {name: value for name, value in caller.log_fields().items() if name != "connection"}
        self.logged = 0
        self.left_out = 0


class RequestLog:
    """Logs the outcome of requests. The lines left out are logged only while `run` runs."""

    def __init__(
        self, new_correlation_id: Callable[[], str], slow_request_ms: float = SLOW_REQUEST_MS
    ) -> None:
        self.apply_settings(slow_request_ms)
        self._new_correlation_id = new_correlation_id
        self._clients: dict[tuple[int, int], _Client] = {}
        self._begun = trio.Event()

    def apply_settings(self, slow_request_ms: float) -> None:
        """Apply the setting, and the current log level."""
        self.slow_seconds = slow_request_ms / 1000
        self.logs_all = _log.is_enabled_for("debug")
        """Whether requests that were answered in time are logged too."""

    def answered(
        self,
        caller: Caller,
        method: str | None,
        seconds: float,
        error: Exception | None,
        correlation_id: str | None = None,
    ) -> None:
        """Log an answered request. `error` is None for a result; `method` is None for an unreadable request.

        Only the kind of an error is logged: its message may contain private data of the client.
        """
        kind = "ok" if error is None else to_rpc_error(error).kind
        is_refused = kind not in ("ok", ErrorCode.CANCELLED.kind)
        is_slow = seconds >= self.slow_seconds
        is_logged = (is_refused or is_slow) and self._take_line(caller)
        if not is_logged and not self.logs_all:
            return
        entry: dict[str, object] = {
            **({} if method is None else {"method": without_secret(method)[:_METHOD_CHARACTERS]}),
            "outcome": kind,
            "duration_ms": round(seconds * 1000, 3),
            "correlation_id": correlation_id or self._new_correlation_id(),
            **caller.log_fields(),
        }
        defect = None if error is None else defect_of(error)
        if defect is not None and is_logged:
            _log.error("A request failed.", **entry, exc_info=defect)
            return
        log = _log.warning if is_logged else _log.debug
        if is_refused:
            log("A request was refused.", **entry)
        else:
            log("A request was slow." if is_slow else "A request was answered.", **entry)

    def _take_line(self, caller: Caller) -> bool:
        client = self._clients.get((caller.pid, caller.uid))
        if client is None:
            client = self._clients[caller.pid, caller.uid] = _Client(caller)
            self._begun.set()
        if client.logged < LINES_A_WINDOW:
            client.logged += 1
            return True
        if not self.logs_all:
            client.left_out += 1
        return False

    async def run(self) -> None:
        """End each window at its time, and the last one when cancelled."""
        try:
            while True:
                await self._begun.wait()  # until there is something to log
                await trio.sleep(WINDOW_SECONDS)
                self._end_window()
        finally:
            self._end_window()

    def _end_window(self) -> None:
        clients, self._clients, self._begun = self._clients, {}, trio.Event()
        for client in clients.values():
            if client.left_out:
                _log.warning(
                    "Some refused or slow requests were left out of the log.",
                    left_out=client.left_out,
                    **client.peer,
                )
