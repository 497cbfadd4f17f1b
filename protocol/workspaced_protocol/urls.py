"""Secrets in the URLs of repositories: a URL without them, and a text in which they are blacked out.

The strategy: a URL is cut into what is kept and what is secret. Secret are the password, a user part that does not
read like a name (a token in its place), and the params that are named or look like a secret. In doubt a part is
secret: a lost user name does no harm, because the URL is only shown. What is kept holds no secret when it is cut again.
"""

import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Final, NamedTuple

BLACKED_OUT: Final = "***"

# `https:/` with one slash is a typing error, and its password a password all the same.
# Tried once for each word: a long text without a scheme takes no square of its length.
_SCHEME: Final = re.compile(r"(?<![a-z0-9+.-])(?:https?:/+|[a-z0-9+.-]+://)", re.IGNORECASE)
_PORT_OR_NONE: Final = re.compile(r"(\[[^\]]*\]|[^:@]*)(:\d*)?")
_AUTHORITY_END: Final = re.compile(r"[/?#]")
# “ada:token@host/x”, a forgotten scheme, and “ada:token@host:x”. `git@host:x` has no password.
_BARE: Final = re.compile(r"(?P<user>[^/:@\s\[]+):(?P<password>[^/\s]*)@(?=[^/:@\s]+[:/])")
_IN_TEXT: Final = re.compile(_SCHEME.pattern + r"[^\s'\"<>“”‘’]+", re.IGNORECASE)

_MAY_HOLD_A_SECRET: Final = re.compile("[@?#;&]")
_PATH_PARAM: Final = re.compile("[;&]([^;&/]*)")
_ESCAPES: Final = re.compile(r"(?:%[0-9a-f]{2})+", re.IGNORECASE)
_RESERVED: Final = re.compile(r"[^A-Za-z0-9._~-]")

_SECRET_PARAM: Final = re.compile(
    r"token|secret|passw|passphrase|pwd|key|auth(?!or)|signature|credential|session|jwt|private|^(pat|pw|pass|sig|sas|code)$",
    re.IGNORECASE,
)
# The tokens of GitHub, GitLab, Atlassian, npm, Hugging Face and Docker, and access keys of AWS.
_TOKEN: Final = re.compile(
    r"^(gh[a-z]_|github_pat_|gl[a-z]{1,6}-|atatt|atbb|atctt|npm_|hf_|dckr_pat_|akia)[a-z0-9_=-]{8}",
    re.IGNORECASE,
)
# Letters, with at most four digits at the end of a word. A token mixes them.
_NAME: Final = re.compile(r"[^\W\d_](?:[^\W\d]|[ .+@\\-]|\d{1,4}(?![^\W_]))*")
_LONGEST_NAME: Final = 40  # without an @: a mail address may be longer
_NO_NAME: Final = re.compile(r"token|secret|passw", re.IGNORECASE)
_NAMES_BESIDE_TOKENS: Final = frozenset({"gitlab-ci-token", "oauth2", "x-access-token", "x-token-auth"})
_INSTEAD_OF_A_PASSWORD: Final = "x-oauth-basic"  # noqa: S105 - GitHub: the user beside it is the token

_SHORT: Final = 4
"""A secret below this length is blacked out only as a word of its own: it may be a part of many words."""


class _Cut:
    """A URL as it is cut: the pieces to keep, and the secrets."""

    def __init__(self, url: str, *, is_param: bool = False) -> None:
        self._is_param = is_param
        self.kept: list[str] = []
        self.secrets: list[str] = []
        schemes = [*_SCHEME.finditer(url)]
        if not schemes:
            self._cut_bare(url)
            return
        self.kept.append(url[: schemes[0].start()])
        # A URL may contain another one, as behind `ext::` or below a proxy's.
        ends = [following.start() for _, following in pairwise(schemes)]
        for scheme, end in zip(schemes, [*ends, len(url)], strict=True):
            self.kept.append(scheme[0])
            self._cut_authority(url[scheme.end() : end], is_web="http" in scheme[0].lower())

    def _cut_bare(self, url: str) -> None:
        if url.startswith("/"):
            self.kept.append(url)
            return
        found = _BARE.match(url)
        if found is not None:
            self.kept.append(f"{found['user']}@")
            self._add_secret(found["password"])
            url = url[found.end() :]
        self._cut_params(url)

    def _cut_authority(self, rest: str, *, is_web: bool) -> None:
        userinfo, host_on = _divided(rest)
        if userinfo is not None:
            user, _, password = userinfo.partition(":")
            self._add_secret(password)
            if not is_web or (password != _INSTEAD_OF_A_PASSWORD and _reads_like_a_name(decoded(user))):
                self.kept.append(f"{user}@" if user else "")
            else:
                self._add_secret(user)
        self._cut_params(host_on)

    def _cut_params(self, text: str) -> None:
        """Keep what is no secret of the path, the query and the fragment."""
        path, *parts = re.split(r"(?=[?#])", text)
        self.kept.append(_PATH_PARAM.sub(lambda found: "" if self._is_secret(found[1]) else found[0], path))
        for part in parts:
            params = re.split("[&;]", part[1:])
            kept = [param for param in params if not self._is_secret(param)]
            if len(kept) == len(params):
                self.kept.append(part)
            elif kept:
                self.kept.append(part[0] + "&".join(kept))

    def _is_secret(self, param: str) -> bool:
        name, equals, value = param.partition("=")
        value = value if equals else name
        plain = decoded(value)
        if (
            (equals and _SECRET_PARAM.search(decoded(name)))
            or _TOKEN.match(plain)
            or (not self._is_param and _Cut(plain, is_param=True).secrets)
        ):
            self._add_secret(value)
            return True
        return False

    def _add_secret(self, secret: str) -> None:
        if secret:
            self.secrets.append(secret)


def without_secret(url: str) -> str:
    """Return `url` without its password, and without a token in another place of it."""
    if not _MAY_HOLD_A_SECRET.search(url):
        return url
    return "".join(_Cut(url).kept)


class Address(NamedTuple):
    """A URL of the web without its secret, for the argument of a program, and what was taken out of it, decoded."""

    url: str
    site: str
    """Its scheme, host and port."""
    user: str | None
    """None where the URL still has it."""
    password: str | None


def web_address(url: str) -> Address | None:
    """Return the address of a URL of http or https with a secret before its host; None for any other URL."""
    scheme = _SCHEME.match(url)
    if scheme is None or not scheme[0].lower().startswith("http"):
        return None
    userinfo, host_on = _divided(url[scheme.end() :])
    if userinfo is None or without_secret(scheme[0] + userinfo + "@host") == scheme[0] + userinfo + "@host":
        return None
    user, colon, password = userinfo.partition(":")
    kept = without_secret(f"{scheme[0]}{userinfo}@").removeprefix(scheme[0])
    return Address(
        url=scheme[0] + kept + host_on,
        site=scheme[0] + _AUTHORITY_END.split(host_on, maxsplit=1)[0],
        user=None if kept or not user else decoded(user),
        password=decoded(password) if colon else None,
    )


def blackener(url: str) -> Callable[[str], str]:
    """Return a function that blacks out the secrets of `url` in a text, and those of all URLs in it."""
    pattern = _any_of(_Cut(url).secrets)

    def black_out(text: str) -> str:
        if "/" in text:
            text = _IN_TEXT.sub(lambda found: without_secret(found[0]), text)
        return pattern.sub(BLACKED_OUT, text) if pattern else text

    return black_out


def _any_of(secrets: Iterable[str]) -> re.Pattern[str] | None:
    """Return the pattern of the secrets: as given, decoded, encoded, and what a wrong parser would take for a part."""
    texts: set[str] = set()
    for secret in secrets:
        plain = decoded(secret)
        encoded = _RESERVED.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), plain)
        texts |= {secret, plain, encoded}
        texts |= {part for part in re.split("[@/:?#]", plain) if len(part) >= _SHORT}
    longest_first = sorted(texts - {""}, key=len, reverse=True)
    if not longest_first:
        return None
    patterns = [
        re.escape(text) if len(text) >= _SHORT else rf"(?<!\w){re.escape(text)}(?!\w)"
        for text in longest_first
    ]
    return re.compile("|".join(patterns), re.IGNORECASE)


def _divided(rest: str) -> tuple[str | None, str]:
    """Return the userinfo of what follows a scheme, and the text from the host on."""
    found = _AUTHORITY_END.search(rest)
    end = found.start() if found else len(rest)
    if "@" not in rest[:end]:
        if _PORT_OR_NONE.fullmatch(rest, 0, end) or "@" not in rest:
            return None, rest
        end = len(rest)  # no host and port: a password with a slash that should have been encoded
    at = rest.rindex("@", 0, end)
    return rest[:at], rest[at + 1 :]


def _reads_like_a_name(user: str) -> bool:
    if user in _NAMES_BESIDE_TOKENS:
        return True
    if len(user) > _LONGEST_NAME and "@" not in user:
        return False
    return bool(_NAME.fullmatch(user)) and not _TOKEN.match(user) and not _NO_NAME.search(user)


def decoded(text: str) -> str:
    """Return `text` with its percent escapes decoded."""
    return _ESCAPES.sub(lambda found: bytes.fromhex(found[0].replace("%", "")).decode(errors="replace"), text)
