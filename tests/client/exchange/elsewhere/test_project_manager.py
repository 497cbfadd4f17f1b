"""The projects that somebody saved in Project Manager."""

import json

import pytest

from workspaced_client.exchange.elsewhere.project_manager import decode, is_list_of_projects
from workspaced_client.exchange.json_text import LeftOut, OtherFormat, Unusable
from workspaced_client.exchange.listed import Listed, Listing

FILE, HOME = "/e/projects.json", "/home/ada"


def decoded(*entries: object) -> Listing:
    return decode(FILE, json.dumps(entries).encode(), HOME)


def test_names_paths_tags_and_further_folders() -> None:
    assert decoded(
        {
            "name": "Shop",
            "rootPath": "/srv/shop",
            "paths": [],
            "tags": ["Work"],
            "enabled": True,
            "profile": "",
        },
        {"name": "Home", "rootPath": "$home/notes", "paths": ["~/more", "/srv/x/../y"], "tags": []},
        {"name": "Shared", "rootPath": "$home\\code\\api", "group": "Work/Backend", "tags": ["a", "b"]},
        {"name": "All", "rootPath": "~/all.code-workspace"},
        {"name": "Me", "rootPath": "~"},
        {"name": "Not the home", "rootPath": "/$home/x"},
    ) == Listing(
        (
            Listed("/srv/shop", "Shop", ("Work",)),
            Listed("/home/ada/notes", "Home", (), ("/home/ada/more", "/srv/y")),
            Listed("/home/ada/code/api", "Shared", ("a", "b", "Work/Backend")),
            Listed("/home/ada/all.code-workspace", "All"),
            Listed("/home/ada", "Me"),
            Listed("/$home/x", "Not the home"),
        )
    )


def test_the_first_version_of_the_format() -> None:
    assert decoded({"label": "Shop", "description": "/srv/shop"}).projects == (Listed("/srv/shop", "Shop"),)


def test_an_entry_that_can_not_be_used_costs_no_other() -> None:
    listing = decoded(
        {"name": "Off", "rootPath": "/srv/off", "enabled": False},
        {"name": "Box", "rootPath": "vscode-remote://ssh-remote+box/srv"},
        {"name": "Win", "rootPath": "C:\\src"},
        {"name": "Rel", "rootPath": "code"},
        {"name": "Other home", "rootPath": "~bob/code"},
        {"name": "Nul", "rootPath": "/a\0b"},
        {"name": 5, "rootPath": "/srv"},
        {"name": "None", "rootPath": ""},
        {"name": "Half \ud83d", "rootPath": "/srv"},
        {"name": "Bare"},
        "text",
        None,
        {"name": "Good", "rootPath": "/srv/good", "tags": [1, None, "kept"], "paths": "none", "group": {}},
    )
    assert listing.projects == (Listed("/srv/good", "Good", ("kept",)),)
    assert [(each.name, each.reason.partition(" (line")[0]) for each in listing.left_out] == [
        ("Off", "it is disabled in Project Manager"),
        ("Box", "it is not a folder on this machine"),
        ("Win", "it is a Windows path"),
        ("Rel", "it is not an absolute path"),
        ("Other home", "it is not an absolute path"),
        ("Nul", "it has a NUL character in it"),
        ("[6]", "`[6].name` must be a text, and not empty"),
        ("[7]", "`[7].rootPath` must be a text, and not empty"),
        ("[8]", "`[8].name` must be a text, and not empty"),
        ("[9]", "`[9]` has no `name` and `rootPath`"),
        ("[10]", "`[10]` has no `name` and `rootPath`"),
        ("[11]", "`[11]` has no `name` and `rootPath`"),
    ]
    assert listing.left_out[0] == LeftOut("Off", "/srv/off", "it is disabled in Project Manager")


@pytest.mark.parametrize("data", [b"{}", b'"text"', b"projects: []", b"<xml/>", b"\0\1"])
def test_another_format_is_told_as_such(data: bytes) -> None:
    with pytest.raises(OtherFormat, match=FILE):
        decode(FILE, data, HOME)


def test_damage_is_told_with_its_place() -> None:
    with pytest.raises(Unusable, match=r"projects\.json, line 2, column 1: a comma is expected here"):
        decode(FILE, b'[{"name": "a"}\n{"name": "b"}]', HOME)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([{"name": "a", "rootPath": "/a"}], True),
        ([5, {"label": "a", "description": "/a"}], True),
        ([{"name": "a", "rootPath": "/a", "id": "ws_1"}], False),
        ([{"name": "a"}], False),
        ([], False),
        ({"name": "a", "rootPath": "/a"}, False),
        ("a", False),
    ],
)
def test_which_json_is_certainly_such_a_list(value: object, expected: bool) -> None:
    assert is_list_of_projects(value) is expected
