"""msgspec's validation errors, split into problem and path."""

from ast import literal_eval
from typing import Final, get_args

from msgspec import ValidationError

from workspaced_protocol.models import (
    WRONG_MACHINE,
    WRONG_PROJECT_ID,
    WRONG_WORKSPACE_ID,
    ProjectStatus,
    WorkspaceSort,
    WorkspaceState,
)
from workspaced_protocol.urls import told

_AT = " - at `$"
_PATTERN = "Expected `str` matching regex '^"
_NO_CHOICE = "Invalid enum value "
# By the last name of the path, because msgspec does not tell them.
_CHOICES: Final = {
    name: ", ".join(get_args(type_))
    for name, type_ in (("sort", WorkspaceSort), ("state", WorkspaceState), ("status", ProjectStatus))
}


def problem_at(error: ValidationError) -> tuple[str, str]:
    """Return the problem, to print after a colon, and the path of the value, such as `workspaces[3].id`.

    The path of the whole document is empty. It ends before the keys of metadata, which msgspec leaves out.
    """
    # The last match: the message may quote a value that looks like a path.
    problem, separator, where = str(error).rpartition(_AT)
    if not separator:
        problem, where = where, ""
    path = where.removesuffix("`").partition("[...]")[0]
    if problem.startswith((WRONG_PROJECT_ID, WRONG_WORKSPACE_ID, WRONG_MACHINE)):
        problem, _, inner = problem.partition(_AT)
        path += inner.removesuffix("`")
    elif problem.startswith(_PATTERN):
        problem = WRONG_PROJECT_ID if problem.startswith(f"{_PATTERN}proj_") else WRONG_WORKSPACE_ID
    elif problem.startswith(_NO_CHOICE):
        value = told(literal_eval(problem.removeprefix(_NO_CHOICE)))  # as repr() has made it
        choices = _CHOICES.get(path.rpartition(".")[2], "the values that this release knows")
        problem = f"“{value}” is none of {choices}"
    return problem[:1].lower() + problem[1:], path.removeprefix(".")
