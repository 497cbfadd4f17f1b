"""TypeScript types of the JSON schemas in the OpenRPC document, and comments above them."""

import json
import textwrap
from collections.abc import Iterable
from typing import Any, Final, get_args

from workspaced_protocol import daemon_models, events, models

# Any: JSON schemas, as the OpenRPC document holds them.
Schema = dict[str, Any]

WIDTH: Final = 110

NAMED_CHOICES: Final = {
    "WorkspaceState": models.WorkspaceState,
    "WorkspaceSort": models.WorkspaceSort,
    "ProjectStatus": models.ProjectStatus,
    "Unreachable": models.Unreachable,
    "RecoveryOutcome": models.RecoveryOutcome,
    "StoreState": daemon_models.StoreState,
    "Topic": events.Topic,
}
"""The types that have a name, with their strings."""


def interface(name: str, schema: Schema) -> str:
    """Return the declaration of an object's interface."""
    is_input = name.endswith("Input")
    if name == "ChangeInput":
        return (
            f"{comment(schema['description'])}export type {name} =\n"
            "  | { save: WorkspaceInput; remove?: undefined }\n  | { save?: undefined; remove: string };"
        )
    required = schema.get("required", [])
    lines: list[str] = []
    for member, value in schema["properties"].items():
        if member in required:
            lines.append(f"  {member}: {type_of(value, is_input)};\n")
        else:
            absent = " | undefined" if is_input else ""
            lines.append(f"  {member}?: {type_of(without_null(value), is_input)}{absent};\n")
    return f"{comment(schema['description'])}export interface {name} {{\n{''.join(lines)}}}"


def without_null(schema: Schema) -> Schema:
    """Return the schema of an optional member without the null that stands for its absence."""
    variants = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    return variants[0] if len(variants) == 1 else schema


def type_of(schema: Schema, is_input: bool) -> str:
    """Return the type of a JSON schema. What a client sends may be read-only, and hold any values."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " | ".join(type_of(each, is_input) for each in schema["anyOf"])
    if "enum" in schema:
        names = [
            name for name, choices in NAMED_CHOICES.items() if set(get_args(choices)) == {*schema["enum"]}
        ]
        return names[0] if names else choices(schema["enum"])
    kind = schema.get("type")
    if kind == "array":
        item = type_of(schema["items"], is_input)
        return f"readonly {item}[]" if is_input else f"{item}[]"
    if kind == "object":
        return "{ readonly [key: string]: unknown }" if is_input else "JsonObject"
    return {
        "integer": "number",
        "number": "number",
        "string": "string",
        "boolean": "boolean",
        "null": "null",
    }[str(kind)]


def choices(values: Iterable[str]) -> str:
    """Return the type of one of these strings."""
    return " | ".join(json.dumps(value) for value in values)


def comment(text: str | None, indent: str = "") -> str:
    """Return a text as a comment, its paragraphs wrapped."""
    paragraphs = [" ".join(paragraph.split()) for paragraph in (text or "").split("\n\n")]
    lines: list[str] = []
    for paragraph in paragraphs:
        lines += ["", *textwrap.wrap(paragraph, WIDTH - len(indent) - 3)]
    lines = lines[1:]
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */\n"
    return (
        f"{indent}/**\n" + "".join(f"{indent} * {line}".rstrip() + "\n" for line in lines) + f"{indent} */\n"
    )
