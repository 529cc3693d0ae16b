"""Hide what must not be stored or shown: secrets in fal's fields, passwords in URLs, API keys in the wrong place."""

import re
import unicodedata
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

HIDDEN = "[hidden]"
"""The text that `extra` holds instead of a secret."""

_SECRET_NAME = re.compile(
    "token|secret|passw(or)?d|passphrase|passcode|pwd|credential|authorization|bearer|cookie|jwt"
    "|(api|private|access|signing|encryption|auth|shared|master|session|client|server)key"
)
_HARMLESS_NAME = re.compile(
    "tokeni[sz](er|ation)(name|model|type|version|config|path)?"
    "|(max|min|num|total|prompt|completion|input|output|new|cached|generated)+tokens"
    "|(max|min|num|total)?tokens?(count|limit|budget|usage|used|length|persecond|perminute)"
)
"""Names of fields about the tokens of a language model, which are no secrets.

Only a whole name matches. Otherwise the value of `input_token_secret` would be shown.
"""


@lru_cache(maxsize=1024)  # a fleet repeats the same few names a million times
def is_secret_name(name: str) -> bool:
    """Return whether the name of a field or parameter indicates a secret. Case and separators do not matter."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    squashed = "".join(character for character in plain if character.isalnum())
    return bool(_SECRET_NAME.search(squashed)) and not _HARMLESS_NAME.fullmatch(squashed)


def hide_secrets(value: Any) -> Any:
    """Return a JSON value in which HIDDEN replaces the value of each field whose name indicates a secret, at any depth.

    A null stays null. The given value is not changed.
    """
    if type(value) is list:
        return [hide_secrets(inner) for inner in value]
    if type(value) is not dict:
        return value
    kept = {}
    for name, inner in value.items():
        if inner is not None and is_secret_name(name):
            kept[name] = HIDDEN
        else:
            kept[name] = hide_secrets(inner) if type(inner) in {dict, list} else inner  # saves a call per value
    return kept


NOT_SHOWN = "(not shown)"
"""The text shown instead of a URL in which the password cannot be located for certain."""

HARMLESS_PARAMETERS = frozenset((
    "application_name", "connect_timeout", "dbname", "host", "hostaddr", "options", "port", "sslcert", "sslmode",
    "sslrootcert", "target_session_attrs", "user",
))  # fmt: skip
"""Parameters of a URL that are shown with their values, except a value that looks like a key."""

_URL = re.compile(
    r"""(?P<scheme>[a-z][a-z0-9+.-]*)://
    ((?P<user>[^\s/?\#@:]*)(?P<password>:[^\s/?\#@]*)?@)?
    (?P<place>[^\s/?\#@]*)(?P<path>/[^\n?\#@]*)?(\?(?P<query>[^\s\#@]*))?""",
    re.VERBOSE | re.IGNORECASE,
)
"""The pattern of a clear URL. Inside its parts, each separator that could end a part early is percent-encoded.

So the password is exactly the text between the colon after the user and the `@`.
"""

_KEYS = (
    re.compile(r"\beyJ[\w-]{8,}+(?P<key>\.[\w-]{8,}(\.[\w-]*)?)?"),  # a JWT
    re.compile(  # a key of fal: id:secret
        r"[\w-]{6,}+(?P<key>:(?=[0-9A-Za-z]*[0-9])(?=[0-9A-Za-z]*[A-Za-z])[0-9A-Za-z]{20,})?"
    ),
    re.compile(r"\bsk[-_](?P<key>[\w-]{16,})"),
)
"""The patterns of keys. A match is a key only if the group `key` matched a part of it.

A match without this group is a long word that is no key. It is matched only to consume the whole word at once. If it
did not match, each of its characters would be tried as the start of a key. That would take quadratic time, and fal may
send a word of any length.
"""

_RANDOM_TEXT = re.compile("(?<![0-9A-Za-z])(?=([A-Za-z]*[0-9]){3})(?=([0-9]*[A-Za-z]){3})[0-9A-Za-z]{20,}")


def is_clear_url(text: str) -> bool:
    """Return whether a text is a URL whose parts can be told apart for certain."""
    return _URL.fullmatch(text) is not None


def mask_url(text: str) -> str:
    """Return a URL without its password and other secrets; NOT_SHOWN if `is_clear_url` is false for the text.

    In the path, `***` replaces each segment that looks like a key.
    """
    found = _URL.fullmatch(text)
    if found is None:
        return NOT_SHOWN
    user = "" if found["user"] is None else f"{_unless_key(found['user'])}{':***' if found['password'] else ''}@"
    query = "" if found["query"] is None else "?" + "&".join(map(_masked_parameter, found["query"].split("&")))
    path = "/".join(map(_unless_key, (found["path"] or "").split("/")))
    return f"{found['scheme']}://{user}{_unless_key(found['place'])}{path}{query}"


def _masked_parameter(text: str) -> str:
    name, _, value = text.partition("=")
    if name in HARMLESS_PARAMETERS:
        return f"{name}={_unless_key(value)}"
    return f"{name}=hidden" if is_secret_name(name) else "hidden"  # another name may be part of a password with an &


def _unless_key(text: str) -> str:
    return "***" if looks_like_key(text) or looks_like_key(unquote(text)) else text


def looks_like_key(text: str) -> bool:
    """Return whether a text contains what may be an API key: `id:secret`, `sk-...`, a JWT, or a long random string."""
    return hide_keys(text) != text or _RANDOM_TEXT.search(text) is not None


def hide_keys(text: str) -> str:
    """Return a text with `***` in place of all that has the form of a key.

    A long random string stays: it may be an id.
    """
    for pattern in _KEYS:
        text = pattern.sub(lambda found: found[0] if found["key"] is None else "***", text)
    return text


def hide_key_words(text: str) -> str:
    """Return a text with `***` in place of each word that looks like a key.

    Use it in messages that quote a person's input.
    """
    return re.sub(r"[^\s'\"()]+", lambda word: _unless_key(word[0]), text)
