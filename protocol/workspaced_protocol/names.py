"""The names of workspaces: when two are one, what they may consist of, and what shows nothing in them."""

from __future__ import annotations

import unicodedata

TYPE_CHECKING = False  # shells ask for names at each Tab: `typing` and `re` would double the time
if TYPE_CHECKING:
    from typing import Final

# Unicode's DerivedCoreProperties, Default_Ignorable_Code_Point, apart from format characters: letters and marks that
# show nothing; and other blanks that are no white space, such as the blank Braille pattern.
_BLANK: Final = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f\u2065\u2800\u3164\uffa0"
    "\ufe00\ufe01\ufe02\ufe03\ufe04\ufe05\ufe06\ufe07\ufe08\ufe09\ufe0a\ufe0b\ufe0c\ufe0d\ufe0e\ufe0f"
    "\ufff0\ufff1\ufff2\ufff3\ufff4\ufff5\ufff6\ufff7\ufff8\U00013441\U00013442\U00016fe4\U0001d159"
)
# Tags, variation selectors, and what is reserved between them.
_FIRST_TAG: Final = "\U000e0000"
_LAST_TAG: Final = "\U000e0fff"


def is_invisible(character: str) -> bool:
    """Return whether a character shows nothing by itself and is no white space: a format character or a blank."""
    is_format = unicodedata.category(character) == "Cf"
    return is_format or character in _BLANK or _FIRST_TAG <= character <= _LAST_TAG


def name_key(name: str) -> str:
    """Return the key of a name. Names that differ only in case have equal keys.

    This is canonical caseless matching (The Unicode Standard, section 3.13, definition D145), so “É” as one
    character equals “É” as two.
    """
    if name.isascii():
        return name.lower()
    folded = unicodedata.normalize("NFD", name).casefold()
    return unicodedata.normalize("NFD", folded)


def has_control_character(name: str) -> bool:
    """Return whether a control character stands in the name, such as a tab or a line break."""
    return not name.isprintable() and any(map(_is_control, name))


def is_blank(name: str) -> bool:
    """Return whether the name shows nothing."""
    return not any(_shows(character) for character in name)


def cleaned(name: str) -> str:
    """Return the name with a space for its control characters, and without white space at its ends."""
    parts = "".join("\n" if _is_control(character) else character for character in name.strip()).split("\n")
    return " ".join(filter(None, parts)).strip()


def _is_control(character: str) -> bool:
    return unicodedata.category(character) == "Cc"


def _shows(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] != "Z" and category != "Cc" and not is_invisible(character)  # Z*: white space
