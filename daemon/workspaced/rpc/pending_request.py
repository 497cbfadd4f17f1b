"""A request that is not answered at once: its progress, its cancellation, its one answer and its log line."""

from collections.abc import Callable
from time import perf_counter
from typing import Any, Final

import msgspec
import trio

from workspaced.domain.commands import Command
from workspaced.domain.entries import Cause
from workspaced.domain.records import encode
from workspaced.host.git_output import Step
from workspaced.rpc.clients import ClientState, Pending
from workspaced.rpc.refusals import to_rpc_error
from workspaced.rpc.request_log import RequestLog
from workspaced.service.requests import Caller, Json
from workspaced.writer.actor import Writer
from workspaced_protocol.messages import PROGRESS, Call, encode_error, encode_notification, encode_result
from workspaced_protocol.models import Progress, Workspace

_PROGRESS_SECONDS: Final = 0.1  # at most ten notifications a second (protocol.md, Long work)

Answer = Callable[[bytes | list[bytes] | None], None]
"""Takes the text of an answer, or None for a notification. Called once per request."""

_decode_id: Final = msgspec.json.Decoder(int | str | None).decode


class PendingRequest:
    """A request from its arrival to its answer, of which there is exactly one."""

    __slots__ = (
        "_answer",
        "_is_answered",
        "_key",
        "_log",
        "_next_progress_at",
        "_started_at",
        "_when_settled",
        "_writer",
        "call",
        "cause",
        "client",
    )

    def __init__(
        self, call: Call, cause: Cause, answer: Answer, client: ClientState, log: RequestLog, writer: Writer
    ) -> None:
        self._started_at = perf_counter()
        self.call = call
        self.cause = cause
        self.client = client
        self._answer = answer
        self._log = log
        self._writer = writer
        self._is_answered = False
        self._key: int | str | msgspec.UnsetType | None = msgspec.UNSET
        self._when_settled: Callable[[], None] | None = None
        self._next_progress_at = float("-inf")
        client.pending[self] = Pending(call.method, self._started_at)

    @property
    def caller(self) -> Caller:
        """The caller of the request."""
        return self.client.caller

    def when_settled(self, call: Callable[[], None]) -> None:
        """Call `call` once it is certain whether the write is applied: at the answer, or at the end of its commit."""
        self._when_settled = call

    def cancel_with(self, cancel: Callable[[], None]) -> None:
        """Let `$/cancelRequest` call `cancel` until the request is answered."""
        if self.call.id is not None and not self._is_answered:
            try:
                key = _decode_id(self.call.id)
            except msgspec.DecodeError:
                return  # an integer of thousands of digits, which `$/cancelRequest` can't contain either
            self._key = key
            self.client.cancels[key] = cancel

    def report(self, step: Step) -> None:
        """Send the client a progress notification, unless the last one is too recent."""
        now = trio.current_time()
        if self.call.id is None or now < self._next_progress_at:
            return
        self._next_progress_at = now + _PROGRESS_SECONDS
        id_: Any = msgspec.Raw(self.call.id)  # sent back exactly as received
        progress = Progress(id_, step.phase, step.percent, step.message)
        self.client.notify(encode_notification(PROGRESS, encode(progress)))

    async def warn(self, step: Step) -> None:
        """Send the client a step that must not be left out for one before it; wait until it may be sent."""
        await trio.sleep_until(self._next_progress_at)  # bounded by _PROGRESS_SECONDS
        self.report(step)

    async def commit(self, command: Command) -> Json:
        """Commit a task's command, answer with its result before its events go out, and return the result."""
        when_settled, self._when_settled = self._when_settled, None  # the writer calls it
        return encode(await self._writer.write(command, self.cause, self.answer, when_settled))

    def submit(self, command: Command) -> None:
        """Submit a write's command to the writer, which answers the request."""
        when_settled, self._when_settled = self._when_settled, None  # the writer calls it
        self.cancel_with(self._writer.submit(command, self.answer, self.cause, when_settled))

    def answer(self, result: object) -> None:
        """Answer with a result, or with the error of an exception; do nothing if already answered."""
        if isinstance(result, Exception):
            self._refuse(result)
        else:
            self.answer_json(self._encoded(result))

    def _encoded(self, result: object) -> Json:
        """Return the result as JSON. A workspace has been encoded for the store, unless a later write changed it."""
        if isinstance(result, Workspace):
            record = self._writer.state.records.get(result.id)
            if record is not None and record.workspace is result:
                return record.json
        return encode(result)

    def answer_json(self, result: Json) -> None:
        """Answer with a result in JSON."""
        if self._is_answered:
            return
        self._finish(None if self.call.id is None else encode_result(self.call.id, result))
        seconds = perf_counter() - self._started_at
        if self._log.logs_all or seconds >= self._log.slow_seconds:
            self._write_log(seconds, None)

    def _refuse(self, error: Exception) -> None:
        id_ = self.call.id
        self._finish(None if id_ is None else encode_error(id_, to_rpc_error(error, self.call.params)))
        # Log it even if the request is already answered: an error after the answer is a defect.
        self._write_log(perf_counter() - self._started_at, error)

    def _write_log(self, seconds: float, error: Exception | None) -> None:
        self._log.answered(self.caller, self.call.method, seconds, error, self.cause.correlation_id)

    def _finish(self, text: bytes | None) -> None:
        if self._is_answered:
            return
        self._is_answered = True
        self.client.pending.pop(self, None)
        if self._key is not msgspec.UNSET:
            self.client.cancels.pop(self._key, None)
        self._answer(text)
        if self._when_settled is not None:
            self._when_settled()
