"""The tables, and the numbered steps that make them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Final

import sqlalchemy as sa

from tierwise.errors import ConfigurationError

metadata = sa.MetaData()

Money = sa.String(60)
"""USD as decimal text: exact, and the same in every database."""

calls = sa.Table(
    "calls",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False, index=True),
    sa.Column("day", sa.String(10), nullable=False, index=True),
    sa.Column("response_id", sa.String(200), index=True),
    sa.Column("project", sa.String(200)),
    sa.Column("key", sa.String(200)),
    sa.Column("endpoint", sa.String(20), nullable=False),
    sa.Column("workload", sa.String(16), index=True),
    sa.Column("task", sa.String(40)),
    sa.Column("depth", sa.String(20)),
    sa.Column("name", sa.String(200)),
    sa.Column("session", sa.String(200)),
    sa.Column("trace", sa.String(200), index=True),
    sa.Column("asked", sa.String(200)),
    sa.Column("served", sa.String(200)),
    sa.Column("rung", sa.String(200)),
    sa.Column("lane", sa.String(20), nullable=False),
    sa.Column("rule", sa.String(200)),
    sa.Column("stage", sa.String(10)),
    sa.Column("moved", sa.Boolean, nullable=False),
    sa.Column("unproven", sa.Boolean, nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("error", sa.String(100)),
    sa.Column("reason", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("input", sa.BigInteger, nullable=False),
    sa.Column("cached", sa.BigInteger, nullable=False),
    sa.Column("output", sa.BigInteger, nullable=False),
    sa.Column("estimated", sa.Boolean, nullable=False),
    sa.Column("latency", sa.BigInteger),
    sa.Column("cost", Money),
    sa.Column("as_asked", Money),
    sa.Column("reserved", Money),
    sa.Column("unpriced", sa.Text),
    sa.Column("line", sa.LargeBinary),
)
"""One row a call, as it came out of the spool; `line` is the call as a recorder file holds it."""

settlements = sa.Table(
    "settlements",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("call", sa.String(64), nullable=False, unique=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("amount", Money, nullable=False),
    sa.Column("held", Money, nullable=False),
    sa.Column("who", sa.String(200), nullable=False),
    sa.Column("why", sa.Text, nullable=False),
)
"""What calls of unknown end are taken to have cost, by what OpenAI charged: appended to, never changed."""

BOOK: Final = calls.outerjoin(settlements, settlements.c.call == calls.c.id)
"""Calls, each with its settlement."""
PAID: Final[sa.Function[str]] = sa.func.coalesce(calls.c.cost, settlements.c.amount)
"""What a call cost: its own cost, else what it was settled at; null where neither is known."""

keys = sa.Table(
    "keys",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False, unique=True),
    sa.Column("salt", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("made", sa.BigInteger, nullable=False),
    sa.Column("ended", sa.BigInteger),
)
"""Gateway keys, as salted digests."""

objects = sa.Table(
    "objects",
    metadata,
    sa.Column("id", sa.String(200), primary_key=True),
    sa.Column("project", sa.String(200), nullable=False),
    sa.Column("made", sa.BigInteger, nullable=False),
)
"""Whose a response, file or batch is."""

folded = sa.Table(
    "folded",
    metadata,
    sa.Column("spool", sa.String(100), primary_key=True),
    sa.Column("offset", sa.BigInteger, nullable=False),
)
"""How far each spool file is folded in: written with the calls, so that none is taken twice."""

events = sa.Table(
    "events",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("who", sa.String(200), nullable=False),
    sa.Column("what", sa.Text, nullable=False),
)
"""The audit log: appended to, never changed."""

budgets = sa.Table(
    "budgets",
    metadata,
    sa.Column("who", sa.String(200), primary_key=True),
    sa.Column("day", Money),
    sa.Column("month", Money),
)
"""Budgets beside those of keys: of 'project:NAME' and 'workload:FINGERPRINT'."""

flags = sa.Table(
    "flags",
    metadata,
    sa.Column("name", sa.String(60), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
"""What every replica looks at once a second: 'routing' is 'on' or 'off'."""

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("who", sa.String(200), primary_key=True),
    sa.Column("period", sa.String(10), primary_key=True),
    sa.Column("process", sa.String(40), primary_key=True),
    sa.Column("amount", Money, nullable=False),
)
"""How much of a budget's day or month each process may spend without asking; of a process that is
gone, what it spent. The process '' stands for what was spent before anybody asked."""

policies = sa.Table(
    "policies",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("author", sa.String(200), nullable=False),
    sa.Column("made", sa.BigInteger, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("learned", sa.LargeBinary),
)
"""Policies by digest, as JSON, each with the file of what was learned that it names."""

approvals = sa.Table(
    "approvals",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False, index=True),
    sa.Column("who", sa.String(200), nullable=False),
)
"""Who approved which policy: appended to, never changed."""

uses = sa.Table(
    "uses",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
)
"""Which policy gateways went by, oldest first: appended to, never changed."""

turns = sa.Table(
    "turns",
    metadata,
    sa.Column("name", sa.String(60), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
)
"""A row that whoever must be alone changes first, which makes the others wait, in any database."""

texts = sa.Table(
    "texts",
    metadata,
    sa.Column("call", sa.String(64), primary_key=True),
    sa.Column("project", sa.String(200)),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("until", sa.BigInteger, nullable=False, index=True),
    sa.Column("request", sa.LargeBinary, nullable=False),
    sa.Column("reply", sa.LargeBinary),
)
"""Text of calls whose policy has it kept: JSON, redacted, packed as zstandard; gone after `until`."""

forgotten = sa.Table(
    "forgotten",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.BigInteger, nullable=False, index=True),
    sa.Column("call", sa.String(64)),
    sa.Column("key", sa.String(200)),
    sa.Column("project", sa.String(200)),
)
"""Whose text is not to be kept of calls up to a time, so that none comes in late from a spool."""

waiting = sa.Table(
    "waiting",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("sender", sa.String(200), nullable=False),
    sa.Column("path", sa.String(60), nullable=False),
    sa.Column("model", sa.String(200), nullable=False),
    sa.Column("job", sa.String(64), index=True),
    sa.Column("batch", sa.String(64), index=True),
    sa.Column("tokens", sa.BigInteger, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("made", sa.BigInteger, nullable=False),
    sa.Column("due", sa.BigInteger, nullable=False),
    sa.Column("start", sa.BigInteger, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("item", sa.LargeBinary, nullable=False),
    sa.Column("entry", sa.LargeBinary, nullable=False),
    sa.Column("runner", sa.String(64)),
    sa.Column("until", sa.BigInteger),
    sa.Column("status", sa.Integer),
    sa.Column("error", sa.String(100)),
    sa.Column("lane", sa.String(20)),
    sa.Column("ended", sa.BigInteger),
    sa.Column("fetched", sa.BigInteger),
    sa.Column("deleted", sa.BigInteger),
    sa.Column("body", sa.LargeBinary),
    sa.Column("answer", sa.LargeBinary),
    sa.Index("waiting_kind", "state", "sender", "path", "model", "due"),
    sa.Index("waiting_ended", "ended"),
)
"""Requests that wait for a cheaper lane; bodies and answers are sealed, and go once they are not
needed. `entry` is what its call's end is written down by, without text."""

batches = sa.Table(
    "batches",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("made", sa.BigInteger, nullable=False, index=True),
    sa.Column("ended", sa.BigInteger, index=True),
    sa.Column("runner", sa.String(64)),
    sa.Column("until", sa.BigInteger, nullable=False),
    sa.Column("upstream", sa.String(200), index=True),
    sa.Column("line", sa.LargeBinary, nullable=False),
)
"""Batches of ours, each one of OpenAI's; `line` has what is known of it."""

outcomes = sa.Table(
    "outcomes",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("call", sa.String(64), nullable=False, index=True),
    sa.Column("at", sa.BigInteger, nullable=False, index=True),
    sa.Column("name", sa.String(60), nullable=False),
    sa.Column("score", sa.String(30)),
    sa.Column("label", sa.String(200)),
    sa.Column("project", sa.String(200)),
    sa.Column("who", sa.String(200), nullable=False),
)
"""How answers turned out: appended to, never changed."""

files = sa.Table(
    "files",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("project", sa.String(200)),
    sa.Column("purpose", sa.String(20), nullable=False),
    sa.Column("made", sa.BigInteger, nullable=False),
    sa.Column("until", sa.BigInteger, nullable=False, index=True),
    sa.Column("whole", sa.Boolean, nullable=False),
    sa.Column("line", sa.LargeBinary, nullable=False),
    sa.Index("files_project", "project", "made"),
)
"""Input and output files of jobs; one that is not `whole` is still coming in."""

pieces = sa.Table(
    "pieces",
    metadata,
    sa.Column("file", sa.String(64), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
"""What stands in files, sealed."""

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("project", sa.String(200)),
    sa.Column("input", sa.String(64), nullable=False, index=True),
    sa.Column("made", sa.BigInteger, nullable=False),
    sa.Column("ended", sa.BigInteger, index=True),
    sa.Column("cancel", sa.BigInteger),
    sa.Column("runner", sa.String(64)),
    sa.Column("until", sa.BigInteger, nullable=False),
    sa.Column("line", sa.LargeBinary, nullable=False),
    sa.Index("jobs_project", "project", "made"),
)
"""Many requests handed in as one file; `line` has what is known of the job."""

version = sa.Table("version", metadata, sa.Column("number", sa.Integer, primary_key=True))


def take_turn(connection: sa.Connection, name: str) -> None:
    """Be alone with a name until the transaction is over. To be the first statement of it.

    An update locks the row in PostgreSQL and the whole file in SQLite, so that what is read
    after it is what others have committed.
    """
    done = connection.execute(turns.update().where(turns.c.name == name).values(number=turns.c.number + 1))
    if not done.rowcount:
        connection.execute(turns.insert().values(name=name, number=1))


def _first(connection: sa.Connection) -> None:
    tables = (calls, keys, objects, folded, events, budgets, flags)
    metadata.create_all(connection, tables=list(tables))


def _second(connection: sa.Connection) -> None:
    """Leases, policies with who approved them, settlements; and logs that can only grow."""
    metadata.create_all(connection, tables=[leases, policies, approvals, uses, turns, settlements])
    connection.execute(turns.insert(), [{"name": "leases", "number": 0}])
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_REFUSE)
    _only_grow(connection, events, approvals, uses, settlements)


def _third(connection: sa.Connection) -> None:
    """Text of calls, for those whose policy has it kept."""
    metadata.create_all(connection, tables=[texts, forgotten])


def _fourth(connection: sa.Connection) -> None:
    """What waits."""
    metadata.create_all(connection, tables=[waiting, batches])
    connection.execute(turns.insert(), [{"name": "batches", "number": 0}])


def _fifth(connection: sa.Connection) -> None:
    """How answers turned out."""
    metadata.create_all(connection, tables=[outcomes])
    _only_grow(connection, outcomes)


def _only_grow(connection: sa.Connection, *tables: sa.Table) -> None:
    """Have the database refuse to change or delete rows."""
    statement = _GROWS.get(connection.dialect.name)
    if statement is not None:
        for table, verb in itertools.product(tables, ("UPDATE", "DELETE")):
            connection.exec_driver_sql(statement.format(table=table.name, verb=verb))


def _sixth(connection: sa.Connection) -> None:
    """Jobs and their files."""
    metadata.create_all(connection, tables=[files, pieces, jobs])


_REFUSE: Final = """CREATE FUNCTION tierwise_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'this table is only appended to'; END $$"""
_STATEMENT: Final = "CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table} "
_GROWS: Final = {
    "sqlite": _STATEMENT + "BEGIN SELECT RAISE(ABORT, 'this table is only appended to'); END",
    "postgresql": _STATEMENT + "FOR EACH ROW EXECUTE FUNCTION tierwise_refuse()",
}


STEPS: Final[tuple[Callable[[sa.Connection], None], ...]] = (_first, _second, _third, _fourth, _fifth, _sixth)
"""Migrations in order; the ledger's version is how many were taken. A step that was released is never changed."""

_ALONE: Final = 0x7469657277697365
"""The advisory lock of PostgreSQL under which tables are made: 'tierwise' as a number."""


def migrate(engine: sa.Engine, to: int = len(STEPS)) -> int:
    """Take the steps that are missing, up to the version `to`. The version reached.

    Raises:
        ConfigurationError: The ledger was made by a later tierwise.
    """
    with engine.begin() as connection:
        _alone(connection)
        version.create(connection, checkfirst=True)
        done = connection.execute(sa.select(sa.func.max(version.c.number))).scalar() or 0
        if done > len(STEPS):
            raise ConfigurationError(
                f"the ledger has version {done}, this tierwise knows {len(STEPS)}; install a newer tierwise"
            )
        for number, step in enumerate(STEPS[done:to], start=done + 1):
            step(connection)
            connection.execute(version.insert().values(number=number))
    return max(done, to)


def _alone(connection: sa.Connection) -> None:
    """Replicas that start together wait for each other before they look what is missing."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ALONE)))
    elif connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
