"""The marks of machines that a migration puts on a store and takes off again."""

from contextlib import closing
from pathlib import Path

from support.samples import project, workspace
from support.two_kinds import do, filled
from workspaced.domain import workspaces
from workspaced.domain.entries import Entry, entry_json
from workspaced.domain.history import History
from workspaced.domain.state import State
from workspaced.store.document import encode_document
from workspaced.store.kinds import open_store
from workspaced.store.machine_marks import marked, unmarked
from workspaced_protocol.models import Peer


def with_projects(data_dir: Path) -> State:
    """A state with all that a store can hold, and workspaces with projects."""
    filled(data_dir, "json")
    with closing(open_store("json", data_dir, socket="")) as store:
        do(store, workspaces.save(workspace(5, projects=(project(1, "ws_05"), project(2, "ws_05"))), None))
        return store.state


def texts(state: State) -> list[bytes]:
    """All that a store writes of a state."""
    return [encode_document(state), *(entry_json(each) for each in state.history.entries)]


def test_each_path_and_each_change_gets_the_mark(tmp_path: Path) -> None:
    state = marked(with_projects(tmp_path / "data"), "devbox")
    assert len(state.records) == 3
    for each in state.workspaces():
        assert each.machine == "devbox"
        assert [bound.machine for bound in each.projects] == ["devbox" for _ in each.projects]
        assert state.records[each.id].json.count(b'"machine":"devbox"') == 1 + len(each.projects)
    assert len(state.history) == 6
    for entry in state.history.entries:
        assert entry.by.machine == "devbox"
        for text in (entry.before, entry.after):
            assert text is None or b'"machine":"devbox"' in text


def test_there_and_back_gives_the_same_texts(tmp_path: Path) -> None:
    before = with_projects(tmp_path / "data")
    there = marked(before, "devbox")
    assert texts(there) != texts(before)
    back = unmarked(there, "devbox")
    assert back == before
    assert texts(back) == texts(before)
    assert [*back.request_keys.items()] == [*before.request_keys.items()]
    assert back.history.complete_since == before.history.complete_since


def test_a_marked_text_is_the_one_that_a_store_writes(tmp_path: Path) -> None:
    """So a workspace has the same text whether it was migrated, or made in the store in etcd."""
    there = marked(with_projects(tmp_path / "data"), "devbox")
    again = State.of(there.workspaces(), there.revision, there.request_keys, store_id=there.store_id)
    assert encode_document(again) == encode_document(there)


def test_the_marks_of_other_machines_stay(tmp_path: Path) -> None:
    state = with_projects(tmp_path / "data")
    theirs = marked(state, "laptop")
    assert texts(marked(theirs, "devbox")) == texts(theirs)
    assert texts(unmarked(theirs, "devbox")) == texts(theirs)


def test_a_member_that_this_release_does_not_know_stays_where_it_is() -> None:
    text = b'{"id":"ws_01","name":"A \\u00e9","projects":[{"id":"proj_1","later":[1.50]}],"later":{"machine":"x"}}'
    entry = Entry(
        revision=1,
        at_ms=1,
        method="store.save",
        workspace_id="ws_01",
        name="A",
        before=None,
        after=text,
        by=Peer(1, 1),
        correlation_id="",
    )
    state = State(revision=1, history=History.of([entry], 0))
    (there,) = marked(state, "devbox").history.entries
    assert there.after is not None
    assert b'{"id":"proj_1","later":[1.50],"machine":"devbox"}' in there.after
    assert b'"later":{"machine":"x"}' in there.after
    (back,) = unmarked(marked(state, "devbox"), "devbox").history.entries
    assert back == entry
