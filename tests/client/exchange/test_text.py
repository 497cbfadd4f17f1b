"""JSON in files: with comments and without, and the line and column of what is wrong in it."""

import json
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workspaced_client.exchange.json_text import (
    OtherFormat,
    Unusable,
    invalid_json,
    parse,
    places,
    without_comments,
)

EXAMPLES = settings(deadline=None, max_examples=30)

KEYS = st.text(string.ascii_letters + ' /*,"\\é🚀', max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.text('ab,/*"\\]}:é🚀\n{[', max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
NOISE = st.sampled_from(
    ["", " ", "\n", '// a "comment", with { and ]\n', "/* one, \n on two lines */", "\t/**/"]
)


@st.composite
def commented(draw: st.DrawFn) -> tuple[Any, str]:
    """A value, and a text of it with comments and trailing commas wherever they may be."""
    value = draw(VALUES)

    def written(part: Any) -> str:
        before, after = draw(NOISE), draw(NOISE)
        if isinstance(part, list):
            items = [written(item) for item in part]
            inner = ",".join(items) + draw(st.sampled_from(["", ",", f",{draw(NOISE)}"])) * bool(items)
            text = f"[{inner}]"
        elif isinstance(part, dict):
            members = [
                f"{draw(NOISE)}{json.dumps(name)}{draw(NOISE)}:{written(one)}" for name, one in part.items()
            ]
            inner = ",".join(members) + draw(st.sampled_from(["", ",", f",{draw(NOISE)}"])) * bool(members)
            text = f"{{{inner}}}"
        else:
            text = json.dumps(part, ensure_ascii=draw(st.booleans()))
        return f"{before}{text}{after}"

    return value, written(value)


@EXAMPLES
@given(commented())
def test_comments_and_trailing_commas_change_no_value(case: tuple[Any, str]) -> None:
    value, text = case
    assert parse("f", text.encode(), comments=True).value == value


@EXAMPLES
@given(commented())
def test_what_is_blanked_out_moves_nothing(case: tuple[Any, str]) -> None:
    _, text = case
    bare = without_comments(text)
    assert len(bare) == len(text)
    assert all(mark in (was, " ") for mark, was in zip(bare, text, strict=True))
    assert bare.count("\n") == text.count("\n")


@EXAMPLES
@given(VALUES)
def test_every_value_is_found_where_it_stands(value: Any) -> None:
    text = json.dumps(value, indent=2)
    found = dict(places(text))

    def look(path: tuple[str | int, ...], part: Any) -> None:
        read, _ = json.JSONDecoder().raw_decode(text, found.pop(path))
        assert read == part
        if isinstance(part, dict):
            for name, member in part.items():
                look((*path, name), member)
        elif isinstance(part, list):
            for index, item in enumerate(part):
                look((*path, index), item)

    look((), value)
    assert found == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "f is empty."),
        (b" \n\t", "f is empty."),
        (b"\xef\xbb\xbf", "f is empty."),
        (b'{"a": [1,\n  2', "f, line 2, column 4: the file ends here, in the middle of its JSON."),
        (b'{"a": [1,\n  2\n', "f, line 3, column 1: the file ends here, in the middle of its JSON."),
        (b'{"a":\n "b', "f, line 2, column 2: the string that begins here has no end."),
        (
            b'{"a": 1\n "b": 2}',
            "f, line 2, column 2: a comma is expected here, or the end of the list or object.",
        ),
        (b'{"a" 1}', "f, line 1, column 6: a colon is expected here."),
        (b"{\n\n  a: 1}", "f, line 3, column 3: a name in double quotes is expected here."),
        (b'{"a": oops}', "f, line 1, column 7: a value is expected here."),
        (b"{}\n{}", "f, line 2, column 1: there is more text after the end of the document."),
        (b'{"a":\n "\x01"}', "f, line 2, column 3: a string holds a control character that is not escaped."),
        ('["é",\n"'.encode() + b'\xff"]', "f, line 2, column 2: this is not UTF-8: save the file as UTF-8."),
        (
            '["é",\n "🚀'.encode()[:-1],
            "f, line 2, column 3: the file ends here, in the middle of a character.",
        ),
        (b"[" * 200_000, "f, line 1, column 200001: the file ends here, in the middle of its JSON."),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: bytes, problem: str) -> None:
    for comments in (False, True):
        with pytest.raises(Unusable) as caught:
            parse("f", text, comments=comments)
        assert str(caught.value) == problem


def test_comments_are_for_files_that_may_have_them() -> None:
    text = b'{\n  // what it is\n  "a": [1, 2,]\n}'
    assert parse("f", text, comments=True).value == {"a": [1, 2]}
    with pytest.raises(Unusable, match="line 2, column 3"):
        parse("f", text)
    with pytest.raises(Unusable, match="line 1, column "):
        parse("f", b"[1, 2,]")


def test_an_open_comment_is_wrong_where_it_begins() -> None:
    with pytest.raises(Unusable, match="line 2, column 2: a value is expected here"):
        parse("f", b"[1,\n /* and so on\n2]", comments=True)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"a": {"b": 1,\n "b": 2}}', "f, line 2, column 7: `a.b` appears twice."),
        ("[1, 2,\n NaN]", "f, line 2, column 2: `[2]` is NaN, which is not a number in JSON."),
        ('{"a":\n-Infinity}', "f, line 2, column 1: `a` is -Infinity, which is not a number in JSON."),
        ('{"a":\n["\\ud800x"]}', "f, line 2, column 2: `a[0]` holds half a character"),
    ],
)
def test_what_no_store_takes_is_told_with_its_place(text: str, problem: str) -> None:
    document = parse("f", text.encode())
    ((path, told),) = invalid_json(document)
    assert str(document.wrong(path, told)).startswith(problem)


def test_numbers_with_thousands_of_digits_are_read() -> None:
    assert parse("f", b"[" + b"9" * 10_000 + b"]").value == [float("inf")]


def test_a_whole_pair_of_surrogates_is_a_character() -> None:
    assert list(invalid_json(parse("f", b'["\\ud83d\\ude80"]'))) == []


@pytest.mark.parametrize(
    "text",
    [
        b'<?xml version="1.0"?><application/>',
        b"\xef\xbb\xbf\n<project/>",
        b"name: shop\nroot: /srv\n",
        b"- shop\n- web\n",
        b"---\nshop: 1\n",
        b"true: false",
        b'"shop": 1',
        b"[projects]\nshop = 1\n",
        b"[[projects]]\n",
        b"SQLite format 3\x00",
        b"hello",
        b"*.py",
    ],
)
def test_what_is_in_some_other_format_is_told_as_such(text: bytes) -> None:
    for comments in (False, True):
        with pytest.raises(OtherFormat, match=r"^f is not JSON\.$"):
            parse("f", text, comments=comments)


ENCODINGS = ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_each_encoding_of_unicode_is_read_with_or_without_a_byte_order_mark(encoding: str, mark: str) -> None:
    text = '{"é": "日本🚀",\n "x": [1, 2 3]}' if mark else '{"é": "日本🚀"}'
    data = (
        text.encode(encoding)
        if encoding in ("utf-8-sig", "utf-16", "utf-32")
        else (mark + text).encode(encoding)
    )
    if mark:
        with pytest.raises(Unusable, match=r"^f, line 2, column 13: a comma is expected here"):
            parse("f", data)
    else:
        assert parse("f", data).value == {"é": "日本🚀"}


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ('["é'.encode("utf-16")[:-1], "the file ends here, in the middle of a character."),
        (
            '["'.encode("utf-16") + b"\x00\xdc" + '"]'.encode("utf-16-le"),
            "this is not UTF-16: save the file as",
        ),
        ('["'.encode("utf-32") + b"\xff" * 4, "this is not UTF-32: save the file as UTF-8."),
        ('["é"]'.encode("latin-1"), "this is not UTF-8: save the file as UTF-8."),
    ],
)
def test_what_is_wrong_with_an_encoding_is_told_with_its_name(data: bytes, told: str) -> None:
    with pytest.raises(Unusable, match=told) as failed:
        parse("f", data)
    assert str(failed.value).startswith("f, line 1, column ")


@pytest.mark.parametrize(
    "deep", ["[" * 3000 + "]" * 3000, '{"a":' * 3000 + "[]" + "}" * 3000, "[" * 101 + "]" * 101]
)
def test_what_is_nested_too_deeply_decides_nothing_about_the_rest(deep: str) -> None:
    document = parse("f", f'{{"deep": [1, {deep}], "after": "x",\n"last": [true]}}'.encode())
    value: Any = document.value
    assert (value["after"], value["last"]) == ("x", [True])
    assert document.line_and_column(("last", 0)) == (2, 10)
    assert document.shown(("deep", 1), 20) == f"{deep[:19]}…"


@pytest.mark.parametrize(
    "written",
    ["9" * 400, "9" * 5000, "1e999", "1.10", "-0", "12345678901234567890123", "NaN", '"\\u00e9"', "[1,   2]"],
)
def test_a_value_is_shown_as_it_stands_in_the_file(written: str) -> None:
    document = parse("f", f'{{"a": [{written}], "b": 1}}'.encode())
    shown = " ".join(written.split())
    assert document.shown(("a", 0)) == (shown if len(shown) <= 80 else f"{shown[:79]}…")
