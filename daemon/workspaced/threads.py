"""Blocking calls in threads of their own, and what is told where the system gives no more threads."""

from collections.abc import Callable
from typing import TypeVar

import trio

from workspaced.domain.errors import RequestError

T = TypeVar("T")


class NoThread(RequestError):
    """The system starts no more threads: nothing was done."""

    def __init__(self) -> None:
        super().__init__(
            "The system lets the daemon start no more threads: try again in a moment; "
            "if that does not help, raise the user's limit of processes (ulimit -u)."
        )


async def run_in_thread(
    blocking: Callable[..., T], *arguments: object, limiter: trio.CapacityLimiter | None = None
) -> T:
    """Runs a blocking call; where it is cancelled, the thread is left to it. Raises NoThread."""
    has_begun = False

    def run() -> T:
        nonlocal has_begun
        has_begun = True
        return blocking(*arguments)

    try:
        return await trio.to_thread.run_sync(run, abandon_on_cancel=True, limiter=limiter)
    except RuntimeError as error:
        # So threading.Thread.start() tells that the system refused; it has no error of its own for it.
        if has_begun:
            raise
        raise NoThread from error
