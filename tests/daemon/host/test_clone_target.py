"""The directory that a clone goes to: what is there stays, and a failure leaves it as it was."""

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from support.cloning import Attempt, clone
from support.git_samples import ISOLATED, make_repository
from support.waiting import until
from workspaced.domain.errors import InvalidField
from workspaced.host.git import Git, GitFailed
from workspaced.host.git_output import Step

pytestmark = pytest.mark.requirement("FR-003")


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's git configuration is out of the way."""
    for name, value in ISOLATED.items():
        monkeypatch.setenv(name, value)


def _a_file(path: Path) -> None:
    path.write_text("precious")


def _a_full_directory(path: Path) -> None:
    path.mkdir()
    (path / "precious").write_text("precious")


def _a_hidden_file_in_it(path: Path) -> None:
    path.mkdir()
    (path / ".precious").write_text("precious")


@pytest.mark.parametrize("make", [_a_file, _a_full_directory, _a_hidden_file_in_it])
async def test_what_is_there_is_not_touched(tmp_path: Path, make: Callable[[Path], None]) -> None:
    url = make_repository(tmp_path / "origin")
    path = tmp_path / "app"
    make(path)
    before = [(root, names, files) for root, names, files in os.walk(tmp_path)]
    with pytest.raises(InvalidField) as refused:
        await clone(Git(), url, path)
    assert refused.value.data == {"path": "targetDir"}
    assert str(path) in refused.value.message
    assert [(root, names, files) for root, names, files in os.walk(tmp_path)] == before


@pytest.mark.parametrize("name", ["x" * 300, "file/app"])
async def test_a_target_that_can_not_be_made_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(InvalidField, match="can't be made") as refused:
        await clone(Git(), "https://example.com/app", tmp_path / "parent" / ".." / name)
    assert refused.value.data == {"path": "targetDir"}
    assert os.listdir(tmp_path) == ["file"]


async def test_two_clones_do_not_share_a_target(tmp_path: Path, nursery: trio.Nursery) -> None:
    git = Git()
    url = make_repository(tmp_path / "origin")
    path = tmp_path / "app"
    path.mkdir()
    async with git.target(str(path), lambda _: None) as target:
        second = await Attempt(nursery, lambda: clone(git, url, path)).failure()
        assert isinstance(second, InvalidField)
        assert "another clone" in second.message
        await git.clone(url, target, lambda _: None)
    assert (path / "file0").exists()
    with pytest.raises(InvalidField, match="not empty"):
        await clone(git, url, path)
    assert (path / "file0").exists()


async def test_a_target_is_free_again_after_a_failure(tmp_path: Path) -> None:
    git = Git()
    with pytest.raises(GitFailed):
        await clone(git, f"file://{tmp_path}/nowhere", tmp_path / "app")
    await clone(git, make_repository(tmp_path / "origin"), tmp_path / "app")
    assert (tmp_path / "app" / "file0").exists()


async def test_what_fails_after_the_clone_takes_it_away_unless_it_was_released(tmp_path: Path) -> None:
    git = Git()
    url = make_repository(tmp_path / "origin")

    async def fail(is_released: bool) -> None:
        async with git.target(str(tmp_path / "app"), lambda _: None) as target:
            await git.clone(url, target, lambda _: None)
            if is_released:
                target.release()
            raise ZeroDivisionError

    for is_released in (False, True):
        with pytest.raises(ZeroDivisionError):
            await fail(is_released)
        assert (tmp_path / "app").exists() == is_released


async def test_what_somebody_else_put_beside_a_failed_clone_stays(tmp_path: Path) -> None:
    parent = tmp_path / "new"

    async def fail() -> None:
        async with Git().target(str(parent / "app"), lambda _: None):
            (parent / "precious").write_text("precious")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert os.listdir(parent) == ["precious"]


@pytest.fixture
async def busy(tmp_path: Path, nursery: trio.Nursery) -> AsyncIterator[tuple[Git, trio.Event]]:
    """A git that is busy with as many clones as it takes, until the event is set."""
    git, done = Git(), trio.Event()
    held: list[str] = []

    async def hold(number: int) -> None:
        async with git.target(str(tmp_path / str(number)), lambda _: None) as target:
            held.append(target.path)
            await done.wait()

    for number in range(4):
        nursery.start_soon(hold, number)
    await until(lambda: len(held) == 4)
    yield git, done
    done.set()


async def test_one_clone_too_many_waits_for_its_turn(
    tmp_path: Path, nursery: trio.Nursery, busy: tuple[Git, trio.Event]
) -> None:
    git, done = busy
    url = make_repository(tmp_path / "origin")
    steps: list[Step] = []
    waiting = Attempt(nursery, lambda: clone(git, url, tmp_path / "app", steps))
    given_up = Attempt(nursery, lambda: clone(git, url, tmp_path / "other"))
    await wait_all_tasks_blocked()
    assert [step.phase for step in steps] == ["Waiting"]
    assert not (tmp_path / "app").exists()
    given_up.scope.cancel()
    await given_up.ended.wait()
    done.set()
    await waiting.ended.wait()
    assert waiting.error is None
    assert (tmp_path / "app" / "file0").exists()
    assert not (tmp_path / "other").exists()
