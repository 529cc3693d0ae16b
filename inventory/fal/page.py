"""One page of fal's list: its envelope, and by what it is known again.

Source: fal's OpenAPI document, GET /compute/instances.
"""

import hashlib
import json
import math
import re
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from inventory.errors import BadResponse

_CURSOR = re.compile(rb'\A\s*:\s*(null|"(?:[^"\\]|\\.)*")', re.DOTALL)
_ESCAPED_ASCII = re.compile(rb"\\u00[2-7]")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the list: its items as JSON values, where to go on, and whether the list says it ends here."""

    items: list[Any]
    next_cursor: str | None
    has_more: bool | None
    escaped: bool
    """Whether strings may hold what only an escape can write: U+0000 or a lone surrogate."""
    body: bytes
    """As it came: `parse_page` makes the same page of it again."""
    fingerprint: bytes
    """SHA-256 of the body, but for the cursor it names: equal ones hold the same items, in the same order.

    Not the other way round: where an envelope bears a number of its own each time, no page is ever known again.
    """


@with_config(ConfigDict(extra="ignore", strict=True))
class _Envelope(TypedDict):
    instances: list[Any]
    next_cursor: str | None
    has_more: bool


_ENVELOPE = TypeAdapter(_Envelope)
_ANY: TypeAdapter[Any] = TypeAdapter(Any)


def parse_page(body: bytes) -> Page:
    """The page that a body holds; raises BadResponse where it is not the JSON promised."""
    try:
        found = _ENVELOPE.validate_json(body)
    except ValidationError as error:
        # pydantic refuses a whole page for one lone surrogate or one huge number; json does not
        if any(part["type"] != "json_invalid" for part in error.errors(include_input=False, include_url=False)):
            raise BadResponse(_what(error)) from None
        try:
            found = _ENVELOPE.validate_python(_lenient(body))
        except ValidationError as second:
            raise BadResponse(_what(second)) from None
        # json lets raw surrogates and other encodings than UTF-8 pass
        return _page(found, body, escaped=True, fingerprint=hashlib.sha256(body).digest())
    escaped = b"\\u" in body
    return _page(found, body, escaped=escaped, fingerprint=_fingerprint(body, escaped=escaped))


def parse_instance(body: bytes) -> tuple[Any, bool]:
    """The JSON value of an answer about one instance, and whether it holds escapes; raises BadResponse."""
    try:
        return _ANY.validate_json(body), b"\\u" in body
    except ValidationError:
        return _lenient(body), True


def _page(found: _Envelope, body: bytes, *, escaped: bool, fingerprint: bytes) -> Page:
    return Page(found["instances"], found["next_cursor"], found["has_more"], escaped, body, fingerprint)


def _fingerprint(body: bytes, *, escaped: bool) -> bytes:
    """A cursor may be another one each time, though it leads to the same page: it counts only where it cannot be told
    from an item's field of that name.
    """
    before, key, after = body.partition(b'"next_cursor"')
    if key in after or (escaped and _ESCAPED_ASCII.search(body)):  # else the key may be written in escapes
        return hashlib.sha256(body).digest()
    return hashlib.sha256(before + key + _CURSOR.sub(b"", after, count=1)).digest()


def _lenient(body: bytes) -> Any:
    try:
        return json.loads(body, parse_int=_integer)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        raise BadResponse("the body is not JSON") from None


def _integer(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:  # more digits than Python turns into a number
        return math.inf


def _what(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place or 'the body'}: {first['msg'][:1].lower()}{first['msg'][1:]}"
