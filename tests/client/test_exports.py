"""The public names: what is listed can be imported, static tools see it, and it reports its public module."""

import ast
import importlib
import inspect
import pickle
from pathlib import Path
from types import ModuleType

import pytest

import workspaced_client
from workspaced_client import aio, errors, events, testing

FACES = (workspaced_client, aio, errors, events, testing)

face_by_face = pytest.mark.parametrize("face", FACES, ids=lambda face: face.__name__)


def exported_classes() -> list[type]:
    members = {getattr(face, name) for face in FACES for name in face.__all__}
    return sorted((member for member in members if inspect.isclass(member)), key=lambda one: one.__name__)


def statically_exported(face: ModuleType) -> set[str]:
    """The names that a face imports from this project, as a tool sees them that does not run it."""
    assert face.__file__ is not None
    tree = ast.parse(Path(face.__file__).read_text())
    branches = [node for node in tree.body if isinstance(node, ast.If)]
    of_type_checkers = [node for node in branches if ast.unparse(node.test) == "TYPE_CHECKING"]
    statements = [*tree.body, *(inner for branch in of_type_checkers for inner in branch.body)]
    return {
        alias.asname or alias.name
        for node in statements
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("workspaced_")
        for alias in node.names
    }


@face_by_face
def test_what_is_listed_can_be_imported(face: ModuleType) -> None:
    for name in face.__all__:
        assert getattr(face, name) is not None
    assert set(face.__all__) <= set(dir(face))


@face_by_face
def test_static_tools_see_exactly_what_is_listed(face: ModuleType) -> None:
    assert statically_exported(face) == set(face.__all__)


@face_by_face
def test_there_is_nothing_public_but_what_is_listed(face: ModuleType) -> None:
    def is_ours(member: object) -> bool:
        return inspect.isclass(member) and member.__module__.startswith("workspaced_")

    public = {name for name, member in vars(face).items() if not name.startswith("_") and is_ours(member)}
    assert public <= set(face.__all__)


@pytest.mark.parametrize("class_", exported_classes(), ids=lambda class_: class_.__name__)
def test_a_class_reports_a_module_that_users_import(class_: type) -> None:
    assert not any(part.startswith("_") for part in class_.__module__.split("."))
    assert getattr(importlib.import_module(class_.__module__), class_.__name__) is class_
    assert pickle.loads(pickle.dumps(class_)) is class_  # noqa: S301 - our own pickle


@pytest.mark.parametrize(
    ("class_", "module"),
    [
        (workspaced_client.Client, "workspaced_client"),
        (workspaced_client.RecoveryWarning, "workspaced_client"),
        (aio.AsyncClient, "workspaced_client.aio"),
        (aio.AsyncEventStream, "workspaced_client.aio"),
        (events.Event, "workspaced_client.events"),
        (events.EventGap, "workspaced_client.events"),
        (events.EventStream, "workspaced_client.events"),
        (errors.NameConflict, "workspaced_client.errors"),
        (errors.ConnectionLost, "workspaced_client.errors"),
        (workspaced_client.Workspace, "workspaced_protocol.models"),
    ],
)
def test_the_module_is_the_one_where_it_is_looked_for(class_: type, module: str) -> None:
    assert class_.__module__ == module


@pytest.mark.parametrize("face", [workspaced_client, events], ids=lambda face: face.__name__)
def test_a_misspelt_name_is_told(face: ModuleType) -> None:
    with pytest.raises(AttributeError, match=f"module '{face.__name__}' has no attribute 'Clinet'"):
        _ = face.Clinet


def test_an_event_can_be_pickled() -> None:
    for event in (events.EventGap(1, 2), events.Event("moon.rose", {"at": 1}, 3, 4, 5, "cor_1", None)):
        assert pickle.loads(pickle.dumps(event)) == event  # noqa: S301 - our own pickle
