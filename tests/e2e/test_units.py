"""The units for systemd: it finds no fault with them, and rates them as the docs say."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RATED_BY = "systemd 252"  # the release that the docs' figure is of: each rates again

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is of Linux's systemd"
)

Analyze = Callable[..., str]


@pytest.fixture
def units(tmp_path: Path) -> list[str]:
    """Copies of the units, whose program exists."""
    copies: list[str] = []
    for unit in sorted((ROOT / "systemd").iterdir()):
        text = unit.read_text()
        (tmp_path / unit.name).write_text(text.replace("%h/.local/bin/workspaced", "/bin/true"))
        copies.append(str(tmp_path / unit.name))
    return copies


@pytest.fixture
def analyze(tmp_path: Path) -> Analyze:
    """Return what systemd-analyze says, which must not fail."""

    def analyze(*arguments: str) -> str:
        runtime_dir = tmp_path / "run"
        runtime_dir.mkdir(mode=0o700)
        ended = subprocess.run(
            ["systemd-analyze", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "XDG_RUNTIME_DIR": str(runtime_dir)},
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout + ended.stderr

    return analyze


def test_systemd_finds_no_fault_with_the_units(units: list[str], analyze: Analyze) -> None:
    assert [Path(each).name for each in units] == ["workspaced.service", "workspaced.socket"]
    assert analyze("verify", "--user", "--man=no", *units) == ""


def test_the_protections_are_rated_as_the_docs_say(units: list[str], analyze: Analyze) -> None:
    docs = (ROOT / "docs" / "service.md").read_text()
    told = re.search(rf"rates it \*\*(\d\.\d)\*\*.*{RATED_BY}", docs)
    assert told is not None
    rating = analyze("security", "--user", "--offline=true", "--no-pager", units[0])
    found = re.search(r"Overall exposure level for workspaced\.service: (\d\.\d)", rating)
    assert found is not None
    version = subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True, check=True)
    if version.stdout.startswith(f"{RATED_BY} "):
        assert found[1] == told[1]


def test_the_docs_tell_which_protections_are_on_and_which_are_left_out(units: list[str]) -> None:
    """Every one of systemd.exec(5) and systemd.resource-control(5) stands in one of the two lists."""
    docs = (ROOT / "docs" / "service.md").read_text()
    told = docs.partition("\nOn: ")[2]
    on, _, left_out = (
        set(re.findall(r"`(\w+)(?:=[\w@-]+)?`", part)) for part in told.partition("\nLeft out:")
    )
    in_unit = set(re.findall(r"^(\w+)=", Path(units[0]).read_text(), re.MULTILINE))
    assert on == in_unit & PROTECTIONS
    assert left_out >= PROTECTIONS - in_unit


PROTECTIONS = {
    "CapabilityBoundingSet",
    "DeviceAllow",
    "IPAddressDeny",
    "KeyringMode",
    "LockPersonality",
    "MemoryDenyWriteExecute",
    "NoNewPrivileges",
    "PrivateDevices",
    "PrivateMounts",
    "PrivateNetwork",
    "PrivateTmp",
    "PrivateUsers",
    "ProcSubset",
    "ProtectClock",
    "ProtectControlGroups",
    "ProtectHome",
    "ProtectHostname",
    "ProtectKernelLogs",
    "ProtectKernelModules",
    "ProtectKernelTunables",
    "ProtectProc",
    "ProtectSystem",
    "RestrictAddressFamilies",
    "RestrictNamespaces",
    "RestrictRealtime",
    "RestrictSUIDSGID",
    "RootDirectory",
    "SystemCallArchitectures",
    "SystemCallFilter",
    "UMask",
}
