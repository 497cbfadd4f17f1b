"""What msgspec says of JSON that is not of a type, taken apart: what is wrong, and where."""

from msgspec import ValidationError

from workspaced_protocol.models import WRONG_ID

_AT = " - at `$"


def problem_at(error: ValidationError) -> tuple[str, str]:
    """What is wrong, and the path of the value, such as `workspaces[3].id`; empty for the whole."""
    # The last one: a value that the message quotes may look like a path.
    problem, separator, where = str(error).rpartition(_AT)
    if not separator:
        return where, ""
    path = where.removesuffix("`")
    if problem.startswith(WRONG_ID):
        problem, _, inner = problem.partition(_AT)
        path += inner.removesuffix("`")
    return problem, path.removeprefix(".")
