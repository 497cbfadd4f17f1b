"""What importing the client costs: no framework, and little time."""

import json
import subprocess
import sys

FRAMEWORKS = (
    "anyio",
    "asyncio",
    "importlib.metadata",
    "platformdirs",
    "pydantic",
    "rich",
    "ssl",
    "structlog",
    "trio",
    "typer",
    "workspaced",
)


def loaded(statement: str) -> set[str]:
    code = f"import json, sys\n{statement}\nprint(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_importing_the_client_loads_no_framework() -> None:
    assert loaded("import workspaced_client").isdisjoint(FRAMEWORKS)


def test_importing_the_async_client_loads_no_event_loop() -> None:
    assert loaded("import workspaced_client.aio").isdisjoint(
        {"trio", "pydantic", "structlog", "typer", "rich"}
    )


def test_the_daemon_is_not_loaded() -> None:
    modules = loaded("import workspaced_client, workspaced_client.aio")
    assert not {name for name in modules if name.split(".")[0] == "workspaced"}


def test_the_command_line_loads_what_few_commands_need_when_they_run() -> None:
    assert loaded("import workspaced_client.cli.app").isdisjoint(
        {"pydantic", "rich", "ulid", "trio", "workspaced_client.exchange"}
    )
