"""A process that tries faults in the system calls of a SQLite store, each in a child of its own, and checks each store.

It runs under `failing_calls.c`. A child carries out a session of writes on a copy of a store, and says what it was
answered; the parent opens what the child has left, and looks for what is promised (storage.md).
"""

import os
import pickle
import shutil
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from faults.failing_calls import KILL, KINDS, LASTING_ERROR, NONE, POWER_LOSS, Calls, HowItFails
from faults.promises import BrokenPromise, Fact, check_history, require
from faults.runs import Content, content_of
from faults.sqlite_session import Session, made
from support.samples import workspace
from workspaced.domain import workspaces
from workspaced.domain.state import State
from workspaced.store.sqlite import database, serving
from workspaced.store.sqlite.sqlite_store import create_sqlite_store


@dataclass
class Told:
    """What a child said before its end: the content that was answered last, and those tried since."""

    answered: Content
    tried: list[Content] = field(default_factory=list[Content])
    facts: set[Fact] = field(default_factory=set[Fact])
    possible: set[Fact] = field(default_factory=set[Fact])
    failure: str = ""
    has_failed: bool = False
    trace: list[str] = field(default_factory=list[str])


class Trials:
    """Faults of all kinds at each n-th call of a session."""

    def __init__(self, root: Path, *, was_killed: bool) -> None:
        """The session begins on a store that was closed, or whose process `was_killed`."""
        self._calls = Calls(root / "data")
        self._found = root / "found"
        self._data_dir = root / "data"
        self._shadow = root / "shadow"
        self.tried: Counter[str] = Counter()
        with closing(create_sqlite_store(root / "first")) as store:
            for number in range(4):
                store.commit(made(store.state, workspaces.save(workspace(number), None)))
            self._before = Told(content_of(store.state), facts=facts_in(store.state))
            if was_killed:
                shutil.copytree(root / "first", self._found)
        if not was_killed:
            shutil.copytree(root / "first", self._found)
        told = self._child(HowItFails(NONE), 0)
        require(not told.failure, told.failure)
        self.trace: Final = told.trace
        self._check(told, "without a fault")

    def run(self, name: str, every: int, first: int) -> None:
        """Try a kind of fault at each n-th call from the `first` on."""
        kind = KINDS[name]
        for at in range(first, len(self.trace) + 1, every):
            call = self.trace[at - 1]
            if kind.needs_room and call not in ("write", "open", "rename"):
                continue
            label = f"{name} at call {at} ({call})"
            told = self._child(kind, at)
            require(not told.failure, f"{label}: {told.failure}")
            self._check(told, label)
            self.tried[name] += 1

    def _child(self, kind: HowItFails, at: int) -> Told:
        """Run a session in a child; return what it said."""
        for path in (self._data_dir, self._shadow):
            shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(self._found, self._data_dir)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            self._be_child(kind, at, writing)
        os.close(writing)
        told = replace(self._before, tried=[], facts={*self._before.facts}, possible=set())
        for word, *rest in messages(reading):
            hear(told, word, *rest)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            require(os.WTERMSIG(status) == signal.SIGKILL, f"the child ended by signal {os.WTERMSIG(status)}")
        if kind.number == POWER_LOSS:
            lose_power(self._data_dir, self._shadow)
        return told

    def _be_child(self, kind: HowItFails, at: int, writing: int) -> None:
        def say(*message: object) -> None:
            os.write(writing, pickle.dumps(message))

        try:
            if kind.number == POWER_LOSS:
                self._shadow.mkdir()
                self._calls.shadow(self._shadow)
                keep_all(self._data_dir, self._shadow)
            number = KILL if kind.number == POWER_LOSS else kind.number
            self._calls.arm(number, at, kind.error)
            Session(self._data_dir, self._calls, say, lasts=number == LASTING_ERROR).run()
            trace = self._calls.trace()
            self._calls.arm()
            say("trace", trace)
        except BaseException as error:  # noqa: BLE001 - the parent tells of it
            self._calls.arm()
            say("failure", "".join(traceback.format_exception(error)))
        finally:
            os._exit(0)

    def _check(self, told: Told, label: str) -> None:
        """Open what the child has left: what was answered is there, and the next write works."""
        try:
            allowed = {told.answered, *told.tried}
            with closing(create_sqlite_store(self._data_dir)) as store:
                found = content_of(store.state)
                require(found in allowed, "what was answered is not there, or what was not is there in part")
                require(store.recovery.outcome == "clean", f"the start tells of {store.recovery}")
                require(store.check().primary.reason is None, f"the check tells of {store.check().primary}")
                check_history(store.state, told.facts, told.possible)
                store.commit(made(store.state, workspaces.save(workspace(9), None)))
                after = content_of(store.state)
            with closing(create_sqlite_store(self._data_dir)) as store:
                require(content_of(store.state) == after, "the next write was lost")
            left = [name for name in os.listdir(self._data_dir) if name.startswith(".")]
            require(not left, f"temporary files are left: {left}")
        except BrokenPromise as broken:
            raise BrokenPromise(f"{label}: {broken}") from broken
        except Exception as error:
            raise BrokenPromise(f"{label}: {error!r}") from error


def hear(told: Told, word: str, *rest: Any) -> None:
    """Take in what a child says."""
    if word == "tries":
        told.tried.append(rest[0])
        told.possible |= rest[1]
    elif word == "answered":
        told.answered, told.tried = rest[0], []
        told.facts |= rest[1]
    elif word == "refused":
        told.tried.pop()
    elif word == "trace":
        told.trace = rest[0]
    elif word == "failure":
        told.failure = rest[0]


def messages(reading: int) -> Iterator[tuple[Any, ...]]:
    """What a child says, until its end."""
    with open(reading, "rb") as pipe:
        while True:
            try:
                yield pickle.load(pipe)  # noqa: S301 - of a child of this process
            except EOFError:
                return


def keep_all(data_dir: Path, shadow: Path) -> None:
    """Take what is there for synced."""
    entries = list(os.scandir(data_dir))
    listing = "".join(f"{each.inode()} {each.name}\n" for each in entries)
    (shadow / str(data_dir.stat().st_ino)).write_text(listing)
    for each in entries:
        if each.is_file():
            shutil.copy(each.path, shadow / str(each.inode()))


def lose_power(data_dir: Path, shadow: Path) -> None:
    """Leave of the data directory what was synced."""
    names = read_names(shadow / str(data_dir.stat().st_ino))
    shutil.rmtree(data_dir)
    data_dir.mkdir(0o700)
    for name, inode in names.items():
        synced = shadow / inode
        if synced.is_file() and name not in ("quarantine", "backups"):
            shutil.copy(synced, data_dir / name)


def read_names(listing: Path) -> dict[str, str]:
    """The names in a directory as it was synced last, each with its inode."""
    pairs = (line.partition(" ") for line in listing.read_text().splitlines())
    return {name: inode for inode, _, name in pairs}


def facts_in(state: State) -> set[Fact]:
    """All changes that the history tells."""
    return {(each.revision, each.workspace_id, each.before, each.after) for each in state.history.entries}


def main() -> None:
    """Arguments: a directory, each n-th call, the first one, SQLite's `synchronous`, kinds of faults."""
    root, every, first, synchronous, *names = sys.argv[1:]
    # Final for everybody else: here the log is soon full, and a duty of the store may be left out.
    setattr(serving, "LOG_BYTES", 96 * 1024)  # noqa: B010
    settings = [each.replace("FULL", synchronous) for each in database.SETTINGS]
    setattr(database, "SETTINGS", settings)  # noqa: B010
    for was_killed in (False, True):
        trials = Trials(Path(root) / ("killed" if was_killed else "closed"), was_killed=was_killed)
        for name in names:
            trials.run(name, int(every), int(first))
        print(f"{len(trials.trace)} calls: {dict(trials.tried)}")


if __name__ == "__main__":
    main()
