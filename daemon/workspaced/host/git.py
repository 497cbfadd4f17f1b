"""Clones repositories by the system's git, which can ask nobody anything and leaves nothing behind when it fails."""

import os
import signal
import subprocess
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, cast

import structlog
import trio

from workspaced.domain.errors import PathUnreachable, RequestError
from workspaced.host.clone_target import Claims, CloneTarget
from workspaced.host.git_output import GitOutput, Step
from workspaced.process.threads import NoThread, run_in_thread
from workspaced_protocol.errors import ErrorCode

TIMEOUT_SECONDS: Final = 120.0
"""How long one clone may take (FR-003)."""

ALLOWED_PROTOCOLS: Final = ("file", "git", "http", "https", "ssh")
"""The protocols that repositories are fetched by, unless the settings say otherwise."""

_CLONES_AT_ONCE: Final = 4  # more only share the same line and disk
_THREADS: Final = 8  # one for each target, and as many that a file system may keep
_TARGET_SECONDS: Final = 10.0  # to make a directory
_RESTORE_SECONDS: Final = 30.0  # to remove what may be many files
_TERMINATE_SECONDS: Final = 2.0  # for git to end by itself, and to remove what it can
_KILL_SECONDS: Final = 5.0  # for the system to end what was killed
_LAST_WORDS_SECONDS: Final = 1.0  # for stderr's end: a helper that stays on, as ssh's may, keeps it open

# git-rev-parse(1), --local-env-vars: these would have git work in another repository than the new one.
_OF_ANOTHER_REPOSITORY: Final = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)

Report = Callable[[Step], None]
"""Takes each step of a task as it is done. It must not block."""

_log = structlog.get_logger(__name__)


class GitUnavailable(RequestError):
    """git could not be started."""

    code = ErrorCode.GIT_UNAVAILABLE

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"git can't be started ({reason}): install it, or start the daemon with it on the PATH.",
            stderr="",
        )


class GitFailed(RequestError):
    """git ended without a clone; `stderr` is what it said."""

    code = ErrorCode.GIT_FAILED

    def __init__(self, url: str, code: int, stderr: str) -> None:
        ending = f"exit code {code}" if code > 0 else f"signal {-code}"
        super().__init__(f"git could not clone {url} ({ending}): {_reason(stderr)}", stderr=stderr)


class GitTimeout(RequestError):
    """git took too long, and was ended; `stderr` is what it had said."""

    code = ErrorCode.GIT_TIMEOUT

    def __init__(self, url: str, seconds: float, stderr: str) -> None:
        super().__init__(
            f"git did not clone {url} within {seconds:g} s, and was ended: clone it by hand, then bind its "
            "directory; or raise the setting git_timeout_seconds.",
            stderr=stderr,
        )


class Git:
    """Runs git; `allowed_protocols` are the only ones that it fetches by, whatever its configuration says.

    Both attributes may be set anew, for the clones that begin then.
    """

    def __init__(
        self,
        timeout_seconds: float = TIMEOUT_SECONDS,
        allowed_protocols: Sequence[str] = ALLOWED_PROTOCOLS,
    ) -> None:
        self.allowed_protocols: Sequence[str] = tuple(allowed_protocols)
        self.timeout_seconds = timeout_seconds
        self._clones = trio.CapacityLimiter(_CLONES_AT_ONCE)
        self._threads = trio.CapacityLimiter(_THREADS)
        self._claims = Claims()

    @asynccontextmanager
    async def target(self, path: str, report: Report) -> AsyncGenerator[CloneTarget, None]:
        """An empty directory at `path`, once few enough other clones are under way.

        Where the block raises, all that it wrote there is removed, unless it has released the target.
        Raises InvalidField or PathUnreachable where there can't be such a directory.
        """
        if not self._clones.available_tokens:
            report(Step("Waiting", None, "Waiting for other clones to end."))
        async with self._clones:  # each of those before it has its time limit
            target = CloneTarget(path, self._claims)
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
        _log.warning("What a failed clone wrote could not be removed.", path=target.path, reason=reason)

    async def clone(self, url: str, target: CloneTarget, report: Report) -> None:
        """Clones `url` into `target`. Raises GitUnavailable, GitFailed, GitTimeout or NoThread."""
        output = GitOutput()
        with trio.move_on_after(self.timeout_seconds) as limit:
            code = await self._run(["git", "clone", "--progress", "--", url, target.path], output, report)
            if code != 0:
                raise GitFailed(url, code, output.text)
        if limit.cancelled_caught:
            raise GitTimeout(url, self.timeout_seconds, output.text)

    async def _run(self, command: Sequence[str], output: GitOutput, report: Report) -> int:
        try:
            # It takes a thread of trio's default limiter, which once the daemon runs is left to it alone.
            process = await trio.lowlevel.open_process(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd="/",  # the daemon's own may be gone, or be a repository
                env=self._environment(),
                start_new_session=True,  # no terminal to ask on, and one group to end
            )
        except OSError as error:
            raise GitUnavailable(error.strerror or str(error)) from error
        except RuntimeError as error:  # as in run_in_thread
            raise NoThread from error
        stderr = cast("trio.abc.ReceiveStream", process.stderr)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_read, stderr, output, report)
                code = await process.wait()
                nursery.cancel_scope.deadline = trio.current_time() + _LAST_WORDS_SECONDS
        finally:
            with trio.CancelScope(shield=True):
                await _end(process, stderr)
        return code

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER_REPOSITORY}
        return kept | {
            # git(1): stronger than every protocol.*.allow of any configuration, so `ext` runs nothing.
            "GIT_ALLOW_PROTOCOL": ":".join(self.allowed_protocols),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "",  # empty, and not unset: core.askPass would take its place
            "SSH_ASKPASS": "",
            "SSH_ASKPASS_REQUIRE": "never",
            "LC_ALL": "C",  # the output is read by program and kept for an error
        }


async def _read(stderr: trio.abc.ReceiveStream, output: GitOutput, report: Report) -> None:
    while data := await stderr.receive_some(4096):  # as much as can be read through in a millisecond
        step = output.feed(data)
        if step is not None:
            report(step)


async def _end(process: trio.Process, stderr: trio.abc.ReceiveStream) -> None:
    """Ends git where it has not ended by itself, and all that it has started."""
    if process.returncode is None:
        _signal_group(process, signal.SIGTERM)
        with trio.move_on_after(_TERMINATE_SECONDS):
            await process.wait()
        _signal_group(process, signal.SIGKILL)
        with trio.move_on_after(_KILL_SECONDS):
            await process.wait()
            while await stderr.receive_some():  # its end tells that no helper writes files any more
                pass
    await stderr.aclose()


def _signal_group(process: trio.Process, number: signal.Signals) -> None:
    # The number can't be another group's: it is not given anew while a member of this one lives, and if
    # none does, git itself ended this very moment. macOS refuses a group of zombies with EPERM.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _reason(stderr: str) -> str:
    """The line of git's output that says most."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith("fatal: ")]
    return (fatal or lines[-1:] or ["it did not say why."])[0]
