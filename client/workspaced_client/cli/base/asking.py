"""The question of a command that only reads: by a quick call, or by the whole client where that does not do."""

from __future__ import annotations

import os

from workspaced_client.cli.base.interrupts import InterruptsHeld
from workspaced_client.cli.base.quick_call import QUICK_SECONDS, quick_call
from workspaced_client.cli.base.shapes import STATUS, WORKSPACE, fits
from workspaced_client.cli.commands.shared import DOT
from workspaced_protocol import PROTOCOL_VERSION
from workspaced_protocol.paths import UnusablePath, socket_path

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


def ask(options: Options, *reads: Read, warns: bool = True, starts_daemon: bool = True) -> list[Any]:
    """Return the results of reads as plain JSON, in the form of the protocol.

    The whole client asks again after every error, and after a recovery that nobody has acknowledged: it warns of that,
    unless the command tells of it anyway. It also starts the daemon where none runs, unless the command only looks.
    Raise what a connected client raises.
    """
    found = _ask_quickly(options, *reads)
    if found is None and starts_daemon and options.autostart and _start(options):
        found = _ask_quickly(options, *reads)
    if found is not None:
        return found
    calls = [read.by_client for read in reads]
    return _ask_by_client(options, *calls, warns=warns, starts_daemon=starts_daemon)


def ask_for_workspace(options: Options, given: str | None) -> Any:
    """Return the workspace that the user means, as plain JSON. Raise Failure as `find_workspace` does."""

    def find(client: Client) -> object:
        from workspaced_client.cli.base.arguments import find_workspace

        return find_workspace(client, given)

    if given is None or given == DOT:
        from workspaced_client.cli.base.typed_paths import current_directory

        around = Read("workspace.resolve", {"path": current_directory()}, {"workspace": WORKSPACE}, find)
        found = _ask_quickly(options, around)
        if found is not None:
            return found[0]["workspace"]
    else:
        found = _ask_quickly(options, Read("workspace.get", identity(given), WORKSPACE, find))
        if found is not None:
            return found[0]
        # Of a part of a name, only the list knows.
        from workspaced_client.cli.base.partial_names import partly_named

        (listed,) = _ask_quickly(options, Read("workspace.list", {}, [WORKSPACE], find)) or ((),)
        living = [each for each in listed if each["state"] != "deleted"]
        named = partly_named(given, living, lambda each: each["name"])
        if len(named) == 1:
            return named[0]
    (by_client,) = _ask_by_client(options, find)
    return by_client


def _ask_quickly(options: Options, *reads: Read) -> list[Any] | None:
    """Return the results, or None where only the whole client knows what to tell the user."""
    found = quick_call(
        options.socket,
        [hello(), ("daemon.status", {}), *((read.method, read.params) for read in reads)],
        min(options.patience_seconds(), QUICK_SECONDS),
    )
    shapes = [dict, STATUS, *(read.shape for read in reads)]
    if found is None or not all(map(fits, found, shapes)) or is_pending(found[1]["recovery"]):
        return None
    options.machine = found[1].get("machine")
    return found[2:]


def _start(options: Options) -> bool:
    """Start the daemon if there is no socket, and return whether it was started.

    The client does the same, also for a socket where nobody listens; but it takes long to load, and the daemon would
    start only then.
    """
    try:
        path = socket_path(options.socket)
    except UnusablePath:
        return False  # the client has the words for it
    if os.path.lexists(path):
        return False
    from workspaced_client._core.autostart import ensure_running
    from workspaced_client._core.local_errors import CannotConnect
    from workspaced_client.cli.base.failures import Unreachable

    try:
        return ensure_running(path, options.patience_seconds()) is not None
    except CannotConnect as error:
        raise Unreachable(error, path) from error


def _ask_by_client(
    options: Options,
    *calls: Callable[[Client], object],
    warns: bool = True,
    starts_daemon: bool = True,
) -> list[Any]:
    with InterruptsHeld():
        from msgspec import to_builtins  # few runs need these, and they load much

        from workspaced_client.cli.base.connecting import connected

    with connected(options, warn=warns, starts_daemon=starts_daemon) as client:
        return [to_builtins(call(client)) for call in calls]


def identity(given: str) -> dict[str, str]:
    """Return the params that name a workspace. A text in the form of an id is never a name."""
    return {"id": given} if given.startswith("ws_") else {"name": given}


def hello() -> tuple[str, dict[str, Any]]:
    """Return the greeting that tells the daemon's log which program asks."""
    return "daemon.hello", {"client": "workspacectl", "protocol": PROTOCOL_VERSION}


def is_pending(recovery: Mapping[str, Any]) -> bool:
    """Return whether the user has not acknowledged this recovery or loss yet, in the status as plain JSON."""
    return recovery["outcome"] in ("recovered", "dataLoss") and not recovery["acknowledged"]
