"""What `workspaced config` prints: the settings in force with their origins, and a sample that is true."""

import json
import tomllib
from pathlib import Path

import pytest

from workspaced.cli import main
from workspaced.settings.loading import load_settings
from workspaced.settings.model import FIELDS

SAMPLE = Path(__file__).parents[3] / "docs" / "config.toml"


@pytest.fixture(autouse=True)
def user_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration file of a user who has set nothing in the environment."""
    for name in FIELDS:
        monkeypatch.delenv(f"WORKSPACED_{name.upper()}", raising=False)
    monkeypatch.setenv("HOME", "/home/ada")  # a socket's path has to be short
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = tmp_path / "workspaced" / "config.toml"
    path.parent.mkdir()
    return path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["config", *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def test_the_sample_in_the_docs_is_the_one_that_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "sample") == SAMPLE.read_text(), (
        "run `workspaced config sample > docs/config.toml`"
    )


def test_the_sample_names_every_setting_with_its_default(
    capsys: pytest.CaptureFixture[str], user_file: Path
) -> None:
    sample = printed(capsys, "sample")
    assert tomllib.loads(sample) == {}  # as it is, it changes nothing
    settings = [
        line.removeprefix("#") for line in sample.splitlines() if line[:1] == "#" and line[:2] != "# "
    ]
    values = tomllib.loads("\n".join(settings))
    assert list(values) == list(FIELDS)
    defaults = load_settings({}, None).settings.by_name()
    examples = {"data_dir", "socket", *(name for name, value in defaults.items() if value is None)}
    assert {name: value for name, value in values.items() if name not in examples} == {
        name: value for name, value in defaults.items() if name not in examples
    }
    values["etcd_endpoints"] = ["https://devbox:2379"]  # the files in the sample are for https
    user_file.write_text("\n".join(f"{name} = {json.dumps(value)}" for name, value in values.items()))
    told = json.loads(printed(capsys, "show", "--json"))
    assert {each["origin"] for each in told["settings"].values()} == {"file"}


def test_show_tells_each_value_and_where_it_comes_from(
    capsys: pytest.CaptureFixture[str], user_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_file.write_text("backups_daily = 3\n")
    monkeypatch.setenv("WORKSPACED_LOG_LEVEL", "error")
    monkeypatch.setenv("WORKSPACED_COLOUR", "red")
    lines = printed(
        capsys, "show", "--socket", "/x.sock", "--etcd-endpoints", "http://a:1,http://b:2"
    ).splitlines()
    rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in lines if line}
    assert rows["backups_daily"] == ["3", f"`backups_daily` in {user_file}, line 1"]
    assert rows["log_level"] == ["error", "WORKSPACED_LOG_LEVEL"]
    assert rows["socket"] == ["/x.sock", "--socket"]
    assert rows["backups_hourly"] == ["24", "default"]
    assert rows["autostart"] == ["true", "default"]
    assert rows["etcd_endpoints"] == ["http://a:1,http://b:2", "--etcd-endpoints"]
    assert rows["etcd_user"] == ["(none)", "default"]
    assert str(user_file) in lines[0]
    assert "WORKSPACED_COLOUR" in lines[-1]


def test_show_gives_json_to_programs(
    capsys: pytest.CaptureFixture[str], user_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKSPACED_MAX_LINE_BYTES", "2048")
    monkeypatch.setenv("WORKSPACED_COLOUR", "red")
    told = json.loads(printed(capsys, "show", "--json"))
    assert told["file"] == str(user_file)
    assert told["unknownVariables"] == ["WORKSPACED_COLOUR"]
    assert list(told["settings"]) == list(FIELDS)
    assert told["settings"]["max_line_bytes"] == {
        "value": 2048,
        "origin": "environment",
        "place": "WORKSPACED_MAX_LINE_BYTES",
    }
    assert told["settings"]["log_level"] == {"value": "info", "origin": "default"}


def test_show_says_what_is_wrong_as_a_start_would(
    capsys: pytest.CaptureFixture[str], user_file: Path
) -> None:
    user_file.write_text("log_level = 'loud'\n")
    assert main(["config", "show"]) == 78
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"workspaced: `log_level` in {user_file}, line 1: ")
