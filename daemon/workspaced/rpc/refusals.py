"""What a client is told of an error: the one map from exceptions to codes."""

from typing import Final

from workspaced.domain import errors as domain
from workspaced.domain.errors import RequestError
from workspaced.host.git import GitFailed, GitTimeout, GitUnavailable
from workspaced.process.threads import NoThread
from workspaced.service.operations import ProtocolUnsupported
from workspaced.writer.pending import (
    CommandFailed,
    CommitUnknown,
    Overloaded,
    ShuttingDown,
    StorageRefused,
    Withdrawn,
    WriteTimeout,
)
from workspaced_protocol.errors import ErrorCode, RpcError
from workspaced_protocol.methods import InvalidParams


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


def to_rpc_error(error: Exception) -> RpcError:
    """What a client is told of an exception; one that nobody foresaw is told without detail."""
    if isinstance(error, RpcError):
        return error
    if isinstance(error, InvalidParams):
        return rpc_error(ErrorCode.INVALID_PARAMS, error.message, {"path": error.path})
    if isinstance(error, RequestError):
        return rpc_error(CODES[type(error)], error.message, error.data)
    return rpc_error(ErrorCode.INTERNAL_ERROR, "The daemon failed on this request; its log tells more.")


def defect_of(error: Exception) -> BaseException | None:
    """The exception that nobody foresaw, where that is what it comes from."""
    if isinstance(error, CommandFailed):
        return error.__cause__
    return None if isinstance(error, RpcError | InvalidParams | RequestError) else error


def rpc_error(code: ErrorCode, message: str, data: dict[str, object] | None = None) -> RpcError:
    """An error answer of this kind."""
    return RpcError(code, message, {"kind": code.kind, **(data or {})})
