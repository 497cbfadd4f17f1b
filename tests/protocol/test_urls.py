"""Secrets in URLs: none is kept, and none stays in a text about the URL."""

import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspaced_protocol.models import ProjectBinding
from workspaced_protocol.url_secrets import Address, blackener, web_address
from workspaced_protocol.urls import without_secret

SECRETS = [
    # Passwords
    ("https://ada:s3cret@host/x.git", "https://ada@host/x.git"),
    ("HTTP://ada:s3cret@host:8080/x", "HTTP://ada@host:8080/x"),
    ("https://:s3cret@host/x", "https://host/x"),
    ("https://ada:@host/x", "https://ada@host/x"),
    ("ssh://git:s3cret@host:22/x.git", "ssh://git@host:22/x.git"),
    ("https://ada%40example.com:s3cret@[::1]:80/x", "https://ada%40example.com@[::1]:80/x"),
    ("https://ada:s3%2Fcr%40et@host/x", "https://ada@host/x"),
    ("https://ada:s3@cret@host/x", "https://ada@host/x"),
    ("https://ada:s3/cret@host/x", "https://ada@host/x"),
    ("https://ada:s3#cret@host/x", "https://ada@host/x"),
    ("https:/ada:s3cret@host/x", "https:/ada@host/x"),
    ("ada:s3cret@host/x.git", "ada@host/x.git"),
    ("ada:s3cret@host:x.git", "ada@host:x.git"),
    ("ada:s3/cret@host:x.git", "ada@host:x.git"),
    ("ada:my s3cret@host:x.git", "ada@host:x.git"),
    (":s3cret@host/x", "host/x"),
    ("//ada:s3cret@host/x", "//ada@host/x"),
    ("//ada:s3cret@host", "//ada@host"),
    ("///ada:s3cret@host:80/x?token=abc", "///ada@host:80/x"),
    ("ssh:/git:s3cret@host/x", "ssh:/git@host/x"),
    (r"https:\\ada:s3cret@host/x", r"https:\\ada@host/x"),
    # Tokens in the user's place
    ("https://ghp_16C7e42F292c6912E7710c838347Ae178B4a@github.com/x", "https://github.com/x"),
    ("https://16C7e42F292c6912E7710c838347Ae178B4a@host/x", "https://host/x"),
    ("https://tok-S3CRET@host/x", "https://host/x"),
    ("https://token@host/x", "https://host/x"),
    ("https://16C7e42F292c6912:x-oauth-basic@github.com/x", "https://github.com/x"),
    ("https://ada:x-oauth-basic@github.com/x", "https://github.com/x"),
    ("https://x-access-token:ghs_16C7e42F292c6912@github.com/x", "https://x-access-token@github.com/x"),
    # Params
    ("https://host/x.git?access_token=abc", "https://host/x.git"),
    ("https://host/x.git?access_token=abc&ref=main", "https://host/x.git?ref=main"),
    ("https://host/x?ref=main;private%5Ftoken=abc#key=d", "https://host/x?ref=main"),
    ("https://host/x?glpat-abcdefghijkl", "https://host/x"),
    ("https://host/?of=https%3A%2F%2Fada%3As3cret%40host", "https://host/"),
    ("https://b.s3.example.com/x.bundle?X-Amz-Signature=abc&v=1", "https://b.s3.example.com/x.bundle?v=1"),
    ("https://host/x.git;access_token=abc", "https://host/x.git"),
    ("https://host/x.git&access_token=abc&ref=main", "https://host/x.git&ref=main"),
    ("https://host/a;password=abc/x.git?ref=main", "https://host/a/x.git?ref=main"),
    ("ghp_16C7e42F292c6912E7710c838347Ae178B4a@host:x", "host:x"),
    ("//ghp_16C7e42F292c6912E7710c838347Ae178B4a@host/x", "//host/x"),
    # One URL in another
    ("https://proxy/ada:s3cret@host/x", "https://proxy/ada@host/x"),
    ("https://proxy/a/ada:s3@cret@host:80/x/y", "https://proxy/a/ada@host:80/x/y"),
    ("https://proxy/ghp_16C7e42F292c6912E7710c838347Ae178B4a@host/x", "https://proxy/host/x"),
    ("https://proxy/ada%3As3cret%40host/x", "https://proxy//x"),
    ("https://proxy/https%3A%2F%2Fada%3As3cret%40host%2Fx", "https://proxy/"),
    ("https://proxy/https://ada:s3cret@host/x", "https://proxy/https://ada@host/x"),
    ("git+https://ada:s3cret@host/x", "git+https://ada@host/x"),
    ("http::https://ada:s3cret@host/x", "http::https://ada@host/x"),
    ("ext::sh -c curl% https://ada:s3cret@host", "ext::sh -c curl% https://ada@host"),
]

AS_GIVEN = [
    "https://host/x.git",
    "https://ada@host/x.git",
    "https://ada.lovelace@host/x",
    "https://ada-1815@host/x",
    "https://ada%40example.com@host/x",
    "https://contoso@dev.azure.com/contoso/x/_git/x",
    "https://host:8443/a:b@c",
    "https://host/a:b@c/",
    "https://host/x@v1/y",
    "https://host/@scope/x",
    "https://host/my%20team/x%40v1/y",
    "ssh://host/a:b@c/x",
    "host:x@v1",
    "host:team/x@v1/y",
    "//srv/a:b@c/x",
    "Fix: me@work/today",
    "https://host/x?p=x.git;a=summary#readme",
    "https://host/a;v=1/b&c/x.git",
    "ssh://git@host/x.git",
    "ssh://APKAEIBAERJR2EXAMPLE@git-codecommit.example.com/x",
    "git@host:team/x.git",
    "host:team/x@v1",
    "user@[::1]:x.git",
    "file:///srv/a:b@c/x",
    "/srv/a:b@c/x?token=d",
    "",
]


@pytest.mark.parametrize(("url", "kept"), SECRETS)
def test_a_secret_is_left_out(url: str, kept: str) -> None:
    assert without_secret(url) == kept
    assert without_secret(kept) == kept


@pytest.mark.parametrize("url", AS_GIVEN)
def test_everything_else_stays_as_it_was_given(url: str) -> None:
    assert without_secret(url) == url


@given(st.text(alphabet="ab1:/@?#&=%[]\n") | st.text())
def test_what_is_kept_holds_no_secret(url: str) -> None:
    kept = without_secret(url)
    assert without_secret(kept) == kept


NAMES = st.text(alphabet="abc", min_size=1, max_size=6)
PASSWORDS = st.text(alphabet="s3cr.!~ %@", min_size=1, max_size=9).map(lambda text: f"S{text}S")
FORMS = [
    "https://{user}:{password}@{host}/{path}",
    "https:/{user}:{password}@{host}:80/{path}",
    "ssh://{user}:{password}@{host}/{path}",
    "//{user}:{password}@{host}/{path}",
    "{user}:{password}@{host}/{path}",
    "{user}:{password}@{host}:{path}",
    "{user}:{password}/{password}@{host}:{path}",
    "https://{host}/{user}:{password}@{host}/{path}",
    "https://{host}/{path}/{user}:{password}@{host}:80/{path}",
]
PATHS = [
    "https://{host}/{path}@{user}",
    "https://{host}/{path}@{user}/{path}",
    "https://{user}@{host}/{path}@{user}/{path}",
    "ssh://{user}@{host}/{path}@{user}/{path}",
    "ssh://{host}/{path}:{user}@{path}/{path}",
    "file:///{path}/{user}:{path}@{host}/{path}",
    "/{path}/{user}:{path}@{host}/{path}",
    "{user}@{host}:{path}@{user}/{path}",
    "{host}:{path}/{user}@{path}/{path}",
    "{host}:{path}@{user}",
]


@given(st.sampled_from(FORMS), NAMES, PASSWORDS, NAMES, NAMES)
def test_a_password_is_left_out_wherever_a_user_and_a_host_stand(
    form: str, user: str, password: str, host: str, path: str
) -> None:
    url = form.format(user=user, password=password, host=host, path=path)
    assert "S" not in without_secret(url)
    assert password not in blackener(url)(f"There is no “{url}”.")


@given(st.sampled_from(PATHS), NAMES, NAMES, NAMES)
def test_an_at_sign_in_a_legal_path_stays(form: str, user: str, host: str, path: str) -> None:
    url = form.format(user=user, host=host, path=path)
    assert without_secret(url) == url


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize(
    "part", ["a", "a:", "@", "a:b@", "://", "h://", "?a=%3f", "#", "a@", ":@a", "a:b@c/", "//"]
)
def test_a_long_text_takes_no_square_of_its_length(part: str) -> None:
    def seconds_for(length: int) -> float:
        began = time.process_time()
        without_secret(f"x?{part * length}@")
        without_secret(f"http://{part * length}")
        without_secret(f"http://a/{part * length}")
        blackener("")(f"{part * length}@")
        return time.process_time() - began

    # A square would take 16 times as long; the addend is for times that are too short to compare.
    assert seconds_for(20_000) < 8 * seconds_for(5_000) + 0.05


def test_a_binding_never_holds_a_secret() -> None:
    binding = ProjectBinding(
        id="proj_1",
        workspace_id="ws_1",
        root_path="/a",
        git_url="https://ada:s3cret@host/x",
        status="active",
        bound_at=1,
    )
    assert binding.git_url == "https://ada@host/x"
    text = msgspec.json.encode(binding).replace(b"ada@", b"ada:s3cret@")
    assert msgspec.json.decode(text, type=ProjectBinding) == binding
    assert msgspec.structs.replace(binding, git_url="https://b:s3cret@host/").git_url == "https://b@host/"


@pytest.mark.parametrize(
    ("url", "text", "told"),
    [
        ("https://ada:s3%2Fcret@host/x", "at 'https://ada:s3%2fcret@host/x/'", "at 'https://ada@host/x/'"),
        ("https://ada:s3%2Fcret@host/x", "password s3/cret is wrong", "password *** is wrong"),
        ("https://ada:s3%2Fcret@host/x", "password S3%2FCRET is wrong", "password *** is wrong"),
        ("https://ada:pa%2Fs3cret@host/x", "no host s3cret@host", "no host ***@host"),
        ("https://ada:ab@host/x", "ab is about", "*** is about"),
        ("https://host/x?token=s3cret", "GET /x?token=s3cret/info/refs", "GET /x?token=***/info/refs"),
        ("https://tok3ns3cret@host/x", "user tok3ns3cret", "user ***"),
        ("https://host/x", "redirected to https://eve:other@host/y", "redirected to https://eve@host/y"),
        ("https://host/x", "nothing secret", "nothing secret"),
    ],
)
def test_a_secret_is_blacked_out_of_a_text(url: str, text: str, told: str) -> None:
    assert blackener(url)(text) == told


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (
            "https://ada:s3%2Fcret@host:8443/x?a=b",
            Address("https://ada@host:8443/x?a=b", "https://host:8443", None, "s3/cret"),
        ),
        ("http://s3cr3t@host/x", Address("http://host/x", "http://host", "s3cr3t", None)),
        (
            "http://s3cr3t:x-oauth-basic@host",
            Address("http://host", "http://host", "s3cr3t", "x-oauth-basic"),
        ),
        ("https://ada@host/x", None),
        ("https://host/x", None),
        ("ssh://git:s3cret@host/x", None),
        ("git@host:x", None),
    ],
)
def test_the_address_of_a_site_leaves_its_secret_apart(url: str, address: Address | None) -> None:
    assert web_address(url) == address
