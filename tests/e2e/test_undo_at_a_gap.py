"""An undo where the history lost its end, as in a power loss: the refusal says what is so, and nothing that is not."""

from e2e.conftest import StartDaemon
from support.daemon_process import Home
from support.raw_connection import RawConnection
from workspaced_protocol.datadir import HISTORY


def test_an_undo_next_to_what_the_history_lost(start: StartDaemon, home: Home) -> None:
    daemon = start()
    with RawConnection(home.socket) as client:
        gone = client.create("Gone")
        kept = client.create("Kept")
    daemon.stop()
    before = (home.data_dir / HISTORY).read_bytes()
    daemon.start()
    with RawConnection(home.socket) as client:
        client.call("workspace.delete", id=gone["id"])
        client.call("workspace.close", id=kept["id"])
        client.create("Last")
    daemon.stop()
    (home.data_dir / HISTORY).write_bytes(before)
    daemon.start()
    with RawConnection(home.socket) as client:
        # The last commit that the history knows is not the one that the store is at, so its lines count as undone.
        entries = client.call("history.list")
        assert [entry["name"] for entry in entries] == ["Gone"]
        refused = {
            revision: client.refused(1001, "history.undo", revision=revision) for revision in (1, 2, 3, 99)
        }
        held = client.call("store.getAll")
    assert refused[1]["message"] == (
        "Workspace “Gone” is gone, and the history does not have its end: `history.list` has what it was, to save that."
    )
    for revision in (2, 3, 99):
        assert refused[revision]["oldest"] == 1
        assert refused[revision]["message"].startswith(
            f"Revision {revision} is no change of a workspace in the history: `history.list` has them"
        )
    assert [workspace["name"] for workspace in held] == ["Kept", "Last"]
