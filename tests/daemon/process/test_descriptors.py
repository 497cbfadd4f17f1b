"""The limit of open files: raised as far as it goes, with some kept back from clients."""

import resource
from collections.abc import Callable

import pytest

from workspaced.process.descriptors import MOST, most_clients, raise_limit

INFINITE = resource.RLIM_INFINITY
OPEN_MAX = 10_240  # of macOS


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Plays a system with these limits, which allows `most`; the list has the soft limit of now."""

    def play(soft: int, hard: int, most: int = MOST) -> list[int]:
        now = [soft]

        def set_limit(_: int, wanted: tuple[int, int]) -> None:
            assert wanted[1] == hard
            if wanted[0] > most:
                raise ValueError("not allowed to raise maximum limit")
            now[0] = wanted[0]

        monkeypatch.setattr(resource, "getrlimit", lambda _: (now[0], hard))
        monkeypatch.setattr(resource, "setrlimit", set_limit)
        return now

    return play


@pytest.mark.parametrize(
    ("soft", "hard", "most", "raised"),
    [
        (1024, 4096, MOST, 4096),
        (1024, 1024 * 1024, MOST, MOST),
        (256, INFINITE, MOST, MOST),
        (256, INFINITE, OPEN_MAX, OPEN_MAX),
        (20_000, INFINITE, OPEN_MAX, 20_000),  # never lowered
        (1024, 4096, 1024, 1024),
        (100_000, 200_000, MOST, 100_000),
        (INFINITE, INFINITE, MOST, INFINITE),
    ],
)
def test_the_limit_is_raised_as_far_as_the_system_lets_it(
    limit: Callable[..., list[int]], soft: int, hard: int, most: int, raised: int
) -> None:
    now = limit(soft, hard, most)
    raise_limit()
    assert now == [raised]


@pytest.mark.parametrize(
    ("soft", "clients"),
    [(1024, 768), (64, 32), (MOST, MOST - 256), (1024 * 1024, MOST - 256), (INFINITE, MOST - 256)],
)
def test_some_are_kept_back_from_clients(limit: Callable[..., list[int]], soft: int, clients: int) -> None:
    limit(soft, INFINITE)
    assert most_clients() == clients
