"""Clones by the real git and by programs in its place: what is there afterwards, and what is not."""

import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from support.cloning import Attempt, clone
from support.git_samples import HANGS, ISOLATED, Lifeline, fake_git, make_repository
from support.waiting import until
from workspaced.domain.errors import InvalidField
from workspaced.host.git import TIMEOUT_SECONDS, Git, GitFailed, GitTimeout, GitUnavailable
from workspaced.host.git_output import Step

pytestmark = pytest.mark.requirement("FR-003")


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's git configuration is out of the way."""
    for name, value in ISOLATED.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def lifeline(tmp_path: Path) -> Iterator[Lifeline]:
    """Tells whether a fake git lives."""
    lifeline = Lifeline(tmp_path / "lifeline")
    yield lifeline
    lifeline.close()


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a script in git's place."""
    return lambda script: monkeypatch.setenv("PATH", fake_git(tmp_path / "bin", script).replace_path())


# What git makes


async def test_a_clone_is_where_it_should_be(tmp_path: Path) -> None:
    url = make_repository(tmp_path / "origin")
    steps: list[Step] = []
    path = await clone(Git(), url, tmp_path / "new" / "parent" / "app", steps)
    assert path == str(tmp_path / "new" / "parent" / "app")
    assert sorted(os.listdir(path)) == [".git", "file0", "file1", "file2"]
    assert ("Receiving objects", 100) in [(step.phase, step.percent) for step in steps]


async def test_an_empty_directory_is_filled(tmp_path: Path) -> None:
    url = make_repository(tmp_path / "origin")
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o750)
    inode = empty.stat().st_ino
    (tmp_path / "link").symlink_to(empty)
    assert await clone(Git(), url, tmp_path / "link") == str(empty)
    assert (empty / "file0").exists()
    assert (empty.stat().st_ino, empty.stat().st_mode & 0o777) == (inode, 0o750)


async def test_git_is_called_so_that_it_can_ask_nobody(
    tmp_path: Path, play: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told"
    probe = tmp_path / "probe.py"
    probe.write_text(
        "import os\n"
        'print("leads:", os.getsid(0) == os.getppid() == os.getpgid(0))\n'
        'print("reads nothing:", os.path.samestat(os.fstat(0), os.stat("/dev/null")))\n'
    )
    play(f"""{{ printf '%s\\n' "$@"; env; pwd; '{sys.executable}' '{probe}'; }} > '{told}'""")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):  # as in a hook of git's
        monkeypatch.setenv(name, "/elsewhere")
    monkeypatch.setenv("GIT_ASKPASS", "/bin/askpass")
    monkeypatch.setenv("GIT_SSH_COMMAND", "ssh -i key")
    path = tmp_path / "app"
    await clone(Git(allowed_protocols=["https", "ssh"]), "https://example.com/app", path)
    lines = told.read_text().splitlines()
    assert lines[:5] == ["clone", "--progress", "--", "https://example.com/app", str(path)]
    assert {
        "GIT_ALLOW_PROTOCOL=https:ssh",
        "GIT_TERMINAL_PROMPT=0",
        "GIT_ASKPASS=",
        "SSH_ASKPASS=",
        "SSH_ASKPASS_REQUIRE=never",
        "GIT_SSH_COMMAND=ssh -i key",
        "LC_ALL=C",
        "leads: True",
        "/",
        "reads nothing: True",
    } <= set(lines)
    assert "elsewhere" not in told.read_text()


async def test_no_configuration_lets_a_url_run_a_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    (tmp_path / "config").write_text('[protocol "ext"]\n\tallow = always\n')
    with pytest.raises(GitFailed, match="transport 'ext' not allowed"):
        await clone(Git(), f"ext::sh -c touch% {tmp_path}/ran", tmp_path / "app")
    assert os.listdir(tmp_path) == ["config"]


@pytest.mark.parametrize("code", [1, 3])
async def test_a_clone_whose_hook_fails_is_kept_as_git_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    url = make_repository(tmp_path / "origin")
    hook = tmp_path / "template" / "hooks" / "post-checkout"
    hook.parent.mkdir(parents=True)
    hook.write_text(f"#!/bin/sh\necho 'no such tool' >&2\nexit {code}\n")
    hook.chmod(0o755)
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(tmp_path / "template"))
    git = Git()
    async with git.target(str(tmp_path / "app"), lambda _: None) as target:
        warning = await git.clone(url, target, lambda _: None)
    assert warning is not None
    assert f"exit code {code}" in warning
    assert "no such tool" in warning
    assert (tmp_path / "app" / "file0").exists()


async def test_a_clone_without_all_of_its_files_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git leaves the repository in this case, for its user to go on with."""
    url = make_repository(tmp_path / "origin")
    (tmp_path / "origin" / ".gitattributes").write_text("* filter=f")
    add = ["git", "-C", str(tmp_path / "origin"), "-c", "user.name=T", "-c", "user.email=t@example.com"]
    await trio.run_process([*add, "add", "."])
    await trio.run_process([*add, "commit", "-q", "-m", "A filter"])
    (tmp_path / "config").write_text('[filter "f"]\n\tsmudge = false\n\trequired = true\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    with pytest.raises(GitFailed) as failed:
        await clone(Git(), url, tmp_path / "app")
    assert "Clone succeeded, but checkout failed" in str(failed.value.data["stderr"])
    assert not (tmp_path / "app").exists()


# What goes wrong


async def test_a_clone_that_fails_tells_why_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(GitFailed) as failed:
        await clone(Git(), f"file://{tmp_path}/nowhere", tmp_path / "a" / "b" / "app")
    stderr = str(failed.value.data["stderr"])
    assert "does not appear to be a git repository" in stderr
    assert "Please make sure you have the correct access rights" in stderr
    assert "(exit code 128): fatal: " in failed.value.message
    assert os.listdir(tmp_path) == []


async def test_without_git_there_is_nothing_to_clone_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitUnavailable) as unavailable:
        await clone(Git(), "https://example.com/app", tmp_path / "app")
    assert unavailable.value.data == {"stderr": ""}
    assert os.strerror(errno.ENOENT) in unavailable.value.message
    assert os.listdir(tmp_path) == []


async def test_a_git_that_is_killed_is_told_by_its_signal(
    tmp_path: Path, play: Callable[[str], None]
) -> None:
    play("kill -KILL $$")
    with pytest.raises(GitFailed, match=r"\(signal 9\): git gave no reason\."):
        await clone(Git(), "https://example.com/app", tmp_path / "app")


@pytest.mark.parametrize("ending", ["kill -KILL $$", "kill -SEGV $$", "exit 128"])
async def test_no_helper_outlives_a_git_that_did_not_end_well(
    tmp_path: Path, play: Callable[[str], None], lifeline: Lifeline, ending: str
) -> None:
    play(f"{lifeline.script()}\n(trap '' TERM HUP; sleep 600) 2>&- & {ending}")
    with pytest.raises(GitFailed):
        await clone(Git(), "https://example.com/app", tmp_path / "app")
    await until(lambda: not lifeline.is_held())


@pytest.mark.parametrize("form", ["data", "data/deep/er", "link", "link/er", "link/../data"])
async def test_no_clone_goes_to_the_reserved_directory(tmp_path: Path, form: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to("data")
    git = Git(reserved=str(tmp_path / "data"))
    with pytest.raises(InvalidField, match="lies in the daemon's data directory") as refused:
        await clone(git, "https://example.com/app", tmp_path / form)
    assert refused.value.data == {"path": "targetDir"}
    assert os.listdir(tmp_path / "data") == []


@pytest.mark.parametrize("trap", ["", "trap '' TERM"], ids=["ends by itself", "has to be killed"])
@pytest.mark.parametrize("was_there", [False, True], ids=["made", "was there"])
async def test_a_git_that_hangs_is_ended_with_all_it_started_and_wrote(
    tmp_path: Path,
    nursery: trio.Nursery,
    mock_clock: MockClock,
    play: Callable[[str], None],
    lifeline: Lifeline,
    trap: str,
    was_there: bool,
) -> None:
    play(f"{trap}\n{lifeline.script()}\n{HANGS}\nsleep 600 & wait")
    path = tmp_path / "parent" / "app"
    if was_there:
        path.mkdir(parents=True)
    attempt = Attempt(nursery, lambda: clone(Git(), "https://example.com/app", path, steps))
    steps: list[Step] = []
    await until(lambda: steps != [])
    await wait_all_tasks_blocked()
    assert lifeline.is_held()
    mock_clock.jump(TIMEOUT_SECONDS - 0.01)
    await wait_all_tasks_blocked()
    assert not attempt.ended.is_set()
    mock_clock.jump(0.01)
    await wait_all_tasks_blocked()
    if trap:
        assert lifeline.is_held()
        mock_clock.jump(2.0)
    failure = await attempt.failure()
    assert isinstance(failure, GitTimeout)
    assert failure.data == {
        "stderr": "Cloning into 'there'...\nReceiving objects:  42% (42/100), 1.20 MiB | 800.00 KiB/s"
    }
    assert "within 120 s" in failure.message
    assert not lifeline.is_held()
    assert path.exists() == was_there
    assert path.parent.exists() == was_there
    if was_there:
        assert os.listdir(path) == []


async def test_a_clone_that_is_cancelled_leaves_nothing(
    tmp_path: Path, nursery: trio.Nursery, play: Callable[[str], None], lifeline: Lifeline
) -> None:
    play(f"{lifeline.script()}\n{HANGS}\nsleep 600 & wait")
    path = tmp_path / "parent" / "app"
    attempt = Attempt(nursery, lambda: clone(Git(), "https://example.com/app", path))
    await until(lambda: (path / ".git" / "half").exists())
    attempt.scope.cancel()
    await attempt.ended.wait()
    assert attempt.scope.cancelled_caught
    assert not lifeline.is_held()
    assert not path.parent.exists()


async def test_a_helper_that_stays_on_does_not_hold_up_a_clone(
    tmp_path: Path,
    nursery: trio.Nursery,
    mock_clock: MockClock,
    play: Callable[[str], None],
    lifeline: Lifeline,
) -> None:
    pids = tmp_path / "pids"
    play(f"{lifeline.script()}\nsleep 600 & echo $! $$ > '{pids}'")
    attempt = Attempt(nursery, lambda: clone(Git(), "https://example.com/app", tmp_path / "app"))
    await until(lambda: pids.exists() and pids.read_text().endswith("\n"))
    helper, git = map(int, pids.read_text().split())
    with ExitStack() as stack:
        stack.callback(os.kill, helper, signal.SIGKILL)
        await until(lambda: not _is_there(git))
        await wait_all_tasks_blocked()
        assert not attempt.ended.is_set()
        mock_clock.jump(1.0)
        await attempt.ended.wait()
        assert attempt.error is None
        assert lifeline.is_held()


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
