"""Looks at paths: what is found at each kind, and that one that hangs holds up nothing else."""

import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from support.waiting import until, wait_until
from workspaced.domain.errors import RequestError, ShuttingDown
from workspaced.domain.projects import PathFacts, Reachable, Unreached
from workspaced.host import path_checks
from workspaced.host.path_checks import CHECK_SECONDS, PATIENCE_SECONDS, PathChecker, look

_NOBODY = 65534


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that every user of the machine can reach."""
    with tempfile.TemporaryDirectory(prefix="wsd-") as name:
        root = Path(name).resolve()
        root.chmod(0o755)
        yield root


# One look


@pytest.mark.requirement("FR-003")
def test_a_directory_is_found_by_its_resolved_path(directory: Path) -> None:
    real = directory / "real"
    real.mkdir()
    (directory / "link").symlink_to("real")
    status = real.stat()
    expected = Reachable(str(real), (status.st_dev, status.st_ino))
    for path in (str(real), f"{real}/", str(directory / "link"), f"{directory}/link/../link"):
        assert look(path, resolve=True) == expected
        assert look(path, resolve=False) == expected._replace(real_path=None)


@pytest.mark.requirement("FR-003")
def test_a_directory_that_is_made_anew_meanwhile_is_not_mistaken(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = directory / "x"
    path.mkdir()
    (directory / "x (deleted)").mkdir()  # so the system calls what was removed
    readlink = os.readlink

    def made_anew(link: str) -> str:
        path.rmdir()
        path.mkdir()
        return readlink(link)

    monkeypatch.setattr(os, "readlink", made_anew)
    seen = look(str(path), resolve=True)
    assert isinstance(seen, Reachable)
    assert seen.real_path == str(path)


def _file(path: Path) -> None:
    path.write_text("")


def _loop(path: Path) -> None:
    path.symlink_to(path)


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.requirement("FR-004")
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "missing"),
        (_dangling, "missing"),
        (_file, "notADirectory"),
        (os.mkfifo, "notADirectory"),
        (_loop, "unusable"),
    ],
    ids=["nothing", "dangling link", "file", "FIFO", "loop of links"],
)
def test_anything_else_has_a_reason(make: Callable[[Path], None], reason: str, directory: Path) -> None:
    make(directory / "there")
    seen = look(str(directory / "there"), resolve=True)
    assert isinstance(seen, Unreached)
    assert seen.reason == reason


@pytest.mark.parametrize("path", ["", "relative", "./here", "/a\0b"])
def test_what_is_no_absolute_path_is_unusable(path: str) -> None:
    seen = look(path, resolve=False)
    assert isinstance(seen, Unreached)
    assert seen.reason == "unusable"


@pytest.mark.requirement("FR-003", "FR-004")
@pytest.mark.parametrize("mode", [0o000, 0o111, 0o444], ids=["closed", "not to list", "not to enter"])
def test_a_directory_that_may_not_be_read_is_not_reachable(directory: Path, mode: int) -> None:
    closed = directory / "closed"
    closed.mkdir(mode=0o755)
    is_root = os.geteuid() == 0
    closed.chmod(mode)
    if is_root:
        os.seteuid(_NOBODY)  # root may read everything
    try:
        seen = look(str(closed), resolve=False)
    finally:
        if is_root:
            os.seteuid(0)
        closed.chmod(0o755)
    assert isinstance(seen, Unreached)
    assert seen.reason == "permission"


# Many looks


class HangingPaths:
    """In place of `look`: paths that begin with `/hang` hang until the test ends or lets them go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.looks: list[str] = []
        self.let_go = threading.Event()
        monkeypatch.setattr(path_checks, "look", self._look)

    def _look(self, path: str, resolve: bool) -> Reachable | Unreached:
        self.looks.append(path)
        if path.startswith("/hang"):
            self.let_go.wait()
        return Reachable(path if resolve else None, (1, 1))

    def hold(self, count: int) -> Callable[[], bool]:
        """Whether so many looks hang."""
        return lambda: sum(path.startswith("/hang") for path in self.looks) == count


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[HangingPaths]:
    """A file system where some paths hang."""
    paths = HangingPaths(monkeypatch)
    yield paths
    paths.let_go.set()
    # A thread of this test that is late would look at a path in the next one, and be counted there.
    wait_until(lambda: not any(thread.name == "paths" for thread in threading.enumerate()), "a look goes on")


class Asking:
    """Somebody who asks about paths in tasks of their own; `told` has what came of it."""

    def __init__(self, nursery: trio.Nursery, checker: PathChecker) -> None:
        self.told: list[PathFacts | Exception] = []
        self._nursery = nursery
        self._checker = checker

    def ask(self, *paths: str, resolved: Sequence[str] = ()) -> None:
        self._nursery.start_soon(self._ask, paths, resolved)

    async def _ask(self, paths: Sequence[str], resolved: Sequence[str]) -> None:
        try:
            self.told.append(await self._checker.check(paths, resolved))
        except RequestError as error:
            self.told.append(error)


def running(nursery: trio.Nursery, seconds: float = CHECK_SECONDS) -> PathChecker:
    """A checker that runs until the test ends."""
    checker = PathChecker(seconds)
    nursery.start_soon(checker.run)
    return checker


@pytest.mark.requirement("FR-004")
async def test_a_path_that_hangs_costs_its_own_time_and_no_other(
    nursery: trio.Nursery, mock_clock: MockClock, hanging: HangingPaths
) -> None:
    checker = running(nursery)
    answers: list[dict[str, Reachable | Unreached]] = []

    async def check() -> None:
        answers.append(dict(await checker.check(["/hang/1", "/a", "/hang/2", "/b"])))

    started_at = trio.current_time()
    nursery.start_soon(check)
    for count, patience_seconds in ((1, PATIENCE_SECONDS), (2, 2 * PATIENCE_SECONDS)):
        await until(hanging.hold(count))
        await wait_all_tasks_blocked()
        mock_clock.jump(patience_seconds)  # then another thread goes on with the rest
    await until(lambda: sorted(hanging.looks) == ["/a", "/b", "/hang/1", "/hang/2"])
    # What does not hang comes back while the clock stands still, whatever hangs beside it.
    assert await checker.check(["/a", "/b"]) == {path: Reachable(None, (1, 1)) for path in ("/a", "/b")}
    await wait_all_tasks_blocked()
    mock_clock.jump(started_at + CHECK_SECONDS - 0.01 - trio.current_time())
    await wait_all_tasks_blocked()
    assert answers == []
    mock_clock.jump(0.02)
    await until(lambda: answers != [])
    seen = answers[0]
    assert seen["/a"] == Reachable(None, (1, 1))
    for path in ("/hang/1", "/hang/2"):
        hung = seen[path]
        assert isinstance(hung, Unreached)
        assert (hung.reason, hung.problem) == ("timedOut", "could not be looked at within 2 s")


async def test_a_path_that_hangs_takes_up_one_thread_however_often_it_is_asked_about(
    nursery: trio.Nursery, mock_clock: MockClock, hanging: HangingPaths
) -> None:
    checker = running(nursery)
    answers: list[object] = []

    async def check() -> None:
        answers.append((await checker.check(["/hang"]))["/hang"])

    for _ in range(200):  # far more than there are threads
        nursery.start_soon(check)
    await until(lambda: hanging.looks == ["/hang"])
    await wait_all_tasks_blocked()
    mock_clock.jump(CHECK_SECONDS)
    await until(lambda: len(answers) == 200)
    assert all(isinstance(answer, Unreached) for answer in answers)
    # Known to hang, it is not waited for any more.
    assert isinstance((await checker.check(["/hang"]))["/hang"], Unreached)
    assert hanging.looks == ["/hang"]
    assert (await checker.check(["/a"]))["/a"] == Reachable(None, (1, 1))


@pytest.mark.requirement("FR-004")
async def test_a_path_that_answers_again_is_found_again(
    nursery: trio.Nursery, mock_clock: MockClock, hanging: HangingPaths
) -> None:
    checker = running(nursery)
    first: list[object] = []

    async def check() -> None:
        first.append((await checker.check(["/hang"]))["/hang"])

    nursery.start_soon(check)
    await until(lambda: hanging.looks == ["/hang"])
    await wait_all_tasks_blocked()
    mock_clock.jump(CHECK_SECONDS)
    await until(lambda: first != [])
    hanging.let_go.set()
    seen: object = None
    while not isinstance(seen, Reachable):  # until the thread is back
        seen = (await checker.check(["/hang"]))["/hang"]
    assert seen == Reachable(None, (1, 1))


async def test_two_at_once_both_see_what_is_there(nursery: trio.Nursery, tmp_path: Path) -> None:
    checker = running(nursery, 60)
    answers: list[object] = []

    async def check() -> None:
        answers.append((await checker.check([str(tmp_path)]))[str(tmp_path)])

    async with trio.open_nursery() as asking:
        for _ in range(20):
            asking.start_soon(check)
    assert answers == [look(str(tmp_path), resolve=False)] * 20


async def test_a_real_path_is_told_to_all_who_ask_together_and_want_it(
    nursery: trio.Nursery, hanging: HangingPaths
) -> None:
    checker = running(nursery, 60)
    first, plain, resolved = Asking(nursery, checker), Asking(nursery, checker), Asking(nursery, checker)
    first.ask("/hang")
    await until(lambda: hanging.looks == ["/hang"])
    # In one round, which the first one holds up: each of these gets its rest looked at by itself.
    plain.ask("/hang/too", "/a")
    resolved.ask("/hang/too", "/a", resolved=["/hang/too", "/a"])
    await wait_all_tasks_blocked()
    hanging.let_go.set()
    await until(lambda: bool(first.told and plain.told and resolved.told))
    assert first.told == [{"/hang": Reachable(None, (1, 1))}]
    assert resolved.told == [{path: Reachable(path, (1, 1)) for path in ("/hang/too", "/a")}]


async def test_one_that_is_given_up_does_not_make_the_path_look_dead(
    nursery: trio.Nursery, hanging: HangingPaths
) -> None:
    checker = running(nursery, 60)
    answers: list[object] = []

    async def check() -> None:
        answers.append((await checker.check(["/hang"]))["/hang"])

    with trio.CancelScope() as given_up:
        async with trio.open_nursery() as giving_up:
            giving_up.start_soon(check)
            await until(lambda: hanging.looks == ["/hang"])
            nursery.start_soon(check)
            await wait_all_tasks_blocked()
            given_up.cancel()
    hanging.let_go.set()
    await until(lambda: answers != [])
    assert answers == [Reachable(None, (1, 1))]


async def test_a_check_that_is_over_leaves_no_thread_that_goes_on(
    nursery: trio.Nursery, mock_clock: MockClock, hanging: HangingPaths
) -> None:
    checker = running(nursery)
    asking = Asking(nursery, checker)
    asking.ask(*(f"/hang/{number}" for number in range(60)))
    count = 0
    while not asking.told:
        count += 1
        await until(hanging.hold(count))  # each is left to its path after its patience
        await wait_all_tasks_blocked()
        mock_clock.jump(PATIENCE_SECONDS * 2 ** (count - 1))
        await wait_all_tasks_blocked()
    (facts,) = asking.told
    assert isinstance(facts, dict)
    began = set(hanging.looks)
    hanging.let_go.set()
    await until(lambda: not any(thread.name == "paths" for thread in threading.enumerate()))
    assert set(hanging.looks) == began
    # None of them hangs any more: none is told to.
    assert set((await checker.check(list(began))).values()) == {Reachable(None, (1, 1))}


async def test_a_workspace_without_projects_needs_no_look(hanging: HangingPaths) -> None:
    assert await PathChecker().check([]) == {}
    assert hanging.looks == []


async def test_who_waits_at_a_stop_is_told_and_who_asks_later_too(
    nursery: trio.Nursery, hanging: HangingPaths
) -> None:
    checker = running(nursery, 60)
    asking = Asking(nursery, checker)
    asking.ask("/hang")
    await until(lambda: hanging.looks == ["/hang"])
    asking.ask("/a")
    await wait_all_tasks_blocked()
    checker.stop()
    await wait_all_tasks_blocked()
    assert [type(answer) for answer in asking.told] == [ShuttingDown, ShuttingDown]
    hanging.let_go.set()
    with pytest.raises(ShuttingDown):
        await checker.check(["/a"])
    await wait_all_tasks_blocked()
    assert len(asking.told) == 2


async def test_paths_that_hang_take_no_more_threads_than_they_may_and_no_descriptors(
    nursery: trio.Nursery, mock_clock: MockClock, hanging: HangingPaths
) -> None:
    checker = running(nursery, 60)
    descriptors = len(os.listdir("/dev/fd"))
    asking = Asking(nursery, checker)
    for number in range(50):
        # Each in a round of its own; the thread of the round is then left to it.
        asking.ask(f"/hang/{number}")
        await until(hanging.hold(number + 1))
        await wait_all_tasks_blocked()
        mock_clock.jump(PATIENCE_SECONDS)
        await wait_all_tasks_blocked()
    for number in range(50, 200):
        asking.ask(f"/hang/{number}")
    while not hanging.hold(64)():
        await wait_all_tasks_blocked()
        mock_clock.jump(PATIENCE_SECONDS)  # one more thread is sent
    for _ in range(20):
        await wait_all_tasks_blocked()
        mock_clock.jump(1)
    hung = len(hanging.looks)
    assert hung == 64
    assert len(os.listdir("/dev/fd")) - descriptors <= 4  # a pipe for the worker, at most
    assert asking.told == []
    # Nobody comes to look at this one: nothing is told of it, least of all that it is gone.
    late = Asking(nursery, checker)
    late.ask("/a")
    await wait_all_tasks_blocked()
    while not late.told or len(asking.told) < 200:
        mock_clock.jump(10)
        await wait_all_tasks_blocked()
    assert late.told == [{}]
    assert sum(1 for facts in asking.told if facts) == hung


async def test_a_defect_in_one_look_ends_no_other(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_or_fail(path: str, resolve: bool) -> Reachable | Unreached:
        if path == "/defect":
            raise MemoryError
        return Reachable(None, (1, 1))

    monkeypatch.setattr(path_checks, "look", look_or_fail)
    checker = running(nursery, 60)
    with pytest.raises(MemoryError):
        await checker.check(["/a", "/defect"])
    assert await checker.check(["/a"]) == {"/a": Reachable(None, (1, 1))}


async def test_a_checker_that_is_ended_leaves_nobody_waiting(hanging: HangingPaths) -> None:
    async with trio.open_nursery() as outer:
        checker = PathChecker()
        asking = Asking(outer, checker)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(checker.run)
            asking.ask("/hang")
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
    assert [type(answer) for answer in asking.told] == [ShuttingDown]
