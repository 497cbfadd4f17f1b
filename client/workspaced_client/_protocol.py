"""One connection seen from the client, without I/O: calls to bytes, and bytes to the answers of calls.

The strategy: a `Conversation` numbers the calls and keeps those that wait for their answer, in the
order sent. A call that its caller gave up stays among them until its late answer has come and been
dropped, so that an answer to no call at all is known for what it is: a sign that the other end
speaks something else. Where the connection ends, every waiting call gets its own error at once, and
so does every later one. Nothing here locks or waits: that is the work of the two clients.
"""

import os
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import msgspec
from msgspec import Raw

from workspaced_client._socket import program_name
from workspaced_client.errors import (
    BadAnswer,
    ConnectionLost,
    NotResponding,
    Unsendable,
    UsedAfterFork,
    WorkspacedError,
    from_answer,
)
from workspaced_protocol import PROTOCOL_VERSION, unknown
from workspaced_protocol.errors import RpcError
from workspaced_protocol.framing import LineSplitter
from workspaced_protocol.messages import (
    NotAnAnswer,
    Notification,
    encode_notification,
    encode_request,
    parse_answer,
)
from workspaced_protocol.models import Progress
from workspaced_protocol.params import HelloParams

T = TypeVar("T")
OnProgress = Callable[[Progress], None]

_LONG: Final = frozenset({"project.clone"})
"""The methods that the daemon tells the progress of, and that `$/cancelRequest` ends (protocol.md, Long work)."""

ANSWER_LIMIT_BYTES: Final = 512 * 1024 * 1024
"""The longest answer taken. `store.getAll` answers with a whole store, whose file has at most 256 MiB;
twice that leaves room for any way of writing it, and still stops a peer that never ends its line."""


CANCEL_SECONDS: Final = 1.0
"""How long somebody who gives up a call waits, at most, for the way to the daemon to be free to tell it."""


class PendingCall:
    """A call on its way: its request, and then what came of it."""

    __slots__ = ("abandoned", "id", "method", "on_progress", "outcome", "params", "progress", "request_bytes")

    def __init__(self, method: str, params: bytes, on_progress: OnProgress | None = None) -> None:
        self.method = method
        self.params = params
        self.on_progress = on_progress
        self.progress: Progress | None = None
        """The last that was told of it, until its caller has been told."""
        self.id = 0
        """Its number, once it was sent."""
        self.request_bytes = 0
        self.abandoned = False
        """Whether its caller no longer waits: its answer, when it comes, is dropped."""
        self.outcome: Raw | WorkspacedError | None = None
        """The result's JSON text, or the error to raise, or None while it waits."""

    @property
    def settled(self) -> bool:
        """Whether its outcome is there."""
        return self.outcome is not None

    @property
    def has_news(self) -> bool:
        """Whether its caller has something to look at."""
        return self.outcome is not None or self.progress is not None

    def tell_progress(self) -> None:
        """Hands the last progress to the caller's function, which may raise."""
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

    @property
    def ended(self) -> bool:
        """Whether the connection is known to have ended."""
        return self._end_reason is not None

    @property
    def end_reason(self) -> str:
        """How the connection ended, once it has."""
        return self._end_reason or ""

    @property
    def outgoing(self) -> memoryview:
        """The bytes to send next."""
        return self._outgoing

    @property
    def forked(self) -> bool:
        """Whether this is a child process, whose parent the connection belongs to."""
        return os.getpid() != self._pid

    def prepare(self, method: str, params: object, on_progress: OnProgress | None = None) -> PendingCall:
        """A call that can be sent. Raises Unsendable or UsedAfterFork; needs no lock."""
        if self.forked:
            raise UsedAfterFork(self._pid)
        try:
            method.encode()
            return PendingCall(method, msgspec.json.encode(params), on_progress)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise Unsendable(method, str(error)) from error

    def send(self, call: PendingCall) -> None:
        """Makes the call's request the outgoing bytes, which must be empty; after the end, settles it."""
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
        """Whether the daemon is at work on this call, and ends that when asked to."""
        return call.method in _LONG and call.id in self._waiting and not self._deaf

    def cancel(self, call: PendingCall) -> None:
        """Makes what ends the call the outgoing bytes, which must be empty."""
        if self.can_cancel(call):
            line = encode_notification("$/cancelRequest", b'{"id":%d}' % call.id) + b"\n"
            self._outgoing = memoryview(line)

    def sent(self, byte_count: int) -> None:
        """Takes what was sent off the outgoing bytes."""
        self._outgoing = self._outgoing[byte_count:]

    def stop_sending(self) -> None:
        """The other end takes no more bytes. It may have said why: read on, until the end shows."""
        self._deaf = True
        self._outgoing = memoryview(b"")

    def receive(self, data: bytes) -> list[PendingCall]:
        """The calls that `data` has news of; empty bytes stand for the end of the stream."""
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
        """The call that this line settles or tells the progress of, where somebody still waits for it."""
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
        call.outcome = from_answer(result) if isinstance(result, RpcError) else result
        del self._waiting[call.id]  # last: where an interrupt comes before, `end` still settles the call
        return None if call.abandoned else call

    def _progress(self, message: Notification) -> PendingCall | None:
        if message.method != "$/progress":
            return None  # the daemon tells events to subscribers alone, and this connection is none
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
        """The call that the daemon refused without being able to tell its id.

        Every request is well formed, so it was too long; then the longest one was, whatever the
        limit is, and the daemon has not read it.
        """
        return max(self._waiting.values(), key=lambda call: call.request_bytes, default=None)

    def end(self, reason: str) -> list[PendingCall]:
        """The connection has ended: settles every waiting call. A second end does only what an interrupt
        has kept the first from."""
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


def greeting() -> HelloParams:
    """What every connection begins with."""
    return HelloParams(client=program_name(), protocol=PROTOCOL_VERSION)


def not_responding(call: PendingCall, seconds: float) -> NotResponding:
    """The error of a call that was given up after `seconds`."""
    return NotResponding(call.method, seconds, call.id != 0 and may_write(call.method))


def result_of(call: PendingCall, type_: type[T]) -> T:
    """The result of a settled call, or its error raised. Members that this release lacks are left out."""
    outcome = call.outcome
    call.outcome = None  # an error that is raised must not be kept by a frame that it keeps
    if isinstance(outcome, WorkspacedError):
        raise outcome
    if outcome is None:
        raise RuntimeError(f"{call.method} has not been settled")
    try:
        value, _left_out = unknown.decode(outcome, type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswer(call.method, str(error), may_write(call.method)) from error
    return value


def may_write(method: str) -> bool:
    """Whether the method changes something; true also of one that this release does not know."""
    from workspaced_protocol.methods import METHODS  # wanted for errors alone, so not at every start
    from workspaced_protocol.params import WriteParams

    known = METHODS.get(method)
    return known is None or known.is_write or issubclass(known.params, WriteParams)


ANY_JSON: Final = cast("type[Any]", Any)
"""The type of a result that stays as it is: plain JSON values."""
