"""The umask of the daemon: what it may take away."""

import os

import pytest

from workspaced.process.umask import keep_owner_permissions


@pytest.mark.parametrize(
    ("given", "kept"), [(0o777, 0o077), (0o177, 0o077), (0o377, 0o077), (0o027, 0o027), (0, 0)]
)
def test_only_the_permissions_of_others_are_taken(given: int, kept: int) -> None:
    earlier = os.umask(given)
    try:
        keep_owner_permissions()
    finally:
        in_force = os.umask(earlier)
    assert in_force == kept
