"""From a request to its method and back: its params, its handler, its answer."""

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, Final

import msgspec
import trio

from workspaced.domain.errors import RequestCancelled, ShuttingDown
from workspaced.domain.state import encode
from workspaced.events import Cause
from workspaced.host.git_output import Step
from workspaced.rpc.refusals import rpc_error, to_rpc_error
from workspaced.rpc.request_log import RequestLog
from workspaced.service.callers import Caller, Pending
from workspaced.service.gathering import Make
from workspaced.service.maintenance import Json
from workspaced.service.operations import Service
from workspaced.service.order import Turn
from workspaced.writer.actor import Writer
from workspaced.writer.pending import withdrawn
from workspaced_protocol.errors import ErrorCode, RpcError
from workspaced_protocol.events import Peer
from workspaced_protocol.messages import (
    NULL_ID,
    Call,
    Malformed,
    encode_error,
    encode_notification,
    encode_result,
    encode_result_array,
)
from workspaced_protocol.methods import METHODS, Method
from workspaced_protocol.models import Progress
from workspaced_protocol.params import CancelParams, Params

CANCEL_REQUEST: Final = "$/cancelRequest"
SUBSCRIBE: Final = "events.subscribe"
PROGRESS: Final = "$/progress"
_PROGRESS_SECONDS: Final = 0.1  # at most ten notifications a second (protocol.md, Notifications)


Answer = Callable[[bytes | list[bytes] | None], None]
"""Takes the text of an answer, or None where a notification gets none. Called once a request."""

Task = Callable[[], Awaitable[None]]


class Dispatcher:
    """Runs requests against the service."""

    def __init__(self, service: Service, writer: Writer, log: RequestLog) -> None:
        self._service = service
        self._writer = writer
        self._log = log

    def dispatch(self, request: Call | Malformed, caller: Caller, answer: Answer) -> Task | None:
        """Answers a read at once and submits a write; what has to wait is given back, for the caller to run."""
        caller.requests += 1
        if isinstance(request, Malformed):
            problem = rpc_error(request.code, request.message)
            answer(encode_error(request.id, problem))
            self._log.answered(caller, None, 0.0, problem)
            return None
        if request.id is None and request.method == CANCEL_REQUEST:
            self._cancel(request, caller)
            answer(None)
            return None
        method = METHODS.get(request.method)
        if method is not None and method.mode == "read":
            self._read(method, request, caller, answer)
            return None
        reply = _Reply(request, answer, caller, self._log)
        if method is None:
            reply(
                RpcError(
                    ErrorCode.METHOD_NOT_FOUND,
                    f"There is no method {request.method[:100]!r}: rpc.discover lists those there are.",
                    {"kind": ErrorCode.METHOD_NOT_FOUND.kind},
                )
            )
            return None
        try:
            params = method.decode_params(request.params)
            if method.mode == "write":
                self._write(method.name, params, caller, reply)
                return None
            scope = trio.CancelScope()
            reply.cancelled_by(scope.cancel)
            report = _ProgressReport(request.id, caller)
            task = self._service.tasks[method.name](params, self._cause(caller, reply), report, reply)
            return lambda: _run_task(task, reply, scope, caller)
        except Exception as error:  # noqa: BLE001 - a defect in one method must not end a connection
            reply(error)
        return None

    def _read(self, method: Method, request: Call, caller: Caller, answer: Answer) -> None:
        """Answers at once, and with as little ado as can be: clients may ask a hundred thousand a second."""
        started_at = perf_counter()
        text: bytes | list[bytes] | None
        try:
            result = self._service.reads[method.name](method.decode_params(request.params), caller)
            if request.id is None:
                text = None
            elif isinstance(result, bytes):
                text = encode_result(request.id, result)
            else:
                text = encode_result_array(request.id, result)
        except Exception as refusal:  # noqa: BLE001 - as above
            answer(None if request.id is None else encode_error(request.id, to_rpc_error(refusal)))
            self._log.answered(caller, request.method, perf_counter() - started_at, refusal)
            return
        answer(text)
        seconds = perf_counter() - started_at
        if seconds >= self._log.slow_seconds or self._log.tells_all:
            self._log.answered(caller, request.method, seconds, None)

    def refuse_long_line(self, max_line_bytes: int, caller: Caller) -> bytes:
        """The answer to a line over the cap, after which the connection is closed."""
        message = f"The line is longer than {max_line_bytes:,} bytes: the connection is closed."
        problem = rpc_error(ErrorCode.INVALID_REQUEST, message)
        self._log.answered(caller, None, 0.0, problem)
        return encode_error(NULL_ID, problem)

    def refuse_in_batch(self, request: Call | Malformed, limit_bytes: int, caller: Caller) -> bytes:
        """The answer to a request of a batch whose answers have grown over a limit."""
        caller.requests += 1
        message = f"The answers of this batch have more than {limit_bytes:,} bytes: send it in parts."
        problem = rpc_error(ErrorCode.OVERLOADED, message)
        self._log.answered(caller, request.method if isinstance(request, Call) else None, 0.0, problem)
        return encode_error(request.id or NULL_ID, problem)

    def _write(self, name: str, params: Params, caller: Caller, reply: "_Reply") -> None:
        """Submits a write once all that this connection sent before it are."""
        cause = self._cause(caller, reply)
        expect = self._service.expected.get(name)
        if expect is not None:
            reply.when_answered(expect(params))
        prepare = self._service.prepared.get(name)
        if prepare is None and caller.line.is_empty():
            command = self._service.writes[name](params, caller)
            reply.cancelled_by(self._writer.submit(command, reply, cause))
            return
        turn = caller.line.join()
        reply.cancelled_by(turn.withdraw)

        def ready(make: Make | Exception) -> None:
            turn.ready(lambda: self._submit(turn, make, reply, cause))

        if prepare is None:
            ready(lambda: self._service.writes[name](params, caller))
            return
        try:
            prepare(params, ready)
        except Exception as refusal:  # noqa: BLE001 - as above
            ready(refusal)

    def _submit(self, turn: Turn, make: Make | Exception, reply: "_Reply", cause: Cause) -> bool:
        """Submits the write at the head of its line; False where it has to look at a disk once more."""
        if isinstance(make, Exception):
            reply(make)
            return True
        if turn.is_withdrawn:
            reply(withdrawn())
            return True
        try:
            command = make()
        except Exception as refusal:  # noqa: BLE001 - as above
            reply(refusal)
            return True
        if command is None:
            return False
        reply.cancelled_by(self._writer.submit(command, reply, cause))
        return True

    def _cause(self, caller: Caller, reply: "_Reply") -> Cause:
        """Who asks for this, under an id that the request has from now on; it has to wait for its answer."""
        correlation_id = self._service.new_correlation_id()
        reply.pends(correlation_id)
        return Cause(correlation_id, Peer(caller.pid, caller.uid))

    def _cancel(self, request: Call, caller: Caller) -> None:
        try:
            params = msgspec.json.decode(request.params or b"{}", type=CancelParams | tuple[int | str | None])
        except msgspec.DecodeError:
            return  # a notification gets no answer, and this one names nothing to cancel
        cancel = caller.cancels.get(params.id if isinstance(params, CancelParams) else params[0])
        if cancel is not None:
            cancel()


async def _run_task(task: Awaitable[Json], reply: "_Reply", scope: trio.CancelScope, caller: Caller) -> None:
    result = b"null"
    try:
        with scope:
            result = await task
        if scope.cancelled_caught:
            reply(RequestCancelled("The request was cancelled."))
            return
    except Exception as error:  # noqa: BLE001 - as above
        reply(error)
    except BaseException:  # Cancelled, or a group of it, out of a nursery of the task's
        if not caller.is_gone:
            reply(ShuttingDown())
        raise
    else:
        reply.json(result)


class _ProgressReport:
    """Tells the client how far its request has come, as often as it may be told."""

    def __init__(self, id_: bytes | None, caller: Caller) -> None:
        self._id = id_
        self._notify = caller.notify
        self._next_at = float("-inf")

    def __call__(self, step: Step) -> None:
        now = trio.current_time()
        if self._id is None or now < self._next_at:
            return
        self._next_at = now + _PROGRESS_SECONDS
        id_: Any = msgspec.Raw(self._id)  # it goes back as it came
        progress = Progress(id_, step.phase, step.percent, step.message)
        self._notify(encode_notification(PROGRESS, encode(progress)))


class _Reply:
    """Turns the result of one request into its answer, and tells the log."""

    __slots__ = (
        "_answer",
        "_answered",
        "_caller",
        "_correlation_id",
        "_id",
        "_is_pending",
        "_key",
        "_log",
        "_method",
        "_started_at",
        "_when_answered",
    )

    def __init__(self, request: Call, answer: Answer, caller: Caller, log: RequestLog) -> None:
        self._started_at = perf_counter()
        self._id = request.id
        self._method = request.method
        self._answer = answer
        self._answered = False
        self._caller = caller
        self._log = log
        self._correlation_id: str | None = None
        self._is_pending = False
        self._key: int | str | msgspec.UnsetType | None = msgspec.UNSET
        self._when_answered: Callable[[], None] | None = None

    def pends(self, correlation_id: str) -> None:
        """The request is in flight from now on, for all to see."""
        self._correlation_id = correlation_id
        self._is_pending = True
        self._caller.pending[self] = Pending(self._method, self._started_at)

    def when_answered(self, call: Callable[[], None]) -> None:
        """Calls it once the request has its answer."""
        self._when_answered = call

    def cancelled_by(self, cancel: Callable[[], None]) -> None:
        """Lets `$/cancelRequest` reach the request for as long as it has no answer."""
        if self._id is not None and not self._answered:
            try:
                key = _decode_id(self._id)
            except msgspec.DecodeError:
                return  # an integer of thousands of digits: `_cancel` could not read it either
            self._key = key
            self._caller.cancels[key] = cancel

    def __call__(self, result: object) -> None:
        """Answers with a result, or with the error that the exception stands for."""
        if not isinstance(result, Exception):
            self.json(encode(result))
            return
        self._finish(None if self._id is None else encode_error(self._id, to_rpc_error(result)))
        seconds = perf_counter() - self._started_at
        self._log.answered(self._caller, self._method, seconds, result, self._correlation_id)

    def json(self, result: Json) -> None:
        """Answers with a result that is JSON already, unless there is an answer."""
        if self._answered:
            return
        self._finish(None if self._id is None else encode_result(self._id, result))
        seconds = perf_counter() - self._started_at
        if self._log.tells_all or seconds >= self._log.slow_seconds:
            self._log.answered(self._caller, self._method, seconds, None, self._correlation_id)

    def _finish(self, text: bytes | None) -> None:
        if self._answered:
            return  # what came after the answer is a defect; the log tells of it
        self._answered = True
        if self._is_pending:
            self._caller.pending.pop(self, None)
        if self._key is not msgspec.UNSET:
            self._caller.cancels.pop(self._key, None)
        self._answer(text)
        if self._when_answered is not None:
            self._when_answered()


_decode_id: Final = msgspec.json.Decoder(int | str | None).decode
