"""What each run did, for operators."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "postil_ended",
        sa.Column("run", sa.String(320), primary_key=True),
        sa.Column("pull", sa.String(300), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("calls", sa.Integer, nullable=False),
        sa.Column("conclusion", sa.String(20)),
        sa.Column("found", sa.Integer),
        sa.Column("said", sa.Text, nullable=False),
    )
    op.create_index("postil_ended_at", "postil_ended", ["at"])
