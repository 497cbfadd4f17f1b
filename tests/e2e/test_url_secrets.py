"""A password in a clone's URL: git gets it, and nobody else is told it or finds it in a file."""

import base64
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import StartDaemon
from support.daemon_process import Home
from support.git_samples import ISOLATED, make_repository
from support.raw_connection import RawConnection
from support.waiting import wait_until

SECRET = "s3/cr3t"  # noqa: S105 - no real one
ENCODED = "s3%2Fcr3t"
TEXTS = (SECRET, ENCODED, ENCODED.lower())


class Handler(SimpleHTTPRequestHandler):
    """Lets in whoever has the password, or the token as the user with any password."""

    def do_GET(self) -> None:
        given = self.headers.get("Authorization", "").removeprefix("Basic ")
        user, _, password = base64.b64decode(given).decode().partition(":")
        if (user, password) != ("ada", SECRET) and user != "tok3ns3cret":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.end_headers()
            return
        super().do_GET()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def site(home: Home) -> Iterator[str]:
    """The host and port of a site with the repository `up.git`."""
    web = home.root / "web"
    web.mkdir()
    make_repository(home.root / "up")
    for command in (["clone", "-q", "--bare", "../up", "up.git"], ["-C", "up.git", "update-server-info"]):
        subprocess.run(["git", *command], cwd=web, check=True, env={**os.environ, **ISOLATED})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(web)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def arguments(home: Home) -> Path:
    """A file that keeps the arguments of git and of the helpers that it starts."""
    kept = home.root / "arguments"
    git = subprocess.run(["git", "--exec-path"], check=True, capture_output=True, text=True).stdout.strip()
    for name, program in (("git", "git"), ("git-remote-http", f"{git}/git-remote-http")):
        wrapper = home.root / "bin" / name
        wrapper.parent.mkdir(exist_ok=True)
        path = f"PATH='{os.environ['PATH']}' " if name == "git" else ""
        wrapper.write_text(f"""#!/bin/sh\necho "$0 $*" >> '{kept}'\n{path}exec {program} "$@"\n""")
        wrapper.chmod(0o755)
    return kept


def texts_in(home: Home, *texts: str) -> list[str]:
    """Return the files of the daemon that hold one of the texts."""
    files = [path for path in home.data_dir.rglob("*") if path.is_file()]
    return [str(path) for path in files if any(text in path.read_text() for text in texts)]


@pytest.mark.requirement("FR-003")
@pytest.mark.parametrize(
    ("userinfo", "kept", "secrets"),
    [(f"ada:{ENCODED}@", "ada@", TEXTS), ("tok3ns3cret:x-oauth-basic@", "", ("tok3ns3cret",))],
    ids=["a password", "a token as the user"],
)
def test_git_gets_the_secret_and_nobody_else(
    start: StartDaemon,
    home: Home,
    site: str,
    arguments: Path,
    tmp_path: Path,
    userinfo: str,
    kept: str,
    secrets: tuple[str, ...],
) -> None:
    environment = {**ISOLATED, "PATH": f"{arguments.parent}/bin{os.pathsep}{os.environ['PATH']}"}
    environment["GIT_CONFIG_GLOBAL"] = str(tmp_path / "gitconfig")
    (tmp_path / "gitconfig").write_text("[clone]\n\tdefaultRemoteName = up\n")  # what the user has set stays
    daemon = start("--log-level", "debug", environment=environment)
    with RawConnection(home.socket) as app:
        id_ = app.create("W", str(home.root / "root"))["id"]
        app.call("events.subscribe")
        cloned = app.call("project.clone", workspaceId=id_, gitUrl=f"http://{userinfo}{site}/up.git")
        failed = app.refused(
            3002, "project.clone", workspaceId=id_, gitUrl=f"http://{userinfo}{site}/none.git"
        )
        wrong = f"http://{userinfo}{site}/.."
        refused = app.refused(-32602, "project.clone", workspaceId=id_, gitUrl=wrong)
        event = app.notified()
        app.call("store.backup")
        told = json.dumps([cloned, failed, refused, event, [*app.notifications], app.call("daemon.clients")])
    assert cloned["projects"][0]["gitUrl"] == f"http://{kept}{site}/up.git"
    assert event["payload"]["gitUrl"] == f"http://{kept}{site}/up.git"
    told += daemon.stderr + arguments.read_text()
    clone = Path(cloned["projects"][0]["rootPath"])
    assert (clone / "file0").exists()
    config = (clone / ".git" / "config").read_text()
    assert f'[remote "up"]\n\turl = http://{kept}{site}/up.git' in config
    assert [text for text in secrets if text in told + config] == []
    assert texts_in(home, *secrets) == []


@pytest.mark.requirement("FR-003")
def test_a_site_with_another_name_is_not_given_the_password(
    start: StartDaemon, home: Home, site: str
) -> None:
    """A redirect to another site, and what git says of it."""
    start(environment=ISOLATED)
    with RawConnection(home.socket) as app:
        id_ = app.create("W", str(home.root / "root"))["id"]
        url = f"http://eve:{ENCODED}@{site}/up.git"
        failed = app.refused(3002, "project.clone", workspaceId=id_, gitUrl=url)
    assert "Authentication failed" in failed["stderr"]
    assert not any(text in json.dumps(failed) for text in TEXTS)


GIVEN = "https://ada:s3cr3t@host/x.git"


def a_workspace(id_: str = "ws_1", name: str = "W") -> dict[str, Any]:
    """Return a workspace with a secret, as older apps have stored it."""
    project = {
        "id": "proj_1",
        "workspaceId": id_,
        "rootPath": "/srv/x",
        "gitUrl": GIVEN,
        "status": "active",
        "boundAt": 1,
    }
    return {
        "id": id_,
        "name": name,
        "rootPath": "/srv",
        "state": "active",
        "createdAt": 1,
        "updatedAt": 1,
        "projects": [project],
    }


def test_what_clients_save_and_restore_loses_its_secrets(start: StartDaemon, home: Home) -> None:
    copy = home.root / "copy.json"
    copy.write_text(json.dumps({"version": 1, "workspaces": [a_workspace("ws_3", "Old")]}))
    daemon = start()
    with RawConnection(home.socket) as app:
        saved = app.call("store.save", workspace=a_workspace())
        app.call("store.apply", changes=[{"save": a_workspace("ws_2", "Other")}])
        preview = app.call("store.previewRestore", source=str(copy))
        told = [saved, app.call("store.getAll"), preview]
        app.call("store.restore", source=str(copy))
        told += [app.call("store.getAll")]
    assert saved["projects"][0]["gitUrl"] == "https://ada@host/x.git"
    assert "s3cr3t" not in json.dumps(told)
    assert texts_in(home, "s3cr3t") == []
    daemon.stop()


def test_a_secret_in_an_older_file_is_taken_out_at_the_start(start: StartDaemon, home: Home) -> None:
    home.data_dir.mkdir(mode=0o700)
    home.primary.write_text(json.dumps({"version": 1, "workspaces": [a_workspace()]}))
    daemon = start()
    assert "s3cr3t" not in home.primary.read_text() + home.snapshot.read_text()
    # A thread writes the log, beside the start.
    wait_until(lambda: "held a password or a token in the URL of a clone" in daemon.stderr, "no warning")
    (kept,) = texts_in(home, "s3cr3t")
    assert "version-1" in kept
    with RawConnection(home.socket) as app:
        assert app.call("store.getById", "ws_1")["projects"][0]["gitUrl"] == "https://ada@host/x.git"
    daemon.restart()
    assert "held a password" not in daemon.stderr
