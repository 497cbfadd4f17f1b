"""What a start loads: the less, the sooner it answers (performance.md, A start)."""

import sys

from support.daemon_process import Home, running_daemon
from support.raw_connection import RawConnection

PROGRAM = (sys.executable, "-X", "importtime", "-m", "workspaced")

# What only some starts need, or no start at all: each took more than a millisecond of every start, or would.
NEEDED_BY_FEW = {
    "asyncio",
    "difflib",
    "email",
    "importlib.metadata",
    "pydantic",
    "rich",
    "sqlite3",
    "tomllib",
    "ulid",
    "urllib3",
    "workspaced.settings.text",
    "workspaced.store.etcd.etcd_store",
    "workspaced.store.etcd.gateway",
    "workspaced.store.etcd.messages",
    "workspaced.store.sqlite",
    "workspaced_client",
    "workspaced_protocol.examples",
    "workspaced_protocol.openrpc",
}


def imported(home: Home, **environment: str) -> set[str]:
    """Return the modules that a daemon has imported by its first answer."""
    with (
        running_daemon(home, program=PROGRAM, environment=environment) as daemon,
        RawConnection(home.socket) as connection,
    ):
        assert connection.call("daemon.ping") == "pong"
        lines = daemon.stderr.splitlines()
    return {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}


def test_a_start_loads_nothing_that_only_some_starts_need(home: Home) -> None:
    modules = imported(home)
    assert {"trio", "msgspec", "workspaced.app", "workspaced.writer.actor"} <= modules
    assert modules & NEEDED_BY_FEW == set()


def test_a_setting_that_is_no_path_loads_what_checks_it(home: Home) -> None:
    assert "pydantic" in imported(home, WORKSPACED_SLOW_REQUEST_MS="500")
