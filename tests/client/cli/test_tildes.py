"""A tilde for the home directory in what a person reads on a terminal; whole paths for everything else."""

import os
from pathlib import Path

import pytest

from client.cli.workspacectl import ctl_for, run_on_terminal, run_process
from support.daemon_process import running_daemon
from workspaced_client.cli.base.output import shown_path, with_tildes


def test_a_terminal_shows_a_tilde_and_a_pipe_the_whole_path(tmp_path: Path) -> None:
    home = tmp_path / "ada"
    (home / "shop/web").mkdir(parents=True)
    with running_daemon(tmp_path) as daemon:
        socket = ("--socket", str(daemon.socket))
        with daemon.client() as client:
            shop = client.workspaces.create("shop", str(home / "shop"))
            client.projects.bind(shop.id, str(home / "shop/web"))
            client.workspaces.create("beside", f"{home}s/shop")
        for command in ("list", "show shop", "check shop", "history", "which ~/shop/web"):
            words = (*socket, *(word.replace("~", str(home)) for word in command.split()))
            told = run_on_terminal(*words, home=home, columns=200).out
            assert "~/shop" in told, command
            assert f"{home}/" not in told, command
            assert f"{home}/shop" in run_process(*words, home=home).out, command
        assert f"{home}s/shop" in run_on_terminal(*socket, "list", home=home, columns=200).out
        # It is for scripts, and to copy.
        assert run_on_terminal(*socket, "path", "shop", home=home).out == f"{home}/shop\n"
        taken = run_on_terminal(*socket, "create", "SHOP", str(home), home=home).out
        assert taken == "error: The name “SHOP” is taken by “shop” at ~/shop: choose another.\n"
        assert f"at {home}/shop: choose" in run_process(*socket, "create", "SHOP", str(home), home=home).err


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("There is no /home/ada.", "There is no ~."),
        ("“/home/ada/a”, (/home/ada/b): /home/ada", "“~/a”, (~/b): ~"),
        ("/home/adam, /mnt/home/ada, /home/ada-2", "/home/adam, /mnt/home/ada, /home/ada-2"),
        ("Try: cat '/home/ada/a b'", "Try: cat '/home/ada/a b'"),
    ],
)
def test_only_whole_paths_in_a_sentence_are_shortened(
    sentence: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ada/")
    assert with_tildes(sentence) == told


@pytest.mark.parametrize("home", ["/", "", "ada"])
def test_a_home_that_is_none_changes_nothing(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", home)
    monkeypatch.setattr("workspaced_client.cli.base.output.on_terminal", lambda: True)
    assert shown_path("/srv/ada") == "/srv/ada"
    assert with_tildes("/srv/ada is there.") == "/srv/ada is there."


def test_a_clone_of_nothing_is_told_before_git_is_asked(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with running_daemon(tmp_path) as daemon:
        ctl = ctl_for(daemon.socket, capfd)
        ctl("create", "shop", str(tmp_path))
        for given in ("./nothere", "../nothere.git", "nothere"):
            refused = ctl("clone", "shop", given)
            assert refused.code == 2
            assert refused.err.startswith(f"error: There is no directory {given}, and it is no URL.\n")
        # An address of ssh, and a path of the machine where the daemon runs: git knows.
        refused = ctl("clone", "shop", f"{os.path.realpath(tmp_path)}/nothere")
        assert (refused.code, "no URL" in refused.err) == (1, False)
