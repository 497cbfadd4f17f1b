"""URLs of repositories, and texts of clients, without their secrets.

Most URLs hold none, which one look tells. What finds those of the others (`url_secrets`) takes a twentieth of the client's
import to load, so it is loaded with the first of them.
"""

import re
from typing import Final

_BESIDE_SECRETS: Final = re.compile("[@?#;&%]")


def may_hold_a_secret(url: str) -> bool:
    """Return whether a URL has a character without which it has no secret."""
    return _BESIDE_SECRETS.search(url) is not None


def without_secret(url: str) -> str:
    """Return `url` without its password, and without a token in another place of it."""
    if not may_hold_a_secret(url):
        return url
    from workspaced_protocol.url_secrets import cut_out

    return cut_out(url)


def told(text: str, characters: int = 200) -> str:
    """Return a client's text for an error: cut if nobody would read all of it, and its secrets cut out before."""
    text = without_secret(text)
    return text if len(text) <= characters else f"{text[: characters - 1]}…"
