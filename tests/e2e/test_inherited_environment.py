"""The umask, the locale, git's variables and a missing home: what a daemon inherits from its parent changes nothing."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.conftest import StartDaemon
from support.daemon_process import DaemonProcess, Ended, Home, running_daemon
from support.git_samples import ISOLATED
from support.raw_connection import RawConnection


@pytest.fixture
def source(home: Home) -> Path:
    """An empty repository to clone."""
    source = home.root / "source"
    subprocess.run(["git", "init", "-q", str(source)], check=True, env={**os.environ, **ISOLATED})
    return source


# The umask


@pytest.mark.parametrize("umask", [0o777, 0o177, 0o377, 0])
def test_its_directories_and_files_have_their_modes_whatever_the_umask(umask: int, home: Home) -> None:
    deep = home.root / "a" / "b"
    there = Home(home.root, data_dir=deep / "data", socket=home.root / "c" / "d" / "d.sock")
    with running_daemon(there, umask=umask), RawConnection(there.socket) as connection:
        connection.create("Alpha")
        connection.call("store.backup")
    modes = {
        str(path.relative_to(home.root)): oct(stat.S_IMODE(path.stat().st_mode))
        for path in (deep.parent, *deep.parent.rglob("*"), there.socket.parent, there.socket.parent.parent)
    }
    expected = {name: oct(0o700 if (home.root / name).is_dir() else 0o600) for name in modes}
    assert modes == expected


def test_clones_follow_the_umask(home: Home, source: Path, start: StartDaemon) -> None:
    start(umask=0o027)
    with RawConnection(home.socket) as connection:
        made = connection.create("Alpha", str(home.root))
        connection.call(
            "project.clone", workspaceId=made["id"], gitUrl=f"file://{source}", targetDir=str(home.root / "x")
        )
    assert stat.S_IMODE((home.root / "x" / ".git").stat().st_mode) == 0o750
    assert stat.S_IMODE((home.root / "x").stat().st_mode) == 0o750


# The locale


LOCALES = {
    "C": {"LC_ALL": "C"},
    "POSIX without coercion": {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "not there": {"LC_ALL": "xx_YY.ISO-8859-15"},
    "not there, without UTF-8 mode": {
        "LC_ALL": "xx_YY.KOI8-R",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    },
    "Latin-1": None,
}
NAMES = ("Müller", "日本", "🙂")


@pytest.mark.parametrize("locale", LOCALES)
def test_paths_are_utf_8_whatever_the_locale(
    locale: str, home: Home, source: Path, start: StartDaemon, request: pytest.FixtureRequest
) -> None:
    environment = LOCALES[locale] or request.getfixturevalue("latin_1")
    for name in NAMES:
        (home.root / name).mkdir()
    daemon = start(environment={"LANG": "C.UTF-8"})
    with RawConnection(home.socket) as connection:
        made = connection.create("Alpha", str(home.root))
        connection.call("project.bind", workspaceId=made["id"], rootPath=str(home.root / NAMES[0]))
    assert daemon.stop() == 0
    daemon = start("--log-format", "json", environment=environment)
    with RawConnection(home.socket) as connection:
        checked = connection.call("project.check", workspaceId=made["id"])
        assert [each["status"] for each in checked["projects"]] == ["active"]
        for name in NAMES[1:]:
            connection.call("project.bind", workspaceId=made["id"], rootPath=str(home.root / name))
        target = str(home.root / NAMES[0] / "é")
        connection.call("project.clone", workspaceId=made["id"], gitUrl=f"file://{source}", targetDir=target)
        assert (home.root / NAMES[0] / "é" / ".git").is_dir()
        assert connection.call("daemon.status")["pid"] == daemon.pid
    assert daemon.stop() == 0


def test_a_signal_that_comes_while_it_begins_anew_is_kept(home: Home, latin_1: dict[str, str]) -> None:
    code = (
        "import os, signal, sys\n"
        "execute = os.execv\n"
        "def execute_late(*arguments):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    open('held', 'w').close()\n"
        "    execute(*arguments)\n"
        "os.execv = execute_late\n"
        "from workspaced.__main__ import main\n"
        "main()\n"
    )
    environment = {**latin_1, "PYTHONUTF8": "0"}
    ended = DaemonProcess(home, program=(sys.executable, "-c", code), environment=environment).run_to_end()
    assert ended == Ended(0, "")
    assert (home.root / "held").exists(), "it ended before it began again"


# Python's prompt


def test_it_ends_though_python_should_show_a_prompt_then(home: Home, start: StartDaemon) -> None:
    inspecting = {"PYTHONINSPECT": "1"}
    daemon = start(environment=inspecting)
    assert daemon.stop() == 0
    assert "Traceback" not in daemon.stderr
    done = subprocess.run(
        [str(Path(sys.executable).with_name("workspacectl")), "--version"],
        env={**os.environ, **inspecting},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


# git


def test_a_clone_knows_nothing_of_the_git_that_the_daemon_was_born_in(
    home: Home, source: Path, start: StartDaemon
) -> None:
    start(
        environment={
            "GIT_CONFIG_PARAMETERS": "'clone.defaultRemoteName'='up' 'http.extraHeader'='X: secret'",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "clone.defaultRemoteName",
            "GIT_CONFIG_VALUE_0": "counted",
            "GIT_DIR": "/no/such/repository",
            "GIT_EXEC_PATH": "/no/such/programs",
            "GIT_OBJECT_DIRECTORY": "/no/such/objects",
            "GIT_QUARANTINE_PATH": "/no/such/quarantine",
        }
    )
    with RawConnection(home.socket) as connection:
        made = connection.create("Alpha", str(home.root))
        target = home.root / "clone"
        connection.call(
            "project.clone", workspaceId=made["id"], gitUrl=f"file://{source}", targetDir=str(target)
        )
    assert (target / ".git" / "config").read_text().count('[remote "origin"]') == 1


# A user without a home


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user whom the system does not know")
def test_an_unknown_user_without_a_home_needs_both_paths_and_nothing_else(home: Home) -> None:
    become = (
        "import os, sys\n"
        "sys.argv[:] = ['workspaced', *sys.argv[1:]]\n"
        "import workspaced.cli, workspaced_client, pydantic, trio._core._run, encodings.idna, pwd\n"
        "pydantic.TypeAdapter(int).json_schema()\n"  # it loads what that user may not be able to read
        "os.environ.pop('HOME', None); os.environ.pop('XDG_RUNTIME_DIR', None)\n"
        "os.setgroups([]); os.setgid(54321); os.setuid(54321)\n"
        "os.umask(0o077)\n"
    )
    run = become + "from workspaced.__main__ import main\nmain()\n"
    ctl = become + "import sys\nfrom workspaced_client.cli import main\nsys.exit(main(sys.argv[1:]))\n"

    def ended(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd="/",
            # The measurement of coverage can't write its file as this user, and says so.
            env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")},
        )

    for done in (ended(run, "run"), ended(run, "config", "show"), ended(ctl, "list"), ended(ctl, "doctor")):
        assert done.returncode != 0
        assert "set HOME" in done.stderr, done
        assert len(done.stderr.splitlines()) == 1, done.stderr
    for done in (
        ended(run, "--help"),
        ended(run, "config", "sample"),
        ended(run, "config", "sample", "--help"),
        ended(ctl, "--help"),
    ):
        assert (done.returncode, done.stderr) == (0, "")
    for done in (
        ended(run, "config", "show", *home.arguments()),
        ended(run, "config", "show", "--json", *home.arguments()),
    ):
        assert (done.returncode, done.stderr) == (0, "")
