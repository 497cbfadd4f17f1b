"""What the TypeScript client has of the table of methods is what the generator makes of it now."""

import json
import subprocess
import sys

import workspaced_protocol
from support.repository import ROOT
from workspaced_protocol.methods import METHODS

PACKAGE = ROOT / "client" / "typescript"


def test_the_generated_files_are_not_stale() -> None:
    made = subprocess.run(
        [sys.executable, ROOT / "protocol" / "typescript.py", "--check"], capture_output=True, check=False
    )
    assert made.returncode == 0, made.stderr.decode()


def test_each_method_but_those_of_a_subscription_is_a_function_of_a_namespace() -> None:
    api = (PACKAGE / "src" / "api.ts").read_text("utf-8")
    missing = [name for name in METHODS if f'this.#call("{name}", params, options)' not in api]
    assert missing == ["events.subscribe", "events.unsubscribe"]


def test_the_package_has_the_version_of_the_daemon() -> None:
    package = json.loads((PACKAGE / "package.json").read_bytes())
    lock = json.loads((PACKAGE / "package-lock.json").read_bytes())
    assert package["version"] == lock["version"] == lock["packages"][""]["version"]
    assert package["version"] == workspaced_protocol.__version__
    assert "dependencies" not in package
