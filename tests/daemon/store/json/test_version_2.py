"""A store of the release that wrote version 2: nothing of it is lost, and it is kept before it is written over.

The sample was made by that release: a recovery that nobody has acknowledged, request keys, names beyond ASCII, projects,
one of them with a password in its URL, which later releases keep no more.
"""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from support.documents import PRIMARY, SNAPSHOT, Json, files_below, quarantined, sealed, verified
from support.samples import commit, workspace
from workspaced.domain import bulk
from workspaced.domain import workspaces as workspaces_
from workspaced.domain.commands import once
from workspaced.store import JsonWorkspaceStore, create_json_store, detect_corruption, recover_from_snapshot

pytestmark = pytest.mark.requirement("FR-005", "T011")

SAMPLE = Path(__file__).parent / "samples" / "version-2.json"
SECRET = "ada:s3cret@"  # noqa: S105 - a sample


def without_secrets(text: str) -> str:
    """The file as a later release would have written it, still of version 2."""
    return sealed(text.replace(SECRET, "ada@"))


@pytest.fixture(params=["as it was", "without secrets"])
def text(request: pytest.FixtureRequest) -> str:
    sample = SAMPLE.read_text(encoding="utf-8")
    return sample if request.param == "as it was" else without_secrets(sample)


@pytest.fixture
def data_dir(tmp_path: Path, text: str) -> Path:
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    for name in (PRIMARY, SNAPSHOT):
        (data_dir / name).write_text(text, encoding="utf-8")
    return data_dir


def members(text: str) -> Json:
    """What the file holds, less what changes with the format or is not kept."""
    document: Json = json.loads(text.replace(SECRET, "ada@"))
    return {
        name: value for name, value in document.items() if name not in ("version", "storeId", "_checksum")
    }


def test_the_sample_is_sound(text: str) -> None:
    document = json.loads(text)
    assert (document["version"], document["revision"], len(document["workspaces"])) == (2, 10, 4)
    assert len(document["requestKeys"]) == 5
    assert document["recovery"]["outcome"] == "recovered"
    assert sum(len(each["projects"]) for each in document["workspaces"]) == 3
    assert sealed(text) == text


def test_it_loads_with_nothing_lost(data_dir: Path, text: str) -> None:
    assert detect_corruption(data_dir).corrupted is False
    assert len(recover_from_snapshot(data_dir) or []) == 4
    with closing(create_json_store(data_dir)) as store:
        notice = json.loads(text)["recovery"]
        assert (store.recovery.outcome, store.recovery.acknowledged) == ("recovered", False)
        assert (store.recovery.reason, store.recovery.occurred_at) == (notice["reason"], notice["occurredAt"])
        assert list(store.recovery.quarantined) == notice["quarantined"]
        # Its writes are known still: a repeat is answered, and changes nothing.
        repeat = workspaces_.create("ws_new", "Älter 日本語 🚀", "/home/ada/code/alpha", 1)
        commit(store, once("5d0c7a52-3f0e-4a86-9f0c-8f6b4f7c1a11", repeat))
        assert store.state.revision == 10
        store.flush()
    document = verified(data_dir / PRIMARY)
    assert document["version"] == 3
    assert members((data_dir / PRIMARY).read_text(encoding="utf-8")) == members(text)
    with closing(create_json_store(data_dir)) as store:
        assert store.warnings == []
        assert store.check().primary.reason is None


def test_a_start_alone_writes_nothing_but_what_takes_a_secret_out(data_dir: Path, text: str) -> None:
    before = files_below(data_dir)
    with closing(create_json_store(data_dir)) as store:
        warnings = store.warnings
    if SECRET in text:
        assert ["change the password" in warning for warning in warnings] == [True, True]
        assert SECRET not in (data_dir / PRIMARY).read_text()
    else:
        assert (files_below(data_dir), warnings) == (before, [])


@pytest.mark.parametrize(
    "write",
    [
        lambda store: store.save(workspace(99)),
        lambda store: store.remove("ws_kept"),
        JsonWorkspaceStore.flush,
        lambda store: commit(store, bulk.acknowledge_recovery),
        lambda store: commit(store, bulk.restore([workspace(1)], None)),
    ],
    ids=["save", "remove", "flush", "acknowledge", "restore"],
)
def test_it_is_kept_before_the_first_write_and_once(
    data_dir: Path, text: str, write: Callable[[JsonWorkspaceStore], object]
) -> None:
    with closing(create_json_store(data_dir)) as store:
        write(store)
        kept = {name: data for name, data in quarantined(data_dir).items() if "version-2" in name}
        assert {name.partition("Z-")[2] for name in kept} == {f"version-2-{PRIMARY}", f"version-2-{SNAPSHOT}"}
        assert set(kept.values()) == {text.encode()}
        write(store)
        store.save(workspace(98))
        assert {name: data for name, data in quarantined(data_dir).items() if "version-2" in name} == kept
    assert verified(data_dir / PRIMARY)["version"] == verified(data_dir / SNAPSHOT)["version"] == 3


@pytest.mark.requirement("FR-006")
def test_members_of_version_3_are_unknown_in_version_2(data_dir: Path, text: str) -> None:
    changed = sealed(text.replace('{"version":2,', '{"version":2,"storeId":"st_01KJQ3AX4M0123456789ABCDEF",'))
    (data_dir / PRIMARY).write_text(changed, encoding="utf-8")
    with closing(create_json_store(data_dir)) as store:
        assert any("storeId" in warning for warning in store.warnings)
        store.flush()
        assert (
            verified(data_dir / PRIMARY)["storeId"] == store.state.store_id != "st_01KJQ3AX4M0123456789ABCDEF"
        )
    assert changed.encode() in quarantined(data_dir).values()


@pytest.mark.requirement("FR-006", "FR-007")
@pytest.mark.parametrize("damaged", [PRIMARY, SNAPSHOT])
def test_one_damaged_file_costs_nothing(data_dir: Path, text: str, damaged: str) -> None:
    data = text.encode().replace(b"/home/ada", b"/home/eve", 1)
    (data_dir / damaged).write_bytes(data)
    with closing(create_json_store(data_dir)) as store:
        assert len(store.get_all()) == 4
    assert {data, text.encode()} == set(quarantined(data_dir).values())
    assert verified(data_dir / damaged)["version"] == 3
