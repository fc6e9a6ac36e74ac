"""What one process does for all, and which deliveries it asked for again."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "postil_duties",
        sa.Column("name", sa.String(50), primary_key=True),
        sa.Column("holder", sa.String(150), nullable=False),
        sa.Column("until", sa.Float, nullable=False),
        sa.Column("reached", sa.Float),
    )
    op.create_table(
        "postil_redeliveries",
        sa.Column("guid", sa.String(100), primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
    )
