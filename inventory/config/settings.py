"""Settings: flags beat the environment, the environment beats the file, the file beats the defaults.

`load(**flags)` returns a frozen `Settings`; there is no global object (`flags-beat-the-environment`). The file is
`inventory.toml`, or the file that INVENTORY_CONFIG names.
"""

import difflib
import ipaddress
import os
import re
import tomllib
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from inventory.config.alerts import AlertSettings
from inventory.config.keys import Account, AccountSettings, default_key
from inventory.config.sources import config_file, in_file, variable
from inventory.config.timetable import LONGEST, SHORTEST, Cron, Every, Timetable
from inventory.config.validators import lowercase, read_duration, split_names
from inventory.errors import UsageError
from inventory.masks import hide_key_words

DEFAULT_DATABASE_URL = "sqlite:///inventory.db"
DEFAULT_ACCOUNT = "default"
DEFAULT_EVERY = timedelta(minutes=5)


class Settings(BaseSettings):
    """The values of all settings. The variable INVENTORY_<NAME> or the key <name> in the file sets the field <name>."""

    model_config = SettingsConfigDict(
        env_prefix="INVENTORY_", env_ignore_empty=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    database_url: Annotated[
        str, Field(description="The database: `sqlite:///file`, or `postgresql://user@host/name` (13 or newer).")
    ] = DEFAULT_DATABASE_URL
    api_url: Annotated[str, Field(description="The API's address: https, or http on this machine.")] = (
        "https://api.fal.ai/v1"
    )
    page_size: Annotated[
        int,
        Field(ge=1, le=1_000_000, description="Instances per page; left to the API if it refuses this number."),
    ] = 100
    timeout: Annotated[float, Field(gt=0, le=86_400, description="Seconds for each attempt at a request.")] = 30
    retry_attempts: Annotated[int, Field(ge=1, le=100, description="Attempts per request.")] = 6
    retry_max_wait: Annotated[
        float,
        Field(
            gt=0,
            le=86_400,
            description="Longest wait between two attempts, in seconds; if the API asks for more, the request fails.",
        ),
    ] = 30
    every: Annotated[
        timedelta,
        BeforeValidator(read_duration, json_schema_input_type=str),
        Field(description="`run`: how often each account is synced, from `1s` to `366d`."),
    ] = DEFAULT_EVERY
    cron: Annotated[
        str | None, Field(description="`run`: instead of `every`, a cron expression of five fields, in UTC.")
    ] = None
    max_vanish: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="A sudden loss of more than this part of the fleet is held, if it is ten instances or more, or "
            "if the key or the address has changed; 1 holds nothing.",
        ),
    ] = 0.5
    max_gap: Annotated[
        timedelta,
        BeforeValidator(read_duration, json_schema_input_type=str),
        Field(
            gt=timedelta(),
            description="For runs without a schedule: two complete runs further apart than this make a gap. "
            "Example: `sync` from a daily cron.",
        ),
    ] = timedelta(hours=25)
    checkpoint_key_file: Annotated[
        Path | None,
        Field(description="The file with the private key that signs checkpoints, readable by its owner only."),
    ] = None
    checkpoint_name: Annotated[
        str | None,
        Field(description="The name in the origins of checkpoints, like `fleet.example.org`; needed with a key."),
    ] = None
    checkpoint_dir: Annotated[
        Path | None,
        Field(description="The folder to which `run` and `sync` deliver a checkpoint of each log once a day."),
    ] = None
    report_file: Annotated[
        Path | None,
        Field(description="`run`: the HTML file to which it writes the report once a day."),
    ] = None
    export_dir: Annotated[
        Path | None,
        Field(description="`run`: the folder into which it exports the history as Parquet once a day."),
    ] = None
    lease_seconds: Annotated[
        float,
        Field(ge=1, le=86_400, description="Seconds without a heartbeat after which a run is dead."),
    ] = 120
    auto_migrate: Annotated[
        bool,
        Field(description="Whether `sync` and `run` make and upgrade tables; if not, they name the command that does."),
    ] = True
    ignore_changes: Annotated[
        tuple[str, ...],
        NoDecode,
        BeforeValidator(split_names, json_schema_input_type=str | list[str]),
        Field(description="Fields, separated by commas, whose changes are not worth a version."),
    ] = ()
    log_format: Annotated[
        Literal["text", "json"], Field(description="The lines on stderr: `text` for people, `json` for machines.")
    ] = "text"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        BeforeValidator(lowercase),
        Field(description="The lowest level that is logged: `debug`, `info`, `warning` or `error`."),
    ] = "info"
    accounts: Annotated[
        tuple[AccountSettings, ...], Field(description="The accounts to sync, each with the place of its key.")
    ] = ()
    alerts: Annotated[AlertSettings | None, Field(description="Where alerts are sent, and which.")] = None

    @field_validator("api_url")
    @classmethod
    def _require_safe_url(cls, value: str) -> str:
        try:
            parts = urlsplit(value.strip())
            usable = re.fullmatch(r"[\x21-\x7e]+", value.strip()) and parts.port != 0
            (parts.hostname or "").encode("idna")  # raises UnicodeError if a part of the name is empty or too long
        except ValueError:  # the message of this error would quote the value
            usable = None
        if not usable:
            raise ValueError("it must be an address like https://api.fal.ai/v1")
        if "@" in value:  # looked for in the whole value: if a password holds a /, urlsplit puts the @ into the path
            raise ValueError("it must not hold a user or a password")
        if not parts.hostname or parts.scheme not in {"http", "https"} or parts.query or parts.fragment:
            raise ValueError("it must be an address like https://api.fal.ai/v1")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise ValueError("plain http would show the key to the network; use https")
        return parts.scheme + value.strip()[len(parts.scheme) :].rstrip("/")  # the scheme in lower case

    @field_validator("checkpoint_name")
    @classmethod
    def _require_key_name(cls, value: str | None) -> str | None:
        if value is None:
            return None
        from inventory.checkpoints.signed_note import require_key_name

        return require_key_name(value)

    @field_validator("ignore_changes")
    @classmethod
    def _require_no_id(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "id" in value:
            raise ValueError("the id cannot be ignored")
        return value

    @field_validator("every")
    @classmethod
    def _require_sensible_period(cls, value: timedelta) -> timedelta:
        if not SHORTEST <= value <= LONGEST:
            raise ValueError("it must be from 1s to 366d")
        return value

    @field_validator("cron")
    @classmethod
    def _require_cron(cls, value: str | None) -> str | None:
        if value is not None:
            Cron(value)
        return value

    @field_validator("accounts")
    @classmethod
    def _require_unique_names(cls, value: tuple[AccountSettings, ...]) -> tuple[AccountSettings, ...]:
        first: dict[str, int] = {}
        for number, account in enumerate(value):
            if first.setdefault(account.name, number) != number:
                raise PydanticCustomError(
                    "twice", "two accounts are named {name}", {"name": repr(account.name), "at": number}
                )
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources, the strongest first: flags, environment, file."""
        file = config_file()
        toml: Any = TomlConfigSettingsSource(settings_cls, file)
        named = {
            "--every and --cron": init_settings,
            "INVENTORY_EVERY and INVENTORY_CRON": env_settings,
            f"{file}: every and cron": toml,
        }
        decided: list[str] = []
        return tuple(_decide_schedule(source, both, decided) for both, source in named.items())

    @property
    def timetable(self) -> Timetable:
        """Return the schedule by which `inventory run` syncs an account."""
        return Every(self.every) if self.cron is None else Cron(self.cron)

    def names_to_sync(self, only: str | None = None) -> tuple[str, ...]:
        """Return the names of the accounts to sync: `only` if given, else the names in the file, else `default`."""
        if only is not None:
            return (only,)
        return tuple(account.name for account in self.accounts) or (DEFAULT_ACCOUNT,)

    def accounts_named(self) -> tuple[str, ...]:
        """Return the names of the accounts in the file.

        If the file has none, return `default` if FAL_KEY or FAL_KEY_ID is set, else an empty tuple.
        """
        has_key = os.environ.get("FAL_KEY") or os.environ.get("FAL_KEY_ID")
        return tuple(account.name for account in self.accounts) or ((DEFAULT_ACCOUNT,) if has_key else ())

    def accounts_to_sync(self, only: str | None = None) -> tuple[Account, ...]:
        """Return the accounts to sync, each with its key: the accounts of the file, else only `default`.

        If `only` is given, return only the account of this name. Raise UsageError if there is no such account, or if
        one of the returned accounts has no key.
        """
        if self.accounts:
            wanted = [number for number, account in enumerate(self.accounts) if only in (None, account.name)]
            if not wanted:
                raise UsageError(
                    f"There is no account {hide_key_words(repr(only))} in the configuration file. "
                    "Name one of its accounts."
                )
            return tuple(self._account(number) for number in wanted)
        if only not in (None, DEFAULT_ACCOUNT):
            raise UsageError(
                f"There is no account {hide_key_words(repr(only))}: the configuration file names none, so there is "
                "only `default`. Leave out --account."
            )
        return (Account(DEFAULT_ACCOUNT, default_key()),)

    def _account(self, number: int) -> Account:
        try:
            return self.accounts[number].read_account()
        except UsageError as error:
            place = in_file(
                ("accounts", number, "api_key_file" if self.accounts[number].api_key_env is None else "api_key_env")
            )
            raise UsageError(f"{place}: {error}" if place else str(error)) from None


def load(**flags: Any) -> Settings:
    """Return the settings. A flag that is None was not given. Raise UsageError if a setting or the file is wrong."""
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        settings = Settings(**given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == "twice":
            first["loc"] = (*first["loc"], first["ctx"]["at"], "name")
        raise UsageError(f"{_place_of(first['loc'], flags)}: {_reason(first)}") from None
    except SettingsError:  # raised only for INVENTORY_ACCOUNTS: INVENTORY_ALERTS raises ValidationError
        raise UsageError("INVENTORY_ACCOUNTS is not JSON; write its tables in the file instead.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{config_file()} is not TOML: it is not UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{config_file()} is not TOML: {error}.") from None
    except RecursionError:
        where = config_file() or "INVENTORY_ACCOUNTS"
        raise UsageError(f"{where} cannot be read: its values are nested too deeply.") from None
    except OSError as error:
        raise UsageError(f"{config_file()} cannot be read: {error.strerror}.") from None
    return settings


def _decide_schedule(source: Any, both: str, decided: list[str]) -> Any:
    """Return the source in a wrapper, so that only one source decides the schedule.

    The strongest source that sets `every` or `cron` decides. If it sets one of the two, its wrapper adds the default of
    the other, so that no weaker source can set that. If it sets both, its wrapper raises UsageError; `both` names the
    two in the message. The wrappers are called in order, the strongest source first. They share the list `decided`,
    which is empty until a source has decided.
    """

    def values() -> dict[str, Any]:
        found: dict[str, Any] = source()
        given = {"every", "cron"} & set(found)
        if not given or decided:
            return found
        if len(given) > 1:
            raise UsageError(f"{both} are two ways to say one thing; give one of them.")
        decided.append(both)
        return {"every": DEFAULT_EVERY, "cron": None} | found

    return values


def unknown_variables() -> list[str]:
    """Return a sentence for each variable that begins with INVENTORY_ and is no setting, such as a mistyped one."""
    known = (*Settings.model_fields, "config")
    lines = []
    for name in sorted(os.environ):
        prefix, wrong = name[: len("INVENTORY_")], name[len("INVENTORY_") :].lower()
        if prefix.upper() == "INVENTORY_" and wrong not in known:
            lines.append(f"{name} is no setting, and does nothing; {_suggestion(wrong, known, variables=True)}")
    return lines


def database_url() -> str:
    """Return the database URL alone, for the `alembic` command."""
    return load().database_url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _place_of(location: tuple[int | str, ...], flags: dict[str, Any]) -> str:
    if not location:
        return "The configuration"
    name = str(location[0])
    if flags.get(name) is not None:
        return "--" + name.replace("_", "-")
    if named := variable(name):
        return named
    inside = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location[1:])
    return f"{in_file(location) or 'The configuration'}, {hide_key_words(name + inside)}"


def _reason(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        *above, wrong = error["loc"]
        known = AccountSettings.model_fields if above[:1] == ["accounts"] else {} if above else Settings.model_fields
        return f"there is no such setting; {_suggestion(str(wrong), known)}"
    text = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    if error["type"] == "twice":
        text += "; give each a name of its own"
    return f"{hide_key_words(text[:1].lower() + text[1:])}."  # the text may quote the value


def _suggestion(wrong: str, known: Iterable[str], *, variables: bool = False) -> str:
    found = difflib.get_close_matches(wrong, known, n=2)
    names = " or ".join(f"INVENTORY_{name.upper()}" if variables else name for name in found)
    return f"did you mean {names}?" if names else "take it out."
