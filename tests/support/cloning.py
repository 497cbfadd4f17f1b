"""Clones in tasks of their own."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from workspaced.domain.errors import RequestError
from workspaced.host.git import Git
from workspaced.host.git_output import Step


async def clone(git: Git, url: str, path: Path, steps: list[Step] | None = None) -> str:
    """Clone once, and return the directory of the clone."""
    report = steps.append if steps is not None else lambda _: None
    async with git.target(str(path), report) as target:
        await git.clone(url, target, report)
    return target.path


class Attempt:
    """A clone in a task of its own."""

    def __init__(self, nursery: trio.Nursery, run: Callable[[], Awaitable[object]]) -> None:
        self.scope = trio.CancelScope()
        self.ended = trio.Event()
        self.error: RequestError | None = None
        nursery.start_soon(self._run, run)

    async def _run(self, run: Callable[[], Awaitable[object]]) -> None:
        with self.scope:
            try:
                await run()
            except RequestError as error:
                self.error = error
        self.ended.set()

    async def failure(self) -> RequestError:
        """Return the error that it has to end with."""
        await self.ended.wait()
        assert self.error is not None
        return self.error
