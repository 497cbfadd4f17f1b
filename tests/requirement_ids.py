"""The ids of the mission's requirements that are built; each must be on at least one test."""

REQUIREMENTS = (
    *(f"FR-{number:03}" for number in range(1, 11)),
    *(f"NFR-{number:03}" for number in range(1, 5)),
    *(f"T{number:03}" for number in range(11, 17)),
)
