"""How a database is, for whoever doesn't want to work with it but to know."""

from pathlib import Path

import sqlalchemy as sa
from alembic.script import ScriptDirectory
from sqlalchemy import exc as sa_exc

from postil.jobs.database import create_engine, database_url, said
from postil.jobs.migration import SCRIPTS, current
from postil.jobs.model import NewerDatabaseError, UnavailableError
from postil.jobs.moving import check_here
from postil.jobs.schema import deliveries


def examine_database(address: str) -> str | None:
    """Connect, try a change, take it back, and give the revision of the tables; None where there are none yet.

    Raises:
        UnusableDatabaseError: the address isn't one, or what was there has been moved.
        UnavailableError: it can't be reached, read or written.
        NewerDatabaseError: a newer version has brought its tables further than this one knows.
    """
    url = database_url(address)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        return None
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            revision = current(connection)
            if sa.inspect(connection).has_table(deliveries.name):
                connection.execute(sa.delete(deliveries).where(deliveries.c.id == ""))
                connection.rollback()
        scripts = ScriptDirectory(str(SCRIPTS))
        if revision == scripts.get_current_head():
            check_here(engine)
    except sa_exc.SQLAlchemyError as error:
        raise UnavailableError(said(error)) from error
    finally:
        engine.dispose()
    known = {script.revision for script in scripts.walk_revisions()}
    if revision is not None and revision not in known:
        raise NewerDatabaseError(f"Its tables are at revision {revision}, which this version doesn't know.")
    return revision
