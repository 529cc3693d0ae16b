"""${message}

Rules: one chain for both backends; never import inventory.store.tables (it will have moved on); a view's file is never edited
once released: add <name>_v2.sql; drop views before altering a column under them, and create them again after.

Revision: ${up_revision}, after ${down_revision | comma,n}
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade():
    ${upgrades if upgrades else "pass"}


def downgrade():
    ${downgrades if downgrades else "pass"}
