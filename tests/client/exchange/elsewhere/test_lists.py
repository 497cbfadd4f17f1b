"""Where the lists of each program are looked for, and how one is known by its content."""

import json
import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.documents import version_1_text
from support.other_programs import folder, recent_projects, state_database, zoxide_database
from workspaced_client.cli.commands import ROWS
from workspaced_client.cli.commands.row import Command
from workspaced_client.exchange.elsewhere import formats, places
from workspaced_client.exchange.elsewhere.lists import read_at, read_default
from workspaced_client.exchange.elsewhere.places import Machine, Program
from workspaced_client.exchange.json_text import Unusable
from workspaced_client.exchange.listed import Listed

PROJECTS = json.dumps([{"name": "Shop", "rootPath": "/srv/shop"}])
XML = recent_projects({"/srv/web": ""})


def linux(home: Path, **environment: str) -> Machine:
    return Machine(str(home), environment, is_macos=False)


def write(path: Path, content: str | bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def files_of(name: Program, machine: Machine) -> set[str]:
    return {file for file, _ in read_default(name, machine)}


LINUX, MACOS = ".config", "Library/Application Support"


@pytest.mark.parametrize(("base", "is_macos"), [(LINUX, False), (MACOS, True)])
def test_the_lists_of_all_editors_and_all_programs_are_found(
    tmp_path: Path, base: str, is_macos: bool
) -> None:
    home = tmp_path / "ada [1]"  # no pattern
    settings = home / base
    for editor in ("Code", "Code - Insiders", "VSCodium", "Cursor", "One of tomorrow"):
        storage = settings / editor / "User" / "globalStorage"
        state_database(storage / "state.vscdb", [folder("/srv")])
        write(storage / "alefragnani.project-manager" / "projects.json", PROJECTS)
    write(settings / "Code" / "User" / "projects.json", PROJECTS)
    jetbrains = {
        write(settings / program / "options" / file, XML)
        for program, file in (
            ("JetBrains/PyCharm2025.1", "recentProjects.xml"),
            ("JetBrains/IntelliJIdea2024.3", "recentProjects.xml"),
            ("JetBrains/Rider2024.3", "recentSolutions.xml"),
            ("Google/AndroidStudio2024.1", "recentProjects.xml"),
        )
    }
    before = "Library/Preferences/PyCharm2019.3" if is_macos else ".PyCharm2019.3/config"
    jetbrains.add(write(home / before / "options" / "recentProjectDirectories.xml", XML))
    write(settings / "JetBrains" / "PyCharm2025.1" / "options" / "recentFiles.xml", XML)
    data = MACOS if is_macos else ".local/share"
    zoxide = write(home / data / "zoxide" / "db.zo", zoxide_database(["/srv"]))
    (home / "ghq").mkdir()
    machine = Machine(str(home), {"GHQ_ROOT": f"{home}/ghq"}, is_macos=is_macos)
    assert len(files_of("vscode", machine)) == 5
    assert len(files_of("project-manager", machine)) == 6
    assert files_of("jetbrains", machine) == jetbrains
    assert files_of("zoxide", machine) == {zoxide}
    assert files_of("ghq", machine) == {f"{home}/ghq"}


def test_the_directories_that_the_environment_names_come_first(tmp_path: Path) -> None:
    there = tmp_path / "xdg"
    state = state_database(there / "Code" / "User" / "globalStorage" / "state.vscdb", [])
    xml = write(there / "JetBrains" / "PyCharm2025.1" / "options" / "recentProjects.xml", XML)
    zoxide = write(there / "zoxide" / "db.zo", zoxide_database([]))
    own = write(tmp_path / "own" / "db.zo", zoxide_database([]))
    machine = linux(tmp_path, XDG_CONFIG_HOME=str(there), XDG_DATA_HOME=str(there))
    assert files_of("vscode", machine) == {str(state)}
    assert files_of("jetbrains", machine) == {xml}
    assert files_of("zoxide", machine) == {zoxide}
    assert files_of("zoxide", linux(tmp_path, _ZO_DATA_DIR=f"{tmp_path}/own")) == {own}
    with pytest.raises(Unusable):  # a relative path is ignored
        read_default("zoxide", linux(tmp_path, XDG_DATA_HOME="xdg"))


def test_an_app_of_flatpak_is_found(tmp_path: Path) -> None:
    app = tmp_path / ".var" / "app" / "com.vscodium.codium" / "config"
    state = state_database(app / "VSCodium" / "User" / "globalStorage" / "state.vscdb", [])
    assert files_of("vscode", linux(tmp_path)) == {str(state)}


@pytest.mark.parametrize("name", ["vscode", "project-manager", "jetbrains", "zoxide"])
def test_where_there_is_none_the_places_are_told(tmp_path: Path, name: Program) -> None:
    with pytest.raises(Unusable, match=f"{name} has no list in its default places: {tmp_path}/"):
        read_default(name, linux(tmp_path))


def test_one_that_is_damaged_costs_no_other(tmp_path: Path) -> None:
    good = write(tmp_path / ".config/JetBrains/A2025.1/options/recentProjects.xml", XML)
    bad = write(tmp_path / ".config/JetBrains/B2025.1/options/recentProjects.xml", XML[:-20])
    (first, listing), (second, empty) = read_default("jetbrains", linux(tmp_path))
    assert (first, second) == (good, bad)
    assert listing.projects == (Listed("/srv/web"),)
    assert [(each.path, each.reason) for each in empty.left_out] == [
        (bad, "line 7, column 1: the file ends here, in the middle of its XML")
    ]
    os.unlink(good)
    with pytest.raises(Unusable, match="the file ends here"):
        read_default("jetbrains", linux(tmp_path))


def test_a_path_may_be_that_of_a_directory_above_the_list(tmp_path: Path) -> None:
    machine = linux(tmp_path)
    state = state_database(tmp_path / "Code/User/globalStorage/state.vscdb", [])
    xml = write(tmp_path / "JetBrains/A2025.1/options/recentProjects.xml", XML)
    zoxide = write(tmp_path / "db.zo", zoxide_database([]))
    for name, file, count in (("vscode", str(state), 4), ("jetbrains", xml, 4), ("zoxide", zoxide, 2)):
        program = formats.BY_NAME[name]
        path = file
        for _ in range(count):
            assert [found for found, _ in read_at(program, path, machine)] == [file]
            path = os.path.dirname(path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(Unusable, match=f"There is no list of zoxide in {tmp_path}/empty: no db.zo"):
        read_at("zoxide", f"{tmp_path}/empty", machine)


def test_a_list_is_known_by_its_content_whatever_its_name(tmp_path: Path) -> None:
    state = str(state_database(tmp_path / "1", [folder("/srv/web")]))
    for file, path in (
        (state, "/srv/web"),
        (write(tmp_path / "2", PROJECTS), "/srv/shop"),
        (write(tmp_path / "3", XML), "/srv/web"),
        (write(tmp_path / "4", f"\ufeff{XML}".encode("utf-16-be")), "/srv/web"),
        (write(tmp_path / "5", zoxide_database(["/srv/web"])), "/srv/web"),
    ):
        assert [each.path for each in formats.read_any(file, "/home/ada").projects] == [path]


UNKNOWN = {
    "a text that begins with “shop: /srv/shop”": b"shop: /srv/shop\nweb: /srv/web\n",
    "binary, and begins with the bytes 7f 45 4c 46": b"\x7fELF\x02\x01",
    "binary, and begins with the bytes ff fe 00 01": b"\xff\xfe\0\1",
    "XML, and begins with <project>": b"<project/>",
    "JSON: an object with `a`, `b`, `c`, `d`, `e`, …": b'{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6}',
    "JSON: a list, whose first item is an object with `path`": b'[{"path": "/srv"}]',
    "JSON: an empty list": b"[]",
    "JSON: null": b"null",
    "JSON: a text": b'"text"',
    "JSON: a list, whose first item is 5": b"[5]",
    "empty": b" \n",
}


@pytest.mark.parametrize("looks", UNKNOWN)
def test_what_is_in_no_known_format_is_described(tmp_path: Path, looks: str) -> None:
    file = write(tmp_path / "list", UNKNOWN[looks])
    assert formats.described(file) == looks
    if looks != "empty":
        with pytest.raises(Unusable, match=r"is in an unknown format: it is .* Known are ") as caught:
            formats.read_any(file, "/home/ada")
        assert f"it is {looks}." in str(caught.value)


def test_the_list_of_another_program_is_told_as_such(tmp_path: Path) -> None:
    state = str(state_database(tmp_path / "state", []))
    xml = write(tmp_path / "xml", XML)
    older = write(tmp_path / "older", version_1_text([]))
    for name, file, advice in (
        ("jetbrains", state, "it is a database of SQLite. Try --from vscode."),
        ("vscode", xml, "it is XML, and begins with <application>. Try --from jetbrains."),
        ("zoxide", xml, "Try --from jetbrains."),
        ("project-manager", older, "it is JSON: an object with `version`, `workspaces`, `_checksum`."),
        ("jetbrains", write(tmp_path / "other", "<a/>"), "it is XML, and begins with <a>."),
    ):
        program = formats.BY_NAME[name]
        with pytest.raises(Unusable) as caught:
            formats.read(program, file, "/home/ada")
        assert str(caught.value).startswith(
            f"{file} is no list of {name}, which is {formats.SHAPES[program]}: it is "
        )
        assert str(caught.value).endswith(advice)


def test_every_program_has_a_shape_and_places_and_is_known_to_the_command() -> None:
    assert set(formats.SHAPES) == set(formats.BY_NAME) == set(places.INSIDE)
    commands = [each for each in ROWS if isinstance(each, Command) and each.name == "import"]
    choices = [each.choices for each in commands[0].options if "--from" in each.flags]
    assert choices == [tuple(formats.BY_NAME)]


SAMPLES: dict[Program, bytes] = {
    "project-manager": PROJECTS.encode(),
    "jetbrains": XML.encode(),
    "zoxide": zoxide_database(["/srv/api", "/srv/web"]),
}


@given(st.sampled_from(sorted(SAMPLES)), st.integers(0), st.integers(0, 20), st.binary(max_size=8))
def test_damage_of_every_kind_is_told_in_a_sentence(name: Program, at: int, cut: int, more: bytes) -> None:
    whole = SAMPLES[name]
    at %= len(whole)
    with TemporaryDirectory() as directory:
        file = write(Path(directory) / "list", whole[:at] + more + whole[at + cut :])
        with suppress(Unusable):
            formats.read(name, file, "/home/ada")
        with suppress(Unusable):
            formats.read_any(file, "/home/ada")
