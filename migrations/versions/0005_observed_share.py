"""Show how much of each day was observed, and judge runs without a schedule by the setting max_gap.

Revision: 0005
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade():
    replace_sync_gaps("v2")
    op.execute(sa.text(view_sql("observation_daily", "v1")))


def downgrade():
    op.execute(sa.text("DROP VIEW observation_daily"))
    replace_sync_gaps("v1")


def view_sql(name, version):
    return (Path(__file__).parents[1] / "views" / f"{name}_{version}.{op.get_bind().dialect.name}.sql").read_text()


def replace_sync_gaps(version):
    """Replace the view in place on PostgreSQL, which keeps who may read it and the users' own views upon it."""
    text = view_sql("sync_gaps", version)
    if op.get_bind().dialect.name == "sqlite":
        op.execute(sa.text("DROP VIEW sync_gaps"))
    else:
        text = text.replace("CREATE VIEW", "CREATE OR REPLACE VIEW")
    op.execute(sa.text(text))
