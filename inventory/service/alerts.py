"""Alerts, each sent once: something is held, stale, refused, well again, or an instance of a rule came, went or aged.

Which are due follows from the log of runs alone: a trouble is told by the first run that has it since the account's
last success. So it is sent once, over any number of workers and restarts, and nothing is stored for it. The sending is
each channel's own affair.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy.engine import Connection, Engine

from inventory import log
from inventory.config.alerts import AlertRule, AlertSettings, Trouble
from inventory.errors import DatabaseError
from inventory.read.queries import Row, relation
from inventory.service.alert_queries import SHOWN, aged, events, history, instances, settled, some
from inventory.service.channels import PAUSES, Alert, Channels
from inventory.service.troubles import due
from inventory.store import database
from inventory.sync import Outcome
from inventory.times import brief, iso

_HARMLESS = {ord(mark): ord(mark) + 0xFEE0 for mark in "!\"#$%&'()*:;<>@[\\]^`{|}~"}
"""What may be markup, a link or a mention somewhere, by its full-width twin, which never is."""

logger = log.get(__name__)


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
        run, before = history(connection, outcome.run_id)
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
        rows, number = some(
            connection,
            instances(state).where(state.c.account == run["account"], state.c.presence == "missing", state.c.held),
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


def _by_rule(connection: Connection, rule: AlertRule, run: Row, outcome: Outcome) -> Iterator[Alert]:
    counts = outcome.counts
    if rule.older_than is not None:
        rows, number = some(connection, aged(rule, run, rule.older_than))
        what = f"now older than {brief(rule.older_than)}"
    elif rule.event == "vanished":
        rows, number = events(connection, rule, run, ("vanished",)) if counts["vanished"] else ([], 0)
        late = settled(connection, rule, run, outcome.settled)
        rows, number = [*rows, *late], number + len(late)
        what = "gone"
    else:
        new = counts["appeared"] + counts["reappeared"]
        rows, number = events(connection, rule, run, ("appeared", "reappeared")) if new else ([], 0)
        what = "new"
    if number:
        title = f"inventory: {_word(run['account'])}: {_counted(number)} {what}"
        body = "\n".join([f"As of {iso(run['started_at'])}:", *_listed(rows[:SHOWN], number)])
        yield Alert("info", title, body)


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
