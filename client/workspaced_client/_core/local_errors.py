"""The errors that the client itself finds, on the way to the daemon and back, and the base of all errors."""

from workspaced_client._core.versions import advice_on_misfit


class WorkspacedError(Exception):
    """The base of every error of this library."""


class CannotConnect(WorkspacedError):
    """Could not connect to the socket at `path`; `reason` says why."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"Could not connect to the socket {self.path}: {self.reason}."


class NotRunning(CannotConnect):
    """There is no socket at `path`, or nobody listens on it."""

    def __str__(self) -> str:
        return (
            f"The daemon is not running: {self.reason} at {self.path}. Start it with `workspacectl start`; if it "
            "runs already, give it and its clients the same socket path (--socket or WORKSPACED_SOCKET)."
        )


class NotStarted(NotRunning):
    """No daemon ran at `path`, and none could be started."""

    def __str__(self) -> str:
        return f"The daemon could not be started: {self.reason}. To see more, run `workspaced run`."


class NotAllowed(CannotConnect):
    """The daemon at `path` serves another user."""

    def __str__(self) -> str:
        return (
            f"You may not use the daemon at {self.path}: {self.reason}. A daemon serves only the user who "
            "started it: start one of your own with `workspacectl start`."
        )


class UnusableSocketPath(WorkspacedError, ValueError):
    """This platform can't use the socket path; the message says why and what to do."""


class Unsendable(WorkspacedError, ValueError):
    """The call of `method` (mostly its params) can't be written as JSON; nothing was sent."""

    def __init__(self, method: str, problem: str) -> None:
        super().__init__(method, problem)
        self.method = method
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.method} was not sent, because it can't be written as JSON: {self.problem}."


class UsedAfterFork(WorkspacedError):
    """The client belongs to process `pid`, and this process is its forked child."""

    def __init__(self, pid: int) -> None:
        super().__init__(pid)
        self.pid = pid

    def __str__(self) -> str:
        return (
            f"This client was connected by process {self.pid}, and this process was forked from it: "
            "two processes can't share one connection. Connect a client of its own here."
        )


class Unanswered(WorkspacedError):
    """The base of the errors of a call without a usable answer.

    `outcome_unknown` is True if the request may have been sent and its method changes something: it may
    or may not have been applied. If it is False, nothing in the store was changed.
    """

    def __init__(self, method: str, reason: str, outcome_unknown: bool = False) -> None:
        super().__init__(method, reason, outcome_unknown)
        self.method = method
        self.reason = reason
        self.outcome_unknown = outcome_unknown

    def _advice(self) -> str:
        if not self.outcome_unknown:
            return ""
        return " Whether it was applied is not known: look before you repeat it."


class ConnectionLost(Unanswered):
    """The connection ended before the answer came; `reason` says how it ended."""

    def __str__(self) -> str:
        return f"{self.method} got no answer, because the connection ended: {self.reason}.{self._advice()}"


class SessionsLost(ConnectionLost):
    """The connection ended, and so did the sessions begun on it; `session_ids` are their ids.

    The first call after the loss raises it, once. The client is connected again: begin the sessions again.
    """

    def __init__(
        self, method: str, reason: str, session_ids: tuple[str, ...], outcome_unknown: bool = False
    ) -> None:
        super().__init__(method, reason, outcome_unknown)
        self.args = (method, reason, session_ids, outcome_unknown)
        self.session_ids = session_ids

    def __str__(self) -> str:
        return (
            f"{self.method} got no answer, because the connection ended: {self.reason}. With it ended these "
            f"sessions: {', '.join(self.session_ids)}. Begin them again; the client is connected again."
            f"{self._advice()}"
        )


class BadAnswer(Unanswered):
    """The answer to `method` is not JSON-RPC, or not of the method's shape; `reason` says how.

    `daemon_version` is the daemon's release, None if it is not known. If it is another one than this client's, the
    message says which of both to upgrade.
    """

    def __init__(
        self, method: str, reason: str, outcome_unknown: bool = False, daemon_version: str | None = None
    ) -> None:
        super().__init__(method, reason, outcome_unknown)
        self.args = (method, reason, outcome_unknown, daemon_version)
        self.daemon_version = daemon_version

    def __str__(self) -> str:
        return (
            f"{self.method} got an answer that makes no sense: {self.reason}. "
            f"{advice_on_misfit(self.daemon_version)}{self._advice()}"
        )


class NotResponding(Unanswered):
    """No answer came within `seconds`; `method` is `connect` if connecting alone took longer."""

    def __init__(self, method: str, seconds: float, outcome_unknown: bool = False) -> None:
        super().__init__(method, f"no answer within {seconds:g} seconds", outcome_unknown)
        self.args = (method, seconds, outcome_unknown)
        self.seconds = seconds

    def __str__(self) -> str:
        deed = "accept the connection" if self.method == "connect" else f"answer {self.method}"
        return f"The daemon did not {deed} within {self.seconds:g} seconds.{self._advice()}"
