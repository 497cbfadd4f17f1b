"""Each requirement of the mission stands on a test."""

import pytest

from requirement_ids import REQUIREMENTS


def test_each_requirement_is_on_a_test(
    request: pytest.FixtureRequest, proved_by: dict[str, list[str]]
) -> None:
    root = request.config.rootpath / "tests"
    if [path for path in request.config.args if request.config.rootpath.joinpath(path) not in (root, root.parent)]:
        pytest.skip("only some of the tests were collected")
    assert [requirement for requirement in REQUIREMENTS if not proved_by[requirement]] == []
