"""Every error that the daemon answers with: its code, its kind and what it is about."""

from enum import IntEnum
from typing import Final


class ErrorCode(IntEnum):
    """The `code` of an error answer. Codes below -32000 are JSON-RPC 2.0's own."""

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
        """The `data.kind` that programs tell errors apart by, such as `nameConflict`."""
        first, *rest = self.name.lower().split("_")
        return first + "".join(word.title() for word in rest)


MEANINGS: Final[dict[ErrorCode, str]] = {
    ErrorCode.PARSE_ERROR: "The line is not JSON in UTF-8.",
    ErrorCode.INVALID_REQUEST: "The JSON is not a request object, or the line is too long.",
    ErrorCode.METHOD_NOT_FOUND: "There is no method of this name.",
    ErrorCode.INVALID_PARAMS: "A param is wrong, missing or unknown; `data.path` names it.",
    ErrorCode.INTERNAL_ERROR: "The daemon has a defect; its log tells more.",
    ErrorCode.CANCELLED: "The request was cancelled by `$/cancelRequest`.",
    ErrorCode.NOT_FOUND: "There is no such workspace, project or session.",
    ErrorCode.NAME_CONFLICT: "The name is taken; `data.id` is the workspace that holds it.",
    ErrorCode.INVALID_STATE: (
        "The transition is not allowed; `data.state` is the state it is in, `data.required` the one it must be in."
    ),
    ErrorCode.ACTIVE_SESSIONS: "The workspace has `data.count` active sessions: close them first.",
    ErrorCode.REVISION_CONFLICT: "`ifRevision` did not match; `data.revision` is the current one.",
    ErrorCode.DUPLICATE_PROJECT: "This directory is bound already.",
    ErrorCode.PATH_UNREACHABLE: "A project's directory is missing or unreadable.",
    ErrorCode.PROTOCOL_UNSUPPORTED: (
        "The daemon does not speak this protocol; `data.minimum` and `data.maximum` are the range that it does."
    ),
    ErrorCode.WRITE_TIMEOUT: "The write waited too long in the queue: it was not applied, and never will be.",
    ErrorCode.COMMIT_UNKNOWN: (
        "The outcome of the write is unknown; `data.revision` is the store's revision if it was applied."
    ),
    ErrorCode.STORAGE_FAILURE: "The disk refused the write: it was not applied; `data.errno` tells why.",
    ErrorCode.OVERLOADED: "The daemon has no room for the request at the moment, as when the write queue is full: not applied.",
    ErrorCode.SHUTTING_DOWN: "The daemon is stopping: the write was not applied.",
    ErrorCode.GIT_UNAVAILABLE: "No git program was found; `data.stderr` is what the attempt to start it said.",
    ErrorCode.GIT_FAILED: "git could not clone the repository; `data.stderr` is what it said.",
    ErrorCode.GIT_TIMEOUT: "git did not finish in time; `data.stderr` is what it had said.",
}
"""One sentence a code, for the OpenRPC document and the reference page."""


class RpcError(Exception):
    """An error answer, as it stands on the wire.

    `code` is one of `ErrorCode` (or unknown to this release), `message` a sentence for a person,
    `data` holds `kind` and what the code promises.
    """

    def __init__(self, code: int, message: str, data: dict[str, object] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data if data is not None else {}

    @property
    def kind(self) -> str:
        """`data.kind`, or an empty string where the answer has none."""
        kind = self.data.get("kind")
        return kind if isinstance(kind, str) else ""
