"""The OpenRPC document: valid by OpenRPC's own meta-schema, with an example and all errors for each method."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from referencing import Registry
from referencing.jsonschema import DRAFT7

from workspaced_protocol.errors import ErrorCode
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
