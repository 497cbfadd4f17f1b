"""The repositories below the roots of ghq.

Both are those of `local_repository.go` in https://github.com/x-motemen/ghq. The roots are in `$GHQ_ROOT`, separated by
colons; or else those that git's configuration gives as `ghq.root`, and for some URLs as `ghq.<url>.root`; or else
`~/ghq`. A repository is a directory with the mark of a version control in it (`vcs.go`); ghq does not look inside, and
follows a symbolic link only to a repository itself.
"""

import os
import subprocess
from collections import deque
from collections.abc import Mapping
from typing import Final

from workspaced_client.exchange.elsewhere.version_control import is_work_tree
from workspaced_client.exchange.json_text import LeftOut, Unusable
from workspaced_client.exchange.listed import Listed, Listing

_GIT_SECONDS: Final = 5.0  # for reading its configuration, which may be on a network
_NOT_SET: Final = 1  # git's exit code


def roots(home: str, environment: Mapping[str, str]) -> list[str]:
    """Return the absolute paths of the roots; they need not exist. Raise Unusable if git can't tell them."""
    given = environment.get("GHQ_ROOT", "").split(os.pathsep)
    found = [path for path in given if path]
    if not found:
        found = _configured("--get-all", "ghq.root") or [os.path.join(home, "ghq")]
        # Each line is a name, a space and the value.
        for line in _configured("--get-regexp", r"^ghq\..+\.root$"):
            found.append(line.partition(".root ")[2])
    return list(dict.fromkeys(os.path.abspath(path) for path in found if path))


def _configured(*arguments: str) -> list[str]:
    try:
        done = subprocess.run(
            ["git", "config", "--path", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        return []  # without git, nobody has configured it
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unusable(f"git could not be asked for the roots of ghq: {error}.") from error
    if done.returncode not in (0, _NOT_SET):
        said = os.fsdecode(done.stderr).strip()
        raise Unusable(
            f"git could not be asked for the roots of ghq: {said or f'exit code {done.returncode}'}."
        )
    return os.fsdecode(done.stdout).splitlines()


def read(root: str, home: str) -> Listing:
    """Return the repositories below a root, sorted. Raise Unusable if it can't be read."""
    found: list[str] = []
    left_out: list[LeftOut] = []
    queue = deque([root])
    while queue:
        directory = queue.popleft()
        try:
            if is_work_tree(directory):
                found.append(directory)
                continue
            with os.scandir(directory) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    if entry.is_dir(follow_symlinks=False):
                        queue.append(entry.path)
                    elif entry.is_symlink() and is_work_tree(entry.path):
                        found.append(entry.path)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            if directory == root:
                raise Unusable(f"{root} can't be read: {reason or error}.") from error
            left_out.append(LeftOut("", directory, f"it could not be read ({reason or error})"))
    return Listing(tuple(map(Listed, sorted(found))), tuple(left_out))
