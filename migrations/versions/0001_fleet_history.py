"""The tables and views of the first release.

Revision: 0001
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import UserDefinedType

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

VIEWS = (
    "instances", "live_instances", "instance_events", "instance_field_changes", "instance_episodes",
    "creators", "fleet_daily", "sync_freshness", "sync_gaps",
)  # fmt: skip
"""In order of dependence."""

CALENDAR = {
    "sqlite": """
        INSERT INTO calendar (day, week, month)
        WITH RECURSIVE days (day) AS (
            SELECT '2020-01-01' UNION ALL SELECT date(day, '+1 day') FROM days WHERE day < '2049-12-31'
        )
        SELECT day, date(day, 'weekday 0', '-6 days'), date(day, 'start of month') FROM days
    """,
    "postgresql": """
        INSERT INTO calendar (day, week, month)
        SELECT day, date_trunc('week', day), date_trunc('month', day)
        FROM generate_series(timestamp '2020-01-01', timestamp '2049-12-31', interval '1 day') AS day
    """,
}

time = sa.DateTime(timezone=True)
run_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


class JSONText(UserDefinedType):
    cache_ok = True

    def get_col_spec(self, **_):
        return "JSON"


def payload():
    return [
        *(
            sa.Column(name, sa.Text)
            for name in ("instance_type", "region", "sector", "ip", "status", "creator_user_nickname")
        ),
        sa.Column("extra", JSONText),
        sa.Column("gpu_count", sa.Integer),
        sa.Column("gpu_model", sa.Text),
    ]


def upgrade():
    op.create_table(
        "accounts",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False, server_default="fal"),
        sa.Column("created_at", time, nullable=False),
        sa.Column("retired_at", time),
        sa.Column("pruned_before", time),
        sa.Column("last_complete_run_id", run_id),
        sa.Column("walk_digest", sa.Text),
        sa.Column("lease_token", sa.Text),
        sa.Column("lease_purpose", sa.Text),
        sa.Column("lease_run_id", run_id),
        sa.Column("lease_seconds", sa.Double),
        sa.Column("lease_heartbeat_at", time),
        sa.Column("lease_host", sa.Text),
        sa.Column("lease_pid", sa.Integer),
        sa.Column("lease_process_started", sa.Double),
        sa.PrimaryKeyConstraint("account", name="pk_accounts"),
    )
    op.create_table(
        "sync_runs",
        sa.Column("run_id", run_id, primary_key=True, autoincrement=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("trigger", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("started_at", time, nullable=False),
        sa.Column("heartbeat_at", time, nullable=False),
        sa.Column("finished_at", time),
        sa.Column("previous_complete_at", time),
        sa.Column("complete", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("expected_seconds", sa.Double),
        *(
            sa.Column(name, sa.Integer, nullable=False, server_default="0")
            for name in (
                "pages", "instances_seen", "duplicates", "rejected",
                "appeared", "changed", "reappeared", "vanished", "missing",
            )
        ),
        sa.Column("api_url", sa.Text, nullable=False),
        sa.Column("api_key_id", sa.Text),
        sa.Column("fleet_digest", sa.Text),
        sa.Column("error_code", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("version", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.account"], name="fk_sync_runs_account", onupdate="CASCADE"
        ),
        sa.CheckConstraint(
            "status IN ('running', 'succeeded', 'held', 'partial', 'failed', 'abandoned')",
            name=op.f("ck_sync_runs_status"),
        ),
        sqlite_autoincrement=True,
    )  # fmt: skip
    op.create_index("ix_sync_runs_account_started_at", "sync_runs", ["account", "started_at"], unique=True)
    op.create_index(
        "uq_sync_runs_account_running", "sync_runs", ["account"], unique=True,
        sqlite_where=sa.text("status = 'running'"), postgresql_where=sa.text("status = 'running'"),
    )  # fmt: skip
    op.create_table(
        "instance_state",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("instance_id", sa.Text, nullable=False),
        *payload(),
        sa.Column("presence", sa.Text, nullable=False),
        sa.Column("held", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("first_seen_at", time, nullable=False),
        sa.Column("missing_since", time),
        sa.Column("vanished_at", time),
        sa.Column("episodes", sa.Integer, nullable=False),
        sa.Column("versions", sa.Integer, nullable=False),
        sa.Column("seen_run_id", run_id, nullable=False),
        sa.Column("missing_run_id", run_id),
        sa.Column("unlisted_runs", sa.Integer, nullable=False, server_default="0"),
        sa.Column("episode_creator", sa.Text),
        sa.Column("row_hash", sa.LargeBinary, nullable=False),
        sa.Column("version_hash", sa.LargeBinary, nullable=False),
        sa.Column("ignored", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("account", "instance_id", name="pk_instance_state"),
        sa.CheckConstraint("presence IN ('live', 'missing', 'vanished')", name=op.f("ck_instance_state_presence")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_instance_state_account_presence", "instance_state", ["account", "presence"])
    op.create_table(
        "instance_versions",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("instance_id", sa.Text, nullable=False),
        sa.Column("episode", sa.Integer, nullable=False),
        sa.Column("valid_from", time, nullable=False),
        sa.Column("valid_to", time),
        sa.Column("opened_by_run_id", run_id, nullable=False),
        sa.Column("closed_by_run_id", run_id),
        sa.Column("opened_as", sa.Text, nullable=False),
        sa.Column("closed_as", sa.Text),
        sa.Column("last_seen_at", time),
        *payload(),
        sa.Column("episode_creator", sa.Text),
        sa.Column("content_hash", sa.LargeBinary),
        sa.PrimaryKeyConstraint("account", "instance_id", "valid_from", name="pk_instance_versions"),
        sa.CheckConstraint(
            "opened_as IN ('appeared', 'changed', 'reappeared')", name=op.f("ck_instance_versions_opened_as")
        ),
        sa.CheckConstraint("closed_as IN ('changed', 'vanished')", name=op.f("ck_instance_versions_closed_as")),
        sa.CheckConstraint("valid_to > valid_from", name=op.f("ck_instance_versions_interval")),
        sa.CheckConstraint("(valid_to IS NULL) = (closed_as IS NULL)", name=op.f("ck_instance_versions_closed")),
    )
    op.create_index(
        "uq_instance_versions_open", "instance_versions", ["account", "instance_id"], unique=True,
        sqlite_where=sa.text("valid_to IS NULL"), postgresql_where=sa.text("valid_to IS NULL"),
    )  # fmt: skip
    op.create_index("ix_instance_versions_valid_from_valid_to", "instance_versions", ["valid_from", "valid_to"])
    op.create_index(
        "ix_instance_versions_valid_to", "instance_versions", ["valid_to"],
        sqlite_where=sa.text("valid_to IS NOT NULL"), postgresql_where=sa.text("valid_to IS NOT NULL"),
    )  # fmt: skip
    op.create_table(
        "calendar",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("week", sa.Date, nullable=False),
        sa.Column("month", sa.Date, nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_calendar"),
        sqlite_with_rowid=False,
    )
    op.execute(sa.text(CALENDAR[op.get_bind().dialect.name]))
    op.create_table(
        "typed",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("count", sa.Integer),
        sa.Column("hours", sa.Double),
        sa.Column("label", sa.Text),
        sa.Column("at", time),
        sa.PrimaryKeyConstraint("id", name="pk_typed"),
    )
    for name in VIEWS:
        op.execute(sa.text(view_sql(name)))


def downgrade():
    for name in reversed(VIEWS):
        op.execute(sa.text(f"DROP VIEW {name}"))
    for table in ("typed", "calendar", "instance_versions", "instance_state", "sync_runs", "accounts"):
        op.drop_table(table)


def view_sql(name):
    """The view's file: that of this backend where there is one, else the one for both."""
    folder = Path(__file__).parents[1] / "views"
    own = folder / f"{name}_v1.{op.get_bind().dialect.name}.sql"
    return (own if own.exists() else folder / f"{name}_v1.sql").read_text()
