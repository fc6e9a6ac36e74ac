"""What became of each comment, and where rules stepped back for it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "postil_receptions",
        sa.Column("pull", sa.String(300), primary_key=True),
        sa.Column("run", sa.String(400), primary_key=True),
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        sa.Column("installation", sa.BigInteger, nullable=False),
        sa.Column("repository_id", sa.BigInteger, nullable=False),
        sa.Column("rule", sa.String(100), nullable=False),
        sa.Column("head", sa.String(64), nullable=False),
        sa.Column("fate", sa.String(20), nullable=False),
        sa.Column("liked", sa.Boolean, nullable=False),
        sa.Column("said", sa.Float, nullable=False),
        sa.Column("judged", sa.Float, nullable=False),
        sa.Column("past", sa.Boolean, nullable=False),
    )
    op.create_index(
        "postil_receptions_figures", "postil_receptions", ["installation", "rule", "repository_id", "fate", "past"]
    )
    op.create_index("postil_receptions_said", "postil_receptions", ["said"])
    op.create_table(
        "postil_steps",
        sa.Column("scope", sa.String(20), primary_key=True),
        sa.Column("of", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("rule", sa.String(100), primary_key=True),
        sa.Column("standing", sa.String(20), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("fixed", sa.Integer, nullable=False),
        sa.Column("refused", sa.Integer, nullable=False),
        sa.Column("allowed", sa.Integer, nullable=False),
    )
