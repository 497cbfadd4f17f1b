"""The comparison of workspace names."""

import unicodedata


def name_key(name: str) -> str:
    """Return the key of a name. Names that differ only in case have equal keys.

    This is canonical caseless matching (The Unicode Standard, section 3.13, definition D145), so “É” as one
    character equals “É” as two.
    """
    if name.isascii():
        return name.lower()
    folded = unicodedata.normalize("NFD", name).casefold()
    return unicodedata.normalize("NFD", folded)
