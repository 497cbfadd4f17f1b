"""The scan for git repositories: what is found, what is passed over, and what can't be looked into."""

import errno
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


def git(*arguments: str, at: Path) -> None:
    environment = {**os.environ, **ISOLATED}
    subprocess.run(["git", *arguments], cwd=at, env=environment, check=True, stderr=subprocess.PIPE)


def test_the_work_trees_of_bare_repositories_are_found_and_not_their_hubs(tmp_path: Path) -> None:
    make_repository(tmp_path / "one", files=1)
    for bare in ("hub/.bare", "inside.git", "dot/.git", "settings/.git"):
        git("clone", "--quiet", "--bare", "one", bare, at=tmp_path)
    (tmp_path / "hub" / ".git").write_text("gitdir: ./.bare\n")
    for place in ("hub", "inside.git", "dot", "settings"):
        for name in ("main2", "feature/deep"):
            git("worktree", "add", "--quiet", "-b", f"{place}/{name}", name, at=tmp_path / place)
    # Git moves `core.bare` to a file of its own where each work tree has its settings.
    git("config", "extensions.worktreeConfig", "true", at=tmp_path / "settings")
    git("config", "--unset", "core.bare", at=tmp_path / "settings")
    git("config", "--file", ".git/config.worktree", "core.bare", "true", at=tmp_path / "settings")
    result = scan(str(tmp_path))
    hubs = ("dot", "hub", "inside.git", "settings")
    works = [f"{hub}/{name}" for hub in hubs for name in ("feature/deep", "main2")]
    assert result.repositories == [str(tmp_path / path) for path in sorted((*works, "one"))]
    assert result.left_out == []


@pytest.mark.parametrize(
    ("settings", "is_bare"),
    [
        ("[core]\n\tbare = true\n", True),
        ("[core] bare\n", True),
        ("[CORE]\n  Bare = Yes ; a hub\n", True),
        ('[core]\nbare = "on"\n[other]\nbare = false\n', True),
        ("[core]\nbare = false\n", False),
        ("[core]\nbare = true\nbare = false # after all\n", False),
        ('[branch "bare"]\nbare = true\n', False),
        ("bare = true", False),
        ("[core]\n# bare = true\n", False),
    ],
)
def test_a_repository_says_whether_it_has_a_work_tree(tmp_path: Path, settings: str, is_bare: bool) -> None:
    path = repository(tmp_path / "it")
    (tmp_path / "it" / ".git" / "config").write_text(settings)
    assert found(tmp_path) == ([] if is_bare else [path])


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


BROKEN = {
    "dangling": "it is a symbolic link that leads nowhere",
    "empty": "there is no repository in it",
    "loop": f"it could not be read ({os.strerror(errno.ELOOP)})",
    "moved": "it leads to /nowhere/worktrees/x, where there is no repository",
    "nul": "it leads to a\0b, where there is no repository",
    "odd": "it is not a file of git",
    "piped": "it is neither a directory nor a file",
    "relative": "it leads to ../gone, where there is no repository",
    "through": "it leads to ../odd/.git/x, where there is no repository",
}


def test_a_git_entry_of_no_use_is_named_and_hides_no_repository(tmp_path: Path) -> None:
    beside = [repository(tmp_path / name / "child") for name in BROKEN]
    entry = {name: tmp_path / name / ".git" for name in BROKEN}
    entry["dangling"].symlink_to("/nowhere")
    entry["empty"].mkdir()
    entry["loop"].symlink_to(".git")
    entry["moved"].write_text("gitdir: /nowhere/worktrees/x\n")
    entry["nul"].write_text("gitdir: a\0b\n")
    entry["odd"].write_text("no repository")
    os.mkfifo(entry["piped"])
    entry["relative"].write_text("gitdir: ../gone")
    entry["through"].write_text("gitdir: ../odd/.git/x\r\n")
    result = scan(str(tmp_path))
    assert result.repositories == beside
    assert result.left_out == [(str(entry[name]), reason) for name, reason in BROKEN.items()]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every file")
@pytest.mark.parametrize("kind", ["directory", "file", "target"])
def test_a_git_entry_that_may_not_be_opened_is_named_and_hides_no_repository(
    tmp_path: Path, kind: str
) -> None:
    path = Path(repository(tmp_path / "sealed")) / ".git"
    beside = repository(tmp_path / "sealed" / "child")
    sealed = path
    if kind != "directory":
        sealed = path.rename(tmp_path / ".elsewhere")
        path.write_text("gitdir: ../.elsewhere")
        sealed = path if kind == "file" else sealed
    sealed.chmod(0)
    result = scan(str(tmp_path))
    sealed.chmod(0o700)
    assert result.repositories == [beside]
    assert result.left_out == [(str(path), "it could not be read (Permission denied)")]


def test_a_git_directory_that_is_elsewhere_is_one(tmp_path: Path) -> None:
    elsewhere = repository(tmp_path / "elsewhere")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / ".git").symlink_to(f"{elsewhere}/.git")
    assert found(tmp_path) == [elsewhere, str(tmp_path / "tree")]


def test_what_can_not_be_looked_into_is_named(tmp_path: Path) -> None:
    there = repository(tmp_path / "b")
    gone = tmp_path / "a"
    gone.mkdir()

    def tell(so_far: Found) -> None:
        if so_far.directories == 1:
            gone.rmdir()

    result = scan(str(tmp_path), tell)
    assert result.repositories == [there]
    assert result.left_out == [(str(gone), "it could not be read (No such file or directory)")]
    with pytest.raises(FileNotFoundError):
        scan(str(gone))


def test_directories_that_may_not_be_read_are_named(tmp_path: Path) -> None:
    there = repository(tmp_path / "b")
    (tmp_path / "a").mkdir(mode=0)
    result = scan(str(tmp_path))
    assert result.repositories == [there]
    # Root may read every directory.
    reason = "it could not be read (Permission denied)"
    assert result.left_out == ([] if os.geteuid() == 0 else [(str(tmp_path / "a"), reason)])


def test_how_far_it_has_come_is_told(tmp_path: Path) -> None:
    for number in range(6):
        repository(tmp_path / f"group{number % 2}" / f"r{number}")
    seen: list[tuple[int, int, int]] = []
    scan(str(tmp_path), lambda far: seen.append((far.directories, far.waiting, len(far.repositories))))
    assert seen[0] == (1, 2, 0)
    assert seen[-1] == (9, 0, 6)
    assert [directories for directories, _, _ in seen] == list(range(1, 10))
