"""When two names of workspaces are the same."""

import unicodedata


def name_key(name: str) -> str:
    """The form in which two names are compared: equal without regard to case.

    This is canonical caseless matching (The Unicode Standard, section 3.13, definition D145), so
    that “É” typed as one character or as two is one name too.
    """
    if name.isascii():
        return name.lower()
    folded = unicodedata.normalize("NFD", name).casefold()
    return unicodedata.normalize("NFD", folded)
