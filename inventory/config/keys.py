"""API keys and the accounts they belong to: where a key is found, and what of it may be shown."""

import hashlib
import os
import re
import shlex
import stat
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from inventory import log
from inventory.errors import UsageError
from inventory.masks import hide_key_words, hide_keys, looks_like_key


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

    name: str
    api_key_env: str | None = None
    api_key_file: Path | None = None

    @field_validator("name")
    @classmethod
    def _require_name(cls, value: str) -> str:
        try:
            require_account_name(value)
        except UsageError as error:
            raise ValueError(str(error)) from None
        return value

    @field_validator("api_key_env")
    @classmethod
    def _a_variable(cls, value: str | None) -> str | None:
        if value is not None and not is_variable_name(value):
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
                found = read_private_text(Path(self.api_key_file or ""))
            except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a name with U+0000
                reason = error.strerror if isinstance(error, OSError) else "it is not text"
                raise UsageError(
                    f"Account {self.name}: the key cannot be read from {self.place}: {reason}. "
                    "Put an admin API key there, or name another place."
                ) from None
            except UsageError as error:
                raise UsageError(f"Account {self.name}: {error}") from None
        return Account(self.name, _key(found, f"Account {self.name}: {self.place}"))


def is_variable_name(name: str) -> bool:
    """Return whether a text can be the name of an environment variable, and is not a key itself."""
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


def key_variables() -> str:
    """Where `default_key` looks, and finds it first."""
    whole = os.environ.get("FAL_KEY") or not os.environ.get("FAL_KEY_ID")
    return "FAL_KEY" if whole else "FAL_KEY_ID and FAL_KEY_SECRET"


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


def read_private_text(file: Path) -> str:
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
