"""The default places of other programs' lists, on Linux and on macOS.

Where a list lies is the same for all editors of a family and all versions of a program, but for one directory: so
that is a pattern, and an editor which nobody knows yet is found too. The directories for configuration and data are
those of the XDG Base Directory Specification on Linux, and `~/Library/Application Support` on macOS; an app from
Flatpak has its own below `~/.var/app`. Each module of a format cites what is below them.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from glob import escape, glob
from typing import Final, Literal

Program = Literal["vscode", "project-manager", "jetbrains", "zoxide", "ghq"]

_VSCODE: Final = "User/globalStorage/state.vscdb"
_PROJECT_MANAGER: Final = "User/globalStorage/alefragnani.project-manager/projects.json"
_PROJECT_MANAGER_BEFORE: Final = "User/projects.json"  # where there is one, the extension goes on with it
_JETBRAINS: Final = ("recentProjects.xml", "recentSolutions.xml", "recentProjectDirectories.xml")

INSIDE: Final[dict[Program, tuple[str, ...]]] = {
    "vscode": ("state.vscdb", "globalStorage/state.vscdb", _VSCODE),
    "project-manager": (
        "projects.json",
        "globalStorage/alefragnani.project-manager/projects.json",
        _PROJECT_MANAGER,
    ),
    "jetbrains": tuple(f"{above}{each}" for above in ("", "options/", "*/options/") for each in _JETBRAINS),
    "zoxide": ("db.zo",),
    "ghq": (),
}
"""Where the list lies in a directory that somebody names: the directory of the list, or one above it."""


@dataclass(frozen=True)
class Machine:
    """What the places depend on."""

    home: str
    """Absolute."""
    environment: Mapping[str, str]
    is_macos: bool

    def configuration(self) -> list[str]:
        """Return patterns of the directories in which programs keep their configuration."""
        if self.is_macos:
            return [escape(os.path.join(self.home, "Library", "Application Support"))]
        flatpak = os.path.join(escape(self.home), ".var", "app", "*", "config")
        return [escape(self._base("XDG_CONFIG_HOME", ".config")), flatpak]

    def data(self) -> str:
        """Return the directory in which programs keep their data."""
        if self.is_macos:
            return os.path.join(self.home, "Library", "Application Support")
        return self._base("XDG_DATA_HOME", ".local/share")

    def _base(self, variable: str, usual: str) -> str:
        given = self.environment.get(variable, "")  # the specification: a relative path is ignored
        return given if os.path.isabs(given) else os.path.join(self.home, usual)


def patterns(name: Program, machine: Machine) -> list[str]:
    """Return the patterns of the paths where the lists of a program are by default, for `glob`."""
    configuration = machine.configuration()
    home = escape(machine.home)
    match name:
        case "vscode":
            return [f"{base}/*/{_VSCODE}" for base in configuration]
        case "project-manager":
            lists = (_PROJECT_MANAGER, _PROJECT_MANAGER_BEFORE)
            return [f"{base}/*/{each}" for base in configuration for each in lists]
        case "jetbrains":
            now = [f"{base}/{maker}/*" for base in configuration for maker in ("JetBrains", "Google")]
            # Until 2019.3, below the home; Google makes Android Studio.
            before = f"{home}/Library/Preferences/*" if machine.is_macos else f"{home}/.*/config"
            return [f"{each}/options/{file}" for each in (*now, before) for file in _JETBRAINS]
        case "zoxide":
            given = machine.environment.get("_ZO_DATA_DIR", "")
            return [escape(os.path.join(given or os.path.join(machine.data(), "zoxide"), "db.zo"))]
        case "ghq":
            return []  # `ghq.roots` tells them


def existing(wanted: list[str]) -> list[str]:
    """Return the paths that match these patterns, sorted, each once; what may not be read is not there."""
    return sorted({path for pattern in wanted for path in glob(pattern, include_hidden=True)})


def inside(name: Program, directory: str) -> list[str]:
    """Return the lists of a program in a directory that somebody named."""
    return existing([os.path.join(escape(directory), pattern) for pattern in INSIDE[name]])
