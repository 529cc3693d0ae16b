"""Read all rows of a history, recompute the columns that follow from other columns, and write the rows back.

The keeper of `support.keeper` rewrites histories with this module. `forge` recomputes hashes, counts of events,
digests, roots and log entries, with the functions of the program. A history that nobody has edited stays as it is; a
test checks this.
"""

import json
from collections import Counter, defaultdict
from itertools import chain
from operator import itemgetter

import sqlalchemy as sa

from inventory.history.merkle_log.dropped import free_places
from inventory.history.merkle_log.entries import (
    CLOSED,
    OPENED,
    act_entry,
    closing_leaf,
    entry_bytes,
    iso_microseconds,
    opening_leaf,
    run_entry,
)
from inventory.history.merkle_log.folded import VERSION_COLUMNS, HistoryScope, history_root
from inventory.history.merkle_log.missing import digest_states
from inventory.history.merkle_log.start import run_leaf
from inventory.merkle import HASH_SIZE, Frontier, hash_leaf, root_of
from inventory.record import PAYLOAD, Record, differing_fields, gpus, hash_records, tracker
from inventory.spool import digest_fleet
from inventory.store import database, stretches
from inventory.store.tables import (
    CLOSINGS,
    EVENTS,
    accounts,
    dropped_entries,
    instance_state,
    instance_versions,
    operator_actions,
    sync_runs,
)

TABLES = (accounts, sync_runs, instance_state, instance_versions, operator_actions, dropped_entries)
"""The tables that hold the history. Each table comes after the tables that its foreign keys refer to."""

_stretch = itemgetter(*stretches.SAME)

APPLIED = ("succeeded", "held", "partial")


# -- rows


def read_rows(connection):
    """Return all rows of TABLES: a dict from a table's name to a list of its rows, as dicts, sorted by primary key."""
    return {
        table.name: [dict(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key)).mappings()]
        for table in TABLES
    }


def copy_rows(rows):
    return {name: [{**row} for row in kept] for name, kept in rows.items()}


def keyed(table, rows):
    """Return a dict with the `rows` of `table`: from the primary key of a row, a tuple, to the row."""
    names = [column.name for column in table.primary_key]
    return {tuple(row[name] for name in names): row for row in rows}


def write_rows(connection, before, after):
    """Change the database, which must hold the rows `before`, so that it holds the rows `after`.

    Both are as `read_rows` returns them. Only rows that differ are written. Foreign keys are checked only at the commit
    on SQLite, and not at all on PostgreSQL.
    """
    sqlite = database.is_sqlite(connection)
    connection.exec_driver_sql(
        "PRAGMA defer_foreign_keys = ON" if sqlite else "SET LOCAL session_replication_role = replica"
    )
    for table in TABLES:
        old, new = keyed(table, before[table.name]), keyed(table, after[table.name])
        assert len(new) == len(after[table.name]), "two rows have the same key"
        gone = [key for key, row in old.items() if new.get(key) != row]
        names = [column.name for column in table.primary_key]
        if gone:
            connection.execute(
                sa.delete(table).where(sa.and_(*(table.c[name] == sa.bindparam(f"old_{name}") for name in names))),
                [{f"old_{name}": value for name, value in zip(names, key, strict=True)} for key in gone],
            )
        if changed := [row for key, row in new.items() if old.get(key) != row]:
            connection.execute(sa.insert(table), changed)


# -- columns that follow from other columns


def forge(rows):
    """Recompute columns of `rows` in place. `rows` are as `read_rows` returns them.

    The columns are: GPU counts and models, creators of episodes, `moved`, hashes, counts of events, fleet digests, and
    all that belongs to the log of each account.
    """
    for account in rows["accounts"]:
        _Forger(rows, account).run()


class _Forger:
    """The work of `forge` on one account. Each step uses results of the steps before it."""

    def __init__(self, rows, account):
        self.rows, self.account = rows, account
        self.pruned_before = account["pruned_before"]
        self.runs = sorted(self._own("sync_runs"), key=lambda run: run["run_id"])
        self.acts = sorted(self._own("operator_actions"), key=lambda act: act["log_index"])
        self.states = {state["instance_id"]: state for state in self._own("instance_state")}
        self.versions = defaultdict(list)
        for version in sorted(self._own("instance_versions"), key=lambda version: version["valid_from"]):
            self.versions[version["instance_id"]].append(version)
        self.ids = sorted(self.versions)

    def _own(self, table):
        return [row for row in self.rows[table] if row["account"] == self.account["account"]]

    def run(self):
        self._forge_contents()
        self._forge_counts()
        self._forge_digests()
        if self.account["log_id"] is not None:
            self._forge_log()

    def _is_pruned(self, time):
        return self.pruned_before is not None and time is not None and time < self.pruned_before

    # -- rows

    def _forge_contents(self):
        for id_ in self.ids:
            episode, creator, last = 0, None, None
            for version in self.versions[id_]:
                creator = creator if version["episode"] == episode else None
                episode = version["episode"]
                creator = creator or version["creator_user_nickname"]
                ended = version["valid_to"] is not None
                if ended and self.pruned_before is not None and version["valid_to"] <= self.pruned_before:
                    creator = version["episode_creator"]
                version["episode_creator"] = creator
                version["gpu_count"], version["gpu_model"] = gpus(version["instance_type"])
                if version["opened_as"] == "changed" and last and _stretch(version) != _stretch(last):
                    version["moved"] = True
                version["content_hash"] = _hash(version)
                last = version
            if (state := self.states.get(id_)) is not None:
                state["version_hash"], state["episode_creator"] = last["content_hash"], last["episode_creator"]
        for state in self.states.values():
            state["gpu_count"], state["gpu_model"] = gpus(state["instance_type"])
            state["row_hash"] = _hash(state, tuple(filter(None, state["ignored"].split(","))))

    def _forge_counts(self):
        events = Counter()
        for version in chain(*self.versions.values()):
            events[version["opened_by_run_id"], version["opened_as"]] += 1
            if version["closed_as"] == CLOSINGS[1]:
                events[version["closed_by_run_id"], CLOSINGS[1]] += 1
        for run in self.runs:
            if not self._is_pruned(run["started_at"]):
                run.update({event: events[run["run_id"], event] for event in EVENTS})

    def _forge_digests(self):
        for run in self.runs:
            if run["fleet_digest"] is not None:
                at = run["started_at"]
                run["fleet_digest"] = digest_fleet(
                    [(id_, version["content_hash"])]
                    for id_ in self.ids
                    for version in self.versions[id_]
                    if version["valid_from"] <= at and (version["valid_to"] is None or version["valid_to"] > at)
                )

    # -- the log

    def _forge_log(self):
        self.start = json.loads(self.account["log_start"])
        self.earlier = self.start.get("history")
        self.earlier_run_id = self.earlier["last_run_id"] if self.earlier else 0
        self.details = [json.loads(act["details"]) for act in self.acts]
        entries = self._number_entries()
        self._forge_changes()
        self._forge_missing(entries)
        self._forge_start()
        self._forge_history()
        for act, details in zip(self.acts, self.details, strict=True):
            if json.loads(act["details"]) != details:
                act["details"] = json.dumps(details, ensure_ascii=False, sort_keys=True)
        self._forge_hashes(entries)

    def _number_entries(self):
        """Number the log entries of runs, acts and dropped runs from 1 on without gaps, in their present order.

        Return a list of pairs: the new index, and the row of the run or act. For a dropped run, the second value is the
        hash of its entry: the row is no longer there.
        """
        runs = [(run["log_index"], 0, run) for run in self.runs if run["log_index"] is not None]
        acts = [(act["log_index"], 1, act) for act in self.acts]
        dropped = [(index, 2, hash_) for index, hash_ in self._dropped("log")]
        found = sorted([*runs, *acts, *dropped], key=lambda entry: entry[:2])
        new = {old: index for index, (old, _, _) in enumerate(found, 1)}
        for index, (_, _, row) in enumerate(found, 1):
            if isinstance(row, dict):
                row["log_index"] = index
        for version in chain(*self.versions.values()):
            version["closed_log_index"] = new.get(version["closed_log_index"], version["closed_log_index"])
        if any(new[index] != index for index, _, _ in dropped):
            others = [row for row in self.rows["dropped_entries"] if row not in self._dropped_rows("log")]
            log_id = self.account["log_id"]
            others += [
                {"log_id": log_id, "tree": "log", "first_index": new[index], "hashes": hash_}
                for index, _, hash_ in dropped
            ]
            self.rows["dropped_entries"][:] = others
        return [(index, row) for index, (_, _, row) in enumerate(found, 1)]

    def _dropped_rows(self, tree):
        own = (self.account["log_id"], tree)
        rows = [row for row in self.rows["dropped_entries"] if (row["log_id"], row["tree"]) == own]
        return sorted(rows, key=lambda row: row["first_index"])

    def _dropped(self, tree):
        return [
            (row["first_index"] + number, row["hashes"][number * HASH_SIZE : (number + 1) * HASH_SIZE])
            for row in self._dropped_rows(tree)
            for number in range(len(row["hashes"]) // HASH_SIZE)
        ]

    def _forge_changes(self):
        index_of = {run["run_id"]: run["log_index"] for run in self.runs if run["log_index"] is not None}
        leaves = defaultdict(list)
        for id_ in self.ids:
            for version in self.versions[id_]:
                index = index_of.get(version["opened_by_run_id"])
                if version["opened_by_run_id"] > self.earlier_run_id and index is not None:
                    leaves[index].append((id_, OPENED, opening_leaf(id_, version)))
                if version["closed_log_index"] is not None:
                    leaves[version["closed_log_index"]].append((id_, CLOSED, closing_leaf(id_, version)))
        roots = {index: root_of(leaf for _, _, leaf in sorted(found)) for index, found in leaves.items()}
        for run in self.runs:
            if run["log_index"] is not None and not self._is_pruned(run["started_at"]):
                run["changes_root"] = roots.get(run["log_index"])
        for act, details in zip(self.acts, self.details, strict=True):
            if act["action"] == "accept" and act["log_index"] in roots:
                details["changes"] = roots[act["log_index"]].hex()

    def _forge_missing(self, entries):
        last = self.account["last_complete_run_id"] or 0
        unsettled = [
            state
            for _, state in sorted(self.states.items())
            if state["presence"] == "missing"
            or state["unlisted_runs"] > 0
            or (state["presence"] == "live" and state["seen_run_id"] > last)
        ]
        digest = digest_states(unsettled)
        for _, row in reversed(entries):
            if isinstance(row, dict) and row.get("status") in APPLIED:
                row["missing_digest"] = digest
                return
            if isinstance(row, dict) and row.get("action") == "accept":
                _put(self.details[self.acts.index(row)], "missing", digest and digest.hex())
                return
        if self.earlier:
            _put(self.earlier, "missing", digest and digest.hex())

    def _forge_start(self):
        account, start = self.account, self.start
        start |= {
            "log": account["log_id"],
            "provider": account["provider"],
            "created_at": iso_microseconds(account["created_at"]),
        }
        acts = dict(zip((act["action"] for act in self.acts), zip(self.acts, self.details, strict=True), strict=True))
        if "rename" in acts:
            acts["rename"][1]["to"] = account["account"]
        else:
            start["account"] = account["account"]
        pruned_before = account["pruned_before"] and iso_microseconds(account["pruned_before"])
        if "prune" in acts and pruned_before:
            acts["prune"][1]["before"] = pruned_before
        elif self.earlier:
            _put(self.earlier, "pruned_before", pruned_before)
        ran = max((run["log_index"] or 0 for run in self.runs), default=0)
        if account["retired_at"] is not None:
            if "retire" in acts and acts["retire"][0]["log_index"] > ran:
                acts["retire"][0]["occurred_at"] = account["retired_at"]
            elif self.earlier and not ran:
                self.earlier["retired_at"] = iso_microseconds(account["retired_at"])

    def _forge_history(self):
        versions = [
            {name: version[name] for name in VERSION_COLUMNS} for id_ in self.ids for version in self.versions[id_]
        ]
        counts = [(id_, state["versions"]) for id_, state in sorted(self.states.items())]
        if prunes := [number for number, act in enumerate(self.acts) if act["action"] == "prune"]:
            newest = prunes[-1]
            details, index = self.details[newest], self.acts[newest]["log_index"]
            scope = HistoryScope(index, details["last_run_id"], self.earlier_run_id, self.pruned_before)
            details["history"] = history_root(versions, counts, scope).hex()
        elif self.earlier:
            self._forge_ignored()
            scope = HistoryScope(0, self.earlier_run_id, self.earlier_run_id)
            self.earlier["versions"] = history_root(versions, counts, scope).hex()
        if self.earlier:
            dropped = self._dropped("runs")
            runs = [run for run in self.runs if run["log_index"] is None and run["run_id"] <= self.earlier_run_id]
            runs = [run_leaf(run) for run in runs if run["status"] != "running"]
            kept = zip(free_places([index for index, _ in dropped]), runs, strict=False)
            leaves = [leaf for _, leaf in sorted([*kept, *dropped])]
            self.earlier["runs"], self.earlier["run_count"] = root_of(leaves).hex(), len(leaves)

    def _forge_ignored(self):
        """Add fields to the list `ignored` of entry 0.

        A field is added if its value in the state of an instance differs from that in the newest version of the
        instance, and no run has ignored the field since that version opened.
        """
        found = set(self.earlier.get("ignored", ()))
        for id_, state in self.states.items():
            if id_ in self.versions:
                version = self.versions[id_][-1]
                since = (run for run in self.runs if run["run_id"] >= version["opened_by_run_id"])
                ignored = {name for run in since for name in (run["ignore_changes"] or "").split(",")}
                found |= differing_fields(_record(state), _record(version)) - ignored
        _put(self.earlier, "ignored", sorted(found) or None)

    def _forge_hashes(self, entries):
        log_id, text = self.account["log_id"], entry_bytes(self.start)
        frontier = Frontier()
        frontier.append(hash_leaf(text))
        retired = bool(self.earlier and "retired_at" in self.earlier)
        for index, row in entries:
            if not isinstance(row, dict):
                frontier.append(row)
                continue
            if "action" in row:
                retired = retired or row["action"] == "retire"
                entry = act_entry(log_id, index, row, json.loads(row["details"]))
            else:
                entry, retired = run_entry(log_id, index, row, returned=retired), False
            row["entry_hash"] = hash_leaf(entry_bytes(entry))
            frontier.append(row["entry_hash"])
        self.account |= {
            "log_start": text.decode(), "log_size": frontier.size, "log_frontier": frontier.hashes
        }  # fmt: skip


def _record(row):
    return Record(row["instance_id"], *(row[name] for name in PAYLOAD))


def _hash(row, ignored=()):
    return hash_records([tracker(ignored)(_record(row))])[0]


def _put(values, name, value):
    values.pop(name, None)
    if value is not None:
        values[name] = value
