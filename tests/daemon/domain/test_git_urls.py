"""Git URLs: which are let through to git, and what a clone of each is called."""

import pytest

from workspaced.domain.errors import InvalidField
from workspaced.domain.git_urls import check_git_url, repository_name

ALL = ("file", "git", "http", "https", "ssh")


@pytest.mark.requirement("FR-003")
@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.com/team/app.git", "app"),
        ("https://user@example.com:8443/team/app.git/", "app"),
        ("https://example.com/app", "app"),
        ("http://[::1]/app.git", "app"),
        ("git://example.com/~me/a.b.git", "a.b"),
        ("ssh://git@example.com/team/app.git", "app"),
        ("git@example.com:team/app.git", "app"),
        ("example.com:app", "app"),
        ("user@[::1]:team/app.git", "app"),
        ("file:///srv/git/app.git", "app"),
        ("file:///home/me/app/.git", "app"),
        ("/home/me/日本 語", "日本 語"),
        ("/home/me/app/.git/", "app"),
        ("/home/me/app.git/", "app"),
        ("/home/me/app.bundle", "app.bundle"),
        ("/home/me/a%0ab", "a%0ab"),
        ("host:app/.git", "app"),
        ("host:a/app.git//", "app"),
        ("host:", "host"),
        ("https://example.com", "example.com"),
        ("https://example.com:8443/", "example.com"),
        ("https://ada:pass@example.com:8443", "example.com"),
        ("https://example.com/team:app", "app"),
        ("https://example.com/app.git?token=s3cret", "app"),
        ("git@host:a  b.git", "a b"),
    ],
)
def test_what_git_can_clone_is_let_through(url: str, name: str) -> None:
    check_git_url(url, ALL)
    assert repository_name(url) == name


@pytest.mark.requirement("FR-003")
@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "1 to 4,096 characters"),
        (" ", "1 to 4,096 characters"),
        ("https://example.com/" + "a" * 4096, "1 to 4,096 characters"),
        ("https://example.com/a\0b", "control character"),
        ("https://example.com/a\nb", "control character"),
        ("--upload-pack=touch /tmp/x", "must not start with “-”"),
        ("-u", "must not start with “-”"),
        ("ext::sh -c touch% /tmp/x", "another program"),
        ("fd::17", "another program"),
        ("hg::https://example.com/a", "another program"),
        ("app", "an absolute path"),
        ("../app", "an absolute path"),
        ("./host:path", "an absolute path"),
        ("ftp://example.com/a", "the protocol ftp is not allowed"),
        ("ext://example.com/a", "the protocol ext is not allowed"),
        ("HTTPS://example.com/a", "the protocol HTTPS is not allowed"),
    ],
)
def test_anything_else_is_refused_before_git_sees_it(url: str, problem: str) -> None:
    with pytest.raises(InvalidField, match=problem) as refused:
        check_git_url(url, ALL)
    assert refused.value.data == {"path": "gitUrl"}


@pytest.mark.parametrize(
    ("url", "protocol"), [("/srv/app", "file"), ("file:///srv/app", "file"), ("host:app", "ssh")]
)
def test_a_protocol_that_the_settings_leave_out_is_refused_in_every_form(url: str, protocol: str) -> None:
    with pytest.raises(InvalidField, match=f"the protocol {protocol} is not allowed.* allows https, git"):
        check_git_url(url, ("https", "git"))


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/..",
        "https://example.com/a/...git",
        "file:///",
        "/",
        "host:..",
        "host:.git",
        "/.git",
    ],
)
def test_a_url_without_a_name_asks_for_a_target(url: str) -> None:
    check_git_url(url, ALL)
    with pytest.raises(InvalidField, match="targetDir") as refused:
        repository_name(url)
    assert refused.value.data == {"path": "gitUrl"}


def test_a_bundle_loses_its_own_ending() -> None:
    assert repository_name("/srv/app.bundle", is_bundle=True) == "app"
    assert repository_name("/srv/app.git", is_bundle=True) == "app.git"


@pytest.mark.parametrize(
    "url",
    [
        "https:///ada:s3cret@host/..",
        "ftp://ada:s3cret@host/a",
        "http::https://ada:s3cret@host/a",
        "-https://ada:s3cret@host/a",
        "https://ada:s3cret@host/..",
        "../a?token=s3cret",
        "https://ada:s3cret%0aurl=x@host/a",
    ],
)
def test_no_refusal_repeats_a_secret(url: str) -> None:
    def check() -> None:
        check_git_url(url, ALL)
        repository_name(url)

    with pytest.raises(InvalidField) as refused:
        check()
    assert "s3cret" not in refused.value.message
