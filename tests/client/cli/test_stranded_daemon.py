"""A daemon that holds the data directory, and whose socket's path does not lead to it."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from workspaced.store import create_json_store
from workspaced_client._core.data_lock import stranded

SOCKET = "/run/user/1000/workspaced/workspaced.sock"


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data directory that this process holds."""
    with closing(create_json_store(tmp_path, socket=SOCKET)):
        yield tmp_path


def test_its_pid_and_the_socket_are_told(data_dir: Path) -> None:
    told = stranded(data_dir, SOCKET, None) or ""
    assert f"{data_dir} (pid {os.getpid()}) can't be reached at its socket {SOCKET}, which nobody" in told
    assert "where pid 1 answers instead" in (stranded(data_dir, SOCKET, 1) or "")


def test_a_daemon_that_answers_or_listens_elsewhere_is_not_stranded(data_dir: Path) -> None:
    assert stranded(data_dir, SOCKET, os.getpid()) is None
    assert stranded(data_dir, "/run/other.sock", None) is None


def test_a_directory_that_nobody_holds_strands_nobody(tmp_path: Path) -> None:
    assert stranded(tmp_path, SOCKET, None) is None
    create_json_store(tmp_path, socket=SOCKET).close()
    assert stranded(tmp_path, SOCKET, None) is None
