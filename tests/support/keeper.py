"""A keeper who cheats: a person with full rights on the database, who may change its schema and knows the program.

A cheat changes a recorded history in one transaction, in a random but plausible way. For many kinds of cheats, `forge`
then recomputes the columns that follow from others. The database is checked against checkpoints that were taken before,
and the transaction is rolled back. (The kind PRUNED needs several transactions.) A cheat that changes nothing, or only
what `hide_exceptions` leaves out, does not count.
"""

import json
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from inventory.errors import BreachFound, DatabaseError, UsageError
from inventory.history.merkle_log.dropped import free_places
from inventory.history.merkle_log.start import run_leaf
from inventory.history.prune import PruneRequest, prune
from inventory.merkle import HASH_SIZE
from inventory.record import FIELDS
from inventory.store import database
from inventory.store.catalogue import RELATIONS
from inventory.store.stretches import SAME
from inventory.store.tables import METADATA, UTCDateTime, accounts, calendar
from support.checkpoints import Checkpoint, check, check_rows
from support.forgery import TABLES, copy_rows, forge, keyed, read_rows, write_rows
from support.pasts import restore

EDITED = (
    *("sync_runs",) * 6, *("instance_versions",) * 6, *("instance_state",) * 4, *("accounts",) * 2,
    *("operator_actions",) * 3, "dropped_entries",
)  # fmt: skip
"""An edit draws its table from this tuple. Tables that hold more of the history are in it more often."""

VIEWS = {
    relation.name: [column.name for column in relation.columns] for relation in RELATIONS if relation.kind == "view"
}
"""A dict from the name of a view to the names of its columns."""

PRUNED = "a history edited, all recomputed, then pruned for real"

NOT_HISTORY = {"walk_digest", "checkpoint_at"} | {
    column.name for column in accounts.c if column.name.startswith(("lease_", "fencing_"))
}
"""The columns of `accounts` that say nothing about the past."""


class NotACheat(Exception):
    """A cheat that came to nothing.

    There was no row to edit, or nothing changed, or two rows had the same key, or the rows allow no log to be computed.
    """


class Try(NamedTuple):
    """One cheat: its kind, a text that says what was done, and what found it: `verify`, `checkpoint`, or None."""

    kind: str
    what: str
    found_by: str | None


@dataclass
class Keeper:
    """A keeper who cheats in one history, `past`: a Past of `support.pasts`.

    The database of `engine` must hold the last moment of `past`.
    """

    engine: sa.Engine
    past: Any
    random: Any
    others: list = field(default_factory=list)
    """Past objects of several histories. The keeper may present one of them as this history."""

    def __post_init__(self):
        self.rows = self.past.last.rows
        self.sqlite = database.is_sqlite(self.engine)
        self.touched = None
        self.uncovered = uncovered_fields(self.rows)
        self.hidden = hide_exceptions(self.rows, self.uncovered)

    def cheat(self, kind):
        """Make a cheat of the kind `kind`, check the database, and undo the cheat.

        Return the Try; None if the cheat came to nothing, or if the database refused it.
        """
        if kind == PRUNED:
            with suppress(NotACheat, IntegrityError, DatabaseError):
                what, verdict = self.edit_and_prune()
                return Try(kind, f"{self.past.name}: {what}", found_by(verdict))
            return None
        self.touched = None
        with suppress(NotACheat), database.writing(self.engine) as connection:
            try:
                what, checkpoints = KINDS[kind](self, connection)
                verdict = self.find(connection, checkpoints)
                return Try(kind, f"{self.past.name}: {what}", found_by(verdict))
            except IntegrityError:
                return None
            finally:
                connection.rollback()
        return None

    def find(self, connection, checkpoints):
        """Return the Verdict of the first check that finds something; if none does, of the last check.

        The checks are, in this order: `check_rows` for the touched account, if only one was touched; `check_rows` for
        all accounts; `check`, which also looks at storage, views, triggers and the calendar.
        """
        if self.touched is not None:
            own = {row["log_id"] for row in self.rows["accounts"] if row["account"] == self.touched}
            some = [each for each in checkpoints if each.log_id in own]
            if verdict := check_rows(connection, some, account=self.touched):
                return verdict
        return check_rows(connection, checkpoints) or check(connection, checkpoints)

    def edit_and_prune(self):
        """Edit and recompute the history, let the real `prune` fold it, check the result, and put the old rows back.

        Return a text that says what was done, and the Verdict.
        """
        account = self.some(self.rows["accounts"], where=lambda row: row["log_id"] is not None)["account"]
        run = self.some(self.rows["sync_runs"], where=lambda run: run["account"] == account)
        change = self.random.choice((edit_a_value, rewrite, rewrite, delete_newest))
        try:
            with database.writing(self.engine) as connection:
                what, checkpoints = self.edit(connection, change)
            request = PruneRequest(account, run["started_at"] + timedelta(seconds=1), "old")
            with suppress(BreachFound, UsageError, DatabaseError):
                prune(self.engine, request, lease_seconds=60, clock=lambda: self.past.last.now)
                what += f"; then {account} pruned before {request.before}"
            with database.reading(self.engine) as connection:
                return what, check_rows(connection, checkpoints) or check(connection, checkpoints)
        finally:
            with database.reading(self.engine) as connection:
                now = read_rows(connection)
            restore(self.engine, now, self.rows)

    def write(self, connection, after):
        """Write the rows `after`. If all changed rows belong to one account, set `touched` to it, else to None.

        Raise NotACheat if the rows differ from the old ones only in what `hide_exceptions` leaves out, or if two rows
        of a table have the same primary key.
        """
        for table in TABLES:
            if len(keyed(table, after[table.name])) != len(after[table.name]):
                raise NotACheat
        shown = hide_exceptions(after, self.uncovered)
        if shown == self.hidden:
            raise NotACheat
        touched = {row.get("account") for name, rows in shown.items() for row in _differing(rows, self.hidden[name])}
        self.touched = touched.pop() if len(touched) == 1 else None
        write_rows(connection, self.rows, after)

    def edit(self, connection, change, *, recompute=True):
        """Let `change(keeper, rows)` edit a copy of the rows. Apply `forge` if `recompute` is true, and write the rows.

        Return a pair: the text that `change` returned, and the checkpoints to check against.
        """
        after = copy_rows(self.rows)
        what = change(self, after)
        if not what:
            raise NotACheat
        if recompute:
            try:
                forge(after)
            except (KeyError, IndexError, ValueError, TypeError, AttributeError):
                raise NotACheat from None  # no log can be computed from these rows
        self.write(connection, after)
        return what, self.past.last.checkpoints

    def some(self, rows, *, where=lambda _: True):
        """Return a random element of `rows` for which `where` is true; raise NotACheat if there is none."""
        rows = [row for row in rows if where(row)]
        if not rows:
            raise NotACheat
        return self.random.choice(rows)


def _differing(rows, others):
    """Compare two dicts from keys to rows, and return a list of the rows that differ.

    A row that only one dict has is in the list once. If the two dicts have different rows under one key, both are in
    the list.
    """
    keys = {key for key in rows.keys() | others.keys() if rows.get(key) != others.get(key)}
    return [found[key] for key in keys for found in (rows, others) if key in found]


def found_by(verdict):
    if verdict.breaches:
        return "verify"
    return "checkpoint" if verdict.differences else None


def uncovered_fields(rows):
    """Return a dict from (account, instance id) to the set of fields in `instance_state` that no log entry covers.

    These are the fields that were ignored by the run that opened the newest version of the instance, or by a later run.
    If that version is older than the log, these are added:

    - the fields in the list `ignored` of entry 0
    - the column `ignored`: entry 0 has one list for the whole account, so the right value for one instance is unknown
    """
    newest, earlier, found = {}, {}, defaultdict(set)
    for version in rows["instance_versions"]:
        key = version["account"], version["instance_id"]
        newest[key] = max(newest.get(key, 0), version["opened_by_run_id"])
    for account in rows["accounts"]:
        history = json.loads(account["log_start"] or "{}").get("history") or {}
        earlier[account["account"]] = history.get("last_run_id", 0), history.get("ignored") or ()
    ignoring = [run for run in rows["sync_runs"] if run["ignore_changes"]]
    for key, opened in newest.items():
        last_run_id, ignored = earlier[key[0]]
        if opened <= last_run_id:
            found[key].update(ignored, ["ignored"])
        for run in ignoring:
            if run["account"] == key[0] and run["run_id"] >= opened:
                found[key].update(run["ignore_changes"].split(","))
    return found


def hide_fields(state, fields):
    """Return a copy of a row of `instance_state` without `fields`, and without values that follow from them.

    `ignored` becomes a set. If `extra` is a JSON object, it becomes a pair: the text without `fields`, and whether the
    old text was canonical.
    """
    left = {name: value for name, value in state.items() if name not in fields and name != "row_hash"}
    if "ignored" in left:
        left["ignored"] = {*state["ignored"].split(",")} - fields
    if "instance_type" in fields:
        left["gpu_count"] = left["gpu_model"] = None
    with suppress(ValueError, TypeError):
        extra = {name: value for name, value in json.loads(state["extra"]).items() if name not in fields}
        is_written = state["extra"] == canonical(json.loads(state["extra"]))
        left["extra"] = (canonical(extra), is_written)
    return left


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def hide_exceptions(rows, uncovered):
    """Return a copy of the rows. Leave out what a keeper may change: no check has to find such a change.

    The result is a dict from the name of a table to a dict from primary keys to rows. Each row is a dict. `uncovered`
    is the result of `uncovered_fields`. This is left out, because no answer about the past depends on it:

    - `accounts`: the columns NOT_HISTORY. `walk_digest` only lets the next run skip a comparison.
    - `sync_runs`: the row of a run with the status `running`. It has no log entry yet, and the run ends only after the
      checkpoint was taken.
    - `instance_state`: `seen_run_id` of a live instance, if that run is the last complete run or an earlier one. Then
      the last complete run was the last to see the instance, whatever `seen_run_id` is.
    - `instance_state`: the fields `uncovered`. A change of a field that a run ignores opens no version. Until a later
      version opens, no log entry covers what the row shows for this field (docs/checkpoints.md).
    - `instance_versions`: `moved`, except in a version that a change opened with another type or region than the
      version before. There `moved` must be true. Elsewhere it may be true or false: it only lets queries skip versions.
    """
    shown = {}
    last = {row["account"]: row["last_complete_run_id"] or 0 for row in rows["accounts"]}
    for table in TABLES:
        kept = {}
        for key, row in keyed(table, rows[table.name]).items():
            if table.name == "sync_runs" and row["status"] == "running":
                continue
            hidden = NOT_HISTORY if table.name == "accounts" else set()
            if (
                table.name == "instance_state"
                and row["presence"] == "live"
                and row["seen_run_id"] <= last.get(row["account"], 0)
            ):
                hidden = {"seen_run_id"}
            kept[key] = {name: value for name, value in row.items() if name not in hidden}
            if table.name == "instance_state" and (fields := uncovered.get((row["account"], row["instance_id"]))):
                kept[key] = hide_fields(kept[key], fields)
        shown[table.name] = kept
    _hide_moved(shown["instance_versions"])
    return shown


def _hide_moved(versions):
    before = None
    for _, version in sorted(versions.items()):
        same = before is not None and all(before[name] == version[name] for name in ("account", "instance_id", *SAME))
        version["moved"] = version["moved"] or same or version["opened_as"] != "changed"
        before = version


# -- values


def other_value(random, table, name, rows, value):  # noqa: PLR0911 - one line for each type
    """Return another value for a column: null, the value of another row, or one near `value`.

    The integer 0 may stay 0, and a JSON text such as `{}` may stay as it is.
    """
    column = METADATA.tables[table].c[name]
    values = [each for each in {row[name] for row in rows} if each != value and each is not None]
    if column.nullable and value is not None and random.random() < 0.2:
        return None
    if values and random.random() < 0.5:
        return random.choice(sorted(values, key=repr))
    if isinstance(column.type, UTCDateTime):
        return (value or datetime.fromisoformat("2026-03-06T12:00:00+00:00")) + timedelta(
            microseconds=random.choice((-1, 1, 60_000_000, -3_600_000_000, 86_400_000_000))
        )
    if isinstance(column.type, sa.Boolean):
        return not value
    if isinstance(column.type, sa.Integer):
        return max(0, (value or 0) + random.choice((-1, 1, 2)))
    if isinstance(column.type, sa.Double):
        return (value or 0.0) + random.choice((1.0, 0.25))
    if isinstance(column.type, sa.LargeBinary):
        return bytes([(value or bytes(32))[0] ^ 1]) + (value or bytes(32))[1:]
    if name in {"extra", "details"}:
        return other_json(random, value)
    return f"{value or ''}{random.choice('xyz')}"


def other_json(random, text):
    """Return an edited JSON object as text: a key is there twice, the white space differs, or one value is new."""
    kept = json.loads(text or "{}")
    how = random.randrange(4)
    if how == 0 and kept:
        name = random.choice(sorted(kept))
        return f'{{{json.dumps(name)}: "other", {(text or "")[1:]}'  # the name is there twice
    if how == 1:
        return json.dumps(kept, indent=1)
    return json.dumps({**kept, random.choice(["price", "team", "note"]): None if how == 2 else "7"}, sort_keys=True)


# -- edits of rows. Each function edits the rows `after` in place, and returns a text that says what was done


def edit_a_value(keeper, after):
    """Edit one column of one row.

    Three kinds of values are edited in another table too:

    - a field in the last version of an episode: also in `instance_state`
    - a field in `instance_state`: in half of the cases also in the open version
    - the time of an act that retired the account: also in `accounts`
    """
    random = keeper.random
    table = random.choice(EDITED)
    rows = after[table]
    row = keeper.some(rows)
    name = random.choice(list(row))
    old, row[name] = row[name], other_value(random, table, name, rows, row[name])
    if table == "instance_versions" and row["closed_as"] != "changed" and name in (*FIELDS, "extra"):
        for state in after["instance_state"]:
            if (state["account"], state["instance_id"]) == (row["account"], row["instance_id"]):
                state[name] = row[name]
    if table == "instance_state" and name in (*FIELDS, "extra") and random.random() < 0.5:
        for version in after["instance_versions"]:
            same = (version["account"], version["instance_id"]) == (row["account"], row["instance_id"])
            if same and version["valid_to"] is None:
                version[name] = row[name]
    if table == "operator_actions" and row["action"] == "retire" and name == "occurred_at":
        for account in after["accounts"]:
            if account["account"] == row["account"] and account["retired_at"] == old:
                account["retired_at"] = row[name]
    key = [old if each.name == name else row[each.name] for each in METADATA.tables[table].primary_key]
    return f"{table} {key}: {name} {old!r} becomes {row[name]!r}"


def swap_two_values(keeper, after):
    """Swap the values of one column between two rows of one table."""
    table = keeper.random.choice(EDITED)
    rows = after[table]
    name = keeper.random.choice(list(keeper.some(rows)))
    first = keeper.some(rows)
    second = keeper.some(rows, where=lambda row: row[name] != first[name])
    first[name], second[name] = second[name], first[name]
    return f"{table}: {name} {second[name]!r} and {first[name]!r} swapped"


def swap_two_rows(keeper, after):
    """Swap all values of two rows of one table, except the primary keys."""
    table = keeper.random.choice(EDITED)
    keys = {column.name for column in METADATA.tables[table].primary_key}
    first, second = keeper.some(after[table]), keeper.some(after[table])
    for name in first.keys() - keys:
        first[name], second[name] = second[name], first[name]
    return f"{table}: two rows swapped, {[first[key] for key in sorted(keys)]} {[second[key] for key in sorted(keys)]}"


def delete_a_row(keeper, after):
    """Delete a row."""
    table = keeper.random.choice(EDITED)
    row = keeper.some(after[table])
    after[table].remove(row)
    return f"{table}: a row deleted: { {name: row[name] for name in list(row)[:4]} }"


def insert_a_row(keeper, after):
    """Insert a copy of a row under another key.

    If the row is a run or act with a log entry, the copy gets an entry at a random index. The entries from this index
    on move up by one.
    """
    random, table = keeper.random, keeper.random.choice(EDITED)
    row = {**keeper.some(after[table])}
    for column in METADATA.tables[table].primary_key:
        if random.random() < 0.6 or len(METADATA.tables[table].primary_key) == 1:
            row[column.name] = other_value(random, table, column.name, after[table], row[column.name])
    if table == "sync_runs":
        row["started_at"] += timedelta(microseconds=random.choice((-1, 1, 1000)))
    if table in {"sync_runs", "operator_actions"} and row["log_index"] is not None:
        size = max(
            (other["log_index"] or 0 for name in ("sync_runs", "operator_actions") for other in after[name]
             if other["account"] == row["account"]), default=0,
        )  # fmt: skip
        row["log_index"] = index = random.randint(1, size)
        _shift(after, row["account"], index)
    after[table].append(row)
    return f"{table}: a row inserted: { {name: row[name] for name in list(row)[:4]} }"


def _shift(after, account, index):
    """Add 1 to the index of each log entry of an account, from `index` on."""
    log_id = next(row["log_id"] for row in after["accounts"] if row["account"] == account)
    for name, column in (
        ("sync_runs", "log_index"), ("operator_actions", "log_index"), ("instance_versions", "closed_log_index"),
    ):  # fmt: skip
        for row in after[name]:
            if row["account"] == account and row[column] is not None and row[column] >= index:
                row[column] += 1
    for row in after["dropped_entries"]:
        if (row["log_id"], row["tree"]) == (log_id, "log") and row["first_index"] >= index:
            row["first_index"] += 1


# -- edits of several rows that belong together


def _versions_of(after, row):
    own = (row["account"], row["instance_id"])
    found = [each for each in after["instance_versions"] if (each["account"], each["instance_id"]) == own]
    return sorted(found, key=lambda version: version["valid_from"])


def _state_of(after, row):
    own = (row["account"], row["instance_id"])
    return next(each for each in after["instance_state"] if (each["account"], each["instance_id"]) == own)


def another_creator(keeper, after):
    """Replace the creator of one episode by another person, or by null."""
    version = keeper.some(after["instance_versions"])
    name = keeper.random.choice(("ada", "bob", "mallory", None))
    episode = [each for each in _versions_of(after, version) if each["episode"] == version["episode"]]
    for each in episode:
        if each["creator_user_nickname"] is not None or keeper.random.random() < 0.3:
            each["creator_user_nickname"] = name
        each["episode_creator"] = name
    state = _state_of(after, version)
    if version["episode"] == state["episodes"]:
        state["creator_user_nickname"] = episode[-1]["creator_user_nickname"]
    return f"{version['instance_id']} of {version['account']} was created by {name}"


def another_content(keeper, after):
    """Replace one to three fields of one version."""
    version = keeper.some(after["instance_versions"])
    names = keeper.random.sample([*FIELDS, "extra"], keeper.random.randint(1, 3))
    for name in names:
        old = version[name]
        new = other_value(keeper.random, "instance_versions", name, after["instance_versions"], old)
        if name == "extra" and new is not None:
            new = json.dumps({"price": keeper.random.randrange(100)}, separators=(",", ":"))
        version[name] = new
        if version["closed_as"] != "changed":
            _state_of(after, version)[name] = new
    return f"{version['instance_id']} from {version['valid_from']} has another {', '.join(names)}"


def another_time(keeper, after):
    """Change the time of a run, and every equal time in the runs, instances and versions of the same account.

    Heartbeats stay as they are.
    """
    run = keeper.some(after["sync_runs"])
    account, old = run["account"], run["started_at"]
    new = old + timedelta(seconds=keeper.random.choice((-900, -1, 1, 900)))
    for table in ("sync_runs", "instance_state", "instance_versions"):
        for row in after[table]:
            if row["account"] == account:
                row |= {name: new for name, value in row.items() if value == old and name != "heartbeat_at"}
    return f"run {run['run_id']} of {account} began at {new}"


def another_act(keeper, after):
    """Change the actor, the reason or the time of an act."""
    act = keeper.some(after["operator_actions"])
    name = keeper.random.choice(("actor", "reason", "occurred_at"))
    old = act[name]
    act[name] = other_value(keeper.random, "operator_actions", name, after["operator_actions"], old)
    for account in after["accounts"]:
        if name == "occurred_at" and account["account"] == act["account"] and account["retired_at"] == old:
            account["retired_at"] = act[name]
    return f"act {act['action']} of {act['account']} has another {name}: {act[name]}"


def erase_an_instance(keeper, after):
    """Delete all rows of an instance."""
    state = keeper.some(after["instance_state"])
    own = (state["account"], state["instance_id"])
    for table in ("instance_state", "instance_versions"):
        after[table][:] = [row for row in after[table] if (row["account"], row["instance_id"]) != own]
    return f"{own} never was"


def invent_an_instance(keeper, after):
    """Copy an instance with its whole history under another id."""
    state = keeper.some(after["instance_state"])
    for row in [state, *_versions_of(after, state)]:
        after["instance_state" if row is state else "instance_versions"].append({**row, "instance_id": "invented"})
    return f"{state['instance_id']} of {state['account']} has a twin"


def undo_a_change(keeper, after):
    """Join a version to the version before it, as if no field had changed between the two."""
    version = keeper.some(after["instance_versions"], where=lambda row: row["opened_as"] == "changed")
    own = _versions_of(after, version)
    before = own[own.index(version) - 1]
    if before["closed_as"] != "changed":
        raise NotACheat
    before |= {
        name: version[name]
        for name in ("valid_to", "closed_by_run_id", "closed_as", "last_seen_at", "closed_log_index")
    }
    after["instance_versions"].remove(version)
    state = _state_of(after, version)
    state["versions"] -= 1
    if before["closed_as"] != "changed":
        state |= {name: before[name] for name in (*FIELDS, "extra")}
    return f"{version['instance_id']} did not change at {version['valid_from']}"


def another_end(keeper, after):
    """Let a vanished instance vanish at a random complete run other than the account's first."""
    state = keeper.some(after["instance_state"], where=lambda row: row["presence"] == "vanished")
    version = _versions_of(after, state)[-1]
    runs = sorted(
        (run for run in after["sync_runs"] if run["account"] == state["account"] and run["complete"]),
        key=lambda run: run["started_at"],
    )
    before, run = keeper.some(pairwise(runs))
    if run["started_at"] <= version["valid_from"]:
        raise NotACheat
    seen = before if before["started_at"] >= version["valid_from"] else run
    version |= {
        "valid_to": run["started_at"], "closed_by_run_id": run["run_id"], "last_seen_at": seen["started_at"],
        "closed_log_index": run["log_index"],
    }  # fmt: skip
    state |= {"vanished_at": run["started_at"], "seen_run_id": seen["run_id"]}
    return f"{state['instance_id']} of {state['account']} vanished at {run['started_at']}"


def another_settlement(keeper, after):
    """Assign the closing of a version to another log entry of the account."""
    version = keeper.some(after["instance_versions"], where=lambda row: row["closed_log_index"] is not None)
    logged = [row for name in ("sync_runs", "operator_actions") for row in after[name] if row["log_index"] is not None]
    entry = keeper.some(logged, where=lambda row: row["account"] == version["account"])
    old, version["closed_log_index"] = version["closed_log_index"], entry["log_index"]
    return f"{version['instance_id']}: closed by entry {entry['log_index']}, not {old}"


def forget_a_failed_run(keeper, after):
    """Delete a run that failed, was abandoned or was partial: then nothing shows the gap."""
    run = keeper.some(after["sync_runs"], where=lambda run: run["status"] in {"failed", "abandoned", "partial"})
    if any(version["opened_by_run_id"] == run["run_id"] for version in after["instance_versions"]):
        raise NotACheat
    after["sync_runs"].remove(run)
    return f"run {run['run_id']} never failed"


def another_outcome(keeper, after):
    """Copy the outcome of one run to another: status, completeness, error, digest, and number of missing instances."""
    run, model = keeper.some(after["sync_runs"]), keeper.some(after["sync_runs"])
    names = ("status", "complete", "error_code", "error", "missing", "fleet_digest")
    run |= {name: model[name] for name in names}
    return f"run {run['run_id']} ended as {run['status']}, {run['error_code']}"


def forget_an_act(keeper, after):
    """Delete the row of an act."""
    act = keeper.some(after["operator_actions"])
    after["operator_actions"].remove(act)
    return f"nobody did {act['action']}"


REWRITES = (
    another_creator, another_content, another_time, another_act, erase_an_instance, invent_an_instance, undo_a_change,
    another_end, another_settlement, forget_a_failed_run, another_outcome, forget_an_act,
)  # fmt: skip


def rewrite(keeper, after):
    return keeper.random.choice(REWRITES)(keeper, after)


def swap_instances(keeper, after):
    """Swap the whole histories of two instances, or only the columns that say whether each is missing."""
    first = keeper.some(after["instance_state"], where=lambda row: row["presence"] != "live")
    second = keeper.some(
        after["instance_state"], where=lambda row: row["account"] == first["account"] and row is not first
    )
    names = [first["instance_id"], second["instance_id"]]
    if keeper.random.random() < 0.5 and "vanished" not in {first["presence"], second["presence"]}:
        for name in ("presence", "held", "missing_since", "missing_run_id", "seen_run_id", "unlisted_runs"):
            first[name], second[name] = second[name], first[name]
        return f"{names} of {first['account']}: which one is missing"
    other = dict(zip(names, reversed(names), strict=True))
    for table in ("instance_state", "instance_versions"):
        for row in after[table]:
            if row["account"] == first["account"] and row["instance_id"] in other:
                row["instance_id"] = other[row["instance_id"]]
    return f"{names} of {first['account']}: the one has the other's history"


def swap_accounts(keeper, after):
    """Swap the names of two accounts, or their names and log ids."""
    with_log = [row for row in after["accounts"] if row["log_id"] is not None]
    first = keeper.some(with_log)
    second = keeper.some(with_log, where=lambda row: row is not first)
    names = [first["account"], second["account"]]
    other = dict(zip(names, reversed(names), strict=True))
    with_ids = keeper.random.random() < 0.5
    if with_ids:
        ids = dict(zip([first["log_id"], second["log_id"]], [second["log_id"], first["log_id"]], strict=True))
        for row in after["dropped_entries"]:
            row["log_id"] = ids.get(row["log_id"], row["log_id"])
        first["log_id"], second["log_id"] = second["log_id"], first["log_id"]
    for table in TABLES[:-1]:
        for row in after[table.name]:
            row["account"] = other.get(row["account"], row["account"])
    return f"accounts {names} swapped {'with' if with_ids else 'without'} their log ids"


def delete_newest(keeper, after):
    """Delete the runs and acts of the newest one to four log entries of an account, and undo what they wrote.

    Running runs of the account are deleted too.
    """
    account = keeper.some(after["accounts"], where=lambda row: row["log_id"] is not None and row["log_size"] > 1)
    name = account["account"]
    first = account["log_size"] - keeper.random.randint(1, min(4, account["log_size"] - 1))
    gone = {
        run["run_id"]
        for run in after["sync_runs"]
        if run["account"] == name and ((run["log_index"] or 0) >= first or run["status"] == "running")
    }
    after["sync_runs"][:] = [run for run in after["sync_runs"] if run["run_id"] not in gone]
    after["operator_actions"][:] = [
        act for act in after["operator_actions"] if act["account"] != name or act["log_index"] < first
    ]
    after["instance_versions"][:] = [
        version for version in after["instance_versions"] if version["opened_by_run_id"] not in gone
    ]
    open_again = {"valid_to": None, "closed_by_run_id": None, "closed_as": None, "last_seen_at": None}
    for version in after["instance_versions"]:
        if version["account"] == name and (version["closed_log_index"] or 0) >= first:
            version.update(open_again, closed_log_index=None)
    complete = [run["run_id"] for run in after["sync_runs"] if run["account"] == name and run["complete"]]
    account["last_complete_run_id"] = max(complete, default=None)
    for state in list(after["instance_state"]):
        if state["account"] == name:
            _reset_state(after, state, account["last_complete_run_id"])
    return f"{name}: all from entry {first} on is deleted"


def _reset_state(after, state, last_complete):
    versions = _versions_of(after, state)
    if not versions:
        after["instance_state"].remove(state)
        return
    last = versions[-1]
    state |= {name: last[name] for name in (*FIELDS, "extra")}
    state |= {"episodes": last["episode"], "versions": len(versions), "vanished_at": last["valid_to"]}
    state["presence"] = "live" if last["valid_to"] is None else "vanished"
    state |= {"held": False, "missing_since": None, "missing_run_id": None, "unlisted_runs": 0}
    if last["valid_to"] is None:
        state["seen_run_id"] = min(state["seen_run_id"], last_complete or state["seen_run_id"])


def keep_only_the_hash(keeper, after):
    """Delete the row of a run or an act, and keep its hash in `dropped_entries`. `prune` does so with runs only."""
    table = keeper.random.choice(("sync_runs", "operator_actions"))
    rather = keeper.random.choice(("failed", "abandoned", "partial", "succeeded", "held"))
    row = keeper.some(after[table], where=lambda row: row.get("status", rather) == rather)
    (account,) = (each for each in after["accounts"] if each["account"] == row["account"])
    if account["log_id"] is None:
        raise NotACheat
    if row["log_index"] is not None:
        dropped = {"tree": "log", "first_index": row["log_index"], "hashes": row["entry_hash"]}
    else:
        own = [run for run in after["sync_runs"] if run["account"] == row["account"] and run["log_index"] is None]
        taken = [
            each["first_index"] + number
            for each in after["dropped_entries"]
            if (each["log_id"], each["tree"]) == (account["log_id"], "runs")
            for number in range(len(each["hashes"]) // HASH_SIZE)
        ]
        finished = sorted((run for run in own if run["status"] != "running"), key=lambda run: run["run_id"])
        place = dict(zip((run["run_id"] for run in finished), free_places(sorted(taken)), strict=False))
        dropped = {"tree": "runs", "first_index": place[row["run_id"]], "hashes": run_leaf(row)}
    after["dropped_entries"].append({"log_id": account["log_id"], **dropped})
    after[table].remove(row)
    return f"{table}: only the hash is left of { {name: row[name] for name in list(row)[:4]} }"


def copy_an_account(keeper, after):
    """Rename an account, and insert a rewritten copy of its history under the old name and the same log id."""
    account = keeper.some(after["accounts"], where=lambda row: row["log_id"] is not None)
    name, number = account["account"], 100_000
    if "history" in json.loads(account["log_start"]):
        raise NotACheat
    for table in TABLES[:-1]:
        for row in [row for row in after[table.name] if row["account"] == name]:
            copy = {key: value + number if _is_id(key) and value is not None else value for key, value in row.items()}
            after[table.name].append(copy)
            row["account"] = "zz"
    act = {
        "action_id": 2 * number, "account": "zz", "occurred_at": keeper.past.last.now, "action": "rename",
        "actor": "mallory", "reason": None, "details": json.dumps({"from": name, "to": "zz"}),
        "log_index": account["log_size"], "entry_hash": bytes(32),
    }  # fmt: skip
    after["operator_actions"].append(act)
    for version in after["instance_versions"]:
        if version["account"] == name:
            version["creator_user_nickname"] = "mallory"
    return f"{name} is renamed to zz, and another history has its name and its log id"


def _is_id(name):
    return name.endswith("run_id") or name == "action_id"


def act_for_nobody(keeper, after):
    """Insert an act of an account that does not exist."""
    number = 1 + max((act["action_id"] for act in after["operator_actions"]), default=0)
    act = {
        "action_id": number, "account": "nobody", "occurred_at": keeper.past.last.now, "action": "accept",
        "actor": "mallory", "reason": None, "details": "{}", "log_index": 1, "entry_hash": bytes(32),
    }  # fmt: skip
    after["operator_actions"].append(act)
    return "an act for an account that is not there"


# -- kinds of cheats. Each function returns a text that says what was done, and the checkpoints to check against


def _edit(change, **options):
    return lambda keeper, connection: keeper.edit(connection, change, **options)


def restore_older(keeper, connection):
    """Replace all rows by the rows of an older moment of this history."""
    moment = keeper.some(keeper.past.moments[:-1])
    keeper.write(connection, copy_rows(moment.rows))
    return f"the copy after {moment.runs} runs is back", keeper.past.last.checkpoints


def restore_and_go_on(keeper, connection):
    """Replace all rows by the rows of a fork: an older moment, and other runs after it."""
    rows = keeper.some(keeper.past.forks)
    keeper.write(connection, copy_rows(rows))
    return f"an older copy went on to {len(rows['sync_runs'])} runs", keeper.past.last.checkpoints


def another_database(keeper, connection):
    """Replace all rows by the rows of another history: unchanged, or recomputed under the log ids of this database."""
    other = keeper.some(keeper.others, where=lambda past: past is not keeper.past)
    rows = copy_rows(keeper.random.choice(other.moments).rows)
    if renamed := keeper.random.random() < 0.6:
        ids = [row["log_id"] for row in keeper.rows["accounts"] if row["log_id"] is not None]
        new = {
            row["log_id"]: id_
            for row, id_ in zip((row for row in rows["accounts"] if row["log_id"] is not None), ids, strict=False)
        }
        for row in (*rows["accounts"], *rows["dropped_entries"]):
            row["log_id"] = new.get(row["log_id"], row["log_id"])
        try:
            forge(rows)
        except (KeyError, ValueError):
            raise NotACheat from None
    keeper.write(connection, rows)
    how = "under these log ids" if renamed else "as it is"
    return f"the history `{other.name}` {how}", keeper.past.last.checkpoints


def forge_a_checkpoint(keeper, _connection):
    """Leave the database as it is, and return a checkpoint that was never taken of it."""
    random, real = keeper.random, keeper.past.last.checkpoints
    taken = keeper.some(real)
    others = [each for past in (*keeper.others, keeper.past) for moment in past.moments for each in moment.checkpoints]
    other = keeper.some(others, where=lambda each: each.root != taken.root)
    forged = random.choice([
        Checkpoint(taken.log_id, taken.size, other.root),
        Checkpoint(other.log_id, taken.size, taken.root),
        Checkpoint(taken.log_id, taken.size + random.randint(1, 3), taken.root),
        Checkpoint(taken.log_id, max(1, taken.size - 1), taken.root),
    ])  # fmt: skip
    if forged in others:
        raise NotACheat
    return f"a checkpoint of {forged.size} entries of {forged.log_id}", [forged]


def change_the_calendar(keeper, connection):
    """Delete, add or change a day of the calendar."""
    day = date(2026, 1, 1) + timedelta(days=keeper.random.randrange(365))
    own = calendar.c.day == day
    what = keeper.random.choice(["deleted", "of another week", "of another month", "added"])
    other = day + timedelta(days=keeper.random.choice([-7, 7, 31]))
    statement = {
        "deleted": sa.delete(calendar).where(own),
        "of another week": sa.update(calendar).where(own).values(week=other),
        "of another month": sa.update(calendar).where(own).values(month=other),
        "added": sa.insert(calendar).values(day=date(2050, 1, 1) + (day - date(2026, 1, 1)), week=day, month=day),
    }
    before = connection.execute(sa.select(calendar).order_by(calendar.c.day)).all()
    connection.execute(statement[what])
    if connection.execute(sa.select(calendar).order_by(calendar.c.day)).all() == before:
        raise NotACheat
    return f"calendar: {day} is {what}", keeper.past.last.checkpoints


def replace_a_view(keeper, connection):
    """Drop a view, or replace it by a view with another text. The other view may return the same rows."""
    random, name = keeper.random, keeper.random.choice(list(VIEWS))
    sql = view_text(connection, name)
    column = random.choice(list(VIEWS[name]))
    how = random.choice(["WHERE", "value", "drop", "LIMIT"])
    if how == "drop":
        connection.exec_driver_sql(f"DROP VIEW {name} {'' if keeper.sqlite else 'CASCADE'}")
        return f"view {name} is dropped", keeper.past.last.checkpoints
    columns = ", ".join(
        f"CASE WHEN false THEN NULL ELSE {each} END AS {each}" if how == "value" and each == column else each
        for each in VIEWS[name]
    )
    tail = {"WHERE": f"WHERE {column} IS NOT NULL", "LIMIT": "LIMIT 1000000", "value": ""}[how]
    body = f"SELECT {columns} FROM ({sql}) AS original {tail}"
    if keeper.sqlite:
        connection.exec_driver_sql(f"DROP VIEW {name}")
        connection.exec_driver_sql(f"CREATE VIEW {name} AS {body}")
    else:
        connection.exec_driver_sql(f"CREATE OR REPLACE VIEW {name} AS {body}".replace("%", "%%"))
    return f"view {name}: {how} {column}", keeper.past.last.checkpoints


def view_text(connection, name):
    """Return the SELECT statement of a view, as the database stores it."""
    if database.is_sqlite(connection):
        sql = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).scalar_one()
        return sql.partition(" AS")[2].strip().rstrip(";")
    sql = connection.execute(sa.text("SELECT pg_get_viewdef(CAST(:name AS regclass))"), {"name": name}).scalar_one()
    return sql.rstrip(";")


def add_a_trigger(keeper, connection):
    """Add a trigger to a table, or on PostgreSQL a rule or row-level security.

    Such objects can change what is written or shown later.
    """
    random, table = keeper.random, keeper.random.choice(TABLES).name
    event = random.choice(["INSERT", "UPDATE", "DELETE"])
    when = random.choice(["BEFORE", "AFTER"])
    if keeper.sqlite:
        connection.exec_driver_sql(
            f"CREATE TRIGGER quiet {when} {event} ON {table} BEGIN UPDATE accounts SET retired_at = NULL; END"
        )
        return f"a trigger {when} {event} on {table}", keeper.past.last.checkpoints
    how = random.choice(["trigger", "rule", "policy"])
    if how == "trigger":
        connection.exec_driver_sql(
            "CREATE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$"
        )
        connection.exec_driver_sql(
            f"CREATE TRIGGER quiet {when} {event} ON {table} FOR EACH ROW EXECUTE FUNCTION quiet()"
        )
    elif how == "rule":
        connection.exec_driver_sql(f"CREATE RULE quiet AS ON {event} TO {table} DO INSTEAD NOTHING")
    else:
        connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        if random.random() < 0.5:
            connection.exec_driver_sql(f"CREATE POLICY quiet ON {table} FOR SELECT USING (false)")
    return f"a {how} on {table}, {event}", keeper.past.last.checkpoints


def hide_a_table(keeper, connection):
    """Rename a table, and create a view under its name. Such a view could show other rows than the table has."""
    table = keeper.random.choice(TABLES)
    hidden = f"{table.name}_2"
    if keeper.sqlite:
        connection.exec_driver_sql("PRAGMA legacy_alter_table = ON")
    connection.exec_driver_sql(f"ALTER TABLE {table.name} RENAME TO {hidden}")
    connection.exec_driver_sql(f"CREATE VIEW {table.name} AS SELECT * FROM {hidden}")
    if keeper.sqlite:
        connection.exec_driver_sql("PRAGMA legacy_alter_table = OFF")
    return f"table {table.name} is a view", keeper.past.last.checkpoints


KINDS: dict[str, Callable[[Keeper, Any], tuple[str, list]]] = {
    "a value edited, nothing recomputed": _edit(edit_a_value, recompute=False),
    "a value edited, all recomputed": _edit(edit_a_value),
    "two values swapped, all recomputed": _edit(swap_two_values),
    "two rows swapped, all recomputed": _edit(swap_two_rows),
    "history rewritten consistently, all recomputed": _edit(rewrite),
    "a row deleted, all recomputed": _edit(delete_a_row),
    "a row inserted, all recomputed": _edit(insert_a_row),
    "the newest runs deleted": _edit(delete_newest),
    "an older copy put back": restore_older,
    "an older copy put back and synced on": restore_and_go_on,
    "two accounts swapped": _edit(swap_accounts),
    "an account copied under its log id": _edit(copy_an_account),
    "an act invented for an account that is not there": _edit(act_for_nobody, recompute=False),
    "a row replaced by the hash of its entry": _edit(keep_only_the_hash, recompute=False),
    "instances swapped, missing or gone": _edit(swap_instances),
    "a view replaced or dropped": replace_a_view,
    "a trigger, rule or policy added": add_a_trigger,
    "a table replaced by a view": hide_a_table,
    "calendar days deleted, changed, added": change_the_calendar,
    "a checkpoint forged": forge_a_checkpoint,
    "another database presented": another_database,
}
"""A dict from the name of a kind to the function that makes such a cheat. Not here: PRUNED (`edit_and_prune`)."""


ALL_KINDS = (*KINDS, PRUNED)


def tally(tries):
    """Return the numbers of tries in nested dicts: by kind, then by `found_by`."""
    counts = defaultdict(lambda: defaultdict(int))
    for each in tries:
        counts[each.kind][each.found_by] += 1
    return counts
