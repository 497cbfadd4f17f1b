"""What git may be asked to clone: which URLs are let through, and the name that a clone of one gets."""

import re
from collections.abc import Collection
from typing import Final

from workspaced.domain.errors import InvalidField

_LONGEST: Final = 4096  # far below what one argument of a program may have (execve(2): 128 KiB)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
# gitremote-helpers(7): `<transport>::<address>` runs the program git-remote-<transport>.
_HELPER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.-]*::")
_SCHEME: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9+.-]*)://")
_AUTHORITY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.-]*://[^/]*")


def check_git_url(url: str, allowed_protocols: Collection[str], path: str = "gitUrl") -> None:
    """Raises InvalidField for what is no URL of git's, or is of a protocol that is not allowed.

    git-clone(1), GIT URLS, has the forms: `protocol://…`, `host:path` for ssh, and a path, which
    must be absolute here: a daemon has no directory that others could mean by a relative one.
    """
    if not url.strip() or len(url) > _LONGEST or _CONTROL.search(url):
        raise InvalidField(
            path, f"`{path}` must have 1 to {_LONGEST:,} characters, none of them a control character."
        )
    if url.startswith("-"):
        raise InvalidField(path, f"`{path}` must not start with “-”: git would take it for an option.")
    if _HELPER.match(url):
        raise InvalidField(
            path, f"`{path}` is “{url}”, which would have git run another program: give the repository's URL."
        )
    protocol = _protocol(url)
    if protocol is None:
        raise InvalidField(
            path, f"`{path}` is “{url}”: give a URL, an address such as host:path, or an absolute path."
        )
    if protocol not in allowed_protocols:
        raise InvalidField(
            path,
            f"`{path}` is “{url}”, and the protocol {protocol} is not allowed: those that are, by the setting "
            f"git_allowed_protocols, are {', '.join(allowed_protocols)}.",
        )


def _protocol(url: str) -> str | None:
    """The protocol by git's name, or None where `url` is a relative path."""
    if scheme := _SCHEME.match(url):
        return scheme[1]
    if url.startswith("/"):
        return "file"
    return "ssh" if ":" in url.partition("/")[0] else None


def repository_name(url: str, path: str = "gitUrl") -> str:
    """The name of the directory that git itself would clone `url` to. Raises InvalidField without one."""
    authority = _AUTHORITY.match(url)
    address = url[authority.end() :] if authority else url
    address = address.rstrip("/").removesuffix("/.git").rstrip("/").removesuffix(".git")
    name = re.split("[/:]", address)[-1]
    if name in ("", ".", ".."):
        raise InvalidField(
            path, f"`{path}` is “{url}”, which names no repository: say where with `targetDir`."
        )
    return name
