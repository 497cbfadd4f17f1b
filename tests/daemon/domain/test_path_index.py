"""The index from paths to workspaces, alone and beside a plain search of everything."""

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from support.samples import project, workspace
from workspaced.domain.machines import ALONE
from workspaced.domain.path_index import PathIndex
from workspaced_protocol.models import ProjectBinding, Workspace, WorkspaceState


def bound(number: int, workspace_id: str, path: str) -> ProjectBinding:
    return structs.replace(project(number, workspace_id), root_path=path)


def index_of(*workspaces: Workspace) -> PathIndex:
    index = PathIndex(ALONE)
    for each in workspaces:
        index.put(each)
    return index


def found(index: PathIndex, path: str) -> tuple[str, str | None, str] | None:
    """The ids of the workspace and the project that hold the path, and the rest of it."""
    match = index.find(path)
    if match is None:
        return None
    return match.workspace.id, match.project.id if match.project else None, match.relative_path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/w/app", ("ws_01", None, "")),
        ("/w/app/", ("ws_01", None, "")),
        ("/w/app/a/b.txt", ("ws_01", None, "a/b.txt")),
        ("//w/.//app/./a//b", ("ws_01", None, "a/b")),
        ("/../w/app/a", ("ws_01", None, "a")),
        ("/w/app/.hidden/..x", ("ws_01", None, ".hidden/..x")),
        ("/w/app-copy", None),
        ("/w/ap", None),
        ("/w", None),
        ("/", None),
        ("/w/APP", None),
        ("/w/app/web", ("ws_01", "proj_01", "")),
        ("/w/app/web/src", ("ws_01", "proj_01", "src")),
        ("/w/app/website", ("ws_01", None, "website")),
        ("/w/app/a/../b", None),  # `a` may be a link
        ("/w/app/web/..", None),
        ("/w/link/../x/y", ("ws_02", None, "y")),
        ("/w/link/../x", ("ws_02", None, "")),
        ("/w/link/../x/../y", None),
    ],
)
def test_a_path_is_held_by_whole_components(path: str, expected: object) -> None:
    index = index_of(
        workspace(1, root_path="/w/app", projects=(bound(1, "ws_01", "/w/app/web"),)),
        workspace(2, root_path="/w/link/../x"),
    )
    assert found(index, path) == expected


@pytest.mark.parametrize("written", ["/w/app/", "//w//app", "/w/./app", "/./w/app/.", "/../w/app"])
def test_a_root_path_holds_the_same_however_it_is_written(written: str) -> None:
    assert found(index_of(workspace(1, root_path=written)), "/w/app/x") == ("ws_01", None, "x")


def test_the_root_holds_everything_that_nothing_else_holds() -> None:
    index = index_of(workspace(1, root_path="/"), workspace(2, root_path="/w"))
    assert found(index, "/") == ("ws_01", None, "")
    assert found(index, "/etc/passwd") == ("ws_01", None, "etc/passwd")
    assert found(index, "/w/x") == ("ws_02", None, "x")


def test_a_path_that_is_not_absolute_holds_nothing() -> None:
    index = index_of(
        workspace(1, root_path="w/app", projects=(bound(1, "ws_01", ""),)), workspace(2, root_path="C:\\w")
    )
    for path in ("/w/app", "/C:\\w", "/"):
        assert found(index, path) is None


def test_of_equals_a_project_comes_first_then_an_active_workspace_then_the_older_one() -> None:
    here = "/w"
    workspaces = [
        workspace(1, root_path="/1", projects=(bound(1, "ws_01", here), bound(2, "ws_01", here))),
        workspace(2, root_path="/2", state="closed", projects=(bound(3, "ws_02", here),)),
        workspace(3, root_path=here),
        workspace(4, root_path=here),
        workspace(5, root_path=here, state="closed"),
        workspace(6, root_path=here, state="closed"),
        workspace(7, root_path=here, state="deleted", projects=(bound(4, "ws_07", here),)),
    ]
    index = index_of(*reversed(workspaces))
    order: list[object] = []
    while (match := found(index, here)) is not None:
        order.append(match[:2])
        index.drop(match[0])
    assert order == [
        ("ws_01", "proj_01"),
        ("ws_02", "proj_03"),
        ("ws_03", None),
        ("ws_04", None),
        ("ws_05", None),
        ("ws_06", None),
    ]


def test_a_changed_workspace_leaves_nothing_of_its_earlier_version() -> None:
    index = index_of(workspace(1, root_path="/w", projects=(bound(1, "ws_01", "/p"),)))
    index.put(workspace(1, root_path="/x"))
    assert [found(index, path) for path in ("/w", "/p")] == [None, None]
    assert found(index, "/x/y") == ("ws_01", None, "y")
    index.put(workspace(1, root_path="/x", state="deleted"))
    assert found(index, "/x") is None
    index.drop("ws_01")
    index.drop("ws_never")


def test_a_path_of_a_megabyte_takes_no_time() -> None:
    """Of half a million components: a search that tried each of its beginnings would take minutes."""
    long = "/a" * 500_000
    index = index_of(workspace(1, root_path="/a/a"), workspace(2, root_path=long))
    match = index.find(long + "/b")
    assert match is not None
    assert (match.workspace.id, match.relative_path) == ("ws_02", "b")
    assert index.find("/b" + long) is None


_PARTS = st.sampled_from(["a", "b", "a-b", ".", "", ".."])
_PATHS = st.lists(_PARTS, max_size=5).map(lambda parts: "/" + "/".join(parts))
_STATES: st.SearchStrategy[WorkspaceState] = st.sampled_from(["active", "closed", "deleted"])


@st.composite
def _workspaces(draw: st.DrawFn) -> Workspace:
    number = draw(st.integers(1, 5))
    paths = draw(st.lists(_PATHS, max_size=3))
    projects = tuple(bound(at, f"ws_{number:02}", path) for at, path in enumerate(paths, start=1))
    return workspace(
        number,
        root_path=draw(_PATHS),
        state=draw(_STATES),
        projects=projects,
        created_at=draw(st.integers(1, 2)),
    )


def cleaned(path: str) -> list[str]:
    """The components; `..` stays, but at the root."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    while parts[:1] == [".."]:
        parts = parts[1:]
    return parts


def searched(workspaces: dict[str, Workspace], path: str) -> tuple[str, str | None, str] | None:
    """The same by looking at every path of every workspace."""
    wanted = cleaned(path)
    holders: list[tuple[tuple[object, ...], tuple[str, str | None, str]]] = []
    for each in workspaces.values():
        if each.state == "deleted":
            continue
        own = [(each.root_path, None, -1)]
        own += [(one.root_path, one.id, at) for at, one in enumerate(each.projects)]  # type: ignore[misc]  # a list of two kinds
        for root, project_id, at in own:
            parts = cleaned(root)
            rest = wanted[len(parts) :]
            if wanted[: len(parts)] == parts and ".." not in rest:
                rank = (-len(parts), project_id is None, each.state == "closed", each.created_at, each.id, at)
                holders.append((rank, (each.id, project_id, posixpath.join(*rest) if rest else "")))
    return min(holders)[1] if holders else None


@given(st.lists(_workspaces(), max_size=8), st.lists(_PATHS, max_size=4))
def test_it_finds_what_a_search_of_everything_finds(changes: list[Workspace], paths: list[str]) -> None:
    index, held = PathIndex(ALONE), dict[str, Workspace]()
    for change in changes:
        index.put(change)
        held[change.id] = change
    for path in paths:
        assert found(index, path) == searched(held, path)
    for id_ in held:
        index.drop(id_)
    assert [found(index, path) for path in ("/", *paths)] == [None] * (len(paths) + 1)
