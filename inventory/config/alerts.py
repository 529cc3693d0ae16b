"""The `[alerts]` table of the configuration file."""

import logging
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from inventory import log
from inventory.config.keys import is_variable_name, read_private_text
from inventory.config.validators import read_duration
from inventory.errors import UsageError

Trouble = Literal["held", "stale", "key_refused"]
"""A state of an account that is worth an alert."""

Reason = Literal[Trouble, "recovery", "checkpoint"]
"""A reason for an alert: a trouble begins, a trouble ends (`recovery`), or a checkpoint is delivered."""

LONGEST_AGE = timedelta(days=36_525)
"""The longest age that `older_than` and `stale_after` accept.

With a much longer age, a time in the past would be before the year 1, which `datetime` cannot hold.
"""

USUAL: tuple[Reason, ...] = (*get_args(Trouble), "recovery")
"""The reasons if `on` is not set: all but `checkpoint`, which is sent only if `on` names it."""


def _refuse_longer_age(value: timedelta | None) -> timedelta | None:
    if value is not None and value > LONGEST_AGE:
        raise ValueError(f"it must be at most {LONGEST_AGE.days}d, a hundred years")
    return value


class AlertRule(BaseModel):
    """An `[[alerts.rules]]` table: which instances are worth an alert, and on which event or at which age."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    event: Annotated[
        Literal["appeared", "vanished"] | None, Field(description="What happened; a return counts as `appeared`.")
    ] = None
    older_than: Annotated[
        timedelta | None,
        BeforeValidator(read_duration, json_schema_input_type=str),
        AfterValidator(_refuse_longer_age),
        Field(
            gt=timedelta(),
            description="Instead of `event`: the age of an instance since it appeared or last came back, like `7d`.",
        ),
    ] = None
    creator: Annotated[
        str | None, Field(description="Only instances whose `creator_user_nickname`, as last seen, is this.")
    ] = None
    type: Annotated[str | None, Field(description="Only instances of this type.")] = None

    @model_validator(mode="after")
    def _require_event_or_age(self) -> "AlertRule":
        if (self.event is None) == (self.older_than is None):
            raise ValueError("a rule needs event or older_than, one of them")
        return self


class AlertSettings(BaseModel):
    """The `[alerts]` table: which alerts are sent, and to which addresses. Addresses are secrets."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    urls: Annotated[tuple[SecretStr, ...], Field(description="Addresses of channels, as Apprise writes them.")] = ()
    urls_env: Annotated[str | None, Field(description="Instead: a variable with one address a line.")] = None
    urls_file: Annotated[Path | None, Field(description="Instead: a file with one address a line.")] = None
    on: Annotated[
        tuple[Reason, ...],
        Field(
            description="What is sent: troubles of an account, its `recovery` from them, and each day's `checkpoint`."
        ),
    ] = USUAL
    stale_after: Annotated[
        timedelta | None,
        BeforeValidator(read_duration, json_schema_input_type=str),
        AfterValidator(_refuse_longer_age),
        Field(
            gt=timedelta(),
            description="An account is `stale` if its last complete run is older than this; by default computed from "
            "the schedule.",
        ),
    ] = None
    rules: Annotated[tuple[AlertRule, ...], Field(description="The instances that are worth an alert.")] = ()

    @field_validator("urls_env")
    @classmethod
    def _require_variable_name(cls, value: str | None) -> str | None:
        if value is not None and not is_variable_name(value):
            raise ValueError("it is the name of a variable, never an address itself")
        return value

    @field_validator("urls_file")
    @classmethod
    def _require_file_name(cls, value: Path | None) -> Path | None:
        if value is not None and re.match(r"[a-z0-9+.-]+:/", str(value)):
            raise ValueError("it is the name of a file, never an address itself")
        return value

    @model_validator(mode="after")
    def _require_one_source(self) -> "AlertSettings":
        if [bool(self.urls), self.urls_env is not None, self.urls_file is not None].count(True) != 1:
            raise ValueError("alerts need urls, urls_env or urls_file, one of them")
        return self

    def addresses(self) -> tuple[str, ...]:
        """Return the addresses to which alerts are sent, and hide them in the log from now on.

        Blank lines and lines that begin with `#` are left out. Raise UsageError if there is no address, if the file of
        addresses cannot be read, or if other users may read or change that file.
        """
        if self.urls_env is not None:
            place, text = f"the variable {self.urls_env}", os.environ.get(self.urls_env, "")
        elif self.urls_file is not None:
            place = f"the file {self.urls_file}"
            try:
                text = read_private_text(self.urls_file)
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


def open_channel(number: int, address: str) -> Any:
    """Return the Apprise object that sends to an address.

    Raise UsageError if apprise knows no service for the address. The message has `number` instead of the address,
    because the address is a secret. The extra `alerts` must be installed.
    """
    import apprise

    for library in ("apprise", "urllib3", "requests"):  # they log addresses, which are secrets
        logging.getLogger(library).setLevel(logging.CRITICAL + 1)
    asset = apprise.AppriseAsset(
        app_id="inventory", app_desc="inventory", app_url="", image_url_mask="", image_url_logo="",
        service_timeout=0,  # otherwise apprise sends in threads for which the process waits at its end
    )  # fmt: skip
    channel = apprise.Apprise(asset=asset)
    as_text = f"{address}{'&' if '?' in address else '?'}format=text"
    if not channel.add(address if "format=" in address else as_text) and not channel.add(address):
        raise UsageError(f"Alerts: address number {number} is none of a service that apprise knows.")
    return channel
