"""The manual: its pages are what the tables of commands and settings make, and man can read and find them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from client.cli.workspacectl import run_here
from support.repository import ROOT
from workspaced.settings.model import FIELDS
from workspaced_client.cli import commands
from workspaced_client.cli.commands.row import Command

SCRIPT = ROOT / "client/man_pages.py"
PAGES = [ROOT / "docs/man" / name for name in ("workspacectl.1", "workspaced.1")]


def words_of(page: str) -> str:
    """Return a page as man shows it, with one space between words."""
    shown = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", page],
        env={**os.environ, "MANWIDTH": "200", "MAN_KEEP_FORMATTING": ""},
        capture_output=True,
        check=True,
    )
    assert shown.stderr == b"", shown.stderr.decode()
    return " ".join(shown.stdout.decode().replace("\u2010", "-").split())


def test_the_pages_are_not_stale() -> None:
    made = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, check=False)
    assert made.returncode == 0, made.stderr.decode()


def test_the_pages_name_no_place_of_this_machine() -> None:
    for page in PAGES:
        assert os.path.expanduser("~") not in page.read_text("ascii")


@pytest.mark.skipif(
    shutil.which("groff") is None or shutil.which("man") is None, reason="needs man and groff"
)
@pytest.mark.skipif(sys.platform == "darwin", reason="its man has no --warnings")
def test_man_shows_each_command_and_each_setting_without_a_warning() -> None:
    client, daemon = (words_of(str(page)) for page in PAGES)
    for row in commands.ROWS:
        assert f"{row.name} " in client
        assert row.summary.replace("`", "") in client
        if isinstance(row, Command):
            assert all(f"workspacectl {example}" in client for example in row.examples)
    assert [name for name in FIELDS if f" {name} = " not in daemon] == []


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="needs mandoc")
def test_mandoc_finds_no_fault() -> None:
    checked = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", *PAGES], capture_output=True, check=False
    )
    # They have no date: it would change where no text does.
    assert [line for line in checked.stdout.decode().splitlines() if "missing date" not in line] == []


MANPATH = {
    "bash": 'printf "%s\\n" "$MANPATH"',
    "zsh": 'printf "%s\\n" "$MANPATH"',
    "fish": "string join : $MANPATH",
}


@pytest.mark.parametrize("shell", MANPATH)
def test_the_code_for_shells_leads_man_to_the_pages_of_an_installation_off_the_path(
    shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    prefix = tmp_path / "ada's tools"
    (prefix / "share/man/man1").mkdir(parents=True)
    shutil.copy(PAGES[0], prefix / "share/man/man1")
    monkeypatch.setattr(sys, "prefix", str(prefix))
    monkeypatch.setenv("PATH", f"{prefix}/bin:{os.environ['PATH']}")
    assert "MANPATH" not in run_here(capfd, "shell-init", shell).out  # man looks beside PATH
    monkeypatch.setenv("PATH", os.environ["PATH"].removeprefix(f"{prefix}/bin:"))
    code = run_here(capfd, "shell-init", shell).out
    for before, after in ((None, ""), ("/opt/man", "/opt/man")):
        monkeypatch.delenv("MANPATH", raising=False)
        if before is not None:
            monkeypatch.setenv("MANPATH", before)
        script = f"{code}\n{code}\n{MANPATH[shell]}"
        done = subprocess.run([shell, "-c", script], capture_output=True, text=True, check=True)
        assert (
            done.stdout == f"{after}:{prefix}/share/man\n"
        )  # once; with nothing before it, man's own places
