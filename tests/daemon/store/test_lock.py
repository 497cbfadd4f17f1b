"""The lock on a data directory: one owner at a time, whose name it tells, until it ends in whatever way."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from support.documents import PRIMARY, SNAPSHOT, files_below
from support.samples import workspace
from workspaced.store import JsonWorkspaceStore, StorageFailure, create_json_store
from workspaced.store.contract import StoreUnusable
from workspaced.store.disk import Disk
from workspaced.store.lock import LockHeld
from workspaced_protocol.datadir import LOCK

pytestmark = pytest.mark.requirement("T014")

EXIT_SECONDS = 30  # far more than a loaded machine needs to end a process

OWNER = """
import sys
from pathlib import Path
from workspaced.store import create_json_store
from workspaced_protocol.models import Workspace

store = create_json_store(Path(sys.argv[1]), socket=sys.argv[2])
store.save(Workspace(id="ws_other", name="The other's", root_path="/", state="active",
                     created_at=1, updated_at=1, projects=()))
print("owns it", flush=True)
sys.stdin.read()
store.close()
"""


@contextmanager
def another_daemon(
    data_dir: Path, socket: str = "/run/other.sock"
) -> Generator[subprocess.Popen[str], None, None]:
    """A process that owns the data directory and has saved a workspace; it ends with its standard input."""
    command = [sys.executable, "-c", OWNER, str(data_dir), socket]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            # The process answers or ends, and pytest's own time limit is behind that.
            assert process.stdout.readline() == "owns it\n"
            yield process
        finally:
            process.kill()


def end(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.close()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_another_process_owns_the_directory_and_is_named(data_dir: Path) -> None:
    with another_daemon(data_dir, "/run/日本語.sock") as owner:
        before = files_below(data_dir)
        with pytest.raises(LockHeld) as refused:
            create_json_store(data_dir, socket="/run/second.sock")
        assert refused.value.owner is not None
        assert refused.value.owner.pid == owner.pid
        assert refused.value.owner.socket == "/run/日本語.sock"
        assert f"pid {owner.pid} " in refused.value.message
        assert str(data_dir) in refused.value.message
        assert files_below(data_dir) == before
        with pytest.raises(LockHeld, match=f"pid {owner.pid} "):  # the refused one has not put its name there
            create_json_store(data_dir)


class LookedAt(Disk):
    """A disk on which a client looks at the lock in the moment in which it is tried for the first time."""

    def __init__(self, lock_file: Path) -> None:
        self._lock_file = lock_file
        self.tries = 0

    def try_lock(self, fd: int) -> bool:
        self.tries += 1
        if self.tries > 1:
            return super().try_lock(fd)
        with self._lock_file.open() as looking:
            fcntl.flock(looking, fcntl.LOCK_SH)
            return super().try_lock(fd)


def test_a_client_that_looks_at_the_lock_stops_no_start(data_dir: Path) -> None:
    disk = LookedAt(data_dir / LOCK)
    with (
        closing(JsonWorkspaceStore(data_dir, disk=disk)),
        pytest.raises(LockHeld, match=f"pid {os.getpid()} "),
    ):
        create_json_store(data_dir)
    assert disk.tries == 2


@pytest.mark.parametrize("stop", [end, subprocess.Popen[str].kill, subprocess.Popen[str].terminate])
def test_the_lock_is_free_once_its_owner_has_ended(
    data_dir: Path, stop: Callable[[subprocess.Popen[str]], None]
) -> None:
    with another_daemon(data_dir) as owner:
        stop(owner)
        owner.wait(EXIT_SECONDS)
        with closing(create_json_store(data_dir, socket="/run/mine.sock")) as store:
            assert [one.id for one in store.get_all()] == ["ws_other"]
            text = (data_dir / LOCK).read_text()
            assert json.loads(text) == {"pid": os.getpid(), "socket": "/run/mine.sock"}


def test_a_process_has_one_owner_too(data_dir: Path) -> None:
    with closing(create_json_store(data_dir)):
        with pytest.raises(LockHeld, match=f"pid {os.getpid()} "):
            create_json_store(data_dir)
        with pytest.raises(LockHeld):  # the attempt has not let the lock go
            create_json_store(data_dir)
    create_json_store(data_dir).close()


def test_close_lets_the_lock_go_and_leaves_its_file(data_dir: Path) -> None:
    create_json_store(data_dir).close()
    assert (data_dir / LOCK).is_file()
    with another_daemon(data_dir):
        pass


def test_stores_of_other_directories_do_not_mind(data_dir: Path, tmp_path: Path) -> None:
    with closing(create_json_store(data_dir)), closing(create_json_store(tmp_path / "second")) as second:
        second.save(workspace(1))


@pytest.mark.parametrize("left", [b"", b"{", b"garbage", b"\xff\xfe", b"[]", b'{"pid":"1"}', b"{}" * 5000])
def test_an_owner_whose_name_can_not_be_read_is_still_the_owner(data_dir: Path, left: bytes) -> None:
    with closing(create_json_store(data_dir)):
        (data_dir / LOCK).write_bytes(left)
        with pytest.raises(LockHeld, match=r"^another daemon owns ") as refused:
            create_json_store(data_dir)
        assert refused.value.owner is None
        assert refused.value.message.startswith(f"Another daemon owns {data_dir}: ")


def test_what_a_former_owner_left_in_the_file_is_replaced_whole(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / LOCK).write_text(json.dumps({"pid": 1, "socket": "/" + "x" * 500}))
    with closing(create_json_store(data_dir, socket="/s")):
        assert json.loads((data_dir / LOCK).read_text()) == {"pid": os.getpid(), "socket": "/s"}


def test_a_lock_file_that_is_a_link_is_not_followed(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "elsewhere").write_text("precious")
    (data_dir / LOCK).symlink_to("elsewhere")
    with pytest.raises(StoreUnusable, match=str(data_dir)):
        create_json_store(data_dir)
    assert (data_dir / "elsewhere").read_text() == "precious"


def test_a_failed_start_lets_the_lock_go(data_dir: Path) -> None:
    (data_dir / PRIMARY).mkdir(parents=True)
    with pytest.raises(StoreUnusable):
        create_json_store(data_dir)
    (data_dir / PRIMARY).rmdir()
    create_json_store(data_dir).close()


def test_a_refused_write_keeps_the_lock(data_dir: Path) -> None:
    with closing(create_json_store(data_dir)) as store:
        (data_dir / PRIMARY).mkdir()
        with pytest.raises(StorageFailure):
            store.save(workspace(1))
        with pytest.raises(LockHeld):
            create_json_store(data_dir)


@pytest.mark.parametrize("lost", ["the lock file", "the directory"])
def test_a_directory_that_another_took_meanwhile_is_not_written(data_dir: Path, lost: str) -> None:
    with closing(create_json_store(data_dir, socket="/run/mine.sock")) as store:
        saved = store.save(workspace(1))
        if lost == "the lock file":
            (data_dir / LOCK).unlink()
        else:
            data_dir.rename(data_dir.parent / "away")
        with another_daemon(data_dir) as owner:
            theirs = files_below(data_dir)
            for _ in range(2):
                with pytest.raises(StorageFailure, match=f"pid {owner.pid} "):
                    store.save(workspace(2))
            assert files_below(data_dir) == theirs
            assert store.get_all() == [saved]
            assert json.loads((data_dir / LOCK).read_text())["pid"] == owner.pid
        # It has ended: the directory can be owned again, and what it wrote is left. Without the lock file it went on
        # from this store's revision, and wrote a higher one; in a new directory it began another store.
        found = "revision 2 " if lost == "the lock file" else "the id st_.*, revision 1 "
        with pytest.raises(StorageFailure, match=f"now another store: it has {found}"):
            store.save(workspace(2))
        assert {**files_below(data_dir), LOCK: b""} == {**theirs, LOCK: b""}
        for name in (PRIMARY, SNAPSHOT):
            (data_dir / name).rename(data_dir.parent / name)
        store.save(workspace(2))
        assert [one.id for one in store.get_all()] == ["ws_01", "ws_02"]
        assert json.loads((data_dir / LOCK).read_text()) == {
            "pid": os.getpid(),
            "socket": "/run/mine.sock",
        }
        with pytest.raises(LockHeld):
            create_json_store(data_dir)
