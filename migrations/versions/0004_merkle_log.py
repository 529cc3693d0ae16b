"""Keep a Merkle log of each account's runs and of the acts of persons, and the settings in force at each run.

Revision: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import UserDefinedType

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

time = sa.DateTime(timezone=True)
run_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


class JSONText(UserDefinedType):
    cache_ok = True

    def get_col_spec(self, **_):
        return "JSON"


def new_columns():
    """Return the new columns of each table. All are nullable, so no row is rewritten."""
    return {
        "accounts": (
            sa.Column("checkpoint_at", time),
            sa.Column("log_id", sa.Text),
            sa.Column("log_start", sa.Text),
            sa.Column("log_size", run_id),
            sa.Column("log_frontier", sa.LargeBinary),
        ),
        "sync_runs": (
            sa.Column("ignore_changes", sa.Text),
            sa.Column("max_vanish", sa.Double),
            sa.Column("max_gap_seconds", sa.Double),
            sa.Column("log_index", run_id),
            sa.Column("entry_hash", sa.LargeBinary),
            sa.Column("changes_root", sa.LargeBinary),
            sa.Column("missing_digest", sa.LargeBinary),
            sa.Column("cleared_digest", sa.Text),
        ),
        "instance_versions": (sa.Column("closed_log_index", run_id),),
    }


def upgrade():
    # Programs of earlier revisions look for the old name. So a worker of one that still runs fails from now on, before
    # it could write a run without an entry in the log.
    op.execute(sa.text("ALTER TABLE accounts RENAME COLUMN lease_token TO fencing_token"))
    for table, columns in new_columns().items():
        for column in columns:
            op.add_column(table, column)
    op.create_table(
        "operator_actions",
        sa.Column("action_id", run_id, primary_key=True, autoincrement=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("occurred_at", time, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("details", JSONText, nullable=False),
        sa.Column("log_index", run_id, nullable=False),
        sa.Column("entry_hash", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.account"], name="fk_operator_actions_account", onupdate="CASCADE"
        ),
        sa.CheckConstraint(
            "action IN ('accept', 'prune', 'rename', 'retire')", name=op.f("ck_operator_actions_action")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_operator_actions_account_log_index", "operator_actions", ["account", "log_index"], unique=True)
    op.create_table(
        "dropped_entries",
        sa.Column("log_id", sa.Text, nullable=False),
        sa.Column("tree", sa.Text, nullable=False),
        sa.Column("first_index", run_id, nullable=False, autoincrement=False),
        sa.Column("hashes", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("log_id", "tree", "first_index", name="pk_dropped_entries"),
        sa.CheckConstraint("tree IN ('log', 'runs')", name=op.f("ck_dropped_entries_tree")),
    )


def downgrade():
    op.drop_table("dropped_entries")
    op.drop_table("operator_actions")
    for table, columns in reversed(new_columns().items()):
        for column in reversed(columns):
            op.drop_column(table, column.name)
    op.execute(sa.text("ALTER TABLE accounts RENAME COLUMN fencing_token TO lease_token"))
