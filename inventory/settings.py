"""Settings: flags beat the environment, the environment beats the file, the file beats the defaults.

`load(**flags)` makes one frozen `Settings`; there is no global one. The file is `inventory.toml`, or the one that
INVENTORY_CONFIG names.
"""

import difflib
import hashlib
import ipaddress
import os
import re
import shlex
import stat
import tomllib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from inventory import log
from inventory.errors import UsageError
from inventory.lines import Place, line_of
from inventory.masks import hide_key_words, hide_keys, looks_like_key
from inventory.times import parse_duration
from inventory.timetable import Cron, Every, Timetable

DEFAULT_DATABASE_URL = "sqlite:///inventory.db"
DEFAULT_ACCOUNT = "default"
DEFAULT_EVERY = timedelta(minutes=5)


@dataclass(frozen=True)
class ApiKey:
    """A key that shows only its id: the part before ':', else 'sha256:' and 12 hex digits of its hash."""

    secret: str = field(repr=False)

    @property
    def id(self) -> str:
        """What may be stored and shown of the key."""
        public, colon, _ = self.secret.partition(":")
        return public if colon else "sha256:" + hashlib.sha256(self.secret.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Account:
    """One account to sync: its name and its key."""

    name: str
    key: ApiKey


class AccountSettings(BaseModel):
    """An `[[accounts]]` table: where the account's key is found, never the key itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
    api_key_env: str | None = None
    api_key_file: Path | None = None

    @field_validator("name")
    @classmethod
    def _a_name(cls, value: str) -> str:
        if hide_keys(value) != value:
            raise ValueError("it is a name of your choice, never the key itself")
        return value

    @field_validator("api_key_env")
    @classmethod
    def _a_variable(cls, value: str | None) -> str | None:
        if value is not None and not _is_variable(value):
            raise ValueError("it is the name of a variable, never the key itself")  # which no message may show
        return value

    @field_validator("api_key_file")
    @classmethod
    def _a_file(cls, value: Path | None) -> Path | None:
        if value is not None and (re.fullmatch(r"[\w-]{4,}:[\w-]{8,}", str(value)) or _is_key_alone(value)):
            raise ValueError("it is the name of a file, never the key itself")
        return value

    @model_validator(mode="after")
    def _one_source(self) -> "AccountSettings":
        if (self.api_key_env is None) == (self.api_key_file is None):
            raise ValueError(f"account {self.name!r} needs api_key_env or api_key_file, one of them")
        return self

    @property
    def place(self) -> str:
        """Where the key is."""
        return f"the file {self.api_key_file}" if self.api_key_env is None else f"the variable {self.api_key_env}"

    def account(self) -> Account:
        """The account with its key; raises UsageError where there is none, or one that others may read."""
        if self.api_key_env is not None:
            found = os.environ.get(self.api_key_env, "")
        else:
            try:
                found = _private_text(Path(self.api_key_file or ""))
            except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a name with U+0000
                reason = error.strerror if isinstance(error, OSError) else "it is not text"
                raise UsageError(
                    f"Account {self.name}: the key cannot be read from {self.place}: {reason}. "
                    "Put an admin API key there, or name another place."
                ) from None
            except UsageError as error:
                raise UsageError(f"Account {self.name}: {error}") from None
        return Account(self.name, _key(found, f"Account {self.name}: {self.place}"))


def _is_variable(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is not None and not looks_like_key(name)


def _is_key_alone(file: Path) -> bool:
    """Return whether the name of a file is rather a key: it looks like one, and there is no such file."""
    return looks_like_key(file.name) and not os.access(file, os.F_OK)


def require_account_name(name: str) -> None:
    """Return if an account may be named so; else UsageError."""
    if not re.fullmatch(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,255}", name):
        raise UsageError(
            f"An account cannot be named {hide_key_words(repr(name[:40]))}: 1 to 255 characters, no control characters."
        )
    if hide_keys(name) != name:
        raise UsageError("An account cannot be named so: it looks like a key. Choose a name of your own.")


def _names(value: Any) -> Any:
    if isinstance(value, str):
        value = value.split(",")
    if isinstance(value, list | tuple):
        return tuple(sorted({str(name).strip() for name in value} - {""}))
    return value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return parse_duration(value)
        except UsageError as error:
            raise ValueError(str(error)) from None
    return value


Trouble = Literal["held", "stale", "key_refused"]


class AlertRule(BaseModel):
    """An `[[alerts.rules]]` table: which instances are worth an alert, and when."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    event: Literal["appeared", "vanished"] | None = None
    older_than: Annotated[timedelta | None, BeforeValidator(_duration), Field(gt=timedelta())] = None
    creator: str | None = None
    type: str | None = None

    @model_validator(mode="after")
    def _one_occasion(self) -> "AlertRule":
        if (self.event is None) == (self.older_than is None):
            raise ValueError("a rule needs event or older_than, one of them")
        return self


class AlertSettings(BaseModel):
    """The `[alerts]` table: where alerts go, and which. Its addresses hold secrets."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    urls: tuple[SecretStr, ...] = ()
    urls_env: str | None = None
    urls_file: Path | None = None
    on: tuple[Literal["held", "stale", "key_refused", "recovery"], ...] = ("held", "stale", "key_refused", "recovery")
    stale_after: Annotated[timedelta | None, BeforeValidator(_duration), Field(gt=timedelta())] = None
    rules: tuple[AlertRule, ...] = ()

    @field_validator("urls_env")
    @classmethod
    def _a_variable(cls, value: str | None) -> str | None:
        if value is not None and not _is_variable(value):
            raise ValueError("it is the name of a variable, never an address itself")
        return value

    @field_validator("urls_file")
    @classmethod
    def _a_file(cls, value: Path | None) -> Path | None:
        if value is not None and re.match(r"[a-z0-9+.-]+:/", str(value)):
            raise ValueError("it is the name of a file, never an address itself")
        return value

    @model_validator(mode="after")
    def _one_source(self) -> "AlertSettings":
        if [bool(self.urls), self.urls_env is not None, self.urls_file is not None].count(True) != 1:
            raise ValueError("alerts need urls, urls_env or urls_file, one of them")
        return self

    def addresses(self) -> tuple[str, ...]:
        """The addresses, which no log shows from now on; raises UsageError where there is none."""
        if self.urls_env is not None:
            place, text = f"the variable {self.urls_env}", os.environ.get(self.urls_env, "")
        elif self.urls_file is not None:
            place = f"the file {self.urls_file}"
            try:
                text = _private_text(self.urls_file)
            except (OSError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is not text"
                raise UsageError(f"Alerts: the addresses cannot be read from {place}: {reason}.") from None
            except UsageError as error:
                raise UsageError(f"Alerts: {error}") from None
        else:
            place, text = "urls", "\n".join(url.get_secret_value() for url in self.urls)
        lines = (line.strip() for line in text.splitlines())
        found = tuple(line for line in lines if line and not line.startswith("#"))
        if not found:
            raise UsageError(f"Alerts: {place} holds no address.")
        for address in found:
            log.hide(address)
        return found


class Settings(BaseSettings):
    """Everything that can be set, by the names of the contract's section 6."""

    model_config = SettingsConfigDict(
        env_prefix="INVENTORY_", env_ignore_empty=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    database_url: str = DEFAULT_DATABASE_URL
    api_url: str = "https://api.fal.ai/v1"
    page_size: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    timeout: Annotated[float, Field(gt=0, le=86_400)] = 30
    retry_attempts: Annotated[int, Field(ge=1, le=100)] = 6
    retry_max_wait: Annotated[float, Field(gt=0, le=86_400)] = 30
    every: Annotated[timedelta, BeforeValidator(_duration)] = DEFAULT_EVERY
    cron: str | None = None
    max_vanish: Annotated[float, Field(ge=0, le=1)] = 0.5
    lease_seconds: Annotated[float, Field(ge=1, le=86_400)] = 120
    auto_migrate: bool = True
    ignore_changes: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)] = ()
    log_format: Literal["text", "json"] = "text"
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = "info"
    accounts: tuple[AccountSettings, ...] = ()
    alerts: AlertSettings | None = None

    @field_validator("api_url")
    @classmethod
    def _safe_url(cls, value: str) -> str:
        try:
            parts = urlsplit(value.strip())
            usable = re.fullmatch(r"[\x21-\x7e]+", value.strip()) and parts.port != 0
        except ValueError:  # whose text quotes the value
            usable = None
        if not usable:
            raise ValueError("it must be an address like https://api.fal.ai/v1")
        if "@" in value:  # wherever it stands: a / in a password moves the rest of it into the path
            raise ValueError("it must not hold a user or a password")
        if not parts.hostname or parts.scheme not in {"http", "https"} or parts.query or parts.fragment:
            raise ValueError("it must be an address like https://api.fal.ai/v1")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise ValueError("plain http would show the key to the network; use https")
        return value.strip().rstrip("/")

    @field_validator("ignore_changes")
    @classmethod
    def _never_the_id(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "id" in value:
            raise ValueError("the id cannot be ignored")
        return value

    @field_validator("every")
    @classmethod
    def _sensible(cls, value: timedelta) -> timedelta:
        if not timedelta(seconds=1) <= value <= timedelta(days=366):
            raise ValueError("it must be from 1s to 366d")
        return value

    @field_validator("cron")
    @classmethod
    def _readable(cls, value: str | None) -> str | None:
        if value is not None:
            Cron(value)
        return value

    @field_validator("accounts")
    @classmethod
    def _one_of_a_name(cls, value: tuple[AccountSettings, ...]) -> tuple[AccountSettings, ...]:
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
        """Flags, environment, file."""
        file = config_file()
        toml: Any = TomlConfigSettingsSource(settings_cls, file)
        named = {
            "--every and --cron": init_settings,
            "INVENTORY_EVERY and INVENTORY_CRON": env_settings,
            f"{file}: every and cron": toml,
        }
        decided: list[str] = []
        return tuple(_one_schedule(source, both, decided) for both, source in named.items())

    @property
    def timetable(self) -> Timetable:
        """When `inventory run` syncs an account."""
        return Every(self.every) if self.cron is None else Cron(self.cron)

    def names_to_sync(self, only: str | None = None) -> tuple[str, ...]:
        """The names of the accounts to sync: the one asked for, those of the file, or `default`."""
        if only is not None:
            return (only,)
        return tuple(account.name for account in self.accounts) or (DEFAULT_ACCOUNT,)

    def accounts_named(self) -> tuple[str, ...]:
        """The accounts that the file names; else `default`, but only if there is a key for it."""
        has_key = os.environ.get("FAL_KEY") or os.environ.get("FAL_KEY_ID")
        return tuple(account.name for account in self.accounts) or ((DEFAULT_ACCOUNT,) if has_key else ())

    def accounts_to_sync(self, only: str | None = None) -> tuple[Account, ...]:
        """The accounts with their keys: those of the file, else `default` with FAL_KEY. Raises UsageError."""
        if self.accounts:
            wanted = [number for number, account in enumerate(self.accounts) if only in (None, account.name)]
            if not wanted:
                raise UsageError(f"There is no account {hide_key_words(repr(only))} in the configuration file.")
            return tuple(self._account(number) for number in wanted)
        if only not in (None, DEFAULT_ACCOUNT):
            raise UsageError(
                f"There is no account {hide_key_words(repr(only))}: the configuration file names none, so there is "
                "only `default`."
            )
        return (Account(DEFAULT_ACCOUNT, default_key()),)

    def _account(self, number: int) -> Account:
        try:
            return self.accounts[number].account()
        except UsageError as error:
            place = in_file(
                ("accounts", number, "api_key_file" if self.accounts[number].api_key_env is None else "api_key_env")
            )
            raise UsageError(f"{place}: {error}" if place else str(error)) from None


def load(**flags: Any) -> Settings:
    """The settings in force; a flag that is None was not given. Raises UsageError of one line."""
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        settings = Settings(**given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == "twice":
            first["loc"] = (*first["loc"], first["ctx"]["at"], "name")
        raise UsageError(f"{_place(first['loc'], flags)}: {_reason(first)}") from None
    except SettingsError:
        raise UsageError("The environment holds a list of tables as no JSON; name accounts in the file.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{config_file()} is not TOML: it is not UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{config_file()} is not TOML: {error}.") from None
    except OSError as error:
        raise UsageError(f"{config_file()} cannot be read: {error.strerror}.") from None
    return settings


def log_format() -> Literal["text", "json"]:
    """Return the log format that is set, also where other settings are wrong; `text` where nothing can be read."""
    found = next((value for name, value in os.environ.items() if name.upper() == "INVENTORY_LOG_FORMAT"), None)
    if not found:
        with suppress(UsageError, OSError, ValueError):
            file = config_file()
            found = tomllib.loads(file.read_text(encoding="utf-8")).get("log_format") if file else None
    return "json" if found == "json" else "text"


def _one_schedule(source: Any, both: str, decided: list[str]) -> Any:
    """The same source, in which one of `every` and `cron` beats both in the sources below it.

    The first source that has one of them is put into `decided`; raises UsageError if it has the two.
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


def config_file() -> Path | None:
    """The file that is read: the one INVENTORY_CONFIG names, else `inventory.toml` where it exists."""
    if named := os.environ.get("INVENTORY_CONFIG"):
        if not Path(named).is_file():
            raise UsageError(f"INVENTORY_CONFIG names {hide_key_words(named)}, and there is no such file.")
        return Path(named)
    usual = Path("inventory.toml")
    return usual if usual.is_file() else None


def in_file(place: Place) -> str | None:
    """The file and the line where a value, or what should hold it, begins; None where no file holds it."""
    file = config_file()
    line = line_of(file.read_text(encoding="utf-8"), place) if file else None
    return f"{file}, line {line}" if line else None


def variable(name: str) -> str | None:
    """The variable that gives a setting its value; None where none does."""
    wanted = f"INVENTORY_{name.upper()}"  # pydantic-settings takes any case
    return next((wanted for each, value in os.environ.items() if each.upper() == wanted and value), None)


def unknown_variables() -> list[str]:
    """One line for each variable that looks like a setting and is none: a name mistyped does nothing, silently."""
    known = (*Settings.model_fields, "config")
    told = []
    for name in sorted(os.environ):
        prefix, wrong = name[: len("INVENTORY_")], name[len("INVENTORY_") :].lower()
        if prefix.upper() == "INVENTORY_" and wrong not in known:
            told.append(f"{name} is no setting, and does nothing; {_like(wrong, known, variables=True)}")
    return told


def key_variables() -> str:
    """Where `default_key` looks, and finds it first."""
    whole = os.environ.get("FAL_KEY") or not os.environ.get("FAL_KEY_ID")
    return "FAL_KEY" if whole else "FAL_KEY_ID and FAL_KEY_SECRET"


def database_url() -> str:
    """The database alone, for the `alembic` command."""
    return load().database_url


def default_key() -> ApiKey:
    """The key of `default`: FAL_KEY, else FAL_KEY_ID and FAL_KEY_SECRET. Raises UsageError."""
    if key := os.environ.get("FAL_KEY"):
        return _key(key, "FAL_KEY")
    identity, secret = (os.environ.get(name, "").strip() for name in ("FAL_KEY_ID", "FAL_KEY_SECRET"))
    if identity and secret:
        return _key(f"{identity}:{secret}", "FAL_KEY_ID and FAL_KEY_SECRET")
    raise UsageError(
        "There is no key. Set FAL_KEY to an admin API key of your fal workspace, "
        "or try `inventory demo`, which needs none."
    )


def _key(text: str, place: str) -> ApiKey:
    secret = text.strip()
    if not secret:
        raise UsageError(f"{place} holds no key. Put an admin API key there.")
    if not re.fullmatch(r"[\x21-\x7e]+", secret):
        raise UsageError(f"{place} holds something that is no key: only printable ASCII without spaces can be one.")
    log.hide(secret)
    return ApiKey(secret)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _place(location: tuple[int | str, ...], flags: dict[str, Any]) -> str:
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
        return f"there is no such setting; {_like(str(wrong), known)}"
    text = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    if error["type"] == "twice":
        text += "; give each a name of its own"
    return f"{hide_key_words(text[:1].lower() + text[1:])}."  # it may quote the value


def _like(wrong: str, known: Iterable[str], *, variables: bool = False) -> str:
    found = difflib.get_close_matches(wrong, known, n=2)
    like = " or ".join(f"INVENTORY_{name.upper()}" if variables else name for name in found)
    return f"did you mean {like}?" if like else "take it out."


def _private_text(file: Path) -> str:
    """What the file holds; UsageError where people may read it for whom it is not.

    The owner's group may where the owner is another: it is how a service is let in (root:inventory, 640). On a mount
    that is read-only nobody could take a right away; whoever mounted it decided (the secrets of Docker and Kubernetes
    come so, readable by all in a container that is the service's own).
    """
    with file.open(encoding="utf-8") as opened:
        found = os.fstat(opened.fileno())
        for_others = stat.S_IRWXO | (stat.S_IRWXG if found.st_uid == os.geteuid() else 0)
        fixed = os.fstatvfs(opened.fileno()).f_flag & os.ST_RDONLY
        if stat.S_ISREG(found.st_mode) and found.st_mode & for_others and not fixed:
            mode = stat.S_IMODE(found.st_mode)
            raise UsageError(
                f"others may read or change the secrets in {file} (its mode is {mode:o}). "
                f"Run `chmod {mode & ~for_others:o} {shlex.quote(str(file))}`."
            )
        return opened.read()
