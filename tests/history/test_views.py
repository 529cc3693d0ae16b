"""The views, compared with a model in plain Python; the catalogue of columns, compared with the database."""

import json
import re
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from inventory.store import schema_docs
from inventory.store.bulk import insert_rows
from inventory.store.catalogue import RELATIONS, VIEWS
from inventory.store.columns import Column, Relation
from inventory.store.tables import METADATA, UTCDateTime
from support.marks import random_histories, rule

FIELDS = ("instance_type", "region", "sector", "ip", "status", "creator_user_nickname")
SHOWN = "instance_type gpu_count gpu_model region sector ip status creator_user_nickname extra"
STORED = "instance_type region sector ip status creator_user_nickname extra gpu_count gpu_model"
PUBLIC_COLUMNS = {
    "accounts": "account provider created_at retired_at pruned_before checkpoint_at",
    "sync_runs": "run_id account trigger status started_at heartbeat_at finished_at previous_complete_at complete"
    " expected_seconds pages instances_seen duplicates rejected appeared changed reappeared vanished missing api_url"
    " api_key_id fleet_digest error_code error version ignore_changes max_vanish max_gap_seconds log_index",
    "instance_state": f"account instance_id {STORED} presence held first_seen_at missing_since vanished_at episodes"
    " versions",
    "instance_versions": "account instance_id episode valid_from valid_to opened_by_run_id closed_by_run_id opened_as"
    f" closed_as last_seen_at {STORED} closed_log_index",
    "instances": f"account instance_id {SHOWN} presence held first_seen_at last_seen_at missing_since vanished_at"
    " episodes versions",
    "live_instances": f"account instance_id {SHOWN} presence held first_seen_at last_seen_at missing_since vanished_at"
    " episodes versions",
    "instance_events": f"occurred_at account instance_id event run_id episode {SHOWN}",
    "instance_field_changes": "changed_at account instance_id field old_value new_value run_id",
    "instance_episodes": "account instance_id episode creator_user_nickname instance_type gpu_count region"
    " appeared_after appeared_at last_seen_at vanished_at hours_low hours_high gpu_hours_low gpu_hours_high",
    "creators": "account creator_user_nickname instances_created created_before_watch live_now first_created_at"
    " last_created_at hours_low gpu_hours_low",
    "calendar": "day week month",
    "fleet_daily": "day account instance_type region instances hours gpu_hours",
    "sync_freshness": "account last_complete_at last_attempt_at last_status failures_since_complete live_instances"
    " missing_instances",
    "sync_gaps": "account gap_start gap_end seconds failed_runs",
    "observation_daily": "day account observed_seconds share longest_interval_seconds complete_runs failed_runs",
    "operator_actions": "action_id account occurred_at action actor reason details log_index",
}
DECLARED = {
    "BOOLEAN": "held complete",
    "DATE": "day week month",
    "DATETIME": "started_at heartbeat_at finished_at previous_complete_at first_seen_at last_seen_at missing_since"
    " vanished_at occurred_at changed_at appeared_after appeared_at first_created_at last_created_at last_complete_at"
    " last_attempt_at gap_start gap_end",
    "DOUBLE": "hours_low hours_high gpu_hours_low gpu_hours_high hours gpu_hours seconds"
    " observed_seconds share longest_interval_seconds",
    "INTEGER": "gpu_count run_id episode episodes versions instances_created created_before_watch live_now instances"
    " failures_since_complete live_instances missing_instances failed_runs complete_runs",
    "JSON": "extra",
}
TYPE_OF = {name: declared for declared, names in DECLARED.items() for name in names.split()}


# --- the catalogue ---------------------------------------------------------------------------------------------------


def test_relations_and_columns_are_the_public_ones_in_order(engine):
    inspector = sa.inspect(engine)
    assert [relation.name for relation in RELATIONS] == list(PUBLIC_COLUMNS)
    assert set(inspector.get_view_names()) == set(VIEWS)
    for relation in RELATIONS:
        columns = [column["name"] for column in inspector.get_columns(relation.name)]
        assert [column.name for column in relation.columns] == columns
        shown = [column.name for column in relation.columns if not column.meaning.startswith("Internal:")]
        assert shown == PUBLIC_COLUMNS[relation.name].split()


@rule("views-keep-types")
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("view", VIEWS)
def test_every_column_of_a_view_has_a_declared_type_on_sqlite(engine, view):
    with engine.connect() as connection:
        declared = {row.name: row.type for row in connection.execute(sa.text(f"PRAGMA table_info({view})"))}
    assert declared == {name: TYPE_OF.get(name, "TEXT") for name in PUBLIC_COLUMNS[view].split()}


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_every_relation_and_column_has_its_meaning_as_a_comment_on_postgresql(engine):
    inspector = sa.inspect(engine)
    for relation in RELATIONS:
        assert inspector.get_table_comment(relation.name)["text"] == relation.meaning
        comments = {column["name"]: column["comment"] for column in inspector.get_columns(relation.name)}
        assert comments == {column.name: column.meaning for column in relation.columns}


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_comment_may_hold_quotes_colons_and_percent_signs(engine, monkeypatch):
    meaning = "it's 100% :so, %s and %(so)s"
    column = Column("account", meaning)
    monkeypatch.setattr(schema_docs, "RELATIONS", (Relation("instances", "view", meaning, (column,)),))
    with engine.begin() as connection:
        connection.exec_driver_sql(";\n".join(schema_docs.comments()))
    assert sa.inspect(engine).get_table_comment("instances")["text"] == meaning
    assert sa.inspect(engine).get_columns("instances")[0]["comment"] == meaning


def test_every_meaning_is_one_sentence_of_one_line():
    for relation in RELATIONS:
        for meaning in (relation.meaning, *(column.meaning for column in relation.columns)):
            assert re.fullmatch(r"\S.*\.", meaning)
            assert not re.search(r"[.!?] [A-Z]", meaning), meaning


def test_the_schema_page_is_written_from_the_catalogue():
    page = Path(__file__).parents[2] / "docs" / "schema.md"
    assert page.read_text() == schema_docs.schema_markdown()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("view", [view for view in VIEWS if "instance_id" in PUBLIC_COLUMNS[view].split()])
def test_one_instance_is_found_in_a_view_without_reading_the_others(engine, view):
    query = f"EXPLAIN QUERY PLAN SELECT * FROM {view} WHERE account = 'a' AND instance_id = 'i'"
    with engine.connect() as connection:
        plan = [row.detail for row in connection.execute(sa.text(query))]
    allowed = r"SCAN (typed|part|item|json_each|\d+ CONSTANT ROWS|instance_episodes|instance_field_changes)\b.*"
    assert [step for step in plan if "SCAN" in step and not re.fullmatch(allowed, step)] == []
    assert any("account=? AND instance_id=?" in step for step in plan)


@rule("the-fleet-at-a-time")
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_fleet_as_of_a_time_is_read_from_an_index(engine):
    query = "SELECT * FROM instance_versions WHERE valid_from <= 'T' AND (valid_to IS NULL OR valid_to > 'T')"
    with engine.connect() as connection:
        plan = [row.detail for row in connection.execute(sa.text(f"EXPLAIN QUERY PLAN {query}"))]
    assert plan == ["SEARCH instance_versions USING INDEX ix_instance_versions_valid_from_valid_to (valid_from<?)"]


LONG_HISTORY = """
    INSERT INTO instance_versions (
        account, instance_id, episode, valid_from, valid_to, opened_by_run_id, closed_by_run_id, opened_as, closed_as,
        last_seen_at, instance_type, region, moved
    )
    WITH RECURSIVE instances (number) AS (SELECT 0 UNION ALL SELECT number + 1 FROM instances WHERE number < 1999),
    parts (part) AS (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9))
    SELECT
        CASE number % 10 WHEN 0 THEN 'other' ELSE 'default' END, 'i' || number, 1, {begin}, {end}, 1, 2,
        CASE part WHEN 0 THEN 'appeared' ELSE 'changed' END, CASE part WHEN 9 THEN 'vanished' ELSE 'changed' END,
        CASE part WHEN 9 THEN {begin} END, 'gpu_8x_h100_sxm5', 'us-west', false
    FROM instances CROSS JOIN parts
"""
"""SQL that inserts 20,000 versions of 2,000 instances.

Every hour one instance appears. Each lives for ten hours, and changes every hour.
"""
LAST_DAY = "'2026-03-25 00:00:00.000000+00'"


def fill_long_history(engine):
    """Insert LONG_HISTORY into a PostgreSQL database, and update its statistics."""
    after = "timestamptz '2026-01-01 00:00+00' + (number + part{}) * interval '1 hour'"
    text = LONG_HISTORY.format(begin=after.format(""), end=after.format(" + 1"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(text.replace("%", "%%"))
        connection.exec_driver_sql("ANALYZE")


def versions_read(plan):
    """Return how many rows of `instance_versions` a node of an executed plan and all nodes below it have read."""
    own = 0
    if plan.get("Relation Name") == "instance_versions":
        rows = (
            plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
        )
        own = rows * plan["Actual Loops"]
    return own + sum(map(versions_read, plan.get("Plans", ())))


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("view", "condition", "most"),
    [
        ("instance_events", f"occurred_at >= {LAST_DAY}", 500),
        ("instance_field_changes", f"changed_at >= {LAST_DAY}", 500),
        ("instance_episodes", f"vanished_at >= {LAST_DAY}", 2_500),
        ("instance_episodes", f"appeared_at >= {LAST_DAY}", 2_500),
        ("fleet_daily", "day >= '2026-03-25'", 5_000),
        ("fleet_daily", "account = 'other'", 500),
        ("creators", "account = 'other'", 5_000),
        ("instance_events", "account = 'other' AND instance_id = 'i10'", 20),
        ("instance_field_changes", "account = 'other' AND instance_id = 'i10'", 100),
        ("instance_episodes", "account = 'other' AND instance_id = 'i10'", 100),
    ],
)
def test_a_condition_on_time_account_or_instance_reaches_an_index_on_postgresql(engine, view, condition, most):
    fill_long_history(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("SET enable_seqscan = off")  # else PostgreSQL would read all of this small table
        query = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) SELECT * FROM {view} WHERE {condition}"
        plan = json.loads(connection.exec_driver_sql(query).scalar_one())[0]["Plan"]
    assert 0 < versions_read(plan) <= most


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("view", "condition", "expected"),
    [
        ("instance_events", f"occurred_at >= {LAST_DAY}", ["valid_from>?", "valid_to>?"]),
        ("instance_field_changes", f"changed_at >= {LAST_DAY}", ["valid_to>?"]),
        ("instance_episodes", f"vanished_at >= {LAST_DAY}", ["valid_to>?"]),
        ("instance_episodes", f"appeared_at >= {LAST_DAY}", ["valid_from>?"]),
        ("instance_events", "account = 'other'", ["account=?"]),
        ("instance_field_changes", "account = 'other'", ["account=?"]),
        ("instance_episodes", "account = 'other'", ["account=?"]),
        ("fleet_daily", "account = 'other'", ["account=?"]),
        ("creators", "account = 'other'", ["account=?"]),
    ],
)
def test_a_condition_on_time_or_account_reaches_an_index_on_sqlite(engine, view, condition, expected):
    with engine.connect() as connection:
        plan = [
            row.detail
            for row in connection.execute(sa.text(f"EXPLAIN QUERY PLAN SELECT * FROM {view} WHERE {condition}"))
        ]
    for term in expected:
        assert any(term in step for step in plan), plan
    assert [step for step in plan if re.match(r"SCAN (instance_versions|old|new|first|v)\b", step)] == []


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_days_are_counted_from_the_versions_that_may_begin_a_stretch_on_sqlite(engine):
    with engine.connect() as connection:
        query = "EXPLAIN QUERY PLAN SELECT * FROM fleet_daily WHERE day >= '2026-03-25'"
        plan = [row.detail for row in connection.execute(sa.text(query))]
    read = [step for step in plan if re.match(r"(SCAN|SEARCH) (instance_versions|ended|s)\b", step)]
    assert read == [
        "SCAN instance_versions USING INDEX ix_instance_versions_stretches",
        "SEARCH ended USING INDEX ix_instance_versions_vanished (account=? AND instance_id=? AND episode=?) LEFT-JOIN",
        "SEARCH s USING PRIMARY KEY (account=? AND instance_id=?) LEFT-JOIN",
    ]


# --- a simulated history, run by run ---------------------------------------------------------------------------------

ACCOUNTS = ("default", "research")
START = datetime(2024, 2, 27, 18, 30, tzinfo=UTC)
GPUS = {"gpu_8x_h100_sxm5": (8, "h100_sxm5"), "gpu_1x_h100_sxm5": (1, "h100_sxm5"), "cpu": (None, None)}
EXTRAS = (
    {},
    {"price": 1.50},
    {"price": 12345678901234567890123, "tags": ["a", {"b": None}]},
    {"price": "1.5", "né w": 1e-7, "spot": True},
    {"price": None, "spot": False, 'a"b': "c\nd", "": {}},
    {"region": 5, "a.b[0]": -0.0, "tags": []},
)
MICROSECOND = timedelta(microseconds=1)


@dataclass
class Version:
    account: str
    instance_id: str
    episode: int
    fields: dict
    opened: dict
    opened_as: str
    closed: dict | None = None
    closed_as: str | None = None
    last_seen: dict | None = None


@dataclass
class Instance:
    versions: list[Version] = field(default_factory=list)
    presence: str = "vanished"
    held: bool = False
    recorded: dict | None = None
    """While live: the last run that recorded something of this instance. Else: the last run known to have seen it."""
    missing: dict | None = None
    vanished: dict | None = None


class History:
    """A made-up history: rows for the tables, and the facts from which the expected rows of the views are computed."""

    def __init__(self):
        self.runs = []
        self.instances = defaultdict(Instance)
        self.last_complete = {}
        self.retired = set()
        self.now = START

    def run(self, account, status, fleet, *, settle="vanish", expected_seconds=None, max_gap_seconds=None):
        """Add a run and return it.

        A run whose `status` is `complete` or `partial` sees `fleet`, a dict of fields by id; any other sees nothing. A
        `complete` run gets the status `held` if `settle` is held, else `succeeded`. `settle` says what becomes of
        absent instances in a complete run: vanish, missing or held.
        """
        before = self.last_complete.get(account)
        complete = status == "complete"
        run = {
            "run_id": len(self.runs) + 1,
            "account": account,
            "trigger": "manual" if expected_seconds is None else "schedule",
            "status": {"complete": "held" if settle == "held" else "succeeded"}.get(status, status),
            "started_at": self.now,
            "heartbeat_at": self.now,
            "previous_complete_at": before and before["started_at"],
            "complete": complete,
            "expected_seconds": expected_seconds,
            "max_gap_seconds": max_gap_seconds,
            "api_url": "https://api.fal.ai/v1",
            "version": "0",
        }
        self.runs.append(run)
        if status in ("complete", "partial"):
            for instance_id, fields in fleet.items():
                self._seen(run, instance_id, fields)
        if complete:
            for (owner, instance_id), instance in self.instances.items():
                if owner == account and instance_id not in fleet and instance.presence != "vanished":
                    self._absent(run, instance, settle)
            self.last_complete[account] = run
        return run

    def _seen(self, run, instance_id, fields):
        instance = self.instances[run["account"], instance_id]
        last = instance.versions[-1] if instance.versions else None
        if instance.presence == "vanished":
            episode, opened_as = (last.episode + 1, "reappeared") if last else (1, "appeared")
        elif last.fields != fields:
            last.closed, last.closed_as = run, "changed"
            episode, opened_as = last.episode, "changed"
        else:
            if instance.presence == "missing":
                instance.recorded = run
            instance.presence, instance.held, instance.missing = "live", False, None
            return
        instance.versions.append(Version(run["account"], instance_id, episode, fields, run, opened_as))
        instance.presence, instance.held, instance.missing, instance.vanished = "live", False, None, None
        instance.recorded = run

    def _absent(self, run, instance, settle):
        instance.recorded = self.last_seen(run["account"], instance)
        if settle == "vanish":
            instance.vanished = instance.missing or run
            last = instance.versions[-1]
            last.closed, last.closed_as, last.last_seen = instance.vanished, "vanished", instance.recorded
            instance.presence, instance.held, instance.missing = "vanished", False, None
        else:
            instance.presence, instance.held = "missing", settle == "held"
            instance.missing = instance.missing or run

    def last_seen(self, account, instance):
        last = self.last_complete.get(account)
        if instance.presence == "live" and last and last["run_id"] > instance.recorded["run_id"]:
            return last
        return instance.recorded

    @property
    def versions(self):
        return [version for instance in self.instances.values() for version in instance.versions]

    def write(self, connection):
        insert_rows(
            connection,
            METADATA.tables["accounts"],
            [
                {
                    "account": account,
                    "created_at": START,
                    "retired_at": self.now if account in self.retired else None,
                    "last_complete_run_id": self.last_complete.get(account, {}).get("run_id"),
                }
                for account in ACCOUNTS
            ],
        )
        insert_rows(connection, METADATA.tables["sync_runs"], self.runs)
        insert_rows(connection, METADATA.tables["instance_state"], [*map(self._state, self.instances.values())])
        insert_rows(connection, METADATA.tables["instance_versions"], [*map(self._version, self.versions)])

    def _state(self, instance):
        last = instance.versions[-1]
        return {
            "account": last.account,
            "instance_id": last.instance_id,
            **payload(last.fields),
            "presence": instance.presence,
            "held": instance.held,
            "first_seen_at": instance.versions[0].opened["started_at"],
            "missing_since": instance.missing and instance.missing["started_at"],
            "vanished_at": instance.vanished and instance.vanished["started_at"],
            "episodes": last.episode,
            "versions": len(instance.versions),
            "seen_run_id": instance.recorded["run_id"],
            "missing_run_id": instance.missing and instance.missing["run_id"],
            "row_hash": b"",
            "version_hash": b"",
        }

    def _version(self, version):
        until_now = [
            other.fields["creator_user_nickname"]
            for other in self.instances[version.account, version.instance_id].versions
            if other.episode == version.episode and other.opened["run_id"] <= version.opened["run_id"]
        ]
        return {
            "account": version.account,
            "instance_id": version.instance_id,
            "episode": version.episode,
            "valid_from": version.opened["started_at"],
            "valid_to": version.closed and version.closed["started_at"],
            "opened_by_run_id": version.opened["run_id"],
            "closed_by_run_id": version.closed and version.closed["run_id"],
            "opened_as": version.opened_as,
            "closed_as": version.closed_as,
            "last_seen_at": version.last_seen and version.last_seen["started_at"],
            **payload(version.fields),
            "episode_creator": next(filter(None, until_now), None),
        }


def payload(fields):
    gpu_count, gpu_model = GPUS.get(fields["instance_type"], (None, None))
    return {**fields, "extra": canonical(fields["extra"]), "gpu_count": gpu_count, "gpu_model": gpu_model}


def shown(fields):
    made = payload(fields)
    return tuple(made[name] for name in SHOWN.split())


def canonical(extra):
    return json.dumps(extra, sort_keys=True, separators=(",", ":"), ensure_ascii=False) if extra else None


def fields_of(**given):
    plain = dict.fromkeys(FIELDS, None) | {"instance_type": "gpu_8x_h100_sxm5", "region": "us-west", "status": "ready"}
    return plain | {"extra": {}} | given


ITEMS = st.builds(
    fields_of,
    instance_type=st.sampled_from(["gpu_8x_h100_sxm5", "gpu_1x_h100_sxm5", "cpu", None]),
    region=st.sampled_from(["us-west", None]),
    status=st.sampled_from(["ready", "stopped"]),
    creator_user_nickname=st.sampled_from([None, "ann", "bob"]),
    extra=st.sampled_from(EXTRAS),
)
STEPS = st.fixed_dictionaries(
    {
        "wait": st.one_of(
            st.sampled_from([MICROSECOND, timedelta(minutes=5), timedelta(hours=9), timedelta(days=3), "midnight"]),
            st.timedeltas(MICROSECOND, timedelta(days=2)),
        ),
        "account": st.sampled_from(["default", "default", "research"]),
        "status": st.sampled_from(["complete", "complete", "complete", "partial", "failed", "abandoned"]),
        "fleet": st.dictionaries(st.sampled_from(["i-1", "i-2", "i-3"]), st.one_of(st.just(fields_of()), ITEMS)),
        "settle": st.sampled_from(["vanish", "vanish", "missing", "held"]),
        "expected_seconds": st.sampled_from([None, 300.0, 86400.0]),
        "max_gap_seconds": st.sampled_from([None, 3600.0, 86400.0]),
    }
)


@st.composite
def histories(draw):
    history = History()
    for step in draw(st.lists(STEPS, max_size=16)):
        wait = step.pop("wait")
        midnight = (history.now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        history.now = midnight if wait == "midnight" else history.now + wait
        history.run(**step)
    history.retired = draw(st.sampled_from([set(), set(), {"default"}]))
    history.now += MICROSECOND
    if draw(st.booleans()):
        history.run("default", "running", {})
    return history


any_history = given(history=histories())
few = random_histories(100)


@contextmanager
def written(engine, history):
    """Write the history in a transaction, yield the connection, and roll back at the end."""
    with engine.connect() as connection:
        history.write(connection)
        yield connection
        connection.rollback()


def read(connection, view):
    """Return the rows of a view as tuples. Times are datetimes in UTC, days are dates."""
    kinds = {"DATETIME": UTCDateTime(), "DATE": sa.Date(), "BOOLEAN": sa.Boolean()}
    columns = (sa.column(name, kinds.get(TYPE_OF.get(name))) for name in PUBLIC_COLUMNS[view].split())
    return [tuple(row) for row in connection.execute(sa.select(*columns).select_from(sa.table(view)))]


def check_same(found, expected):
    """Check that both have the same rows, in any order. Floats may differ by a millionth."""

    def key(row):
        return tuple(
            ("", 0.0)
            if value is None
            else (str(value), 0.0)
            if not isinstance(value, float)
            else ("n", round(value, 5))
            for value in row
        )

    found, expected = sorted(found, key=key), sorted(expected, key=key)
    assert len(found) == len(expected), (found, expected)
    for row, wanted in zip(found, expected, strict=True):
        assert [
            pytest.approx(value, abs=1e-6, rel=0) if isinstance(value, float) else value for value in wanted
        ] == list(row)


def hours(start, end):
    return None if start is None or end is None else (end - start) / timedelta(hours=1)


def times(amount, count):
    return None if amount is None or count is None else amount * count


# --- expected rows of the views --------------------------------------------------------------------------------------


def expected_instances(history):
    return [
        (
            account,
            instance_id,
            *shown(instance.versions[-1].fields),
            instance.presence,
            instance.held,
            instance.versions[0].opened["started_at"],
            history.last_seen(account, instance)["started_at"],
            instance.missing and instance.missing["started_at"],
            instance.vanished and instance.vanished["started_at"],
            instance.versions[-1].episode,
            len(instance.versions),
        )
        for (account, instance_id), instance in history.instances.items()
    ]


def expected_changes(history):
    for instance in history.instances.values():
        for old, new in zip(instance.versions, instance.versions[1:], strict=False):
            if new.opened_as != "changed":
                continue
            pairs = [(name, old.fields[name], new.fields[name]) for name in FIELDS]
            keys = old.fields["extra"].keys() | new.fields["extra"].keys()
            texts = [
                {name: json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
                 for name, value in version.fields["extra"].items() if value is not None}
                for version in (old, new)
            ]  # fmt: skip
            pairs += [(name, texts[0].get(name), texts[1].get(name)) for name in keys]
            for name, before, after in pairs:
                if before != after:
                    run = new.opened
                    yield run["started_at"], new.account, new.instance_id, name, before, after, run["run_id"]


def expected_episodes(history):
    """Yield a dict for each episode. Its keys are the columns of `instance_episodes`, and also `versions` and `live`.

    `versions` is a list of pairs: a Version, and the time until which its hours count. `live` is whether the instance
    is live in this episode.
    """
    for (account, instance_id), instance in history.instances.items():
        for episode in range(1, instance.versions[-1].episode + 1):
            versions = [version for version in instance.versions if version.episode == episode]
            last = versions[-1]
            seen = last.last_seen or history.last_seen(account, instance)
            opened = versions[0].opened
            creators = [version.fields["creator_user_nickname"] for version in versions]
            made = {
                "account": account,
                "instance_id": instance_id,
                "episode": episode,
                "creator_user_nickname": next(filter(None, creators), None),
                "instance_type": last.fields["instance_type"],
                "gpu_count": payload(last.fields)["gpu_count"],
                "region": last.fields["region"],
                "appeared_after": opened["previous_complete_at"],
                "appeared_at": opened["started_at"],
                "last_seen_at": seen["started_at"],
                "vanished_at": last.closed and last.closed["started_at"],
            }
            made["hours_low"] = hours(made["appeared_at"], made["last_seen_at"])
            made["hours_high"] = hours(made["appeared_after"], made["vanished_at"])
            made["versions"] = [
                (version, version.closed["started_at"] if version.closed_as == "changed" else made["last_seen_at"])
                for version in versions
            ]
            counts = [payload(version.fields)["gpu_count"] for version in versions]
            parts = [
                times(hours(version.opened["started_at"], until), count)
                for (version, until), count in zip(made["versions"], counts, strict=True)
            ]
            made["gpu_hours_low"] = None if None in parts else sum(parts)
            parts.append(times(hours(made["appeared_after"], made["appeared_at"]), counts[0]))
            parts.append(times(hours(made["last_seen_at"], made["vanished_at"]), counts[-1]))
            made["gpu_hours_high"] = None if None in parts else sum(parts)
            made["live"] = last.closed is None and instance.presence == "live"
            yield made


def expected_creators(history):
    groups = defaultdict(list)
    for episode in expected_episodes(history):
        groups[episode["account"], episode["creator_user_nickname"]].append(episode)
    for key, episodes in groups.items():
        first = [episode for episode in episodes if episode["episode"] == 1]
        created = [episode["appeared_at"] for episode in first if episode["appeared_after"] is not None]
        gpu_hours = [episode["gpu_hours_low"] for episode in episodes if episode["gpu_hours_low"] is not None]
        yield (
            *key,
            len(created),
            len(first) - len(created),
            sum(episode["live"] for episode in episodes),
            min(created, default=None),
            max(created, default=None),
            sum(episode["hours_low"] for episode in episodes),
            sum(gpu_hours) if gpu_hours else None,
        )


def expected_days(history):
    """Return the expected rows of `fleet_daily`.

    A version that a change closes at midnight does not count for the day that begins then.
    """
    present, spent, gpus = defaultdict(set), Counter(), {}
    for episode in expected_episodes(history):
        for version, end in episode["versions"]:
            start = version.opened["started_at"]
            last = end - MICROSECOND if version.closed_as == "changed" else end
            day = start.date()
            while day <= last.date():
                midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
                key = (day, episode["account"], version.fields["instance_type"], version.fields["region"])
                present[key].add(episode["instance_id"])
                spent[key] += hours(max(start, midnight), min(end, midnight + timedelta(days=1)))
                gpus[key] = payload(version.fields)["gpu_count"]
                day += timedelta(days=1)
    return [(*key, len(ids), spent[key], times(spent[key], gpus[key])) for key, ids in present.items()]


def failures_after(history, account, start):
    return [
        run
        for run in history.runs
        if run["account"] == account
        and run["status"] in ("partial", "failed", "abandoned")
        and (start is None or run["started_at"] > start)
    ]


def expected_freshness(history):
    for account in ACCOUNTS:
        last = history.last_complete.get(account, {}).get("started_at")
        runs = [run for run in history.runs if run["account"] == account]
        presences = Counter(instance.presence for (owner, _), instance in history.instances.items() if owner == account)
        yield (
            account,
            last,
            runs[-1]["started_at"] if runs else None,
            runs[-1]["status"] if runs else None,
            len(failures_after(history, account, last)),
            presences["live"],
            presences["missing"],
        )


def allowed_seconds(run):
    """Return how many seconds may lie between `run` and the previous complete run. A longer time is a gap."""
    return 2 * run["expected_seconds"] if run["expected_seconds"] else run["max_gap_seconds"] or 25 * 3600


def expected_gaps(history):
    """Yield the expected rows of `sync_gaps`. An open gap has None for its end and its seconds.

    The histories lie years back. So the time since the last complete run of an account is an open gap, unless the
    account is retired.
    """
    for account in ACCOUNTS:
        complete = [run for run in history.runs if run["account"] == account and run["complete"]]
        for run, following in zip(complete, [*complete, None][1:], strict=True):
            start, end = run["started_at"], following and following["started_at"]
            failed = [
                failure
                for failure in failures_after(history, account, start)
                if end is None or failure["started_at"] < end
            ]
            if end is None:
                if account not in history.retired:
                    yield account, start, None, None, len(failed)
            elif failed or (end - start).total_seconds() > allowed_seconds(following):
                yield account, start, end, (end - start).total_seconds(), len(failed)


def expected_observation(history, until):
    """Yield the expected rows of `observation_daily`, from the day of the first complete run to the day `until`."""
    gaps = {(account, end) for account, _, end, *_ in expected_gaps(history)}
    for account in ACCOUNTS:
        runs = [run for run in history.runs if run["account"] == account and run["status"] != "running"]
        complete = [run["started_at"] for run in runs if run["complete"]]
        day = complete[0].date() if complete else until + timedelta(days=1)
        while day <= until:
            midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
            following = midnight + timedelta(days=1)
            near = [(start, end) for start, end in pairwise(complete) if start < following and end > midnight]
            seconds = sum(
                (min(end, following) - max(start, midnight)).total_seconds()
                for start, end in near
                if (account, end) not in gaps
            )
            today = [run["complete"] for run in runs if run["started_at"].date() == day]
            longest = max(((end - start).total_seconds() for start, end in near), default=None)
            yield day, account, float(seconds), seconds / 86400, longest, sum(today), len(today) - sum(today)
            day += timedelta(days=1)


@pytest.mark.medium
@rule("last-seen-by-join")
@few
@any_history
def test_instances_have_the_time_of_the_run_that_last_saw_them(engine, history):
    everything = expected_instances(history)
    presence = len(PUBLIC_COLUMNS["instances"].split()) - 8
    with written(engine, history) as connection:
        check_same(read(connection, "instances"), everything)
        check_same(read(connection, "live_instances"), [row for row in everything if row[presence] != "vanished"])


@pytest.mark.medium
@rule("a-change-opens-a-version")
@few
@any_history
def test_events_are_openings_and_vanishings_with_the_fields_of_that_time(engine, history):
    expected = [
        (
            run["started_at"],
            version.account,
            version.instance_id,
            event,
            run["run_id"],
            version.episode,
            *shown(version.fields),
        )
        for version in history.versions
        for run, event in ((version.opened, version.opened_as), (version.closed, version.closed_as))
        if run and (event != "changed" or run is version.opened)
    ]
    with written(engine, history) as connection:
        check_same(read(connection, "instance_events"), expected)


@pytest.mark.medium
@rule("a-change-opens-a-version")
@few
@any_history
def test_field_changes_name_every_field_that_differs_and_no_other(engine, history):
    with written(engine, history) as connection:
        check_same(read(connection, "instance_field_changes"), expected_changes(history))


@few
@any_history
def test_episodes_span_from_appearance_to_end_with_their_hours(engine, history):
    names = PUBLIC_COLUMNS["instance_episodes"].split()
    expected = [tuple(episode[name] for name in names) for episode in expected_episodes(history)]
    with written(engine, history) as connection:
        check_same(read(connection, "instance_episodes"), expected)


@rule("created-before-watch")
@few
@any_history
def test_creators_are_counted_by_first_episodes_and_measured_by_all(engine, history):
    with written(engine, history) as connection:
        check_same(read(connection, "creators"), expected_creators(history))


@rule("hours-follow-the-version")
@few
@any_history
def test_a_day_has_its_share_of_every_version_and_all_days_add_up(engine, history):
    with written(engine, history) as connection:
        days = read(connection, "fleet_daily")
        check_same(days, expected_days(history))
        episodes = read(connection, "instance_episodes")
    *_, low, _, gpu_low, _ = zip(*episodes, strict=True) if episodes else [()] * 15
    assert sum(day[-2] for day in days) == pytest.approx(sum(low), abs=1e-6)
    if None not in gpu_low:
        assert sum(day[-1] for day in days) == pytest.approx(sum(gpu_low), abs=1e-6)


@few
@any_history
def test_freshness_counts_what_failed_since_the_last_complete_run(engine, history):
    with written(engine, history) as connection:
        check_same(read(connection, "sync_freshness"), expected_freshness(history))


@rule("gaps-are-shown")
@few
@any_history
def test_gaps_lie_between_complete_runs_that_are_not_consecutive(engine, history):
    with written(engine, history) as connection:
        found = read(connection, "sync_gaps")
    for _, start, end, seconds, _ in found:
        assert end or seconds == pytest.approx((datetime.now(UTC) - start).total_seconds(), abs=60)
    check_same([row if row[2] else (*row[:3], None, row[4]) for row in found], expected_gaps(history))


@rule("observed-share")
@few
@any_history
def test_of_each_day_is_known_what_lies_between_complete_runs_without_the_gaps(engine, history):
    last = max([run["started_at"].date() for run in history.runs], default=START.date())
    with written(engine, history) as connection:
        found = read(connection, "observation_daily")
    check_same([row for row in found if row[0] <= last], list(expected_observation(history, last)))
    assert all(row[2:] == (0.0, 0.0, None, 0, 0) for row in found if row[0] > last)


# --- edge cases that random histories may miss -----------------------------------------------------------------------


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def history_of(*steps):
    """Return a history of complete runs of the account `default`. A step is a run's time and its fleet by id."""
    history = History()
    for time, fleet in steps:
        history.now = at(time)
        history.run("default", "complete", fleet)
    return history


def test_an_instance_last_seen_at_midnight_is_present_on_that_day_with_zero_hours(engine):
    history = history_of(("2024-02-28 23:00", {"i": fields_of()}), ("2024-02-29 00:00", {"i": fields_of()}))
    with written(engine, history) as connection:
        check_same(
            read(connection, "fleet_daily"),
            [
                (date(2024, 2, 28), "default", "gpu_8x_h100_sxm5", "us-west", 1, 1.0, 8.0),
                (date(2024, 2, 29), "default", "gpu_8x_h100_sxm5", "us-west", 1, 0.0, 0.0),
            ],
        )


def test_an_instance_that_returns_on_the_day_it_vanished_counts_once_in_its_group(engine):
    eight, one = fields_of(), fields_of(instance_type="gpu_1x_h100_sxm5")
    history = history_of(
        ("2024-02-28 12:00", {"i": eight}),
        ("2024-02-29 01:00", {"i": eight}),
        ("2024-02-29 02:00", {}),
        ("2024-02-29 03:00", {"i": one}),
        ("2024-02-29 04:00", {}),
        ("2024-02-29 05:00", {"i": eight}),
        ("2024-02-29 06:00", {}),
        ("2024-02-29 07:00", {"i": eight}),
        ("2024-03-01 08:00", {"i": eight}),
    )
    with written(engine, history) as connection:
        check_same(
            read(connection, "fleet_daily"),
            [
                (date(2024, 2, 28), "default", "gpu_8x_h100_sxm5", "us-west", 1, 12.0, 96.0),
                (date(2024, 2, 29), "default", "gpu_8x_h100_sxm5", "us-west", 1, 1.0 + 17.0, 8 * 18.0),
                (date(2024, 2, 29), "default", "gpu_1x_h100_sxm5", "us-west", 1, 0.0, 0.0),
                (date(2024, 3, 1), "default", "gpu_8x_h100_sxm5", "us-west", 1, 8.0, 64.0),
            ],
        )


def test_hours_are_exact_to_the_microsecond(engine):
    history = history_of(
        ("2024-02-28 23:59:59.999999", {"i": fields_of()}), ("2024-02-29 01:00:00.000001", {"i": fields_of()})
    )
    with written(engine, history) as connection:
        (low,) = connection.execute(sa.text("SELECT hours_low FROM instance_episodes")).one()
        days = connection.execute(sa.text("SELECT hours FROM fleet_daily ORDER BY day")).scalars().all()
    assert low == 3600.000002 / 3600
    assert days == [0.000001 / 3600, 3600.000001 / 3600]


def test_a_value_of_an_unknown_field_is_shown_as_the_stored_json(engine):
    values = {
        "integer": 12345678901234567890123,
        "real": 1.50,
        "tiny": 1e-300,
        "negative zero": -0.0,
        "true": True,
        "text": 'a"b\\c\n\u0001\u007f/é\u2028😀',
        "number as text": "1.5",
        "list": [1, 2.50, None, {"b": 1, "a": "é"}],
        "object": {"b": {}, "a": []},
        "": 1,
        "$": 2,
        "a.b": 3,
        "a[0]": 4,
        "it's": 5,
        "back\\slash": 6,
        "tab\t": 7,
        'quo"te': 8,
    }
    history = history_of(
        ("2024-02-28 12:00", {"i": fields_of()}),
        ("2024-02-28 13:00", {"i": fields_of(extra=values)}),
        ("2024-02-28 14:00", {"i": fields_of(extra={name: [value] for name, value in values.items()})}),
        ("2024-02-28 15:00", {"i": fields_of(extra=values)}),
    )
    with written(engine, history) as connection:
        check_same(read(connection, "instance_field_changes"), expected_changes(history))
        assert len(read(connection, "instance_field_changes")) == 3 * len(values)


@rule("times-are-bounds")
def test_the_most_hours_of_an_episode_are_exact_to_the_microsecond(engine):
    history = history_of(
        ("2024-02-28 12:00:00.000003", {}),
        ("2024-02-28 13:00:00.000010", {"gone": fields_of(), "live": fields_of()}),
        ("2024-02-28 14:00:00.000005", {"live": fields_of()}),
    )
    with written(engine, history) as connection:
        query = "SELECT hours_high * 3600 FROM instance_episodes WHERE instance_id = 'gone'"
        assert connection.execute(sa.text(query)).scalar() == pytest.approx(7200.000002, abs=1e-7)


@rule("created-before-watch")
def test_an_instance_that_came_back_counts_once_among_the_live_ones_of_its_creator(engine):
    ann, bob = fields_of(creator_user_nickname="ann"), fields_of(creator_user_nickname="bob")
    history = history_of(
        ("2024-02-28 12:00", {}),
        ("2024-02-28 13:00", {"stays": ann, "returns": ann, "goes": ann}),
        ("2024-02-28 14:00", {"stays": ann}),
        ("2024-02-28 15:00", {"stays": ann, "returns": bob}),
    )
    with written(engine, history) as connection:
        found = connection.execute(sa.text("SELECT creator_user_nickname, live_now FROM creators")).all()
    assert sorted(map(tuple, found)) == [("ann", 1), ("bob", 1)]


def test_freshness_counts_the_live_and_the_missing_instances_of_its_own_account(engine):
    history = history_of(("2024-02-28 12:00", {"here": fields_of(), "absent": fields_of()}))
    history.now = at("2024-02-28 13:00")
    history.run("default", "complete", {"here": fields_of()}, settle="missing")
    history.run("research", "complete", {})
    with written(engine, history) as connection:
        query = "SELECT account, live_instances, missing_instances FROM sync_freshness ORDER BY account"
        assert connection.execute(sa.text(query)).all() == [("default", 1, 1), ("research", 0, 0)]


@rule("gaps-are-shown")
def test_a_gap_is_open_only_while_an_account_is_synced_by_schedule_or_failing(engine):
    history = History()
    now = datetime.now(UTC)
    history.now = now - timedelta(seconds=700)
    history.run("default", "complete", {}, expected_seconds=300)
    history.run("research", "complete", {})
    with written(engine, history) as connection:
        ((account, start, end, seconds, failed),) = read(connection, "sync_gaps")
    assert (account, start, end, failed) == ("default", history.now, None, 0)
    assert 700 <= seconds < 760

    history.runs[0]["expected_seconds"] = 3600
    with written(engine, history) as connection:
        assert read(connection, "sync_gaps") == []

    history.now = now - timedelta(seconds=500)
    history.run("research", "abandoned", {})
    with written(engine, history) as connection:
        ((account, start, end, _, failed),) = read(connection, "sync_gaps")
    assert (account, start, end, failed) == ("research", history.runs[1]["started_at"], None, 1)

    history.retired = {"research"}
    with written(engine, history) as connection:
        assert read(connection, "sync_gaps") == []


@rule("observed-share")
def test_days_without_any_run_count_up_to_today_or_to_the_retirement(engine):
    history = History()
    history.now = datetime.now(UTC) - timedelta(days=10)
    history.run("default", "complete", {})
    history.run("research", "complete", {})
    history.retired = {"research"}
    history.now += timedelta(days=2)
    with written(engine, history) as connection:
        days = read(connection, "observation_daily")
        (today,) = connection.execute(sa.text("SELECT max(day) FROM observation_daily")).one()
    assert Counter(row[1] for row in days) == {"default": 11, "research": 3}
    assert str(today) == datetime.now(UTC).date().isoformat()
    assert {row[3] for row in days} == {0}


@rule("observed-share")
def test_of_the_days_before_a_prune_nothing_is_said(engine):
    history = history_of(*((f"2024-02-{day} 12:00", {}) for day in (26, 27, 28, 29)))
    with written(engine, history) as connection:
        connection.execute(sa.update(METADATA.tables["accounts"]).values(pruned_before=at("2024-02-27 12:00")))
        assert min(str(row[0]) for row in read(connection, "observation_daily")) == "2024-02-28"
        connection.execute(sa.update(METADATA.tables["accounts"]).values(pruned_before=at("2024-02-27 00:00")))
        assert min(str(row[0]) for row in read(connection, "observation_daily")) == "2024-02-27"


def test_the_calendar_holds_every_day_once_with_its_monday_and_its_first(engine):
    with engine.connect() as connection:
        rows = read(connection, "calendar")
    days = [date(2020, 1, 1) + timedelta(days=number) for number in range((date(2050, 1, 1) - date(2020, 1, 1)).days)]
    assert sorted(rows) == [(day, day - timedelta(days=day.weekday()), day.replace(day=1)) for day in days]


def test_the_table_that_gives_views_their_types_holds_no_row(engine):
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM typed")).scalar() == 0
