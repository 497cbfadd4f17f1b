"""`workspacectl tag` and `workspacectl meta`: shown, and changed key by key."""

from pathlib import Path

import pytest

from client.cli.workspacectl import Ctl, run_here
from support.daemon_process import DaemonProcess
from workspaced_client import RevisionConflict, Workspace
from workspaced_client._sync.api import Workspaces


@pytest.fixture
def alpha(daemon: DaemonProcess, ctl: Ctl) -> Workspace:
    with daemon.client() as client:
        return client.workspaces.create(
            "alpha", "/srv/a", tags=["draft", "Web"], metadata={"editor": {"size": 12, "wrap": True}}
        )


def tags_of(ctl: Ctl) -> object:
    return ctl("tag", "alpha", "--json").json


@pytest.mark.usefixtures("alpha")
def test_tags_are_added_and_removed_and_the_rest_stays(ctl: Ctl) -> None:
    assert ctl("tag", "alpha").out == "Web\ndraft\n"
    result = ctl("tag", "alpha", "+Customer", "-DRAFT", "+web")
    assert (result.code, result.out) == (0, "Tags of “alpha” now: Customer, Web.\n")
    assert tags_of(ctl) == ["Customer", "Web"]


@pytest.mark.usefixtures("alpha")
def test_a_tag_may_look_like_an_option(ctl: Ctl) -> None:
    assert ctl("tag", "alpha", "+q", "+h").code == 0
    assert ctl("tag", "alpha", "-q", "-h", "--quiet").out == ""
    assert tags_of(ctl) == ["Web", "draft"]


def test_what_is_so_already_is_no_change(ctl: Ctl, alpha: Workspace) -> None:
    result = ctl("tag", "alpha", "+WEB", "-never")
    assert (result.code, result.out) == (0, "Tags of “alpha” already: Web, draft.\n")
    assert ctl("show", "alpha", "--json").json["revision"] == alpha.revision


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (("web",), "“web” is no change of a tag: +TAG adds one, -TAG removes one."),
        (("+",), "“+” is no change of a tag"),
        (("+a", "-A"), "The tag “a” is to be added and removed"),
    ],
)
@pytest.mark.usefixtures("alpha")
def test_a_word_that_is_no_change_changes_nothing(ctl: Ctl, changes: tuple[str, ...], told: str) -> None:
    result = ctl("tag", "alpha", *changes)
    assert (result.code, result.out) == (2, "")
    assert told in result.err
    assert tags_of(ctl) == ["Web", "draft"]


@pytest.mark.usefixtures("alpha")
def test_tags_that_another_program_sets_meanwhile_are_kept(
    ctl: Ctl, daemon: DaemonProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Workspaces.update
    conflicts: list[str] = []

    def update(self: Workspaces, id: str, **values: object) -> Workspace:  # noqa: A002 - as the method's
        if not conflicts:
            with daemon.client() as other:
                real(other.workspaces, id, tags=["theirs"])
        try:
            return real(self, id, **values)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - passed on
        except RevisionConflict:
            conflicts.append(id)
            raise

    monkeypatch.setattr(Workspaces, "update", update)
    assert ctl("tag", "alpha", "+mine").code == 0
    assert tags_of(ctl) == ["mine", "theirs"]
    assert len(conflicts) == 1


def test_without_a_name_it_is_the_workspace_here(
    ctl: Ctl, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ctl("create", "here").code == 0
    assert ctl("tag", "+a").out == "Tags of “here” now: a.\n"
    assert ctl("tag", ".", "-a").out == "Tags of “here” now: none.\n"
    assert ctl("tag").err == "Workspace “here” has no tags.\n"
    assert ctl("meta").err == "Workspace “here” has no metadata.\n"
    assert ctl("meta", "a=1", "b=2").out == "Changed the metadata of workspace “here”.\n"
    assert ctl("meta", "a=null").code == 0
    assert ctl("meta").out == "b=2\n"


@pytest.mark.usefixtures("alpha")
def test_metadata_changes_by_key_and_within_objects(ctl: Ctl) -> None:
    result = ctl("meta", "alpha", 'theme="dark"', 'editor={"size": 13, "wrap": null}')
    assert (result.code, result.out) == (0, "Changed the metadata of workspace “alpha”.\n")
    assert ctl("meta", "alpha").out == 'editor={"size":13}\ntheme="dark"\n'
    assert ctl("meta", "alpha", "theme").out == '"dark"\n'
    assert ctl("meta", "alpha", "theme", "--json").json == "dark"
    assert ctl("meta", "alpha", "theme", "editor", "--json").json == {"theme": "dark", "editor": {"size": 13}}
    assert ctl("meta", "alpha", "theme=null").code == 0
    assert ctl("meta", "alpha", "--json").json == {"editor": {"size": 13}}


@pytest.mark.usefixtures("alpha")
def test_a_secret_is_shown_by_its_name_alone(ctl: Ctl) -> None:
    ctl("meta", "alpha", 'token="s3cret"')
    assert "s3cret" not in ctl("meta", "alpha").out
    assert ctl("meta", "alpha", "token").out == '"s3cret"\n'


@pytest.mark.parametrize(
    ("keys", "code", "told"),
    [
        (("theme=it's",), 2, "The value of theme is no JSON: “it's”."),
        (("a=1", "a=2"), 2, "The key “a” is given twice"),
        (("editor", "a=1"), 2, "“editor” has no value, and others have one"),
        (("=1",), 2, "A change takes the form KEY=JSON"),
        (("edtior",), 1, "has no key “edtior”. Did you mean “editor”?"),
    ],
)
@pytest.mark.usefixtures("alpha")
def test_wrong_keys_change_nothing(ctl: Ctl, keys: tuple[str, ...], code: int, told: str) -> None:
    result = ctl("meta", "alpha", *keys)
    assert (result.code, result.out) == (code, "")
    assert told in result.err
    assert ctl("meta", "alpha", "--json").json == {"editor": {"size": 12, "wrap": True}}


@pytest.mark.usefixtures("alpha")
def test_the_error_shows_how_a_text_is_typed(ctl: Ctl) -> None:
    assert ctl("meta", "alpha", "theme=dark").err.endswith("""single ones: 'theme="dark"'\n""")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("tag", "alpha", "-w"), "-Web\n"),
        (("tag", "alpha", "+"), "+Web\n+draft\n"),
        (("tag", "alpha", "--so"), "--socket\t"),
        (("meta", "alpha", "e"), "editor\n"),
        (("list", "--tag", "d"), "draft\n"),
    ],
)
@pytest.mark.usefixtures("alpha")
def test_completion_knows_tags_and_keys(
    daemon: DaemonProcess,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    expected: str,
) -> None:
    monkeypatch.setenv("WORKSPACED_SOCKET", str(daemon.socket))
    assert run_here(capsys, "__complete", *words).out.startswith(expected)
