"""The mission's figures hold: the quick part of the benchmark, asserted (the whole is `make bench`)."""

import pytest

from bench import scenarios


@pytest.mark.requirement("NFR-001", "NFR-002", "NFR-004", "T016")
def test_writes_are_within_their_slo() -> None:
    rows = list(scenarios.writes(rounds=20))
    assert {row.requirement for row in rows} >= {"NFR-001", "NFR-002", "NFR-004"}
    assert [row.name for row in rows if row.misses_slo()] == []


@pytest.mark.requirement("NFR-003", "T016")
def test_a_restore_is_within_its_slo() -> None:
    rows = list(scenarios.restores(rounds=2))
    assert {row.requirement for row in rows} >= {"NFR-003"}
    assert [row.name for row in rows if row.misses_slo()] == []
