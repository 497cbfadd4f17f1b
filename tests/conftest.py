"""What all tests rely on: signals as Python sets them, and no work that proves nothing.

No test depends on what started it: a job runner, `nohup` or a shell's `&` ignore signals, which children inherit.
"""

import gc
import os
import signal
import sys
from collections.abc import Generator, Iterator

import pytest

from support.daemon_process import MEASURES_CHILDREN
from support.etcd import Cluster, etcd_cluster
from workspaced_protocol import mounts

_IGNORED_BY_PYTHON = {signal.SIGPIPE, signal.SIGXFSZ}

for _number in signal.valid_signals() - _IGNORED_BY_PYTHON:
    if signal.getsignal(_number) is signal.SIG_IGN:
        _is_interrupt = _number == signal.SIGINT
        signal.signal(_number, signal.default_int_handler if _is_interrupt else signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_SETMASK, ())


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Have `-n auto` use half as many workers again as there are cores: tests wait for disks, processes and deadlines.

    PYTEST_XDIST_AUTO_NUM_WORKERS is taken as it is.
    """
    found = yield
    return found if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else found + found // 2


def pytest_collection_finish() -> None:
    """Let no garbage collection look at the thousands of tests again: that took half of many tests' time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _temporary_directory_on_any_file_system() -> Iterator[None]:
    """Let no store of a test warn that it lies in memory, as temporary directories do on many machines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mounts, "TABLE", os.devnull)
        yield


@pytest.fixture(scope="session", autouse=True)
def _measure_of_children() -> Iterator[str | None]:
    """Let no process that a test starts be measured, unless the test uses `measured`."""
    kept = os.environ.pop(MEASURES_CHILDREN, None)
    yield kept
    if kept is not None:
        os.environ[MEASURES_CHILDREN] = kept


@pytest.fixture(scope="module")
def measured(_measure_of_children: str | None) -> Iterator[None]:
    """Let the processes be measured that this module's tests start: for code that no test runs in its own process."""
    if _measure_of_children is not None:
        os.environ[MEASURES_CHILDREN] = _measure_of_children
    yield
    os.environ.pop(MEASURES_CHILDREN, None)


@pytest.fixture
def unmeasured() -> Iterator[None]:
    """Measure no coverage in this test: for long loops over lines that other tests run, too."""
    tracer = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(tracer)


_measured: set[str] = set()


@pytest.fixture
def measured_once(request: pytest.FixtureRequest) -> None:
    """Measure the coverage of one case of this test: the others run the same lines, at twice the cost."""
    name = request.node.nodeid.partition("[")[0]
    if name in _measured:
        request.getfixturevalue("unmeasured")
    _measured.add(name)


@pytest.fixture(scope="session")
def etcd() -> Iterator[Cluster]:
    """A member of etcd that all tests of this process share: each has keys below a prefix of its own.

    It does not sync its files, since no test stops it: that is the disk's time alone.
    """
    with etcd_cluster(arguments=["--unsafe-no-fsync"]) as cluster:
        yield cluster
