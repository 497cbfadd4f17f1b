r"""The format of `list --format`: text with fields of a workspace, such as `{name}\t{path}`.

Fields are taken from a fixed list, and nothing of them is evaluated: a format may come from another program.
"""

from __future__ import annotations

from workspaced_client._core.local_time import when
from workspaced_client.cli.base.failures import WrongUsage
from workspaced_client.cli.base.reading import did_you_mean
from workspaced_client.cli.base.shapes import stale_projects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

# Any: a workspace as plain JSON.
FIELDS: Final[dict[str, Callable[[Any], str]]] = {
    "name": lambda each: each["name"],
    "path": lambda each: each["rootPath"],
    "id": lambda each: each["id"],
    "state": lambda each: each["state"],
    "tags": lambda each: ",".join(each.get("tags", ())),
    "projects": lambda each: str(len(each["projects"])),
    "stale": lambda each: str(stale_projects(each)),
    "created": lambda each: when(each["createdAt"]),
    "changed": lambda each: when(each["updatedAt"]),
    "revision": lambda each: str(each.get("revision", 0)),
    "machine": lambda each: each.get("machine", ""),
}
_ESCAPES: Final = {"t": "\t", "n": "\n", "0": "\0", "\\": "\\"}


def line_format(text: str) -> Callable[[Any], str]:
    """Return a function from a workspace to its text, the end of its line included. Raise WrongUsage."""
    parts = list(_parts(text))
    ends = "" if parts and isinstance(parts[-1], str) and parts[-1].endswith(("\n", "\0")) else "\n"
    return lambda each: "".join(part if isinstance(part, str) else part(each) for part in parts) + ends


def _parts(text: str) -> list[str | Callable[[Any], str]]:
    parts: list[str | Callable[[Any], str]] = []
    index = 0
    while index < len(text):
        sign, after = text[index], text[index + 1 : index + 2]
        index += 2
        if sign == "\\":
            if after not in _ESCAPES:
                raise _wrong(f"“\\{after}” is none of \\t, \\n, \\0 and \\\\")
            parts.append(_ESCAPES[after])
        elif sign in "{}" and after == sign:
            parts.append(sign)
        elif sign == "{":
            end = text.find("}", index - 1)
            if end < 0:
                raise _wrong("a { has no }: write {{ for a brace")
            parts.append(_field(text[index - 1 : end]))
            index = end + 1
        elif sign == "}":
            raise _wrong("a } has no {: write }} for a brace")
        else:
            parts.append(sign)
            index -= 1
    return parts


def _field(name: str) -> Callable[[Any], str]:
    if name not in FIELDS:
        meant = did_you_mean(name, FIELDS) or f" There are: {', '.join(FIELDS)}."
        raise _wrong(f"there is no field “{name}”", meant)
    return FIELDS[name]


def _wrong(problem: str, more: str = "") -> WrongUsage:
    return WrongUsage(
        f"The value of --format is wrong: {problem}.{more}", hint="Try: workspacectl list --help"
    )
