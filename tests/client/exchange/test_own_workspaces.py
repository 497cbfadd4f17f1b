"""The projects in lists as workspaces of their own: which are new, and how each is named."""

from collections.abc import Sequence

from msgspec import structs

from support.samples import project, workspace
from workspaced_client.exchange.import_plan import ImportPlan
from workspaced_client.exchange.listed import Listed, merged, usable_tags
from workspaced_client.exchange.own_workspaces import plan_projects
from workspaced_protocol.models import Workspace

NOW_MS = 1_800_000_000_000


def planned(projects: Sequence[Listed], current: Sequence[Workspace] = ()) -> ImportPlan:
    plan = ImportPlan(current, NOW_MS)
    plan_projects(plan, projects)
    return plan


def names(projects: Sequence[Listed], current: Sequence[Workspace] = ()) -> list[str]:
    return [each.name for each in planned(projects, current).added]


def test_a_project_becomes_a_workspace_with_its_name_and_its_tags() -> None:
    plan = planned([Listed("/srv/web", "Shop", ("b", "a ")), Listed("/srv/api")])
    shop, api = plan.added
    assert (shop.name, shop.root_path, shop.tags, [each.root_path for each in shop.projects]) == (
        "Shop",
        "/srv/web",
        ("a", "b"),
        ["/srv/web"],
    )
    assert (api.name, api.tags) == ("api", ())
    assert [each.tags for each in plan.entries] == [("a", "b"), ()]


def test_two_of_one_name_are_told_apart_by_the_path_above() -> None:
    assert names([Listed("/a/web"), Listed("/b/Web"), Listed("/c/api")]) == ["a/web", "b/Web", "api"]
    assert names([Listed("/a/x/web"), Listed("/b/x/web")]) == ["a/x/web", "b/x/web"]


def test_a_name_that_a_person_gave_beats_that_of_a_directory() -> None:
    assert names([Listed("/a/web"), Listed("/b/api", "web")]) == ["a/web", "web"]
    assert names([Listed("/a/one", "Same"), Listed("/b/two", "same")]) == ["one", "two"]
    assert names([Listed("/a/one", " \u200b")]) == ["one"]


def test_a_name_that_a_workspace_has_is_not_taken_from_it() -> None:
    here = workspace(1, name="WEB", root_path="/elsewhere")
    assert names([Listed("/a/web"), Listed("/b/x", "Web")], [here]) == ["a/web", "x"]
    taken = [workspace(number, name=name) for number, name in enumerate(("web", "a/web"), 1)]
    plan = planned([Listed("/a/web")], taken)
    assert plan.added == []
    assert "the name is taken by" in plan.entries[0].reason


def test_what_a_workspace_holds_is_not_added_again() -> None:
    here = workspace(1, name="All", projects=(project(2, "ws_01"),))
    path = here.projects[0].root_path
    plan = planned([Listed(path, "Other")], [here])
    assert [(each.fate, each.name, each.reason) for each in plan.entries] == [
        ("present", "Other", "it is in “All” already")
    ]
    assert plan.changes == []


def test_a_project_of_several_directories_is_one_workspace_and_gets_what_it_lacks() -> None:
    first = Listed("/srv/web", "Shop", (), ("/srv/api", "/srv/web"))
    (shop,) = planned([first]).added
    assert [each.root_path for each in shop.projects] == ["/srv/web", "/srv/api"]
    assert planned([first], [shop]).changes == []
    renamed = structs.replace(shop, name="Store")
    assert planned([first], [renamed]).changes == []
    more = Listed("/srv/web", "Shop", (), ("/srv/api", "/srv/lib"))
    (grown,) = planned([more], [shop]).changed
    assert [each.root_path for each in grown.projects] == ["/srv/web", "/srv/api", "/srv/lib"]


def test_two_of_several_directories_and_one_name_are_known_the_second_time() -> None:
    both = [Listed("/a/web", "Shop", (), ("/a/api",)), Listed("/b/web", "Shop", (), ("/b/api",))]
    made = planned(both).added
    assert [each.name for each in made] == ["a/web", "b/web"]
    assert planned(both, made).changes == []
    grown = planned([Listed("/b/web", "Shop", (), ("/b/api", "/b/new"))], made).changed
    assert [(each.id, len(each.projects)) for each in grown] == [(made[1].id, 3)]


def test_many_of_one_name_are_planned_in_no_time() -> None:
    many = [Listed(f"/{number}/src") for number in range(3000)]
    assert len(set(names(many))) == 3000


def test_lists_of_the_same_projects_are_merged() -> None:
    assert merged(
        [
            Listed("/a", "", ("x",), (), is_visited_directory=True),
            Listed("/b"),
            Listed("/a", "A", ("y", "x"), ("/c",)),
            Listed("/a", "Other"),
        ]
    ) == [Listed("/a", "A", ("x", "y"), ("/c",)), Listed("/b")]


def test_tags_that_a_workspace_may_not_have_are_left_out_with_a_note() -> None:
    assert usable_tags(["Work", " work", "a\tb", ""]) == (("Work", "a b"), "")
    limits = "a workspace has at most 32 tags, of 1 to 64 characters"
    assert usable_tags(["x" * 65, "\u200b", "ok"]) == (
        ("ok",),
        f"without the tags “{'x' * 20}”, “\u200b”: {limits}",
    )
    many = [f"t{number:02}" for number in range(40)]
    kept, note = usable_tags(many)
    assert kept == tuple(many[:32])
    assert note == f"without the tags “t32”, “t33”, “t34” and 5 more: {limits}"
    (shop,) = planned([Listed("/srv", "Shop", tuple(many))]).added
    assert len(shop.tags) == 32
