"""The error answers: from an exception to the RpcError that a client gets."""

from workspaced.domain.errors import RequestError
from workspaced.writer.pending import CommandFailed
from workspaced_protocol.errors import ErrorCode, RpcError
from workspaced_protocol.method import InvalidParams


def to_rpc_error(error: Exception) -> RpcError:
    """Return the error answer for an exception; an unexpected one gets no details."""
    if isinstance(error, RpcError):
        return error
    if isinstance(error, InvalidParams):
        return rpc_error(ErrorCode.INVALID_PARAMS, error.message, {"path": error.path})
    if isinstance(error, RequestError):
        return rpc_error(error.code, error.message, error.data)
    return rpc_error(ErrorCode.INTERNAL_ERROR, "The daemon failed on this request: its log has the details.")


def defect_of(error: Exception) -> BaseException | None:
    """Return the unexpected exception behind an error, or None."""
    if isinstance(error, CommandFailed):
        return error.__cause__
    return None if isinstance(error, RpcError | InvalidParams | RequestError) else error


def rpc_error(code: ErrorCode, message: str, data: dict[str, object] | None = None) -> RpcError:
    """Return an error answer of this code."""
    return RpcError(code, message, {"kind": code.kind, **(data or {})})
