"""The function by which a namespace of methods sends its calls."""

from typing import Protocol, TypeVar

from workspaced_client._core.conversation import OnProgress
from workspaced_protocol.params import Params

T = TypeVar("T")

NOTHING = type(None)
"""The result of a method that returns nothing."""


class AsyncRequest(Protocol):
    """Sends one call and returns its result as the given type."""

    async def __call__(
        self,
        method: str,
        params: Params,
        result: type[T],
        /,
        *,
        timeout_seconds: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> T: ...
