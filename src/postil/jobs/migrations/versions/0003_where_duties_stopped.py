"""Where a duty stopped that doesn't come to its end at once."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column."""
    op.add_column("postil_duties", sa.Column("stopped", sa.Text))
