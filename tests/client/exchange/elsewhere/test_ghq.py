"""The repositories of ghq: its roots, and what lies below them."""

import os
import subprocess
from pathlib import Path

import pytest

from support.git_samples import ISOLATED
from workspaced_client.exchange.elsewhere import ghq
from workspaced_client.exchange.json_text import LeftOut, Unusable

HOME = "/home/ada"


def mark(path: Path, name: str = ".git") -> str:
    (path / name).mkdir(parents=True)
    return str(path)


def test_repositories_of_every_version_control_are_found_at_every_depth(tmp_path: Path) -> None:
    root = tmp_path / "ghq"
    found = [
        mark(root / "example.com" / "ada" / "api"),
        mark(root / "example.com" / "ada" / "team" / "deep" / "web"),
        mark(root / "example.com" / "bob" / "tool", ".hg"),
        mark(root / "svn.example.com" / "trunk", "CVS/Repository"),
    ]
    mark(root / "example.com" / "ada" / "api" / "vendor" / "inner")
    (root / "README").write_text("")
    (root / "empty").mkdir()
    elsewhere = mark(tmp_path / "elsewhere")
    (root / "linked").symlink_to(elsewhere)
    (root / "up").symlink_to("..")
    (root / "loop").symlink_to("loop")
    listing = ghq.read(str(root), HOME)
    assert [each.path for each in listing.projects] == sorted([*found, f"{root}/linked"])
    assert listing.left_out == ()


def test_a_root_that_is_a_repository(tmp_path: Path) -> None:
    assert [each.path for each in ghq.read(mark(tmp_path / "one"), HOME).projects] == [f"{tmp_path}/one"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every directory")
def test_a_directory_that_may_not_be_read_costs_no_other(tmp_path: Path) -> None:
    good = mark(tmp_path / "good")
    (tmp_path / "shut").mkdir(mode=0)
    listing = ghq.read(str(tmp_path), HOME)
    assert [each.path for each in listing.projects] == [good]
    assert listing.left_out == (LeftOut("", f"{tmp_path}/shut", "it could not be read (Permission denied)"),)


def test_a_root_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for name, problem in (
        ("none", "No such file or directory"),
        ("file", "Not a directory"),
        ("a\0b", "null byte"),
    ):
        with pytest.raises(Unusable, match=f"can't be read: .*{problem}"):
            ghq.read(str(tmp_path / name), HOME)


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file that is git's whole configuration."""
    for name, value in ISOLATED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "config"


def test_the_roots_in_their_order_of_preference(configured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ghq.roots(HOME, {}) == ["/home/ada/ghq"]
    configured.write_text('[ghq "https://example.com/my. root "]\n root = /srv/work\n')
    assert ghq.roots(HOME, {}) == ["/home/ada/ghq", "/srv/work"]
    monkeypatch.setenv("HOME", "/home/bob")
    with configured.open("a") as file:
        file.write("[ghq]\n root = ~/src\n root = /srv/src/\n root = /srv/src\n user = ada\n")
    assert ghq.roots(HOME, {}) == ["/home/bob/src", "/srv/src", "/srv/work"]
    assert ghq.roots(HOME, {"GHQ_ROOT": "/a::/b/../c"}) == ["/a", "/c"]
    assert ghq.roots(HOME, {"GHQ_ROOT": ""}) == ghq.roots(HOME, {})


def test_what_git_says_against_its_configuration_is_told(configured: Path) -> None:
    configured.write_text("[ghq\n")
    with pytest.raises(
        Unusable, match=r"git could not be asked for the roots of ghq: fatal: bad config line 1"
    ):
        ghq.roots(HOME, {})


def test_without_git_there_is_the_usual_root(configured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(configured.parent))
    assert ghq.roots(HOME, {}) == ["/home/ada/ghq"]


def test_a_git_that_hangs_is_not_waited_for(configured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(arguments: list[str], **options: object) -> None:
        raise subprocess.TimeoutExpired(arguments, 5)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(Unusable, match=r"git could not be asked for the roots of ghq: .*timed out"):
        ghq.roots(HOME, {})
