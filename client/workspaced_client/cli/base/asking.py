"""The question of a command that only reads: by a quick call, or by the whole client where that does not do."""

from __future__ import annotations

from workspaced_client.cli.base.quick_call import QUICK_SECONDS, quick_call
from workspaced_client.cli.base.shapes import STATUS, WORKSPACE, fits
from workspaced_protocol import PROTOCOL_VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from workspaced_client import Client
    from workspaced_client.cli.base.options import Options


# Any: JSON values, and shapes.
class Read:
    """A method that only reads, with its params; the `shape` of its result; and the same call by the whole client."""

    __slots__ = ("by_client", "method", "params", "shape")

    def __init__(
        self, method: str, params: Mapping[str, Any], shape: Any, by_client: Callable[[Client], object]
    ) -> None:
        self.method = method
        self.params = params
        self.shape = shape
        self.by_client = by_client


def ask(options: Options, *reads: Read) -> list[Any]:
    """Return the results of reads as plain JSON, in the form of the protocol.

    The whole client asks again after every error, and after a recovery that nobody has acknowledged: it warns of that.
    Raise what a connected client raises.
    """
    found = quick_call(
        options.socket,
        [hello(), ("daemon.status", {}), *((read.method, read.params) for read in reads)],
        min(options.patience_seconds(), QUICK_SECONDS),
    )
    if found is not None:
        shapes = [dict, STATUS, *(read.shape for read in reads)]
        if all(map(fits, found, shapes)) and not is_pending(found[1]["recovery"]):
            return found[2:]
    from msgspec import to_builtins  # few runs need these, and they load much

    from workspaced_client.cli.base.connecting import connected

    with connected(options) as client:
        return [to_builtins(read.by_client(client)) for read in reads]


def ask_for_workspace(options: Options, given: str) -> Any:
    """Return the workspace with this id or name, as plain JSON. Raise Failure if there is none."""

    def find(client: Client) -> object:
        from workspaced_client.cli.base.arguments import find_workspace

        return find_workspace(client, given)

    (found,) = ask(options, Read("workspace.get", identity(given), WORKSPACE, find))
    return found


def identity(given: str) -> dict[str, str]:
    """Return the params that name a workspace. A text in the form of an id is never a name."""
    return {"id": given} if given.startswith("ws_") else {"name": given}


def hello() -> tuple[str, dict[str, Any]]:
    """Return the greeting that tells the daemon's log which program asks."""
    return "daemon.hello", {"client": "workspacectl", "protocol": PROTOCOL_VERSION}


def is_pending(recovery: Mapping[str, Any]) -> bool:
    """Return whether the user has not acknowledged this recovery or loss yet, in the status as plain JSON."""
    return recovery["outcome"] in ("recovered", "dataLoss") and not recovery["acknowledged"]
