"""The client library of workspaced: `Client` for blocking code, `aio.AsyncClient` for trio and asyncio.

```python
from workspaced_client import Client, NameConflict

with Client.connect() as client:
    try:
        workspace = client.workspaces.create("Alpha", "/home/me/alpha")
    except NameConflict as error:
        print(f"taken by {error.id}")
```

It needs a running daemon (`workspaced run`). The models are frozen structs, and their times are Unix
milliseconds; every error is a WorkspacedError. `aio` is a module of its own, so that programs without an
event loop do not load one. And each name here is loaded on first use: async programs do not load the blocking
client, and `workspacectl` loads nothing of it where it needs nothing.
"""

from __future__ import annotations

from workspaced_protocol import __version__

TYPE_CHECKING = False  # `typing` takes long to load for a command
if TYPE_CHECKING:
    from typing import Any

    from workspaced_client._core.recovery_warning import RecoveryWarning
    from workspaced_client._sync.client import Client
    from workspaced_client.errors import (
        ActiveSessions,
        BadAnswer,
        CannotConnect,
        Claimed,
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
        NotStarted,
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
    from workspaced_protocol.daemon_models import (
        CommitStatistics,
        ConnectedClient,
        DaemonStatus,
        Hello,
        InFlight,
        RecoveryStatus,
        RequestInFlight,
        StoreStatus,
        Subscribed,
    )
    from workspaced_protocol.models import (
        Backup,
        Change,
        FileCheck,
        HistoryEntry,
        Peer,
        Progress,
        ProjectBinding,
        ResolvedPath,
        Salvage,
        Session,
        StoreCheck,
        StoreDifference,
        Workspace,
        WorkspaceUsage,
    )

__all__ = [
    "ActiveSessions",
    "Backup",
    "BadAnswer",
    "CannotConnect",
    "Change",
    "Claimed",
    "Client",
    "CommitStatistics",
    "CommitUnknown",
    "ConnectedClient",
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
    "HistoryEntry",
    "InFlight",
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
    "Peer",
    "Progress",
    "ProjectBinding",
    "ProtocolUnsupported",
    "RecoveryStatus",
    "RecoveryWarning",
    "RequestCancelled",
    "RequestInFlight",
    "ResolvedPath",
    "RevisionConflict",
    "Salvage",
    "Session",
    "SessionsLost",
    "ShuttingDown",
    "StorageFailure",
    "StoreCheck",
    "StoreDifference",
    "StoreStatus",
    "Subscribed",
    "Unanswered",
    "Unsendable",
    "UnusableSocketPath",
    "UsedAfterFork",
    "Workspace",
    "WorkspaceUsage",
    "WorkspacedError",
    "WriteTimeout",
    "__version__",
]

if not TYPE_CHECKING:  # where it would hide misspelt names

    def __getattr__(name: str) -> Any:
        if name == "errors":  # `import workspaced_client` is enough for workspaced_client.errors
            import workspaced_client.errors

            return workspaced_client.errors
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(_home_of(name), name)
        globals()[name] = value  # so that this runs once
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


def _home_of(name: str) -> Any:
    """Return the module that a name comes from."""
    if name == "Client":
        from workspaced_client._sync import client

        return client
    if name == "RecoveryWarning":
        from workspaced_client._core import recovery_warning

        return recovery_warning
    from workspaced_client import errors
    from workspaced_protocol import daemon_models, models

    return next(module for module in (errors, models, daemon_models) if hasattr(module, name))
