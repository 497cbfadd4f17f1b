"""One value of an editor's database: read whatever the editor does meanwhile, and without a trace."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from support.other_programs import ITEM_TABLE, RECENTLY_OPENED, folder, state_database
from workspaced_client.exchange.elsewhere import state_database as state_database_module
from workspaced_client.exchange.elsewhere.state_database import read_value
from workspaced_client.exchange.json_text import OtherFormat, Unusable

OLD, NEW = b'{"entries": []}', b'{"entries": [1]}'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return state_database(tmp_path / "editor" / "state.vscdb", [])


@contextmanager
def unchanged(directory: Path) -> Iterator[None]:
    """Assert that the block leaves every file in a directory as it was."""

    def files() -> dict[str, tuple[bytes, int]]:
        return {each.name: (each.read_bytes(), each.stat().st_mtime_ns) for each in directory.iterdir()}

    before = files()
    yield
    assert files() == before


def set_value(connection: sqlite3.Connection, value: bytes = NEW) -> None:
    connection.execute("INSERT INTO ItemTable VALUES (?, ?)", (RECENTLY_OPENED, value))


def test_the_value_of_a_key(file: Path) -> None:
    with unchanged(file.parent):
        assert read_value(str(file), RECENTLY_OPENED) == OLD
        assert read_value(str(file), "else") is None


def test_an_editor_that_has_locked_its_database_is_not_waited_for(file: Path) -> None:
    with closing(sqlite3.connect(file)) as editor:
        editor.execute("BEGIN EXCLUSIVE")
        with unchanged(file.parent):
            assert read_value(str(file), RECENTLY_OPENED) == OLD


@pytest.mark.parametrize("mode", ["delete", "truncate", "persist", "wal"])
def test_what_an_editor_has_committed_is_read_and_nothing_else(file: Path, mode: str) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as editor:
        editor.execute(f"PRAGMA journal_mode = {mode}")
        set_value(editor)
        editor.execute("BEGIN")
        set_value(editor, b"not committed")
        with unchanged(file.parent):
            assert read_value(str(file), RECENTLY_OPENED) == NEW
        editor.execute("ROLLBACK")  # nothing holds the editor up


def test_what_an_editor_that_crashed_did_not_finish_is_not_read(file: Path, tmp_path: Path) -> None:
    old, new = b"o" * 40_000, b"n" * 40_000  # on many pages
    crashed = tmp_path / "crashed"
    with closing(sqlite3.connect(file, isolation_level=None)) as editor:
        set_value(editor, old)
        editor.execute("PRAGMA cache_size = 1")  # so that the file is written before the commit
        editor.execute("BEGIN")
        editor.execute("UPDATE ItemTable SET value = ? WHERE key = ?", (new, RECENTLY_OPENED))
        shutil.copytree(file.parent, crashed)
        editor.execute("ROLLBACK")
    assert new[:4000] in (crashed / "state.vscdb").read_bytes()
    with unchanged(crashed):
        assert read_value(f"{crashed}/state.vscdb", RECENTLY_OPENED) == old


def test_a_link_leads_to_the_journal_of_its_target(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.vscdb"
    link.symlink_to(file)
    with closing(sqlite3.connect(file, isolation_level=None)) as editor:
        editor.execute("PRAGMA journal_mode = wal")
        set_value(editor)
        assert read_value(str(link), RECENTLY_OPENED) == NEW


def write_meanwhile(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Let an editor commit a new value while the database is being read, `most` times."""
    connect = sqlite3.connect
    values = iter(range(1, most + 1))

    def connect_meanwhile(database: str, *, uri: bool) -> sqlite3.Connection:
        connection = connect(database, uri=uri)
        value = next(values, None)
        if value is not None:
            path = database.removeprefix("file:").partition("?")[0]
            times = os.stat(path)
            with closing(connect(path)) as editor:
                set_value(editor, b"%d" % value)
                editor.commit()
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # the clock of a file system is coarse
        return connection

    monkeypatch.setattr(state_database_module, "_PAUSE_SECONDS", 0)
    monkeypatch.setattr(sqlite3, "connect", connect_meanwhile)


def test_a_write_during_the_reading_is_noticed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_meanwhile(monkeypatch, most=2)
    assert read_value(str(file), RECENTLY_OPENED) == b"2"


def test_an_editor_that_always_writes_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_meanwhile(monkeypatch, most=1000)
    with pytest.raises(Unusable, match="is being written all the time: close the editor, and import again"):
        read_value(str(file), RECENTLY_OPENED)


def test_a_large_database_is_not_copied(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_database_module, "MAX_FILE_BYTES", 100)
    assert read_value(str(file), RECENTLY_OPENED) == OLD
    with closing(sqlite3.connect(file, isolation_level=None)) as editor:
        editor.execute("PRAGMA journal_mode = wal")
        set_value(editor)
        with pytest.raises(Unusable, match=r"has [\d,]+ bytes, .* close the editor, and import again"):
            read_value(str(file), RECENTLY_OPENED)


def test_a_journal_that_can_not_be_read_is_told(file: Path) -> None:
    beside = file.with_name("state.vscdb-wal")
    beside.symlink_to(beside.name)
    with pytest.raises(Unusable, match=r"state\.vscdb-wal can't be read: "):
        read_value(str(file), RECENTLY_OPENED)
    beside.unlink()
    os.mkfifo(beside)
    with pytest.raises(Unusable, match=r"state\.vscdb-wal is not a regular file"):
        read_value(str(file), RECENTLY_OPENED)


def database(path: Path, *statements: str) -> str:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return str(path)


ENDLESS = (
    "CREATE VIEW ItemTable AS WITH RECURSIVE n(key, value) AS (SELECT '', 1 UNION ALL SELECT '', value + 1 FROM n) "
    "SELECT key, value FROM n"
)


def test_other_files_are_told_as_such(file: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "text").write_text("text")
    others = database(tmp_path / "other.db", "CREATE TABLE place (url TEXT)")
    columns = database(tmp_path / "columns.db", "CREATE TABLE ItemTable (name TEXT)")
    whole = file.read_bytes()
    (tmp_path / "cut").write_bytes(whole[:5000])
    (tmp_path / "broken").write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))
    (tmp_path / "named").write_bytes(whole.replace(b"sqlite_autoindex", b"sqlit\xe1_autoindex"))
    large = database(
        tmp_path / "large.db",
        ITEM_TABLE,
        "INSERT INTO ItemTable VALUES ('history.recentlyOpenedPathsList', zeroblob(70000000))",
    )
    for path, kind, problem in (
        (tmp_path / "none", Unusable, "can't be read: No such file or directory"),
        (tmp_path / "pipe", Unusable, "is not a regular file"),
        (tmp_path, Unusable, "can't be read: Is a directory|is not a regular file"),
        (tmp_path / "text", OtherFormat, "is not a database of SQLite"),
        (others, OtherFormat, "has no table `ItemTable` with the columns `key` and `value`"),
        (columns, OtherFormat, "has no table `ItemTable` with the columns `key` and `value`"),
        (tmp_path / "cut", Unusable, "can't be read as a database of VS Code: it is damaged"),
        (tmp_path / "broken", Unusable, "can't be read as a database of VS Code: it is damaged"),
        (tmp_path / "named", Unusable, "can't be read as a database of VS Code: it is damaged"),
        (large, Unusable, "the value is longer than 67,108,864 bytes"),
        (database(tmp_path / "endless.db", ENDLESS), Unusable, "a look-up in it has no end"),
    ):
        with pytest.raises(kind, match=problem) as caught:
            read_value(str(path), RECENTLY_OPENED)
        assert str(caught.value).startswith(str(path)), path
        assert kind is OtherFormat or not isinstance(caught.value, OtherFormat)


def test_a_path_may_hold_what_has_a_meaning_in_a_uri(tmp_path: Path) -> None:
    odd = state_database(tmp_path / "50%25 ?mode=rwc #1" / "state.vscdb", [folder("/srv")])
    value = read_value(str(odd), RECENTLY_OPENED)
    assert value is not None
    assert b"file:///srv" in value
