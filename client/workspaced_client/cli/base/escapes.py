r"""Text made harmless for a terminal: an escape such as `\x1b` for each character that would act on it or hide.

An invisible character stays where writing needs it: in emoji, and within words of scripts such as Persian.
"""

from __future__ import annotations

from unicodedata import category, east_asian_width

from workspaced_protocol.names import is_invisible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_ACTING: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})  # control characters, lone surrogates, line separators
_JOINERS: Final = "\u200c\u200d"
_STYLES: Final = "\ufe0e\ufe0f"  # variation selectors: as text, as an emoji
_KEYCAP: Final = "\u20e3"
_FLAG: Final = "\U0001f3f4"
_FLAG_END: Final = "\U000e007f"
_REGIONS: Final = ("gbeng", "gbsct", "gbwls")  # England, Scotland, Wales: all that Unicode recommends
_FLAGS: Final = tuple(
    f"{_FLAG}{''.join(chr(0xE0000 + ord(letter)) for letter in region)}{_FLAG_END}" for region in _REGIONS
)


def escaped(text: str) -> str:
    """Return `text` with its control characters, line breaks and hidden characters escaped."""
    return "".join(
        character.encode("unicode_escape").decode() if _harms(text, index, character) else character
        for index, character in enumerate(text)
    )


def _harms(text: str, index: int, character: str) -> bool:
    if not is_invisible(character):
        return category(character) in _ACTING
    before, after = text[max(index - 1, 0) : index], text[index + 1 : index + 2]
    if character in _JOINERS:
        return not (_joins(before) and _joins(after))
    if character in _STYLES:
        return not (_has_styles(before) or (after == _KEYCAP and before in tuple("0123456789#*")))
    start = max(text.rfind(_FLAG, 0, index), 0)
    return not any(text.startswith(flag, start) and index < start + len(flag) for flag in _FLAGS)


def _joins(character: str) -> bool:
    """Return whether a joiner may stand beside this: an emoji, or a letter of a script without upper case."""
    if not character or character.isascii():
        return False
    kind = category(character)
    is_narrow_letter = kind in ("Lo", "Mn", "Mc") and east_asian_width(character) == "N"
    return character in _STYLES or kind[0] == "S" or (is_narrow_letter and not is_invisible(character))


def _has_styles(character: str) -> bool:
    """Return whether this has a form as an emoji and one as text: `ℹ` is the only letter."""
    return (
        bool(character) and not character.isascii() and (category(character)[0] in "SP" or character == "ℹ")
    )
