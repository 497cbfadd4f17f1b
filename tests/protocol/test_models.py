"""Models: their JSON is the contract's, name by name, and what the contract does not allow is refused."""

import json
from typing import Any

import msgspec
import pytest

from workspaced_protocol.daemon_models import (
    CommitStatistics,
    DaemonStatus,
    Hello,
    RecoveryStatus,
    StoreStatus,
)
from workspaced_protocol.models import (
    WRONG_PROJECT_ID,
    WRONG_WORKSPACE_ID,
    Change,
    FileCheck,
    Model,
    ProjectBinding,
    ProjectId,
    Session,
    StoreCheck,
    StoreRevision,
    Workspace,
    WorkspaceId,
)
from workspaced_protocol.problems import problem_at

BINDING = ProjectBinding(
    id="proj_1", workspace_id="ws_1", root_path="/a/b", status="stale", bound_at=1_700_000_000_000
)
BINDING_JSON = {
    "id": "proj_1",
    "workspaceId": "ws_1",
    "rootPath": "/a/b",
    "status": "stale",
    "boundAt": 1_700_000_000_000,
}
WORKSPACE = Workspace(
    id="ws_1",
    name="Alpha",
    root_path="/a",
    state="active",
    created_at=1,
    updated_at=2,
    revision=3,
    projects=(BINDING,),
)
WORKSPACE_JSON = {
    "id": "ws_1",
    "name": "Alpha",
    "rootPath": "/a",
    "state": "active",
    "createdAt": 1,
    "updatedAt": 2,
    "revision": 3,
    "projects": [BINDING_JSON],
}
STATUS = DaemonStatus(
    version="0.1.0",
    protocol=1,
    pid=4711,
    data_dir="/data",
    socket="/run/s",
    started_at=5,
    revision=6,
    workspaces=7,
    sessions=8,
    connections=9,
    recovery=RecoveryStatus(outcome="clean", quarantined=(), acknowledged=True),
    store=StoreStatus(state="ok"),
    commits=CommitStatistics(count=10, requests=11, p50_ms=1.5, p95_ms=2.0),
)
STATUS_JSON = {
    "version": "0.1.0",
    "protocol": 1,
    "pid": 4711,
    "dataDir": "/data",
    "socket": "/run/s",
    "startedAt": 5,
    "revision": 6,
    "workspaces": 7,
    "sessions": 8,
    "connections": 9,
    "recovery": {"outcome": "clean", "quarantined": [], "acknowledged": True},
    "store": {"state": "ok"},
    "commits": {"count": 10, "requests": 11, "p50Ms": 1.5, "p95Ms": 2.0},
}

SHAPES: list[tuple[Model, object]] = [
    (BINDING, BINDING_JSON),
    (msgspec.structs.replace(BINDING, git_url="git@x:y.git"), BINDING_JSON | {"gitUrl": "git@x:y.git"}),
    (WORKSPACE, WORKSPACE_JSON),
    (
        msgspec.structs.replace(WORKSPACE, name="", revision=0, projects=()),
        WORKSPACE_JSON | {"name": "", "revision": 0, "projects": []},
    ),
    (
        Session(id="ss_1", workspace_id="ws_1", label="shell", pid=4711, started_at=5),
        {"id": "ss_1", "workspaceId": "ws_1", "label": "shell", "pid": 4711, "startedAt": 5},
    ),
    (
        Session(id="ss_1", workspace_id="ws_1", label=None, pid=0, started_at=0),
        {"id": "ss_1", "workspaceId": "ws_1", "label": None, "pid": 0, "startedAt": 0},
    ),
    (
        Hello(server="workspaced", version="0.1.0", protocol=1, capabilities=("events",)),
        {"server": "workspaced", "version": "0.1.0", "protocol": 1, "capabilities": ["events"]},
    ),
    (
        RecoveryStatus(
            outcome="dataLoss",
            reason="both damaged",
            quarantined=("/q/1", "/q/2"),
            acknowledged=False,
            salvageable_count=3,
        ),
        {
            "outcome": "dataLoss",
            "reason": "both damaged",
            "quarantined": ["/q/1", "/q/2"],
            "acknowledged": False,
            "salvageableCount": 3,
        },
    ),
    (
        StoreStatus(state="readOnly", last_error="disk full"),
        {"state": "readOnly", "lastError": "disk full"},
    ),
    (
        StoreStatus(state="readOnly", last_error="no quorum", since=7),
        {"state": "readOnly", "lastError": "no quorum", "since": 7},
    ),
    (STATUS, STATUS_JSON),
    (
        StoreCheck(primary=FileCheck(corrupted=True, reason="empty"), snapshot=FileCheck(corrupted=False)),
        {"primary": {"corrupted": True, "reason": "empty"}, "snapshot": {"corrupted": False}},
    ),
    (StoreRevision(revision=0), {"revision": 0}),
    (Change(save=WORKSPACE), {"save": WORKSPACE_JSON}),
    (Change(remove="ws_1"), {"remove": "ws_1"}),
]


@pytest.mark.parametrize(("model", "shape"), SHAPES)
def test_a_model_s_json_is_the_contract_s(model: Model, shape: object) -> None:
    assert json.loads(msgspec.json.encode(model)) == shape
    assert msgspec.json.decode(json.dumps(shape), type=type(model)) == model


# `?` for a member that may be absent.
MEMBERS: dict[type[Model], str] = {
    ProjectBinding: "id workspaceId rootPath gitUrl? status boundAt machine?",
    # Absent only in what a client sends: the store sets it.
    Workspace: "id name rootPath state createdAt updatedAt revision? tags? metadata? machine? projects",
    Session: "id workspaceId label pid startedAt exclusive? machine?",
    Hello: "server version protocol capabilities",
    DaemonStatus: (
        "version protocol pid dataDir socket startedAt revision workspaces sessions connections recovery store commits "
        "machine?"
    ),
    # occurredAt is beyond the contract: a user is told when it happened, too.
    RecoveryStatus: "outcome reason? quarantined acknowledged occurredAt? salvageableCount?",
    StoreStatus: "state lastError? since?",
    CommitStatistics: "count requests p50Ms p95Ms",
    StoreCheck: "primary snapshot",
    FileCheck: "corrupted reason?",
    StoreRevision: "revision",
    Change: "save? remove?",
}


@pytest.mark.parametrize("model", MEMBERS)
def test_a_model_has_the_contract_s_members_and_no_others(model: type[Model]) -> None:
    fields = msgspec.structs.fields(model)
    members = {field.encode_name if field.required else f"{field.encode_name}?" for field in fields}
    assert members == set(MEMBERS[model].split())


@pytest.mark.parametrize(("model", "shape"), SHAPES)
def test_a_model_refuses_members_that_it_does_not_know(model: Model, shape: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `more`"):
        msgspec.convert(shape | {"more": 1}, type(model))


@pytest.mark.parametrize(("model", "shape"), SHAPES)
def test_a_model_needs_every_member_that_is_not_optional(model: Model, shape: dict[str, object]) -> None:
    for member in MEMBERS[type(model)].split():
        if not member.endswith("?"):
            less = {name: value for name, value in shape.items() if name != member}
            with pytest.raises(msgspec.ValidationError, match=f"missing required field `{member}`"):
                msgspec.convert(less, type(model))


@pytest.mark.parametrize(("model", "shape"), SHAPES)
def test_a_model_can_not_be_changed(model: Model, shape: object) -> None:
    for field in msgspec.structs.fields(model):
        with pytest.raises(AttributeError):
            setattr(model, field.name, getattr(model, field.name))


def test_tags_and_metadata_are_absent_where_empty() -> None:
    plain = msgspec.json.decode(json.dumps(WORKSPACE_JSON), type=Workspace)
    assert (plain.tags, plain.metadata) == ((), {})
    assert plain.metadata is not msgspec.convert(WORKSPACE_JSON, Workspace).metadata
    empties: list[dict[str, object]] = [{"tags": []}, {"metadata": {}}, {"tags": [], "metadata": {}}]
    for empty in empties:
        assert msgspec.json.decode(json.dumps(WORKSPACE_JSON | empty), type=Workspace) == plain
    assert json.loads(msgspec.json.encode(plain)) == WORKSPACE_JSON


def test_a_workspace_of_a_later_release_is_read_whatever_its_limits_were() -> None:
    given = {"tags": ["t" * 999] * 99, "metadata": {"": 1, "k" * 999: ["x" * 99_999]}}
    read = msgspec.json.decode(json.dumps(WORKSPACE_JSON | given), type=Workspace)
    assert json.loads(msgspec.json.encode(read)) == WORKSPACE_JSON | given


def test_the_schema_has_the_limits_of_tags_and_metadata() -> None:
    _, components = msgspec.json.schema_components([Workspace])
    properties = components["Workspace"]["properties"]
    assert properties["tags"]["maxItems"] == 32
    assert properties["tags"]["items"] == {"type": "string", "minLength": 1, "maxLength": 64}
    assert properties["metadata"]["propertyNames"] == {"minLength": 1, "maxLength": 128}
    assert {"tags", "metadata"}.isdisjoint(components["Workspace"]["required"])


def test_a_workspace_comes_without_a_revision_and_goes_with_one() -> None:
    given = {name: value for name, value in WORKSPACE_JSON.items() if name != "revision"}
    workspace = msgspec.convert(given, Workspace)
    assert workspace.revision == 0
    assert json.loads(msgspec.json.encode(workspace))["revision"] == 0


def test_a_null_member_counts_as_absent() -> None:
    assert msgspec.convert(BINDING_JSON | {"gitUrl": None}, ProjectBinding) == BINDING
    assert msgspec.convert({"save": None, "remove": "ws_1"}, Change) == Change(remove="ws_1")


@pytest.mark.parametrize("change", [{}, {"save": None}, {"save": WORKSPACE_JSON, "remove": "ws_1"}])
def test_a_change_holds_one_of_the_two(change: object) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"save.*remove"):
        msgspec.convert(change, Change)


# Values


@pytest.mark.requirement("FR-010")
@pytest.mark.parametrize(("type_", "prefix"), [(WorkspaceId, "ws_"), (ProjectId, "proj_")])
@pytest.mark.parametrize(
    "rest", ["1", "a", "Z", "_", "-", "01HZY6Q9B1V3C5D7E9F0G2H4J6", "a" * 128, "-" * 128, "ws_", "proj_1"]
)
def test_an_id_has_1_to_128_url_safe_characters(type_: object, prefix: str, rest: str) -> None:
    assert msgspec.convert(prefix + rest, type_) == prefix + rest


@pytest.mark.requirement("FR-010")
@pytest.mark.parametrize(("type_", "prefix"), [(WorkspaceId, "ws_"), (ProjectId, "proj_")])
@pytest.mark.parametrize(
    "id_",
    [
        *[
            "",
            "{}",
            "{}{long}",
            "1",
            "_1",
            "{}a\n",
            "{}\n",
            "\n{}a",
            "{}a\r",
            "{}a\n{}b",
            "{}a b",
            " {}a",
            "{}a ",
        ],
        *["{}a.b", "{}a/b", "{}a%20", "{}é", "{}٣", "{}ａ", "{}a\0", "{}a\u2028", "x{}a", "ss_1", "cor_1"],
    ],
)
def test_any_other_id_is_refused(type_: object, prefix: str, id_: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(id_.replace("{}", prefix).replace("{long}", "a" * 129), type_)


def test_ids_are_told_apart_by_their_prefix() -> None:
    for id_, type_ in [
        ("proj_1", WorkspaceId),
        ("ws_1", ProjectId),
        ("WS_1", WorkspaceId),
        ("ws-1", WorkspaceId),
    ]:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(id_, type_)


@pytest.mark.requirement("FR-010")
@pytest.mark.parametrize("wrong", ["", "ws_", "ws_a b", "ws_a\n", "ws_" + "a" * 129, "x_1", "ws_é"])
def test_a_workspace_refuses_wrong_ids_wherever_they_stand(wrong: str) -> None:
    binding = {**BINDING_JSON, "workspaceId": "ws_other"}  # as given, though not the one that it is in
    assert msgspec.convert({**WORKSPACE_JSON, "projects": [binding]}, Workspace).projects[0].id
    for path, shape in (
        ("id", {**WORKSPACE_JSON, "id": wrong}),
        ("projects[1].id", {**WORKSPACE_JSON, "projects": [binding, {**binding, "id": wrong}]}),
        ("projects[0].workspaceId", {**WORKSPACE_JSON, "projects": [{**binding, "workspaceId": wrong}]}),
    ):
        # Any: a type that mypy has no type for (PEP 747 will bring one).
        cases: list[tuple[Any, object, str]] = [
            (Workspace, shape, path),
            (list[Workspace], [WORKSPACE_JSON, shape], f"[1].{path}"),
            (Change, {"save": shape}, f"save.{path}"),
        ]
        for type_, value, where in cases:
            with pytest.raises(msgspec.ValidationError) as caught:
                msgspec.json.decode(json.dumps(value), type=type_)
            problem = WRONG_PROJECT_ID if path == "projects[1].id" else WRONG_WORKSPACE_ID
            assert problem_at(caught.value) == (problem, where)
    with pytest.raises(ValueError, match="expected ws_"):
        msgspec.structs.replace(WORKSPACE, id=wrong)


def test_a_problem_is_told_apart_from_its_place() -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode('[1, "x"]', type=list[int])
    assert problem_at(caught.value) == ("expected `int`, got `str`", "[1]")
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode('"x"', type=int)
    assert problem_at(caught.value) == ("expected `int`, got `str`", "")
    for wrong, problem in ((Change, WRONG_WORKSPACE_ID), (dict[str, ProjectId], WRONG_PROJECT_ID)):
        with pytest.raises(msgspec.ValidationError) as caught:
            msgspec.convert({"remove": "x"}, wrong)
        assert problem_at(caught.value) == (problem, "remove" if wrong is Change else "")


INTEGERS: list[tuple[type[Model], dict[str, object], str]] = [
    (Workspace, WORKSPACE_JSON, "createdAt"),
    (Workspace, WORKSPACE_JSON, "updatedAt"),
    (Workspace, WORKSPACE_JSON, "revision"),
    (ProjectBinding, BINDING_JSON, "boundAt"),
    (DaemonStatus, STATUS_JSON, "startedAt"),
    (DaemonStatus, STATUS_JSON, "revision"),
    (StoreRevision, {"revision": 1}, "revision"),
]


@pytest.mark.parametrize(("model", "shape", "member"), INTEGERS)
def test_times_and_revisions_are_those_that_any_json_reader_holds(
    model: type[Model], shape: dict[str, object], member: str
) -> None:
    taken: list[object] = [0, 1, 2**31, 2**53 - 1]
    for value in taken:
        stored = msgspec.json.encode(msgspec.convert(shape | {member: value}, model))
        assert json.loads(stored)[member] == value
    refused: list[object] = [-1, 2**53, 2**53 + 1, 2**63, 2**64, 10**400, 1.5, "1", True, None, [1]]
    for value in refused:
        with pytest.raises(msgspec.ValidationError, match=rf"\$\.{member}"):
            msgspec.json.decode(json.dumps(shape | {member: value}), type=model)


@pytest.mark.parametrize(
    ("model", "shape", "member", "values"),
    [
        (Workspace, WORKSPACE_JSON, "state", ["active", "closed", "deleted"]),
        (ProjectBinding, BINDING_JSON, "status", ["active", "stale"]),
        (
            RecoveryStatus,
            STATUS_JSON["recovery"],
            "outcome",
            ["fresh", "clean", "recovered", "dataLoss"],
        ),
        (StoreStatus, STATUS_JSON["store"], "state", ["ok", "degraded", "readOnly"]),
    ],
)
def test_a_word_is_one_of_the_contract_s(
    model: type[Model], shape: dict[str, object], member: str, values: list[str]
) -> None:
    for value in values:
        assert getattr(msgspec.convert(shape | {member: value}, model), member) == value
    refused: list[object] = ["", "Active", "active ", "open", "unknown", 1, None]
    for wrong in refused:
        with pytest.raises(msgspec.ValidationError, match=rf"\$\.{member}"):
            msgspec.convert(shape | {member: wrong}, model)


@pytest.mark.parametrize("text", ["", " ", "é😀", "\0\n", "x" * 100_000, "\u2028", "\x7f"])
def test_text_is_kept_as_it_is(text: str) -> None:
    workspace = msgspec.structs.replace(WORKSPACE, name=text, root_path=text)
    stored = msgspec.json.encode(workspace)
    assert b"\n" not in stored
    assert msgspec.json.decode(stored, type=Workspace) == workspace
