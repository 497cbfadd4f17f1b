"""Tries every fault at every operation of a scenario, and checks after each what the store promises.

`failures` gives each operation one error a day of those that it may meet, since the store treats nearly all alike;
`make test-exhaustive` gives it all of them.

The promises (storage.md): an answered write is there after every restart; an unanswered
one is there whole or not at all; a refused one is not there; memory equals disk; what others wrote
is kept in quarantine, complete; no temporary file and no descriptor is left; the next write works.
What a restart serves is durable too: a reader may rely on it (but where a sync had failed before
the start, which no process can know).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from faults.promises import BrokenPromise, require
from faults.runs import Owed, Run, Step
from faults.scenarios import Scenario
from faults.simulated_disk import SimulatedDisk
from faults.simulated_faults import LASTING_ERRORS, LEGAL_ERRORS, Fault, Killed, PowerLoss
from faults.simulated_nodes import Tree
from faults.told_apart import as_found, normal
from support.share import one_of
from workspaced.store.contract import CommitUnknown, StoreError, StoreUnusable
from workspaced_protocol.datadir import PRIMARY, SNAPSHOT

TRIED: Final[Counter[str]] = Counter()
"""How much was tried so far, for the summary of the test run."""


class Laboratory:
    """One scenario, on disks of one type: SimulatedDisk, or one that leaves a duty of the store out."""

    def __init__(self, scenario: Scenario, disk_type: type[SimulatedDisk] = SimulatedDisk) -> None:
        self._scenario = scenario
        self._disk_type = disk_type
        self._found_good: set[tuple[Tree, Owed, bool]] = set()
        self._ended_well: set[tuple[object, ...]] = set()
        self._went_on_after: set[tuple[object, ...]] = set()
        run = self._prepared(None)
        for step in scenario.steps:
            step(run)
        self.trace: Final = tuple(run.disk.trace)
        """The operations of the steps, where nothing fails."""

    def without_fault(self) -> None:
        """The scenario as it should go; all that it answered survives."""
        run = self._prepared(None)
        for step in self._scenario.steps:
            step(run)
        self._check_answered(run)

    def losses(self) -> None:
        """The loss of either file after the scenario, and nothing else."""
        run = self._prepared(None)
        for step in self._scenario.steps:
            step(run)
        self._check_losses(run)

    def power_losses(self) -> None:
        """Power loss before each operation, and after the last: every state that the disk may be left in."""
        for at in range(1, len(self.trace) + 2):
            fault = Fault("power loss", at)
            run = self.interrupted(fault)
            self._check_survivors(run, str(fault))

    def kills(self) -> None:
        """SIGKILL before each operation: a restart on the same disk, and then every power loss."""
        for at in range(1, len(self.trace) + 2):
            fault = Fault("kill", at)
            run = self.interrupted(fault)
            self._check_restart(run, str(fault))

    def failures(self) -> None:
        """Errors that each operation may meet, once and from then on; short and lying writes."""
        for fault in self.faults():
            TRIED["faults"] += 1
            run = self._prepared(fault)
            if not all(self._carry_out(run, step, fault) for step in self._scenario.steps):
                continue
            run.disk.arm(None)
            try:
                self._check_answered(run)
            except BrokenPromise as broken:
                raise BrokenPromise(f"{fault}: {broken}") from broken

    def faults(self) -> Iterator[Fault]:
        """All but power losses and kills; of the errors, at each operation those whose turn it is."""
        for at, operation in enumerate(self.trace, 1):
            legal = LEGAL_ERRORS[operation]
            for number in one_of(legal, at):
                yield Fault("error", at, number)
            for number in one_of([each for each in LASTING_ERRORS if each in legal], at):
                yield Fault("error", at, number, lasts=True)
            if operation == "write":
                for lasts in (False, True):
                    yield Fault("short write", at, lasts=lasts)
                    yield Fault("lying write", at, lasts=lasts)

    def _prepared(self, fault: Fault | None) -> Run:
        run = Run(self._disk_type(self._scenario.found), self._scenario.owed)
        for step in self._scenario.before:
            step(run)
        run.disk.settle()
        run.disk.arm(fault)
        return run

    def interrupted(self, fault: Fault) -> Run:
        """The scenario up to this power loss or kill."""
        TRIED["faults"] += 1
        run = self._prepared(fault)
        try:
            for step in self._scenario.steps:
                step(run)
        except (PowerLoss, Killed):
            pass
        except Exception as error:
            raise BrokenPromise(f"{fault}: {error!r}") from error
        return run

    def _carry_out(self, run: Run, step: Step, fault: Fault) -> bool:
        """Do the step, or see it refused in the promised way, mend the disk and do it again.

        False where another error of the same operation has left the same: what comes was tried then.
        """
        try:
            try:
                step(run)
            except (StoreError, StoreUnusable) as failure:
                survivors = self._check_refusal(run, failure, fault)
                run.disk.arm(None)
                refusal = (fault.at, fault.lasts, type(failure), survivors, normal(run.disk.visible()))
                if refusal in self._went_on_after:
                    return False
                self._went_on_after.add(refusal)
                if isinstance(failure, CommitUnknown):
                    run.recommit()
                    self._check_survivors(run, "after the re-commit")
                step(run)
        except Exception as error:
            raise BrokenPromise(f"{fault}: {error!r}") from error
        return True

    def _check_refusal(self, run: Run, failure: Exception, fault: Fault) -> frozenset[Tree]:
        if isinstance(failure, StoreError):
            require(failure.errno != 0, f"no errno in {failure!r}")
        _check_descriptors(run)
        is_half_done = isinstance(failure, CommitUnknown)
        if run.is_open and not fault.lasts and not is_half_done:
            require(not run.temps(), f"temporary files are left: {run.temps()}")
        return self._check_survivors(run, f"after {failure!r}")

    def _check_answered(self, run: Run) -> None:
        """All is done and answered: memory equals disk, and either file can be lost."""
        run.check_memory_equals_disk()
        _check_descriptors(run)
        end = (self._check_survivors(run, "at the end"), normal(run.disk.visible()), run.owed())
        if end in self._ended_well:
            return
        self._check_losses(run)
        run.close()
        require(run.disk.open_descriptors == 0, "descriptors are left open at the end")
        self._check_restart(run, "at the end")
        self._ended_well.add(end)

    def _check_losses(self, run: Run) -> None:
        """Either file may be lost, or damaged: the other one has it all."""
        damaged = replace(run.owed(), notice=None, may_tell_of_loss=True)
        for name in (PRIMARY, SNAPSHOT):
            for damage in (None, b"", run.data_of(PRIMARY)[:-9]):
                disk = self._disk_type(run.disk.visible())
                if damage is not None:
                    disk.put(run.path_of(name), damage)
                    damaged = replace(damaged, others=damaged.others | {damage})
                elif run.has(name):
                    disk.remove(run.path_of(name))
                self._check_found(normal(disk.visible()), damaged, f"{name} lost at the end")

    def _check_survivors(self, run: Run, when: str, *, goes_on: bool = True) -> frozenset[Tree]:
        """Check all that a power loss may leave now, and return it."""
        owed = run.owed()
        survivors = frozenset(normal(tree) for tree in run.disk.survivors(as_found))
        TRIED["states after a power loss"] += len(survivors)
        for tree in survivors:
            self._check_found(tree, owed, when, goes_on=goes_on)
        return survivors

    def _check_found(self, tree: Tree, owed: Owed, when: str, *, goes_on: bool = True) -> None:
        """A start on this content finds what is owed, and (if it `goes_on`) writes go on from there."""
        key = (tree, owed, goes_on)
        if key in self._found_good:
            return
        TRIED["of them different"] += goes_on
        try:
            owed.check_kept(tree)
            run = Run(self._disk_type(tree), owed, hour=2)
            run.open()
            owed.check_kept(run.disk.visible())
            if goes_on:
                run.check_told()
                require(not run.temps(), f"temporary files are left: {run.temps()}")
                self._check_next_write(run, when)
        except BrokenPromise as broken:
            raise BrokenPromise(f"{when}: {broken}") from broken
        except Exception as error:
            raise BrokenPromise(f"{when}: the restart raised {error!r}") from error
        self._found_good.add(key)

    def _check_restart(self, run: Run, when: str) -> None:
        """The process ended, the disk goes on: what the next process serves is durable."""
        run.disk.end_process()
        owed = run.owed()
        try:
            owed.check_kept(run.disk.visible())
            run = Run(run.disk, owed, hour=1)
            run.open()
            run.check_told()
            require(not run.temps(), f"temporary files are left: {run.temps()}")
        except BrokenPromise as broken:
            raise BrokenPromise(f"{when}: {broken}") from broken
        except Exception as error:
            raise BrokenPromise(f"{when}: the restart raised {error!r}") from error
        if run.disk.has_lost:
            run.possible |= owed.contents
            run.possible_facts |= owed.possible_facts
            run.revision = owed.revision
        self._check_survivors(run, f"{when}, restart, power loss")
        self._check_next_write(run, when)

    def _check_next_write(self, run: Run, when: str) -> None:
        run.commit()
        run.check_memory_equals_disk()
        self._check_survivors(run, f"{when}, restart, write, power loss", goes_on=False)


def _check_descriptors(run: Run) -> None:
    """The directory and the lock; both files and the history, once written; a full history that is not synced yet."""
    allowed = (2, 3, 4, 5, 6) if run.is_open else (0,)
    require(run.disk.open_descriptors in allowed, f"{run.disk.open_descriptors} descriptors are open")
