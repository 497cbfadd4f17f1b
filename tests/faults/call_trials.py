"""Faults in the system calls of a process, each in a child of its own: what all such trials have in common.

It runs under `failing_calls.c`. A child acts on a copy of a store, and says what came of it; the parent looks at what the
child has left.
"""

import os
import pickle
import shutil
import signal
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from faults.failing_calls import KILL, KINDS, NONE, POWER_LOSS, READ_ERROR, Calls, HowItFails
from faults.promises import BrokenPromise, require

Message = tuple[Any, ...]
"""What a child says: a word, and what belongs to it."""

Say = Callable[..., None]

_NEED_ROOM: Final = ("write", "open", "rename")


class Trials:
    """Faults of all kinds at each n-th call on what lies in `data_dir`, which each child gets as `found` has it."""

    def __init__(self, root: Path) -> None:
        self.data_dir: Final = root / "data"
        self.found: Final = root / "found"
        self._shadow = root / "shadow"
        self.calls: Final = Calls(self.data_dir)
        self.tried: Final[Counter[str]] = Counter()
        self.trace: Sequence[str] = ()
        """The calls without a fault, but for reads."""
        self._reads = 0

    def act(self, kind: HowItFails, say: Say) -> None:
        """What a child does."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Put a new copy of what was found into the data directory, before each child."""
        shutil.copytree(self.found, self.data_dir)

    def check(self, heard: Sequence[Message]) -> None:
        """Look at what a child has left, which has said this."""
        raise NotImplementedError

    def without_fault(self) -> None:
        """Begin: count the calls."""
        heard = self._child(HowItFails(NONE), 0)
        ((self.trace, self._reads),) = (rest for word, *rest in heard if word == "trace")
        self.check(heard)

    def run(self, name: str, every: int, first: int) -> None:
        """Try a kind of fault at each n-th call from the `first` on."""
        kind = KINDS[name]
        calls = ["read"] * self._reads if kind.number >= READ_ERROR else self.trace
        for at in range(first, len(calls) + 1, every):
            call = calls[at - 1]
            if kind.needs_room and call not in _NEED_ROOM:
                continue
            label = f"{name} at call {at} ({call})"
            try:
                self.check(self._child(kind, at))
            except BrokenPromise as broken:
                raise BrokenPromise(f"{label}: {broken}") from broken
            except Exception as error:
                raise BrokenPromise(f"{label}: {error!r}") from error
            self.tried[name] += 1

    def _child(self, kind: HowItFails, at: int) -> list[Message]:
        """Have a child act; return what it said."""
        for path in (self.data_dir, self._shadow):
            shutil.rmtree(path, ignore_errors=True)
        self.prepare()
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            self._be_child(kind, at, writing)
        os.close(writing)
        heard = [*_messages(reading)]
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            require(os.WTERMSIG(status) == signal.SIGKILL, f"the child ended by signal {os.WTERMSIG(status)}")
        if kind.number == POWER_LOSS:
            _lose_power(self.data_dir, self._shadow)
        for word, *rest in heard:
            require(word != "failure", str(rest))
        return heard

    def _be_child(self, kind: HowItFails, at: int, writing: int) -> None:
        def say(*message: object) -> None:
            os.write(writing, pickle.dumps(message))

        try:
            if kind.number == POWER_LOSS:
                self._shadow.mkdir()
                self.calls.shadow(self._shadow)
                _keep_all(self.data_dir, self._shadow)
            self.calls.arm(KILL if kind.number == POWER_LOSS else kind.number, at, kind.error)
            self.act(kind, say)
            trace, reads = self.calls.trace(), self.calls.reads()
            self.calls.arm()
            say("trace", trace, reads)
        except BaseException as error:  # noqa: BLE001 - the parent tells of it
            self.calls.arm()
            say("failure", "".join(traceback.format_exception(error)))
        finally:
            os._exit(0)


def _messages(reading: int) -> Iterator[Message]:
    """What a child says, until its end."""
    with open(reading, "rb") as pipe:
        while True:
            try:
                yield pickle.load(pipe)  # noqa: S301 - of a child of this process
            except EOFError:
                return


def _keep_all(data_dir: Path, shadow: Path) -> None:
    """Take what is there for synced."""
    entries = list(os.scandir(data_dir))
    listing = "".join(f"{each.inode()} {each.name}\n" for each in entries)
    (shadow / str(data_dir.stat().st_ino)).write_text(listing)
    for each in entries:
        if each.is_file():
            shutil.copy(each.path, shadow / str(each.inode()))


def _lose_power(data_dir: Path, shadow: Path) -> None:
    """Leave of the data directory what was synced."""
    names = _read_names(shadow / str(data_dir.stat().st_ino))
    shutil.rmtree(data_dir)
    data_dir.mkdir(0o700)
    for name, inode in names.items():
        synced = shadow / inode
        if synced.is_file() and name not in ("quarantine", "backups"):
            shutil.copy(synced, data_dir / name)


def _read_names(listing: Path) -> dict[str, str]:
    """The names in a directory as it was synced last, each with its inode."""
    pairs = (line.partition(" ") for line in listing.read_text().splitlines())
    return {name: inode for inode, _, name in pairs}
