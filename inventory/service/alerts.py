"""Decide which alerts are due after a run.

There is an alert when a trouble of an account begins, and when its troubles end. The troubles are: instances are held,
the account is stale, its key is refused. A rule gives an alert when instances that match it appear, vanish or reach an
age. No alert is sent twice, even with several processes and after restarts. Nothing is stored for that: of the runs
after the last `succeeded` run of the account, only the first run with a trouble reports this trouble. There is one
exception: if no run can begin, for example without a key, each process of `inventory run` reports once that the account
is stale.

`channels.py` sends the alerts.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from sqlalchemy.engine import Connection, Engine

from inventory import log
from inventory.checkpoints.signed_note import Note
from inventory.config.alerts import AlertRule, AlertSettings, Trouble
from inventory.errors import DatabaseError
from inventory.history.log_heads import LogHead
from inventory.outcome import Outcome
from inventory.read.relations import Row
from inventory.service.alert_queries import (
    MAX_LISTED,
    NEW_EVENTS,
    InstanceList,
    aged_instances,
    failed_attempt_with_earlier,
    held_instances,
    instances_with_event,
    run_with_earlier,
    settled_instances,
)
from inventory.service.channels import RETRY_PAUSES, Alert, Channels
from inventory.service.troubles import begun_and_ended
from inventory.store import database
from inventory.times import brief, iso
from inventory.wording import counted

_FULL_WIDTH = {ord(mark): ord(mark) + 0xFEE0 for mark in "!\"#$%&'()*:;<>@[\\]^`{|}~"}
"""A table for `str.translate`. It replaces the marks that services take for markup, a link or a mention.

Marks that types, ids and names hold, such as `_`, `-` and `.`, stay. A replaced mark becomes the full-width
character of the same look. No service gives that character a meaning.
"""

logger = log.get(__name__)


class Alerts:
    """An observer of runs that sends the alerts that are due. Raise UsageError if the addresses cannot be used.

    Without `scheduled`, an attempt that began no run sends no alert. `pauses` is passed to `Channels`.
    """

    def __init__(
        self,
        engine: Engine,
        settings: AlertSettings,
        stale_after: timedelta,
        *,
        scheduled: bool = False,
        pauses: Sequence[float] = RETRY_PAUSES,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._stale_after = stale_after
        self._scheduled = scheduled
        self._stale_without_run: set[str] = set()
        """The accounts that this process reported as stale after an attempt that began no run."""
        self._channels = Channels(settings.addresses(), pauses)

    def observe(self, outcome: Outcome) -> None:
        """Queue the alerts that are due after a run, or after an attempt that began no run.

        If the database fails, log that and queue nothing.
        """
        if outcome.run_id is None and not self._scheduled:
            return
        find = self._alerts if outcome.run_id is not None else self._alerts_without_run
        try:
            with database.reading(self._engine) as connection:
                alerts = list(find(connection, outcome))
        except DatabaseError as error:
            write = logger.debug if outcome.run_id is None else logger.warning  # without a run, it is tried again soon
            write("the alerts that are due could not be determined", run_id=outcome.run_id, reason=str(error))
            return
        for alert in alerts:
            self._channels.send(alert)

    def send_checkpoint(self, head: LogHead, note: Note, answered: Callable[[bool], None]) -> None:
        """Queue an alert whose body is the checkpoint `note`: the same text as in the checkpoint file of the log.

        The note is signed if there is a key. `head` has the account and the size of the log at that checkpoint.
        `answered` is called once: with True when a channel has accepted the alert, with False if no channel accepts it.
        """
        title = f"inventory: {_safe(head.account)}: checkpoint of {counted(head.size, 'entry', 'entries')}"
        self._channels.send(Alert("info", title, str(note)), answered)

    def close(self, seconds: float, stop: threading.Event | None = None) -> None:
        """Send the queued alerts: see `Channels.close`."""
        self._channels.close(seconds, stop)

    def _alerts(self, connection: Connection, outcome: Outcome) -> Iterator[Alert]:
        run, earlier = run_with_earlier(connection, outcome.run_id)
        begun, ended = begun_and_ended(run, earlier, self._stale_after)
        if outcome.account in self._stale_without_run:
            begun.discard("stale")
            if run["status"] == "succeeded":
                ended.add("stale")
                self._stale_without_run.discard(outcome.account)
        for trouble in sorted(begun & set(self._settings.on)):
            yield self._trouble_alert(connection, trouble, run)
        if ended & set(self._settings.on) and "recovery" in self._settings.on:
            names = ", ".join(sorted(trouble.replace("_", " ") for trouble in ended & set(self._settings.on)))
            yield Alert(
                "success",
                f"inventory: {_safe(run['account'])} is well again",
                f"Run {run['run_id']}, at {iso(run['started_at'])}, succeeded. Ended: {names}.",
            )
        # in the first complete run of an account, and before it, no instance counts as new
        if run["previous_complete_at"] is not None:
            for rule in self._settings.rules:
                yield from _rule_alerts(connection, rule, run, outcome)

    def _alerts_without_run(self, connection: Connection, outcome: Outcome) -> Iterator[Alert]:
        found = failed_attempt_with_earlier(connection, outcome.account)
        if found is None or "stale" not in self._settings.on:
            return
        run, earlier = found
        begun, _ = begun_and_ended(run, earlier, self._stale_after)
        if "stale" not in begun:
            self._stale_without_run.discard(outcome.account)  # the account is not stale, or a run has reported it
        elif outcome.account not in self._stale_without_run:
            self._stale_without_run.add(outcome.account)
            yield self._trouble_alert(connection, "stale", run | {"error": str(outcome.error)})

    def _trouble_alert(self, connection: Connection, trouble: Trouble, run: Row) -> Alert:
        account, text = _safe(run["account"]), run["error"] or ""
        error = _safe(text, 600)  # it may quote the API
        if trouble == "key_refused":
            return Alert("failure", f"inventory: {account}: the key was refused", error)
        if trouble == "stale":
            age = brief(run["started_at"] - run["known_since"])
            last = run["previous_complete_at"]
            since = f"The last complete run was at {iso(last)}, {age} ago" if last else f"No run was complete for {age}"
            body = f"{since}: more than {brief(self._stale_after)}. {error}"
            return Alert("warning", f"inventory: {account} is stale", body)
        held = held_instances(connection, run["account"])
        return Alert(
            "warning",
            f"inventory: {account}: {counted(held.total, 'instance')} held",
            "\n".join([log.plain(text, 600), *_lines(held)]),  # the program's own words, with commands to copy
        )


def _rule_alerts(connection: Connection, rule: AlertRule, run: Row, outcome: Outcome) -> Iterator[Alert]:
    """Yield the alert of a rule, if this run found matching instances. A rule with an age needs a complete run."""
    if rule.older_than is not None:
        if not run["complete"]:
            return
        found = aged_instances(connection, rule, run, rule.older_than)
        what = f"now older than {brief(rule.older_than)}"
    elif rule.event == "vanished":
        found = _vanished(connection, rule, run, outcome)
        what = "gone"
    else:
        found = _appeared(connection, rule, run, outcome)
        what = "new"
    if found.total:
        title = f"inventory: {_safe(run['account'])}: {counted(found.total, 'instance')} {what}"
        body = "\n".join([f"As of {iso(run['started_at'])}:", *_lines(found)])
        yield Alert("info", title, body)


def _vanished(connection: Connection, rule: AlertRule, run: Row, outcome: Outcome) -> InstanceList:
    """Return the matching instances that this run recorded as vanished, at its own time or an earlier run's time."""
    found = InstanceList([], 0)
    if outcome.counts["vanished"]:
        found = instances_with_event(connection, rule, run, ("vanished",))
    settled = settled_instances(connection, rule, run, outcome.settled)
    return InstanceList([*found.rows, *settled][:MAX_LISTED], found.total + len(settled))


def _appeared(connection: Connection, rule: AlertRule, run: Row, outcome: Outcome) -> InstanceList:
    if not any(outcome.counts[event] for event in NEW_EVENTS):
        return InstanceList([], 0)
    return instances_with_event(connection, rule, run, NEW_EVENTS)


def _lines(found: InstanceList) -> list[str]:
    """Return a line of text for each instance in `found.rows`, and a last line with the number of others, if any."""
    names = ("instance_id", "instance_type", "region", "creator_user_nickname")
    lines = ["  ".join(_safe(row[name] or "-") for name in names) for row in found.rows]
    return lines + ([f"and {found.total - len(found.rows)} more"] if found.total > len(found.rows) else [])


def _safe(text: str, limit: int = 80) -> str:
    """Return a text as one short printable line without the marks that `_FULL_WIDTH` replaces."""
    return log.plain(text, limit).translate(_FULL_WIDTH)
