"""The generator of the TypeScript client's `src/protocol.ts` and `src/api.ts`: it reads the table of methods.

`python protocol/typescript.py` writes both files, and the test's samples of socket paths. With `--check` it writes
nothing, and exits with 1 if one of them is out of date.
"""

import json
import re
import sys
import textwrap
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final, get_args

from socket_path_samples import samples
from typescript_types import NAMED_CHOICES, WIDTH, Schema, choices, comment, interface, type_of, without_null
from workspaced_client._core import autostart
from workspaced_client._core.attempts import may_repeat
from workspaced_client._core.conversation import may_write
from workspaced_protocol import PROTOCOL_VERSION, __version__, events, git_environment
from workspaced_protocol.errors import MEANINGS, ErrorCode
from workspaced_protocol.method import Method
from workspaced_protocol.methods import METHODS
from workspaced_protocol.openrpc import openrpc_document
from workspaced_protocol.params import WriteParams

PACKAGE: Final = Path(__file__).parent.parent / "client" / "typescript"

_HEAD: Final = (
    "// Made by protocol/typescript.py from the daemon's table of methods: change that, not this file.\n"
)

_ANY_JSON: Final = "string | number | boolean | null | JsonValue[] | JsonObject"
_CALL: Final = """<M extends MethodName>(
  method: M, params: Methods[M]["params"], options?: CloneOptions,
) => Promise<Methods[M]["result"]>"""

_NAMESPACES: Final = {
    "daemon": "The daemon itself: its identity, its health, its clients.",
    "workspace": "The lifecycle of workspaces, and their use.",
    "history": "The changes of all workspaces, and the way back.",
    "project": "The projects bound to workspaces: directories, and clones of git repositories.",
    "session": "Sessions mark a program as at work in a workspace. They end with the client's connection.",
    "store": "The store itself, without the rules of the lifecycle, and its upkeep.",
}
_NOT_PLURAL: Final = ("daemon", "history", "store")
_OF_STREAMS: Final = "events"
"""The methods of subscriptions: `client.events()` calls them on connections of its own."""


def protocol_file(document: Schema) -> str:
    """Return `src/protocol.ts`: the types of the protocol, and what the client knows of each method."""
    schemas: Schema = document["components"]["schemas"]
    rows = {row["name"]: row for row in document["methods"]}
    parts = [
        _HEAD + "/** The protocol of workspaced: its types, its methods and its errors. */",
        f'/** The release of this client. */\nexport const VERSION = "{__version__}";',
        f"/** The version of the protocol that this client speaks. */\nexport const PROTOCOL_VERSION = {PROTOCOL_VERSION};",
        f"/** Any JSON value. */\nexport type JsonValue = {_ANY_JSON};",
        "/** Any JSON object. */\nexport type JsonObject = { [key: string]: JsonValue };",
    ]
    parts += [f"export type {name} = {choices(get_args(type_))};" for name, type_ in NAMED_CHOICES.items()]
    families = sorted({topic.partition(".")[0] for topic in events.TOPICS})
    parts.append(
        "/** A topic, or a pattern of topics. */\n"
        f"export type TopicPattern = Topic | {choices(f'{family}.*' for family in families)};"
    )
    parts += [interface(name, schema) for name, schema in schemas.items()]
    parts += [_params(rows[method.name], method) for method in _first_of_each_params()]
    parts.append(
        "/** The payload of each topic. */\nexport interface EventPayloads {\n"
        + "".join(f'  "{topic}": {model.__name__};\n' for topic, model in events.PAYLOADS.items())
        + "}"
    )
    parts.append(
        "/** The params and the result of each method. */\nexport interface Methods {\n"
        + "".join(
            f'  "{name}": {{ params: {method.params.__name__}; result: {_result(rows[name])} }};\n'
            for name, method in METHODS.items()
        )
        + "}"
    )
    parts.append("/** The name of a method. */\nexport type MethodName = keyof Methods;")
    parts += [_traits(), _errors(), _environment()]
    return "\n\n".join(parts) + "\n"


def api_file(document: Schema) -> str:
    """Return `src/api.ts`: a class for each namespace, with a function for each method."""
    rows = {row["name"]: row for row in document["methods"]}
    groups = {
        prefix: list(group)
        for prefix, group in groupby(sorted(METHODS, key=_namespace), _namespace)
        if prefix != _OF_STREAMS
    }
    used = {METHODS[name].params.__name__ for names in groups.values() for name in names}
    used |= {word for names in groups.values() for name in names for word in _types_in(_result(rows[name]))}
    used |= {"MethodName", "Methods"}
    parts = [
        _HEAD
        + "/** The methods of a client, in namespaces. Each takes its params as one object, then options. */",
        "import type {\n" + "".join(f"  {name},\n" for name in sorted(used)) + '} from "./protocol.js";\n'
        'import type { CallOptions, CloneOptions } from "./options.js";',
        f"/** Sends a call, and returns its result. */\nexport type Call = {_CALL};",
    ]
    for prefix, meaning in _NAMESPACES.items():
        parts.append(
            f"/** {meaning} */\nexport class {_class_of(prefix)} {{\n  readonly #call: Call;\n\n"
            "  constructor(call: Call) {\n    this.#call = call;\n  }\n\n"
            + "\n".join(_function(METHODS[name], rows[name]) for name in METHODS if name in groups[prefix])
            + "}"
        )
    return "\n\n".join(parts) + "\n"


def _namespace(name: str) -> str:
    prefix = name.partition(".")[0]
    return "daemon" if prefix == "rpc" else prefix


def _class_of(prefix: str) -> str:
    return prefix.title() if prefix in _NOT_PLURAL else f"{prefix.title()}s"


def _types_in(type_: str) -> list[str]:
    return re.findall(r"\b[A-Z]\w+", type_)


def _function(method: Method, row: Schema) -> str:
    name = method.name.partition(".")[2]
    errors = ", ".join(code.kind for code in method.errors)
    is_long = method.name == "project.clone"
    options = "CloneOptions" if is_long else "CallOptions"
    default = "" if any(param["required"] for param in row["params"]) or _needs_one(method) else " = {}"
    return (
        comment(f"{method.doc}\n\nErrors of the daemon: {errors}.", "  ")
        + f"  {name}(params: {method.params.__name__}{default}, options?: {options}): "
        + f"Promise<{_result(row)}> {{\n"
        + f'    return this.#call("{method.name}", params, options);\n  }}\n'
    )


def _needs_one(method: Method) -> bool:
    """Return whether the method refuses to be called without any params, though each is optional."""
    return method.name == "workspace.get"


def _first_of_each_params() -> Iterator[Method]:
    seen: set[str] = set()
    for method in METHODS.values():
        if method.params.__name__ not in seen:
            seen.add(method.params.__name__)
            yield method


def _params(row: Schema, method: Method) -> str:
    name = method.params.__name__
    if not row["params"]:
        return f"{comment(method.params.__doc__)}export type {name} = Record<string, never>;"
    if method.name == "workspace.get":
        return (
            f"{comment(method.params.__doc__)}export type {name} =\n"
            "  | { id: string; name?: undefined }\n  | { id?: undefined; name: string };"
        )
    members = "".join(
        f"  {param['name']}: {type_of(param['schema'], is_input=True)};\n"
        if param["required"]
        else f"  {param['name']}?: {type_of(without_null(param['schema']), is_input=True)} | undefined;\n"
        for param in row["params"]
    )
    return f"{comment(method.params.__doc__)}export interface {name} {{\n{members}}}"


def _result(row: Schema) -> str:
    return type_of(row["result"]["schema"], is_input=False)


def _traits() -> str:
    lines: list[str] = []
    for name, method in METHODS.items():
        names = ", ".join(json.dumps(param) for param in method.param_names())
        takes_key = issubclass(method.params, WriteParams)
        flags = {
            "takesKey": takes_key,
            "mayRepeat": may_repeat(name),
            "mayWrite": may_write(name),
        }
        told = ", ".join(f"{flag}: {json.dumps(value)}" for flag, value in flags.items())
        lines.append(f'  "{name}": {{ {told}, params: [{names}] }},\n')
    return (
        comment(
            "What the client knows of each method: whether it takes a request key, whether it may be sent again after a "
            "lost connection, whether it may change something, and the names of its params."
        )
        + "export const METHODS: Readonly<Record<MethodName, {\n"
        + "  takesKey: boolean; mayRepeat: boolean; mayWrite: boolean; params: readonly string[];\n}>> = {\n"
        + "".join(lines)
        + "};"
    )


def _errors() -> str:
    rows = "".join(f"  /** {MEANINGS[code]} */\n  {code.kind}: {int(code)},\n" for code in ErrorCode)
    return (
        "/** The code of each kind of error that the daemon answers with. */\n"
        f"export const ERROR_CODES = {{\n{rows}}} as const;\n\n"
        "/** The kind of an error that the daemon answers with. */\n"
        "export type DaemonErrorKind = keyof typeof ERROR_CODES;"
    )


def _environment() -> str:
    """Return the variables that a daemon gets which is started for a client, as the Python client has them."""
    lists = {
        "names": autostart.KEPT,
        "families": autostart.KEPT_FAMILIES,
        "proxies": autostart.PROXIES,
        "gitNames": git_environment.OF_USER,
        "gitFamilies": git_environment.FAMILIES_OF_USER,
        "gitInvocation": [git_environment.FAMILY_OF_INVOCATION],
    }
    members = "".join(
        textwrap.fill(
            f"  {name}: [{', '.join(json.dumps(each) for each in sorted(values))}],",
            WIDTH,
            subsequent_indent="    ",
            break_long_words=False,
        )
        + "\n"
        for name, values in lists.items()
    )
    return (
        "/** The environment variables that a daemon gets which is started for a client. */\n"
        f"export const INHERITED = {{\n{members}}} as const;"
    )


def files() -> dict[Path, str]:
    """Return the text of each file."""
    document: Schema = openrpc_document()
    return {
        PACKAGE / "src" / "protocol.ts": protocol_file(document),
        PACKAGE / "src" / "api.ts": api_file(document),
        PACKAGE / "test" / "socket_paths.json": json.dumps(samples(), ensure_ascii=False, indent=1) + "\n",
    }


def main(arguments: list[str]) -> int:
    """Write the files, or compare them with `--check`. Return the exit code."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python protocol/typescript.py [--check]\n")
        return 2
    for target, wanted in files().items():
        if not arguments:
            target.write_text(wanted, "utf-8")
        elif not target.is_file() or target.read_text("utf-8") != wanted:
            sys.stderr.write(f"{target} is out of date: run python protocol/typescript.py\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
