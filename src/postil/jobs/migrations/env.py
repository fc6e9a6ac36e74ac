"""Alembic runs this for each migration, with the connection that `postil.jobs.migration` holds its lock on."""

from alembic import context

from postil.jobs.migration import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
