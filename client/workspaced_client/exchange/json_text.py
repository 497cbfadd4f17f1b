"""JSON in files of people and other programs: with or without comments, and with the place of each value.

Comments and trailing commas are replaced by spaces, never removed. So every offset is an offset in the file's
own text, and every error has its line and column.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from workspaced_client.exchange.json_encoding import encoding_of
from workspaced_protocol.json_limits import Unkept, check_number

Part = str | int
Path = tuple[Part, ...]
"""The place of a value in a document: the names and the indexes that lead to it."""


class Unusable(Exception):
    """A file that can't be imported. The message names the file, and the place in it if there is one."""


class OtherFormat(Unusable):
    """A file in some other format than the one that it is read as."""


@dataclass(frozen=True)
class LeftOut:
    """An entry of a file that can't be used, and the reason; its neighbours are not affected."""

    name: str
    path: str
    """The directory that it stands for, as far as the entry tells."""
    reason: str


@dataclass(frozen=True)
class Document:
    """The JSON of a file: its value, and the text of it."""

    file: str
    text: str
    """The text that was read: without comments, and with a 0 in place of what is nested too deeply."""
    value: object
    written: str
    """The text in the file. Its offsets are those of `text`."""

    @cached_property
    def _offsets(self) -> dict[Path, int]:
        return dict(places(self.text))

    def holds(self, path: Path) -> bool:
        """Return whether there is a value at `path`."""
        return path in self._offsets

    def shown(self, path: Path, most: int = 80) -> str:
        """Return what stands in the file at `path`, on one line, as written there."""
        start = self._offsets[path]
        try:
            _, end = json.JSONDecoder().raw_decode(self.text, start)
        except (ValueError, RecursionError):  # a number of thousands of digits
            end = start + most + 1
        given = " ".join(self.written[start : min(end, start + 8 * most)].split())
        return given if len(given) <= most else f"{given[: most - 1]}…"

    def wrong(self, path: Path, problem: str) -> Unusable:
        """Return the error for the value at `path`, or for the nearest existing value around it.

        `problem` follows the name of the field in a sentence, without the full stop.
        """
        line, column = self.line_and_column(path)
        return Unusable(f"{self.file}, line {line}, column {column}: {_subject(path)} {problem}.")

    def problem(self, path: Path, problem: str) -> str:
        """Return the reason to leave out an entry: the same as `wrong`, without the file."""
        line, column = self.line_and_column(path)
        return f"{_subject(path)} {problem} (line {line}, column {column})"

    def line_and_column(self, path: Path) -> tuple[int, int]:
        """Return the place of the value at `path`, or of the nearest existing value around it."""
        while path not in self._offsets:
            path = path[:-1]
        return _line_and_column(self.text, self._offsets[path])


def _subject(path: Path) -> str:
    return f"`{field_name(path)}`" if path else "the document"


def parse(file: str, data: bytes, *, comments: bool = False) -> Document:
    """Return the JSON in `data`, the content of `file`. Raise Unusable, or OtherFormat for another format.

    With `comments`, it may hold comments, and commas after a last item, like VS Code's own files.
    """
    text = _decoded(file, data)
    bare = without_comments(text) if comments else text
    if not bare.strip():
        raise Unusable(f"{file} is empty.")
    try:
        try:
            value: object = json.loads(bare, parse_int=_integer)
        except RecursionError:
            bare = _without_depths(bare)
            value = json.loads(bare, parse_int=_integer)
    except json.JSONDecodeError as error:
        if _is_other_format(bare, error):
            raise OtherFormat(f"{file} is not JSON.") from error
        is_cut = error.pos >= len(bare.rstrip())
        problem = "the file ends here, in the middle of its JSON" if is_cut else _in_words(error.msg)
        raise Unusable(f"{_place(file, text, error.pos)}: {problem}.") from error
    return Document(file, bare, value, text)


_STARTS: Final = '{["/-0123456789tfn'  # a value's or a comment's first character
_DEEPEST: Final = 100  # far below what Python's reader and writer take, and far above every file in use


def _is_other_format(text: str, error: json.JSONDecodeError) -> bool:
    """Return whether the text differs from JSON from its first words on, as YAML and TOML do."""
    before = text[: error.pos].strip()
    if error.msg == "Extra data":
        return not before.startswith(("{", "["))
    return error.msg == "Expecting value" and error.pos < len(text.rstrip()) and not before.strip("[{ \t\r\n")


def _decoded(file: str, data: bytes) -> str:
    encoding = encoding_of(data)
    cut: UnicodeDecodeError | None = None
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        cut, text = error, data.decode(encoding, errors="replace")
    # A byte order mark is not JSON; a space in its place keeps the offsets.
    text = f" {text[1:]}" if text.startswith("\ufeff") else text
    if text.lstrip()[:1] not in _STARTS:
        raise OtherFormat(f"{file} is not JSON.")
    if cut is not None:
        before = data[: cut.start].decode(encoding, errors="replace")
        is_cut = cut.reason in ("unexpected end of data", "truncated data")
        name = encoding[:6].upper().rstrip("-")
        problem = (
            "the file ends here, in the middle of a character"
            if is_cut
            else f"this is not {name}: save the file as UTF-8"
        )
        raise Unusable(f"{_place(file, before, len(before))}: {problem}.") from cut
    return text


def _without_depths(text: str) -> str:
    """Return the text with a 0 in place of all that is nested more than `_DEEPEST` deep: nothing to import is."""
    pieces: list[str] = []
    begins: list[int] = []
    depth = kept = 0
    for token in _TOKEN.finditer(text):
        depth += (token[0] in "{[") - (token[0] in "}]")
        if depth > _DEEPEST and len(begins) == len(pieces):
            begins.append(token.start())
        elif depth == _DEEPEST and len(begins) > len(pieces):
            pieces.append(text[kept : begins[-1]] + _zeroed(text[begins[-1] : token.end()]))
            kept = token.end()
    if len(begins) > len(pieces):  # it has no end
        pieces.append(text[kept : begins[-1]] + _zeroed(text[begins[-1] :]))
        kept = len(text)
    return "".join(pieces) + text[kept:]


def _zeroed(text: str) -> str:
    return "0" + re.sub(r"[^\n]", " ", text[1:])


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < 20 else float(digits)  # longer than every number in use here


_WORDS: Final = {
    "Expecting value": "a value is expected here",
    "Expecting property name enclosed in double quotes": "a name in double quotes is expected here",
    "Illegal trailing comma before end of object": "there is a comma after the last member",
    "Illegal trailing comma before end of array": "there is a comma after the last item",
    "Expecting ':' delimiter": "a colon is expected here",
    "Expecting ',' delimiter": "a comma is expected here, or the end of the list or object",
    "Unterminated string starting at": "the string that begins here has no end",
    "Invalid control character at": "a string holds a control character that is not escaped",
    "Extra data": "there is more text after the end of the document",
}
"""The messages of Python's reader, in words for a person; others stay as they are."""


def _in_words(message: str) -> str:
    return _WORDS.get(message, message[:1].lower() + message[1:])


def _place(file: str, text: str, offset: int) -> str:
    line, column = _line_and_column(text, offset)
    return f"{file}, line {line}, column {column}"


def _line_and_column(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


_STRING: Final = r'"[^"\\\n]*(?:\\.[^"\\\n]*)*"'
_COMMENT: Final = r"//[^\n]*|/\*[\s\S]*?\*/"
_STRING_OR_COMMENT: Final = re.compile(f"{_STRING}|(?P<blank>{_COMMENT})")
_STRING_OR_COMMA: Final = re.compile(rf"{_STRING}|(?P<blank>,)(?=\s*[\]}}])")


def without_comments(text: str) -> str:
    """Return `text` with spaces in place of comments, and of each comma after a last item or member."""
    for pattern in (_STRING_OR_COMMENT, _STRING_OR_COMMA):
        text = pattern.sub(_blanked, text)
    return text


def _blanked(match: re.Match[str]) -> str:
    blank = match["blank"]
    return match[0] if blank is None else re.sub(r"[^\n]", " ", blank)


_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def places(text: str) -> Iterator[tuple[Path, int]]:
    """Yield the path and the offset of each value in a valid JSON text, in order; a duplicate member comes twice."""
    path: list[Part] = []
    expects_name = False
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark == ":":
            continue
        if mark in "}]":
            path.pop()
            expects_name = False
        elif mark == ",":
            last = path[-1]
            if isinstance(last, int):
                path[-1] = last + 1
            else:
                expects_name = True
        elif expects_name:
            path[-1] = str(json.loads(mark))
            expects_name = False
        else:
            yield tuple(path), token.start()
            if mark in "{[":
                path.append("" if mark == "{" else 0)
                expects_name = mark == "{"


def field_name(path: Path) -> str:
    """Return the path in the form for people: `workspaces[3].name`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def invalid_json(document: Document) -> Iterator[tuple[Path, str]]:
    """Yield each place that only Python's reader accepts, and what is wrong there.

    These are duplicate members, NaN and half a character. The problem follows the name of the field in a sentence.
    """
    seen: set[Path] = set()
    for path, offset in places(document.text):
        if path in seen:
            yield path, "appears twice"
        seen.add(path)
        token = _TOKEN.match(document.text, offset)
        mark = token[0] if token else ""
        if mark in ("NaN", "Infinity", "-Infinity"):
            yield path, f"is {mark}, which is not a number in JSON"
        if "\\u" in mark and any("\ud800" <= each <= "\udfff" for each in json.loads(mark)):
            yield path, "holds half a character: one of a pair of surrogates is missing"


def lossy_numbers(document: Document) -> Iterator[tuple[Path, str]]:
    """Yield each place of a number that would become another one, and what is wrong there.

    The others that a program might round are told by `json_limits.check_value`.
    """
    for path, offset in places(document.text):
        token = _TOKEN.match(document.text, offset)
        mark = token[0] if token else ""
        if mark[:1] in "-0123456789" and mark != "-Infinity":
            try:
                check_number(mark)
            except Unkept as unkept:
                yield path, str(unkept)
