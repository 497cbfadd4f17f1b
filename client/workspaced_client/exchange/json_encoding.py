"""The encoding of a JSON file: UTF-8, or what some editors on Windows save."""

import codecs
import json


def encoding_of(data: bytes) -> str:
    """Return the encoding by the byte order mark, or by the NULs beside the first character, which is ASCII in JSON.

    Some editors on Windows save UTF-16.
    """
    found: str = json.detect_encoding(data[:4])
    if found in ("utf-16", "utf-32"):  # keep the byte order mark, as for UTF-8
        found += "-le" if data.startswith(codecs.BOM_UTF16_LE) else "-be"
    return "utf-8" if found == "utf-8-sig" else found


def in_utf_8(data: bytes) -> bytes:
    """Return the bytes of a text file in UTF-8, without a byte order mark."""
    encoding = encoding_of(data)
    return (data if encoding == "utf-8" else data.decode(encoding).encode()).removeprefix(codecs.BOM_UTF8)
