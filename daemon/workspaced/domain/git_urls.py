"""Git URLs: the check of a URL before a clone, and the directory name of its clone."""

import re
from collections.abc import Collection
from typing import Final

from workspaced.domain.errors import InvalidField
from workspaced_protocol.url_secrets import decoded
from workspaced_protocol.urls import without_secret

_PATH: Final = "gitUrl"  # the path of the field in the params
_LONGEST: Final = 4096  # far below the limit of one program argument (execve(2): 128 KiB)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
# gitremote-helpers(7): `<transport>::<address>` runs the program git-remote-<transport>.
_HELPER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.-]*::")
_SCHEME: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9+.-]*)://")
_PORT: Final = re.compile(r":[0-9]*$")


def check_git_url(url: str, allowed_protocols: Collection[str]) -> None:
    """Raise InvalidField unless `url` is a git URL of an allowed protocol.

    The forms are those of git-clone(1), GIT URLS: `protocol://…`, `host:path` for ssh, and a path. A path
    must be absolute: the daemon does not know the client's current directory.
    """
    if not url.strip() or len(url) > _LONGEST or _CONTROL.search(url):
        raise InvalidField(
            _PATH, f"`gitUrl` must have 1 to {_LONGEST:,} characters, none of them a control character."
        )
    if _SCHEME.match(url) and _CONTROL.search(decoded(url)):
        raise InvalidField(_PATH, "`gitUrl` must not contain a control character, not even an encoded one.")
    shown = without_secret(url)
    if url.startswith("-"):
        raise InvalidField(_PATH, "`gitUrl` must not start with “-”: git would take it for an option.")
    if _HELPER.match(url):
        raise InvalidField(
            _PATH,
            f"`gitUrl` is “{shown}”, which makes git run another program: give the URL of a repository.",
        )
    protocol = _protocol(url)
    if protocol is None:
        raise InvalidField(
            _PATH, f"`gitUrl` is “{shown}”: give a URL, an address such as host:path, or an absolute path."
        )
    if protocol not in allowed_protocols:
        raise InvalidField(
            _PATH,
            f"`gitUrl` is “{shown}”, but the protocol {protocol} is not allowed. The setting git_allowed_protocols "
            f"allows {', '.join(allowed_protocols)}.",
        )


def _protocol(url: str) -> str | None:
    """Return git's name of the protocol, or None for a relative path."""
    if scheme := _SCHEME.match(url):
        return scheme[1]
    if url.startswith("/"):
        return "file"
    return "ssh" if ":" in url.partition("/")[0] else None


def repository_name(url: str, *, is_bundle: bool = False) -> str:
    """Return the directory name that git itself would choose for a clone of `url`, or raise InvalidField.

    The steps are those of git's own function (dir.c, git_url_basename). A secret is no part of the name.
    """
    shown = without_secret(url)
    address = shown.partition("://")[2] or shown
    host, slash, below = address.partition("/")
    address = (host.rpartition("@")[2] + slash + below).rstrip("/ ")
    if len(address) > len("/.git"):
        address = address.removesuffix("/.git").rstrip("/")
    if "/" not in address:
        address = _PORT.sub("", address)
    name = re.split("[/:]", address)[-1].removesuffix(".bundle" if is_bundle else ".git").strip()
    if name in ("", ".", ".."):
        raise InvalidField(
            _PATH,
            f"`gitUrl` is “{shown}”, which contains no repository name: give the directory of the clone in "
            "`targetDir`.",
        )
    return re.sub(" +", " ", name)
