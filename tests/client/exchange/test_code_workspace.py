"""VS Code's files: which folders they lead to, what is wrong in one, and how one is written."""

import json

import pytest

from workspaced_client.exchange.code_workspace import decode, encode, root_of
from workspaced_client.exchange.json_text import LeftOut, Unusable
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


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_a_file_that_an_editor_saved_in_another_encoding_is_read(encoding: str) -> None:
    text = '// Ünï\n{"folders": [{"path": "shop"}]}'
    assert decode(FILE, text.encode(encoding)).folders == ("/home/ada/code/shop",)


def test_what_is_nested_too_deeply_decides_nothing_about_the_folders() -> None:
    deep = "[" * 3000 + "]" * 3000
    text = f'{{"settings": {deep}, "folders": [{{"path": "a"}}, {{"path": {deep}}}, {{"path": "b", "x": {deep}}}]}}'
    found = decode(FILE, text.encode())
    assert found.folders == ("/home/ada/code/a", "/home/ada/code/b")
    (left_out,) = found.left_out
    assert left_out.path.startswith('{"path": [[[')
    assert left_out.reason.startswith("`folders[1].path` must be a text (line 1, column ")


@pytest.mark.parametrize("path", ["9" * 400, "1e999", "-0", "1.10", "NaN", "12345678901234567890"])
def test_a_folder_that_is_a_number_is_shown_as_it_is_written(path: str) -> None:
    found = decode(FILE, f'{{"folders": [{{"path": {path}}}, {{"path": "a"}}]}}'.encode())
    assert found.folders == ("/home/ada/code/a",)
    (left_out,) = found.left_out
    assert left_out.path.removesuffix("…").removesuffix("}") == f'{{"path": {path}'[:79]


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
    assert found.left_out == ()


@pytest.mark.parametrize(
    ("paths", "root"),
    [
        (["."], "/home/ada/code"),
        (["shop", "shop/web"], "/home/ada/code"),
        (["../a/x", "../a/y"], "/home/ada/a"),
        (["../a"], "/home/ada/a"),
        (["../a", "web"], "/home/ada"),
        (["/home/bob/lib", "web"], "/home/ada/code"),
        (["/home/bob/lib"], "/home/bob/lib"),
        (["/srv/x", "web"], "/home/ada/code"),
        ([], "/home/ada/code"),
    ],
)
def test_the_root_is_where_the_file_lies_or_above_all_folders_but_not_above_the_home(
    paths: list[str], root: str
) -> None:
    found = folders(json.dumps({"folders": [{"path": path} for path in paths]}))
    assert root_of("/home/ada/code", found, "/home/ada") == root


@pytest.mark.parametrize(
    ("folder", "skipped"),
    [
        ({"uri": "vscode-remote://ssh-remote+box/srv/x"}, "it is not a folder on this machine"),
        ({"uri": "file://server/share/x"}, "it is not a folder on this machine"),
        ({"uri": "file:relative"}, "its URI has no absolute path"),
        ({"uri": "file:///a%00b"}, "its URI has no absolute path"),
        ({"uri": "file://[oops/x"}, "its URI can't be read"),
        ({"uri": "https://example.com/x"}, "it is not a folder on this machine"),
    ],
)
def test_folders_that_are_elsewhere_are_skipped_with_the_reason(folder: dict[str, str], skipped: str) -> None:
    found = decode(FILE, json.dumps({"folders": [folder, {"path": "web"}]}).encode())
    assert found.left_out == (LeftOut("shop", folder["uri"], skipped),)
    assert found.folders == ("/home/ada/code/web",)


def test_the_folders_of_another_machine_are_skipped() -> None:
    found = decode(FILE, b'{"folders": [{"path": "/srv/x"}], "remoteAuthority": "ssh-remote+box"}')
    assert found.folders == ()
    assert found.left_out == (LeftOut("shop", "/srv/x", "it is on another machine (ssh-remote+box)"),)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{}", "line 1, column 1: `folders` is missing."),
        ("[]", "line 1, column 1: the document must be an object."),
        ('{"folders":\n {}}', "line 2, column 2: `folders` must be a list."),
        ('{"folders": [], "remoteAuthority": 5}', "line 1, column 36: `remoteAuthority` must be a text."),
        ('{"folders": [\n{"path": "a"}', "line 2, column 14: the file ends here"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(Unusable) as caught:
        folders(text)
    assert str(caught.value).startswith(f"{FILE}, {problem}")


def test_a_file_in_another_format_is_told_as_such() -> None:
    for text in (
        "<project>\n</project>",
        "folders:\n  - path: web\n",
        "[folders]\npath = 1\n",
        "# folders\n",
    ):
        with pytest.raises(Unusable) as caught:
            folders(text)
        assert (
            str(caught.value) == f"{FILE} is in an unknown format: VS Code's .code-workspace files are JSON."
        )


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ('"web"', "`folders[1]` must be an object"),
        ("null", "`folders[1]` must be an object"),
        ("5", "`folders[1]` must be an object"),
        ('["web"]', "`folders[1]` must be an object"),
        ("{}", "`folders[1]` has neither a `path` nor a `uri`"),
        ('{"name": "b"}', "`folders[1]` has neither a `path` nor a `uri`"),
        ('{"path": null}', "`folders[1]` has neither a `path` nor a `uri`"),
        ('{"path": 5}', "`folders[1].path` must be a text"),
        ('{"path": ""}', "`folders[1].path` must not be empty"),
        ('{"path": "a\\u0000b"}', "`folders[1]` has a `path` with a NUL character in it"),
        ('{"path": "\\ud800"}', "`folders[1].path` holds half a character"),
        ('{"uri": 5}', "`folders[1].uri` must be a text"),
    ],
)
def test_an_entry_that_is_wrong_is_left_out_with_its_place_and_no_other(entry: str, problem: str) -> None:
    text = '{"folders": [{"path": "web"},\n' + entry + ', // one\n{"path": "api", "name": 5},]}'
    found = decode(FILE, text.encode())
    assert found.folders == ("/home/ada/code/web", "/home/ada/code/api")
    (left_out,) = found.left_out
    assert (left_out.name, left_out.path) == ("shop", json.dumps(json.loads(entry)))
    assert left_out.reason.startswith(problem)
    assert "(line 2, column " in left_out.reason


def test_ten_thousand_entries_are_read_and_every_wrong_one_is_told() -> None:
    entries = [{"path": f"web{number}"} if number % 2 else number for number in range(10_000)]
    found = decode(FILE, json.dumps({"folders": entries}).encode())
    assert (len(found.folders), len(found.left_out)) == (5_000, 5_000)


@pytest.mark.parametrize(
    ("text", "is_windows"),
    [
        ("C:\\src\\web", True),
        ("c:/src/web", True),
        ("D:", True),
        ("\\\\server\\share", True),
        ("..\\lib", True),
        ("file:///c%3A/src", True),
        ("file:///C:/src", True),
        ("web", False),
        ("/srv/a\\b", False),
        ("c:web", False),
        ("file:///srv/c", False),
    ],
)
def test_paths_of_windows_are_known_by_their_form(text: str, is_windows: bool) -> None:
    member = "uri" if text.startswith("file:") else "path"
    found = decode(FILE, json.dumps({"folders": [{member: text}]}).encode())
    assert list(found.windows.values()) == ([text] if is_windows else [])
    assert set(found.windows) <= set(found.folders)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("/home/ada/shop/.code-workspace", "shop"),
        ("/home/ada/shop/ .code-workspace", "shop"),
        ("/.code-workspace", "/"),
        ("/home/ada/..code-workspace", "."),
    ],
)
def test_a_file_with_nothing_before_its_suffix_is_named_as_its_directory(file: str, name: str) -> None:
    assert decode(file, b'{"folders": []}').name == name


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
