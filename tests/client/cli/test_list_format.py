"""`workspacectl list --format`, `--recent`: lines for scripts."""

import pytest

from client.cli.workspacectl import Ctl
from support.daemon_process import DaemonProcess


@pytest.fixture
def stocked_list(daemon: DaemonProcess, ctl: Ctl) -> None:
    with daemon.client() as client:
        client.workspaces.create("a b", "/srv/a", tags=["x", "y"])
        client.workspaces.create("{c}", "/srv/c")


@pytest.mark.parametrize(
    ("format_", "printed"),
    [
        (r"{name}\t{path}", "a b\t/srv/a\n{c}\t/srv/c\n"),
        (r"{path}\0", "/srv/a\0/srv/c\0"),
        (r"{state}\n", "active\nactive\n"),
        (r"{{{tags}}}\\", "{x,y}\\\n{}\\\n"),
        ("{projects}/{stale}", "0/0\n0/0\n"),
        ("é", "é\né\n"),
        ("", "\n\n"),
    ],
)
@pytest.mark.usefixtures("stocked_list")
def test_a_line_for_each_workspace(ctl: Ctl, format_: str, printed: str) -> None:
    result = ctl("list", "--format", format_)
    assert (result.code, result.out, result.err) == (0, printed, "")


@pytest.mark.parametrize(
    ("format_", "told"),
    [
        ("{nmae}", "there is no field “nmae”. Did you mean “name”?"),
        ("{}", "there is no field “”. There are: name, path, id, state, tags, projects, stale, created, "),
        ("{name.__class__}", "there is no field “name.__class__”."),
        ("{name!r}", "there is no field “name!r”."),
        ("{name", "a { has no }"),
        ("name}", "a } has no {"),
        (r"\x", "“\\x” is none of \\t"),
        ("\\", "“\\” is none of \\t"),
    ],
)
@pytest.mark.usefixtures("stocked_list")
def test_a_wrong_format_is_told(ctl: Ctl, format_: str, told: str) -> None:
    result = ctl("list", "--format", format_)
    assert (result.code, result.out) == (2, "")
    assert told in result.err


@pytest.mark.usefixtures("stocked_list")
def test_no_two_orders_and_no_two_forms(ctl: Ctl) -> None:
    assert ctl("list", "--format", "{name}", "--json").code == 2
    assert ctl("list", "--recent", "--sort", "name").code == 2
    ctl("path", "{c}")
    assert ctl("list", "--recent", "--format", "{name}").out == "{c}\na b\n"
    assert ctl("list", "--recent", "--reverse", "--format", "{name}").out == "a b\n{c}\n"
