"""What fal sends, and what we keep of it.

Source: fal's OpenAPI document, GET /compute/instances. All value sets are open, any field may be new; only `id` is
indispensable.
"""

import hashlib
import json
import math
import re
from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple

from inventory.masks import hide_secrets

LONGEST_ID = 255
_KNOWN = ("instance_type", "region", "sector", "ip", "status", "creator_user_nickname")
_FIELDS = frozenset(("id", *_KNOWN))
_ALL = itemgetter("id", *_KNOWN)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_GPU = re.compile(r"gpu_(\d{1,4})x_(.+)", re.DOTALL)


class Row(NamedTuple):
    """One instance as it is kept: absent, null and "" are all None; `extra` is canonical JSON text of the rest.

    No value of `extra` is that of a secret, by its name; rows stored before that rule may hold some: `masked`.
    """

    instance_id: str
    instance_type: str | None
    region: str | None
    sector: str | None
    ip: str | None
    status: str | None
    creator_user_nickname: str | None
    extra: str | None


class Rejected(ValueError):
    """An item without a usable id."""


def row(item: Any, *, escaped: bool = True) -> Row:
    """What is kept of one item; raises Rejected where it has no usable id.

    A known field of another type than text goes into `extra`. Where `escaped`, U+0000 and lone surrogates become
    U+FFFD; numbers that are not finite become null.
    """
    if type(item) is not dict:
        raise Rejected("an item that is no object")
    if not escaped and len(item) == len(_FIELDS) and (usual := _usual(item)):
        return usual
    instance_id = item.get("id")
    if type(instance_id) is not str or not 0 < len(instance_id) <= LONGEST_ID:
        raise Rejected("an item without a usable id")
    if not instance_id.isprintable() and _CONTROL.search(instance_id):  # the first alone is the quick look
        raise Rejected("an item without a usable id")
    known = [value if type(value) is str else None for value in map(item.get, _KNOWN)]
    extra = None
    if len(item) > len(_FIELDS) - known.count(None):
        rest = {name: value for name, value in item.items() if name not in _FIELDS or type(value) is not str}
        try:
            extra = _canonical(rest, escaped=escaped)
        except RecursionError:
            raise Rejected("an item nested too deeply to be kept") from None
    if escaped:
        instance_id = clean(instance_id)
        known = [None if value is None else clean(value) for value in known]
    if "" in known:
        known = [value or None for value in known]
    return Row._make((instance_id, *known, extra))


def _usual(item: dict[str, Any]) -> Row | None:
    """What `row` makes of the usual item, in a third of the time: the known fields, each a text, and no other."""
    try:
        fields = _ALL(item)
        "".join(fields)  # a TypeError where one is no text
    except (KeyError, TypeError):
        return None
    usual = "" not in fields and len(fields[0]) <= LONGEST_ID and fields[0].isprintable()
    return Row._make((*fields, None)) if usual else None


def clean(text: str) -> str:
    """The text with U+0000 and lone surrogates replaced by U+FFFD: neither backend can store them."""
    return text if text.isprintable() else _UNSTORABLE.sub("\ufffd", text)


def hash_rows(rows: list[Row]) -> list[bytes]:
    """SHA-256 of each row's fields without the id: joined by U+0000 (which no field can hold), None as nothing."""
    sha256 = hashlib.sha256
    return [  # one string a row, unpacked by hand: a third quicker than a join over the fields, for each of the fleet
        sha256(f"{a or ''}\0{b or ''}\0{c or ''}\0{d or ''}\0{e or ''}\0{f or ''}\0{extra or ''}".encode()).digest()
        for _, a, b, c, d, e, f, extra in rows
    ]


def tracker(ignored: tuple[str, ...]) -> Callable[[Row], Row]:
    """A function that takes from a row the fields named in `ignore_changes`: what is left is what a version holds."""
    if not ignored:
        return lambda row: row
    columns: dict[str, Any] = {name: None for name in _KNOWN if name in ignored}

    def tracked(row: Row) -> Row:
        kept = row._replace(**columns)
        if row.extra is None:
            return kept
        rest = {name: value for name, value in json.loads(row.extra).items() if name not in ignored}
        return kept._replace(extra=_dump(rest) if rest else None)

    return tracked


def masked(row: Row) -> Row:
    """Return a stored row as it would be kept today, with the secrets in its `extra` hidden."""
    return row if row.extra is None else row._replace(extra=_dump(hide_secrets(json.loads(row.extra))))


def gpus(instance_type: str | None) -> tuple[int | None, str | None]:
    """Number and model of the GPUs, from `gpu_<n>x_<model>`; else two Nones."""
    found = _GPU.fullmatch(instance_type or "")
    return (int(found[1]), found[2]) if found else (None, None)


def _canonical(rest: dict[str, Any], *, escaped: bool) -> str | None:
    kept = hide_secrets({name: value for name, value in rest.items() if value is not None and value != ""})
    if kept and not escaped:
        try:
            return _dump(kept)
        except ValueError:  # a number that is not finite
            pass
    kept = {clean(name): plain for name, value in kept.items() if (plain := _plain(value)) is not None}
    return _dump(kept) if kept else None


_dump = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def _plain(value: Any) -> Any:
    """The JSON value with what cannot be stored replaced."""
    kind = type(value)
    if kind is str:
        return clean(value)
    if kind is float:
        return value if math.isfinite(value) else None
    if kind is dict:
        return {clean(name): _plain(inner) for name, inner in value.items()}
    if kind is list:
        return [_plain(inner) for inner in value]
    return value
