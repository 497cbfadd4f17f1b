"""The errors of calls: one class for each error that the daemon answers with, and the client's own.

Everything here is a `WorkspacedError`. `str(error)` is a sentence for people; the data for programs is in
typed attributes. The arguments of each class are its `args`, so that an error can be pickled and passed to
another process.
"""

from workspaced_client._core.daemon_errors import (
    ActiveSessions,
    Claimed,
    CommitUnknown,
    DaemonError,
    DuplicateProject,
    GitError,
    GitFailed,
    GitTimeout,
    GitUnavailable,
    InternalError,
    InvalidParams,
    InvalidRequest,
    InvalidState,
    MethodNotFound,
    NameConflict,
    NotFound,
    Overloaded,
    ParseError,
    PathUnreachable,
    ProtocolUnsupported,
    RequestCancelled,
    RevisionConflict,
    ShuttingDown,
    StorageFailure,
    WriteTimeout,
)
from workspaced_client._core.local_errors import (
    BadAnswer,
    CannotConnect,
    ConnectionLost,
    NotAllowed,
    NotResponding,
    NotRunning,
    NotStarted,
    SessionsLost,
    Unanswered,
    Unsendable,
    UnusableSocketPath,
    UsedAfterFork,
    WorkspacedError,
)

__all__ = [
    "ActiveSessions",
    "BadAnswer",
    "CannotConnect",
    "Claimed",
    "CommitUnknown",
    "ConnectionLost",
    "DaemonError",
    "DuplicateProject",
    "GitError",
    "GitFailed",
    "GitTimeout",
    "GitUnavailable",
    "InternalError",
    "InvalidParams",
    "InvalidRequest",
    "InvalidState",
    "MethodNotFound",
    "NameConflict",
    "NotAllowed",
    "NotFound",
    "NotResponding",
    "NotRunning",
    "NotStarted",
    "Overloaded",
    "ParseError",
    "PathUnreachable",
    "ProtocolUnsupported",
    "RequestCancelled",
    "RevisionConflict",
    "SessionsLost",
    "ShuttingDown",
    "StorageFailure",
    "Unanswered",
    "Unsendable",
    "UnusableSocketPath",
    "UsedAfterFork",
    "WorkspacedError",
    "WriteTimeout",
]

# Tracebacks and pickles name the module that users import.
for _name in __all__:
    globals()[_name].__module__ = __name__
