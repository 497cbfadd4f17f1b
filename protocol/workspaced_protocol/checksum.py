"""The checksum of a store's file, for all versions of the format.

It is the SHA-256 of the text without white space outside strings and without the top-level member
`_checksum` and its comma. So a reformatted file still verifies, and checking it encodes nothing again.
"""

import hashlib
import re

_STRING = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_NOT_WHITE_SPACE = re.compile(_STRING + rb'|[^" \t\r\n]+', re.DOTALL)
_STRING_OR_BRACKET = re.compile(_STRING + rb"|[{}\[\]]", re.DOTALL)
_VERSION_MEMBER = re.compile(rb'"version":[0-9]+')
_CHECKSUM_VALUE = re.compile(rb':"([^"\\]*)"')


def checksum(data: bytes) -> tuple[str | None, str]:
    """Return the checksum stated in a file, or None, and the computed one, both in hex."""
    stated, rest = without_checksum(data)
    return stated, hashlib.sha256(rest).hexdigest()


def without_checksum(data: bytes) -> tuple[str | None, bytes]:
    """Return the checksum stated in a file, or None, and the part of the text that it covers."""
    compact = b"".join(_NOT_WHITE_SPACE.findall(data))
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(compact):
        text = token.group()
        if text in (b"{", b"["):
            depth += 1
        elif text in (b"}", b"]"):
            depth -= 1
        elif depth == 1 and text == b'"_checksum"' and (value := _CHECKSUM_VALUE.match(compact, token.end())):
            start, end = token.start(), value.end()
            if compact[start - 1 : start] == b",":
                start -= 1
            elif compact[end : end + 1] == b",":
                end += 1
            return value[1].decode(), compact[:start] + compact[end:]
    return None, compact


def is_damaged_version(data: bytes, newest: int) -> bool:
    """Return whether the checksum fits with a version up to `newest`: a damaged digit, not a newer release."""
    stated, rest = without_checksum(data)
    candidates = (
        _VERSION_MEMBER.sub(b'"version":%d' % known, rest, count=1) for known in range(1, newest + 1)
    )
    return any(hashlib.sha256(candidate).hexdigest() == stated for candidate in candidates)
