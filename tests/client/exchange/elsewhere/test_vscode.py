"""The folders that an editor has opened lately."""

import json
from pathlib import Path

import pytest

from support.other_programs import folder, state_database
from workspaced_client.exchange.elsewhere.vscode import decode, read
from workspaced_client.exchange.json_text import LeftOut, Unusable
from workspaced_client.exchange.listed import Listed, Listing

FILE = "/e/state.vscdb"


def decoded(*entries: object) -> Listing:
    return decode(FILE, json.dumps({"entries": entries}).encode())


def test_folders_and_workspace_files_in_the_order_of_the_list() -> None:
    assert decoded(
        {"folderUri": "file:///home/ada/web%20shop", "label": "web"},
        {"workspace": {"id": "4f1a", "configPath": "file:///home/ada/all.code-workspace"}},
        {"folderUri": "file://localhost/srv/caf%C3%A9"},
    ) == Listing((Listed("/home/ada/web shop"), Listed("/home/ada/all.code-workspace"), Listed("/srv/café")))


def test_what_is_elsewhere_or_no_folder_is_left_out_with_the_reason() -> None:
    listing = decoded(
        {"folderUri": "vscode-remote://ssh-remote%2Bbox/srv/api", "remoteAuthority": "ssh-remote+box"},
        {"folderUri": "vscode-remote://wsl%2BUbuntu/home/ada"},
        {"workspace": {"id": "1", "configPath": "vscode-vfs://github/ada/web"}},
        {"folderUri": "file:///c%3A/src"},
        {"folderUri": "file://wsl.localhost/Ubuntu/home/ada"},
        {"folderUri": "file:///bad%00"},
        {"folderUri": "http://[bad"},
        {"folderUri": ""},
        {"folderUri": 5},
        {"workspace": {"id": "1"}},
        None,
        {"folderUri": "file:///home/ada/api"},
    )
    assert listing.projects == (Listed("/home/ada/api"),)
    nothing = "has neither a `folderUri`, a `fileUri` nor a `workspace` with a `configPath` (line 1, column "
    assert [each.reason.partition(" (line")[0] for each in listing.left_out] == [
        "it is on another machine (ssh-remote+box)",
        "it is not a folder on this machine",
        "it is not a folder on this machine",
        "it is a Windows path",
        "it is not a folder on this machine",
        "its URI has no absolute path",
        "its URI can't be read",
        *(f"`entries[{number}]` {nothing}".partition(" (line")[0] for number in range(7, 11)),
    ]
    assert [each.path for each in listing.left_out[:2]] == [
        "vscode-remote://ssh-remote%2Bbox/srv/api",
        "vscode-remote://wsl%2BUbuntu/home/ada",
    ]


def test_files_are_counted() -> None:
    files = [{"fileUri": f"file:///home/ada/{number}.txt"} for number in range(3)]
    reason = "a workspace is made of directories"
    assert decoded(*files).left_out == (LeftOut("3 files", FILE, reason),)
    assert decoded(files[0]).left_out == (LeftOut("1 file", FILE, reason),)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (b"", "is empty"),
        (b"\xff", "holds no list of folders: its history.recentlyOpenedPathsList is not JSON"),
        (
            b'{"workspaces3": []}',
            "the document has no list `entries`: only the format since VS Code 1.55 is known",
        ),
        (b"[]", "the document has no list `entries`"),
        (b'{"entries": [{"folderUri": "file:///a"}', "the file ends here, in the middle of its JSON"),
        (b'{"entries": ["\xff"]}', "this is not UTF-8"),
        (b"[" * 100_000, "the file ends here"),
    ],
)
def test_another_value_is_told(value: bytes, problem: str) -> None:
    with pytest.raises(Unusable, match=FILE) as caught:
        decode(FILE, value)
    assert problem in str(caught.value)


def test_a_database_in_which_nothing_was_opened_yet_is_empty(tmp_path: Path) -> None:
    file = state_database(tmp_path / "state.vscdb", [folder("/srv")])
    assert read(str(file), "/home/ada").projects == (Listed("/srv"),)
    empty = tmp_path / "empty.vscdb"
    empty.write_bytes(file.read_bytes().replace(b"history.recently", b"history.rarely.."))
    assert read(str(empty), "/home/ada") == Listing(())
