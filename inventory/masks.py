"""What must not be stored or shown: secrets in fal's fields, in URLs, and keys that were put into the wrong place."""

import re
import unicodedata
from functools import lru_cache
from typing import Any

HIDDEN = "[hidden]"
"""What `extra` holds in place of the value of a secret."""

_SECRET_NAME = re.compile(
    "token|secret|passw(or)?d|passphrase|passcode|pwd|credential|authorization|bearer|cookie|jwt"
    "|(api|private|access|signing|encryption|auth|shared|master|session|client|server)key"
)
_HARMLESS_NAME = re.compile(
    "tokeni[sz](er|ation)(name|model|type|version|config|path)?"
    "|(max|min|num|total|prompt|completion|input|output|new|cached|generated)+tokens"
    "|(max|min|num|total)?tokens?(count|limit|budget|usage|used|length|persecond|perminute)"
)
"""Counts of a language model's tokens. They match whole names only, so that no `input_token_secret` slips through."""


@lru_cache(maxsize=1024)  # a fleet has the same few names a million times
def is_secret_name(name: str) -> bool:
    """Return whether a field or parameter of that name holds a secret; case and separators do not matter."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    squashed = "".join(character for character in plain if character.isalnum())
    return bool(_SECRET_NAME.search(squashed)) and not _HARMLESS_NAME.fullmatch(squashed)


def hide_secrets(value: Any) -> Any:
    """Return a JSON value in which HIDDEN stands for each value, but null, under the name of a secret at any depth."""
    if type(value) is list:
        return [hide_secrets(inner) for inner in value]
    if type(value) is not dict:
        return value
    kept = {}
    for name, inner in value.items():
        if inner is not None and is_secret_name(name):
            kept[name] = HIDDEN
        else:
            kept[name] = hide_secrets(inner) if type(inner) in {dict, list} else inner  # spares a call a value
    return kept


NOT_SHOWN = "(not shown)"
"""What stands for a URL of which nobody can tell which part is the password."""

HARMLESS_PARAMETERS = frozenset((
    "application_name", "connect_timeout", "dbname", "host", "hostaddr", "options", "port", "sslcert", "sslmode",
    "sslrootcert", "target_session_attrs", "user",
))  # fmt: skip
"""Parameters of a URL that are shown with their values."""

_URL = re.compile(
    r"""(?P<scheme>[a-z][a-z0-9+.-]*)://
    ((?P<user>[^\s/?\#@:]*)(?P<password>:[^\s/?\#@]*)?@)?
    (?P<place>[^\s/?\#@]*)(?P<path>/[^\n?\#@]*)?(\?(?P<query>[^\s\#@]*))?""",
    re.VERBOSE | re.IGNORECASE,
)
"""A URL whose password cannot be anywhere else than where it belongs: its separators are written in escapes."""

_KEY = re.compile(
    r"[\w-]{6,}:(?=[0-9A-Za-z]*[0-9])(?=[0-9A-Za-z]*[A-Za-z])[0-9A-Za-z]{20,}"  # fal's: id:secret
    r"|\bsk[-_][\w-]{16,}|\beyJ[\w-]{8,}\.[\w-]{8,}(\.[\w-]*)?"
)

_RANDOM_WORD = re.compile("(?=([A-Za-z]*[0-9]){3})(?=([0-9]*[A-Za-z]){3})[0-9A-Za-z]{20,}")


def is_clear_url(text: str) -> bool:
    """Return whether each part of a URL can be told from the others for certain."""
    return _URL.fullmatch(text) is not None


def mask_url(text: str) -> str:
    """Return a URL without its password and other secrets; NOT_SHOWN where it is not a clear one."""
    found = _URL.fullmatch(text)
    if found is None:
        return NOT_SHOWN
    user = "" if found["user"] is None else f"{_unless_key(found['user'])}{':***' if found['password'] else ''}@"
    query = "" if found["query"] is None else "?" + "&".join(map(_masked_parameter, found["query"].split("&")))
    return f"{found['scheme']}://{user}{_unless_key(found['place'])}{found['path'] or ''}{query}"


def _masked_parameter(text: str) -> str:
    name, _, value = text.partition("=")
    if name in HARMLESS_PARAMETERS:
        return f"{name}={_unless_key(value)}"
    return f"{name}=hidden" if is_secret_name(name) else "hidden"  # it may be the rest of a password with a & in it


def _unless_key(text: str) -> str:
    return "***" if looks_like_key(text) else text


def looks_like_key(text: str) -> bool:
    """Return whether a value may be a key that was put into the wrong place: id:secret, or a long random word."""
    return _KEY.search(text) is not None or _RANDOM_WORD.search(text) is not None


def hide_keys(text: str) -> str:
    """Return a text without what is a key by its form. A long random word alone may be an instance's id and stays."""
    return _KEY.sub("***", text)


def hide_key_words(text: str) -> str:
    """Return a text that quotes what somebody wrote, without the words that look like keys."""
    return re.sub(r"[^\s'\"()]+", lambda word: _unless_key(word[0]), text)
