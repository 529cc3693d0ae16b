"""The record of one instance: its fields, how they are cleaned and hashed, and the number and model of its GPUs.

Source of the field names: fal's OpenAPI document, GET /compute/instances. An item may have fields that are not known
here, and a known field may have any JSON value. Only `id` is indispensable.
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
"""The largest number of characters in an id. An item with a longer id is rejected."""

DEEPEST = 300
"""The largest number of levels of objects and lists in `extra`. An item with more levels is rejected."""


class Record(NamedTuple):
    """One instance as it is stored. A field that is absent, null or an empty text is None.

    `extra` is a canonical JSON text with all other fields, and with the known fields whose value is not text. Fields
    that are null, an empty text or a number that is not finite are left out. `extra` is None if no field is left.
    Secrets in `extra` are hidden. In a record that an earlier version of this program stored, `mask_record` hides them.
    """

    instance_id: str
    instance_type: str | None
    region: str | None
    sector: str | None
    ip: str | None
    status: str | None
    creator_user_nickname: str | None
    extra: str | None


FIELDS = Record._fields[1:-1]
"""Names of the API's known fields except `id`, in the order in which they are hashed, stored and shown."""

PAYLOAD = Record._fields[1:]
"""The columns of a record that a version stores: FIELDS and `extra`."""

_ITEM_FIELDS = frozenset(("id", *FIELDS))
_get_all = itemgetter("id", *FIELDS)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_JSON_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_TOO_DEEP = "an item nested too deeply to be kept"
_GPU = re.compile(r"gpu_(\d{1,4})x_(.+)", re.DOTALL)


class Rejected(ValueError):
    """An item that cannot become a record: it has no usable id, is no object, or is nested too deeply."""


def make_record(item: Any, *, escaped: bool = True) -> Record:
    """Return the record of one item of the list; raise Rejected if the item cannot be kept.

    A known field whose value is not text goes into `extra`. A number that is not finite becomes null inside an object
    or a list. A field whose value is such a number is left out. If `escaped` is true, U+0000 and lone surrogates become
    U+FFFD, but an id with U+0000 is rejected, because it has a control character. If `escaped` is False, the texts are
    not searched for these characters. So pass False only if no text of the item can hold one of them (see
    `Page.escaped`).
    """
    if type(item) is not dict:
        raise Rejected("an item that is no object")
    if not escaped and len(item) == len(_ITEM_FIELDS) and (usual := _make_usual(item)):
        return usual
    instance_id = item.get("id")
    if type(instance_id) is not str or not 0 < len(instance_id) <= LONGEST_ID:
        raise Rejected("an item without a usable id")
    if not instance_id.isprintable() and _CONTROL.search(instance_id):  # isprintable() saves most searches
        raise Rejected("an item without a usable id")
    known = [value if type(value) is str else None for value in map(item.get, FIELDS)]
    extra = None
    if len(item) > len(_ITEM_FIELDS) - known.count(None):
        rest = {name: value for name, value in item.items() if name not in _ITEM_FIELDS or type(value) is not str}
        try:
            extra = _canonical(rest, escaped=escaped)
        except RecursionError:
            raise Rejected(_TOO_DEEP) from None
        if extra and is_nested_deeper(extra, DEEPEST):
            raise Rejected(_TOO_DEEP)
    if escaped:
        instance_id = clean(instance_id)
        known = [None if value is None else clean(value) for value in known]
    if "" in known:
        known = [value or None for value in known]
    return Record._make((instance_id, *known, extra))


def _make_usual(item: dict[str, Any]) -> Record | None:
    """Return the record of a usual item, else None.

    In a usual item each known field is a text that is not empty, and the id is printable and not too long. The caller
    has checked that the item has no other field. `make_record` without this shortcut would return an equal record, in
    three times the time.
    """
    try:
        fields = _get_all(item)
        "".join(fields)  # raises TypeError if a value is not text
    except (KeyError, TypeError):
        return None
    usual = "" not in fields and len(fields[0]) <= LONGEST_ID and fields[0].isprintable()
    return Record._make((*fields, None)) if usual else None


def is_nested_deeper(text: str, levels: int) -> bool:
    """Return whether a valid JSON text has more levels of objects and lists than `levels`.

    Do not rely on RecursionError for this: the depth at which Python raises it depends on the call stack.
    """
    if text.count("[") + text.count("{") <= levels:
        return False
    level = deepest = 0
    for bracket in re.findall(r"[\[\]{}]", _JSON_STRING.sub("", text)):
        level += 1 if bracket in "[{" else -1
        deepest = max(deepest, level)
    return deepest > levels


def clean(text: str) -> str:
    """Return the text with U+FFFD in place of U+0000 and of lone surrogates, which not every backend can store."""
    return text if text.isprintable() else _UNSTORABLE.sub("\ufffd", text)


def hash_records(records: list[Record]) -> list[bytes]:
    """Return the SHA-256 of each record as 32 bytes, in the order of the records.

    The text that is hashed is the values of FIELDS and of `extra`, joined by U+0000, which no value can hold. The id is
    left out. None counts as the empty text.
    """
    sha256 = hashlib.sha256
    return [  # one f-string, unpacked by hand, is a third quicker than a join; this runs for every instance
        sha256(f"{a or ''}\0{b or ''}\0{c or ''}\0{d or ''}\0{e or ''}\0{f or ''}\0{extra or ''}".encode()).digest()
        for _, a, b, c, d, e, f, extra in records
    ]


def tracker(ignored: tuple[str, ...]) -> Callable[[Record], Record]:
    """Return a function that takes a record and returns it without the ignored fields, as a version stores it.

    An ignored known field becomes None. `ignored` is the setting `ignore_changes`: names of known fields, and keys of
    `extra`.
    """
    if not ignored:
        return lambda record: record
    columns: dict[str, Any] = {name: None for name in FIELDS if name in ignored}

    def keep_tracked(record: Record) -> Record:
        kept = record._replace(**columns)
        if record.extra is None:
            return kept
        rest = {name: value for name, value in json.loads(record.extra).items() if name not in ignored}
        return kept._replace(extra=_dump(rest) if rest else None)

    return keep_tracked


def mask_record(record: Record) -> Record:
    """Return a stored record with the secrets in its `extra` hidden, as `make_record` would hide them."""
    return record if record.extra is None else record._replace(extra=_dump(hide_secrets(json.loads(record.extra))))


def is_as_written(extra: str) -> bool:
    """Return whether a stored `extra` is canonical JSON (sorted keys, no spaces) other than `{}`, as a run writes it.

    It is not checked whether the JSON is an object. Raise ValueError if the text is not JSON.
    """
    return extra == _dump(json.loads(extra)) and extra != "{}"


def differing_fields(state: Record, version: Record) -> frozenset[str]:
    """Return the fields, and the keys of `extra`, in which the state of an instance differs from its newest version.

    A key of `extra` does not count if the only difference is that the state's value has its secrets hidden. An earlier
    version of this program stored secrets, and a later run hid them in the state only. If one of the two has an `extra`
    that is not a JSON object, the keys are not compared. Then the name `extra` is returned in place of keys, unless the
    state and the version are equal.
    """
    if state[1:] == version[1:]:
        return frozenset()
    names = {name for name in FIELDS if (getattr(state, name) or None) != (getattr(version, name) or None)}
    try:
        now, then, hidden = (
            {name: _dump(value) for name, value in json.loads(each.extra or "{}").items()}
            for each in (state, version, mask_record(version))
        )
    except (ValueError, TypeError, AttributeError, RecursionError):
        return frozenset(names | {"extra"})
    return frozenset(names | {name for name in now | then if now.get(name) not in (then.get(name), hidden.get(name))})


def gpus(instance_type: str | None) -> tuple[int | None, str | None]:
    """Return number and model of the GPUs of a type like `gpu_<n>x_<model>`, where n has at most four digits.

    Return (None, None) for any other type.
    """
    found = _GPU.fullmatch(instance_type or "")
    return (int(found[1]), found[2]) if found else (None, None)


def _canonical(rest: dict[str, Any], *, escaped: bool) -> str | None:
    """Return `rest` as canonical JSON text for `extra`, or None if no field is left.

    Leave out each field that is null, the empty text or a number that is not finite. Hide the value of each field whose
    name indicates a secret. If `escaped` is true, clean all texts with `clean`. Raise RecursionError if the fields are
    nested too deeply for Python.
    """
    kept = hide_secrets({name: value for name, value in rest.items() if value is not None and value != ""})
    if kept and not escaped:
        try:
            return _dump(kept)
        except ValueError:  # a number that is not finite
            pass
    kept = {clean(name): storable for name, value in kept.items() if (storable := _storable(value)) is not None}
    return _dump(kept) if kept else None


_dump = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def _storable(value: Any) -> Any:
    """Return a JSON value in which each text is cleaned by `clean`, and each number that is not finite is None."""
    kind = type(value)
    if kind is str:
        return clean(value)
    if kind is float:
        return value if math.isfinite(value) else None
    if kind is dict:
        return {clean(name): _storable(inner) for name, inner in value.items()}
    if kind is list:
        return [_storable(inner) for inner in value]
    return value
