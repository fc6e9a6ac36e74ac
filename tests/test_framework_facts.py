"""What pages say about frameworks, tried on the frameworks themselves."""

import io
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.exc import CompileError, DBAPIError

NAMES = {"fk": "fk_%(table_name)s_%(column_0_name)s", "ix": "ix_%(table_name)s_%(column_0_name)s"}

Upgrade = Callable[[Operations], object]


def rendered(upgrade: Upgrade, metadata: sa.MetaData | None = None) -> str:
    """The SQL that Alembic would send to PostgreSQL."""
    buffer = io.StringIO()
    options = {"as_sql": True, "output_buffer": buffer, "target_metadata": metadata}
    upgrade(Operations(MigrationContext.configure(dialect_name="postgresql", opts=options)))
    return " ".join(buffer.getvalue().split())


def run(upgrade: Upgrade) -> None:
    """Run on SQLite, with a table `orders` that has a row."""
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE orders (id int, state text)"))
        connection.execute(sa.text("INSERT INTO orders VALUES (1, 'open')"))
        upgrade(Operations(MigrationContext.configure(connection)))
    engine.dispose()


def test_alembic_drops_no_constraint_without_a_name() -> None:
    """`alembic-drop-unnamed-constraint` says that it fails whenever it runs."""
    with pytest.raises(CompileError, match="it has no name"):
        rendered(lambda op: op.drop_constraint(None, "orders", type_="foreignkey"))  # ty: ignore[invalid-argument-type]


def test_a_naming_convention_gives_a_dropped_constraint_a_name_that_none_has() -> None:
    """The columns aren't known when it is dropped, so the database is asked for a constraint that isn't there."""
    metadata = sa.MetaData(naming_convention=NAMES)
    drop = rendered(lambda op: op.drop_constraint(None, "orders", type_="foreignkey"), metadata)  # ty: ignore[invalid-argument-type]
    create = rendered(lambda op: op.create_foreign_key(None, "orders", "people", ["person"], ["id"]), metadata)

    assert drop == "ALTER TABLE orders DROP CONSTRAINT fk_orders_;"
    assert create.startswith("ALTER TABLE orders ADD CONSTRAINT fk_orders_person FOREIGN KEY")


def test_alembic_invents_the_name_of_an_index_that_it_drops() -> None:
    """`drop_index(None)` is compiled, with the name of an index that nobody made."""
    assert rendered(lambda op: op.drop_index(None, "orders")) == "DROP INDEX ix_orders_x;"  # ty: ignore[invalid-argument-type]


@pytest.mark.parametrize("names", [None, {"uq": "uq_%(table_name)s"}])
def test_a_batch_refuses_constraints_without_a_name(names: dict[str, str] | None) -> None:
    """Not even a naming convention of the batch helps."""

    def upgrade(op: Operations) -> None:
        with op.batch_alter_table("orders", recreate="always", naming_convention=names) as batch:
            batch.drop_constraint(None, type_="unique")  # ty: ignore[invalid-argument-type]

    with pytest.raises(ValueError, match="Constraint must have a name"):
        run(upgrade)


def test_a_constraint_without_a_name_is_created_without_one() -> None:
    """So the database chooses it, and no revision knows it."""
    sql = rendered(lambda op: op.create_foreign_key(None, "orders", "people", ["person"], ["id"]))

    assert sql == "ALTER TABLE orders ADD FOREIGN KEY(person) REFERENCES people (id);"


def test_the_database_never_hears_of_a_default_of_python() -> None:
    """`alembic-add-not-null-without-server-default`: the statement is the same as without it."""
    column = sa.Column("kind", sa.String(8), nullable=False, default="web")

    assert rendered(lambda op: op.add_column("orders", column)) == (
        "ALTER TABLE orders ADD COLUMN kind VARCHAR(8) NOT NULL;"
    )


@pytest.mark.parametrize("batch", [False, True])
def test_a_table_with_rows_refuses_a_required_column_without_a_default(batch: bool) -> None:
    """On an empty database the same revision passes, which is why tests don't find it."""
    column = sa.Column("kind", sa.String(8), nullable=False, default="web")

    def upgrade(op: Operations) -> None:
        if batch:
            with op.batch_alter_table("orders") as orders:
                orders.add_column(column)
        else:
            op.add_column("orders", column)

    with pytest.raises(DBAPIError, match="NOT NULL"):
        run(upgrade)


def test_an_integer_key_numbers_the_rows_that_are_there() -> None:
    """Alembic makes it SERIAL, so it needs no default."""
    column = sa.Column("id", sa.Integer, primary_key=True)

    assert rendered(lambda op: op.add_column("orders", column)) == "ALTER TABLE orders ADD COLUMN id SERIAL NOT NULL;"
