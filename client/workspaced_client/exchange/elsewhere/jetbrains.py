"""The `recentProjects.xml` of JetBrains' programs and Android Studio: the projects that were opened lately.

Its format is that of `RecentProjectMetaInfo.kt` and `RecentProjectsManagerBase.kt` in
https://github.com/JetBrains/intellij-community (below `platform/platform-impl/src/com/intellij/ide/`): the options of a
component in an `<application>`. `additionalInfo` maps the path of each project to a `RecentProjectMetaInfo`, whose
`displayName` is its name where that is another than its directory's, and whose `hidden` keeps it from lists; before
2020.3, `recentPaths` lists the paths. `groups` names groups of projects: these become tags. `$USER_HOME$` in a path is the home. Rider keeps its
solutions in `recentSolutions.xml`, and PyCharm kept `recentProjectDirectories.xml`, with components named alike.

The parser is expat, without a tree in memory. A document type is refused, and with it every entity; so is depth.
"""

import os
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from workspaced_client.exchange import regular_files
from workspaced_client.exchange.folders import Elsewhere, path_of
from workspaced_client.exchange.json_text import LeftOut, OtherFormat, Unusable
from workspaced_client.exchange.listed import Listed, Listing

_ROOT: Final = "application"
_COMPONENTS: Final = frozenset(
    {"RecentProjectsManager", "RiderRecentProjectsManager", "RecentDirectoryProjectsManager"}
)
_FILES_OF_PROJECTS: Final = (".sln", ".slnx", ".slnf", ".ipr", ".csproj", ".uproject")
"""Files that stand for the directory they are in, as solutions do."""

_DEEPEST: Final = 64
"""Of elements in elements; a group of today has 8."""


def read(file: str, home: str) -> Listing:
    """Return the projects in a file. Raise Unusable."""
    return decode(file, regular_files.read(file), home)


def decode(file: str, data: bytes, home: str) -> Listing:
    """Return the projects in `data`, the content of `file`, for the user at `home`. Raise Unusable."""
    found = _Reader(file).read(data)
    groups: dict[str, list[str]] = {}
    for group in found.groups:
        for path in group.paths if group.name else ():
            groups.setdefault(path, []).append(group.name)
    projects: list[Listed] = []
    left_out: list[LeftOut] = []
    for written, info in found.projects.items():
        name = info.get("displayName", "")
        try:
            if info.get("hidden") == "true":
                raise Elsewhere("it is hidden in the program that lists it")
            projects.append(Listed(_path(written, home), name, tuple(groups.get(written, ()))))
        except Elsewhere as error:
            left_out.append(LeftOut(name, written, str(error)))
    return Listing(tuple(projects), tuple(left_out), has_uses=found.has_times)


def _path(written: str, home: str) -> str:
    text = written.replace("$USER_HOME$", home, 1) if written.startswith("$USER_HOME$") else written
    if text.startswith("$"):
        raise Elsewhere("it begins with a variable of the program that lists it")
    path = path_of(text)
    return os.path.dirname(path) if path.endswith(_FILES_OF_PROJECTS) else path


def _in_words(error: expat.ExpatError) -> str:
    what = expat.ErrorString(error.code)
    if what in (expat.errors.XML_ERROR_NO_ELEMENTS, expat.errors.XML_ERROR_UNCLOSED_TOKEN):
        return "the file ends here, in the middle of its XML"
    return f"this is not XML: {what}"


class _Refused(Exception):
    """What no such file holds; the message follows the name of the file and the line."""


@dataclass
class _Group:
    name: str = ""
    paths: list[str] = field(default_factory=list[str])
    """Of projects, as written."""


@dataclass
class _Reader:
    """Reads one document, element by element; `_path` are the elements that are open, the root first."""

    file: str
    projects: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    """The attributes of each project's info, by its path as written."""
    groups: list[_Group] = field(default_factory=list[_Group])
    has_times: bool = False
    _path: list[str] = field(default_factory=list[str])
    _is_known: bool = False
    _entry: str = ""

    def read(self, data: bytes) -> "_Reader":
        """Read the whole document. Raise Unusable."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._refuse_document_type
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            if not self._is_known and self._path[:1] != [_ROOT]:
                raise OtherFormat(f"{self.file} is not XML.") from error
            place = f"line {error.lineno}, column {error.offset + 1}"
            raise Unusable(f"{self.file}, {place}: {_in_words(error)}.") from error
        except _Refused as error:
            raise Unusable(f"{self.file}, line {parser.CurrentLineNumber}: {error}.") from error
        except (LookupError, ValueError) as error:  # an encoding that Python does not know, or can't use here
            raise Unusable(f"{self.file} is in an encoding that can't be read: {error}.") from error
        if not self._is_known:
            raise OtherFormat(f"{self.file} is not JetBrains' list of recent projects.")
        return self

    def _refuse_document_type(self, root: str, *_: object) -> None:
        if root != _ROOT:
            raise OtherFormat(f"{self.file} is XML of something else.")
        raise _Refused("a document type (<!DOCTYPE>) is refused; JetBrains' lists have none")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = attributes.get("name", "")
        self._path.append(f"{tag} {name}" if tag in ("component", "option") and name else tag)
        if len(self._path) > _DEEPEST:
            raise _Refused(f"elements are nested more than {_DEEPEST} deep")
        if len(self._path) < 2 or self._path[0] != _ROOT:
            return
        kind, _, component = self._path[1].partition(" ")
        if kind != "component" or component not in _COMPONENTS:
            return
        self._is_known = True
        self._take(self._path[2:], attributes)

    def _take(self, place: list[str], attributes: dict[str, str]) -> None:
        """Take what an element in the component says; `place` are the elements from the component to it."""
        match place:
            case ["option additionalInfo", "map", "entry"]:
                self._entry = attributes.get("key", "")
                if self._entry:
                    self.projects.setdefault(self._entry, {})
            case ["option additionalInfo", "map", "entry", "value", "RecentProjectMetaInfo"] if self._entry:
                self.projects[self._entry] = attributes
            case ["option additionalInfo", "map", "entry", "value", _, option]:
                self.has_times |= option.endswith("Timestamp")
            case ["option recentPaths", "list", "option"]:
                if path := attributes.get("value"):
                    self.projects.setdefault(path, {})
            case ["option groups", "list", "ProjectGroup"]:
                self.groups.append(_Group())
            case ["option groups", "list", "ProjectGroup", "option name"]:
                self.groups[-1].name = attributes.get("value", "")
            case ["option groups", "list", "ProjectGroup", "option projects", "list", "option"]:
                self.groups[-1].paths.append(attributes.get("value", ""))
            case _:
                pass

    def _end(self, _: str) -> None:
        self._path.pop()
