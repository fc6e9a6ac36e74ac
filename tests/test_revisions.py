"""What an Alembic revision does, as the checks see it."""

import pytest

from postil.lint import Project, SourceFile
from postil.lint.alembic import parse_sql
from postil.lint.revisions import Revision

HEAD = 'import sqlalchemy as sa\nfrom alembic import op\n\nrevision = "b"\ndown_revision = "a"\n\n\n'


def revision(body: str, before: str = "", path: str = "versions/b.py", project: Project | None = None) -> Revision:
    """A revision whose `upgrade()` has this body."""
    indented = "".join(f"    {line}\n" for line in body.split("\n"))
    return Revision(SourceFile(path, f"{HEAD}{before}def upgrade():\n{indented}", project))


def steps(body: str, before: str = "") -> list[str]:
    """The steps, as "operation table.column"; "new" or "empty" behind them."""
    return [
        " ".join(
            (
                step.operation or (step.sql.verb if step.sql else ""),
                f"{step.table}{f'.{step.column}' if step.column else ''}",
                *(["new"] if step.is_new else ["empty"] if step.is_empty else []),
            )
        )
        for step in revision(body, before).steps
    ]


def test_helpers_run_where_they_are_called() -> None:
    """Order decides whether a table is new, and most long revisions are cut into helpers."""
    before = "def make():\n    op.create_table('t')\n\n\n"

    assert steps("op.drop_column('t', 'a')\nmake()\nop.drop_column('t', 'b')", before) == [
        "drop_column t.a",
        "create_table t",
        "drop_column t.b new",
    ]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("op.create_table('t')\nop.add_column(unknown(), sa.Column('a'))", "add_column None.a new"),
        ("op.add_column(unknown(), sa.Column('a'))", "add_column None.a"),
        ("Base.metadata.create_all()\nop.drop_table(x())", "drop_table None new"),
        ("sa.table('t').create(op.get_bind())\nop.drop_table('t')", "drop_table t new"),
        ("create_table('t')\nop.drop_table('t')", "drop_table t new"),
        ("op.create_table('n')\nop.rename_table('n', 't')\nop.drop_table('t')", "drop_table t new"),
        ("op.execute('CREATE TEMP TABLE t (id int)')\nop.drop_table('t')", "drop_table t new"),
        ("op.execute('DELETE FROM t')\nop.rename_table('t', 'u')\nop.drop_column('u', 'a')", "drop_column u.a empty"),
        ("op.execute('DELETE FROM t WHERE a = 1')\nop.drop_column('t', 'a')", "drop_column t.a"),
        ("op.execute('TRUNCATE t')\nop.drop_column('t', 'a')", "drop_column t.a empty"),
    ],
)
def test_a_table_is_new_or_empty_from_the_step_on_that_makes_it_so(body: str, found: str) -> None:
    """A lock on a table without rows hurts nobody; a table without a name may be the one that was just made."""
    assert steps(body)[-1] == found


def test_a_column_that_is_altered_in_several_ways_is_several_steps() -> None:
    """Each way has a rule of its own."""
    body = (
        "with op.batch_alter_table('t') as b:\n"
        "    b.alter_column('a', new_column_name='c', nullable=False, type_=sa.Text)"
    )

    assert steps(body) == ["alter_column t.a", "rename_column t.a", "set_not_null t.a", "change_type t.a"]


@pytest.mark.parametrize(
    ("sql", "operations"),
    [
        ("ALTER TABLE t RENAME TO u", [("rename_table", "t", None)]),
        ("ALTER TABLE IF EXISTS ONLY s.t RENAME COLUMN a TO b", [("rename_column", "t", "a")]),
        ("ALTER TABLE t RENAME CONSTRAINT a TO b", []),
        ("ALTER TABLE t DROP COLUMN a, DROP b", [("drop_column", "t", "a"), ("drop_column", "t", "b")]),
        ("ALTER TABLE t DROP CONSTRAINT a", [("drop_constraint", "t", None)]),
        ("ALTER TABLE t ADD a int NOT NULL", [("add_column", "t", "a"), ("add_required_column", "t", "a")]),
        (
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL), ADD UNIQUE (b)",
            [("add_check", "t", None), ("add_unique", "t", None)],
        ),
        ("ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES u (id) NOT VALID", []),
        ("ALTER TABLE t ALTER a DROP NOT NULL", []),
        ('ALTER TABLE t ALTER COLUMN "a" SET NOT NULL', [("set_not_null", "t", "a")]),
        ("ALTER TABLE t ALTER a SET DATA TYPE numeric(10, 2)", [("change_type", "t", "a")]),
        ("ALTER TABLE t ADD COLUMN a numeric(10, 2)", [("add_column", "t", "a")]),
        ("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON s.t (a)", [("create_index", "t", None)]),
        ("CREATE INDEX ON t (a)", [("create_index", "t", None)]),
        ("DROP TABLE IF EXISTS t CASCADE", [("drop_table", "t", None)]),
        ("SELECT 1; DROP TABLE t", []),
    ],
)
def test_sql_does_what_the_operations_do(sql: str, operations: list[tuple[str, str | None, str | None]]) -> None:
    """Many revisions say it in SQL, and the rules hold for them as well."""
    found = parse_sql(sql)

    assert found is not None
    assert [(name, table, column or None) for name, table, column in found.operations] == operations


@pytest.mark.parametrize(
    ("path", "files", "postgres"),
    [
        ("versions/b.py", {}, False),
        ("versions/postgresql/b.py", {}, True),
        ("versions/sqlite/b.py", {"requirements.txt": "psycopg[binary]==3.2\n"}, False),
        ("versions/b.py", {"requirements.txt": "# psycopg\nasyncpg>=0.3\n"}, True),
        ("versions/b.py", {"pyproject.toml": '[project]\ndependencies = ["psycopg2-binary"]\n'}, True),
        ("versions/b.py", {"pyproject.toml": '[project.optional-dependencies]\npg = ["psycopg"]\n'}, False),
    ],
    ids=["nothing", "folder", "other-folder", "requirements", "pyproject", "extra"],
)
def test_postgres_is_known_by_folder_or_driver(path: str, files: dict[str, str], postgres: bool) -> None:
    """What a statement locks differs between databases; an extra says only that some use one."""
    assert revision("pass", path=path, project=Project(files)).on_postgres is postgres


@pytest.mark.parametrize(
    ("condition", "taken"),
    [
        ("dialect == 'postgresql'", True),
        ("dialect != 'postgresql'", False),
        ("dialect in ('sqlite', 'mysql')", False),
        ("dialect not in ('sqlite', 'mysql')", True),
        ("flag", True),
    ],
)
def test_a_branch_for_another_dialect_is_not_taken_on_postgres(condition: str, taken: bool) -> None:
    """Projects for several databases do the gentle thing where they can, and the plain one elsewhere."""
    found = revision(f"if {condition}:\n    op.drop_table('t')")

    assert [found.for_postgres(step) for step in found.steps] == [taken]


def test_what_an_autocommit_block_calls_runs_outside_of_the_transaction() -> None:
    """The block stands in `upgrade()`, the statement in a helper."""
    before = "def build():\n    op.create_index('i', 't', ['a'])\n\n\n"
    found = revision("with op.get_context().autocommit_block():\n    build()", before)

    assert [step.committed for step in found.steps] == [True]


@pytest.mark.parametrize(
    ("value", "parents"),
    [("None", ()), ("'a'", ("a",)), ("('a', 'b')", ("a", "b")), ("name()", None), ("('a', name())", None)],
)
def test_the_parents_of_a_revision_are_known_where_they_are_written_out(
    value: str, parents: tuple[str, ...] | None
) -> None:
    """A history with a gap is no history."""
    text = f"revision = 'c'\ndown_revision = {value}\n\n\ndef upgrade():\n    pass\n"

    assert Revision(SourceFile("versions/c.py", text)).parents == parents
