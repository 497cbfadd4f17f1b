"""msgspec's validation errors, split into problem and path."""

from msgspec import ValidationError

from workspaced_protocol.models import WRONG_PROJECT_ID, WRONG_WORKSPACE_ID

_AT = " - at `$"
_PATTERN = "Expected `str` matching regex '^"


def problem_at(error: ValidationError) -> tuple[str, str]:
    """Return the problem, to print after a colon, and the path of the value, such as `workspaces[3].id`.

    The path of the whole document is empty. It ends before the keys of metadata, which msgspec leaves out.
    """
    # The last match: the message may quote a value that looks like a path.
    problem, separator, where = str(error).rpartition(_AT)
    if not separator:
        problem, where = where, ""
    path = where.removesuffix("`").partition("[...]")[0]
    if problem.startswith((WRONG_PROJECT_ID, WRONG_WORKSPACE_ID)):
        problem, _, inner = problem.partition(_AT)
        path += inner.removesuffix("`")
    elif problem.startswith(_PATTERN):
        problem = WRONG_PROJECT_ID if problem.startswith(f"{_PATTERN}proj_") else WRONG_WORKSPACE_ID
    return problem[:1].lower() + problem[1:], path.removeprefix(".")
