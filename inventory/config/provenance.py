"""List every setting with its value and where the value came from. No row holds a secret."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from inventory.config.database_url import parse_url, render_masked
from inventory.config.keys import key_variables
from inventory.config.settings import DEFAULT_ACCOUNT, Settings
from inventory.config.sources import config_file, in_file, variable
from inventory.errors import UsageError
from inventory.masks import hide_key_words, mask_url
from inventory.times import format_duration

SettingRow = dict[str, Any]

COLUMNS = ("setting", "value", "source", "where")
"""The keys of a SettingRow.

`source` is flag, environment, file or default. `where` is the flag, the variable, or the file and the line; None for a
default.
"""

_FLAGS = {"database_url": "--database"}


def in_force(settings: Settings, flags: Mapping[str, Any]) -> list[SettingRow]:
    """Return a row for the configuration file, one for each setting, and one for each account.

    `flags` is a dict from the name of a setting to the value of its flag. None means that the flag was not given.
    """
    unused = "every" if settings.cron is not None else "cron"  # not in force, even if a weaker source sets it
    values = [
        {"setting": name, "value": _shown(name, getattr(settings, name))} | _origin(name, flags)
        if name != unused
        else {"setting": name, "value": None, "source": "default", "where": None}
        for name in Settings.model_fields
        if name != "accounts"
    ]
    return [_file(), *values, *_accounts(settings)]


def _file() -> SettingRow:
    file, named = config_file(), variable("config")
    where = {"source": "environment", "where": named} if named else {"source": "default", "where": None}
    return {"setting": "config", "value": None if file is None else str(file.absolute())} | where


def _origin(name: str, flags: Mapping[str, Any], place: tuple[str | int, ...] = ()) -> SettingRow:
    """Return `source` and `where` of a setting, or of the part at the path `place` inside the setting."""
    if flags.get(name) is not None:
        return {"source": "flag", "where": _FLAGS.get(name, "--" + name.replace("_", "-"))}
    if named := variable(name):
        return {"source": "environment", "where": named}
    if line := in_file((name, *place)):
        return {"source": "file", "where": line}
    return {"source": "default", "where": None}


def _shown(name: str, value: Any) -> Any:
    """Return the value as a user would write it, without secrets.

    If the value is a group of settings, such as `alerts`, or a database URL that cannot be parsed, return a text that
    says why it is not shown.
    """
    if name == "database_url":
        try:
            return render_masked(parse_url(value))
        except UsageError:
            return "not shown: it cannot be read as a URL"
    if name == "api_url":
        return mask_url(value)
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, Path):
        value = (str(value),)
    if isinstance(value, tuple) and all(isinstance(each, str) for each in value):
        return hide_key_words(",".join(value)) or None
    return value if value is None or isinstance(value, str | bool | int | float) else "not shown: it may hold secrets"


def _accounts(settings: Settings) -> list[SettingRow]:
    rows: list[SettingRow] = []
    for number, account in enumerate(settings.accounts):
        value = _describe_key(settings, account.name, account.place)
        rows.append({"setting": f"account {account.name}", "value": value} | _origin("accounts", {}, (number,)))
    if not rows:
        value = _describe_key(settings, DEFAULT_ACCOUNT, key_variables())
        rows.append({"setting": f"account {DEFAULT_ACCOUNT}", "value": value, "source": "default", "where": None})
    return rows


def _describe_key(settings: Settings, account: str, place: str) -> str:
    """Return a text with the id and the place of an account's key, or with the reason why there is no key."""
    try:
        (found,) = settings.accounts_to_sync(account)
    except UsageError as error:
        return f"no key: {error}"
    return f"key {found.key.id} from {place}"
