"""${message}

Rules: one chain for both backends. Import nothing of `inventory`: it will have changed. Never edit the file of a
released view: add one with the next number. Drop the views before a column under them is altered, and create them again
after it.

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
