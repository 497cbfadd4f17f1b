"""VS Code's files: which folders they lead to, what is wrong in one, and how one is written."""

import json

import pytest

from workspaced_client.exchange.code_workspace import Skipped, decode, encode
from workspaced_client.exchange.json_text import Unusable
from workspaced_protocol.models import ProjectBinding, Workspace

FILE = "/home/ada/code/shop.code-workspace"


def folders(text: str, file: str = FILE) -> tuple[str, ...]:
    return decode(file, text.encode()).folders


def workspace(*paths: str) -> Workspace:
    projects = tuple(
        ProjectBinding(id=f"proj_{index}", workspace_id="ws_1", root_path=path, status="active", bound_at=1)
        for index, path in enumerate(paths)
    )
    return Workspace(
        id="ws_1",
        name="shop",
        root_path="/home/ada/code",
        state="active",
        created_at=1,
        updated_at=1,
        projects=projects,
    )


def test_a_file_as_the_editor_and_people_write_it() -> None:
    found = decode(
        FILE,
        b"""\xef\xbb\xbf// The shop.
        {
            "folders": [
                { "path": "shop/web", "name": "Web, // not a comment" },
                { "path": "../code/./shop/api/" }, /* two ways to one
                                                      directory */
                { "name": "Web again", "path": "shop/web", },
                { "path": "/srv/assets" },
                { "uri": "file:///srv/with%20space" },
            ],
            "settings": { "files.exclude": { "**/*.o": true }, "x": [1, 2,], },
            "extensions": { "recommendations": ["a.b"] },
        }
        """,
    )
    assert found.name == "shop"
    assert found.folders == (
        "/home/ada/code/shop/web",
        "/home/ada/code/shop/api",
        "/srv/assets",
        "/srv/with space",
    )
    assert found.skipped == ()


@pytest.mark.parametrize(
    ("paths", "root"),
    [
        (["."], "/home/ada/code"),
        (["shop", "shop/web"], "/home/ada/code"),
        (["../a/x", "../a/y"], "/home/ada/a"),
        (["../a"], "/home/ada/a"),
        (["../a", "web"], "/home/ada"),
        (["/srv/x", "web"], "/home/ada/code"),
        ([], "/home/ada/code"),
    ],
)
def test_the_root_is_where_the_file_lies_or_above_all_folders(paths: list[str], root: str) -> None:
    text = json.dumps({"folders": [{"path": path} for path in paths]})
    assert decode(FILE, text.encode()).root_path == root


@pytest.mark.parametrize(
    ("folder", "skipped"),
    [
        ({"uri": "vscode-remote://ssh-remote+box/srv/x"}, "it is not a folder on this machine"),
        ({"uri": "file://server/share/x"}, "it is not a folder on this machine"),
        ({"uri": "file:relative"}, "its URI has no absolute path"),
        ({"uri": "file:///a%00b"}, "its URI has no absolute path"),
        ({"uri": "file://[oops/x"}, "its URI can't be read"),
    ],
)
def test_folders_that_are_elsewhere_are_skipped_with_the_reason(folder: dict[str, str], skipped: str) -> None:
    found = decode(FILE, json.dumps({"folders": [folder, {"path": "web"}]}).encode())
    assert found.skipped == (Skipped(folder["uri"], skipped),)
    assert found.folders == ("/home/ada/code/web",)


def test_the_folders_of_another_machine_are_skipped() -> None:
    found = decode(FILE, b'{"folders": [{"path": "/srv/x"}], "remoteAuthority": "ssh-remote+box"}')
    assert found.folders == ()
    assert found.skipped == (Skipped("/srv/x", "it is on another machine (ssh-remote+box)"),)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{}", "line 1, column 1: `folders` is missing."),
        ("[]", "line 1, column 1: the document must be an object."),
        ('{"folders":\n {}}', "line 2, column 2: `folders` must be a list."),
        ('{"folders": [\n "web"]}', "line 2, column 2: `folders[0]` must be an object."),
        ('{"folders": [{"path":\n 5}]}', "line 2, column 2: `folders[0].path` must be a text."),
        ('{"folders": [{"path":\n ""}]}', "line 2, column 2: `folders[0].path` must not be empty."),
        (
            '{"folders": [{"path": "a"}, // one\n {"name": "b"}]}',
            "line 2, column 2: `folders[1]` has neither",
        ),
        (
            '{"folders": [\n\t{"path": "a\\u0000b"}]}',
            "line 2, column 2: `folders[0]` has a `path` with a NUL",
        ),
        (
            '{"folders": [{"path":\n "\\ud800"}]}',
            "line 2, column 2: `folders[0].path` holds half a character",
        ),
        ('{"folders": [], "remoteAuthority": 5}', "line 1, column 36: `remoteAuthority` must be a text."),
        ('{"folders": [\n{"path": "a"}', "line 2, column 14: the file ends here"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(Unusable) as caught:
        folders(text)
    assert str(caught.value).startswith(f"{FILE}, {problem}")


def test_a_file_without_a_name_is_refused() -> None:
    with pytest.raises(Unusable, match="has no name before"):
        folders('{"folders": []}', "/x/.code-workspace")


@pytest.mark.parametrize(
    ("directory", "paths"),
    [
        (None, ["/home/ada/code", "/home/ada/x", "/srv/y"]),
        ("/home/ada/code", [".", "../x", "/srv/y"]),
        ("/", ["/home/ada/code", "/home/ada/x", "/srv/y"]),
        ("/srv", ["/home/ada/code", "/home/ada/x", "y"]),
    ],
)
def test_a_written_file_leads_to_the_same_folders(directory: str | None, paths: list[str]) -> None:
    given = ("/home/ada/code", "/home/ada/x", "/srv/y")
    text = encode(workspace(*given), directory)
    assert [folder["path"] for folder in json.loads(text)["folders"]] == paths
    assert folders(text, f"{directory or '/any'}/x.code-workspace") == given


def test_a_workspace_without_projects_is_written_with_its_root() -> None:
    assert folders(encode(workspace(), None)) == ("/home/ada/code",)


def test_names_stand_as_they_are_but_for_a_terminal() -> None:
    assert "/home/ada/日本語" in encode(workspace("/home/ada/日本語"), None)
    text = encode(workspace("/home/ada/日本語\x9b"), None, ascii_only=True)
    assert text.isascii()
    assert folders(text) == ("/home/ada/日本語\x9b",)
