"""The generator of the reference page `docs/protocol.md`: it reads the table of methods and `protocol_intro.md`.

`python protocol/reference.py` writes the page. With `--check` it writes nothing, and exits with 1 if the
page is out of date.
"""

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from workspaced.events import KEPT_BYTES, KEPT_EVENTS
from workspaced.host import path_checks
from workspaced.process import descriptors
from workspaced.rpc import connection
from workspaced.writer import actor as writer
from workspaced_protocol import annotations, events
from workspaced_protocol.errors import MEANINGS, ErrorCode
from workspaced_protocol.examples import EXAMPLES
from workspaced_protocol.framing import MAX_LINE_BYTES
from workspaced_protocol.json_limits import MAX_DEPTH, MAX_SAFE_INTEGER
from workspaced_protocol.messages import MAX_BATCH
from workspaced_protocol.method import Method
from workspaced_protocol.methods import METHODS
from workspaced_protocol.openrpc import openrpc_document

INTRODUCTION: Final = Path(__file__).parent / "protocol_intro.md"
TARGET: Final = Path(__file__).parent.parent / "docs" / "protocol.md"

# Any: JSON schemas, as the OpenRPC document holds them.
Schema = dict[str, Any]

_MODES: Final = {
    "read": "A read, answered at once from the last durable state.",
    "write": "A write, answered when it is durable.",
    "prepared": "A write, answered when it is durable.",
    "task": "A task, answered when it is done; later requests do not wait for it.",
}

_OF_EVENTS: Final = tuple(
    model.__name__
    for model in (events.EventNotification, *dict.fromkeys(events.PAYLOADS.values()), events.EventsMissed)
)


def _bytes(count: int) -> str:
    unit, name = (1024 * 1024, "MiB") if count >= 1024 * 1024 else (1024, "KiB")
    return f"{count / unit:g} {name}"


# The daemon's limits are read from its code, so that the page stays up to date.
_LIMITS: Final = {
    "max_line_bytes": f"{MAX_LINE_BYTES:,}",
    "max_batch": f"{MAX_BATCH:,}",
    "max_in_flight": f"{connection.MAX_IN_FLIGHT:,}",
    "outbox_bytes": _bytes(connection.OUTBOX_BYTES),
    "batch_bytes": _bytes(connection.BATCH_BYTES),
    "receive_bytes": _bytes(connection.RECEIVE_BYTES),
    "stall_seconds": f"{connection.STALL_SECONDS:g}",
    "flush_seconds": f"{connection.FLUSH_SECONDS:g}",
    "deadline_seconds": f"{writer.DEADLINE_SECONDS:g}",
    "check_seconds": f"{path_checks.CHECK_SECONDS:g}",
    "queue_limit": f"{writer.QUEUE_LIMIT:,}",
    "kept_events": f"{KEPT_EVENTS:,}",
    "kept_bytes": _bytes(KEPT_BYTES),
    "most_files": f"{descriptors.MOST:,}",
    "kept_back": str(descriptors.KEPT_BACK),
    "max_tags": str(annotations.MAX_TAGS),
    "max_tag_characters": str(annotations.MAX_TAG_CHARACTERS),
    "max_metadata": f"{annotations.MAX_METADATA_BYTES:,}",
    "max_patch": f"{annotations.MAX_PATCH_BYTES:,}",
    "max_key_characters": str(annotations.MAX_KEY_CHARACTERS),
    "max_depth": str(MAX_DEPTH),
    "max_integer": f"{MAX_SAFE_INTEGER:,} (2^53 - 1)",
}


def page() -> str:
    """Return the whole page."""
    # Any: see Schema.
    document: dict[str, Any] = openrpc_document()
    parts = [_introduction(), "## Methods", _contents()]
    parts += [_method(METHODS[row["name"]], row) for row in document["methods"]]
    schemas: Schema = document["components"]["schemas"]
    parts += ["## Types", *_types({name: schemas[name] for name in schemas if name not in _OF_EVENTS})]
    parts += ["## Events", _events(schemas), "## Errors", _errors()]
    return "\n\n".join(parts) + "\n"


def _introduction() -> str:
    """Return the introduction, with the limits filled in from the code."""
    text = INTRODUCTION.read_text("utf-8").rstrip()
    for name, limit in _LIMITS.items():
        if f"{{{name}}}" not in text:
            raise ValueError(f"{INTRODUCTION} does not mention {{{name}}}")
        text = text.replace(f"{{{name}}}", limit)
    return text


def _contents() -> str:
    rows = [
        [
            f"[`{name}`](#{name.replace('.', '').lower()})",
            re.split(r"[.:;] ", method.doc)[0].rstrip("."),
        ]
        for name, method in METHODS.items()
    ]
    return _table(["method", "purpose"], rows)


def _method(method: Method, row: Schema) -> str:
    parts = [f"### {method.name}", f"{method.doc} {_MODES[method.mode]}"]
    if row["params"]:
        parts.append(f"Params: {_sentence(method.params.__doc__)}")
        rows = [
            [f"`{param['name']}`", _type(param["schema"]), "required" if param["required"] else "optional"]
            for param in row["params"]
        ]
        parts.append(_table(["param", "type", ""], rows))
    else:
        parts.append("No params.")
    parts.append(f"Result: {_type(row['result']['schema'])}.")
    parts.append("Errors: " + ", ".join(f"{int(code)} `{code.kind}`" for code in method.errors) + ".")
    example = EXAMPLES[method.name]
    request: dict[str, object] = {"jsonrpc": "2.0", "id": 1, "method": method.name}
    if example.params:
        request["params"] = example.params
    answer = {"jsonrpc": "2.0", "id": 1, "result": example.result}
    parts.append(f"```json\n{_json(request)}\n{_json(answer)}\n```")
    if example.abridged:
        parts.append(f"The result is abridged. {example.abridged}")
    return "\n\n".join(parts)


def _types(schemas: Schema) -> Iterable[str]:
    for name, schema in schemas.items():
        yield f"### {name}"
        yield _sentence(schema.get("description"))
        yield _members(schema)


def _members(schema: Schema) -> str:
    required = schema.get("required", [])
    rows = [
        [f"`{name}`", _type(member), "" if name in required else "may be absent"]
        for name, member in schema["properties"].items()
    ]
    return _table(["member", "type", ""], rows)


def _events(schemas: Schema) -> str:
    notification, *payloads = (schemas[name] for name in _OF_EVENTS)
    parts = [
        "After `events.subscribe`, the daemon sends each event as a notification `event`, once its change is durable.",
        _sentence(notification["description"]),
        _members(notification),
        _table(
            ["topic", "payload"],
            [
                *([f"`{topic}`", f"`{model.__name__}`"] for topic, model in events.PAYLOADS.items()),
                [f"`{events.GAP}`, sent regardless of the topics", f"`{events.EventsMissed.__name__}`"],
            ],
        ),
    ]
    parts.append(_sentence(events.Changed.__doc__))
    for schema in payloads:
        parts += [f"### {schema['title']}", _sentence(schema["description"]), _members(schema)]
    return "\n\n".join(parts)


def _errors() -> str:
    rows = [[str(int(code)), f"`{code.kind}`", MEANINGS[code]] for code in ErrorCode]
    return _table(["code", "kind", "meaning"], rows)


def _type(schema: Schema) -> str:
    """Return a description of a JSON schema."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f"`{_json(value)}`" for value in schema["enum"])
    kind = schema.get("type", "any JSON")
    if kind == "array":
        return f"array of {_type(schema['items'])}"
    if "pattern" in schema:
        return f"string like `{schema['pattern']}`"
    if "maxLength" in schema:
        return f"string of {schema.get('minLength', 0)} to {schema['maxLength']} characters"
    return str(kind)


def _sentence(text: str | None) -> str:
    return " ".join((text or "").split())


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main(arguments: list[str]) -> int:
    """Write the page, or compare it with `--check`. Return the exit code."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python protocol/reference.py [--check]\n")
        return 2
    wanted = page()
    if not arguments:
        TARGET.parent.mkdir(exist_ok=True)
        TARGET.write_text(wanted, "utf-8")
    elif not TARGET.is_file() or TARGET.read_text("utf-8") != wanted:
        sys.stderr.write(f"{TARGET} is out of date: run python protocol/reference.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
