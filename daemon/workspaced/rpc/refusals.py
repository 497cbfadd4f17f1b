"""The error answers: from an exception to the RpcError that a client gets.

Whatever a message or its data quotes of a request, the secrets of URLs are blacked out here, for every error.
"""

import json
from collections.abc import Iterator

from workspaced.domain.errors import RequestError
from workspaced.writer.pending import CommandFailed
from workspaced_protocol.errors import ErrorCode, RpcError
from workspaced_protocol.method import InvalidParams
from workspaced_protocol.url_secrets import blackener, in_all_texts
from workspaced_protocol.urls import may_hold_a_secret


def to_rpc_error(error: Exception, params: bytes | None = None) -> RpcError:
    """Return the error answer for an exception; an unexpected one gets no details.

    `params` are those of the request: a password in any of them may stand in the error.
    """
    if isinstance(error, RpcError):
        return error
    if isinstance(error, InvalidParams):
        return rpc_error(ErrorCode.INVALID_PARAMS, error.message, {"path": error.path}, params)
    if isinstance(error, RequestError):
        return rpc_error(error.code, error.message, error.data, params)
    return rpc_error(ErrorCode.INTERNAL_ERROR, "The daemon failed on this request: its log has the details.")


def defect_of(error: Exception) -> BaseException | None:
    """Return the unexpected exception behind an error, or None."""
    if isinstance(error, CommandFailed):
        return error.__cause__
    return None if isinstance(error, RpcError | InvalidParams | RequestError) else error


def rpc_error(
    code: ErrorCode, message: str, data: dict[str, object] | None = None, params: bytes | None = None
) -> RpcError:
    """Return an error answer of this code, without the secrets of URLs in the texts and in `params`."""
    # A large request has too many texts to look for the place of a secret in each.
    black_out = blackener(*filter(may_hold_a_secret, _texts_in(params)))
    shown = {name: in_all_texts(value, black_out) for name, value in (data or {}).items()}
    return RpcError(code, black_out(message), {"kind": code.kind, **shown})


def _texts_in(params: bytes | None) -> Iterator[str]:
    """Yield all strings in the params, the names of members among them; none if Python's reader refuses them."""
    try:
        rest: list[object] = [json.loads(params or b"null", parse_int=str)]
    except (ValueError, RecursionError):
        return
    while rest:
        value = rest.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            rest += value
        elif isinstance(value, dict):
            rest += (*value, *value.values())
