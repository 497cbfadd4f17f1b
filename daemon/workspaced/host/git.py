"""Clones of repositories by the system's git, non-interactive, with cleanup after a failure."""

import os
import signal
import subprocess
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final, cast

import trio

from workspaced.domain.errors import PathUnreachable, RequestError
from workspaced.host.clone_target import Claims, CloneTarget
from workspaced.host.git_environment import clone_environment
from workspaced.host.git_output import GitOutput, Step
from workspaced.process.children import Children
from workspaced.process.log import Logger
from workspaced.process.threads import NoThread, run_in_thread
from workspaced_protocol.errors import ErrorCode
from workspaced_protocol.url_secrets import blackener, web_address
from workspaced_protocol.urls import without_secret

TIMEOUT_SECONDS: Final = 120.0
"""The time limit of one clone (FR-003)."""

ALLOWED_PROTOCOLS: Final = ("file", "git", "http", "https", "ssh")
"""The default protocols that git may clone by."""

_CLONES_AT_ONCE: Final = 4  # more would share the same network and disk
_THREADS: Final = 8  # one for each clone, and as many again that may hang on a file system
_TARGET_SECONDS: Final = 10.0  # to make the target directory
_RESTORE_SECONDS: Final = 30.0  # to remove the files of a failed clone, possibly many
_TERMINATE_SECONDS: Final = 2.0  # for git to clean up and exit after SIGTERM
_KILL_SECONDS: Final = 5.0  # for the processes to end after SIGKILL
_DRAIN_SECONDS: Final = 1.0  # for the end of stderr: a helper that outlives git, such as ssh, keeps it open

# git tells so, and leaves the repository, if it could write some of its files only: the disk is full, a filter fails.
_KEPT_IN_PART: Final = "Clone succeeded, but checkout failed"

Report = Callable[[Step], None]
"""Receives each step of a task's progress. It must not block."""

_log = Logger()


class GitUnavailable(RequestError):
    """git could not be started."""

    code = ErrorCode.GIT_UNAVAILABLE

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"git can't be started ({reason}): install git, or start the daemon with git on its PATH.",
            stderr="",
        )


class GitFailed(RequestError):
    """git failed to clone; `stderr` is its output."""

    code = ErrorCode.GIT_FAILED

    def __init__(self, url: str, code: int, stderr: str) -> None:
        ending = f"exit code {code}" if code > 0 else f"signal {-code}"
        super().__init__(f"git could not clone {url} ({ending}): {_reason(stderr)}", stderr=stderr)


class GitTimeout(RequestError):
    """git exceeded the time limit and was stopped; `stderr` is its output so far."""

    code = ErrorCode.GIT_TIMEOUT

    def __init__(self, url: str, seconds: float, stderr: str) -> None:
        super().__init__(
            f"git did not clone {url} within {seconds:g} s and was stopped: raise the setting git_timeout_seconds, "
            "or clone it by hand and bind its directory.",
            stderr=stderr,
        )


class Git:
    """Runs git. It clones only by `allowed_protocols` that the user's own settings of git allow too.

    Both attributes may be changed at any time; later clones use the new values. No clone goes to `reserved` or below.
    """

    def __init__(
        self,
        timeout_seconds: float = TIMEOUT_SECONDS,
        allowed_protocols: Sequence[str] = ALLOWED_PROTOCOLS,
        reserved: str | None = None,
    ) -> None:
        self.allowed_protocols: Sequence[str] = tuple(allowed_protocols)
        self.timeout_seconds = timeout_seconds
        self.children = Children()
        self._clones = trio.CapacityLimiter(_CLONES_AT_ONCE)
        self._threads = trio.CapacityLimiter(_THREADS)
        self._claims = Claims()
        self._reserved = reserved

    @asynccontextmanager
    async def target(self, path: str, report: Report) -> AsyncGenerator[CloneTarget, None]:
        """Wait until few enough other clones run, then make an empty directory at `path` for the block.

        If the block raises, everything that it wrote there is removed, unless it has released the target.
        Raises InvalidField or PathUnreachable if the directory can't be made.
        """
        if not self._clones.available_tokens:
            report(Step("Waiting", None, "Waiting for other clones to end."))
        async with self._clones:  # bounded: every clone has a time limit
            target = CloneTarget(path, self._claims, self._reserved)
            try:
                await self._make(target)
                yield target
            except BaseException:
                with trio.CancelScope(shield=True):
                    await self._restore(target)
                raise
            target.release()

    async def _make(self, target: CloneTarget) -> None:
        try:
            with trio.fail_after(_TARGET_SECONDS):
                await run_in_thread(target.make, limiter=self._threads)
        except trio.TooSlowError as error:
            problem = f"could not be made within {_TARGET_SECONDS:g} s"
            raise PathUnreachable(target.path, "timedOut", problem) from error

    async def _restore(self, target: CloneTarget) -> None:
        reason = f"not done within {_RESTORE_SECONDS:g} s"
        with trio.move_on_after(_RESTORE_SECONDS):
            try:
                await run_in_thread(target.restore, limiter=self._threads)
            except (OSError, NoThread) as error:
                reason = str(error)
            else:
                return
        _log.warning("The files of a failed clone could not be removed.", path=target.path, reason=reason)

    async def clone(self, url: str, target: CloneTarget, report: Report) -> str | None:
        """Clone `url` into `target`. Return a warning if git kept the clone but complains of something after it.

        No secret of `url` is in an error, a step or the warning. Raises GitUnavailable, GitFailed, GitTimeout or
        NoThread.
        """
        output, shown = GitOutput(blackener(url)), without_secret(url)
        with trio.move_on_after(self.timeout_seconds):
            address = web_address(url)
            command = ["git", "clone", "--progress", "--", address.url if address else url, target.path]
            with _starting_git():
                environment = await clone_environment(self.allowed_protocols, address, self.children)
            code = await self._run(command, environment, output, report)
            if code == 0:
                return None
            ended_by_itself = code > 0 and _KEPT_IN_PART not in output.text
            if ended_by_itself and await run_in_thread(target.holds_repository, limiter=self._threads):
                return _complaint(target.path, code, output.text)
            raise GitFailed(shown, code, output.text)
        raise GitTimeout(shown, self.timeout_seconds, output.text)

    async def _run(
        self, command: Sequence[str], environment: Mapping[str, str], output: GitOutput, report: Report
    ) -> int:
        with _starting_git():
            # This takes a thread of trio's default limiter. Nothing else uses that limiter once the daemon runs.
            process = await self.children.start(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd="/",  # the daemon's own directory may be gone, or be a repository
                env=environment,
                start_new_session=True,  # no terminal for prompts, and one process group to kill
            )
        stderr = cast("trio.abc.ReceiveStream", process.stderr)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_read, stderr, output, report)
                code = await process.wait()
                if code != 0:
                    # Git was killed, perhaps, and could not end its helpers. They would go on writing.
                    _signal_group(process, signal.SIGKILL)
                nursery.cancel_scope.deadline = trio.current_time() + _DRAIN_SECONDS
        finally:
            with trio.CancelScope(shield=True):
                await _stop(process, stderr)
            self.children.forget(process)
        return code


@contextmanager
def _starting_git() -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise GitUnavailable(error.strerror or str(error)) from error
    except RuntimeError as error:  # as in run_in_thread
        raise NoThread from error


async def _read(stderr: trio.abc.ReceiveStream, output: GitOutput, report: Report) -> None:
    while data := await stderr.receive_some(4096):  # parsed within a millisecond
        step = output.feed(data)
        if step is not None:
            report(step)


async def _stop(process: trio.Process, stderr: trio.abc.ReceiveStream) -> None:
    """Stop git if it still runs, and all its child processes."""
    if process.returncode is None:
        _signal_group(process, signal.SIGTERM)
        with trio.move_on_after(_TERMINATE_SECONDS):
            await process.wait()
        _signal_group(process, signal.SIGKILL)
        with trio.move_on_after(_KILL_SECONDS):
            await process.wait()
            while await stderr.receive_some():  # at its end, no helper writes files any more
                pass
    await stderr.aclose()


def _signal_group(process: trio.Process, number: signal.Signals) -> None:
    # The number can't belong to another group: it is not reused while a member of this group lives, and if
    # none lives, git ended only a moment ago. macOS answers EPERM for a group of zombies.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _complaint(path: str, code: int, stderr: str) -> str:
    return (
        f"The clone in {path} is complete and bound, but git ended with exit code {code}, as after a post-checkout "
        f"hook that fails: {_reason(stderr)}"
    )


def _reason(stderr: str) -> str:
    """Return the most informative line of git's output."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith("fatal: ")]
    return (fatal or lines[-1:] or ["git gave no reason."])[0]
