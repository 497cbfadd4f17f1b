"""What a clone takes from the user's own settings of git: never more protocols than git itself would allow."""

from pathlib import Path

import pytest
import trio

from support.cloning import clone
from support.git_samples import ISOLATED, make_repository
from workspaced.host.git import Git, GitFailed

pytestmark = pytest.mark.requirement("FR-003")


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's git configuration is out of the way."""
    for name, value in ISOLATED.items():
        monkeypatch.setenv(name, value)
    for name in ("GIT_ALLOW_PROTOCOL", "GIT_PROTOCOL_FROM_USER", "GIT_CONFIG_COUNT"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("environment", "is_cloned"),
    [
        ({}, True),
        ({"config": "protocol.file.allow never"}, False),
        ({"config": "protocol.file.allow NEVER"}, False),
        ({"config": "protocol.allow never"}, False),
        ({"config": "protocol.allow never\nprotocol.file.allow always"}, True),
        ({"config": "protocol.file.allow never\nprotocol.file.allow user"}, True),
        ({"config": "protocol.file.allow user", "GIT_PROTOCOL_FROM_USER": "0"}, False),
        ({"GIT_PROTOCOL_FROM_USER": "0"}, False),
        ({"config": "protocol.https.allow never"}, True),
        ({"GIT_ALLOW_PROTOCOL": "https:ssh"}, False),
        ({"GIT_ALLOW_PROTOCOL": ""}, False),
        ({"GIT_ALLOW_PROTOCOL": "https:file"}, True),
        ({"config": "protocol.file.allow never", "GIT_ALLOW_PROTOCOL": "file"}, True),
    ],
)
@pytest.mark.parametrize("form", ["{}", "file://{}"])
async def test_what_the_user_forbids_git_is_forbidden_here_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], is_cloned: bool, form: str
) -> None:
    """As git itself does it, which the test asks as well."""
    make_repository(tmp_path / "origin")
    configuration = tmp_path / "gitconfig"
    configuration.touch()
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(configuration))
    for line in environment.get("config", "").splitlines():
        add = ["git", "config", "--file", str(configuration), "--add", *line.split()]
        await trio.run_process(add)
    for name, value in environment.items():
        if name != "config":
            monkeypatch.setenv(name, value)
    url = form.format(tmp_path / "origin")
    by_git = await trio.run_process(["git", "clone", "-q", url, tmp_path / "git"], check=False)
    assert (by_git.returncode == 0) == is_cloned
    if is_cloned:
        await clone(Git(), url, tmp_path / "app")
    else:
        with pytest.raises(GitFailed, match="transport 'file' not allowed"):
            await clone(Git(), url, tmp_path / "app")


async def test_what_the_settings_leave_out_stays_out_whatever_git_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_repository(tmp_path / "origin")
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file:ext")
    with pytest.raises(GitFailed, match="transport 'file' not allowed"):
        await clone(Git(allowed_protocols=["https"]), f"{tmp_path}/origin", tmp_path / "app")
