"""The JSON schemas of tools, made of the table of methods: each stands for itself, as MCP wants it.

The strategy: the OpenRPC document has the schemas of all params and results. A tool gets those of its method, with
the models that they refer to below `$defs`. An argument that may be null is left out instead, which agents do anyway.
"""

import json
import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from workspaced_protocol.methods import METHODS
from workspaced_protocol.openrpc import openrpc_document

Schema = dict[str, Any]  # Any: JSON

_COMPONENTS: Final = "#/components/schemas/"
_DEFINITIONS: Final = "#/$defs/"
_REFERENCE: Final = re.compile(f'"{_COMPONENTS}([^"]+)"')
_DOCUMENT: Final[Any] = openrpc_document()  # Any: JSON
_METHODS: Final[dict[str, Any]] = {method["name"]: method for method in _DOCUMENT["methods"]}


def arguments_schema(method: str, left_out: Collection[str]) -> Schema:
    """Return the schema of a method's params, less those that the server gives itself."""
    params = [param for param in _METHODS[method]["params"] if param["name"] not in left_out]
    schema: Schema = {
        "type": "object",
        "properties": {param["name"]: _without_null(param["schema"]) for param in params},
        "additionalProperties": False,
    }
    required = [param["name"] for param in params if param["required"]]
    return _with_definitions(schema | ({"required": required} if required else {}))


def result_schema(method: str, more: Mapping[str, Schema] | None = None) -> Schema:
    """Return the schema of a method's result, an object, with `more` members that the tool adds."""
    schema, more = _resolved(result_of(method)), more or {}
    members = schema["properties"] | dict(more)
    return _with_definitions(schema | {"properties": members, "required": [*schema["required"], *more]})


def object_schema(members: Mapping[str, Schema]) -> Schema:
    """Return the schema of an object with these members; a later release may add some."""
    return _with_definitions({"type": "object", "properties": dict(members), "required": list(members)})


def result_of(method: str) -> Schema:
    """Return the schema of a method's result as it stands in the document, for a member of an object."""
    schema: Schema = _METHODS[method]["result"]["schema"]
    return schema


def params_sentence(method: str) -> str:
    """Return the sentence of the table on the params of a method."""
    return " ".join((METHODS[method].params.__doc__ or "").split())


def _without_null(schema: Schema) -> Schema:
    """Return the schema of an optional param for those who leave it out instead of passing null."""
    schema = {name: value for name, value in schema.items() if name != "default" or value is not None}
    if {"type": "null"} in schema.get("anyOf", ()):
        (variant,) = (each for each in schema.pop("anyOf") if each != {"type": "null"})
        schema |= variant
    if "enum" in schema:
        schema["type"] = "string"  # some models' APIs take no enum without its type
    return schema


def _resolved(schema: Schema) -> Schema:
    """Return what a schema refers to, if it is a reference."""
    if "$ref" not in schema:
        return schema
    component: Schema = _DOCUMENT["components"]["schemas"][schema["$ref"].removeprefix(_COMPONENTS)]
    return component


def _with_definitions(schema: Schema) -> Schema:
    """Return a schema that holds all that it refers to."""
    definitions: Schema = {}
    while missing := _referred_to([schema, definitions]) - definitions.keys():
        definitions |= {name: _DOCUMENT["components"]["schemas"][name] for name in missing}
    whole = schema | ({"$defs": dict(sorted(definitions.items()))} if definitions else {})
    copied: Schema = json.loads(json.dumps(whole).replace(_COMPONENTS, _DEFINITIONS))
    return copied


def _referred_to(schemas: list[Schema]) -> set[str]:
    """Return the names of the models that these schemas refer to."""
    return set(_REFERENCE.findall(json.dumps(schemas)))
