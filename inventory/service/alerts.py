"""Alerts, each sent once: something is held, stale, refused, well again, or an instance of a rule came, went or aged.

Which are due follows from the log of runs alone: a trouble is told by the first run that has it since the account's
last success. So it is sent once, over any number of workers and restarts, and nothing is stored for it. The sending is
each channel's own affair.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from inventory import log
from inventory.config.alerts import AlertRule, AlertSettings, Trouble
from inventory.errors import DatabaseError
from inventory.read.queries import Row, relation
from inventory.record import clean
from inventory.service.channels import PAUSES, Alert, Channels
from inventory.store import database
from inventory.sync import Outcome
from inventory.times import brief, iso

REFUSED = ("unauthorized", "forbidden")
ENDED = ("held", "partial", "failed")
"""What a run may end as whose alerts were sent. An abandoned one's process was not there to."""

SHOWN = 20
"""Instances that one alert lists."""

_HARMLESS = {ord(mark): ord(mark) + 0xFEE0 for mark in "!\"#$%&'()*:;<>@[\\]^`{|}~"}
"""What may be markup, a link or a mention somewhere, by its full-width twin, which never is."""

logger = log.get(__name__)


def troubles(run: Row, stale_after: timedelta) -> set[Trouble]:
    """What is wrong as of this run: a row of `sync_runs`, with `known_since`, the last complete one's time if any."""
    found: set[Trouble] = set()
    if run["status"] == "held":
        found.add("held")
    if not run["complete"]:
        if run["error_code"] in REFUSED:
            found.add("key_refused")
        if run["started_at"] - run["known_since"] > stale_after:
            found.add("stale")
    return found


def due(run: Row, before: Sequence[Row], stale_after: timedelta) -> tuple[set[Trouble], set[Trouble]]:
    """The troubles that this run is the first to have since the account's last success, and those that it ends.

    `before` are the runs between that success and this one; of several that are alike the last will do.
    """
    told = {trouble for each in before if each["status"] in ENDED for trouble in troubles(each, stale_after)}
    if run["status"] == "succeeded":
        return set(), told
    if run["status"] not in ENDED:  # taken over, or cut off before it could say so: the next run tells
        return set(), set()
    return troubles(run, stale_after) - told, set()


class Alerts:
    """Tells the channels what is due after each run."""

    def __init__(
        self, engine: Engine, settings: AlertSettings, stale_after: timedelta, *, pauses: Sequence[float] = PAUSES
    ) -> None:
        """Raises UsageError for an address that cannot be one."""
        self._engine = engine
        self._settings = settings
        self._stale_after = stale_after
        self._channels = Channels(settings.addresses(), pauses)

    def observe(self, outcome: Outcome) -> None:
        """What is due after this run is on its way. An attempt that began no run left nothing to tell it by."""
        if outcome.run_id is None:
            return
        try:
            with database.reading(self._engine) as connection:
                alerts = list(self._alerts(connection, outcome))
        except DatabaseError as error:
            logger.warning("nobody knows which alerts are due", run_id=outcome.run_id, reason=str(error))
            return
        for alert in alerts:
            self._channels.send(alert)

    def close(self, seconds: float) -> None:
        """What waited was sent, or `seconds` are over."""
        self._channels.close(seconds)

    def _alerts(self, connection: Connection, outcome: Outcome) -> Iterator[Alert]:
        run, before = _history(connection, outcome.run_id)
        begun, ended = due(run, before, self._stale_after)
        for trouble in sorted(begun & set(self._settings.on)):
            yield self._trouble(connection, trouble, run)
        if ended & set(self._settings.on) and "recovery" in self._settings.on:
            names = ", ".join(sorted(trouble.replace("_", " ") for trouble in ended & set(self._settings.on)))
            yield Alert(
                "success",
                f"inventory: {_word(run['account'])} is well again",
                f"Run {run['run_id']}, at {iso(run['started_at'])}, succeeded. Told before: {names}.",
            )
        if run["complete"] and run["previous_complete_at"] is not None:  # a first fleet is no news
            for rule in self._settings.rules:
                yield from _by_rule(connection, rule, run, outcome)

    def _trouble(self, connection: Connection, trouble: Trouble, run: Row) -> Alert:
        account, error = _word(run["account"]), log.plain(run["error"] or "", 600)
        if trouble == "key_refused":
            return Alert("failure", f"inventory: {account}: the key was refused", error)
        if trouble == "stale":
            age = brief(run["started_at"] - run["known_since"])
            last = run["previous_complete_at"]
            since = f"The last complete run was at {iso(last)}, {age} ago" if last else f"None was complete for {age}"
            body = f"{since}: more than {brief(self._stale_after)}. {error}"
            return Alert("warning", f"inventory: {account} is stale", body)
        state = relation("instance_state")
        rows, number = _some(
            connection,
            _instances(state).where(state.c.account == run["account"], state.c.presence == "missing", state.c.held),
        )
        return Alert(
            "warning",
            f"inventory: {account}: {_counted(number)} held",
            "\n".join([error, *_listed(rows, number)]),
        )


@contextmanager
def sending(engine: Engine, settings: AlertSettings, stale_after: timedelta, parting: float) -> Iterator[Alerts]:
    """Alerts are sent for this while, and at its end those that wait, for `parting` seconds at most."""
    alerts = Alerts(engine, settings, stale_after)
    try:
        yield alerts
    finally:
        alerts.close(parting)


def _history(connection: Connection, run_id: int | None) -> tuple[Row, list[Row]]:
    """The run, and the runs since its account's last success before it, those that are alike as one (the last)."""
    runs, accounts = relation("sync_runs"), relation("accounts")
    known_since = sa.func.coalesce(runs.c.previous_complete_at, accounts.c.created_at, type_=accounts.c.created_at.type)
    both = runs.join(accounts, accounts.c.account == runs.c.account)
    (run,) = connection.execute(
        sa.select(runs, known_since.label("known_since")).select_from(both).where(runs.c.run_id == run_id)
    ).mappings()
    earlier = runs.c.account == run["account"], runs.c.started_at < run["started_at"]
    success = sa.select(runs.c.started_at).where(*earlier, runs.c.status == "succeeded")
    last = connection.scalar(success.order_by(runs.c.started_at.desc()).limit(1))
    alike = runs.c.status, runs.c.complete, runs.c.error_code, known_since.label("known_since")
    query = sa.select(*alike, sa.func.max(runs.c.started_at).label("started_at")).select_from(both).where(*earlier)
    if last is not None:
        query = query.where(runs.c.started_at > last)
    return dict(run), [dict(row) for row in connection.execute(query.group_by(*alike)).mappings()]


def _by_rule(connection: Connection, rule: AlertRule, run: Row, outcome: Outcome) -> Iterator[Alert]:
    counts = outcome.counts
    if rule.older_than is not None:
        rows, number = _some(connection, _aged(rule, run, rule.older_than))
        what = f"now older than {brief(rule.older_than)}"
    elif rule.event == "vanished":
        rows, number = _events(connection, rule, run, ("vanished",)) if counts["vanished"] else ([], 0)
        late = _settled(connection, rule, run, outcome.settled)
        rows, number = [*rows, *late], number + len(late)
        what = "gone"
    else:
        new = counts["appeared"] + counts["reappeared"]
        rows, number = _events(connection, rule, run, ("appeared", "reappeared")) if new else ([], 0)
        what = "new"
    if number:
        title = f"inventory: {_word(run['account'])}: {_counted(number)} {what}"
        body = "\n".join([f"As of {iso(run['started_at'])}:", *_listed(rows[:SHOWN], number)])
        yield Alert("info", title, body)


def _aged(rule: AlertRule, run: Row, limit: timedelta) -> sa.Select[Any]:
    """The instances whose episode became so old between the last complete run and this one."""
    versions, state = relation("instance_versions"), relation("instance_state")
    same = sa.and_(
        versions.c.account == state.c.account,
        versions.c.instance_id == state.c.instance_id,
        versions.c.episode == state.c.episodes,
    )
    return (
        _instances(state, rule)
        .select_from(versions.join(state, same))
        .where(
            versions.c.account == run["account"],
            versions.c.opened_as.in_(("appeared", "reappeared")),
            versions.c.valid_from > run["previous_complete_at"] - limit,
            versions.c.valid_from <= run["started_at"] - limit,
            state.c.presence != "vanished",
        )
    )


def _events(connection: Connection, rule: AlertRule, run: Row, names: Sequence[str]) -> tuple[list[Row], int]:
    view = relation("instance_events")
    query = _instances(view, rule).where(
        view.c.account == run["account"],
        view.c.occurred_at == run["started_at"],
        view.c.run_id == run["run_id"],
        view.c.event.in_(names),
    )
    return _some(connection, query)


def _settled(connection: Connection, rule: AlertRule, run: Row, ids: Sequence[str]) -> list[Row]:
    """Those that are gone since an earlier run, as only this one found out."""
    state = relation("instance_state")
    found: list[Row] = []
    for batch in database.batches(ids):
        query = _instances(state, rule).where(state.c.account == run["account"], state.c.instance_id.in_(batch))
        found += [dict(row) for row in connection.execute(query).mappings()]
    return found


def _instances(source: sa.TableClause, rule: AlertRule | None = None) -> sa.Select[Any]:
    """What an alert tells of instances, of those that the rule is about."""
    query = sa.select(source.c.instance_id, source.c.instance_type, source.c.region, source.c.creator_user_nickname)
    if rule is not None and rule.creator is not None:
        query = query.where(source.c.creator_user_nickname == clean(rule.creator))
    if rule is not None and rule.type is not None:
        query = query.where(source.c.instance_type == clean(rule.type))
    return query


def _some(connection: Connection, query: sa.Select[Any]) -> tuple[list[Row], int]:
    """The first rows, and how many there are."""
    number: int = connection.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one()
    rows = connection.execute(query.order_by("instance_id").limit(SHOWN)).mappings()
    return [dict(row) for row in rows], number


def _listed(rows: Sequence[Row], number: int) -> list[str]:
    """A line for each, and one for those that are not shown."""
    names = ("instance_id", "instance_type", "region", "creator_user_nickname")
    lines = ["  ".join(_word(row[name] or "-") for name in names) for row in rows]
    return lines + ([f"and {number - len(rows)} more"] if number > len(rows) else [])


def _counted(number: int) -> str:
    return f"{number} instance{'' if number == 1 else 's'}"


def _word(text: str) -> str:
    """A name as it may be shown anywhere: one line, short, printable, and no markup, link or mention."""
    return log.plain(text, 80).translate(_HARMLESS)
