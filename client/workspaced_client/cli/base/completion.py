"""The answer to a shell at Tab: what the unfinished word of a command line can become.

A line for each: the word, and behind a tab its meaning, if it has one. Where paths fit, the one line is a tab with
`files` or `directories`: the shell completes those by itself.
"""

from __future__ import annotations

import os

from workspaced_client.cli import commands
from workspaced_client.cli.base.asking import hello, identity
from workspaced_client.cli.base.beginnings import beginning_with
from workspaced_client.cli.base.failures import WrongUsage
from workspaced_client.cli.base.output import OutputClosed, OutputFailed, emit, shown_path
from workspaced_client.cli.base.quick_call import quick_call
from workspaced_client.cli.base.reading import Reading
from workspaced_client.cli.base.shapes import BACKUP, PAST_NAME, WORKSPACE, elsewhere, fits
from workspaced_client.cli.commands.row import (
    BACKUPS,
    COMMANDS,
    DELETED,
    DIRECTORIES,
    FILES,
    META_KEYS,
    METHODS,
    PAST_NAMES,
    PROJECTS,
    TAG_CHANGES,
    TAGS,
    TOPICS,
    WORKSPACES,
    Argument,
    Command,
    Family,
    Option,
)
from workspaced_client.cli.commands.shared import DOT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Final

_SECONDS: Final = 1.0  # the user has pressed Tab and waits
_HISTORY_PAGE: Final = 1000  # the most that the daemon returns at once


def complete(words: list[str]) -> int:
    """Print what the last of these words can become, and return an exit code. Nothing is told of errors."""
    reading = Reading()
    for word in words[:-1]:
        try:
            reading.take(word)
        except WrongUsage:
            if not word.startswith("-"):
                return 0  # there is no such command
    lines = _lines(reading, words[-1] if words else "")
    try:
        if lines:
            emit("\n".join(lines))
    except (OutputClosed, OutputFailed):
        return 1
    return 0


def _lines(reading: Reading, incomplete: str) -> list[str]:
    if reading.waiting is not None:
        return _values(reading, reading.waiting, incomplete)
    is_option = incomplete.startswith("--" if reading.takes_dashes else "-")
    if reading.takes_options and is_option:
        flag, equals, value = incomplete.partition("=")
        if not equals:
            return [
                f"{each}\t{option.help}"
                for option in reading.options
                for each in option.flags
                if each.startswith(incomplete)
            ]
        for option in reading.options:
            if flag in option.flags and option.value:
                found = _values(reading, option, value)
                return [each if each.startswith("\t") else f"{flag}={each}" for each in found]
        return []
    if not isinstance(reading.row, Command):
        return _names_of_commands(reading.row, incomplete)
    leading = reading.row.arguments[0] if reading.row.arguments else None
    if leading is not None and leading.leads and not reading.arguments:
        return _first_values(reading, leading, reading.row.arguments[1], incomplete)
    place = len(reading.arguments)
    argument = reading.argument_at(place, place + 1)
    return [] if argument is None else _values(reading, argument, incomplete)


def _first_values(reading: Reading, leading: Argument, second: Argument, incomplete: str) -> list[str]:
    """Return what the first word can become: the argument that leads, or the next one in its absence."""
    of_second = _values(reading, second, incomplete)
    if of_second[:1] == [f"\t{second.completes}"]:
        is_path = "/" in incomplete or incomplete.startswith((".", "~"))
        return of_second if is_path else _values(reading, leading, incomplete) or of_second
    return list(dict.fromkeys((*of_second, *_values(reading, leading, incomplete))))


def _names_of_commands(row: Command | Family | None, incomplete: str) -> list[str]:
    rows = commands.members(row) if isinstance(row, Family) else commands.top_level()
    return [
        f"{name}\t{each.summary}"
        for each in rows
        if (name := each.name.rpartition(" ")[2]).startswith(incomplete)
    ]


def _values(reading: Reading, place: Argument | Option, incomplete: str) -> list[str]:
    if place.choices:
        return [each for each in place.choices if each.startswith(incomplete)]
    kind = place.completes
    if kind in (FILES, DIRECTORIES):
        return [f"\t{kind}"]
    if kind == COMMANDS:
        inner = Reading()
        try:
            for word in reading.arguments:
                inner.take(word)
        except WrongUsage:
            return []
        return [] if isinstance(inner.row, Command) else _names_of_commands(inner.row, incomplete)
    if kind == TOPICS:
        from workspaced_protocol.events import TOPICS as NAMES  # it loads much

        groups = dict.fromkeys(f"{topic.partition('.')[0]}.*" for topic in NAMES)
        return beginning_with(incomplete, (*groups, *NAMES))
    if kind == METHODS:
        from workspaced_protocol.methods import METHODS as NAMES_OF_METHODS  # it loads much

        return beginning_with(incomplete, NAMES_OF_METHODS)
    if kind == TAG_CHANGES:
        return _tag_changes(reading, incomplete)
    if kind == WORKSPACES:
        return _workspaces(reading, incomplete)
    if not kind:
        return []
    found = beginning_with(incomplete, _from_daemon(reading, kind, incomplete))
    if not found and kind == BACKUPS:
        return [f"\t{FILES}"]
    return found


def _from_daemon(reading: Reading, kind: str, incomplete: str) -> Iterable[str]:
    """Return names from the daemon; none if it does not answer."""
    if kind == PAST_NAMES:
        past = _ask(reading, "history.list", {"limit": _HISTORY_PAGE}, [PAST_NAME])
        names = dict.fromkeys(
            (
                *_names(_ask(reading, "workspace.list", {}, [WORKSPACE])),
                *(each["name"] for each in past or ()),
            )
        )
        return list(names)
    if kind == DELETED:
        return _deleted(reading)
    if kind == TAGS:
        return _tags(_ask(reading, "workspace.list", {}, [WORKSPACE]))
    if kind == META_KEYS:
        found = _workspace(reading, reading.arguments[0] if reading.arguments else DOT)
        return list(found.get("metadata", ())) if found else []
    if kind == BACKUPS:
        return [each["name"] for each in _ask(reading, "store.listBackups", {}, [BACKUP]) or ()]
    if kind == PROJECTS:
        found = _workspace(reading, reading.arguments[0] if reading.arguments else DOT)
        return _names_of_projects(reading, found["projects"] if found else [], incomplete)
    return []


def _workspaces(reading: Reading, incomplete: str) -> list[str]:
    """Return the names of workspaces. What one on another machine means is where it lies."""
    found: list[Any] = _ask(reading, "workspace.list", {}, [WORKSPACE]) or []
    names = beginning_with(incomplete, _names(found))
    places = {
        each["name"]: shown_path(each["rootPath"], machine)
        for each, machine in zip(found, _machines(reading, found), strict=True)
        if machine is not None
    }
    return [f"{name}\t{places[name]}" if name in places else name for name in names]


def _machines(reading: Reading, places: list[Any]) -> list[str | None]:
    """Return the machine of each workspace or project, None for this one."""
    here: str | None = None
    if any("machine" in each for each in places):
        status = _ask(reading, "daemon.status", {}, {"machine?": str})
        here = status.get("machine") if status else None
    return [elsewhere(each, here) for each in places]


def _tag_changes(reading: Reading, incomplete: str) -> list[str]:
    """Return `+` with the tags of all workspaces, and `-` with those of this one."""
    sign = incomplete[:1]
    if sign == "-":
        found = _workspace(reading, reading.arguments[0] if reading.arguments else DOT)
        tags = _tags([found] if found else [])
    elif sign == "+":
        tags = _tags(_ask(reading, "workspace.list", {}, [WORKSPACE]))
    else:
        return []
    return [f"{sign}{each}" for each in beginning_with(incomplete[1:], tags)]


def _tags(workspaces: list[Any] | None) -> list[str]:
    return list(dict.fromkeys(tag for each in workspaces or () for tag in each.get("tags", ())))


def _deleted(reading: Reading) -> list[str]:
    """Return the last names of workspaces that are gone, the newest first."""
    living = {each["id"] for each in _ask(reading, "workspace.list", {}, [WORKSPACE]) or ()}
    past = _ask(reading, "history.list", {"limit": _HISTORY_PAGE}, [PAST_NAME])
    return list(dict.fromkeys(each["name"] for each in past or () if each.get("workspaceId") not in living))


def _workspace(reading: Reading, given: str) -> Any:
    if given == DOT:
        from workspaced_client.cli.base.typed_paths import current_directory

        around = {"workspace": WORKSPACE}
        found = _ask(reading, "workspace.resolve", {"path": current_directory()}, around)
        return found["workspace"] if found else None
    return _ask(reading, "workspace.get", identity(given), WORKSPACE)


def _names(workspaces: list[Any] | None) -> list[str]:
    return [each["name"] for each in workspaces or () if each["state"] != "deleted"]


def _names_of_projects(reading: Reading, projects: list[Any], incomplete: str) -> list[str]:
    """Return the shortest names of these projects, or their paths if a slash was typed."""
    names = [os.path.basename(each["rootPath"]) for each in projects]
    paths = [
        each["rootPath"] if machine is None else f"{machine}:{each['rootPath']}"
        for each, machine in zip(projects, _machines(reading, projects), strict=True)
    ]
    return [
        name if names.count(name) == 1 and "/" not in incomplete else path
        for name, path in zip(names, paths, strict=True)
    ]


def _ask(reading: Reading, method: str, params: dict[str, Any], shape: Any) -> Any:
    """Return the result of a method as plain JSON, or None without one of this shape."""
    given = next((option for option in reading.values if option.parameter == "socket"), None)
    socket = os.path.expanduser(reading.values[given][-1]) if given else None
    found = quick_call(socket, [hello(), (method, params)], _SECONDS)
    return found[1] if found is not None and fits(found[1], shape) else None
