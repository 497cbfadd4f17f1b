"""The client library of workspaced: `Client` for blocking code, `aio.AsyncClient` for trio and asyncio.

```python
from workspaced_client import Client, NameConflict

with Client.connect() as client:
    try:
        workspace = client.workspaces.create("Alpha", "/home/me/alpha")
    except NameConflict as error:
        print(f"taken by {error.id}")
```

It needs the daemon running (`workspaced run`). The models are frozen structs, their times Unix
milliseconds; the errors are all WorkspacedError. `aio` is a module of its own, so that programs
without an event loop do not load one.
"""

from workspaced_client._recovery import RecoveryWarning
from workspaced_client.client import Client
from workspaced_client.errors import (
    ActiveSessions,
    BadAnswer,
    CannotConnect,
    CommitUnknown,
    ConnectionLost,
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
    NotAllowed,
    NotFound,
    NotResponding,
    NotRunning,
    Overloaded,
    ParseError,
    PathUnreachable,
    ProtocolUnsupported,
    RequestCancelled,
    RevisionConflict,
    SessionsLost,
    ShuttingDown,
    StorageFailure,
    Unanswered,
    Unsendable,
    UnusableSocketPath,
    UsedAfterFork,
    WorkspacedError,
    WriteTimeout,
)
from workspaced_protocol import __version__
from workspaced_protocol.models import (
    Backup,
    Change,
    CommitStatistics,
    DaemonStatus,
    FileCheck,
    Hello,
    Progress,
    ProjectBinding,
    RecoveryStatus,
    Salvage,
    Session,
    StoreCheck,
    StoreDifference,
    StoreStatus,
    Workspace,
)

__all__ = [
    "ActiveSessions",
    "Backup",
    "BadAnswer",
    "CannotConnect",
    "Change",
    "Client",
    "CommitStatistics",
    "CommitUnknown",
    "ConnectionLost",
    "DaemonError",
    "DaemonStatus",
    "DuplicateProject",
    "FileCheck",
    "GitError",
    "GitFailed",
    "GitTimeout",
    "GitUnavailable",
    "Hello",
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
    "Overloaded",
    "ParseError",
    "PathUnreachable",
    "Progress",
    "ProjectBinding",
    "ProtocolUnsupported",
    "RecoveryStatus",
    "RecoveryWarning",
    "RequestCancelled",
    "RevisionConflict",
    "Salvage",
    "Session",
    "SessionsLost",
    "ShuttingDown",
    "StorageFailure",
    "StoreCheck",
    "StoreDifference",
    "StoreStatus",
    "Unanswered",
    "Unsendable",
    "UnusableSocketPath",
    "UsedAfterFork",
    "Workspace",
    "WorkspacedError",
    "WriteTimeout",
    "__version__",
]
