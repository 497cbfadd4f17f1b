"""The scan for git repositories: what is found, what is passed over, and what can't be looked into."""

import os
import subprocess
from pathlib import Path

import pytest

from support.git_samples import ISOLATED, make_repository
from workspaced_client.exchange.scan import Found, scan


def repository(path: Path) -> str:
    """What a repository is known by, without what git would take to make it."""
    (path / ".git").mkdir(parents=True)
    (path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    return str(path)


def found(root: Path) -> list[str]:
    return scan(str(root)).repositories


def test_repositories_that_git_makes_are_found(tmp_path: Path) -> None:
    make_repository(tmp_path / "one", files=1)
    environment = {**os.environ, **ISOLATED}
    for command in (
        ["-C", "one", "worktree", "add", "--quiet", "--detach", "../linked"],
        ["clone", "--quiet", "--bare", "one", "bare.git"],
        ["init", "--quiet", "deep/down/two"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path, env=environment, check=True, stderr=subprocess.PIPE)
    assert found(tmp_path) == [str(tmp_path / path) for path in ("deep/down/two", "linked", "one")]


def test_the_directory_itself_may_be_one(tmp_path: Path) -> None:
    assert found(Path(repository(tmp_path))) == [str(tmp_path)]


def test_what_is_passed_over(tmp_path: Path) -> None:
    whole = repository(tmp_path / "whole")
    for path in ("whole/inner", "node_modules/x", "a/vendor/x", "a/venv/x", ".cache/x", "a/.hidden"):
        repository(tmp_path / path)
    (tmp_path / "link").symlink_to(whole)
    (tmp_path / "a" / "circle").symlink_to(tmp_path)
    (tmp_path / "empty" / ".git").mkdir(parents=True)
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / ".git").write_text("no repository")
    (tmp_path / "piped").mkdir()
    os.mkfifo(tmp_path / "piped" / ".git")
    assert found(tmp_path) == [whole]


def test_a_git_directory_that_is_elsewhere_is_one(tmp_path: Path) -> None:
    elsewhere = repository(tmp_path / "elsewhere")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / ".git").symlink_to(f"{elsewhere}/.git")
    assert found(tmp_path) == [elsewhere, str(tmp_path / "tree")]


def test_what_can_not_be_looked_into_is_named(tmp_path: Path) -> None:
    there = repository(tmp_path / "b")
    gone = tmp_path / "a"
    gone.mkdir()
    broken = tmp_path / "c"
    broken.mkdir()
    (broken / ".git").symlink_to(tmp_path / "nowhere")

    def tell(so_far: Found) -> None:
        if so_far.directories == 1:
            gone.rmdir()

    result = scan(str(tmp_path), tell)
    assert result.repositories == [there]
    assert result.unreadable == [
        (str(gone), "No such file or directory"),
        (str(broken), "No such file or directory"),
    ]
    with pytest.raises(FileNotFoundError):
        scan(str(gone))


def test_directories_that_may_not_be_read_are_named(tmp_path: Path) -> None:
    there = repository(tmp_path / "b")
    (tmp_path / "a").mkdir(mode=0)
    result = scan(str(tmp_path))
    assert result.repositories == [there]
    # Root may read every directory.
    assert result.unreadable == ([] if os.geteuid() == 0 else [(str(tmp_path / "a"), "Permission denied")])


def test_how_far_it_has_come_is_told(tmp_path: Path) -> None:
    for number in range(6):
        repository(tmp_path / f"group{number % 2}" / f"r{number}")
    seen: list[tuple[int, int, int]] = []
    scan(str(tmp_path), lambda far: seen.append((far.directories, far.waiting, len(far.repositories))))
    assert seen[0] == (1, 2, 0)
    assert seen[-1] == (9, 0, 6)
    assert [directories for directories, _, _ in seen] == list(range(1, 10))
