"""Let a condition on the account reach an index in fleet_daily and creators on SQLite.

SQLite passes a condition through a window that is partitioned by the account, but not through a GROUP BY.

Revision: 0006
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade():
    replace("fleet_daily", "v4.sqlite")
    replace("creators", "v2.sqlite")


def downgrade():
    replace("creators", "v1")
    replace("fleet_daily", "v3.sqlite")


def replace(name, version):
    """Replace a view on SQLite. PostgreSQL keeps its own: there, a condition passes a GROUP BY."""
    if op.get_bind().dialect.name != "sqlite":
        return
    text = (Path(__file__).parents[1] / "views" / f"{name}_{version}.sql").read_text()
    op.execute(sa.text(f"DROP VIEW {name}"))
    op.execute(sa.text(text))
