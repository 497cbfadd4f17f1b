"""Workspace names: their comparison, and the characters in them that show nothing."""

import re
import unicodedata
from typing import Final

# Unicode's DerivedCoreProperties, Default_Ignorable_Code_Point, apart from format characters: letters and marks that
# show nothing; and other blanks that are no white space, such as the blank Braille pattern.
_BLANK: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U00013441\U00013442\U00016fe4\U0001d159\U000e0000-\U000e0fff]"
)


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
