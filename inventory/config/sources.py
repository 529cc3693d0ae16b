"""Find where the value of a setting comes from: an environment variable, or a line of the configuration file."""

import os
import tomllib
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from typing import Literal

from inventory.config.toml_lines import Place, line_of
from inventory.errors import UsageError
from inventory.masks import hide_key_words


def config_file() -> Path | None:
    """Return the path of the configuration file: the file that INVENTORY_CONFIG names, or else `inventory.toml`.

    Return None if INVENTORY_CONFIG is not set and there is no `inventory.toml`. Raise UsageError if the file
    that INVENTORY_CONFIG names does not exist or is not a regular file, or if either file cannot be looked up.
    """
    if named := _value_of("INVENTORY_CONFIG"):
        why = "there is no such file"
        try:
            if _is_file(Path(named)):
                return Path(named)
        except OSError as error:  # for example, one of its folders may not be searched
            why = f"it cannot be read: {error.strerror}"
        raise UsageError(f"INVENTORY_CONFIG names {hide_key_words(named)}, and {why}.")
    usual = Path("inventory.toml")
    try:
        return usual if _is_file(usual) else None
    except OSError as error:  # for example, the working folder may not be searched
        raise UsageError(f"inventory.toml cannot be looked up in the working folder: {error.strerror}.") from None


def _is_file(path: Path) -> bool:
    """Return whether there is a regular file at the path. Raise OSError if that cannot be found out."""
    try:
        return S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _value_of(variable: str) -> str | None:
    """Return the value of an environment variable; None if it is not set or empty.

    `variable` is its name in upper case. In the environment the name may be in any case, as for pydantic-settings.
    """
    return next((value for name, value in os.environ.items() if name.upper() == variable and value), None)


def in_file(place: Place) -> str | None:
    """Return the file and the line in which the value at `place` begins, as text such as `inventory.toml, line 7`.

    For a value inside an array `[...]` or an inline table `{...}` of several lines, the line is the first one of the
    array or table. If the file lacks the value, the text names the line of the value's nearest parent. Return None
    if there is no parent, or no file.
    """
    file = config_file()
    line = line_of(file.read_text(encoding="utf-8"), place) if file else None
    return f"{file}, line {line}" if line else None


def variable(name: str) -> str | None:
    """Return the name, in upper case, of the variable that sets a setting; None if no variable sets it."""
    wanted = f"INVENTORY_{name.upper()}"
    return wanted if _value_of(wanted) else None


def log_format() -> Literal["text", "json"]:
    """Return the log format that the environment sets, else the one in the file, even if other settings are wrong.

    Return `text` if the format found is not valid, or if none is found, for example because the file cannot be read.
    """
    found = _value_of("INVENTORY_LOG_FORMAT")
    if not found:
        with suppress(UsageError, OSError, ValueError, RecursionError):
            file = config_file()
            found = tomllib.loads(file.read_text(encoding="utf-8")).get("log_format") if file else None
    return "json" if found == "json" else "text"
