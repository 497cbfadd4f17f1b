"""One row of the method table, and how params are checked by it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import msgspec

from workspaced_protocol import params as p
from workspaced_protocol.annotations import may_hold_metadata, metadata_texts
from workspaced_protocol.errors import ErrorCode
from workspaced_protocol.json_limits import TOO_DEEP, Unkept, check_text
from workspaced_protocol.problems import problem_at
from workspaced_protocol.unknown import unknown_members
from workspaced_protocol.urls import told


class InvalidParams(ValueError):
    """Invalid params; `path` is that of the wrong field, such as `workspace.projects[0].id`."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


@dataclass(frozen=True)
class Method:
    """One row of the table.

    `mode` is the way it is served:
    - `read`: at once, from the last durable state
    - `write`: by the writer, in the order sent
    - `prepared`: as a write, after its paths are checked
    - `task`: concurrently with all others, because it waits for something other than its turn
    """

    name: str
    mode: Literal["read", "write", "prepared", "task"]
    params: type[p.Params]
    result: object
    errors: tuple[ErrorCode, ...]
    doc: str
    is_repeatable: bool = True
    """False for a read or a task that leaves something behind: a file, or the state of its connection."""

    @property
    def is_write(self) -> bool:
        """Whether the writer serves it, in the order sent."""
        return self.mode in ("write", "prepared")

    @property
    def changes_nothing(self) -> bool:
        """Whether a request without an answer can be sent again unchanged on a new connection."""
        return self.is_repeatable and not self.is_write and not issubclass(self.params, p.WriteParams)

    @cached_property
    def _decode(self) -> Callable[[bytes], p.Params]:
        return msgspec.json.Decoder(self.params).decode

    @cached_property
    def _takes_metadata(self) -> bool:
        return may_hold_metadata(self.params)

    def decode_params(self, raw: bytes | msgspec.Raw | None) -> p.Params:
        """Decode the params, a JSON text, as this method's struct. Raises InvalidParams."""
        text = b"{}" if raw is None else bytes(raw)
        if text.startswith(b"["):
            text = self._by_name(text)
        try:
            params = self._decode(text)
        except msgspec.ValidationError as error:
            raise self._explain(text, error) from error
        except msgspec.DecodeError as error:
            raise InvalidParams("", f"{self.name}: the params can't be decoded: {error}.") from error
        except RecursionError as error:
            path = _too_deep(text)
            raise InvalidParams(path, f"{self.name}: `{path or 'params'}` {TOO_DEEP}.") from error
        if self._takes_metadata:
            self._check_metadata(text)
        return params

    def _check_metadata(self, text: bytes) -> None:
        for path, metadata in metadata_texts(text):
            try:
                check_text(metadata)
            except Unkept as error:
                raise InvalidParams(path, f"{self.name}: `{path}` {error}.") from error

    def _by_name(self, text: bytes) -> bytes:
        """Convert params by position to params by name."""
        names = self.param_names()
        values = msgspec.json.decode(text, type=list[msgspec.Raw])
        if len(values) > len(names):
            raise InvalidParams(
                f"[{len(names)}]",
                f"{self.name} takes at most {len(names)} params ({', '.join(names) or 'none'}), "
                f"not {len(values)}.",
            )
        return (
            b"{" + b",".join(b'"%b":%b' % (n.encode(), v) for n, v in zip(names, values, strict=False)) + b"}"
        )

    def param_names(self) -> tuple[str, ...]:
        """Return the names of the params on the wire, in their order by position."""
        return self.params.__struct_encode_fields__

    def _explain(self, text: bytes, error: msgspec.ValidationError) -> InvalidParams:
        """Return msgspec's error as a sentence with the path of the wrong field."""
        problem = str(error)
        if "contains unknown field" in problem and (unknown := unknown_members(text, self.params)):
            path = told(unknown[0])
            known = ", ".join(self.param_names()) or "no params"
            is_param = unknown[0] in msgspec.json.decode(text, type=dict[str, msgspec.Raw])
            allowed = f" It takes {known}." if is_param else ""
            return InvalidParams(path, f"{self.name}: `{path}` is unknown.{allowed}")
        found, path = problem_at(error)
        if missing := re.fullmatch(r"object missing required field `(.*)`", found):
            path = f"{path}.{missing[1]}" if path else missing[1]
            return InvalidParams(path, f"{self.name}: `{path}` is missing.")
        path = path or self.param_names()[0]
        return InvalidParams(path, f"{self.name}: `{path}` is wrong: {found}.")


def _too_deep(text: bytes) -> str:
    """Return the name of the param that is nested too deeply to be decoded."""
    for name, value in msgspec.json.decode(text, type=dict[str, msgspec.Raw]).items():
        try:
            msgspec.json.decode(value)
        except RecursionError:
            return told(name)
    return ""
