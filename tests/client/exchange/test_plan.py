"""What an import would change: what is added, what is known already, and what is left out and why."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from support.samples import project, workspace
from workspaced.domain import bulk
from workspaced.domain.draft import Draft
from workspaced.domain.errors import InvalidField
from workspaced.domain.names import clean_name
from workspaced.domain.state import State
from workspaced_client.exchange.import_plan import ImportPlan
from workspaced_client.exchange.own_workspaces import plan_repositories
from workspaced_protocol.models import Workspace

NOW_MS = 1_800_000_000_000

SHOP = workspace(1, name="Shop", root_path="/src/shop", projects=(project(2, "ws_01"), project(4, "ws_01")))
NOTES = workspace(2, name="Notes", root_path="/src/notes", state="closed")
GONE = workspace(3, name="Gone", root_path="/src/gone", state="deleted")


def fates(plan: ImportPlan) -> list[tuple[str, str, str]]:
    return [(entry.fate, entry.name, entry.reason) for entry in plan.entries]


def applied(current: Sequence[Workspace], plan: ImportPlan) -> list[Workspace]:
    """What the daemon's own rules make of the plan."""
    draft = Draft(State.of(current))
    draft.apply(bulk.apply(plan.changes, 0)(draft))
    return draft.workspaces()


def paths(one: Workspace) -> list[str]:
    return [each.root_path for each in one.projects]


def test_whole_workspaces_are_added_as_they_are_and_known_the_second_time() -> None:
    plan = ImportPlan([], NOW_MS)
    for each in (SHOP, NOTES):
        plan.whole(each)
    stored = applied([], plan)
    assert [structs.replace(each, revision=0) for each in stored] == [SHOP, NOTES]
    again = ImportPlan(stored, NOW_MS + 1)
    for each in (SHOP, NOTES):
        again.whole(each)
    assert again.changes == []
    assert fates(again) == [("present", name, "it is there already") for name in ("Shop", "Notes")]


def test_a_workspace_that_is_there_gets_the_projects_that_it_lacks() -> None:
    here = structs.replace(SHOP, name="Renamed", state="closed", projects=(project(6, "ws_01"),))
    plan = ImportPlan([here], NOW_MS)
    plan.whole(SHOP)
    (stored,) = applied([here], plan)
    assert (stored.name, stored.state, stored.updated_at) == ("Renamed", "closed", NOW_MS)
    assert stored.projects == (project(6, "ws_01"), *SHOP.projects)
    assert (plan.added, [each.id for each in plan.changed]) == ([], ["ws_01"])


def test_a_workspace_without_projects_gets_its_root_beside_the_first_others() -> None:
    plan = ImportPlan([NOTES], NOW_MS)
    plan.gather("Notes", "/src/notes", ["/src/notes"], given=NOTES)
    assert plan.changes == []
    plan.gather("Notes", "/src/notes", ["/src/notes", "/src/notes/sub"], given=NOTES)
    (stored,) = applied([NOTES], plan)
    assert paths(stored) == ["/src/notes", "/src/notes/sub"]
    projects = (structs.replace(project(n, NOTES.id), root_path=path) for n, path in enumerate(paths(stored)))
    bound = structs.replace(NOTES, projects=tuple(projects))
    plan = ImportPlan([NOTES], NOW_MS)
    plan.whole(bound)
    assert paths(applied([NOTES], plan)[0]) == ["/src/notes", "/src/notes/sub"]
    again = ImportPlan([stored], NOW_MS)
    again.gather("Notes", "/src/notes", ["/src/notes", "/src/notes/sub"], given=stored)
    again.whole(bound)
    assert again.changes == []


def test_one_of_the_same_name_and_root_is_the_same() -> None:
    here = workspace(9, name="SHOP", root_path="/src/shop")
    plan = ImportPlan([here], NOW_MS)
    plan.whole(SHOP)
    (stored,) = applied([here], plan)
    assert (stored.id, stored.name) == ("ws_09", "SHOP")
    assert {each.workspace_id for each in stored.projects} == {"ws_09"}
    assert len(stored.projects) == 2


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"name": "nOTES"}, "the name is taken by “Notes” at /src/notes"),
        ({"state": "deleted"}, "it was deleted"),
        ({"name": " "}, "ws_01 has no name: give it one in the file"),
        ({"name": "\u200b"}, "ws_01 has a name that shows nothing: give it one in the file"),
        ({"name": " \0\x1b\n "}, "ws_01 has a name that shows nothing: give it one in the file"),
        ({"root_path": "src"}, "the root path of ws_01 is not an absolute path"),
        ({"root_path": "/src\0"}, "the root path of ws_01 is not an absolute path"),
        ({"id": "ws_03"}, "ws_03 is deleted in the store"),
        ({"id": "ws_02", "state": "deleted"}, "it was deleted"),
    ],
)
def test_what_can_not_be_added_is_left_out_with_the_reason(changed: dict[str, Any], reason: str) -> None:
    plan = ImportPlan([NOTES, GONE], NOW_MS)
    wanted = structs.replace(SHOP, **changed)
    plan.whole(wanted)
    assert plan.changes == []
    assert fates(plan) == [("skipped", wanted.name, reason)]


TRIMMED = "the white space at the ends is left out"
REPLACED = "control characters became a space"


@pytest.mark.parametrize(
    ("written", "name", "note"),
    [
        ("Café", "Café", ""),
        ("a\u200db", "a\u200db", ""),
        ("  Shop\t", "Shop", TRIMMED),
        ("\u3000Shop\u00a0\n", "Shop", TRIMMED),
        ("a\tb", "a b", REPLACED),
        ("a\r\nb", "a b", REPLACED),
        ("nul\0", "nul", REPLACED),
        ("\x1b[31mred\x9b", "[31mred", REPLACED),
    ],
)
def test_a_name_that_no_workspace_may_be_given_is_cleaned_with_a_note(
    written: str, name: str, note: str
) -> None:
    whole, gathered = ImportPlan([], NOW_MS), ImportPlan([], NOW_MS)
    whole.whole(structs.replace(SHOP, name=written))
    gathered.gather(written, "/src", ["/src"], given=None)
    for plan in (whole, gathered):
        (entry,) = plan.entries
        assert (entry.fate, entry.name) == ("added", name)
        assert entry.note == (f"named “{written}” there; {note}" if note else "")
        assert [each.name for each in plan.added] == [name]
    again = ImportPlan(whole.added, NOW_MS)
    again.whole(structs.replace(SHOP, id="ws_09", name=written))
    assert [entry.fate for entry in again.entries] == ["present"]


@given(st.text(st.characters(categories=["Cc", "Cf", "Zs", "Zl", "Lu", "Mn"])))
def test_each_name_that_is_added_is_one_that_the_daemon_gives(name: str) -> None:
    plan = ImportPlan([], NOW_MS)
    plan.whole(structs.replace(SHOP, name=name))
    (entry,) = plan.entries
    for each in plan.added:
        assert clean_name(each.name) == each.name
        assert bool(entry.note) == (each.name != name)
    if not plan.added:
        assert entry.reason
        with pytest.raises(InvalidField):
            clean_name(name)


def test_names_that_are_one_once_they_are_clean_are_not_both_added() -> None:
    plan = ImportPlan([], NOW_MS)
    plan.whole(SHOP)
    plan.whole(structs.replace(NOTES, name="shop\n"))
    assert [each.name for each in plan.added] == ["Shop"]
    assert fates(plan)[1] == ("skipped", "shop", "the name is taken by “Shop” at /src/shop")


def test_two_of_one_name_in_a_file_are_not_both_added() -> None:
    plan = ImportPlan([GONE], NOW_MS)
    plan.whole(workspace(4, name="É", root_path="/a"))
    plan.whole(workspace(5, name="e\u0301", root_path="/b"))
    plan.whole(workspace(6, name="gone", root_path="/c"))
    assert [fate for fate, _, _ in fates(plan)] == ["added", "skipped", "added"]
    assert len(applied([GONE], plan)) == 3


def test_a_project_whose_id_stands_twice_is_taken_once() -> None:
    twice = structs.replace(
        SHOP, projects=(project(2, "ws_01"), structs.replace(project(2, "ws_01"), root_path="/x"))
    )
    plan = ImportPlan([], NOW_MS)
    plan.whole(twice)
    (stored,) = applied([], plan)
    assert stored.projects == (project(2, "ws_01"),)
    assert ("skipped", "Shop", "proj_02 appears twice in ws_01") in fates(plan)


def test_directories_become_the_projects_of_a_new_workspace() -> None:
    plan = ImportPlan([], NOW_MS)
    plan.gather("Code", "/code", ["/code/a", "/code/b"], given=None)
    (made,) = applied([], plan)
    assert (made.name, made.root_path, made.state) == ("Code", "/code", "active")
    assert (made.created_at, made.updated_at) == (NOW_MS, NOW_MS)
    assert paths(made) == ["/code/a", "/code/b"]
    assert {(each.workspace_id, each.status, each.bound_at) for each in made.projects} == {
        (made.id, "active", NOW_MS)
    }
    again = ImportPlan([made], NOW_MS)
    there = again.match("Code", "/code", ["/code/a", "/code/b"])
    again.gather("Code", "/code", ["/code/b", "/code/a"], given=there)
    assert again.changes == []


def test_a_directory_behind_a_link_is_known_by_its_real_path() -> None:
    plan = ImportPlan([SHOP], NOW_MS, {"/src/repository 2": "/real"})
    plan.gather("Shop", "/src/shop", ["/real", "/new"], given=SHOP)
    (stored,) = applied([SHOP], plan)
    assert paths(stored) == ["/src/repository 2", "/src/repository 4", "/new"]


SHOP_PATHS = paths(SHOP)


@pytest.mark.parametrize(
    ("name", "root", "directories", "expected"),
    [
        ("shop", "/elsewhere", [SHOP_PATHS[0], "/new"], "ws_01"),
        ("shop", "/src/shop", ["/new"], "ws_01"),
        ("shop", "/elsewhere", ["/new"], None),
        ("renamed", "/elsewhere", SHOP_PATHS, "ws_01"),
        ("part", "/elsewhere", SHOP_PATHS[:1], None),
        ("notes", "/elsewhere", ["/src/notes"], "ws_02"),
        ("gone", "/src/gone", ["/src/gone"], None),
    ],
)
def test_which_workspace_a_file_describes(
    name: str, root: str, directories: list[str], expected: str | None
) -> None:
    found = ImportPlan([SHOP, NOTES, GONE], NOW_MS).match(name, root, directories)
    assert (found.id if found else None) == expected


def test_repositories_become_workspaces_with_names_of_their_own() -> None:
    plan = ImportPlan([workspace(1, name="tool", root_path="/elsewhere"), NOTES], NOW_MS)
    plan_repositories(
        plan, "/c", ["/c/api", "/c/tool", "/c/x/tool", "/c/x/web", "/c/y/Web", "/src/notes", "/c/ "]
    )
    assert [(entry.fate, entry.name, entry.path) for entry in plan.entries] == [
        ("present", "notes", "/src/notes"),
        ("added", "api", "/c/api"),
        ("skipped", "tool", "/c/tool"),
        ("added", "x/tool", "/c/x/tool"),
        ("added", "x/web", "/c/x/web"),
        ("added", "y/Web", "/c/y/Web"),
        ("skipped", " ", "/c/ "),
    ]
    assert plan.entries[0].reason == "it is in “Notes” already"
    assert plan.entries[2].reason.startswith("the name is taken by “tool” at /elsewhere; --into")
    assert all(paths(each) == [each.root_path] for each in plan.added)


def test_repositories_are_known_wherever_they_are_bound() -> None:
    first = ImportPlan([SHOP], NOW_MS, {SHOP_PATHS[1]: "/real"})
    plan_repositories(first, "/c", ["/c/a", "/c/b/a", SHOP_PATHS[0], "/real"])
    assert [fate for fate, _, _ in fates(first)] == ["present", "present", "added", "added"]
    again = ImportPlan(applied([SHOP], first), NOW_MS, {SHOP_PATHS[1]: "/real"})
    plan_repositories(again, "/c", ["/c/a", "/c/b/a", SHOP_PATHS[0], "/real"])
    assert again.changes == []
    assert {fate for fate, _, _ in fates(again)} == {"present"}


def test_ids_are_new_and_rise() -> None:
    plan = ImportPlan([], NOW_MS)
    plan_repositories(plan, "/c", [f"/c/{number:03}" for number in range(200)])
    ids = [each.id for each in plan.added]
    assert ids == sorted(set(ids))
    assert [each.root_path for each in applied([], plan)] == [f"/c/{number:03}" for number in range(200)]
