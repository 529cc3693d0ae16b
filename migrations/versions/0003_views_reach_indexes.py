"""Mark the versions that may begin a stretch, so that hours by day are counted from partial indexes.

Revision: 0003
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MOVED = """
    SELECT account, instance_id, valid_from
    FROM (
        SELECT
            account, instance_id, valid_from, opened_as, instance_type, region,
            lag(instance_type) OVER by_time AS type_before,
            lag(region) OVER by_time AS region_before
        FROM instance_versions
        WINDOW by_time AS (PARTITION BY account, instance_id ORDER BY valid_from)
    ) AS versions
    WHERE opened_as = 'changed'
        AND (instance_type IS DISTINCT FROM type_before OR region IS DISTINCT FROM region_before)
"""


def upgrade():
    if op.get_bind().dialect.name == "sqlite":
        add_moved(default="true")  # SQLite cannot change the default of a column later
        moved = MOVED.replace("IS DISTINCT FROM", "IS NOT")  # SQLite before 3.39 does not know the other form
        op.execute(
            sa.text(
                f"UPDATE instance_versions SET moved = false WHERE (account, instance_id, valid_from) NOT IN ({moved})"
            )
        )
    else:
        add_moved(default="false")  # most versions did not move: PostgreSQL stores this without writing any row
        op.execute(
            sa.text(
                f"UPDATE instance_versions AS v SET moved = true FROM ({MOVED}) AS m WHERE v.account = m.account "
                "AND v.instance_id = m.instance_id AND v.valid_from = m.valid_from"
            )
        )
        op.execute(sa.text("ALTER TABLE instance_versions ALTER COLUMN moved SET DEFAULT true"))
    create_index("ix_instance_versions_stretches", "valid_from", "opened_as <> 'changed' OR moved")
    create_index("ix_instance_versions_vanished", "episode", "closed_as = 'vanished'")
    replace_fleet_daily("v3")


def downgrade():
    replace_fleet_daily("v2")
    for name in ("ix_instance_versions_vanished", "ix_instance_versions_stretches"):
        op.drop_index(name, "instance_versions")
    op.drop_column("instance_versions", "moved")


def add_moved(default):
    op.add_column("instance_versions", sa.Column("moved", sa.Boolean, nullable=False, server_default=sa.text(default)))


def create_index(name, column, where):
    op.create_index(
        name, "instance_versions", ["account", "instance_id", column],
        sqlite_where=sa.text(where), postgresql_where=sa.text(where),
    )  # fmt: skip


def replace_fleet_daily(version):
    """Replace the view in place on PostgreSQL, which keeps who may read it and the users' own views upon it."""
    backend = op.get_bind().dialect.name
    text = (Path(__file__).parents[1] / "views" / f"fleet_daily_{version}.{backend}.sql").read_text()
    if backend == "sqlite":
        op.execute(sa.text("DROP VIEW fleet_daily"))
    else:
        text = text.replace("CREATE VIEW", "CREATE OR REPLACE VIEW")
    op.execute(sa.text(text))
