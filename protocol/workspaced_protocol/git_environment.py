"""The variables of git: those that a user sets, and those of the git invocation that a program was born in.

git tells its hooks, aliases and helpers about itself by variables: its repository (GIT_DIR), the `-c` settings of
this one invocation, passwords among them (GIT_CONFIG_PARAMETERS), its author, its editor. A daemon that was started
there lives longer than that git, and must keep none of them. New releases of git add such variables, so the names
below are those to keep: what people set for every git of theirs.
"""

from collections.abc import Mapping
from typing import Final

OF_USER: Final = frozenset(
    {
        "GIT_ALLOW_PROTOCOL",
        "GIT_ASKPASS",
        "GIT_ATTR_NOSYSTEM",
        "GIT_CEILING_DIRECTORIES",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_CONFIG_SYSTEM",
        "GIT_CURL_VERBOSE",
        "GIT_DEFAULT_HASH",
        "GIT_DEFAULT_REF_FORMAT",
        "GIT_PROTOCOL_FROM_USER",
        "GIT_PROXY_COMMAND",
        "GIT_TEMPLATE_DIR",
        "GIT_TERMINAL_PROMPT",
    }
)
FAMILIES_OF_USER: Final = ("GIT_SSH", "GIT_SSL_", "GIT_HTTP_", "GIT_PROXY_SSL_", "GIT_LFS_", "GIT_TRACE")
FAMILY_OF_INVOCATION: Final = "GIT_TRACE2_PARENT_"


def without_git_invocation(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without the variables of a git invocation, and without its directory on the PATH."""
    kept = {name: value for name, value in environment.items() if not _is_of_invocation(name)}
    # git puts the directory of its programs in front of the PATH of the programs that it starts.
    programs = environment.get("GIT_EXEC_PATH", "")
    if programs and kept.get("PATH", "").startswith(f"{programs}:"):
        kept["PATH"] = kept["PATH"].removeprefix(f"{programs}:")
    return kept


def _is_of_invocation(name: str) -> bool:
    if not name.startswith("GIT_"):
        return False
    is_of_user = name in OF_USER or name.startswith(FAMILIES_OF_USER)
    return not is_of_user or name.startswith(FAMILY_OF_INVOCATION)
