"""One connection seen from the client, without I/O: calls become bytes, and bytes become outcomes of calls.

The strategy: a `Conversation` numbers the calls and keeps the unanswered ones, in the order sent.
- A call whose caller gave up stays until its late answer has come, which is dropped. So an answer to an
  unknown call is proof that the peer speaks another protocol.
- At the end of the connection, every unanswered call is settled with an error of its own, and every later
  call as soon as it is sent.
- Nothing here locks or waits: `_sync.connection` and `_async.connection` do.
"""

import os
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import msgspec
from msgspec import Raw

from workspaced_client._core.daemon_errors import from_answer
from workspaced_client._core.local_errors import (
    BadAnswer,
    ConnectionLost,
    NotResponding,
    Unsendable,
    UsedAfterFork,
    WorkspacedError,
)
from workspaced_client._core.local_paths import to_local
from workspaced_protocol import unknown
from workspaced_protocol.daemon_models import Hello
from workspaced_protocol.errors import RpcError
from workspaced_protocol.framing import LineSplitter
from workspaced_protocol.messages import (
    CANCEL_REQUEST,
    PROGRESS,
    NotAnAnswer,
    Notification,
    encode_notification,
    encode_request,
    parse_answer,
)
from workspaced_protocol.models import Progress

T = TypeVar("T")
OnProgress = Callable[[Progress], None]

_LONG: Final = frozenset({"project.clone"})
"""The methods that report progress and can be ended by `$/cancelRequest` (protocol.md, Long work)."""

ANSWER_LIMIT_BYTES: Final = 512 * 1024 * 1024
"""The longest accepted answer. `store.getAll` answers with a whole store, whose file has at most 256 MiB;
twice that leaves room for any way of writing it, and still stops a peer that never ends its line."""


CANCEL_SECONDS: Final = 1.0
"""The time limit for sending `$/cancelRequest` when a call is given up."""


class PendingCall:
    """A call under way: its request, and then its outcome."""

    __slots__ = ("abandoned", "id", "method", "on_progress", "outcome", "params", "progress", "request_bytes")

    def __init__(self, method: str, params: bytes, on_progress: OnProgress | None = None) -> None:
        self.method = method
        self.params = params
        self.on_progress = on_progress
        self.progress: Progress | None = None
        """The newest progress that the caller's function has not been given yet."""
        self.id = 0
        """The request's id; 0 until it is sent."""
        self.request_bytes = 0
        self.abandoned = False
        """Whether its caller has stopped waiting: a later answer is dropped."""
        self.outcome: Raw | WorkspacedError | None = None
        """The result's JSON text, or the error to raise; None until the call is settled."""

    @property
    def settled(self) -> bool:
        """Whether the outcome is known."""
        return self.outcome is not None

    @property
    def has_news(self) -> bool:
        """Whether there is an outcome or progress for the caller."""
        return self.outcome is not None or self.progress is not None

    def tell_progress(self) -> None:
        """Give the newest progress to the caller's function, which may raise."""
        progress, self.progress = self.progress, None
        if progress is not None and self.on_progress is not None:
            self.on_progress(progress)


class Conversation:
    """The calls of one connection, and the bytes that carry them."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._lines = LineSplitter(ANSWER_LIMIT_BYTES)
        self._waiting: dict[int, PendingCall] = {}
        self._last_id = 0
        self._outgoing = memoryview(b"")
        self._deaf = False
        self._refusal = ""
        self._end_reason: str | None = None
        self._daemon_version: str | None = None

    @property
    def ended(self) -> bool:
        """Whether the end of the connection has been seen."""
        return self._end_reason is not None

    @property
    def end_reason(self) -> str:
        """The reason of the end; empty before it."""
        return self._end_reason or ""

    @property
    def outgoing(self) -> memoryview:
        """The bytes to send next."""
        return self._outgoing

    @property
    def forked(self) -> bool:
        """Whether this process is a forked child of the connection's owner."""
        return os.getpid() != self._pid

    def prepare(self, method: str, params: object, on_progress: OnProgress | None = None) -> PendingCall:
        """Return a call that is ready to send; needs no lock. Raises UsedAfterFork, or Unsendable.

        The params are plain values: see `json_values`.
        """
        if self.forked:
            raise UsedAfterFork(self._pid)
        try:
            return PendingCall(method, msgspec.json.encode(params), on_progress)
        except RecursionError as error:
            raise Unsendable(method, "its params are nested too deeply") from error

    def send(self, call: PendingCall) -> None:
        """Make the request the outgoing bytes, which must be empty. After the end, settle the call instead."""
        if self._end_reason is not None:
            call.outcome = ConnectionLost(call.method, self._end_reason)
            return
        self._last_id += 1
        call.id = self._last_id
        line = encode_request(call.id, call.method, call.params) + b"\n"
        call.params = b""
        call.request_bytes = len(line)
        self._waiting[call.id] = call
        if not self._deaf:
            self._outgoing = memoryview(line)

    def can_cancel(self, call: PendingCall) -> bool:
        """Return whether the daemon is working on this call and would end it on request."""
        return call.method in _LONG and call.id in self._waiting and not self._deaf

    def cancel(self, call: PendingCall) -> None:
        """Make the call's `$/cancelRequest` the outgoing bytes, which must be empty."""
        if self.can_cancel(call):
            line = encode_notification(CANCEL_REQUEST, b'{"id":%d}' % call.id) + b"\n"
            self._outgoing = memoryview(line)

    def sent(self, byte_count: int) -> None:
        """Remove sent bytes from the outgoing ones."""
        self._outgoing = self._outgoing[byte_count:]

    def stop_sending(self) -> None:
        """Send no more: the peer reads nothing. It may have said why, so reading goes on until its end."""
        self._deaf = True
        self._outgoing = memoryview(b"")

    def receive(self, data: bytes) -> list[PendingCall]:
        """Return the calls that `data` has news for; empty bytes stand for the end of the stream."""
        if not data:
            cut = " in the middle of an answer" if self._lines.pending_bytes else ""
            return self.end(f"the daemon closed it{cut}")
        told: list[PendingCall] = []
        try:
            for line in self._lines.feed(data):
                call = self._take(line)
                if call is not None:
                    told.append(call)
            if self._lines.overflowed:
                raise NotAnAnswer(f"One line has more than {ANSWER_LIMIT_BYTES} bytes.")
        except NotAnAnswer as error:
            return told + self._end_by_nonsense(str(error).removesuffix("."))
        return told

    def _take(self, line: bytes) -> PendingCall | None:
        """Return the call that this line settles or reports progress of, if its caller still waits."""
        message = parse_answer(line)
        if isinstance(message, Notification):
            return self._progress(message)
        if message.id is None:
            if not isinstance(message.result, RpcError):
                raise NotAnAnswer("An answer has no id.")
            self._refusal = f", saying: {message.result.message.removesuffix('.')}"
            call = self._unreadable_call()
        elif isinstance(message.id, str) or message.id not in self._waiting:
            raise NotAnAnswer(f"There is an answer to {message.id!r}, which was never asked.")
        else:
            call = self._waiting[message.id]
        if call is None:
            return None
        result = message.result
        call.outcome = from_answer(result, call.method) if isinstance(result, RpcError) else result
        del self._waiting[call.id]  # last: after an interrupt before it, `end` still settles the call
        return None if call.abandoned else call

    def _progress(self, message: Notification) -> PendingCall | None:
        if message.method != PROGRESS:
            return None  # only subscribers are sent events, and this connection has no subscription
        try:
            progress, _left_out = unknown.decode(message.params, Progress)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise NotAnAnswer(f"Its $/progress can't be read: {error}.") from error
        call = self._waiting.get(progress.id) if isinstance(progress.id, int) else None
        if call is None or call.abandoned or call.on_progress is None:
            return None
        call.progress = progress
        return call

    def _unreadable_call(self) -> PendingCall | None:
        """Return the call that the daemon refused without an id.

        Every request is well formed, so it was too long. Then it was the longest one, and the daemon has
        not read it.
        """
        return max(self._waiting.values(), key=lambda call: call.request_bytes, default=None)

    def result_of(self, call: PendingCall, type_: type[T]) -> T:
        """Return the result of a settled call, or raise its error. Members unknown to this release are dropped."""
        outcome = call.outcome
        call.outcome = None  # a raised error keeps its frames alive, and one of them keeps the call: no cycle
        if isinstance(outcome, WorkspacedError):
            raise outcome
        if outcome is None:
            raise RuntimeError(f"{call.method} has not been settled")
        try:
            value, _left_out = unknown.decode(outcome, type_)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadAnswer(call.method, str(error), may_write(call.method), self._daemon_version) from error
        if isinstance(value, Hello):
            self._daemon_version = value.version
        return to_local(value)

    def end(self, reason: str) -> list[PendingCall]:
        """End the conversation and settle every unanswered call.

        A second call completes the first where an interrupt cut it short.
        """
        if self._end_reason is None:
            self._end_reason = reason + self._refusal
        self.stop_sending()
        settled = [call for call in self._waiting.values() if not call.abandoned]
        for call in settled:
            call.outcome = ConnectionLost(call.method, self._end_reason, may_write(call.method))
        self._waiting.clear()
        return settled

    def _end_by_nonsense(self, problem: str) -> list[PendingCall]:
        settled = self.end(f"the daemon sent something that is no answer: {problem}")
        for call in settled:
            call.outcome = BadAnswer(call.method, problem, may_write(call.method))
        return settled


def not_responding(call: PendingCall, seconds: float) -> NotResponding:
    """Return the error of a call that got no answer within `seconds`."""
    return NotResponding(call.method, seconds, call.id != 0 and may_write(call.method))


def may_write(method: str) -> bool:
    """Return whether the method changes something; True also for a method unknown to this release."""
    from workspaced_protocol.methods import METHODS  # only errors need it, so not every start pays for it
    from workspaced_protocol.params import WriteParams

    known = METHODS.get(method)
    return known is None or known.is_write or issubclass(known.params, WriteParams)


ANY_JSON: Final = cast("type[Any]", Any)
"""The type of a result that stays as it came: plain JSON values."""
