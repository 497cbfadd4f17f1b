"""What msgspec says of JSON that is not of a type, taken apart: what is wrong, and where."""

from msgspec import ValidationError

from workspaced_protocol.models import WRONG_PROJECT_ID, WRONG_WORKSPACE_ID

_AT = " - at `$"
_PATTERN = "Expected `str` matching regex '^"


def problem_at(error: ValidationError) -> tuple[str, str]:
    """What is wrong, to follow a colon, and the path of the value, such as `workspaces[3].id`; empty for the whole."""
    # The last one: a value that the message quotes may look like a path.
    problem, separator, where = str(error).rpartition(_AT)
    if not separator:
        problem, where = where, ""
    path = where.removesuffix("`")
    if problem.startswith((WRONG_PROJECT_ID, WRONG_WORKSPACE_ID)):
        problem, _, inner = problem.partition(_AT)
        path += inner.removesuffix("`")
    elif problem.startswith(_PATTERN):
        problem = WRONG_PROJECT_ID if problem.startswith(f"{_PATTERN}proj_") else WRONG_WORKSPACE_ID
    return problem[:1].lower() + problem[1:], path.removeprefix(".")
