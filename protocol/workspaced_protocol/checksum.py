"""The checksum of a store's file, of any version: the rule, for all who write or verify one.

SHA-256 of the text as it stands, less the white space outside strings, and less the top-level member
`_checksum` with its comma. So a reformatted file still verifies, and nothing is encoded anew for it.
"""

import hashlib
import re

_STRING = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_NOT_WHITE_SPACE = re.compile(_STRING + rb'|[^" \t\r\n]+', re.DOTALL)
_STRING_OR_BRACKET = re.compile(_STRING + rb"|[{}\[\]]", re.DOTALL)
_CHECKSUM_VALUE = re.compile(rb':"([^"\\]*)"')


def checksum(data: bytes) -> tuple[str | None, str]:
    """The checksum that a file states, or None, and the one that its text has, both in hex."""
    stated, rest = without_checksum(data)
    return stated, hashlib.sha256(rest).hexdigest()


def without_checksum(data: bytes) -> tuple[str | None, bytes]:
    """The checksum that a file states, or None, and the part of its text that a checksum is over."""
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
