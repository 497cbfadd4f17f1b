"""The question of a command that only reads: by a quick call, or by the whole client where that does not do."""

from __future__ import annotations

from workspaced_client.cli.base.quick_call import QUICK_SECONDS, quick_call
from workspaced_protocol import PROTOCOL_VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from workspaced_client import Client
    from workspaced_client.cli.base.options import Options


# Any: JSON values.
def ask(
    options: Options, method: str, params: Mapping[str, Any], otherwise: Callable[[Client], Any] | None = None
) -> Any:
    """Return the result of a read as plain JSON, in the form of the protocol.

    `otherwise` asks by the whole client, and may return a model; without it, the client calls the same method. That
    happens for every error, and for a recovery that nobody has acknowledged: the client warns of it. Raise what a
    connected client raises.
    """
    found = quick_call(
        options.socket,
        [hello(), ("daemon.status", {}), (method, params)],
        min(options.patience_seconds(), QUICK_SECONDS),
    )
    if found is not None and not is_pending(found[1]["recovery"]):
        return found[2]
    from workspaced_client.cli.base.connecting import connected  # few runs need it, and it loads much

    with connected(options) as client:
        if otherwise is None:
            return client.call(method, dict(params))
        import msgspec

        return msgspec.to_builtins(otherwise(client))


def ask_for_workspace(options: Options, given: str) -> Any:
    """Return the workspace with this id or name, as plain JSON. Raise Failure if there is none."""

    def find(client: Client) -> object:
        from workspaced_client.cli.base.arguments import find_workspace

        return find_workspace(client, given)

    return ask(options, "workspace.get", identity(given), find)


def identity(given: str) -> dict[str, str]:
    """Return the params that name a workspace. A text in the form of an id is never a name."""
    return {"id": given} if given.startswith("ws_") else {"name": given}


def hello() -> tuple[str, dict[str, Any]]:
    """Return the greeting that tells the daemon's log which program asks."""
    return "daemon.hello", {"client": "workspacectl", "protocol": PROTOCOL_VERSION}


def is_pending(recovery: Mapping[str, Any]) -> bool:
    """Return whether the user has not acknowledged this recovery or loss yet, in the status as plain JSON."""
    return recovery["outcome"] in ("recovered", "dataLoss") and not recovery["acknowledged"]
