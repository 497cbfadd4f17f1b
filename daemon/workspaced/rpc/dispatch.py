"""From a request to its method and back: params, handler, and the one map from errors to codes."""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from workspaced.domain import errors as domain
from workspaced.domain.errors import RequestError
from workspaced.domain.state import encode
from workspaced.service import Caller, Json, ProtocolUnsupported, Service
from workspaced.writer import (
    CommandFailed,
    CommitUnknown,
    Overloaded,
    ShuttingDown,
    StorageRefused,
    Writer,
    WriteTimeout,
)
from workspaced_protocol.errors import ErrorCode, RpcError
from workspaced_protocol.messages import NULL_ID, Call, Malformed, encode_error, encode_result
from workspaced_protocol.methods import METHODS, InvalidParams

_log = structlog.get_logger(__name__)

CODES: Final[dict[type[RequestError], ErrorCode]] = {
    domain.InvalidField: ErrorCode.INVALID_PARAMS,
    domain.NotFound: ErrorCode.NOT_FOUND,
    domain.NameConflict: ErrorCode.NAME_CONFLICT,
    domain.InvalidState: ErrorCode.INVALID_STATE,
    domain.ActiveSessions: ErrorCode.ACTIVE_SESSIONS,
    domain.RevisionConflict: ErrorCode.REVISION_CONFLICT,
    ProtocolUnsupported: ErrorCode.PROTOCOL_UNSUPPORTED,
    WriteTimeout: ErrorCode.WRITE_TIMEOUT,
    CommitUnknown: ErrorCode.COMMIT_UNKNOWN,
    StorageRefused: ErrorCode.STORAGE_FAILURE,
    Overloaded: ErrorCode.OVERLOADED,
    ShuttingDown: ErrorCode.SHUTTING_DOWN,
    CommandFailed: ErrorCode.INTERNAL_ERROR,
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
        """Answers a read at once and submits a write; a task is given back, for the caller to run."""
        if isinstance(request, Malformed):
            answer(encode_error(request.id, _rpc_error(request.code, request.message)))
            return None
        reply = _Reply(request.id, answer)
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
                reply.json(self._service.reads[method.name](params))
            elif method.mode == "write":
                command = self._service.writes[method.name](params, caller)
                self._writer.submit(command, reply, self._service.new_correlation_id())
            else:
                task = self._service.tasks[method.name](params)
                return lambda: _run_task(task, reply)
        except Exception as error:  # noqa: BLE001 - a defect in one method must not end a connection
            reply(error)
        return None


async def _run_task(task: Awaitable[Json], reply: "_Reply") -> None:
    try:
        result = await task
    except Exception as error:  # noqa: BLE001 - as above; Cancelled is no Exception, and goes on
        reply(error)
    else:
        reply.json(result)


class _Reply:
    """Turns the result of one request into its answer."""

    __slots__ = ("_answer", "_id")

    def __init__(self, id_: bytes | None, answer: Answer) -> None:
        self._id = id_
        self._answer = answer

    def __call__(self, result: object) -> None:
        """Answers with a result, or with the error that the exception stands for."""
        if not isinstance(result, Exception):
            self.json(encode(result))
            return
        error = to_rpc_error(result)
        self._answer(None if self._id is None else encode_error(self._id, error))

    def json(self, result: Json) -> None:
        """Answers with a result that is JSON already."""
        self._answer(None if self._id is None else encode_result(self._id, result))


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
