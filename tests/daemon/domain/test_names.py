"""Names and root paths: which are accepted, and which names are one name."""

import unicodedata

import pytest
from hypothesis import given, settings

from support.samples import TEXT
from workspaced.domain.errors import InvalidField
from workspaced.domain.names import check_name, check_root_path, clean_name, clean_root_path, refuse_within
from workspaced_protocol.names import name_key

pytestmark = pytest.mark.requirement("FR-002")

EXAMPLES = settings(deadline=None, max_examples=200)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("Alpha", "Alpha", id="the same"),
        pytest.param("Alpha", "aLPHA", id="ASCII"),
        pytest.param("ÄÖÜ", "äöü", id="Latin"),
        pytest.param("ΑΒΓ", "αβγ", id="Greek"),
        pytest.param("ПРИВЕТ", "привет", id="Cyrillic"),
        pytest.param("STRASSE", "straße", id="a letter that folds to two"),
        pytest.param("ẞ", "ss", id="the capital of that letter"),
        pytest.param("ΣΊΣΥΦΟΣ", "σίσυφος", id="a final sigma"),
        pytest.param("\u00c9", "E\u0301", id="composed and decomposed"),
        pytest.param("\u00c9", "e\u0301", id="composed and decomposed, another case"),
        pytest.param("\u212a", "k", id="the Kelvin sign"),
        pytest.param("\u212b", "\u00e5", id="the Angstrom sign"),
        pytest.param("ﬃ", "FFI", id="a ligature"),
        pytest.param("a\u0323\u0307", "A\u0307\u0323", id="marks in another order"),
        pytest.param("\u1fb3", "\u0391\u0399", id="iota subscript"),
        # The example for the decomposition before the folding (The Unicode Standard, 3.13, D145).
        pytest.param("\u03b1\u0345\u0301", "\u03b1\u0301\u0345", id="iota subscript among marks"),
    ],
)
def test_two_names_are_one(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("Alpha", "Beta", id="other letters"),
        pytest.param("Alpha", "Alpha ", id="a space"),
        pytest.param("É", "E", id="an accent"),
        pytest.param("①", "1", id="compatibility characters are not the same"),
        pytest.param("a", "а", id="a Cyrillic letter that looks the same"),
        pytest.param("日本", "日木", id="characters without case"),
    ],
)
def test_two_names_are_two(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


@EXAMPLES
@given(name=TEXT)
def test_a_name_is_one_name_with_each_of_its_forms(name: str) -> None:
    key = name_key(name)
    assert name_key(key) == key
    assert name_key(name.casefold()) == key
    assert name_key(unicodedata.normalize("NFC", name)) == key
    assert name_key(unicodedata.normalize("NFD", name)) == key


@pytest.mark.parametrize(
    "name", ["a", "x" * 1000, "é" * 1000, " a ", "日本語ワークスペース 🚀", "a\nb", "\u200ba"]
)
def test_a_name_is_accepted(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("name", ["", " ", "\t\r\n", "\u00a0", "\u3000\u2003", "\u2028"])
def test_an_empty_or_blank_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidField, match=r"`name` must not be empty or blank") as refused:
        check_name(name)
    assert refused.value.data == {"path": "name"}
    with pytest.raises(InvalidField, match=r"`workspace\.name` must not be empty") as refused:
        check_name(name, "workspace.name")
    assert refused.value.data == {"path": "workspace.name"}


@pytest.mark.parametrize("path", ["/", "/src", "/src/日本語 dir/🚀", "/a/../b", "//a", "/a\nb"])
def test_an_absolute_root_path_is_accepted(path: str) -> None:
    check_root_path(path)


@pytest.mark.parametrize("path", ["", "src", "./src", "~/src", " /src"])
def test_a_relative_root_path_is_refused(path: str) -> None:
    with pytest.raises(InvalidField, match=r"`rootPath` must be an absolute path") as refused:
        check_root_path(path)
    assert refused.value.data == {"path": "rootPath"}
    assert f"“{path}”" in refused.value.message


def test_a_url_in_the_place_of_a_path_is_told_without_its_secret() -> None:
    with pytest.raises(InvalidField, match="but is “https://ada@host/x”"):
        check_root_path("https://ada:s3cret@host/x")


def test_a_root_path_with_nul_is_refused() -> None:
    with pytest.raises(InvalidField, match=r"`workspace\.rootPath` must not contain a NUL") as refused:
        check_root_path("/a\0b", "workspace.rootPath")
    assert refused.value.data == {"path": "workspace.rootPath"}


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("Alpha", "Alpha"),
        (" Alpha\t\n", "Alpha"),
        ("\u3000日本 語\u00a0", "日本 語"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("\u200bA", "\u200bA"),
        ("נתונים\u200f", "נתונים\u200f"),
        ("´", "´"),
    ],
)
def test_a_new_name_loses_the_white_space_at_its_ends(name: str, cleaned: str) -> None:
    assert clean_name(name) == cleaned


@pytest.mark.parametrize(
    "name",
    ["", " \n", "\u200b", "\u00ad \u2060", "\ufeff", "\u202e", "\u3164", "\u2800", "\ufe0f", "\U000e0001"],
)
def test_a_new_name_that_shows_nothing_is_refused(name: str) -> None:
    with pytest.raises(InvalidField, match="must not be empty or blank"):
        clean_name(name)


@pytest.mark.parametrize("name", ["a\nb", "a\tb", "\x1b[31mred", "a\x7fb", "a\x85b", "\0", "\x07"])
def test_a_new_name_with_a_control_character_is_refused(name: str) -> None:
    with pytest.raises(InvalidField, match="must not contain a control character"):
        clean_name(name)


@pytest.mark.parametrize(
    ("path", "cleaned"),
    [
        ("//srv/./a/", "/srv/a"),
        ("/", "/"),
        ("///", "/"),
        ("/./", "/"),
        ("/srv/../a/..", "/srv/../a/.."),
        ("/srv/.a/...", "/srv/.a/..."),
        ("/srv/ a ", "/srv/ a "),
    ],
)
def test_a_new_root_path_loses_what_leads_nowhere(path: str, cleaned: str) -> None:
    assert clean_root_path(path) == cleaned
    assert clean_root_path(cleaned) == cleaned


@pytest.mark.parametrize("path", ["/data", "/data/x", "/data/x/y"])
def test_a_path_in_a_reserved_directory_is_refused(path: str) -> None:
    with pytest.raises(InvalidField, match="lies in the daemon's data directory, /data,") as refused:
        refuse_within(path, "/data", "targetDir")
    assert refused.value.data == {"path": "targetDir"}


@pytest.mark.parametrize("path", ["/", "/database", "/dat", "/x/data"])
def test_a_path_beside_or_above_a_reserved_directory_is_not_refused(path: str) -> None:
    refuse_within(path, "/data", "targetDir")
