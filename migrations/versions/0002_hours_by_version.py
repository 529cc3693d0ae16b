"""Give hours to what the instance was at the time: its type, region and GPU count of each version.

Revision: 0002
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

VIEWS = ("instance_episodes", "fleet_daily")


def upgrade():
    replace_views("v2")


def downgrade():
    replace_views("v1")


def replace_views(version):
    """Replace the views in place on PostgreSQL, which keeps who may read them and the users' own views upon them."""
    backend = op.get_bind().dialect.name
    for name in VIEWS:
        text = (Path(__file__).parents[1] / "views" / f"{name}_{version}.{backend}.sql").read_text()
        if backend == "sqlite":
            op.execute(sa.text(f"DROP VIEW {name}"))
        else:
            text = text.replace("CREATE VIEW", "CREATE OR REPLACE VIEW")
        op.execute(sa.text(text))
