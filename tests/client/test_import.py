"""What importing the client costs: no framework, and little time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.other_programs import zoxide_database

FRAMEWORKS = (
    "anyio",
    "asyncio",
    "importlib.metadata",
    "pydantic",
    "rich",
    "ssl",
    "trio",
    "workspaced",
)


def loaded(statement: str) -> set[str]:
    code = f"import json, sys\n{statement}\nprint(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def below(package: str, modules: set[str]) -> set[str]:
    return {name for name in modules if f"{name}.".startswith(f"{package}.")}


BLOCKING = "from workspaced_client import Client"
ASYNC = "import workspaced_client.aio, workspaced_client.events"


def test_importing_the_client_loads_no_framework() -> None:
    assert loaded(BLOCKING).isdisjoint(FRAMEWORKS)


def test_importing_the_async_client_loads_no_event_loop() -> None:
    assert loaded(ASYNC).isdisjoint({"trio", "pydantic", "rich"})


@pytest.mark.parametrize("statement", [BLOCKING, "import workspaced_client, workspaced_client.events"])
def test_the_blocking_client_is_loaded_without_the_async_one(statement: str) -> None:
    modules = loaded(statement)
    assert "anyio" not in modules
    assert below("workspaced_client._async", modules) == set()
    assert "workspaced_client.aio" not in modules


def test_the_async_client_is_loaded_without_the_blocking_one() -> None:
    assert below("workspaced_client._sync", loaded(ASYNC)) == set()


def test_what_few_apps_need_is_loaded_when_they_need_it() -> None:
    assert loaded(BLOCKING).isdisjoint(
        {
            "workspaced_client._core.autostart",
            "workspaced_client._core.event_feed",
            "workspaced_client._core.recovery_notice",
            "workspaced_client._sync.events",
            "workspaced_protocol.methods",
        }
    )


def test_the_daemon_is_not_loaded() -> None:
    modules = loaded(f"{BLOCKING}; {ASYNC}")
    assert below("workspaced", modules) == set()


def test_the_command_line_loads_what_few_commands_need_when_they_run() -> None:
    assert loaded("import workspaced_client.cli.app").isdisjoint(
        {"pydantic", "rich", "ulid", "trio", "workspaced_client.exchange"}
    )


def test_the_import_of_a_list_loads_only_what_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "db.zo"
    file.write_bytes(zoxide_database([]))
    modules = loaded(
        f"from workspaced_client.exchange.elsewhere import formats; formats.read_any({str(file)!r}, '/')"
    )
    assert modules.isdisjoint({"pydantic", "sqlite3", "pyexpat", "subprocess"})


def test_the_pytest_plugin_loads_neither_a_client_nor_an_event_loop() -> None:
    modules = loaded("import workspaced_client.testing") - loaded("import pytest")
    assert modules.isdisjoint({*FRAMEWORKS, "msgspec"})
    assert below("workspaced_client._sync", modules) == below("workspaced_client._async", modules) == set()
