"""Every operation of every kind of commit and start, under every fault that a disk may have."""

from functools import cache

import pytest

from faults.laboratory import Laboratory
from faults.runs import DATA_DIR, Owed, Run, content_of
from faults.scenarios import DAY, EXISTING, SCENARIOS, Scenario, document, in_data_dir
from faults.simulated_disk import SimulatedDisk
from faults.simulated_faults import LEGAL_ERRORS
from workspaced.store.document import parse_document
from workspaced_protocol.datadir import PRIMARY, SNAPSHOT

pytestmark = pytest.mark.usefixtures("measured_once", "no_look_at_this_machine")

# One for the tests of a scenario: what it found good once it does not try again.
laboratory = cache(Laboratory)

EACH = pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
EACH_AND_A_DAY = pytest.mark.parametrize("scenario", [*SCENARIOS, DAY], ids=str)


@pytest.mark.requirement("FR-005", "FR-007", "T011", "T013")
@EACH_AND_A_DAY
def test_without_a_fault_all_is_kept_and_either_file_can_be_lost(scenario: Scenario) -> None:
    laboratory(scenario).without_fault()


@pytest.mark.requirement("FR-005", "FR-007", "T011", "T013")
@EACH_AND_A_DAY
def test_an_answered_write_survives_power_loss_at_any_operation(scenario: Scenario) -> None:
    laboratory(scenario).power_losses()


@pytest.mark.requirement("FR-005", "FR-007", "T011", "T013")
@EACH_AND_A_DAY
def test_an_answered_write_survives_kill_at_any_operation_and_power_loss_later(scenario: Scenario) -> None:
    laboratory(scenario).kills()


@pytest.mark.requirement("FR-005", "FR-007", "T011", "T013")
@EACH
def test_any_operation_may_fail(scenario: Scenario) -> None:
    laboratory(scenario).failures()


@pytest.mark.requirement("FR-005", "T011")
def test_what_a_start_serves_is_durable_though_the_program_that_wrote_it_never_synced_it() -> None:
    found = document(3, 9)
    disk = SimulatedDisk(in_data_dir({}))
    for name in (PRIMARY, SNAPSHOT):
        disk.put(f"{DATA_DIR}/{name}", found, durably=False)
    owed = Owed(frozenset({content_of(parse_document(found).state)}), 9)
    assert len(disk.survivors()) > 10
    Run(disk, owed).open()
    for tree in disk.survivors():
        Run(SimulatedDisk(tree), owed).open()


def test_the_laboratory_tries_every_operation_of_a_commit() -> None:
    trace = laboratory(EXISTING).trace
    assert trace.count("write") == 3, "primary and snapshot, and the history"
    assert trace.count("sync") == 3, "both files, and the directory"
    assert trace.count("rename") == 2
    kinds = {(fault.kind, fault.at, fault.lasts) for fault in laboratory(EXISTING).faults()}
    assert {at for _, at, _ in kinds} == set(range(1, len(trace) + 1))
    assert {kind for kind, _, _ in kinds} == {"error", "short write", "lying write"}


def test_the_laboratory_meets_every_operation_that_there_is() -> None:
    met = {operation for scenario in SCENARIOS for operation in laboratory(scenario).trace}
    assert met == LEGAL_ERRORS.keys() - {"rmdir"}  # that one only takes back what could not be made durable
