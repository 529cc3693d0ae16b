"""API keys and the accounts they belong to: where a key is found, and which part of it may be shown."""

import hashlib
import os
import re
import shlex
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from inventory import log
from inventory.errors import UsageError
from inventory.masks import hide_key_words, hide_keys, looks_like_key


@dataclass(frozen=True)
class ApiKey:
    """An API key. Its repr does not show the secret."""

    secret: str = field(repr=False)

    @property
    def id(self) -> str:
        """Return the id of the key: the part before the colon. The id may be stored and shown.

        The id of a key without a colon is `sha256:` and the first 12 hex digits of the key's SHA-256.
        """
        public, colon, _ = self.secret.partition(":")
        return public if colon else "sha256:" + hashlib.sha256(self.secret.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Account:
    """An account to sync: its name and its key."""

    name: str
    key: ApiKey


class AccountSettings(BaseModel):
    """An `[[accounts]]` table: where the account's key is found, never the key itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(description="The account's name in the database.")]
    api_key_env: Annotated[str | None, Field(description="The variable that holds its key.")] = None
    api_key_file: Annotated[
        Path | None, Field(description="The file that holds its key, readable by its owner only.")
    ] = None

    @field_validator("name")
    @classmethod
    def _require_account_name(cls, value: str) -> str:
        try:
            require_account_name(value)
        except UsageError as error:
            raise ValueError(str(error)) from None
        return value

    @field_validator("api_key_env")
    @classmethod
    def _require_variable_name(cls, value: str | None) -> str | None:
        if value is not None and not is_variable_name(value):
            raise ValueError(
                "it is the name of a variable, never the key itself"
            )  # the message must not show the value
        return value

    @field_validator("api_key_file")
    @classmethod
    def _require_file_name(cls, value: Path | None) -> Path | None:
        if value is not None and (re.fullmatch(r"[\w-]{4,}:[\w-]{8,}", str(value)) or _is_key(value)):
            raise ValueError("it is the name of a file, never the key itself")
        return value

    @model_validator(mode="after")
    def _require_one_source(self) -> "AccountSettings":
        if (self.api_key_env is None) == (self.api_key_file is None):
            raise ValueError(f"account {self.name!r} needs api_key_env or api_key_file, one of them")
        return self

    @property
    def place(self) -> str:
        """Return the text that says where the key is."""
        return f"the file {self.api_key_file}" if self.api_key_env is None else f"the variable {self.api_key_env}"

    def read_account(self) -> Account:
        """Return the account with its key.

        Raise UsageError if no key can be read, or if other users may read or change the file of the key.
        """
        if self.api_key_env is not None:
            found = os.environ.get(self.api_key_env, "")
        else:
            try:
                found = read_private_text(Path(self.api_key_file or ""))
            except (OSError, ValueError) as error:  # ValueError: the file is not UTF-8, or its name holds U+0000
                reason = error.strerror if isinstance(error, OSError) else "it is not text"
                raise UsageError(
                    f"Account {self.name}: the key cannot be read from {self.place}: {reason}. "
                    "Put an admin API key there, or name another place."
                ) from None
            except UsageError as error:
                raise UsageError(f"Account {self.name}: {error}") from None
        return Account(self.name, _parse_key(found, f"Account {self.name}: {self.place}"))


def is_variable_name(name: str) -> bool:
    """Return whether a text can be the name of an environment variable, and does not look like a key."""
    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is not None and not looks_like_key(name)


def _is_key(file: Path) -> bool:
    """Return whether a file name is in fact a key: it looks like one, and there is no such file."""
    return looks_like_key(file.name) and not os.access(file, os.F_OK)


def require_account_name(name: str) -> None:
    """Raise UsageError if an account cannot have this name.

    A name has 1 to 255 characters, none of them a control character or a lone surrogate. It does not look like a key.
    """
    if not re.fullmatch(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,255}", name):
        raise UsageError(
            f"An account cannot be named {hide_key_words(repr(name[:40]))}: 1 to 255 characters, no control characters."
        )
    if hide_keys(name) != name:
        raise UsageError("An account cannot have this name, because the name looks like a key. Choose another one.")


def key_variables() -> str:
    """Return the names of the variables from which `default_key` reads, as text for a message."""
    one = os.environ.get("FAL_KEY") or not os.environ.get("FAL_KEY_ID")
    return "FAL_KEY" if one else "FAL_KEY_ID and FAL_KEY_SECRET"


def default_key() -> ApiKey:
    """Return the key of the account `default`: FAL_KEY, else FAL_KEY_ID and FAL_KEY_SECRET.

    Raise UsageError if these variables hold no key.
    """
    if key := os.environ.get("FAL_KEY"):
        return _parse_key(key, "FAL_KEY")
    identity, secret = (os.environ.get(name, "").strip() for name in ("FAL_KEY_ID", "FAL_KEY_SECRET"))
    if identity and secret:
        return _parse_key(f"{identity}:{secret}", "FAL_KEY_ID and FAL_KEY_SECRET")
    raise UsageError(
        "There is no key. Set FAL_KEY to an admin API key of your fal workspace, "
        "or try `inventory demo`, which needs none."
    )


def _parse_key(text: str, place: str) -> ApiKey:
    """Return the key that the text holds, and hide the key in the log from now on.

    Raise UsageError if the text is no key. The message of the error names `place`, the source of the text.
    """
    secret = text.strip()
    if not secret:
        raise UsageError(f"{place} holds no key. Put an admin API key there.")
    if not re.fullmatch(r"[\x21-\x7e]+", secret):
        raise UsageError(
            f"{place} holds something that is no key: only printable ASCII without spaces can be one. "
            "Copy the whole key from fal."
        )
    log.hide(secret)
    return ApiKey(secret)


def read_private_text(file: Path) -> str:
    """Return the text of a file with secrets. Raise UsageError if others may read or change the file.

    Others are all users but the owner of the file. There are three exceptions:

    - If the owner is not the user of this process, the group may read and change the file. So an administrator can let
      a service read a file of root (root:inventory, mode 640).
    - On a read-only mount any mode is allowed, because nobody could change the mode. Docker and Kubernetes mount
      secrets like this, readable by everyone inside the container.
    - A file that is not a regular file, such as a pipe, is not checked.

    Raise OSError if the file cannot be opened or read. Raise ValueError if it is not UTF-8 or its name holds U+0000.
    """
    with file.open(encoding="utf-8") as opened:
        status = os.fstat(opened.fileno())
        others_mask = stat.S_IRWXO | (stat.S_IRWXG if status.st_uid == os.geteuid() else 0)
        shared = status.st_mode & others_mask & ~0o111  # to execute a file shows nothing of it
        read_only = os.fstatvfs(opened.fileno()).f_flag & os.ST_RDONLY
        if stat.S_ISREG(status.st_mode) and shared and not read_only:
            mode = stat.S_IMODE(status.st_mode)
            raise UsageError(
                f"others may read or change the secrets in {file} (its mode is {mode:o}). "
                f"Run `chmod {mode & ~others_mask:o} {shlex.quote(str(file))}`."
            )
        return opened.read()
