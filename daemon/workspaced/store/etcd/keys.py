"""The keys of a store in etcd: how each is named, and what a name tells.

| key | value |
| --- | --- |
| `<prefix>head` | the `Head` of the store: each commit puts it |
| `<prefix><generation>/workspace/<id>` | a workspace as JSON |
| `<prefix><generation>/name/<name>` | the id of the workspace that holds the name, for people: no daemon reads it |
| `<prefix><generation>/history/<revision, 16 digits>` | a change |
| `<prefix><generation>/building` | only while the generation is written: its maker |
| `<prefix>request/<key>` | a request key |
| `<prefix>session/<workspace id>/<session id>` | a session |
| `<prefix>machine/<name>` | the daemon that has this name (`registration`) |

Whatever else is below the prefix is foreign.
"""

import re
from typing import Final, Literal, NamedTuple

HEAD: Final = "head"

GENERATION: Final = "g_[0-7][0-9A-HJKMNP-TV-Z]{25}"
"""The pattern of the name of a generation."""

Kind = Literal["head", "workspace", "name", "history", "building", "request", "session", "machine"]

_OWN: Final = re.compile(
    r"(?P<head>head)"
    r"|request/(?P<request>.+)"
    r"|session/(?P<session>ws_[A-Za-z0-9_-]{1,128}/ss_[A-Za-z0-9_-]+)"
    r"|machine/(?P<machine>[A-Za-z0-9][A-Za-z0-9._-]{0,252})"
    rf"|(?P<generation>{GENERATION})/"
    r"(?:workspace/(?P<workspace>ws_[A-Za-z0-9_-]{1,128})|name/(?P<name>.+)|history/(?P<history>[0-9]{16})"
    r"|(?P<building>building))",
    re.DOTALL,
)


class Place(NamedTuple):
    """What the name of a key tells."""

    kind: Kind
    name: str
    """The end of the key: an id, a name, a revision, a request key or a machine."""
    generation: str = ""
    """Empty for keys that are beside the generations."""


Range = tuple[bytes, bytes]
"""All keys from the first one on, up to the second one, which is not among them."""


class Keys:
    """The keys below one prefix."""

    def __init__(self, prefix: str) -> None:
        """`prefix` ends with `/`."""
        self.prefix = prefix.encode()
        self.head = self._key(HEAD)
        self.all = _below(self.prefix)
        self.sessions = _below(self._key("session/"))
        self.machines = _below(self._key("machine/"))

    def workspace(self, generation: str, workspace_id: str) -> bytes:
        """Return the key of a workspace."""
        return self._key(f"{generation}/workspace/{workspace_id}")

    def name(self, generation: str, name: str) -> bytes:
        """Return the key of a name, which is a `name_key`."""
        return self._key(f"{generation}/name/{name}")

    def history(self, generation: str, revision: int) -> bytes:
        """Return the key of the change that took this revision."""
        return self._key(f"{generation}/history/{revision:016}")

    def building(self, generation: str) -> bytes:
        """Return the key of a generation that is not complete yet."""
        return self._key(f"{generation}/building")

    def generation(self, generation: str) -> Range:
        """Return the range of all keys of a generation."""
        return _below(self._key(f"{generation}/"))

    def request(self, request_key: str) -> bytes:
        """Return the key of a request key."""
        return self._key(f"request/{request_key}")

    def session(self, workspace_id: str, session_id: str) -> bytes:
        """Return the key of a session."""
        return self._key(f"session/{workspace_id}/{session_id}")

    def machine(self, name: str) -> bytes:
        """Return the key of the daemon that has this name of a machine."""
        return self._key(f"machine/{name}")

    def place_of(self, key: bytes) -> Place | None:
        """Return what a key below the prefix tells, None for a foreign one."""
        try:
            found = _OWN.fullmatch(key.removeprefix(self.prefix).decode())
        except UnicodeDecodeError:
            return None
        if found is None or found.lastgroup is None:
            return None
        kind: Kind = found.lastgroup  # type: ignore[assignment]  # the groups are the kinds, and the generation comes first
        return Place(kind, found[kind], found["generation"] or "")

    def _key(self, name: str) -> bytes:
        return self.prefix + name.encode()


def _below(beginning: bytes) -> Range:
    """Return the range of all keys with this beginning, which ends with `/`."""
    return beginning, beginning[:-1] + b"0"  # the character after `/`
