"""Params that do not fit: each refusal names the method and the path of the field."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol.contract import BINDING, FITTING, WORKSPACE, names_of, raw
from workspaced_protocol import params as p
from workspaced_protocol.method import InvalidParams
from workspaced_protocol.methods import METHODS
from workspaced_protocol.models import Change, Workspace
from workspaced_protocol.params import CreateParams, UpdateParams

EXAMPLES = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


def refusal(method: str, value: object) -> InvalidParams:
    """What the method says of these params."""
    with pytest.raises(InvalidParams) as caught:
        METHODS[method].decode_params(raw(value))
    return caught.value


def workspace(**changed: object) -> dict[str, object]:
    return WORKSPACE | changed


def binding(**changed: object) -> dict[str, object]:
    return BINDING | changed


@pytest.mark.parametrize(
    ("method", "params", "path"),
    [
        # missing
        ("workspace.create", {}, "name"),
        ("workspace.create", {"name": "a"}, "rootPath"),
        ("workspace.create", ["a"], "rootPath"),
        ("daemon.hello", ["editor"], "protocol"),
        ("store.save", {"workspace": {}}, "workspace.id"),
        ("store.save", {"workspace": workspace(projects=[BINDING, {}])}, "workspace.projects[1].id"),
        # unknown
        ("daemon.ping", {"a": 1}, "a"),
        ("workspace.create", {"name": "a", "rootPath": "/", "root_path": "/"}, "root_path"),
        ("workspace.create", {"name": "a", "rootPath": "/", "Name": "a"}, "Name"),
        ("workspace.get", {"id": "ws_1", "ifRevision": 1}, "ifRevision"),
        ("store.save", {"workspace": workspace(colour="red")}, "workspace.colour"),
        ("store.save", [workspace(projects=[binding(x=1)])], "workspace.projects[0].x"),
        ("store.apply", {"changes": [{"remove": "ws_1"}, {"drop": "ws_1"}]}, "changes[1].drop"),
        ("store.apply", {"changes": [{"save": workspace(x=1)}]}, "changes[0].save.x"),
        # of a wrong type
        ("workspace.create", {"name": 1, "rootPath": "/"}, "name"),
        ("workspace.create", {"name": None, "rootPath": "/"}, "name"),
        ("workspace.create", ["a", ["/"]], "rootPath"),
        ("daemon.hello", {"client": "a", "protocol": "1"}, "protocol"),
        ("daemon.hello", {"client": "a", "protocol": 1.5}, "protocol"),
        ("daemon.hello", ["a", True], "protocol"),
        ("workspace.open", {"id": "ws_1", "ifRevision": "7"}, "ifRevision"),
        ("workspace.open", ["ws_1", False], "ifRevision"),
        ("store.save", {"workspace": 3}, "workspace"),
        ("store.save", {"workspace": None}, "workspace"),
        ("store.save", [[]], "workspace"),
        ("store.save", {"workspace": workspace(projects={})}, "workspace.projects"),
        ("store.save", {"workspace": workspace(projects=[3])}, "workspace.projects[0]"),
        (
            "store.save",
            {"workspace": workspace(projects=[BINDING, binding(gitUrl=1)])},
            "workspace.projects[1].gitUrl",
        ),
        ("store.apply", {"changes": {}}, "changes"),
        ("store.apply", {"changes": [{"save": 1}]}, "changes[0].save"),
        ("store.apply", [[{"remove": 1}]], "changes[0].remove"),
        # of a wrong value
        ("workspace.list", {"state": "open"}, "state"),
        ("workspace.list", ["Active"], "state"),
        ("workspace.open", {"id": "ws_1", "ifRevision": -1}, "ifRevision"),
        ("workspace.open", ["ws_1", 2**64], "ifRevision"),
        ("store.save", {"workspace": workspace(id="1")}, "workspace.id"),
        ("store.save", {"workspace": workspace(id="ws_1\n")}, "workspace.id"),
        ("store.save", {"workspace": workspace(state="")}, "workspace.state"),
        ("store.save", {"workspace": workspace(createdAt=2**53)}, "workspace.createdAt"),
        ("store.save", [workspace(projects=[binding(id="ws_1")])], "workspace.projects[0].id"),
        ("store.save", [workspace(projects=[binding(workspaceId="1")])], "workspace.projects[0].workspaceId"),
        ("store.save", [workspace(projects=[binding(status="ok")])], "workspace.projects[0].status"),
        ("store.apply", {"changes": [{}]}, "changes[0]"),
        ("store.apply", {"changes": [{"remove": "ws_1", "save": WORKSPACE}]}, "changes[0]"),
        ("store.apply", [[{"remove": "ws_1"}, {"remove": None}]], "changes[1]"),
        # numbers out of range
        ("workspace.open", b'{"id":"ws_1","ifRevision":1e999}', "ifRevision"),
        ("workspace.open", b'["ws_1",1e999]', "ifRevision"),
        ("workspace.open", b'["ws_1",%b]' % (b"9" * 5000), "ifRevision"),
        ("store.save", b'[{"id":"ws_1","createdAt":-1e999}]', "workspace.createdAt"),
    ],
)
def test_a_param_that_does_not_fit_is_named(method: str, params: object, path: str) -> None:
    error = refusal(method, params)
    assert error.path == path
    assert error.message == str(error)
    assert method in error.message
    assert f"`{path}`" in error.message
    assert error.message.endswith(".")


@pytest.mark.parametrize("params", [{}, [], {"id": None}, {"id": None, "name": None}, [None, None]])
def test_get_needs_an_id_or_a_name(params: object) -> None:
    error = refusal("workspace.get", params)
    assert error.path in ("id", "name")
    assert "workspace.get" in error.message


@pytest.mark.parametrize(
    "key", ["", "k" * 129, 1, ["k"], {"k": 1}, True], ids=["empty", "129", "number", "list", "object", "true"]
)
@pytest.mark.parametrize("method", [name for name in METHODS if "requestKey" in names_of(name)])
def test_a_request_key_has_1_to_128_characters(method: str, key: object) -> None:
    values = {name: FITTING[name] for name in names_of(method)}
    assert refusal(method, values | {"requestKey": key}).path == "requestKey"
    by_position = list((values | {"requestKey": key}).values())
    assert refusal(method, by_position).path == "requestKey"
    for fitting in ["k", "k" * 128, "😀" * 128, " ", "\n"]:
        METHODS[method].decode_params(raw(values | {"requestKey": fitting}))


@pytest.mark.parametrize("method", METHODS)
def test_too_many_params_by_position_are_told(method: str) -> None:
    values = [FITTING[name] for name in names_of(method)]
    error = refusal(method, [*values, None])
    assert error.path == f"[{len(values)}]"
    assert method in error.message
    for name in names_of(method):
        assert name in error.message
    assert str(len(values) + 1) in error.message


@pytest.mark.parametrize("method", METHODS)
def test_an_unknown_param_is_answered_with_the_known_ones(method: str) -> None:
    values = {name: FITTING[name] for name in names_of(method)}
    error = refusal(method, values | {"nmae": 1})
    assert error.path == "nmae"
    assert method in error.message
    assert "`nmae`" in error.message
    for name in names_of(method):
        assert name in error.message


NAMES = ["", " ", "a.b", "a[0]", "a`b", "`", "é😀", "a\nb", "$", "a - at `b", "a - at `$.b`", "a` - at `$.b"]


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_param_of_any_name_is_named(name: str) -> None:
    error = refusal("daemon.ping", {name: 1})
    assert error.path == name
    assert f"`{name}`" in error.message
    assert refusal("store.save", [workspace(**{name: 1})]).path == f"workspace.{name}"
    assert refusal("store.apply", [[{name: 1}]]).path == f"changes[0].{name}"


@pytest.mark.parametrize("text", NAMES)
def test_no_text_in_a_value_changes_the_path(text: str) -> None:
    assert refusal("workspace.list", {"state": text}).path == "state"
    assert refusal("store.save", [workspace(state=text)]).path == "workspace.state"
    assert refusal("store.save", [workspace(id=text)]).path == "workspace.id"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(-1e9, 1e9) | TEXT
NESTED = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
ANY = st.sampled_from(list(FITTING.values())) | NESTED


def outcome(method: str, value: object) -> p.Params | tuple[str, str]:
    try:
        return METHODS[method].decode_params(raw(value))
    except InvalidParams as error:
        return error.path, error.message


@EXAMPLES
@given(method=st.sampled_from(sorted(METHODS)), data=st.data())
def test_params_mean_the_same_by_name_and_by_position(method: str, data: st.DataObject) -> None:
    names = names_of(method)
    values = data.draw(st.tuples(*[st.just(FITTING[name]) | ANY for name in names]))
    count = data.draw(st.integers(0, len(names)))
    by_name = dict(zip(names[:count], values, strict=False))
    assert outcome(method, list(values[:count])) == outcome(method, by_name)


@EXAMPLES
@given(
    method=st.sampled_from(sorted(METHODS)),
    params=st.lists(ANY, max_size=6) | st.dictionaries(TEXT, ANY, max_size=4),
)
def test_any_params_are_taken_or_refused_with_a_sentence(method: str, params: object) -> None:
    result = outcome(method, params)
    if isinstance(result, tuple):
        assert result[1].startswith(method)
        assert result[1].endswith(".")


def test_changes_are_taken_in_their_order() -> None:
    params = METHODS["store.apply"].decode_params(
        raw({"changes": [{"remove": "ws_2"}, {"save": WORKSPACE, "remove": None}, {"remove": "ws_3"}]})
    )
    assert isinstance(params, p.ApplyParams)
    assert params.changes == (
        Change(remove="ws_2"),
        Change(save=msgspec.convert(WORKSPACE, Workspace)),
        Change(remove="ws_3"),
    )


@pytest.mark.requirement("FR-010")
def test_a_wrong_id_is_told_by_its_path_and_what_it_should_be() -> None:
    wrong_project = {"workspace": workspace(projects=[binding(id="ws_1")])}
    for method, params, path, kind in (
        ("store.save", {"workspace": workspace(id="x")}, "workspace.id", "ws_"),
        ("store.save", wrong_project, "workspace.projects[0].id", "proj_"),
        ("store.apply", {"changes": [{"save": workspace(id="x")}]}, "changes[0].save.id", "ws_"),
        ("store.apply", {"changes": [{"remove": "ws_1"}, {"remove": "x"}]}, "changes[1].remove", "ws_"),
    ):
        refused = refusal(method, params)
        assert refused.path == path
        expected = f"{method}: `{path}` is wrong: expected {kind}, then 1 to 128 of - _ A-Z a-z 0-9."
        assert refused.message == expected


def test_a_value_that_is_no_choice_is_told_with_the_choices() -> None:
    states, statuses = "active, closed, deleted", "active, stale"
    for method, params, path, value, choices in (
        ("workspace.list", {"sort": "size"}, "sort", "size", "created, name, recent"),
        ("workspace.list", ["it's - at `$.x`"], "state", "it's - at `$.x`", states),
        ("store.save", {"workspace": workspace(state="")}, "workspace.state", "", states),
        (
            "store.save",
            [workspace(projects=[binding(status="ok")])],
            "workspace.projects[0].status",
            "ok",
            statuses,
        ),
        ("store.apply", [[{"save": workspace(state="x")}]], "changes[0].save.state", "x", states),
        ("workspace.list", {"sort": "y" * 300}, "sort", "y" * 199 + "…", "created, name, recent"),
    ):
        refused = refusal(method, params)
        assert refused.path == path
        assert refused.message == f"{method}: `{path}` is wrong: “{value}” is none of {choices}."


def test_what_a_release_adds_stands_behind_what_was_there() -> None:
    older = METHODS["workspace.create"].decode_params(raw(["Alpha", "/a", "key"]))
    assert older == CreateParams(name="Alpha", root_path="/a", request_key="key")
    created = METHODS["workspace.create"].decode_params(raw(["Alpha", "/a", "key", ["t"], {"k": 1}]))
    assert created == CreateParams(
        name="Alpha", root_path="/a", request_key="key", tags=("t",), metadata={"k": 1}
    )
    older = METHODS["workspace.update"].decode_params(raw(["ws_1", "Alpha", "/a", 3, "key"]))
    assert older == UpdateParams(id="ws_1", name="Alpha", root_path="/a", if_revision=3, request_key="key")
    updated = METHODS["workspace.update"].decode_params(
        raw(["ws_1", None, None, None, None, [], {"k": None}])
    )
    assert updated == UpdateParams(id="ws_1", tags=(), metadata={"k": None})
