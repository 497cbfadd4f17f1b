"""The service files: what is shipped, and what `workspacectl service` makes of it on any path."""

import os
import plistlib
import shutil
import subprocess
from pathlib import Path

import pytest

from workspaced_client.cli.base.failures import Failure
from workspaced_client.cli.base.installation import executable, shipped_text
from workspaced_client.cli.service.file_texts import is_ours, launchd_plist, systemd_unit

ROOT = Path(__file__).parents[3]
PLIST = "io.github.workspaced.plist"
SHIPPED = {
    "workspaced.service": ROOT / "systemd/workspaced.service",
    "workspaced.socket": ROOT / "systemd/workspaced.socket",
    PLIST: ROOT / "launchd" / PLIST,
}


@pytest.mark.parametrize("name", SHIPPED)
def test_the_installation_brings_each_file_along(name: str) -> None:
    assert shipped_text(name) == SHIPPED[name].read_text()
    assert not is_ours(shipped_text(name))


def test_what_is_not_in_the_installation_is_told() -> None:
    with pytest.raises(Failure, match=r"nothing\.service is not in this installation"):
        shipped_text("nothing.service")


def test_systemd_accepts_the_units_with_an_odd_path(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is on Linux with systemd alone")
    home = tmp_path / "a b%h;c$HOME${x}é"
    home.mkdir()
    program = home / "workspaced"
    program.symlink_to(executable())
    units = [tmp_path / name for name in ("workspaced.socket", "workspaced.service")]
    for unit in units:
        unit.write_text(systemd_unit(unit.name, shipped_text(unit.name), program))
        unit.chmod(0o644)  # whatever the umask: systemd warns of other modes
    env = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}
    command = [analyze, "verify", "--user", "--man=no", *map(str, units)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_only_the_program_of_a_unit_is_replaced() -> None:
    shipped = (
        "[Service]\nExecStart=-%h/bin/workspaced run --log-format json\n"
        "ExecReload=kill -HUP $MAINPID\n# workspaced\n"
    )
    text = systemd_unit("workspaced.service", shipped, Path("/a b/100%/workspaced"))
    assert is_ours(text)
    assert text.startswith("# ")
    body = text.partition("[Service]")[2].splitlines()
    assert body[1:] == [
        'ExecStart=-"/a b/100%%/workspaced" run --log-format json',
        "ExecReload=kill -HUP $MAINPID",
        "# workspaced",
    ]


@pytest.mark.parametrize("path", ['/a"b/workspaced', "/a'b/workspaced", "/a\\b/workspaced"])
def test_a_path_that_systemd_runs_nothing_at_is_refused(path: str) -> None:
    with pytest.raises(Failure, match="systemd can't run a program with quotes or a backslash in its path"):
        systemd_unit("workspaced.service", shipped_text("workspaced.service"), Path(path))


@pytest.mark.parametrize("path", ["/a\nb/workspaced", os.fsdecode(b"/\xff/workspaced")])
def test_a_path_that_no_text_holds_is_refused(path: str) -> None:
    with pytest.raises(Failure, match="A service file can't hold the path"):
        systemd_unit("workspaced.service", shipped_text("workspaced.service"), Path(path))
    with pytest.raises(Failure, match="A service file can't hold the path"):
        launchd_plist(shipped_text(PLIST), {"WORKSPACED": path})


def test_the_property_list_says_what_launchd_shall_do() -> None:
    values = {
        "WORKSPACED": "/a & b/<c>/workspaced",
        "SOCKET": "/Users/ada/@LOG@/s.sock",
        "LOG": "/Users/ada/Library/Logs/w.log",
    }
    text = launchd_plist(shipped_text(PLIST), values)
    assert is_ours(text)
    assert plistlib.loads(text.encode()) == {
        "Label": PLIST.removesuffix(".plist"),
        "ProgramArguments": [values["WORKSPACED"], "run"],
        "Sockets": {
            "workspaced": {
                "SockFamily": "Unix",
                "SockType": "stream",
                "SockPathName": values["SOCKET"],
                "SockPathMode": 0o600,
            }
        },
        "EnvironmentVariables": {"LAUNCHD_SOCKET": "workspaced"},
        "KeepAlive": {"SuccessfulExit": False},
        "RunAtLoad": True,
        "ProcessType": "Interactive",
        "Umask": 0o077,
        "StandardOutPath": values["LOG"],
        "StandardErrorPath": values["LOG"],
    }
