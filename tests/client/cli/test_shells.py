"""The code of `workspacectl shell-init`: `wcd`, and what Tab makes of what was typed, in real shells."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.cli.shell_terminal import ShellTerminal, shell_on_terminal
from client.cli.workspacectl import WORKSPACECTL, run_process, user_environment
from support.daemon_process import DaemonProcess
from support.waiting import PATIENCE_SECONDS
from workspaced_client import Workspace, cli
from workspaced_protocol.names import name_key

_COMMAND = {
    "bash": ["bash", "--norc", "-c"],
    "zsh": ["zsh", "-f", "-c"],
    "fish": ["fish", "--no-config", "-c"],
}
_EVALUATE = {"bash": "eval \"$(cat '{}')\"", "zsh": "eval \"$(cat '{}')\"", "fish": "source '{}'"}
SHELL_CODE = Path(cli.__file__).with_name("shells")


@pytest.fixture(scope="module", params=_COMMAND)
def shell(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    return name


@pytest.fixture(autouse=True)
def empty(daemon: DaemonProcess) -> Iterator[None]:
    """Leave no workspace to the next test."""
    yield
    with daemon.client() as client:
        for workspace in client.workspaces.list():
            client.store.remove(workspace.id)


@pytest.fixture(scope="module")
def terminal(
    shell: str, daemon: DaemonProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ShellTerminal]:
    """One shell of each kind for all tests: its start takes longer than what most of them do in it."""
    with shell_on_terminal(shell, daemon, tmp_path_factory.mktemp(shell)) as it:
        yield it


def create(daemon: DaemonProcess, *names: str, at: str | Path = "/srv") -> list[Workspace]:
    with daemon.client() as client:
        return [client.workspaces.create(name, at) for name in names]


def run_in(shell: str, script: str, daemon: DaemonProcess, home: Path, before: str = "") -> tuple[int, str]:
    """Run the script in a new shell that has the code of `shell-init`: from its file, to start one Python less."""
    path = f"{Path(WORKSPACECTL).parent}:{user_environment(home)['PATH']}"
    init = _EVALUATE[shell].format(SHELL_CODE / f"workspacectl.{shell}")
    done = subprocess.run(
        [*_COMMAND[shell], f"{before}\n{init}\n{script}"],
        env=user_environment(home, PATH=path, WORKSPACED_SOCKET=str(daemon.socket)),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_wcd_changes_to_the_directory(shell: str, daemon: DaemonProcess, tmp_path: Path) -> None:
    directory = tmp_path / "my blog"
    directory.mkdir()
    create(daemon, "my blog", at=directory)
    code, told = run_in(shell, 'wcd "my blog"\npwd\nwcd nope', daemon, tmp_path)
    assert code != 0
    assert told.startswith(f"{directory}\n")
    assert "no workspace" in told
    assert run_in(shell, "wcd a b", daemon, tmp_path) == (2, "usage: wcd [WORKSPACE]\n")
    _, told = run_in(shell, "wcd", daemon, tmp_path)
    assert told == "error: There is no terminal to choose on: name a workspace.\n"


def test_wcd_goes_back(shell: str, daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    create(daemon, "there", at=tmp_path / "there")
    script = "cd /; wcd there; wcd - >/dev/null; pwd; wcd - >/dev/null; pwd"
    assert run_in(shell, script, daemon, tmp_path) == (0, f"/\n{tmp_path}/there\n")


def test_wcd_alone_goes_where_the_user_chooses(shell: str, daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "two\nlines").mkdir()
    create(daemon, "there", at=tmp_path / "two\nlines")
    fake = tmp_path / "bin" / "workspacectl"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\n[ "$*" = "path --pick" ] && exec {WORKSPACECTL} path there\nexit 130\n')
    fake.chmod(0o755)
    script = f"set PATH {fake.parent} $PATH" if shell == "fish" else f"PATH={fake.parent}:$PATH"
    assert run_in(shell, f"{script}\nwcd; pwd", daemon, tmp_path) == (0, f"{tmp_path}/two\nlines\n")


def test_wcd_counts_as_a_use(shell: str, daemon: DaemonProcess, tmp_path: Path) -> None:
    used, _ = create(daemon, "used", "other", at=tmp_path)
    assert run_in(shell, "wcd used; wcd used", daemon, tmp_path) == (0, "")
    with daemon.client() as client:
        (told,) = client.workspaces.usage()
    assert (told.workspace_id, round(told.score)) == (used.id, 2)


def test_wcd_changes_to_directories_of_any_name(shell: str, daemon: DaemonProcess, tmp_path: Path) -> None:
    names = ["new\nline", "two\n\nlines", "$(x)", "*", "it's", 'a"b', "back\\", " a ", "-x", "é"]
    for number, name in enumerate(names):
        (tmp_path / name).mkdir()
        create(daemon, f"w{number}", at=tmp_path / name)
    script = "\n".join(f"wcd w{number}; pwd" for number in range(len(names)))
    assert run_in(shell, script, daemon, tmp_path) == (0, "".join(f"{tmp_path}/{name}\n" for name in names))


def test_wcd_keeps_the_newline_at_the_end_of_a_path(
    shell: str, daemon: DaemonProcess, tmp_path: Path
) -> None:
    if shell == "fish":
        pytest.skip("fish takes newlines off the end of what a command prints")
    (tmp_path / "x\n").mkdir()
    create(daemon, "here", at=tmp_path / "x\n")
    assert run_in(shell, "wcd here; pwd", daemon, tmp_path) == (0, f"{tmp_path}/x\n\n")


@pytest.mark.parametrize("cd", ["function", "alias", "failing function"])
def test_wcd_does_not_depend_on_what_cd_is(
    shell: str, daemon: DaemonProcess, tmp_path: Path, cd: str
) -> None:
    (tmp_path / "there").mkdir()
    create(daemon, "here", at=tmp_path / "there")
    posix = {
        "function": 'cd() { [ "$#" -eq 1 ] && builtin cd "$1"; }',
        "alias": 'shopt -s expand_aliases 2>/dev/null\njump() { builtin cd "$1"; }\nalias cd=jump',
        "failing function": "cd() { return 1; }",
    }
    fish = {
        "function": "function cd; test (count $argv) -eq 1; and builtin cd $argv; end",
        "alias": "function jump; builtin cd $argv[1]; end; alias cd=jump",
        "failing function": "function cd; return 1; end",
    }
    before = (fish if shell == "fish" else posix)[cd]
    assert run_in(shell, "wcd here; pwd", daemon, tmp_path, before) == (0, f"{tmp_path}/there\n")


def test_wcd_beside_zoxide(shell: str, daemon: DaemonProcess, tmp_path: Path) -> None:
    if shutil.which("zoxide") is None:
        pytest.skip("zoxide is not installed")
    (tmp_path / "there").mkdir()
    create(daemon, "here", at=tmp_path / "there")
    init = f"zoxide init --cmd cd {shell}"
    before = f"{init} | source" if shell == "fish" else f'eval "$({init})"'
    assert run_in(shell, "wcd here; pwd", daemon, tmp_path, before) == (0, f"{tmp_path}/there\n")


NAMES = {
    "it's": "it",
    "back\\slash $(touch x) `touch x`": "ba",
    'say "hi" *[a-z]?': "sa",
    "ümläut 日本": "üm",
    "colon:name=x@y": "co",
    "wow!semi;pipe|&(){}~#": "wow",
    "$(touch x)": "'$(",
}


def test_names_of_any_kind_are_completed_to_what_they_are(
    terminal: ShellTerminal, daemon: DaemonProcess
) -> None:
    create(daemon, *NAMES)
    for name, typed in NAMES.items():
        assert terminal.complete(f"workspacectl path {typed}") == ["path", name]
    assert terminal.complete("wcd it") == ["path", "--", "it's"]
    assert not (terminal.home / "x").exists()


@pytest.mark.parametrize("quote", ["'", '"'])
def test_names_are_completed_within_open_quotes(
    terminal: ShellTerminal, daemon: DaemonProcess, quote: str
) -> None:
    names = ["it's", "back\\slash $(touch x)", 'say "hi" `touch x`', "a:b c", "xx!y"]
    create(daemon, *names)
    for name in names:
        assert terminal.complete(f"workspacectl path {quote}{name[:2]}") == ["path", name]
    assert not (terminal.home / "x").exists()


def test_a_word_may_be_typed_further_than_its_first_letters(
    terminal: ShellTerminal, daemon: DaemonProcess
) -> None:
    create(daemon, "plain name", "colon:name", "pair=x@y", "it's 5")
    for typed, name in (
        ("plain\\ n", "plain name"),
        ("colon:n", "colon:name"),
        ("colon:", "colon:name"),
        ("pair=x@y", "pair=x@y"),
        ("pair=x@", "pair=x@y"),
        ("it\\'s\\ ", "it's 5"),
        ("'plain 'n", "plain name"),
    ):
        assert terminal.complete(f"workspacectl path {typed}") == ["path", name]


def test_letters_are_completed_in_either_case(terminal: ShellTerminal, daemon: DaemonProcess) -> None:
    create(daemon, "Shop", "alpha Two")
    for typed, name in (("sh", "Shop"), ("SHO", "Shop"), ("ALPHA", "alpha Two")):
        assert terminal.complete(f"workspacectl path {typed}") == ["path", name]
        assert terminal.complete(f"wcd {typed}") == ["path", "--", name]


def test_letters_of_every_script_are_completed_in_either_case_and_form(
    terminal: ShellTerminal, daemon: DaemonProcess
) -> None:
    create(daemon, "ünï", "ΣΊΣΥΦΟΣ", "Привет", "Straße", "de\u0301compose\u0301")
    for typed, name in (("Ün", "ünï"), ("ÜNÏ", "ünï"), ("σί", "ΣΊΣΥΦΟΣ"), ("пРИ", "Привет")):
        assert terminal.complete(f"wcd {typed}") == ["path", "--", name]
    for typed, name in (
        ("u\u0308n", "ünï"),
        ("U\u0308N", "ünï"),
        ("STRASS", "Straße"),
        ("dé", "décomposé"),
        ("'DÉc", "décomposé"),
    ):
        completed = terminal.complete(f"workspacectl path {typed}")[-1]
        assert name_key(completed) == name_key(name)


def test_half_a_letter_is_not_completed(terminal: ShellTerminal, daemon: DaemonProcess) -> None:
    create(daemon, "e\u0301tude")
    assert terminal.complete("workspacectl path e") == ["path", "e"]


def test_names_that_begin_alike_in_two_forms_are_completed_as_far_as_they_do(
    terminal: ShellTerminal, daemon: DaemonProcess, shell: str
) -> None:
    create(daemon, "Étude one", "e\u0301tude two")
    assert terminal.complete("workspacectl path Ét") == ["path", "Étude "]
    assert terminal.complete("workspacectl path E\u0301t") == ["path", "E\u0301tude "]
    if shell != "fish":  # which then shows both
        assert terminal.complete("workspacectl path ÉT") == ["path", "ÉTude "]


def test_completion_does_not_depend_on_how_the_shell_splits_words(
    terminal: ShellTerminal, daemon: DaemonProcess, shell: str
) -> None:
    if shell == "fish":
        pytest.skip("fish has no IFS")
    create(daemon, "sp ace")
    for characters in ("/", ":", ""):
        terminal.run(f"before=$IFS IFS='{characters}'")
        assert terminal.complete("wcd sp") == ["path", "--", "sp ace"]
        assert terminal.complete("workspacectl path sp") == ["path", "sp ace"]
        terminal.run("IFS=$before")


def test_a_name_that_begins_with_a_dash(terminal: ShellTerminal, daemon: DaemonProcess) -> None:
    create(daemon, "-dash one")
    assert terminal.complete("wcd -d") == ["path", "--", "-dash one"]
    assert terminal.complete("workspacectl path -- -d") == ["path", "--", "-dash one"]


def test_each_argument_is_completed_with_what_it_takes(
    terminal: ShellTerminal, daemon: DaemonProcess, tmp_path: Path
) -> None:
    made, other = create(daemon, "shop", "other")
    with daemon.client() as client:
        for id_, name in (
            (made.id, "web one"),
            (made.id, "a/api"),
            (made.id, "b/api"),
            (other.id, "web two"),
        ):
            (tmp_path / name).mkdir(parents=True)
            client.projects.bind(id_, tmp_path / name)
        backup = client.store.backup(None)
    assert terminal.complete("workspacectl unbind shop we") == ["unbind", "shop", "web one"]
    assert terminal.complete(f"workspacectl unbind shop {tmp_path}/b") == [
        "unbind",
        "shop",
        f"{tmp_path}/b/api",
    ]
    typed = backup.name.removesuffix(".json")  # the daemon made another backup when it started
    assert terminal.complete(f"workspacectl restore --dry-run {typed}") == [
        "restore",
        "--dry-run",
        backup.name,
    ]
    assert terminal.complete("workspacectl watch --since x store.da") == [
        "watch",
        "--since",
        "x",
        "store.dataLoss",
    ]
    (terminal.home / "file.json").write_text("{}")
    assert terminal.complete("workspacectl import --dry-run file") == ["import", "--dry-run", "file.json"]
    assert terminal.complete("workspacectl export --output=file.j") == ["export", "--output=file.json"]
    (terminal.home / "file folder").mkdir()
    completed = terminal.complete(
        "workspacectl list --under file"
    )  # zsh takes the slash off at the end of a line
    assert [each.rstrip("/") for each in completed] == ["list", "--under", "file folder"]
    assert terminal.complete("workspacectl list --sort=rec") == ["list", "--sort=recent"]
    assert terminal.complete("workspacectl recov") == ["recovery"]


# What bash 3.2 of macOS lacks is taken away from the bash that is here.
_BASH_3 = r"""
mapfile() { echo "mapfile: command not found"; return 127; }
readarray() { mapfile; }
compopt() { echo "compopt: command not found" >&2; return 127; }
printf() {
    if [ "$1" = -v ] && ! [[ "$2" =~ ^[A-Za-z_][A-Za-z_0-9]*$ ]]; then echo "printf: not a valid identifier"; return 2; fi
    builtin printf "$@"
}
declare() { case "$1" in -*[AgnlucI]*) echo "declare: invalid option"; return 2 ;; esac; builtin declare "$@"; }
"""
_NEWER_THAN_BASH_3 = (
    r"\$\{[^}\s]*(?:@[A-Za-z]|\^\^?|,,?)\}|\|&|&>>|;;?&|\b(?:local|declare) -[a-zA-Z]*[Angluc]|\{[a-z_]+\}[<>]|"
    r"\[\[ -v |\[-1\]|printf -v [\"']?\w+\[|\b(?:mapfile|readarray|coproc)\b"
)


def test_bash_3_2_has_all_that_the_code_for_bash_needs(daemon: DaemonProcess, tmp_path: Path) -> None:
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    assert re.findall(_NEWER_THAN_BASH_3, run_process("shell-init", "bash", home=tmp_path).out) == []
    create(daemon, "my shop", "it's", "my site")
    script = """
        complete_line() { COMP_LINE=$1 COMP_POINT=${#1}; "$2"; builtin printf '<%s>\\n' "${COMPREPLY[@]}"; }
        complete_line 'workspacectl show i' _workspacectl_completion
        complete_line 'workspacectl show MY' _workspacectl_completion
        complete_line "wcd 'i" _wcd_completion
        complete_line 'wcd none' _wcd_completion
        set -u
        complete_line 'wcd it' _wcd_completion
    """
    assert run_in("bash", script, daemon, tmp_path, _BASH_3) == (
        0,
        "<it\\'s>\n<MY\\ shop>\n<MY\\ site>\n<it'\\''s>\n<>\n<it\\'s>\n",
    )


def test_zsh_finds_the_completion_on_its_function_path(daemon: DaemonProcess, tmp_path: Path) -> None:
    if shutil.which("zsh") is None:
        pytest.skip("zsh is not installed")
    create(daemon, "it's")
    functions = tmp_path / "functions"
    functions.mkdir()
    with shell_on_terminal("zsh", daemon, tmp_path) as terminal:
        (functions / "_workspacectl").write_text(run_process("shell-init", "zsh", home=tmp_path).out)
        terminal.run("unfunction _workspacectl _wcd _workspaced_complete wcd; fpath=(~/functions $fpath)")
        terminal.run("compinit -u -D")
        assert terminal.complete("workspacectl path i") == ["path", "it's"]
        assert terminal.complete("wcd i") == ["path", "--", "it's"]


def test_without_a_daemon_nothing_is_completed_and_nothing_said(tmp_path: Path) -> None:
    done = subprocess.run(
        [WORKSPACECTL, "__complete", "show", "a"],
        env=user_environment(tmp_path, WORKSPACED_SOCKET=str(tmp_path / "none")),
        capture_output=True,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == (b"", b"")
