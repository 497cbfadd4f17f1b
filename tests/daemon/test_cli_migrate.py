"""`workspaced migrate` as its user meets it: what it says, its exit codes, and what the next start serves."""

from contextlib import closing
from pathlib import Path

import pytest

from support.samples import workspace
from workspaced.cli import main
from workspaced.store import create_json_store, migration
from workspaced.store.kinds import open_store
from workspaced_protocol.datadir import DATABASE, PRIMARY


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("WORKSPACED_SOCKET", "/tmp/none.sock")  # noqa: S108 - nobody listens there
    monkeypatch.delenv("WORKSPACED_STORE", raising=False)
    with closing(create_json_store(tmp_path / "data")) as store:
        store.save(workspace(1))
    return tmp_path / "data"


def migrate(data_dir: Path, *more: str) -> int:
    return main(["migrate", "--data-dir", str(data_dir), *more])


def test_it_says_what_it_does_and_where_the_old_files_are(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert migrate(data_dir, "--to", "sqlite") == 0
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        f"Read 1 workspace at revision 1 of the JSON store in {data_dir}.",
        "Wrote the SQLite store, read it back and compared it: nothing differs.",
        f"Moved the files of the JSON store to {data_dir / 'quarantine'}.",
        "The next start serves the SQLite store.",
    ]
    assert told.err == ""
    with closing(open_store("auto", data_dir, socket="")) as store:
        assert [each.name for each in store.get_all()] == ["Workspace 1"]
    assert (data_dir / DATABASE).exists()


def test_a_setting_that_names_the_old_kind_is_told(
    data_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKSPACED_STORE", "json")
    assert migrate(data_dir, "--to", "sqlite") == 0
    assert "take the setting `store` out, or change it to sqlite" in capsys.readouterr().out


def test_its_failures_have_the_exit_codes_of_a_start(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(open_store("auto", data_dir, socket="")):
        assert migrate(data_dir, "--to", "sqlite") == 75
    assert migrate(data_dir / "none", "--to", "sqlite") == 74
    (data_dir / DATABASE).touch()
    assert migrate(data_dir, "--to", "sqlite") == 78
    (data_dir / DATABASE).unlink()
    (data_dir / PRIMARY).write_text('{"version":99}')
    assert migrate(data_dir, "--to", "sqlite") == 78
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 4
    assert all(line.startswith("workspaced: ") for line in told.err.splitlines())


def test_ctrl_c_is_as_good_as_a_kill(
    data_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(migration, "_switch", interrupted)
        assert migrate(data_dir, "--to", "sqlite") == 130
    assert "one whole store serves" in capsys.readouterr().err
    assert migrate(data_dir, "--to", "sqlite") == 0
    assert not (data_dir / PRIMARY).exists()
