"""Real paths of paths that need not exist, and `..` behind links."""

import os
from pathlib import Path

import pytest
import trio

from workspaced.host import real_paths
from workspaced.host.real_paths import RealPaths, Resolved, resolved


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """`link` leads to `there/deep`."""
    root = tmp_path.resolve()
    (root / "there/deep").mkdir(parents=True)
    (root / "here/sub").mkdir(parents=True)
    (root / "here/link").symlink_to("../there/deep")
    (root / "here/loop").symlink_to("loop")
    (root / "here/gone").symlink_to("/nowhere/x")
    return root


@pytest.mark.parametrize(
    ("path", "plain", "real"),
    [
        ("here/link/x", "here/link/x", "there/deep/x"),
        ("here/link/../x", "there/x", "there/x"),
        ("here/link/../../here/link", "here/link", "there/deep"),
        ("here/sub/../link/x", "here/link/x", "there/deep/x"),
        ("here/sub/./..//link", "here/link", "there/deep"),
        ("here/missing/../x", "here/x", "here/x"),
        ("here/missing/x", "here/missing/x", "here/missing/x"),
        ("here/loop/x", "here/loop/x", "here/loop/x"),
    ],
)
def test_a_path_is_resolved_as_the_disk_has_it(tree: Path, path: str, plain: str, real: str) -> None:
    assert resolved(f"{tree}/{path}") == Resolved(f"{tree}/{plain}", f"{tree}/{real}")


def test_a_link_to_nowhere_the_root_and_its_parent_are_resolved(tree: Path) -> None:
    assert resolved(f"{tree}/here/gone/y") == Resolved(f"{tree}/here/gone/y", "/nowhere/x/y")
    assert resolved("/../..") == resolved("/") == Resolved("/", "/")


@pytest.mark.parametrize("path", ["/a" * 500_000, f"/{'x' * 5000}", "/../" * 100_000])
def test_a_path_longer_than_any_of_the_system_is_left_alone(path: str) -> None:
    """Each component of it would be looked at, and each look would copy it."""
    assert resolved(path) == Resolved(path, path)


def test_a_chain_of_links_without_an_end_is_no_error(tree: Path) -> None:
    for number in range(1500):
        (tree / f"l{number}").symlink_to(f"l{number + 1}")
    plain, _ = resolved(f"{tree}/l0/x")
    assert plain == f"{tree}/l0/x"


async def test_threads_do_it_and_a_stop_ends_it(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = RealPaths()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(paths.run)
        found = await paths.of(f"{tree}/here/link/..")
        assert found == Resolved(f"{tree}/there", f"{tree}/there")
        nursery.cancel_scope.cancel()
    monkeypatch.setattr(real_paths, "resolved", os.abort)
    with pytest.raises(Exception, match="The daemon is stopping"):
        await paths.of("/x")
