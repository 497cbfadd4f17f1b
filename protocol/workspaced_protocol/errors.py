"""The errors that the daemon answers with: their codes, kinds and meanings."""

from enum import IntEnum
from typing import Final


class ErrorCode(IntEnum):
    """The `code` of an error answer.

    JSON-RPC 2.0 defines -32700 to -32600. -32800 is from the Language Server Protocol.
    """

    PARSE_ERROR = -32700
    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMS = -32602
    INTERNAL_ERROR = -32603
    CANCELLED = -32800
    NOT_FOUND = 1001
    NAME_CONFLICT = 1002
    INVALID_STATE = 1003
    ACTIVE_SESSIONS = 1004
    REVISION_CONFLICT = 1005
    DUPLICATE_PROJECT = 1006
    PATH_UNREACHABLE = 1007
    CLAIMED = 1008
    PROTOCOL_UNSUPPORTED = 1010
    WRITE_TIMEOUT = 2001
    COMMIT_UNKNOWN = 2002
    STORAGE_FAILURE = 2003
    OVERLOADED = 2004
    SHUTTING_DOWN = 2005
    GIT_UNAVAILABLE = 3001
    GIT_FAILED = 3002
    GIT_TIMEOUT = 3003

    @property
    def kind(self) -> str:
        """The `data.kind` of the error for programs, such as `nameConflict`."""
        first, *rest = self.name.lower().split("_")
        return first + "".join(word.title() for word in rest)


MEANINGS: Final[dict[ErrorCode, str]] = {
    ErrorCode.PARSE_ERROR: "The line is not JSON in UTF-8.",
    ErrorCode.INVALID_REQUEST: "The JSON is not a request object, or the line is too long.",
    ErrorCode.METHOD_NOT_FOUND: "There is no method of this name.",
    ErrorCode.INVALID_PARAMS: "A param is wrong, missing or unknown; `data.path` names it.",
    ErrorCode.INTERNAL_ERROR: "The daemon has a defect; its log has the details.",
    ErrorCode.CANCELLED: "The request was cancelled by `$/cancelRequest`.",
    ErrorCode.NOT_FOUND: (
        "There is no such workspace, project or session; or no such change in the history, whose oldest revision is "
        "`data.oldest` (null if it is empty)."
    ),
    ErrorCode.NAME_CONFLICT: "The name is taken; `data.id` is the workspace that holds it.",
    ErrorCode.INVALID_STATE: (
        "The transition is not allowed; `data.state` is the current state, `data.required` the required one."
    ),
    ErrorCode.ACTIVE_SESSIONS: "The workspace has `data.count` active sessions: close them first.",
    ErrorCode.REVISION_CONFLICT: (
        "`ifRevision` did not match, or the workspace was changed again after the change to undo; `data.revision` is "
        "the current revision."
    ),
    ErrorCode.DUPLICATE_PROJECT: "This directory is already bound to the workspace.",
    ErrorCode.PATH_UNREACHABLE: "A project's directory is missing or unreadable.",
    ErrorCode.CLAIMED: "Another exclusive session is at work in the workspace; `data.session` is that session.",
    ErrorCode.PROTOCOL_UNSUPPORTED: (
        "The daemon does not support this protocol version; it supports `data.minimum` to `data.maximum`."
    ),
    ErrorCode.WRITE_TIMEOUT: "The write waited too long in the queue: it was not applied, and never will be.",
    ErrorCode.COMMIT_UNKNOWN: (
        "The outcome of the write is unknown; `data.revision` is the store's revision if it was applied."
    ),
    ErrorCode.STORAGE_FAILURE: "The disk refused the write: it was not applied; `data.errno` is the system's error number.",
    ErrorCode.OVERLOADED: "The daemon has no room for the request, for example because the write queue is full: it was not applied.",
    ErrorCode.SHUTTING_DOWN: "The daemon is stopping: the write was not applied.",
    ErrorCode.GIT_UNAVAILABLE: "git could not be started; `data.stderr` is empty.",
    ErrorCode.GIT_FAILED: "git could not clone the repository; `data.stderr` is its output.",
    ErrorCode.GIT_TIMEOUT: "git did not finish in time; `data.stderr` is its output so far.",
}
"""One sentence per code, for the OpenRPC document and the reference page."""


class RpcError(Exception):
    """An error answer as on the wire.

    `code` is one of `ErrorCode`, or unknown to this release. `message` is a sentence for people. `data` has
    `kind` and the members that the code's meaning names.
    """

    def __init__(self, code: int, message: str, data: dict[str, object] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data if data is not None else {}

    @property
    def kind(self) -> str:
        """`data.kind`, or an empty string if the answer has none."""
        kind = self.data.get("kind")
        return kind if isinstance(kind, str) else ""
