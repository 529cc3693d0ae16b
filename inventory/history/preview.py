"""Preview a run: make the same plan as a run does, and write nothing."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.config.keys import Account
from inventory.config.settings import Settings
from inventory.history import reconcile
from inventory.history.brake import brake_applies
from inventory.history.difference import count_events
from inventory.history.reconcile import Absent
from inventory.history.step import NO_RUN, RunStamp, Step
from inventory.spool import Spool
from inventory.store import database
from inventory.store.tables import accounts

_EVENT_COLUMNS = ("event", "account", "instance_id", "instance_type", "region", "status", "creator_user_nickname")


@dataclass
class Preview:
    """The counts, events and missing instances that a run would record."""

    counts: Counter[str] = field(default_factory=Counter)
    changes: list[dict[str, Any]] = field(default_factory=list)
    """The events, as rows of `instance_events` with only the columns _EVENT_COLUMNS."""
    missing: dict[str, bool] = field(default_factory=dict)
    """The instances that would be missing after the run, by id. The value says whether the instance would be held."""


def preview(connection: Connection, account: Account, settings: Settings, spool: Spool, *, complete: bool) -> Preview:
    """Return the preview of a run whose walk filled the spool. `complete` says whether the walk was complete."""
    last = connection.scalar(sa.select(accounts.c.last_complete_run_id).where(accounts.c.account == account.name))
    stamp = RunStamp(account.name, NO_RUN, database.now(connection), last, settings.ignore_changes)
    brake = complete and brake_applies(connection, account, settings, spool)
    found = Preview(missing=reconcile.find_missing(connection, account.name))
    absent = Absent.after(complete=complete, brake=brake)
    for step in reconcile.plan(connection, stamp, spool, absent):
        count_events(stamp, step, found.counts)
        found.changes += _events(step)
        for state in step.written:
            found.missing.pop(state["instance_id"], None)
            if state["presence"] == "missing":
                found.missing[state["instance_id"]] = state["held"]
    return found


def _events(step: Step) -> list[dict[str, Any]]:
    rows = [{**version, "event": version["opened_as"]} for version in step.opened]
    rows += [{**state, "event": "vanished"} for state in step.gone]
    return [{name: row.get(name) for name in _EVENT_COLUMNS} for row in rows]
