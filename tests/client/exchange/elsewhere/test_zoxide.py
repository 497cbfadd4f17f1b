"""The directories in zoxide's database."""

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.other_programs import zoxide_database
from workspaced_client._testing.environment import environment_at
from workspaced_client.exchange.elsewhere.zoxide import decode
from workspaced_client.exchange.json_text import LeftOut, OtherFormat, Unusable

FILE = "/e/db.zo"


def test_the_directories_in_the_order_of_the_database() -> None:
    listing = decode(FILE, zoxide_database(["/srv/café", "/", b"/bad\xff", "C:\\src", "/srv/web"]))
    assert [each.path for each in listing.projects] == ["/srv/café", "/", "/srv/web"]
    assert all(each.is_visited_directory for each in listing.projects)
    assert listing.left_out == (
        LeftOut("", "/bad�", "its path is not UTF-8"),
        LeftOut("", "C:\\src", "it is a Windows path"),
    )
    assert listing.has_uses
    assert decode(FILE, zoxide_database([])).projects == ()


@pytest.mark.skipif(shutil.which("zoxide") is None, reason="zoxide is not installed")
def test_a_database_that_zoxide_has_written(tmp_path: Path) -> None:
    paths = [str(tmp_path / name) for name in ("api", "web shop")]
    for path in paths:
        Path(path).mkdir()
        environment = environment_at(tmp_path, _ZO_DATA_DIR=str(tmp_path))
        subprocess.run(["zoxide", "add", path], env=environment, check=True)
    listing = decode(FILE, (tmp_path / "db.zo").read_bytes())
    assert sorted(each.path for each in listing.projects) == paths


WHOLE = zoxide_database(["/srv/api", "/srv/web"])


@pytest.mark.parametrize(
    ("data", "kind", "problem"),
    [
        (b"", OtherFormat, "is not a database of zoxide"),
        (b"\3\0\0", OtherFormat, "is not a database of zoxide"),
        (b"/srv/api|1|2\n", OtherFormat, "is not a database of zoxide"),
        (zoxide_database([], version=2), Unusable, "of zoxide of version 2, and only version 3 is known"),
        (WHOLE + b"x", Unusable, "more follows after its last entry, at byte 76"),
        (zoxide_database([])[:4] + b"\xff" * 8, Unusable, "it ends in the middle of an entry, after byte 12"),
        (WHOLE[:12] + b"\xff" * 8 + WHOLE[20:], Unusable, "it ends in the middle of an entry"),
    ],
)
def test_other_and_damaged_files_are_told(data: bytes, kind: type[Unusable], problem: str) -> None:
    with pytest.raises(kind, match=problem) as caught:
        decode(FILE, data)
    assert type(caught.value) is kind
    assert str(caught.value).startswith(FILE)


@given(st.integers(0, len(WHOLE) - 1))
def test_every_cut_is_noticed(length: int) -> None:
    with pytest.raises(Unusable):
        decode(FILE, WHOLE[:length])


@given(st.binary(max_size=60))
def test_no_bytes_are_too_much(tail: bytes) -> None:
    with suppress(Unusable):
        decode(FILE, WHOLE[:4] + tail)
