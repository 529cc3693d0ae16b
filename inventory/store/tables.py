"""The tables, in SQLAlchemy Core. docs/schema.md has the meaning of each public column; comments mark internal ones.

The columns for the fields that fal sends are made from the list `record.FIELDS`, and other code loops over that list.
`instance_state` and `instance_versions` have no foreign keys. PostgreSQL would check each reference with a query of its
own: half a million queries for a first run of 100,000 instances. `inventory verify` checks the references instead.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    event,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, UserDefinedType

from inventory.errors import DatabaseError
from inventory.record import FIELDS

Event = Literal["appeared", "changed", "reappeared", "vanished"]
"""The name of an event of an instance. Constants that list events have this type, so that mypy finds a wrong name."""

EVENTS: tuple[Event, ...] = get_args(Event)

OPENINGS: tuple[Event, ...] = ("appeared", "changed", "reappeared")
"""The events that open a version."""

CLOSINGS: tuple[Event, ...] = ("changed", "vanished")
"""The events that close a version."""

APPLIED = ("succeeded", "held", "partial")
"""The statuses of runs that were applied."""

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def damaged(what: str) -> DatabaseError:
    """Return the error for stored data that this program cannot have written; `what` describes the data.

    SQLite, for example, accepts any text in a column of times.
    """
    return DatabaseError(
        f"The database is damaged: {what}. `inventory verify` names what is wrong; compare with a backup."
    )


def require_zone(time: datetime) -> None:
    """Raise ValueError if the time has no zone: PostgreSQL would take it for a time in the zone of the session."""
    if time.tzinfo is None:
        raise ValueError(f"a time without a zone: {time}")


class UTCDateTime(TypeDecorator[datetime]):
    """The type of columns of times: an aware UTC datetime in Python, `timestamptz` on PostgreSQL.

    On SQLite it is text of the form `YYYY-MM-DD HH:MM:SS.ffffff`.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time in UTC: naive for SQLite, aware for PostgreSQL. Raise ValueError for a naive time."""
        if value is None:
            return None
        require_zone(value)
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """Return the function that converts a value of the driver to a time.

        On SQLite this function raises DatabaseError for a value that is no time.
        """
        process = super().result_processor(dialect, coltype)
        if process is None or dialect.name != "sqlite":
            return process

        def checked(value: Any) -> datetime | None:
            try:
                return process(value)
            except (ValueError, TypeError):
                raise damaged(f"{value!r:.80} where a time belongs") from None

        return checked

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return an aware UTC time, whatever the time zone of the session is."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class JSONText(UserDefinedType[str]):
    """A column type: JSON in the database, `str` in Python. So the text of the JSON stays exactly as written."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Return the name of the type in SQL, which is the same on both backends."""
        return "JSON"


RunId = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers new rows only in a column of the type INTEGER


def _payload() -> list[Column[Any]]:
    return [
        *(Column(name, Text) for name in FIELDS),
        Column("extra", JSONText),
        Column("gpu_count", Integer),
        Column("gpu_model", Text),
    ]


accounts = Table(
    "accounts",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("provider", Text, nullable=False, server_default="fal"),
    Column("created_at", UTCDateTime, nullable=False),
    Column("retired_at", UTCDateTime),
    Column("pruned_before", UTCDateTime),
    # internal. last_complete_run_id: the time of this run is the last_seen_at of each live instance, unless a later run
    # recorded something of the instance. walk_digest: fingerprint of this run's list. The next run compares its own
    # list with this fingerprint
    Column("last_complete_run_id", RunId),
    Column("walk_digest", Text),
    # internal: the lease, from fencing_token to lease_process_started. While a run has the lease, its heartbeat is in
    # sync_runs. While other work such as `prune` has it, the heartbeat is in lease_heartbeat_at
    Column("fencing_token", Text),
    Column("lease_purpose", Text),
    Column("lease_run_id", RunId),
    Column("lease_seconds", Double),
    Column("lease_heartbeat_at", UTCDateTime),
    Column("lease_host", Text),
    Column("lease_pid", Integer),
    Column("lease_process_started", Double),
    Column("checkpoint_at", UTCDateTime),
    # internal: the account's Merkle log: its id, its entry 0, its number of entries, and the `hashes` of its tree
    # (`merkle.Frontier`)
    Column("log_id", Text),
    Column("log_start", Text),
    Column("log_size", RunId),
    Column("log_frontier", LargeBinary),
)

sync_runs = Table(
    "sync_runs",
    METADATA,
    Column("run_id", RunId, primary_key=True, autoincrement=True),
    Column("account", Text, ForeignKey("accounts.account", onupdate="CASCADE"), nullable=False),
    Column("trigger", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("started_at", UTCDateTime, nullable=False),
    Column("heartbeat_at", UTCDateTime, nullable=False),
    Column("finished_at", UTCDateTime),
    Column("previous_complete_at", UTCDateTime),
    Column("complete", Boolean, nullable=False, server_default=text("false")),
    Column("expected_seconds", Double),
    *(
        Column(name, Integer, nullable=False, server_default="0")
        for name in (
            "pages", "instances_seen", "duplicates", "rejected", *EVENTS, "missing",
        )
    ),
    Column("api_url", Text, nullable=False),
    Column("api_key_id", Text),
    Column("fleet_digest", Text),
    Column("error_code", Text),
    Column("error", Text),
    Column("version", Text, nullable=False),
    Column("ignore_changes", Text),
    Column("max_vanish", Double),
    Column("max_gap_seconds", Double),
    Column("log_index", RunId),
    # internal. entry_hash: hash of the run's log entry. changes_root: Merkle root in that entry over the versions that
    # the run opened and closed. missing_digest: the missing digest in that entry. cleared_digest: the value that
    # `prune` has removed from fleet_digest; it is needed to compute the log entry, which commits to that value
    Column("entry_hash", LargeBinary),
    Column("changes_root", LargeBinary),
    Column("missing_digest", LargeBinary),
    Column("cleared_digest", Text),
    Index("ix_sync_runs_account_started_at", "account", "started_at", unique=True),
    Index("uq_sync_runs_account_running", "account", unique=True),
    CheckConstraint(
        "status IN ('running', 'succeeded', 'held', 'partial', 'failed', 'abandoned')", name="status"
    ),
)  # fmt: skip

instance_state = Table(
    "instance_state",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("instance_id", Text, primary_key=True),
    *_payload(),
    Column("presence", Text, nullable=False),
    Column("held", Boolean, nullable=False, server_default=text("false")),
    Column("first_seen_at", UTCDateTime, nullable=False),
    Column("missing_since", UTCDateTime),
    Column("vanished_at", UTCDateTime),
    Column("episodes", Integer, nullable=False),
    Column("versions", Integer, nullable=False),
    # internal, from here to `ignored`. seen_run_id: for a live instance, the run that last recorded something of it;
    # for a missing or vanished one, the run that last saw it
    Column("seen_run_id", RunId, nullable=False),
    Column("missing_run_id", RunId),
    Column("unlisted_runs", Integer, nullable=False, server_default="0"),
    Column("episode_creator", Text),
    # row_hash: hash of the fields as they were last written to this row, without those that `ignored` names.
    # version_hash: hash of the fields in the open version or, if none is open, in the last one. The two hashes differ
    # only if the row changed and no version was opened: after ignore_changes was changed, or when a secret in an old
    # row was hidden
    Column("row_hash", LargeBinary, nullable=False),
    Column("version_hash", LargeBinary, nullable=False),
    Column("ignored", Text, nullable=False, server_default=""),
    CheckConstraint("presence IN ('live', 'missing', 'vanished')", name="presence"),
    Index("ix_instance_state_account_presence", "account", "presence"),
)

instance_versions = Table(
    "instance_versions",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("instance_id", Text, primary_key=True),
    Column("episode", Integer, nullable=False),
    Column("valid_from", UTCDateTime, primary_key=True),
    Column("valid_to", UTCDateTime),
    Column("opened_by_run_id", RunId, nullable=False),
    Column("closed_by_run_id", RunId),
    Column("opened_as", Text, nullable=False),
    Column("closed_as", Text),
    Column("last_seen_at", UTCDateTime),
    *_payload(),
    # internal: the first creator of the episode that was not null, as known when this version opened
    Column("episode_creator", Text),
    # internal: hash of the fields when they were recorded; `verify` compares it with the hash of the fields as stored
    Column("content_hash", LargeBinary),
    # internal: false for the first version of an episode. A later version has false only if its type and region are
    # those of the version before it. It has true if they differ, or if it is not known whether they differ. So the
    # first version of a stretch (`stretches.py`) always opens an episode or has `moved` true
    Column("moved", Boolean, nullable=False, server_default=text("true")),
    # index of the log entry of the run or act that closed the version; null if it is open or was closed before the log
    Column("closed_log_index", RunId),
    CheckConstraint(f"opened_as IN {OPENINGS}", name="opened_as"),
    CheckConstraint(f"closed_as IN {CLOSINGS}", name="closed_as"),
    CheckConstraint("valid_to > valid_from", name="interval"),
    CheckConstraint("(valid_to IS NULL) = (closed_as IS NULL)", name="closed"),
    Index("uq_instance_versions_open", "account", "instance_id", unique=True),
    # This index has both times, so that it alone answers `valid_from <= T AND (valid_to IS NULL OR valid_to > T)`. The
    # table keeps its rowid for this: without a rowid, SQLite would first fetch each row, which is 30 times slower
    Index("ix_instance_versions_valid_from_valid_to", "valid_from", "valid_to"),
    Index("ix_instance_versions_valid_to", "valid_to"),
    Index("ix_instance_versions_stretches", "account", "instance_id", "valid_from"),
    Index("ix_instance_versions_vanished", "account", "instance_id", "episode"),
)  # fmt: skip

operator_actions = Table(
    "operator_actions",
    METADATA,
    Column("action_id", RunId, primary_key=True, autoincrement=True),
    Column(
        "account",
        Text,
        ForeignKey("accounts.account", onupdate="CASCADE"),
        nullable=False,
    ),
    Column("occurred_at", UTCDateTime, nullable=False),
    Column("action", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
    Column("details", JSONText, nullable=False),
    Column("log_index", RunId, nullable=False),
    # internal: the hash of the log entry of this act
    Column("entry_hash", LargeBinary, nullable=False),
    CheckConstraint("action IN ('accept', 'prune', 'rename', 'retire')", name="action"),
    Index("ix_operator_actions_account_log_index", "account", "log_index", unique=True),
)

# internal: the hashes of log entries whose runs `prune` has dropped (tree `log`), and of dropped runs that are older
# than the log (tree `runs`). A row has the joined hashes of consecutive entries or runs, from `first_index` on.
dropped_entries = Table(
    "dropped_entries",
    METADATA,
    Column("log_id", Text, primary_key=True),
    Column("tree", Text, primary_key=True),
    Column("first_index", RunId, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
    CheckConstraint("tree IN ('log', 'runs')", name="tree"),
)

calendar = Table(
    "calendar",
    METADATA,
    Column("day", Date, primary_key=True),
    Column("week", Date, nullable=False),
    Column("month", Date, nullable=False),
)

# internal: always empty. SQLite takes the column types of a view from the first arm of a UNION ALL. So views with
# computed columns begin with `SELECT ... FROM typed WHERE false`, which gives them the types that BI tools look for.
typed = Table(
    "typed",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("count", Integer),
    Column("hours", Double),
    Column("label", Text),
    Column("at", UTCDateTime),
)

_WHERE = {
    "uq_sync_runs_account_running": "status = 'running'",
    "uq_instance_versions_open": "valid_to IS NULL",
    "ix_instance_versions_valid_to": "valid_to IS NOT NULL",
    "ix_instance_versions_stretches": "opened_as <> 'changed' OR moved",
    "ix_instance_versions_vanished": "closed_as = 'vanished'",
}
"""The condition of each partial index in SQL, by the name of the index."""


@event.listens_for(METADATA, "before_create")
def _complete_before_create(*_: object, **__: object) -> None:
    complete()


def complete() -> MetaData:
    """Add to METADATA the options that SQLAlchemy keeps for each backend separately, and return METADATA.

    These are the conditions of partial indexes and, for SQLite, WITHOUT ROWID and AUTOINCREMENT. They are needed only
    to create the tables, and when Alembic compares the tables. They are not added when this module is imported, because
    that would import both dialects of SQLAlchemy.
    """
    for index in (index for table in METADATA.tables.values() for index in table.indexes if index.name in _WHERE):
        for dialect in ("sqlite", "postgresql"):
            index.dialect_options[dialect]["where"] = text(_WHERE[str(index.name)])
    for table in (instance_state, calendar):
        table.dialect_options["sqlite"]["with_rowid"] = False
    for table in (sync_runs, operator_actions):
        table.dialect_options["sqlite"]["autoincrement"] = True
    return METADATA
