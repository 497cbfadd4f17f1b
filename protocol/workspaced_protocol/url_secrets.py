"""Secrets in the URLs of repositories: a URL without them, and a text in which they are blacked out.

The strategy: a URL is cut into what is kept and what is secret. Secret are the password, a user part that does not
read like a name (a token in its place), and the params that are named or look like a secret. In doubt a part is
secret: a lost user name does no harm, because the URL is only shown. What is kept holds no secret when it is cut again.
"""

import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Final, NamedTuple, cast

BLACKED_OUT: Final = "***"

# `https:/` with one slash is a typing error, and its password a password all the same; so is a backslash.
# Tried once for each word: a long text without a scheme takes no square of its length.
_SCHEME: Final = re.compile(
    r"(?<![a-z0-9+.-])(?:(?:https?|ssh|git|ftps?):[/\\]+|[a-z0-9+.-]+://)", re.IGNORECASE
)
_PORT_OR_NONE: Final = re.compile(r"(\[[^\]]*\]|[^:@]*)(:\d*)?")
_AUTHORITY_END: Final = re.compile(r"[/?#]")
# “ada:token@host/x” and “//ada:token@host/x”, where a scheme was forgotten, and “ada:token@host:x”, where git knows
# no password. One with a slash needs “host:” behind it, for `host:team/x@v1/y` is a path on a host.
_BARE: Final = re.compile(
    r"(?P<slashes>//+)?(?P<user>[^/:@\s\[]*)"
    r"(?P<password>(?::(?!\s)(?:[^\n]*(?=@[^/:@\s]+:)|[^/\n]*(?=@[^/:@\s]+(?(slashes)(?:[:/?#]|$)|[:/]))))?)@(?=[^/:@\s])"
)
# A part of a web URL's path, as below a proxy's: “https://proxy/ada:token@host/x”.
_AUTHORITY: Final = re.compile(r"(?P<user>[^:@]*)(?P<password>(?::.*)?)@(?=[^:@]+(?::\d*)?\Z)", re.DOTALL)
_WORD: Final = r"[^\s'\"<>“”‘’]"
_IN_TEXT: Final = re.compile(
    rf"{_SCHEME.pattern}{_WORD}+|(?<!{_WORD})(?://+)?[^/:@\s'\"<>“”‘’\[]*:{_WORD}*@{_WORD}+", re.IGNORECASE
)

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

_SHORT: Final = 8
"""A secret below this length is blacked out only as a word of its own: it may be a part of many words."""
_SHORTEST_PART: Final = 4


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
        found = _BARE.match(url)
        if found is None and url.startswith("/") and not url.startswith("//"):
            self.kept.append(url)
            return
        if found is not None:
            self.kept.append(found["slashes"] or "")
            self._cut_user(found)
            url = url[found.end() :]
        self._cut_params(url)

    def _cut_user(self, found: re.Match[str]) -> None:
        """Keep the user of a URL without a scheme, unless it is a token."""
        if _TOKEN.match(found["user"]):
            self._add_secret(found["user"])
        elif found["user"]:
            self.kept.append(f"{found['user']}@")
        self._add_secret(found["password"][1:])

    def _cut_authority(self, rest: str, *, is_web: bool) -> None:
        userinfo, host_on = _divided(rest)
        if userinfo is not None:
            user, _, password = userinfo.partition(":")
            self._add_secret(password)
            if not is_web or (password != _INSTEAD_OF_A_PASSWORD and _reads_like_a_name(decoded(user))):
                self.kept.append(f"{user}@" if user else "")
            else:
                self._add_secret(user)
        self._cut_params(host_on, is_web=is_web)

    def _cut_params(self, text: str, *, is_web: bool = False) -> None:
        """Keep what is no secret of the path, the query and the fragment."""
        path, *parts = re.split(r"(?=[?#])", text)
        host, *segments = path.split("/")
        self._cut_path_params(host)
        last = max((index for index, segment in enumerate(segments) if segment), default=0)
        for index, segment in enumerate(segments):
            self.kept.append("/")
            self._cut_path_params(self._without_user(segment, is_last=index >= last) if is_web else segment)
        for part in parts:
            params = re.split("[&;]", part[1:])
            kept = [param for param in params if not self._is_secret(param)]
            if len(kept) == len(params):
                self.kept.append(part)
            elif kept:
                self.kept.append(part[0] + "&".join(kept))

    def _cut_path_params(self, segment: str) -> None:
        self.kept.append(
            _PATH_PARAM.sub(lambda found: "" if self._is_secret(found[1]) else found[0], segment)
        )

    def _without_user(self, segment: str, *, is_last: bool) -> str:
        """Return the rest of a part of a path, once what is written as a user and a host is cut.

        The last part is the name of a repository, such as `x@v1`. Git sends them all to the first host, as they are.
        """
        plain = decoded(segment)
        found = None if is_last else _AUTHORITY.match(plain)
        if found is not None and (found["password"][1:] or _TOKEN.match(found["user"])):
            if plain != segment:
                self._add_secret(segment)
                return ""
            self._cut_user(found)
            return segment[found.end() :]
        if plain != segment and not self._is_param and _Cut(plain, is_param=True).secrets:
            self._add_secret(segment)
            return ""
        return segment

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


def cut_out(url: str) -> str:
    """Return `url` without its password, and without a token in another place of it."""
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
    if userinfo is None or cut_out(scheme[0] + userinfo + "@host") == scheme[0] + userinfo + "@host":
        return None
    user, colon, password = userinfo.partition(":")
    kept = cut_out(f"{scheme[0]}{userinfo}@").removeprefix(scheme[0])
    return Address(
        url=scheme[0] + kept + host_on,
        site=scheme[0] + _AUTHORITY_END.split(host_on, maxsplit=1)[0],
        user=None if kept or not user else decoded(user),
        password=decoded(password) if colon else None,
    )


def blackener(*urls: str) -> Callable[[str], str]:
    """Return a function that blacks out the secrets of `urls` in a text, and those of all URLs in it."""
    cuts = {url: _Cut(url) for url in urls}
    kept = {url: "".join(cut.kept) for url, cut in cuts.items() if cut.secrets}
    secrets = _spellings(secret for cut in cuts.values() for secret in cut.secrets)

    def black_out(text: str) -> str:
        for url, rest in kept.items():
            text = text.replace(url, rest)
        if "/" in text or "@" in text:
            text = _IN_TEXT.sub(lambda found: cut_out(found[0]), text)
        lowered = text.lower()
        # A pattern of all secrets of a large request would take longer than the request.
        pattern = _any_of(each for each in secrets if each in text or each.lower() in lowered)
        return pattern.sub(BLACKED_OUT, text) if pattern else text

    return black_out


def in_all_texts(value: object, change: Callable[[str], str]) -> object:
    """Return the value with each text in it changed, in lists and objects too."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, (list, tuple)):
        return [in_all_texts(each, change) for each in cast("Iterable[object]", value)]
    if isinstance(value, dict):
        members = cast("dict[object, object]", value)
        return {in_all_texts(name, change): in_all_texts(each, change) for name, each in members.items()}
    return value


def _spellings(secrets: Iterable[str]) -> set[str]:
    """Return the secrets as given, decoded, encoded, and what a wrong parser would take for a part of one."""
    texts: set[str] = set()
    for secret in secrets:
        plain = decoded(secret)
        encoded = _RESERVED.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), plain)
        texts |= {secret, plain, encoded}
        texts |= {part for part in re.split("[@/:?#]", plain) if len(part) >= _SHORTEST_PART}
    return texts - {""}


def _any_of(texts: Iterable[str]) -> re.Pattern[str] | None:
    patterns = [
        re.escape(text) if len(text) >= _SHORT else rf"(?<!\w){re.escape(text)}(?!\w)"
        for text in sorted(texts, key=len, reverse=True)
    ]
    return re.compile("|".join(patterns), re.IGNORECASE) if patterns else None


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
