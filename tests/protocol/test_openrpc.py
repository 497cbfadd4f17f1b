"""The OpenRPC document: valid by OpenRPC's own meta-schema, with an example and all errors for each method."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from referencing import Registry
from referencing.jsonschema import DRAFT7

from workspaced_protocol.errors import ErrorCode
from workspaced_protocol.events import GAP, PAYLOADS, Changed
from workspaced_protocol.examples import EXAMPLES
from workspaced_protocol.methods import METHODS
from workspaced_protocol.openrpc import openrpc_document

SCHEMAS = Path(__file__).parent / "openrpc_schemas"


def as_read(value: object) -> Any:
    """The value as a client reads it."""
    return msgspec.json.decode(msgspec.json.encode(value))


def openrpc_validator() -> jsonschema.Draft7Validator:
    """Validate by OpenRPC's meta-schema; both files are here, so nothing is fetched."""
    schema = json.loads((SCHEMAS / "openrpc-1.3.json").read_bytes())
    json_schema = json.loads((SCHEMAS / "json-schema.json").read_bytes())
    names = ["https://meta.json-schema.tools", "https://meta.json-schema.tools/"]
    resource = DRAFT7.create_resource(json_schema)
    registry: Registry[Any] = Registry().with_resources([(name, resource) for name in names])
    return jsonschema.Draft7Validator(schema, registry=registry)


def test_the_document_is_valid_openrpc() -> None:
    openrpc_validator().validate(as_read(openrpc_document()))


def test_the_meta_schema_refuses_what_is_no_openrpc() -> None:
    document = as_read(openrpc_document())
    document["methods"][0]["params"][0]["schema"] = {"type": "whatever"}
    assert list(openrpc_validator().iter_errors(document))
    document = as_read(openrpc_document())
    del document["methods"][0]["examples"][0]["params"]
    assert list(openrpc_validator().iter_errors(document))


def test_each_method_has_its_example_and_its_errors() -> None:
    document = as_read(openrpc_document())
    assert [method["name"] for method in document["methods"]] == list(METHODS) == list(EXAMPLES)
    for method in document["methods"]:
        assert len(method["examples"]) == 1
        errors = [each["$ref"].rpartition("/")[2] for each in method["errors"]]
        assert len(set(errors)) == len(errors)
        assert {ErrorCode.INVALID_PARAMS.kind, ErrorCode.INTERNAL_ERROR.kind} <= set(errors)
        assert set(errors) <= set(document["components"]["errors"])


@pytest.mark.parametrize("method", METHODS)
def test_an_example_fits_the_schemas_that_stand_beside_it(method: str) -> None:
    document = as_read(openrpc_document())
    row = next(each for each in document["methods"] if each["name"] == method)
    schemas = {param["name"]: param["schema"] for param in row["params"]}
    example = row["examples"][0]
    for param in example["params"]:
        jsonschema.validate(param["value"], {**schemas[param["name"]], "components": document["components"]})
    jsonschema.validate(
        example["result"]["value"], {**row["result"]["schema"], "components": document["components"]}
    )


def parts_of(value: Any) -> Iterator[dict[str, Any]]:
    """All objects in a JSON value."""
    if isinstance(value, dict):
        yield value
        for member in value.values():
            yield from parts_of(member)
    elif isinstance(value, list):
        for item in value:
            yield from parts_of(item)


def schemas_below(document: Any, roots: Any) -> dict[str, Any]:
    """The components that these values lead to, by name; each reference must lead to one."""
    found: dict[str, Any] = {}
    waiting = [roots]
    while waiting:
        for part in parts_of(waiting.pop()):
            if "$ref" not in part:
                continue
            path, _, name = part["$ref"].rpartition("/")
            assert path in ("#/components/schemas", "#/components/errors")
            assert set(part) == {"$ref"}, "draft 7 ignores what stands beside a reference"
            if path.endswith("schemas") and name not in found:
                found[name] = document["components"]["schemas"][name]
                waiting.append(found[name])
            assert name in document["components"][path.rpartition("/")[2]]
    return found


DOCUMENT = as_read(openrpc_document())
SENT = {each["name"]: each for each in DOCUMENT["x-notifications"]}
TOLD = schemas_below(
    DOCUMENT,
    [[row["result"] for row in DOCUMENT["methods"]], SENT["event"], SENT["$/progress"]],
)
TAKEN = schemas_below(DOCUMENT, [[row["params"] for row in DOCUMENT["methods"]], SENT["$/cancelRequest"]])


def test_every_schema_is_of_what_is_told_or_of_what_is_taken() -> None:
    assert set(TOLD) | set(TAKEN) == set(DOCUMENT["components"]["schemas"])
    assert not set(TOLD) & set(TAKEN)
    assert {"Workspace", "HistoryEntry", "Progress", "EventNotification", "EventsMissed"} <= set(TOLD)
    assert {payload.__name__ for payload in PAYLOADS.values()} <= set(TOLD)
    assert set(TAKEN) == {"WorkspaceInput", "ProjectBindingInput", "ChangeInput", "CancelParams"}


def test_what_is_told_admits_members_of_later_releases_and_what_is_taken_does_not() -> None:
    results = [row["result"] for row in DOCUMENT["methods"]]
    assert not [part for part in parts_of([TOLD, results, SENT["event"]]) if "additionalProperties" in part]
    assert all(schema["additionalProperties"] is False for schema in TAKEN.values())
    shop = EXAMPLES["workspace.get"].result
    assert isinstance(shop, dict)
    for schema, is_open in (("Workspace", True), ("WorkspaceInput", False)):
        check = jsonschema.Draft7Validator(
            {"$ref": f"#/components/schemas/{schema}", "components": DOCUMENT["components"]}
        )
        assert check.is_valid(shop)
        assert check.is_valid({**shop, "later": 1}) is is_open
        assert check.is_valid({**shop, "projects": [{**shop["projects"][0], "later": 1}]}) is is_open
        # A file of another program may hold more than a client may send.
        assert check.is_valid({**shop, "tags": ["x" * 99] * 99, "metadata": {"": 1}}) is is_open


def test_a_told_member_is_null_only_where_that_means_something() -> None:
    nullable = {
        f"{name}.{member}"
        for name, schema in TOLD.items()
        for member, value in schema["properties"].items()
        if {"type": "null"} in value.get("anyOf", ())
    }
    changes = {payload.__name__ for payload in PAYLOADS.values() if issubclass(payload, Changed)}
    assert nullable == {
        *("HistoryEntry.before", "HistoryEntry.after", "Session.label", "Progress.id", "Progress.percent"),
        *(f"{name}.{member}" for name in changes for member in ("workspace", "previous")),
    }
    assert not [part for part in parts_of(TOLD) if part.get("default", ...) is None]
    assert "revision" in TOLD["Workspace"]["required"]
    assert "revision" not in TAKEN["WorkspaceInput"]["required"]


def test_the_schemas_are_for_all_languages() -> None:
    """Draft 7, with patterns for engines that have no lookaheads, and descriptions without Python's indentation."""
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft7Validator.check_schema(schema)
        assert "\n " not in schema["description"]
    patterns = {part["pattern"] for part in parts_of(DOCUMENT) if isinstance(part.get("pattern"), str)}
    machine = "^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$"
    assert patterns == {"^ws_[A-Za-z0-9_-]{1,128}$", "^proj_[A-Za-z0-9_-]{1,128}$", machine}


def test_each_topic_has_its_payload() -> None:
    named = {topic: schema["$ref"].rpartition("/")[2] for topic, schema in SENT["event"]["topics"].items()}
    assert named == {topic: model.__name__ for topic, model in PAYLOADS.items()} | {GAP: "EventsMissed"}
    assert {
        name: (each["from"], each["params"]["$ref"].rpartition("/")[2]) for name, each in SENT.items()
    } == {
        "event": ("daemon", "EventNotification"),
        "$/progress": ("daemon", "Progress"),
        "$/cancelRequest": ("client", "CancelParams"),
    }
