"""What apps and the command line inherit, or pass on to a daemon that they start, changes nothing either."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from support.daemon_process import Home, environment_at, listens, new_home
from support.git_samples import ISOLATED
from support.raw_connection import RawConnection
from support.waiting import PATIENCE_SECONDS, wait_until

STARTS = "from workspaced_client import Client\nClient.connect(autostart=True, timeout_seconds=30).close()\n"
BORN = (sys.executable, str(Path(__file__).with_name("born.py")))


class User:
    """A home where no daemon runs; one that is started there is ended."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.environment = environment_at(
            home.root, WORKSPACED_SOCKET=str(home.socket), WORKSPACED_DATA_DIR=str(home.data_dir)
        )

    def run(self, *command: str, launcher: Sequence[str] = (), umask: int = -1, **more: str) -> str:
        """Run a program to its end, which must be a good one, and return its output."""
        done = subprocess.run(
            [*launcher, sys.executable, *command],
            env={**self.environment, **more},
            cwd="/",
            umask=umask,
            capture_output=True,
            encoding="utf-8",
            timeout=2 * PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def pid(self) -> int:
        with RawConnection(self.home.socket) as connection:
            return int(connection.call("daemon.status")["pid"])

    def end(self) -> None:
        """End the daemon by SIGTERM, and wait until it is gone."""
        os.kill(self.pid(), signal.SIGTERM)
        wait_until(lambda: not self.home.socket.exists(), "SIGTERM did not end the daemon")


@pytest.fixture
def user() -> Iterator[User]:
    with new_home() as home:
        user = User(home)
        yield user
        if listens(home.socket):
            user.end()


@pytest.mark.parametrize("how", ["blocks-all-signals", "ignores-all-signals"])
def test_a_daemon_that_an_app_starts_can_be_stopped(how: str, user: User) -> None:
    user.run("-c", STARTS, launcher=(*BORN, how, "--"))
    user.end()


@pytest.mark.skipif(sys.platform != "linux", reason="looks at the daemon's variables in /proc")
def test_a_daemon_that_a_hook_starts_keeps_nothing_of_its_git(user: User) -> None:
    repository = user.home.root / "repository"
    subprocess.run(["git", "init", "-q", str(repository)], check=True, env=user.environment)
    hook = repository / ".git" / "hooks" / "post-commit"
    hook.write_text(f"#!/bin/sh\nenv >{user.home.root}/told\nexec '{sys.executable}' -c '{STARTS}'\n")
    hook.chmod(0o700)
    commit = [
        "git",
        "-C",
        str(repository),
        "-c",
        "http.extraHeader=X: secret",
        "commit",
        "-q",
        "--allow-empty",
    ]
    who = {
        f"GIT_{role}_{what}": "t@example.invalid"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    others = {name: value for name, value in user.environment.items() if not name.startswith("GIT_")}
    environment = {**others, **who, **ISOLATED, "GIT_SSH_COMMAND": "ssh -4"}
    subprocess.run([*commit, "-m", "x"], check=True, env=environment, timeout=60)
    assert "GIT_CONFIG_PARAMETERS=" in (user.home.root / "told").read_text()
    variables = Path(f"/proc/{user.pid()}/environ").read_text().split("\0")
    kept = {each.partition("=")[0] for each in variables if each.startswith("GIT_")}
    assert kept == {"GIT_SSH_COMMAND", *ISOLATED}


@pytest.mark.parametrize("umask", [0o777, 0])
def test_what_is_made_for_a_daemon_is_its_owners_whatever_the_umask(umask: int, user: User) -> None:
    user.run("-c", STARTS, umask=umask)
    (log,) = user.home.root.rglob("daemon.log")
    made = (log, *list(log.parents)[: len(log.relative_to(user.home.root).parts) - 1])
    assert {stat.S_IMODE(each.stat().st_mode) for each in made[1:]} == {0o700}
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


APP = """
import os
from workspaced_client import Client
with Client.connect(autostart=True) as client:
    os.chdir({directory!r})
    made = client.workspaces.create("Alpha", os.getcwd())
    assert os.path.samefile(made.root_path, b"."), ascii(made.root_path)
    assert client.store.save(made).root_path == made.root_path
    (project,) = client.projects.bind(made.id, made.root_path).projects
    assert os.path.samefile(project.root_path, b"."), ascii(project.root_path)
    made = client.workspaces.update(made.id, root_path={text!r})
    assert os.fsencode(made.root_path) == {text!r}.encode(), ascii(made.root_path)
"""


@pytest.mark.parametrize("locale", ["ASCII", "Latin-1"])
@pytest.mark.parametrize("name", ["Müller", "日本"])
def test_an_apps_paths_lead_where_they_do_for_the_app_whatever_its_locale(
    locale: str, name: str, user: User, request: pytest.FixtureRequest
) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    environment = ascii_only if locale == "ASCII" else request.getfixturevalue("latin_1")
    directory = user.home.root / name
    directory.mkdir()
    app = user.home.root / "app.py"
    app.write_text(APP.format(directory=os.fsencode(directory), text=f"/{name}"), "utf-8")
    user.run(str(app), **environment)
    with RawConnection(user.home.socket) as connection:
        (stored,) = connection.call("store.getAll")
        assert (stored["rootPath"], stored["projects"][0]["rootPath"]) == (f"/{name}", str(directory))


@pytest.mark.parametrize("locale", ["ASCII", "Latin-1"])
def test_the_command_lines_paths_are_utf_8_whatever_the_locale(
    locale: str, user: User, request: pytest.FixtureRequest
) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    environment = ascii_only if locale == "ASCII" else request.getfixturevalue("latin_1")
    user.run("-c", STARTS)
    workspacectl = ("-c", "import sys\nfrom workspaced_client.cli import main\nsys.exit(main())")
    directory = user.home.root / "Müller 日本"
    directory.mkdir()
    user.run(*workspacectl, "create", "Grüße", str(directory), **environment)
    user.run(*workspacectl, "bind", "Grüße", str(directory), **environment)
    assert user.run(*workspacectl, "path", "Grüße", **environment) == f"{directory}\n"
    with RawConnection(user.home.socket) as connection:
        assert connection.call("workspace.get", name="Grüße")["rootPath"] == str(directory)
