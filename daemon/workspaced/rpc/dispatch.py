"""From a request to its method and back: params, handler, and the one map from errors to codes."""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
import structlog
import trio

from workspaced.domain import errors as domain
from workspaced.domain.commands import Command
from workspaced.domain.errors import RequestError
from workspaced.domain.state import encode
from workspaced.events import Cause
from workspaced.git import GitFailed, GitTimeout, GitUnavailable
from workspaced.git_output import Step
from workspaced.line import Turn
from workspaced.maintenance import Json
from workspaced.service import Caller, ProtocolUnsupported, Service
from workspaced.threads import NoThread
from workspaced.writer import Writer
from workspaced.writes import (
    CommandFailed,
    CommitUnknown,
    Overloaded,
    ShuttingDown,
    StorageRefused,
    Withdrawn,
    WriteTimeout,
)
from workspaced_protocol.errors import ErrorCode, RpcError
from workspaced_protocol.events import Peer
from workspaced_protocol.messages import (
    NULL_ID,
    Call,
    Malformed,
    encode_error,
    encode_notification,
    encode_result,
)
from workspaced_protocol.methods import METHODS, InvalidParams
from workspaced_protocol.models import Progress
from workspaced_protocol.params import CancelParams, Params

_log = structlog.get_logger(__name__)

CANCEL_REQUEST: Final = "$/cancelRequest"
PROGRESS: Final = "$/progress"
_PROGRESS_SECONDS: Final = 0.1  # at most ten notifications a second (protocol.md, Notifications)


class RequestCancelled(RequestError):
    """The client cancelled the request."""


CODES: Final[dict[type[RequestError], ErrorCode]] = {
    domain.InvalidField: ErrorCode.INVALID_PARAMS,
    domain.NotFound: ErrorCode.NOT_FOUND,
    domain.NameConflict: ErrorCode.NAME_CONFLICT,
    domain.InvalidState: ErrorCode.INVALID_STATE,
    domain.ActiveSessions: ErrorCode.ACTIVE_SESSIONS,
    domain.RevisionConflict: ErrorCode.REVISION_CONFLICT,
    domain.DuplicateProject: ErrorCode.DUPLICATE_PROJECT,
    domain.PathUnreachable: ErrorCode.PATH_UNREACHABLE,
    ProtocolUnsupported: ErrorCode.PROTOCOL_UNSUPPORTED,
    WriteTimeout: ErrorCode.WRITE_TIMEOUT,
    CommitUnknown: ErrorCode.COMMIT_UNKNOWN,
    StorageRefused: ErrorCode.STORAGE_FAILURE,
    Overloaded: ErrorCode.OVERLOADED,
    ShuttingDown: ErrorCode.SHUTTING_DOWN,
    GitUnavailable: ErrorCode.GIT_UNAVAILABLE,
    GitFailed: ErrorCode.GIT_FAILED,
    GitTimeout: ErrorCode.GIT_TIMEOUT,
    CommandFailed: ErrorCode.INTERNAL_ERROR,
    NoThread: ErrorCode.OVERLOADED,
    Withdrawn: ErrorCode.CANCELLED,
    RequestCancelled: ErrorCode.CANCELLED,
}

Answer = Callable[[bytes | None], None]
"""Takes the text of an answer, or None where a notification gets none. Called once a request."""

Task = Callable[[], Awaitable[None]]


class Dispatcher:
    """Runs requests against the service."""

    def __init__(self, service: Service, writer: Writer) -> None:
        self._service = service
        self._writer = writer

    def dispatch(self, request: Call | Malformed, caller: Caller, answer: Answer) -> Task | None:
        """Answers a read at once and submits a write; what has to wait is given back, for the caller to run."""
        if isinstance(request, Malformed):
            answer(encode_error(request.id, _rpc_error(request.code, request.message)))
            return None
        if request.id is None and request.method == CANCEL_REQUEST:
            self._cancel(request, caller)
            answer(None)
            return None
        reply = _Reply(request.id, answer, caller)
        method = METHODS.get(request.method)
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
            if method.mode == "read":
                reply.json(self._service.reads[method.name](params, caller))
            elif method.mode == "write":
                return self._write(method.name, params, caller, reply)
            else:
                scope = trio.CancelScope()
                reply.cancelled_by(scope.cancel)
                report = _ProgressReport(request.id, caller)
                task = self._service.tasks[method.name](params, self._cause(caller), report)
                return lambda: _run_task(task, reply, scope)
        except Exception as error:  # noqa: BLE001 - a defect in one method must not end a connection
            reply(error)
        return None

    def _write(self, name: str, params: Params, caller: Caller, reply: "_Reply") -> Task | None:
        """Submits a write once all that this connection sent before it are; its task looks at the disk."""
        cause = self._cause(caller)
        prepare = self._service.prepared.get(name)
        if prepare is not None:
            command_to_come = prepare(params)
            turn = caller.line.join()
            reply.cancelled_by(turn.withdraw)
            return lambda: self._prepare(command_to_come, turn, reply, cause)
        command = self._service.writes[name](params, caller)
        if caller.line.is_empty():
            reply.cancelled_by(self._writer.submit(command, reply, cause))
        else:
            turn = caller.line.join()
            reply.cancelled_by(turn.withdraw)
            turn.ready(lambda: self._submit(turn, command, reply, cause))
        return None

    async def _prepare(
        self, command_to_come: Awaitable[Command], turn: Turn, reply: "_Reply", cause: Cause
    ) -> None:
        # Shielded: a write that was sent is applied, and those behind it, though the client be gone.
        with trio.CancelScope(shield=True):
            try:
                command = await command_to_come  # path checks, which have their time limit
            except Exception as error:  # noqa: BLE001 - as above
                refusal = error
                turn.ready(lambda: reply(refusal))
            else:
                turn.ready(lambda: self._submit(turn, command, reply, cause))

    def _submit(self, turn: Turn, command: Command, reply: "_Reply", cause: Cause) -> None:
        if turn.is_withdrawn:
            reply(Withdrawn())
        else:
            reply.cancelled_by(self._writer.submit(command, reply, cause))

    def _cause(self, caller: Caller) -> Cause:
        return Cause(self._service.new_correlation_id(), Peer(caller.pid, caller.uid))

    def _cancel(self, request: Call, caller: Caller) -> None:
        try:
            params = msgspec.json.decode(request.params or b"{}", type=CancelParams | tuple[int | str])
        except msgspec.DecodeError:
            return  # a notification gets no answer, and this one names nothing to cancel
        cancel = caller.cancels.get(params.id if isinstance(params, CancelParams) else params[0])
        if cancel is not None:
            cancel()


async def _run_task(task: Awaitable[Json], reply: "_Reply", scope: trio.CancelScope) -> None:
    result = b"null"
    try:
        with scope:
            result = await task
        if scope.cancelled_caught:
            reply(RequestCancelled("The request was cancelled."))
            return
    except Exception as error:  # noqa: BLE001 - as above; Cancelled is no Exception, and goes on
        reply(error)
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
        progress = Progress(_decode_id(self._id), step.phase, step.percent, step.message)
        self._notify(encode_notification(PROGRESS, encode(progress)))


class _Reply:
    """Turns the result of one request into its answer."""

    __slots__ = ("_answer", "_answered", "_cancels", "_id", "_key")

    def __init__(self, id_: bytes | None, answer: Answer, caller: Caller) -> None:
        self._id = id_
        self._answer = answer
        self._answered = False
        self._cancels = caller.cancels
        self._key: int | str | None = None

    def cancelled_by(self, cancel: Callable[[], None]) -> None:
        """Lets `$/cancelRequest` reach the request for as long as it has no answer."""
        if self._id is not None and not self._answered:
            self._key = _decode_id(self._id)
            self._cancels[self._key] = cancel

    def __call__(self, result: object) -> None:
        """Answers with a result, or with the error that the exception stands for."""
        if not isinstance(result, Exception):
            self.json(encode(result))
            return
        error = to_rpc_error(result)
        self._finish(None if self._id is None else encode_error(self._id, error))

    def json(self, result: Json) -> None:
        """Answers with a result that is JSON already."""
        self._finish(None if self._id is None else encode_result(self._id, result))

    def _finish(self, text: bytes | None) -> None:
        self._answered = True
        if self._key is not None:
            self._cancels.pop(self._key, None)
        self._answer(text)


def _decode_id(text: bytes) -> int | str | None:
    return msgspec.json.decode(text, type=int | str | None)


def to_rpc_error(error: Exception) -> RpcError:
    """What a client is told of an exception; one that nobody foresaw is logged, and told without detail."""
    if isinstance(error, RpcError):
        return error
    if isinstance(error, InvalidParams):
        return _rpc_error(ErrorCode.INVALID_PARAMS, error.message, {"path": error.path})
    if isinstance(error, RequestError):
        return _rpc_error(CODES[type(error)], error.message, error.data)
    _log.error("A request failed.", exc_info=error)
    return _rpc_error(ErrorCode.INTERNAL_ERROR, "The daemon failed on this request; its log tells more.")


def _rpc_error(code: ErrorCode, message: str, data: dict[str, object] | None = None) -> RpcError:
    return RpcError(code, message, {"kind": code.kind, **(data or {})})


def line_too_long(max_line_bytes: int) -> bytes:
    """The answer to a line over the cap, after which the connection is closed."""
    message = f"The line is longer than {max_line_bytes:,} bytes: the connection is closed."
    return encode_error(NULL_ID, _rpc_error(ErrorCode.INVALID_REQUEST, message))


def batch_too_large(id_: bytes, limit_bytes: int) -> bytes:
    """The answer to a request of a batch whose answers have grown over a limit."""
    message = f"The answers of this batch have more than {limit_bytes:,} bytes: send it in parts."
    return encode_error(id_, _rpc_error(ErrorCode.OVERLOADED, message))
