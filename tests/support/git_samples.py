"""Repositories to clone, and programs in git's place that hang, fail or tell how they were called."""

import os
import select
import subprocess
from dataclasses import dataclass
from pathlib import Path

from workspaced_client._testing.environment import GIT_ISOLATED

ISOLATED = GIT_ISOLATED
"""An environment in which git knows nothing of the user's configuration."""

_AUTHOR = ("-c", "user.name=Test", "-c", "user.email=test@example.com")


def make_repository(path: Path, files: int = 3) -> str:
    """Make a repository with one commit at `path`, and return its URL."""
    path.mkdir(parents=True)
    for number in range(files):
        (path / f"file{number}").write_text(f"{number}\n" * 100)
    environment = {**os.environ, **ISOLATED}
    for command in (["init", "--quiet"], ["add", "."], [*_AUTHOR, "commit", "--quiet", "-m", "First"]):
        subprocess.run(["git", *command], cwd=path, env=environment, check=True)
    return f"file://{path}"


@dataclass(frozen=True)
class FakeGit:
    """A shell script called `git`, and the directory that has to be alone, or first, on the PATH."""

    directory: Path

    def replace_path(self) -> str:
        """Return a PATH on which it is the first git."""
        return f"{self.directory}{os.pathsep}{os.environ['PATH']}"


def fake_git(directory: Path, script: str) -> FakeGit:
    """Write the script, which is run for a clone; in it, `$target` is where to clone to. Nothing is configured."""
    directory.mkdir()
    program = directory / "git"
    program.write_text(f'#!/bin/sh\n[ "$1" = config ] && exit 1\nfor target; do :; done\n{script}\n')
    program.chmod(0o755)
    return FakeGit(directory)


HANGS = """
echo half > "$target/half"
mkdir "$target/.git" && echo half > "$target/.git/half"
echo "Cloning into 'there'..." >&2
echo 'Receiving objects:  42% (42/100), 1.20 MiB | 800.00 KiB/s' >&2
"""
"""The beginning of a clone that never ends: some files, and a line of progress."""


class Lifeline:
    """Whether any process is left of a fake git and those that it started.

    The script opens it by `script()`; all that it starts afterwards hold it too.
    """

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._path = path
        self._reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def script(self) -> str:
        """Return the command that the script begins with."""
        return f"exec 3>'{self._path}'"

    def hanging_script(self) -> str:
        """Return a script that begins a clone and never ends it."""
        return f"{self.script()}\n{HANGS}\nsleep 600 & wait"

    def is_held(self) -> bool:
        """Return whether a process of it lives."""
        try:
            return os.read(self._reader, 1) != b""
        except BlockingIOError:
            return True

    def wait_until_let_go(self, seconds: float) -> bool:
        """Return whether none of them is left within this time; one must have opened it."""
        poll = select.poll()
        poll.register(self._reader, 0)  # POLLHUP is there unasked
        return bool(poll.poll(seconds * 1000))

    def close(self) -> None:
        """Close this end."""
        os.close(self._reader)
