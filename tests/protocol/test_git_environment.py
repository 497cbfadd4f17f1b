"""Which variables of git a program keeps that was started within a git invocation."""

import pytest

from workspaced_protocol.git_environment import without_git_invocation

OF_INVOCATION = (
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_KEY_0",
    "GIT_CONFIG_VALUE_0",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_EXEC_PATH",
    "GIT_QUARANTINE_PATH",
    "GIT_AUTHOR_DATE",
    "GIT_EDITOR",
    "GIT_PUSH_OPTION_0",
    "GIT_REFLOG_ACTION",
    "GIT_TRACE2_PARENT_SID",
    "GIT_OF_A_LATER_RELEASE",
)
OF_USER = (
    "GIT_SSH_COMMAND",
    "GIT_SSH",
    "GIT_CONFIG_GLOBAL",
    "GIT_ALLOW_PROTOCOL",
    "GIT_SSL_CAINFO",
    "GIT_HTTP_LOW_SPEED_LIMIT",
    "GIT_TRACE",
    "GIT_TRACE2_EVENT",
    "GIT_LFS_SKIP_SMUDGE",
    "GITHUB_TOKEN",
    "HOME",
)


@pytest.mark.parametrize("name", OF_INVOCATION)
def test_nothing_of_an_invocation_is_kept(name: str) -> None:
    assert without_git_invocation({name: "x"}) == {}


@pytest.mark.parametrize("name", OF_USER)
def test_what_a_user_sets_for_git_is_kept(name: str) -> None:
    assert without_git_invocation({name: "x"}) == {name: "x"}


@pytest.mark.parametrize(
    ("path", "kept"), [("/core:/bin", "/bin"), ("/bin:/core", "/bin:/core"), ("/core2:/bin", "/core2:/bin")]
)
def test_the_directory_of_gits_programs_is_taken_from_the_front_of_the_path(path: str, kept: str) -> None:
    assert without_git_invocation({"GIT_EXEC_PATH": "/core", "PATH": path}) == {"PATH": kept}
