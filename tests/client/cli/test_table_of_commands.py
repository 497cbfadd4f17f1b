"""The table of commands: each row fits the function that runs it."""

import importlib
import inspect

import pytest

from workspaced_client.cli import commands
from workspaced_client.cli.commands.row import Argument, Command, Family, Option

ROWS = [row for row in commands.ROWS if isinstance(row, Command)]
each_command = pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])


def places_of(row: Command) -> list[Argument | Option]:
    return [*row.arguments, *row.options]


def expected(place: Argument | Option) -> set[str]:
    """The annotations that a parameter for this argument or option may have."""
    if place.many:
        return {"list[str]"}
    if isinstance(place, Option) and not place.value:
        return {"bool"}
    kind = "str" if place.parse is None else inspect.signature(place.parse).return_annotation
    needed = bool(place.required or place.preset) if isinstance(place, Option) else not place.optional
    return {kind} if needed else {f"{kind} | None"}


@each_command
def test_the_function_takes_what_the_row_has(row: Command) -> None:
    module, _, name = row.run.partition(":")
    function = getattr(importlib.import_module(f"workspaced_client.cli.{module}"), name)
    first, *others = inspect.signature(function).parameters.values()
    assert str(getattr(first.annotation, "__name__", first.annotation)) == "Options"
    places = {place.parameter: expected(place) for place in places_of(row)}
    taken = {each.name: inspect.formatannotation(each.annotation).strip("'") for each in others}
    assert taken.keys() == places.keys()
    assert {name for name, annotation in taken.items() if annotation not in places[name]} == set()


@each_command
def test_its_texts_are_sentences(row: Command) -> None:
    for text in (row.summary, *(each.help for each in places_of(row))):
        assert text.rstrip("]").endswith((".", "WORKSPACED_SOCKET")), text
    assert row.examples
    assert all(example.split(" ")[: len(row.name.split())] == row.name.split() for example in row.examples)


def test_no_two_rows_have_one_name() -> None:
    names = [row.name for row in commands.ROWS]
    names += [alias for row in ROWS for alias in row.aliases]
    assert sorted(set(names)) == sorted(names)


def test_each_row_of_one_word_has_a_group_and_each_family_has_members() -> None:
    assert all(row.group for row in commands.top_level())
    for row in commands.ROWS:
        if isinstance(row, Family):
            assert commands.members(row)
