"""Count hours for the type, region and GPU count that an instance had at the time, not for those of its last version.

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
    """Replace the views by those in the SQL files of `version`, such as `v2`.

    PostgreSQL replaces a view in place. This keeps the grants on the view, and the users' own views that read it.
    """
    backend = op.get_bind().dialect.name
    for name in VIEWS:
        text = (Path(__file__).parents[1] / "views" / f"{name}_{version}.{backend}.sql").read_text()
        if backend == "sqlite":
            op.execute(sa.text(f"DROP VIEW {name}"))
        else:
            text = text.replace("CREATE VIEW", "CREATE OR REPLACE VIEW")
        op.execute(sa.text(text))
