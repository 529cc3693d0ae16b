"""Every setting in force, and where each came from. No row holds a secret."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from inventory import database
from inventory.errors import UsageError
from inventory.masks import hide_key_words, mask_url
from inventory.settings import (
    DEFAULT_ACCOUNT,
    Settings,
    config_file,
    in_file,
    key_variables,
    variable,
)
from inventory.times import written

Row = dict[str, Any]

COLUMNS = ("setting", "value", "source", "where")
"""`source` is flag, environment, file or default; `where` is the flag, the variable, or the file and its line."""

_FLAGS = {"database_url": "--database"}


def in_force(settings: Settings, flags: Mapping[str, Any]) -> list[Row]:
    """A row for the file, for each setting and for each account, by COLUMNS. `flags` are those given."""
    unused = "every" if settings.cron is not None else "cron"  # whatever a source below says of it
    values = [
        {"setting": name, "value": _shown(name, getattr(settings, name))} | _origin(name, flags)
        if name != unused
        else {"setting": name, "value": None, "source": "default", "where": None}
        for name in Settings.model_fields
        if name != "accounts"
    ]
    return [_file(), *values, *_accounts(settings)]


def _file() -> Row:
    file, named = config_file(), variable("config")
    where = {"source": "environment", "where": named} if named else {"source": "default", "where": None}
    return {"setting": "config", "value": None if file is None else str(file.absolute())} | where


def _origin(name: str, flags: Mapping[str, Any], place: tuple[str | int, ...] = ()) -> Row:
    """`source` and `where` of a setting, or of a part of it."""
    if flags.get(name) is not None:
        return {"source": "flag", "where": _FLAGS.get(name, "--" + name.replace("_", "-"))}
    if named := variable(name):
        return {"source": "environment", "where": named}
    if line := in_file((name, *place)):
        return {"source": "file", "where": line}
    return {"source": "default", "where": None}


def _shown(name: str, value: Any) -> Any:
    """The value as one would write it. What is neither one value nor a list of words may hold secrets: not shown."""
    if name == "database_url":
        try:
            return database.masked(database.parse_url(value))
        except UsageError:
            return "not shown: it cannot be read as a URL"
    if name == "api_url":
        return mask_url(value)
    if isinstance(value, timedelta):
        return written(value)
    if isinstance(value, tuple) and all(isinstance(each, str) for each in value):
        return hide_key_words(",".join(value)) or None
    return value if value is None or isinstance(value, str | bool | int | float) else "not shown: it may hold secrets"


def _accounts(settings: Settings) -> list[Row]:
    rows: list[Row] = []
    for number, account in enumerate(settings.accounts):
        value = _key(settings, account.name, account.place)
        rows.append({"setting": f"account {account.name}", "value": value} | _origin("accounts", {}, (number,)))
    if not rows:
        value = _key(settings, DEFAULT_ACCOUNT, key_variables())
        rows.append({"setting": f"account {DEFAULT_ACCOUNT}", "value": value, "source": "default", "where": None})
    return rows


def _key(settings: Settings, account: str, place: str) -> str:
    try:
        (found,) = settings.accounts_to_sync(account)
    except UsageError as error:
        return f"no key: {error}"
    return f"key {found.key.id} from {place}"
