"""The environment of git: non-interactive, with the protocols that both sides allow, and with a URL's password.

The strategy: a password is passed in the environment, which other users can't read. As a part of the URL it would be
an argument of git and of its helpers, for everybody to see in the list of processes.
"""

import os
import subprocess
from collections.abc import Collection, Mapping
from typing import Final

import trio

from workspaced.process.children import Children
from workspaced_protocol.git_environment import without_git_invocation
from workspaced_protocol.url_secrets import Address

_POLICY_SECONDS: Final = 5.0  # to read the configuration: three small files

_PASSWORD: Final = "WORKSPACED_CLONE_PASSWORD"  # noqa: S105 - a variable's name
# git-credential(1): git asks with `get`, and tells the outcome with `store` and `erase`. A shell's printf is no process.
_HELPER: Final = f"""!f() {{ test "$1" != get || printf 'password=%s\\n' "${_PASSWORD}"; }}; f"""

_ALWAYS: Final = frozenset(
    {"git", "http", "https", "ssh"}
)  # git-config(1), protocol.allow: the default policies


def base_environment() -> dict[str, str]:
    """Return the daemon's environment for a git of its own, non-interactive."""
    return without_git_invocation(os.environ) | {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",  # empty instead of unset: otherwise git would use core.askPass
        "SSH_ASKPASS": "",
        "SSH_ASKPASS_REQUIRE": "never",
        "LC_ALL": "C",  # the daemon parses the output and keeps it for errors
    }


async def clone_environment(
    allowed: Collection[str], address: Address | None, children: Children
) -> dict[str, str]:
    """Return the environment of a clone by the `allowed` protocols, less those that the user forbids git.

    Raises OSError or RuntimeError if git can't be started.
    """
    environment = base_environment()
    own = environment.get("GIT_ALLOW_PROTOCOL")
    if own is not None:
        # git(1): with this variable, git does not look at protocol.*.allow.
        permitted = set(own.split(":"))
    else:
        from_user = environment.get("GIT_PROTOCOL_FROM_USER", "1").lower() not in (
            "0",
            "false",
            "no",
            "off",
            "",
        )
        permitted = _permitted(allowed, await _policies(environment, children), from_user=from_user)
    # It overrides protocol.*.allow of every configuration, so an `ext::` URL runs no command.
    environment["GIT_ALLOW_PROTOCOL"] = ":".join(each for each in allowed if each in permitted)
    return environment if address is None else environment | _authorised(environment, address)


def _permitted(protocols: Collection[str], policies: Mapping[str, str], *, from_user: bool) -> set[str]:
    """Return the protocols that git's configuration allows (git-config(1), protocol.allow)."""
    permitted: set[str] = set()
    for protocol in protocols:
        default = policies.get("protocol.allow", "always" if protocol in _ALWAYS else "user")
        policy = policies.get(f"protocol.{protocol}.allow", default).lower()
        if policy == "always" or (policy == "user" and from_user):
            permitted.add(protocol)
    return permitted


async def _policies(environment: Mapping[str, str], children: Children) -> dict[str, str]:
    """Return the values of protocol.*.allow; of several, the last counts. A configuration that git refuses has none."""
    command = ["git", "config", "-z", "--get-regexp", r"^protocol\."]
    with trio.move_on_after(_POLICY_SECONDS):
        found = await children.output(
            command,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=environment,
            start_new_session=True,
        )
        entries = found.decode(errors="replace").split("\0")
        return {key: value for key, _, value in (entry.partition("\n") for entry in entries)}
    return {}  # git hangs: the clone will tell


def _authorised(environment: Mapping[str, str], address: Address) -> dict[str, str]:
    """Return the variables that give git a user and a password for this site only (git-config(1), GIT_CONFIG_COUNT)."""
    settings: list[tuple[str, str]] = []
    if address.user is not None:
        settings.append((f"credential.{address.site}.username", address.user))
    variables: dict[str, str] = {}
    if address.password is not None:
        variables[_PASSWORD] = address.password
        # The empty helper clears the list: the user's helpers neither answer instead nor keep this password.
        settings += [(f"credential.{address.site}.helper", helper) for helper in ("", _HELPER)]
    count = environment.get("GIT_CONFIG_COUNT", "")
    first = int(count) if count.isdecimal() else 0
    for number, (key, value) in enumerate(settings, first):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return variables | {"GIT_CONFIG_COUNT": str(first + len(settings))}
