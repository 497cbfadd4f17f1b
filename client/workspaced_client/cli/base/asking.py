"""The question of a command that only reads: by a quick call, or by the whole client where that does not do."""

from __future__ import annotations

from workspaced_client.cli.base.quick_call import QUICK_SECONDS, quick_call
from workspaced_protocol import PROTOCOL_VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from workspaced_client import Client
    from workspaced_client.cli.base.options import Options


# Any: JSON values.
def ask(options: Options, *requests: tuple[str, Mapping[str, Any]]) -> list[Any]:
    """Return the results of these reads, each a method with its params, as plain JSON in the form of the protocol.

    The whole client asks again after every error, and after a recovery that nobody has acknowledged: it warns of that.
    Raise what a connected client raises.
    """
    return _quickly(options, requests) or _thoroughly(
        options, lambda client: [client.call(method, dict(params)) for method, params in requests]
    )


def _quickly(options: Options, requests: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Any] | None:
    found = quick_call(
        options.socket,
        [hello(), ("daemon.status", {}), *requests],
        min(options.patience_seconds(), QUICK_SECONDS),
    )
    return None if found is None or is_pending(found[1]["recovery"]) else found[2:]


def _thoroughly(options: Options, call: Callable[[Client], Any]) -> Any:
    from workspaced_client.cli.base.connecting import connected  # few runs need it, and it loads much

    with connected(options) as client:
        return call(client)


def ask_for_workspace(options: Options, given: str) -> Any:
    """Return the workspace with this id or name, as plain JSON. Raise Failure if there is none."""
    found = _quickly(options, [("workspace.get", identity(given))])
    return _thoroughly(options, lambda client: _found(client, given)) if found is None else found[0]


def _found(client: Client, given: str) -> object:
    import msgspec

    from workspaced_client.cli.base.arguments import find_workspace

    return msgspec.to_builtins(find_workspace(client, given))


def identity(given: str) -> dict[str, str]:
    """Return the params that name a workspace. A text in the form of an id is never a name."""
    return {"id": given} if given.startswith("ws_") else {"name": given}


def hello() -> tuple[str, dict[str, Any]]:
    """Return the greeting that tells the daemon's log which program asks."""
    return "daemon.hello", {"client": "workspacectl", "protocol": PROTOCOL_VERSION}


def is_pending(recovery: Mapping[str, Any]) -> bool:
    """Return whether the user has not acknowledged this recovery or loss yet, in the status as plain JSON."""
    return recovery["outcome"] in ("recovered", "dataLoss") and not recovery["acknowledged"]
