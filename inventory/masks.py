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
