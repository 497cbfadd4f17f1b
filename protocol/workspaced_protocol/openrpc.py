"""The OpenRPC 1.3 document of the table of methods and of the notifications, for client generators.

The strategy:
- Results and notifications admit members of later releases. Params do not: an unknown one is refused. So what both use
  has two schemas, such as `Workspace` and `WorkspaceInput`.
- A told member is null only where null means something. An optional one is absent instead, and all else is required.
- Generators make a type of each method's name. A model that would get the same name is called a report instead: the
  result of `daemon.status` is a `DaemonStatusReport`.
- A choice of strings has a type, too: generators take one without for any value.
- OpenRPC has no place for notifications: `x-notifications` names them, and the payload of each topic.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from inspect import cleandoc
from typing import Any, Final, cast

import msgspec

import workspaced_protocol
from workspaced_protocol.errors import MEANINGS, ErrorCode
from workspaced_protocol.events import GAP, PAYLOADS, Changed, EventNotification, EventsMissed
from workspaced_protocol.examples import EXAMPLES, Example
from workspaced_protocol.messages import CANCEL_REQUEST, EVENT, PROGRESS
from workspaced_protocol.method import Method
from workspaced_protocol.methods import METHODS
from workspaced_protocol.models import NO_NEWLINE, Model, Progress
from workspaced_protocol.params import CancelParams

_OPENRPC_VERSION: Final = "1.3.2"
_REF: Final = "#/components/schemas/{name}"
_NAMES_OF_METHODS: Final = frozenset(
    "".join(map(str.capitalize, re.split("[.]|(?=[A-Z])", name))) for name in METHODS
)
_INPUT_REF: Final = f"{_REF}Input"

_NOTIFIED: Final = (Progress, EventNotification, EventsMissed)
_LIMITS: Final = ("maxItems", "minLength", "maxLength", "propertyNames")

# Any: JSON schemas, which msgspec makes.
_Schema = dict[str, Any]


@cache
def openrpc_document() -> dict[str, object]:
    """Return the whole document as JSON values. Do not modify it: it is cached."""
    methods = list(METHODS.values())
    payloads = list(dict.fromkeys(PAYLOADS.values()))
    results, told = _schemas([*(method.result for method in methods), *_NOTIFIED, *payloads], _REF)
    for schema in told.values():
        _open(schema)
    told[EventNotification.__name__]["properties"]["payload"] = {"type": "object"}
    for payload in payloads:
        if issubclass(payload, Changed):
            _require_authors(told[payload.__name__])
    _, taken = _schemas([CancelParams, *dict.fromkeys(method.params for method in methods)], _INPUT_REF)
    params = {name: taken.pop(name) for name in {method.params.__name__ for method in methods}}
    cancel = {CancelParams.__name__: taken.pop(CancelParams.__name__)}
    inputs = {f"{name}Input": _as_input(name, schema) for name, schema in taken.items()}
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
            _method(method, result, params[method.params.__name__])
            for method, result in zip(methods, results, strict=False)
        ],
        "components": {
            "schemas": told | inputs | cancel,
            "errors": {code.kind: _error(code) for code in ErrorCode},
        },
        "x-notifications": _notifications(),
    }


def _schemas(types: Iterable[object], ref: str) -> tuple[list[_Schema], dict[str, _Schema]]:
    """Return the schema of each type, and those that they refer to, by name."""
    made = msgspec.json.encode(msgspec.json.schema_components(types, ref_template=ref))
    schemas, components = msgspec.json.decode(made.replace(msgspec.json.encode(NO_NEWLINE)[1:], b'"'))
    names = {name: f"{name}Report" if name in _NAMES_OF_METHODS else name for name in components}
    references = {ref.format(name=name): ref.format(name=given) for name, given in names.items()}
    for name, schema in components.items():
        schema["title"] = names[name]
        schema["description"] = cleandoc(schema["description"])
    for part in _parts([schemas, components]):
        if "$ref" in part:
            part["$ref"] = references[part["$ref"]]
        if "enum" in part:
            part["type"] = "string"
    return schemas, {names[name]: schema for name, schema in components.items()}


def _parts(value: object) -> Iterator[_Schema]:
    """Yield all objects in a JSON value."""
    if isinstance(value, dict):
        part = cast("_Schema", value)
        yield part
        value = list(part.values())
    if isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _parts(item)


def _open(schema: _Schema) -> None:
    """Make this the schema of an object that the daemon sends, in this release or a later one."""
    del schema["additionalProperties"]
    required = set(schema["required"])
    for name, member in schema["properties"].items():
        for limit in _LIMITS:  # a file of another program may hold more, and is told all the same
            member.pop(limit, None)
            member.get("items", {}).pop(limit, None)
        if "default" not in member:
            required.add(name)
        elif member["default"] is None:
            variants = [each for each in member.pop("anyOf") if each != {"type": "null"}]
            del member["default"]
            member.update(variants[0] if len(variants) == 1 else {"anyOf": variants})
    schema["required"] = [name for name in schema["properties"] if name in required]


def _require_authors(payload: _Schema) -> None:
    """Require what the daemons of this release tell in each change, and those of earlier ones do not."""
    for name in ("workspace", "previous"):
        payload["properties"][name] = {"anyOf": [payload["properties"][name], {"type": "null"}]}
    payload["required"] += ["workspace", "previous", "by"]


def _as_input(name: str, schema: _Schema) -> _Schema:
    description = f"{schema['description']}\n\nThis is its form in params: an unknown member is refused."
    return {**schema, "title": f"{name}Input", "description": description}


def _notifications() -> list[dict[str, object]]:
    """Return the notifications of both sides, and the payload of each topic."""
    topics = {topic: payload.__name__ for topic, payload in PAYLOADS.items()} | {GAP: EventsMissed.__name__}
    return [
        {
            "name": EVENT,
            "from": "daemon",
            "summary": "Tells a subscriber of an event. `topics` has the schema of each topic's `payload`.",
            "params": _reference(EventNotification),
            "topics": {topic: {"$ref": _REF.format(name=name)} for topic, name in topics.items()},
        },
        {
            "name": PROGRESS,
            "from": "daemon",
            "summary": "Tells of the progress of a request that takes long.",
            "params": _reference(Progress),
        },
        {
            "name": CANCEL_REQUEST,
            "from": "client",
            "summary": "Cancels a request that is not answered yet.",
            "params": _reference(CancelParams),
        },
    ]


def _reference(model: type[Model]) -> _Schema:
    return {"$ref": _REF.format(name=model.__name__)}


def _method(method: Method, result: _Schema, params: _Schema) -> dict[str, object]:
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
