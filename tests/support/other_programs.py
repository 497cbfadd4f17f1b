"""The lists that other programs keep, with made-up projects in them, in their own formats."""

import json
import sqlite3
import struct
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

RECENTLY_OPENED = "history.recentlyOpenedPathsList"
ITEM_TABLE = "CREATE TABLE ItemTable (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB)"


def state_database(file: Path, entries: Sequence[object]) -> Path:
    """Write the database of an editor that has opened these, as VS Code does."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 1")
        connection.execute(ITEM_TABLE)
        connection.execute("INSERT INTO ItemTable VALUES ('workbench.panel.width', '300')")
        value = json.dumps({"entries": entries})
        connection.execute("INSERT INTO ItemTable VALUES (?, ?)", (RECENTLY_OPENED, value))
        connection.commit()
    return file


def folder(path: str | Path) -> dict[str, str]:
    """Return the entry of a folder that an editor has opened."""
    return {"folderUri": Path(path).as_uri()}


def recent_projects(
    projects: Mapping[str, str], *, groups: str = "", component: str = "RecentProjectsManager"
) -> str:
    """Return the list of a JetBrains program: the XML of each project's info by its path."""
    entries = "".join(
        f'<entry key="{path}"><value>{info or "<RecentProjectMetaInfo />"}</value></entry>\n'
        for path, info in projects.items()
    )
    return (
        f'<application>\n<component name="{component}">\n{groups}'
        f'<option name="additionalInfo"><map>\n{entries}</map></option>\n'
        '<option name="lastProjectLocation" value="$USER_HOME$/code" />\n</component>\n</application>\n'
    )


def zoxide_database(paths: Sequence[str | bytes | Path], *, version: int = 3) -> bytes:
    """Return the database of a zoxide that has been in these directories."""
    data = struct.pack("<IQ", version, len(paths))
    for path in paths:
        written = path if isinstance(path, bytes) else str(path).encode()
        data += struct.pack("<Q", len(written)) + written + struct.pack("<dQ", 4.5, 1_795_000_000)
    return data
