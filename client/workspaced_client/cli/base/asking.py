"""The question of a command that only reads: by a quick call, or by the whole client where that does not do."""

from __future__ import annotations

from workspaced_client.cli.base.partial_names import partly_named
from workspaced_client.cli.base.quick_call import QUICK_SECONDS, quick_call
from workspaced_client.cli.base.typed_paths import HERE, current_directory
from workspaced_protocol import PROTOCOL_VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from workspaced_client import Client
    from workspaced_client.cli.base.options import Options


# Any: JSON values.
def ask(options: Options, method: str, params: Mapping[str, Any]) -> Any:
    """Return the result of a read as plain JSON, in the form of the protocol.

    The whole client asks again after every error, and while a recovery is not acknowledged: it warns of it. Raise what
    a connected client raises.
    """
    found = _quick(options, method, params)
    return found if found is not None else _slow(options, lambda client: client.call(method, dict(params)))


def ask_for_workspace(options: Options, given: str | None) -> Any:
    """Return the workspace that the user means, as plain JSON. Raise Failure as `find_workspace` does."""
    if given is None or given == HERE:
        found = _quick(options, "workspace.resolve", {"path": current_directory()})
        if found is not None:
            return found["workspace"]
    else:
        found = _quick(options, "workspace.get", identity(given))
        if found is not None:
            return found
        # Of a part of a name no other method knows.
        listed = _quick(options, "workspace.list", {}) or ()
        named = partly_named(
            given, [each for each in listed if each["state"] != "deleted"], lambda each: each["name"]
        )
        if len(named) == 1:
            return named[0]

    def find(client: Client) -> object:
        from workspaced_client.cli.base.arguments import find_workspace

        return find_workspace(client, given)

    return _slow(options, find)


def _quick(options: Options, method: str, params: Mapping[str, Any]) -> Any:
    """Return the result, or None where only the whole client knows what to tell the user."""
    seconds = min(options.patience_seconds(), QUICK_SECONDS)
    found = quick_call(options.socket, [hello(), ("daemon.status", {}), (method, params)], seconds)
    return None if found is None or is_pending(found[1]["recovery"]) else found[2]


def _slow(options: Options, ask_by: Callable[[Client], Any]) -> Any:
    from workspaced_client.cli.base.connecting import connected  # few runs need it, and it loads much

    with connected(options) as client:
        import msgspec

        return msgspec.to_builtins(ask_by(client))


def identity(given: str) -> dict[str, str]:
    """Return the params that name a workspace. A text in the form of an id is never a name."""
    return {"id": given} if given.startswith("ws_") else {"name": given}


def hello() -> tuple[str, dict[str, Any]]:
    """Return the greeting that tells the daemon's log which program asks."""
    return "daemon.hello", {"client": "workspacectl", "protocol": PROTOCOL_VERSION}


def is_pending(recovery: Mapping[str, Any]) -> bool:
    """Return whether the user has not acknowledged this recovery or loss yet, in the status as plain JSON."""
    return recovery["outcome"] in ("recovered", "dataLoss") and not recovery["acknowledged"]
