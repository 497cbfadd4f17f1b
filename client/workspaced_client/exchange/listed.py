"""The projects in a list that another program keeps: proposals for workspaces."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from workspaced_client.exchange.json_text import LeftOut, Unusable
from workspaced_protocol.annotations import MAX_TAG_CHARACTERS, MAX_TAGS, tag_key
from workspaced_protocol.names import cleaned, is_blank


@dataclass(frozen=True)
class Listed:
    """A project in a list. Its paths are absolute; they need not exist, nor be directories."""

    path: str
    """Its root, or a `.code-workspace` file."""
    name: str = ""
    """The name that a person gave it there, if any."""
    tags: tuple[str, ...] = ()
    more_paths: tuple[str, ...] = ()
    """Further directories of it."""
    is_visited_directory: bool = False
    """Whether it is in the list only because somebody was there: it may be any directory, and no project."""

    @property
    def paths(self) -> tuple[str, ...]:
        """All its paths, the root first, each once."""
        return tuple(dict.fromkeys((self.path, *self.more_paths)))


@dataclass(frozen=True)
class Listing:
    """The content of a list."""

    projects: tuple[Listed, ...]
    """In the order of the list."""
    left_out: tuple[LeftOut, ...] = ()
    has_uses: bool = False
    """Whether it tells when its projects were used. An import has no place for that: the daemon counts uses itself."""


def merged(projects: Iterable[Listed]) -> list[Listed]:
    """Return the projects with each root once: with the first name given, and all tags and directories."""
    by_path: dict[str, Listed] = {}
    for each in projects:
        first = by_path.setdefault(each.path, each)
        if first is not each:
            by_path[each.path] = replace(
                first,
                name=first.name or each.name,
                tags=tuple(dict.fromkeys((*first.tags, *each.tags))),
                more_paths=tuple(dict.fromkeys((*first.more_paths, *each.more_paths))),
                is_visited_directory=first.is_visited_directory and each.is_visited_directory,
            )
    return list(by_path.values())


_SHOWN_TAGS: Final = 3
_SHOWN_CHARACTERS: Final = 20


def usable_tags(tags: Iterable[str]) -> tuple[tuple[str, ...], str]:
    """Return the tags as the daemon keeps them, and a note on those that it would refuse."""
    kept: dict[str, str] = {}
    refused: list[str] = []
    for tag in tags:
        text = cleaned(tag)
        is_usable = not is_blank(text) and len(text) <= MAX_TAG_CHARACTERS and is_text(text)
        if is_usable and (tag_key(text) in kept or len(kept) < MAX_TAGS):
            kept.setdefault(tag_key(text), text)
        elif text:
            refused.append(text)
    if not refused:
        return tuple(sorted(kept.values())), ""
    few = ", ".join(f"“{each[:_SHOWN_CHARACTERS]}”" for each in refused[:_SHOWN_TAGS])
    more = f" and {len(refused) - _SHOWN_TAGS} more" if len(refused) > _SHOWN_TAGS else ""
    limits = f"a workspace has at most {MAX_TAGS} tags, of 1 to {MAX_TAG_CHARACTERS} characters"
    return tuple(sorted(kept.values())), f"without the tags {few}{more}: {limits}"


def is_text(text: str) -> bool:
    """Return whether UTF-8 can hold the text: JSON's escapes can make half a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def reason_of(error: Unusable, file: str) -> str:
    """Return the reason to leave out a file that can't be used, for a line that names the file already."""
    return str(error).removeprefix(file).lstrip(" ,:").removesuffix(".")
