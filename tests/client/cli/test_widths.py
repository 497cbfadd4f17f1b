"""The widths of texts in tables: the library that knows them all is loaded only where it is needed."""

from rich import cells

from workspaced_client.cli.base import table


def test_narrow_texts_have_the_same_width_without_the_library() -> None:
    characters = [chr(code) for code in range(0x20, 0x2100)]
    assert [each for each in characters if table.cell_len(f"a{each}") != cells.cell_len(f"a{each}")] == []
    for text in ("Größe", "Привет", "αβγδ", "“it’s” – …"):
        assert table.set_cell_size(text, 4) == text[:4]
        assert table.set_cell_size(text, 12) == text.ljust(12)


def test_wide_texts_are_cut_between_letters() -> None:
    assert table.cell_len("大きさ") == 6
    assert table.set_cell_size("大きさ", 5) == "大き "
