"""What a line of the log looks like: for people, and for programs."""

import json

import pytest

from workspaced.process import log


def fail(private_name: str) -> None:
    raise ZeroDivisionError(len(private_name))


def test_for_people_what_a_terminal_would_act_on_is_quoted(capsys: pytest.CaptureFixture[str]) -> None:
    with log.to_stderr("debug", "console"):
        log.Logger().warning(
            "On /a\x1b[2Jb.", method="no\x1b[2Jmethod", program="an\x1b editor\n", name="é 日本", pid=7
        )
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(r"""method='no\x1b[2Jmethod' program='an\x1b editor\n' name='é 日本' pid=7""")
    assert r"'On /a\x1b[2Jb.'" in line
    assert line.isprintable()


def test_for_people_a_traceback_is_quoted_where_a_terminal_would_act_on_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with log.to_stderr("info", "console"):
        log.Logger().error("A request failed.", exc_info=ValueError("of a client: \x1b[2J"))
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == r"'ValueError: of a client: \x1b[2J'"


def test_for_programs_each_line_is_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    with log.to_stderr("debug", "json"):
        log.Logger().debug("On\n.", method="no\x1b[2Jmethod", pid=7)
    entry = json.loads(capsys.readouterr().err)
    assert entry.pop("timestamp").endswith("Z")
    assert entry == {"event": "On\n.", "level": "debug", "method": "no\x1b[2Jmethod", "pid": 7}


@pytest.mark.parametrize("format_", ["console", "json"])
def test_a_traceback_tells_no_values(capsys: pytest.CaptureFixture[str], format_: str) -> None:
    with log.to_stderr("info", "json" if format_ == "json" else "console"):
        try:
            fail("".join(("Pri", "vate")))
        except ZeroDivisionError as error:
            log.Logger().error("A request failed.", exc_info=error)
    told = capsys.readouterr().err
    assert "ZeroDivisionError" in told
    assert "test_log.py" in told
    assert "rivate" not in told.replace("private_name", "")


def test_what_is_below_the_level_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    with log.to_stderr("warning", "console"):
        log.Logger().info("quiet")
        log.Logger().warning("loud")
    (line,) = capsys.readouterr().err.splitlines()
    assert "loud" in line
