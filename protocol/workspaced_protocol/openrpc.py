"""The OpenRPC 1.3 document of the table of methods, for client generators."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import msgspec

import workspaced_protocol
from workspaced_protocol.errors import MEANINGS, ErrorCode
from workspaced_protocol.examples import EXAMPLES, Example
from workspaced_protocol.method import Method
from workspaced_protocol.methods import METHODS
from workspaced_protocol.models import Model

_OPENRPC_VERSION: Final = "1.3.2"
_REF: Final = "#/components/schemas/{name}"


@cache
def openrpc_document() -> dict[str, object]:
    """Return the whole document as JSON values. Do not modify it: it is cached."""
    results = [method.result for method in METHODS.values()]
    params = [method.params for method in METHODS.values()]
    schemas, components = msgspec.json.schema_components([*results, *params], ref_template=_REF)
    of_params = {method.params.__name__ for method in METHODS.values()}
    return {
        "openrpc": _OPENRPC_VERSION,
        "info": {
            "title": "workspaced",
            "version": workspaced_protocol.__version__,
            "description": "Keeps a developer's workspaces and projects for every app on the machine. "
            "JSON-RPC 2.0 over a Unix stream socket, one JSON text a line.",
            "license": {"name": "MIT"},
        },
        "methods": [
            _method(method, schema, components[method.params.__name__])
            for method, schema in zip(METHODS.values(), schemas, strict=False)
        ],
        "components": {
            "schemas": {name: schema for name, schema in components.items() if name not in of_params},
            "errors": {code.kind: _error(code) for code in ErrorCode},
        },
    }


def schemas_of(models: Sequence[type[Model]]) -> list[dict[str, Any]]:
    """Return the JSON schema of each model."""
    _, components = msgspec.json.schema_components(models, ref_template=_REF)
    return [components[model.__name__] for model in models]


# Any: a JSON schema from msgspec.
def _method(method: Method, result: dict[str, Any], params: dict[str, Any]) -> dict[str, object]:
    required = params.get("required", [])
    return {
        "name": method.name,
        "summary": method.doc,
        "paramStructure": "either",
        "params": [
            {"name": name, "required": name in required, "schema": schema}
            for name, schema in params.get("properties", {}).items()
        ],
        "result": {"name": "result", "schema": result},
        "errors": [{"$ref": f"#/components/errors/{code.kind}"} for code in method.errors],
        "examples": [_example(method.name, EXAMPLES[method.name])],
    }


def _example(name: str, example: Example) -> dict[str, object]:
    result: dict[str, object] = {"name": "result", "value": example.result}
    if example.abridged:
        result["description"] = example.abridged
    return {
        "name": name,
        "params": [{"name": param, "value": value} for param, value in example.params.items()],
        "result": result,
    }


def _error(code: ErrorCode) -> dict[str, object]:
    return {"code": int(code), "message": MEANINGS[code], "data": {"kind": code.kind}}
