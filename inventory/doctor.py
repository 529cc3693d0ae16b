"""Check what can keep a sync from working, and name the remedies. Nothing is created, migrated or written."""

import os
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from inventory import background, log
from inventory.config.database_url import parse_url, sqlite_path
from inventory.config.keys import Account
from inventory.config.outputs import NEEDED_BY_SYNC, check_outputs
from inventory.config.settings import Settings, unknown_variables
from inventory.errors import (
    ApiError,
    BadResponse,
    DatabaseError,
    Forbidden,
    InventoryError,
    NetworkError,
    RateLimited,
    Unauthorized,
    UsageError,
)
from inventory.fal.client import Api
from inventory.history.lease import LeaseHolder, find_holder
from inventory.masks import mask_url
from inventory.read.accounts import list_accounts
from inventory.read.relations import Row
from inventory.store import database, integrity, schema
from inventory.times import brief, iso

MAX_REQUESTS = 8
"""The largest number of requests to the API at the same time."""
TOLERANCE = timedelta(seconds=5)
"""The largest difference between two clocks that is not reported. The API gives its time in whole seconds."""

REMEDIES = {
    Unauthorized: "Put a valid admin key in its place; `inventory config` shows where that is.",
    Forbidden: "Use an admin key, which may list the compute instances of the whole workspace.",
    RateLimited: "Wait, sync less often, and check who else uses this key.",
    NetworkError: "Check the network, DNS, HTTPS_PROXY and firewall between this host and INVENTORY_API_URL.",
    BadResponse: "Check that INVENTORY_API_URL is fal's API, and that no proxy or portal answers in its place.",
    ApiError: "Check INVENTORY_API_URL. If it is right, wait: every run tries again.",
}
"""The remedies, by class of ApiError. For an error, take the first class of which the error is an instance."""

UNCONFIGURED_REMEDY = (
    "If another host syncs it, all is well. Else `inventory account rename` gives it the name that is configured, "
    "or `inventory account retire` retires it."
)


@dataclass(frozen=True)
class Check:
    """The result of one check. `account` is None if the check is not about one account."""

    check: str
    account: str | None
    result: Literal["ok", "warn", "fail"]
    finding: str
    remedy: str | None = None
    exit_code: int = 0
    """The exit code of the error that was found; 0 without an error, or if the result is a warning."""


def examine(
    settings: Settings, only: str | None = None, clock: Callable[[], datetime] | None = None
) -> Iterator[Check]:
    """Yield the result of each check as soon as it is made.

    The checks are, in this order: settings, database, schema, the database's clock, keys, the outputs that the settings
    ask for, the API and its clock, accounts and their leases. If the database cannot be used, the checks of the schema,
    of the database's clock and of the accounts are left out. If the schema is not that of this program, the checks of
    the accounts are left out. `only` is the one account to check. `clock` replaces this host's clock (UTC).
    """
    clock = clock or (lambda: datetime.now(UTC))
    warnings = [
        _warn("settings", None, line.rstrip("."), "docs/settings.md lists the variables.")
        for line in unknown_variables()
    ]
    yield from warnings or [_ok("settings", None, "all settings are known")]
    with ExitStack() as stack:
        engine = yield from _check_database(settings, stack)
        current = engine is not None and (yield from _check_schema(engine, settings))
        if engine is not None:
            yield from _check_database_clock(engine, clock)
        keys = yield from _check_keys(settings, only)
        yield from _check_outputs(settings)
        yield from _check_api(settings, keys, clock)
        if engine is not None and current:
            with database.reading(engine) as connection:
                yield from _check_accounts(connection, settings, only)


def _check_database(settings: Settings, stack: ExitStack) -> Generator[Check, None, Engine | None]:
    """Yield the check of the database. Return its engine, which `stack` disposes of; None if it cannot be used."""
    try:
        url = parse_url(settings.database_url)
        file = sqlite_path(url)
        if file is not None and not file.exists():
            yield _missing_file(settings, str(file), str(file.absolute().parent))
            return None
        engine = database.connect(url)
        stack.callback(engine.dispose)
        with database.reading(engine) as connection:
            sa.inspect(connection).get_table_names()
            version = connection.dialect.server_version_info or ()
            integrity.require_whole(connection)
            database.require_version(connection)
    except InventoryError as error:
        yield _fail("database", None, error, "Check INVENTORY_DATABASE_URL, and that the database is there.")
        return None
    number = ".".join(map(str, version[:2]))
    yield _ok("database", None, f"{database.describe(engine)} answers ({engine.dialect.name} {number})")
    return engine


def _missing_file(settings: Settings, file: str, folder: str) -> Check:
    """Return the check of a SQLite file that does not exist: a warning if it can be created, else a failure."""
    if not os.access(folder, os.W_OK | os.X_OK):
        fault = DatabaseError(f"there is no database at {file}, and none can be made in {folder}")
        return _fail("database", None, fault, "Make the folder and let this user write it, or name another database.")
    command = "`inventory sync`" if settings.auto_migrate else "`inventory db upgrade`"
    return _warn("database", None, f"there is no database at {file} yet", f"{command} makes it.")


def _check_schema(engine: Engine, settings: Settings) -> Generator[Check, None, bool]:
    """Yield the checks of the schema, of the right to write, and of WAL mode. Return whether the schema is right."""
    try:
        with database.reading(engine) as connection:
            found = schema.current(connection)
        if found != schema.HEAD and settings.auto_migrate and (found is None or schema.known(found)):
            yield _warn(
                "schema",
                None,
                f"the database is {f'at the older revision {found}' if found else 'empty'}",
                "`inventory db upgrade`, or the next sync, brings it up to date.",
            )
            yield from (check for check in _check_writable(engine, ()) if check.result == "fail")
            return False
        schema.require_current(engine)
        if due := schema.differences(engine):
            raise DatabaseError(f"{len(due)} of its parts differ from those of this version")  # noqa: TRY301
    except DatabaseError as error:
        yield _fail("schema", None, error, "`inventory db check` names the differences.")
        return False
    yield _ok("schema", None, f"revision {schema.HEAD}, as it should be")
    yield from _check_writable(engine, ("accounts", "sync_runs", "instance_state", "instance_versions"))
    with database.reading(engine) as connection:
        if database.readers_wait(connection):
            finding = "it is not in WAL mode, so readers and a sync wait for each other"
            yield _warn("database", None, finding, "`inventory db upgrade` fixes that.")
    return True


def _check_writable(engine: Engine, tables: Sequence[str]) -> Iterator[Check]:
    try:
        database.try_to_write(engine, tables)
    except DatabaseError as error:
        yield _fail("database", None, error, "Give the user that syncs the right to write. Reading works without it.")
    else:
        yield _ok("database", None, "this user may write to it")


def _check_database_clock(engine: Engine, clock: Callable[[], datetime]) -> Iterator[Check]:
    try:
        with database.reading(engine) as connection:
            began = clock()
            there = database.now(connection)
            ended = clock()
    except DatabaseError as error:
        yield _fail("clock", None, error, "Check that the database is there.")
        return
    yield _compare_clocks("the database's clock", there - (began + (ended - began) / 2), "one of the two hosts")


def _check_keys(settings: Settings, only: str | None) -> Generator[Check, None, list[Account]]:
    """Yield a check of the key of each account to sync. Return the accounts that have a key."""
    found: list[Account] = []
    for name in settings.names_to_sync(only):
        try:
            (account,) = settings.accounts_to_sync(name)
        except UsageError as error:
            finding, _, remedy = str(error).rpartition(". ")
            yield Check("key", name, "fail", *_printable(finding, remedy), error.exit_code)
            continue
        same_key = next((other.name for other in found if other.key == account.key), None)
        if same_key is not None:
            remedy = "Give each account its own key, or take one of the two out of the file: both record one workspace."
            yield _warn("key", name, f"it is the key of {same_key} too", remedy)
        elif ":" not in account.key.secret:
            remedy = "Copy the whole key from fal, unless the API takes it as it is."
            yield _warn("key", name, f"{account.key.id} has no colon, while fal's keys are id:secret", remedy)
        else:
            yield _ok("key", name, f"{account.key.id} is there")
        found.append(account)
    return found


def _check_outputs(settings: Settings) -> Iterator[Check]:
    """Yield a check of each output that the settings ask for. A fault that does not end a sync is a warning."""
    for name, found, remedy in check_outputs(settings):
        if isinstance(found, str):
            yield _ok(name, None, found)
        elif name in NEEDED_BY_SYNC:
            yield _fail(name, None, found, remedy)
        else:
            yield _warn(name, None, str(found), remedy)


def _check_api(settings: Settings, found: Sequence[Account], clock: Callable[[], datetime]) -> Iterator[Check]:
    """Request a page of one instance with each key. Yield a check of each key, and of the API's clock if known."""
    one_attempt = settings.model_copy(update={"page_size": 1, "retry_attempts": 1})
    limit = threading.Semaphore(MAX_REQUESTS)

    def check_key(account: Account) -> tuple[Check, timedelta | None]:
        try:
            with limit, Api(account.key, one_attempt, threading.Event()) as api:
                began = clock()
                api.fetch_page(None)
                ended = clock()
        except InventoryError as error:
            remedy = next((text for kind, text in REMEDIES.items() if isinstance(error, kind)), "")
            return _fail("api", account.name, error, remedy), None
        ahead = None if api.clock is None else api.clock - (began + (ended - began) / 2)
        return _ok(
            "api", account.name, f"{mask_url(settings.api_url)} answers, and the key may list the instances"
        ), ahead

    if not found:
        return
    differences = []
    # in background threads, so that a signal ends the program without waiting for the answers
    for coming in [background.start(partial(check_key, account)) for account in found]:
        check, ahead = coming.result()
        yield check
        differences += [] if ahead is None else [ahead]
    if differences:
        yield _compare_clocks("the API's clock", min(differences, key=abs), "this host")


def _check_accounts(connection: Connection, settings: Settings, only: str | None) -> Iterator[Check]:
    """Yield checks of each account that is not retired: lease, time of the last run, and whether it is configured."""
    now = database.now(connection)
    for row in list_accounts(connection, only):
        if row["retired_at"] is not None:
            continue
        name = row["account"]
        yield _lease(name, find_holder(connection, name, now))
        if row["last_attempt_at"] is not None and row["last_attempt_at"] > now:
            finding = f"its last run, at {iso(row['last_attempt_at'])}, is in the future"
            remedy = "If the database's clock is wrong, set it. `status` exits with 8 until that time is over."
            yield _warn("clock", name, finding, remedy)
        if name not in settings.names_to_sync():
            yield _warn("account", name, _unconfigured(row), UNCONFIGURED_REMEDY)


def _unconfigured(row: Row) -> str:
    """Return the text of the finding about an account that is in the database but not in the configuration."""
    last = "never synced to the end" if row["last_complete_at"] is None else f"last at {iso(row['last_complete_at'])}"
    return f"it is in the database, but not in this configuration ({last})"


def _lease(name: str, lease: LeaseHolder | None) -> Check:
    if lease is None:
        return _ok("lease", name, "free")
    if lease.alive:
        return _ok("lease", name, f"{lease.description} is at work")
    return _warn("lease", name, f"{lease.description} died", "Nothing to do: the next run takes over at once.")


def _compare_clocks(whose: str, ahead: timedelta, host: str) -> Check:
    if abs(ahead) <= TOLERANCE:
        return _ok("clock", None, f"{whose} agrees with this host's")
    how = f"{brief(abs(ahead))} {'ahead of' if ahead > timedelta() else 'behind'} this host's"
    return _warn("clock", None, f"{whose} is {how}", f"Let a time service (NTP) set the clock of {host}.")


def _ok(check: str, account: str | None, finding: str) -> Check:
    return Check(check, account, "ok", *_printable(finding))


def _warn(check: str, account: str | None, finding: str, remedy: str) -> Check:
    return Check(check, account, "warn", *_printable(finding, remedy))


def _fail(check: str, account: str | None, error: InventoryError, remedy: str) -> Check:
    return Check(check, account, "fail", *_printable(str(error), remedy), error.exit_code)


def _printable(finding: str, remedy: str | None = None) -> tuple[str, str | None]:
    """Return both texts, each as one printable line without secrets."""
    return log.plain(finding.rstrip("."), 1000), None if remedy is None else log.plain(remedy, 1000)
