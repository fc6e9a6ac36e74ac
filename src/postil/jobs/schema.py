"""Our tables, as the newest migration leaves them.

A change here needs a revision in `migrations/versions` that makes the same change in databases that exist.
"""

from typing import Any

import sqlalchemy as sa

from postil.jobs.model import Ask, Command, Pull

metadata = sa.MetaData()

deliveries = sa.Table(
    "postil_deliveries",
    metadata,
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

pulls = sa.Table(
    "postil_pulls",
    metadata,
    sa.Column("key", sa.String(300), primary_key=True),
    sa.Column("installation", sa.BigInteger, nullable=False),
    sa.Column("repository_id", sa.BigInteger, nullable=False),
    sa.Column("owner", sa.String(100), nullable=False),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("head", sa.String(64)),
    sa.Column("head_at", sa.Float, nullable=False),
    # idle, queued, running or dead.
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("since", sa.Float, nullable=False),
    sa.Column("run", sa.Integer, nullable=False),
    sa.Column("origin", sa.Integer, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("executor", sa.String(150)),
    # What came in since the run began: a wish for another run, and whether this one is out of date.
    sa.Column("again", sa.Boolean, nullable=False),
    sa.Column("outdated", sa.Boolean, nullable=False),
    sa.Column("why", sa.Text),
    sa.Index("postil_pulls_state", "state"),
    sa.Index("postil_pulls_number", "repository_id", "number"),
)

leases = sa.Table(
    "postil_leases",
    metadata,
    sa.Column("executor", sa.String(150), primary_key=True),
    sa.Column("version", sa.String(20), nullable=False),
    sa.Column("seen", sa.Float, nullable=False),
)

intents = sa.Table(
    "postil_intents",
    metadata,
    sa.Column("pull", sa.String(300), primary_key=True),
    sa.Column("what", sa.String(400), primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("github_id", sa.BigInteger),
)

learned = sa.Table(
    "postil_learned",
    metadata,
    sa.Column("installation", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("what", sa.String(50), primary_key=True),
    sa.Column("value", sa.String(100), nullable=False),
)

ended = sa.Table(
    "postil_ended",
    metadata,
    sa.Column("run", sa.String(320), primary_key=True),
    sa.Column("pull", sa.String(300), nullable=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("outcome", sa.String(20), nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("calls", sa.Integer, nullable=False),
    sa.Column("conclusion", sa.String(20)),
    sa.Column("found", sa.Integer),
    # How many comments by rule, as JSON.
    sa.Column("said", sa.Text, nullable=False),
    sa.Index("postil_ended_at", "at"),
)

receptions = sa.Table(
    "postil_receptions",
    metadata,
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
    # Said before an operator restored the rule: it counts no more.
    sa.Column("past", sa.Boolean, nullable=False),
    sa.Index("postil_receptions_figures", "installation", "rule", "repository_id", "fate", "past"),
    sa.Index("postil_receptions_said", "said"),
)

steps = sa.Table(
    "postil_steps",
    metadata,
    # "repository" or "account", and the id of that repository or of that account's installation.
    sa.Column("scope", sa.String(20), primary_key=True),
    sa.Column("of", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("rule", sa.String(100), primary_key=True),
    sa.Column("standing", sa.String(20), nullable=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("fixed", sa.Integer, nullable=False),
    sa.Column("refused", sa.Integer, nullable=False),
    sa.Column("allowed", sa.Integer, nullable=False),
)

duties = sa.Table(
    "postil_duties",
    metadata,
    sa.Column("name", sa.String(50), primary_key=True),
    sa.Column("holder", sa.String(150), nullable=False),
    sa.Column("until", sa.Float, nullable=False),
    sa.Column("reached", sa.Float),
    # Where it goes on, in its own words; null when it has come to its end.
    sa.Column("stopped", sa.Text),
)

redeliveries = sa.Table(
    "postil_redeliveries",
    metadata,
    sa.Column("guid", sa.String(100), primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
)


def run_id(key: str, run: int) -> str:
    """Name a run of a pull request, as "owner/repo#7@run 12"."""
    return f"{key}@run {run}"


def pull_of(row: Any) -> Pull:
    """Read the pull request from a row of `pulls`."""
    return Pull(row.installation, row.repository_id, row.owner, row.name, row.number)


def ask_of(pull: Pull, row: Any) -> Ask:
    """Read what was asked of a pull request from a row of `deliveries`."""
    command = None
    if row.comment_id is not None:
        # Before there were other commands nothing was written down.
        command = Command(row.comment_kind, row.comment_id, row.login, row.said or "/recheck")
    return Ask(pull, row.why, row.head, row.at, command)
