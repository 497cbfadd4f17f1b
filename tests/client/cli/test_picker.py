"""The choice of a workspace from a list: `workspacectl path --pick`."""

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from client.cli.workspacectl import Result, run_on_terminal, run_process
from support.daemon_process import DaemonProcess


@pytest.fixture
def used(daemon: DaemonProcess) -> Iterator[DaemonProcess]:
    """A daemon with three workspaces, of which `old` was used last."""
    with daemon.client() as client:
        made = [client.workspaces.create(name, f"/srv/{name}") for name in ("old", "shop", "shut")]
        # An older app's store may hold such a name.
        client.store.save(structs.replace(made[2], name="sh\x1b[31mut"))
        client.workspaces.touch(made[0].id)
        yield daemon
        for each in made:
            client.store.remove(each.id)


def picked(daemon: DaemonProcess, home: Path, typed: bytes, path: str = "/usr/bin:/bin") -> Result:
    def answer(_: subprocess.Popen[bytes], screen: int) -> None:
        os.write(screen, typed)

    return run_on_terminal(
        "path",
        "--pick",
        "--socket",
        str(daemon.socket),
        home=home,
        env={"PATH": path},
        at_question=answer,
        question=b"name: ",
    )


@pytest.fixture
def no_fzf(tmp_path: Path) -> str:
    """A PATH without fzf."""
    (tmp_path / "none").mkdir()
    return str(tmp_path / "none")


@pytest.mark.parametrize(
    ("typed", "path"), [(b"1\n", "/srv/old"), (b"sho\n", "/srv/shop"), (b"9\nx\nsh\nold\n", "/srv/old")]
)
def test_a_number_or_a_part_of_a_name(
    used: DaemonProcess, tmp_path: Path, no_fzf: str, typed: bytes, path: str
) -> None:
    result = picked(used, tmp_path, typed, no_fzf)
    assert result.code == 0
    assert result.out.splitlines()[-1].endswith(path)
    assert result.out.startswith("  1  old")
    assert "\x1b[31m" not in result.out


def test_paths_stand_below_each_other_beside_wide_names(
    used: DaemonProcess, tmp_path: Path, no_fzf: str
) -> None:
    with used.client() as client:
        made = client.workspaces.create("工作区", "/srv/wide")
        result = picked(used, tmp_path, b"\n", no_fzf)
        client.store.remove(made.id)
    lines = result.out.splitlines()
    assert any(line.endswith("工作区        /srv/wide") for line in lines)  # 6 cells, as wide as sh\x1b[31mut
    assert any(line.endswith("old           /srv/old") for line in lines)


def test_nothing_chosen_is_no_path(used: DaemonProcess, tmp_path: Path, no_fzf: str) -> None:
    for typed in (b"\n", b"\x04"):
        result = picked(used, tmp_path, typed, no_fzf)
        assert result.code == 1
        assert result.out.partition("name: ")[2].strip() == "error: Nothing was chosen."


@pytest.mark.parametrize(("code", "lines"), [(0, "sed -n 2p"), (130, "true"), (1, "true")])
def test_fzf_chooses_where_it_is_installed(
    used: DaemonProcess, tmp_path: Path, code: int, lines: str
) -> None:
    fake = tmp_path / "bin" / "fzf"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\n{lines}\nexit {code}\n")
    fake.chmod(stat.S_IRWXU)
    result = picked(used, tmp_path, b"", f"{fake.parent}:/usr/bin:/bin")
    if code:
        assert (result.code, result.out) == (1, "error: Nothing was chosen.\n")
    else:
        assert result.code == 0
        assert result.out.startswith("/srv/sh")


def test_without_a_terminal_there_is_nobody_to_choose(used: DaemonProcess, tmp_path: Path) -> None:
    result = run_process("path", "--pick", "--socket", str(used.socket), home=tmp_path)
    assert (result.code, result.out) == (2, "")
    assert result.err == "error: There is no terminal to choose on: name a workspace.\n"


def test_nothing_to_choose_from(daemon: DaemonProcess, tmp_path: Path) -> None:
    result = run_process("path", "--pick", "--socket", str(daemon.socket), home=tmp_path)
    assert (result.code, result.out) == (1, "")
    assert "workspacectl create NAME PATH" in result.err
