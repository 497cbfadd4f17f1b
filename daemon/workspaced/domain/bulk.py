"""The commands on the store as a whole: several changes in one commit, restore, flush."""

from collections.abc import Sequence

from msgspec import structs

from workspaced.domain.commands import (
    Command,
    once,
    removed,
    require_no_sessions,
    saved,
)
from workspaced.domain.draft import Draft
from workspaced.domain.errors import RevisionConflict
from workspaced.domain.machines import ALONE, Here
from workspaced.domain.outcome import Outcome
from workspaced.domain.records import encode
from workspaced.domain.state import State
from workspaced.domain.workspaces import remove, save
from workspaced_protocol.models import Change, StoreDifference, StoreRevision, Workspace


def apply(changes: Sequence[Change], if_revision: int | None, here: Here = ALONE) -> Command:
    """Apply all changes in order in one commit, or none of them."""
    commands = [
        save(change.save, None, f"changes[{index}].save", here)
        if change.save
        else remove(change.remove or "")
        for index, change in enumerate(changes)
    ]

    def command(state: State) -> Outcome:
        if if_revision is not None and if_revision != state.revision:
            raise RevisionConflict("The store", if_revision, state.revision)
        draft = Draft(state)
        for part in commands:
            draft.apply(part(draft))
        return Outcome(StoreRevision(draft.revision), changes=tuple(draft.changes))

    return command


def restore(workspaces: Sequence[Workspace], if_revision: int | None, here: Here = ALONE) -> Command:
    """Replace the content of the store with these workspaces; its previous content goes to quarantine.

    It ends the notice of a recovery if no workspace that the damaged files show is missing afterwards.
    """

    def command(state: State) -> Outcome:
        if if_revision is not None and if_revision != state.revision:
            raise RevisionConflict("The store", if_revision, state.revision)
        difference = compare(state, workspaces, here)
        draft = Draft(state)
        for workspace in difference.removed:
            require_no_sessions(state, workspace.id)
            draft.apply(removed(workspace.id))
        for workspace in (*difference.changed, *difference.added):
            if workspace.state == "deleted":
                require_no_sessions(state, workspace.id)
            draft.apply(saved(structs.replace(workspace, revision=draft.revision + 1)))
        # The user has chosen this copy: where it holds all that the damaged files show, nothing known is missing.
        ends_notice = state.recovery is not None and state.lost.is_in({each.id for each in workspaces})
        takes_revision = ends_notice and not draft.changes
        return Outcome(
            StoreRevision(draft.revision + takes_revision),
            changes=tuple(draft.changes),
            acknowledges_recovery=ends_notice,
            keeps_previous="before-restore" if draft.changes else None,
        )

    return command


def compare(state: State, workspaces: Sequence[Workspace], here: Here = ALONE) -> StoreDifference:
    """Return the changes that a restore of these workspaces would make; revisions are not compared."""
    wanted = {workspace.id: workspace for workspace in workspaces}
    added: list[Workspace] = []
    changed: list[Workspace] = []
    for copied in wanted.values():
        current = state.get(copied.id)
        workspace = here.marked(copied, current)
        if current is None:
            added.append(workspace)
        elif _content(current) != _content(workspace):
            changed.append(workspace)
    removed = [workspace for workspace in state.workspaces() if workspace.id not in wanted]
    return StoreDifference(
        revision=state.revision, added=tuple(added), changed=tuple(changed), removed=tuple(removed)
    )


def _content(workspace: Workspace) -> bytes:
    # As text: to Python, the values 1, 1.0 and true in metadata are equal.
    return encode(structs.replace(workspace, revision=0))


def current_revision(state: State) -> Outcome:
    """Change nothing; the result is the store's revision."""
    return Outcome(StoreRevision(state.revision))


def acknowledge_recovery(state: State) -> Outcome:
    """Clear the recovery notice: the user has read it."""
    return Outcome(None, acknowledges_recovery=state.recovery is not None)


def acknowledge_recovery_once(request_key: str | None) -> Command:
    """Return the same for a client's request. Without a notice it stores nothing, not even the key."""
    keyed = once(request_key, acknowledge_recovery)
    return lambda state: Outcome(None) if state.recovery is None else keyed(state)


def flush(state: State) -> Outcome:
    """Write the whole store again without a change of the state."""
    return Outcome(StoreRevision(state.revision), rewrites_files=True)
