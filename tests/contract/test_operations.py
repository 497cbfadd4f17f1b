"""The six operations that apps use: what each of them does, whatever kind of store is behind it."""

import json
import unicodedata
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from support.samples import fifty_by_ten, less_revision, project, stored_workspaces, workspace
from workspaced.domain import errors
from workspaced.store import WorkspaceStore
from workspaced_protocol.models import Workspace


def refusal(error: pytest.ExceptionInfo[Exception]) -> tuple[str, dict[str, object]]:
    """The sentence, and what programs need beside it."""
    data = getattr(error.value, "data", None)
    assert isinstance(data, dict)
    return str(error.value), cast("dict[str, object]", data)


@pytest.mark.requirement("T011")
def test_a_fresh_store_is_empty(store: WorkspaceStore) -> None:
    assert store.get_all() == []
    assert store.get_by_id("ws_01") is None
    assert store.get_by_name("Workspace 1") is None
    store.remove("ws_01")
    store.flush()
    assert store.get_all() == []


@pytest.mark.requirement("T011")
def test_a_saved_workspace_is_found_by_id_and_by_name(store: WorkspaceStore) -> None:
    saved = store.save(workspace(1))
    assert less_revision([saved]) == [workspace(1)]
    assert store.get_by_id("ws_01") == saved
    assert store.get_by_name("Workspace 1") == saved
    assert store.get_all() == [saved]
    assert store.get_by_id("ws_02") is None
    assert store.get_by_id("WS_01") is None
    assert store.get_by_name("Workspace") is None
    assert store.get_by_name("") is None


@pytest.mark.requirement("T011")
def test_save_keeps_every_field_as_given_but_the_revision(store: WorkspaceStore) -> None:
    given = Workspace(
        id="ws_" + "aZ9_-" * 25 + "abc",
        name='  日本語ワークスペース\t🚀 “\\"/\x07\u2028e\u0301 ',
        root_path="/srv/日本語 dir/\n/../a//b/",
        state="closed",
        created_at=2**53 - 1,
        updated_at=0,
        revision=4711,
        tags=("b ", "a", "日本語"),
        metadata={"editor.size": 13, "deep": {"list": [None, True, -0.0, 1e22, "\0"]}},
        projects=(
            project(3, "ws_another", git_url="git@example.com:team/é.git"),
            project(1, "ws_another"),
            structs.replace(project(2, "ws_another"), root_path="", git_url="", bound_at=0),
        ),
    )
    first = store.save(given)
    assert first == store.get_by_id(given.id)
    assert less_revision([first]) == less_revision([given])
    again = store.save(given)
    assert first.revision < again.revision < 4711


@pytest.mark.parametrize(
    "metadata",
    [
        {"a": float("nan")},
        {"a": [float("inf")]},
        {"a": 2**64},
        {"a": 2**70},
        {"a": b"bytes"},
        {"a": {1, 2}},
        {"a": object},
        {"a": {1: 2}},
        {1: 2},
        {"a": {"b": Decimal("1.5")}},
        {"a": "x" * 17_000},
        {"": 1},
        json.loads('{"a":' * 65 + "1" + "}" * 65),
    ],
    ids=lambda metadata: repr(metadata)[:30],
)
def test_metadata_that_would_not_be_kept_is_refused_with_its_field(
    store: WorkspaceStore, metadata: dict[Any, object]
) -> None:
    with pytest.raises(errors.InvalidField, match="workspace") as caught:
        store.save(structs.replace(workspace(1), metadata=metadata))
    assert str(caught.value).endswith(".")
    assert store.get_all() == []


def test_metadata_of_code_that_contains_itself_is_refused(store: WorkspaceStore) -> None:
    endless: dict[str, object] = {}
    endless["me"] = endless
    with pytest.raises(errors.InvalidField, match="workspace"):
        store.save(structs.replace(workspace(1), metadata=endless))


def test_what_code_does_to_its_metadata_later_changes_nothing(store: WorkspaceStore) -> None:
    metadata: dict[str, object] = {"a": [1]}
    store.save(structs.replace(workspace(1), metadata=metadata))
    metadata["a"] = [2]
    saved = store.get_by_id("ws_01")
    assert saved is not None
    assert saved.metadata == {"a": [1]}


@pytest.mark.requirement("T011")
def test_save_puts_a_workspace_in_place_of_the_one_of_its_id(store: WorkspaceStore) -> None:
    store.save(workspace(1, projects=(project(1, "ws_01"), project(2, "ws_01"))))
    store.save(workspace(2))
    changed = workspace(1, name="Other", root_path="/other", state="closed", projects=(project(3, "ws_01"),))
    saved = store.save(changed)
    assert less_revision([saved]) == [changed]
    assert store.get_by_id("ws_01") == store.get_by_name("Other") == saved
    assert less_revision(store.get_all()) == [changed, workspace(2)]
    assert store.get_by_name("Workspace 1") is None


def test_each_save_gives_a_higher_revision_to_its_workspace_alone(store: WorkspaceStore) -> None:
    first, second = store.save(workspace(1)), store.save(workspace(2))
    third = store.save(workspace(1))
    assert first.revision < second.revision < third.revision
    assert store.get_by_id("ws_02") == second


@pytest.mark.requirement("T011")
def test_all_come_sorted_by_creation_time(store: WorkspaceStore) -> None:
    times = {3: 500, 1: 20, 4: 9, 2: 100, 5: 0}
    for number, created_at in times.items():
        store.save(workspace(number, created_at=created_at))
    assert [workspace.created_at for workspace in store.get_all()] == [0, 9, 20, 100, 500]
    store.save(workspace(3, created_at=10))
    assert [workspace.id for workspace in store.get_all()] == ["ws_05", "ws_04", "ws_03", "ws_01", "ws_02"]


def test_those_of_one_time_come_in_the_same_order_each_time(store: WorkspaceStore) -> None:
    for number in (3, 1, 2):
        store.save(workspace(number, created_at=7))
    order = store.get_all()
    store.save(workspace(3, created_at=7))
    store.flush()
    assert [workspace.id for workspace in store.get_all()] == [workspace.id for workspace in order]


@pytest.mark.requirement("FR-002")
@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("Alpha", "aLPHA"),
        ("STRASSE", "straße"),
        ("straße", "STRASSE"),
        ("\u00c9", "E\u0301"),
        ("e\u0301", "\u00c9"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("日本語 🚀", "日本語 🚀"),
    ],
)
def test_a_name_is_found_and_taken_without_regard_to_case(
    store: WorkspaceStore, name: str, asked: str
) -> None:
    saved = store.save(workspace(1, name=name))
    assert saved.name == name
    assert store.get_by_name(asked) == saved
    with pytest.raises(errors.NameConflict) as refused:
        store.save(workspace(2, name=asked))
    message, data = refusal(refused)
    assert asked in message
    assert data["id"] == "ws_01"
    assert store.get_all() == [saved]


@pytest.mark.requirement("FR-002")
def test_a_workspace_may_be_given_its_own_name_in_another_case(store: WorkspaceStore) -> None:
    store.save(workspace(1, name="Alpha"))
    saved = store.save(workspace(1, name="ALPHA"))
    assert store.get_by_name("alpha") == saved
    assert saved.name == "ALPHA"


@pytest.mark.requirement("FR-002")
def test_a_taken_name_is_refused_to_another_workspace_that_is_there(store: WorkspaceStore) -> None:
    before = [store.save(workspace(1)), store.save(workspace(2))]
    with pytest.raises(errors.NameConflict):
        store.save(workspace(2, name="WORKSPACE 1"))
    assert store.get_all() == before
    assert store.get_by_name("Workspace 2") == before[1]


@pytest.mark.requirement("FR-002")
def test_a_removed_workspace_frees_its_name(store: WorkspaceStore) -> None:
    store.save(workspace(1, name="Alpha"))
    store.remove("ws_01")
    saved = store.save(workspace(2, name="alpha"))
    assert store.get_by_name("Alpha") == saved


@pytest.mark.requirement("FR-002")
def test_a_renamed_workspace_frees_its_former_name(store: WorkspaceStore) -> None:
    store.save(workspace(1, name="Alpha"))
    store.save(workspace(1, name="Beta"))
    saved = store.save(workspace(2, name="alpha"))
    assert store.get_by_name("Alpha") == saved


@pytest.mark.requirement("FR-001", "FR-002")
def test_a_workspace_in_the_deleted_state_is_kept_and_frees_its_name(store: WorkspaceStore) -> None:
    store.save(workspace(1, name="Alpha"))
    gone = store.save(workspace(1, name="Alpha", state="deleted"))
    assert store.get_by_name("Alpha") is None
    assert store.get_by_id("ws_01") == gone
    taken = store.save(workspace(2, name="ALPHA"))
    assert store.get_by_name("Alpha") == taken
    assert store.get_all() == [gone, taken]
    with pytest.raises(errors.NameConflict):
        store.save(workspace(1, name="Alpha"))
    store.save(workspace(3, name="alpha", state="deleted"))
    assert store.get_by_name("Alpha") == taken


@pytest.mark.requirement("T011")
def test_remove_takes_out_one_workspace(store: WorkspaceStore) -> None:
    first, second = store.save(workspace(1)), store.save(workspace(2))
    store.remove(first.id)
    assert store.get_by_id(first.id) is None
    assert store.get_by_name(first.name) is None
    assert store.get_all() == [second]


@pytest.mark.requirement("T011")
def test_remove_of_an_unknown_id_is_no_error(store: WorkspaceStore) -> None:
    saved = store.save(workspace(1))
    store.remove("ws_99")
    store.remove("")
    assert store.get_all() == [saved]
    store.remove("ws_01")
    store.remove("ws_01")
    assert store.get_all() == []
    again = store.save(workspace(1))
    assert again.revision > saved.revision


@pytest.mark.requirement("T011")
def test_flush_changes_nothing_and_may_be_repeated(store: WorkspaceStore) -> None:
    saved = store.save(workspace(1))
    store.flush()
    store.flush()
    assert store.get_all() == [saved]


@pytest.mark.requirement("FR-002")
@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        (workspace(1, name=""), "workspace.name"),
        (workspace(1, name=" \u3000\t"), "workspace.name"),
        (workspace(1, root_path=""), "workspace.rootPath"),
        (workspace(1, root_path="src"), "workspace.rootPath"),
        (workspace(1, root_path="/a\0b"), "workspace.rootPath"),
        (workspace(1, projects=(project(1, "ws_01"), project(1, "ws_01"))), "workspace.projects[1].id"),
    ],
    ids=["no name", "a blank name", "no path", "a relative path", "NUL in the path", "a project twice"],
)
def test_what_can_not_be_accepted_is_refused_and_named(
    store: WorkspaceStore, wrong: Workspace, path: str
) -> None:
    saved = store.save(workspace(1))
    with pytest.raises(errors.InvalidField) as refused:
        store.save(wrong)
    _, data = refusal(refused)
    assert data["path"] == path
    assert store.get_all() == [saved]


@pytest.mark.requirement("FR-002")
def test_a_name_of_1000_characters_is_kept(store: WorkspaceStore) -> None:
    saved = store.save(workspace(1, name="é🚀" * 500))
    assert len(saved.name) == 1000
    assert store.get_by_name(unicodedata.normalize("NFD", "É🚀" * 500)) == saved


def test_a_result_is_the_callers_own(store: WorkspaceStore) -> None:
    saved = store.save(workspace(1))
    everything = store.get_all()
    everything.clear()
    assert store.get_all() == [saved]
    store.remove("ws_01")
    assert less_revision([saved]) == [workspace(1)]  # what was read stays as it was


def test_fifty_workspaces_of_ten_projects_are_kept(store: WorkspaceStore) -> None:
    for one in reversed(fifty_by_ten()):
        store.save(one)
    assert less_revision(store.get_all()) == fifty_by_ten()
    for one in fifty_by_ten():
        found = store.get_by_name(one.name)
        assert found is not None
        assert found == store.get_by_id(one.id)


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(workspaces=stored_workspaces(), data=st.data())
def test_any_workspaces_are_kept_as_given(
    store: WorkspaceStore, workspaces: list[Workspace], data: st.DataObject
) -> None:
    for left in store.get_all():  # by the example before
        store.remove(left.id)
    for one in workspaces:
        store.save(one)
    everything = store.get_all()
    assert [one.created_at for one in everything] == sorted(one.created_at for one in workspaces)
    assert {one.id: one for one in less_revision(everything)} == {one.id: one for one in workspaces}
    if workspaces:
        gone = data.draw(st.sampled_from(workspaces))
        store.remove(gone.id)
        assert store.get_all() == [one for one in everything if one.id != gone.id]
