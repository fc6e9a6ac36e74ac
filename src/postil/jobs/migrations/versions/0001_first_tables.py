"""The first tables, and what they lack where they are older than the count of revisions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

tables = sa.MetaData()

sa.Table(
    "postil_deliveries",
    tables,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("pull", sa.String(300), primary_key=True),
    sa.Column("received", sa.Float, nullable=False),
    sa.Column("why", sa.String(100), nullable=False),
    sa.Column("head", sa.String(64)),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("comment_kind", sa.String(40)),
    sa.Column("comment_id", sa.BigInteger),
    sa.Column("login", sa.String(110)),
    sa.Column("said", sa.Text),
    sa.Column("run", sa.Integer),
    sa.Column("done", sa.Boolean, nullable=False),
    sa.Index("postil_deliveries_open", "pull", "done"),
)

sa.Table(
    "postil_pulls",
    tables,
    sa.Column("key", sa.String(300), primary_key=True),
    sa.Column("installation", sa.BigInteger, nullable=False),
    sa.Column("repository_id", sa.BigInteger, nullable=False),
    sa.Column("owner", sa.String(100), nullable=False),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("head", sa.String(64)),
    sa.Column("head_at", sa.Float, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("since", sa.Float, nullable=False),
    sa.Column("run", sa.Integer, nullable=False),
    sa.Column("origin", sa.Integer, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("executor", sa.String(150)),
    sa.Column("again", sa.Boolean, nullable=False),
    sa.Column("outdated", sa.Boolean, nullable=False),
    sa.Column("why", sa.Text),
    sa.Index("postil_pulls_state", "state"),
    sa.Index("postil_pulls_number", "repository_id", "number"),
)

sa.Table(
    "postil_leases",
    tables,
    sa.Column("executor", sa.String(150), primary_key=True),
    sa.Column("version", sa.String(20), nullable=False),
    sa.Column("seen", sa.Float, nullable=False),
)

sa.Table(
    "postil_intents",
    tables,
    sa.Column("pull", sa.String(300), primary_key=True),
    sa.Column("what", sa.String(400), primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("github_id", sa.BigInteger),
)

sa.Table(
    "postil_learned",
    tables,
    sa.Column("installation", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("what", sa.String(50), primary_key=True),
    sa.Column("value", sa.String(100), nullable=False),
)


def upgrade() -> None:
    """Create what is missing: before revisions were counted, new columns and indexes came without one."""
    connection = op.get_bind()
    tables.create_all(connection)
    inspector = sa.inspect(connection)
    for table in tables.sorted_tables:
        present = {column["name"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            if column.name not in present:
                op.add_column(table.name, sa.Column(column.name, column.type))
        for index in table.indexes:
            index.create(connection, checkfirst=True)
