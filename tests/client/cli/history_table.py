"""The table of `workspacectl log`, read again, and a workspace whose changes it shows."""

from dataclasses import dataclass

from workspaced_client import ProjectBinding, Workspace
from workspaced_protocol.models import ProjectStatus


def bound_project(
    number: int, status: ProjectStatus = "active", git_url: str | None = None
) -> ProjectBinding:
    """A project of `OLD`."""
    return ProjectBinding(
        id=f"proj_{number}",
        workspace_id="ws_1",
        root_path=f"/p{number}",
        git_url=git_url,
        status=status,
        bound_at=1,
    )


OLD = Workspace(
    id="ws_1",
    name="alpha",
    root_path="/a",
    state="active",
    created_at=1,
    updated_at=1,
    tags=("web",),
    metadata={"a": 1, "token": "s3cret"},
    projects=(bound_project(1), bound_project(2)),
)


@dataclass(frozen=True)
class ChangeRow:
    """A row of the table, less its time and its pid."""

    revision: int
    what: str
    workspace: str
    by: str


def rows(text: str) -> list[ChangeRow]:
    """The rows of the table, as a pipe gets it: in full width."""
    header, *lines = text.splitlines()
    assert header.split() == ["WHEN", "REVISION", "WHAT", "WORKSPACE", "BY", "PID"]
    places = [header.index(name) for name in header.split()]
    cells = [
        [line[start:end].strip() for start, end in zip(places, [*places[1:], None], strict=True)]
        for line in lines
    ]
    return [ChangeRow(int(revision), what, workspace, by) for _, revision, what, workspace, by, _ in cells]
