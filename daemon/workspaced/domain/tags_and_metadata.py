"""The rules for a workspace's tags and metadata: what is kept of them, and how a merge patch changes metadata."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from workspaced.domain.errors import InvalidField
from workspaced.domain.names import clean_text
from workspaced_protocol.annotations import metadata_problem, patch_problem, tag_key, tags_problem
from workspaced_protocol.models import Workspace

# Any: any JSON value.
Json = dict[str, Any]


def clean_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """Return the tags sorted, without white space at their ends, the first of those that differ only in case.

    Raise InvalidField for one that shows nothing or holds a control character, and as check_tags.
    """
    advice = "leave it out, or give it a text"
    cleaned = [clean_text(tag, f"tags[{index}]", advice) for index, tag in enumerate(tags)]
    for index, tag in enumerate(cleaned):  # before doubles go, by the indexes that the client knows
        check_tags([tag], first=index)
    once: dict[str, str] = {}
    for tag in cleaned:
        once.setdefault(tag_key(tag), tag)
    kept = tuple(sorted(once.values()))
    check_tags(kept)
    return kept


def check_tags(tags: Sequence[str], path: str = "tags", first: int = 0) -> None:
    """Raise InvalidField if the tags exceed a limit; `first` is the index of the first one in the client's list."""
    if problem := tags_problem(tags, first):
        place, words = problem
        raise InvalidField(f"{path}{place}", f"`{path}{place}` {words}.")


def check_metadata(metadata: Mapping[str, object], path: str = "metadata") -> None:
    """Raise InvalidField if the metadata exceeds a limit."""
    if problem := metadata_problem(metadata):
        raise InvalidField(path, f"`{path}` {problem}.")


def check_patch(patch: Json) -> None:
    """Raise InvalidField if a merge patch holds what metadata can't, or is far too large."""
    if problem := patch_problem(patch):
        raise InvalidField("metadata", f"`metadata` {problem}.")


def check_both(workspace: Workspace, path: str) -> None:
    """Raise InvalidField if the tags or the metadata of this workspace exceed a limit."""
    if workspace.tags:
        check_tags(workspace.tags, f"{path}.tags")
    if workspace.metadata:
        check_metadata(workspace.metadata, f"{path}.metadata")


def merged(target: object, patch: Json) -> Json:
    """Return the target with a merge patch applied (RFC 7386): null takes a member out. The target stays as it is."""
    result = {**cast("Json", target)} if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            result[name] = merged(result.get(name), cast("Json", value))
        else:
            result[name] = value
    return result
