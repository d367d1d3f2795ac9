"""The ledger: calls in a database, folded in from spools, each exactly once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from tierwise.calls import Recorded, decode_recorded
from tierwise.errors import ConfigurationError, LedgerUnavailable
from tierwise.ledger._leases import REST, Leases, settle_process
from tierwise.ledger._lines import Line
from tierwise.ledger._money import Budget
from tierwise.ledger._outcomes import with_scores
from tierwise.ledger._rows import SETTLED, UNKNOWN, money, now, take
from tierwise.ledger._spool import SUFFIX, alone_with, lines_from, orphans, process_of
from tierwise.ledger._tables import (
    BOOK,
    STEPS,
    budgets,
    calls,
    events,
    flags,
    folded,
    migrate,
    objects,
    settlements,
    version,
)
from tierwise.ledger._totals import Total, saved, totals

GROUP: Final = 500
"""Lines folded in one transaction."""


def open_engine(url: str) -> sa.Engine:
    """An engine for 'sqlite:///FILE', a path, or 'postgresql://...'.

    Raises:
        ConfigurationError: The address is none, or its driver is not installed.
    """
    address = url if "://" in url else f"sqlite:///{url}"
    try:
        engine = sa.create_engine(address, pool_pre_ping=True, connect_args=_patience(address))
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigurationError(
            f"{sa.make_url(address).render_as_string(hide_password=True) if '@' in address else address}: "
            f"expected a file for SQLite, or postgresql+psycopg://...: {error}"
        ) from None
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _settle_sqlite)
    return engine


def _patience(address: str) -> dict[str, Any]:
    """How long a database may keep us waiting: one that is gone must be noticed within seconds."""
    if sa.make_url(address).get_backend_name() != "postgresql":
        return {}
    return {
        "connect_timeout": 3,
        "tcp_user_timeout": 5_000,
        "options": "-c lock_timeout=5000 -c statement_timeout=60000",
    }


def _settle_sqlite(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    # Readers do not wait for the writer, and the writer waits for its turn.
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA busy_timeout=10000")
    # Text that is deleted is written over.
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()


def look_at(url: str) -> tuple[str, int, int, Mapping[str, str]]:
    """The kind of a ledger's database, its version, the version that this tierwise makes of it, and its flags.

    Nothing is changed: a ledger of an earlier version stays one. Version 0 has no tables.

    Raises:
        ConfigurationError: The address holds none, or the database cannot be reached.
    """
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            there = sa.inspect(connection).has_table(version.name)
            number = connection.execute(sa.select(sa.func.max(version.c.number))).scalar() if there else 0
            rows = connection.execute(sa.select(flags.c.name, flags.c.value)).all() if number else []
        return engine.dialect.name, number or 0, len(STEPS), {row.name: row.value for row in rows}
    except sa.exc.SQLAlchemyError as error:
        said = f"{type(error).__name__}; {_short(error)}"
        raise ConfigurationError(f"the ledger cannot be reached: {said}") from None
    finally:
        engine.dispose()


class Ledger:
    """Calls, objects and events in one database.

    Args:
        url: 'sqlite:///FILE' or a path for SQLite, else an address of SQLAlchemy's.

    Raises:
        ConfigurationError: The database cannot be opened.
    """

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url)
        self._folding = threading.Lock()
        self._gone = float("-inf")
        try:
            self.version = migrate(self.engine)
        except sa.exc.SQLAlchemyError as error:
            raise ConfigurationError(
                f"the ledger cannot be opened: {type(error).__name__}; {_short(error)}"
            ) from None

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()

    @contextmanager
    def asked(self) -> Iterator[sa.Connection]:
        """A transaction for a question that a call waits for.

        A database that could not be reached is left alone for some seconds, so that calls do not
        wait for it one after another.

        Raises:
            LedgerUnavailable: It cannot be reached, or could not be a moment ago.
        """
        if time.monotonic() - self._gone < REST:
            raise LedgerUnavailable("the ledger could not be reached a moment ago")
        try:
            with self.engine.begin() as connection:
                yield connection
        except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
            self._gone = time.monotonic()
            raise LedgerUnavailable(f"the ledger cannot be reached: {type(error).__name__}") from None

    # ------------------------------------------------------------ folding

    def fold(self, path: Path, *, orphan: bool = False) -> int:
        """Take in what is new in a spool file; how many lines that were.

        Args:
            path: The file.
            orphan: Whether its process is gone: calls without an end are then 'unknown', and the
                file goes once all of it is in. Nothing is done where another process is at it.
        """
        if not orphan:
            return self._fold(path)
        with alone_with(path) as alone:
            if not alone:
                return 0
            taken = self._fold(path)
            self._forget(path)
            return taken

    def _fold(self, path: Path) -> int:
        taken = 0
        # One at a time in this process; of other processes' files only orphans are folded, held alone.
        with self._folding:
            for group, offset in self._groups(path):
                with self.engine.begin() as connection:
                    take(connection, group)
                    _reached(connection, path.name, offset)
                taken += len(group)
        return taken

    def fold_orphans(self, folder: Path) -> int:
        """Take in every spool file of a folder whose process is gone."""
        gone = orphans(folder)
        taken = sum(self.fold(path, orphan=True) for path in gone)
        alive = {process_of(path) for path in folder.glob(f"*{SUFFIX}")}
        for process in {process_of(path) for path in gone} - alive:
            settle_process(self.engine, process)
        return taken

    def _groups(self, path: Path) -> Iterator[tuple[list[Line], int]]:
        with self.engine.connect() as connection:
            found = connection.execute(sa.select(folded.c.offset).where(folded.c.spool == path.name)).scalar()
        group: list[Line] = []
        offset = found or 0
        for line, after in lines_from(path, offset):
            offset = after
            if line is not None:
                group.append(line)
            if len(group) >= GROUP:
                yield group, offset
                group = []
        if group:
            yield group, offset

    def _forget(self, path: Path) -> None:
        with self.engine.begin() as connection:
            connection.execute(folded.delete().where(folded.c.spool == path.name))
        path.unlink(missing_ok=True)

    def leases(self, process: str) -> Leases:
        """Budgets as they are shared between processes; ids of the process's calls begin with its name."""
        return Leases(self.engine, process)

    # ------------------------------------------------------------ reading

    def call(self, identity: str) -> dict[str, Any] | None:
        """One call's row, without its line, with what it was `settled` at; None where it is not in."""
        columns = [column for column in calls.c if column.name != "line"]
        query = sa.select(*columns, settlements.c.amount.label(SETTLED)).select_from(BOOK)
        with self.asked() as connection:
            row = connection.execute(query.where(calls.c.id == identity)).mappings().first()
        return dict(row) if row is not None else None

    def ended(self, identities: Sequence[str]) -> list[str]:
        """Of some calls, those whose end is known."""
        found: list[str] = []
        with self.engine.connect() as connection:
            for at in range(0, len(identities), GROUP):
                some = calls.c.id.in_(identities[at : at + GROUP])
                found += connection.execute(
                    sa.select(calls.c.id).where(some, calls.c.status != UNKNOWN)
                ).scalars()
        return found

    def waiting(self, since: int) -> Iterator[tuple[str, Recorded]]:
        """Background calls whose end nobody saw, sent since a time in microseconds: id and line, oldest first."""
        where = (calls.c.status == UNKNOWN, calls.c.response_id.is_not(None), calls.c.at >= since)
        query = (
            sa.select(calls.c.id, calls.c.line).where(*where, calls.c.line.is_not(None)).order_by(calls.c.at)
        )
        with self.engine.connect().execution_options(yield_per=1_000) as connection:
            for identity, line in connection.execute(query):
                yield identity, decode_recorded(bytes(line))

    def lines(self, *, since: str | None = None) -> Iterator[bytes]:
        """Every call since a UTC day as a line of a recorder file, with its outcomes, in the order they were sent."""
        query = (
            sa.select(calls.c.id, calls.c.line)
            .where(calls.c.line.is_not(None))
            .order_by(calls.c.at, calls.c.id)
        )
        if since is not None:
            query = query.where(calls.c.day >= since)
        with self.engine.connect().execution_options(yield_per=1_000) as connection:
            rows = ((row.id, bytes(row.line)) for row in connection.execute(query))
            for line in with_scores(self.engine, rows):
                yield line + b"\n"

    def totals(
        self, by: str | None = None, since: str | None = None, until: str | None = None
    ) -> list[Total]:
        """Sums by one of `BY`, most money first; all in one without it. Days are inclusive, UTC."""
        return totals(self.engine, by, since, until)

    def saved(self, since: str | None = None, until: str | None = None) -> dict[str, Decimal]:
        """USD saved by lever, estimated; adds up to as asked minus cost. Days are inclusive, UTC."""
        return saved(self.engine, since, until)

    # ------------------------------------------------------------ objects and events

    def own(self, identity: str, project: str) -> None:
        """Write down whose an object is."""
        with self.asked() as connection:
            known = connection.execute(sa.select(objects.c.id).where(objects.c.id == identity)).scalar()
            if known is None:
                connection.execute(objects.insert().values(id=identity, project=project, made=now()))

    def owner(self, identity: str) -> str | None:
        """The project that an object belongs to; None for one that is not known."""
        with self.asked() as connection:
            found = connection.execute(sa.select(objects.c.project).where(objects.c.id == identity)).scalar()
            if found is not None:
                return str(found)
            answered = sa.select(calls.c.project).where(calls.c.response_id == identity)
            return connection.execute(answered).scalar()

    def budgets(self) -> dict[str, Budget]:
        """Budgets beside those of keys, by who."""
        with self.engine.connect() as connection:
            found = connection.execute(
                sa.select(budgets.c.who, budgets.c.day, budgets.c.month).order_by(budgets.c.who)
            )
            return {who: Budget(day=_amount(day), month=_amount(month)) for who, day, month in found}

    def set_budget(self, who: str, budget: Budget, by: str) -> None:
        """Set, change or (without an amount) take away a budget of 'project:NAME' or 'workload:FINGERPRINT'."""
        with self.engine.begin() as connection:
            connection.execute(budgets.delete().where(budgets.c.who == who))
            if budget.day is not None or budget.month is not None:
                values = {"day": money(budget.day), "month": money(budget.month)}
                connection.execute(budgets.insert().values(who=who, **values))
            said = f"budget of {who}: {budget.day or '-'} a day, {budget.month or '-'} a month"
            connection.execute(events.insert().values(at=now(), who=by[:200], what=said))

    def flag(self, name: str) -> str | None:
        """What a flag is set to; None where it never was."""
        with self.engine.connect() as connection:
            return connection.execute(sa.select(flags.c.value).where(flags.c.name == name)).scalar()

    def flags(self) -> dict[str, str]:
        """Every flag that was set."""
        with self.engine.connect() as connection:
            rows = connection.execute(sa.select(flags.c.name, flags.c.value))
            return {row.name: row.value for row in rows}

    def set_flag(self, name: str, value: str, who: str) -> None:
        """Set a flag, and note who did."""
        with self.asked() as connection:
            done = connection.execute(flags.update().where(flags.c.name == name).values(value=value))
            if not done.rowcount:
                connection.execute(flags.insert().values(name=name, value=value))
            connection.execute(events.insert().values(at=now(), who=who[:200], what=f"{name}: {value}"))

    def note(self, who: str, what: str) -> None:
        """Append to the audit log."""
        with self.engine.begin() as connection:
            connection.execute(events.insert().values(at=now(), who=who[:200], what=what))

    def notes(self) -> list[tuple[int, str, str]]:
        """The audit log, oldest first: time in microseconds, who, what."""
        with self.engine.connect() as connection:
            found = connection.execute(
                sa.select(events.c.at, events.c.who, events.c.what).order_by(events.c.number)
            )
            return [(at, who, what) for at, who, what in found]


def _reached(connection: sa.Connection, name: str, offset: int) -> None:
    done = connection.execute(folded.update().where(folded.c.spool == name).values(offset=offset))
    if not done.rowcount:
        connection.execute(folded.insert().values(spool=name, offset=offset))


def _amount(text: str | None) -> Decimal | None:
    # A damaged budget is no missing one: this raises.
    return None if text is None else Decimal(text)


def _short(error: Exception) -> str:
    return str(getattr(error, "orig", error))[:160]
