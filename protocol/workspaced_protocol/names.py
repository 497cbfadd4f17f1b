"""The names of workspaces: when two are one, what they may consist of, and what shows nothing in them."""

import re
import unicodedata
from typing import Final

# Unicode's DerivedCoreProperties, Default_Ignorable_Code_Point, apart from format characters: letters and marks that
# show nothing; and other blanks that are no white space, such as the blank Braille pattern.
_BLANK: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U00013441\U00013442\U00016fe4\U0001d159\U000e0000-\U000e0fff]"
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")  # Unicode's category Cc


def is_invisible(character: str) -> bool:
    """Return whether a character shows nothing by itself and is no white space: a format character or a blank."""
    return unicodedata.category(character) == "Cf" or _BLANK.match(character) is not None


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
    return _CONTROL.search(name) is not None


def is_blank(name: str) -> bool:
    """Return whether the name shows nothing."""
    return not any(_shows(character) for character in name)


def cleaned(name: str) -> str:
    """Return the name with a space for its control characters, and without white space at its ends."""
    return _CONTROL.sub(" ", name.strip()).strip()


def _shows(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] != "Z" and category != "Cc" and not is_invisible(character)  # Z*: white space
