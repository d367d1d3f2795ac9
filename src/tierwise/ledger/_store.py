"""The ledger: calls in a database, folded in from spools, each exactly once."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from tierwise.calls import Recorded, decode_recorded, encode_recorded
from tierwise.errors import ConfigurationError
from tierwise.ledger._leases import Leases, settle_process
from tierwise.ledger._lines import Closed, Line, Opened
from tierwise.ledger._money import Budget
from tierwise.ledger._spool import SUFFIX, lines_from, orphans, process_of
from tierwise.ledger._tables import BOOK, budgets, calls, events, flags, folded, migrate, objects, settlements
from tierwise.ledger._totals import Total, saved_by_lever, totals

GROUP: Final = 500
"""Lines folded in one transaction."""
UNKNOWN: Final = "unknown"
"""Status of a call whose process died before its end was known."""
SETTLED: Final = "settled"
"""Status of such a call once what OpenAI charged told what it cost; its cost is in its settlement."""


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
    cursor.close()


class Ledger:
    """Calls, objects and events in one database.

    Args:
        url: 'sqlite:///FILE' or a path for SQLite, else an address of SQLAlchemy's.

    Raises:
        ConfigurationError: The database cannot be opened.
    """

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url)
        try:
            self.version = migrate(self.engine)
        except sa.exc.SQLAlchemyError as error:
            raise ConfigurationError(
                f"the ledger cannot be opened: {type(error).__name__}; {_short(error)}"
            ) from None

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()

    # ------------------------------------------------------------ folding

    def fold(self, path: Path, *, orphan: bool = False) -> int:
        """Take in what is new in a spool file; how many lines that were.

        Args:
            path: The file.
            orphan: Whether its process is gone: calls without an end are then 'unknown', and the
                file goes once all of it is in.
        """
        taken = 0
        for group, offset in self._groups(path):
            with self.engine.begin() as connection:
                _take(connection, group)
                _reached(connection, path.name, offset)
            taken += len(group)
        if orphan:
            self._forget(path)
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
        with self.engine.connect() as connection:
            row = connection.execute(query.where(calls.c.id == identity)).mappings().first()
        return dict(row) if row is not None else None

    def waiting(self, since: int) -> Iterator[tuple[str, Recorded]]:
        """Background calls whose end nobody saw, sent since a time in microseconds: id and line, oldest first."""
        where = (calls.c.status == UNKNOWN, calls.c.response_id.is_not(None), calls.c.at >= since)
        query = (
            sa.select(calls.c.id, calls.c.line).where(*where, calls.c.line.is_not(None)).order_by(calls.c.at)
        )
        with self.engine.connect().execution_options(yield_per=1_000) as connection:
            for identity, line in connection.execute(query):
                yield identity, decode_recorded(bytes(line))

    def lines(self) -> Iterator[bytes]:
        """Every call as a line of a recorder file, in the order they were sent."""
        query = sa.select(calls.c.line).where(calls.c.line.is_not(None)).order_by(calls.c.at, calls.c.id)
        with self.engine.connect().execution_options(yield_per=1_000) as connection:
            for (line,) in connection.execute(query):
                yield bytes(line) + b"\n"

    def totals(
        self, by: str | None = None, since: str | None = None, until: str | None = None
    ) -> list[Total]:
        """Sums by one of `BY`, most money first; all in one without it. Days are inclusive, UTC."""
        return totals(self.engine, by, since, until)

    def saved_by_lever(self, since: str | None = None, until: str | None = None) -> dict[str, Decimal]:
        """USD saved by each lever, exact. Days are inclusive, UTC."""
        return saved_by_lever(self.engine, since, until)

    # ------------------------------------------------------------ objects and events

    def own(self, identity: str, project: str) -> None:
        """Write down whose an object is."""
        with self.engine.begin() as connection:
            known = connection.execute(sa.select(objects.c.id).where(objects.c.id == identity)).scalar()
            if known is None:
                connection.execute(objects.insert().values(id=identity, project=project, made=now()))

    def owner(self, identity: str) -> str | None:
        """The project that an object belongs to; None for one that is not known."""
        with self.engine.connect() as connection:
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
                values = {"day": _money(budget.day), "month": _money(budget.month)}
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
        with self.engine.begin() as connection:
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


def now() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1_000


def _take(connection: sa.Connection, group: list[Line]) -> None:
    """Lines into the table: an end replaces a beginning, and nothing replaces an end."""
    rows: dict[str, dict[str, Any]] = {}
    for line in group:
        before = rows.get(line.id)
        if isinstance(line, Opened):
            if before is None:
                rows[line.id] = _opened(line)
        elif before is None or before["status"] == UNKNOWN:
            held = before["reserved"] if before is not None else None
            end = _closed(line)
            rows[line.id] = {**end, "reserved": held if _held_for(end) else None}
    found = connection.execute(sa.select(calls.c.id, calls.c.status).where(calls.c.id.in_(list(rows))))
    known = {identity: status for identity, status in found}  # noqa: C416 - rows are not pairs to mypy
    new = [row for identity, row in rows.items() if identity not in known]
    if new:
        connection.execute(calls.insert(), new)
    ends = [
        row for identity, row in rows.items() if known.get(identity) == UNKNOWN and row["line"] is not None
    ]
    late = [
        identity for identity in rows if known.get(identity) == SETTLED and rows[identity]["line"] is not None
    ]
    for identity in late:
        said = f"the end of {identity} came after it was settled; what it was settled at stays"
        connection.execute(events.insert().values(at=now(), who="ledger", what=said))
    for row in ends:
        values = {name: value for name, value in row.items() if name != "reserved" or not _held_for(row)}
        connection.execute(calls.update().where(calls.c.id == row["id"]).values(**values))


def _held_for(row: dict[str, Any]) -> bool:
    """Whether a call that is over keeps what was held for it: nobody knows its end, nor what it cost."""
    return row["status"] == UNKNOWN and row["cost"] is None


def _reached(connection: sa.Connection, name: str, offset: int) -> None:
    done = connection.execute(folded.update().where(folded.c.spool == name).values(offset=offset))
    if not done.rowcount:
        connection.execute(folded.insert().values(spool=name, offset=offset))


_EMPTY: Final[dict[str, Any]] = dict.fromkeys(column.name for column in calls.c)


def _opened(line: Opened) -> dict[str, Any]:
    """A call of which only the beginning is known: its money is held until it is settled."""
    return _EMPTY | {
        "id": line.id, "at": line.at, "day": day_of(line.at), "project": line.project, "key": line.key,
        "endpoint": line.endpoint, "workload": line.workload, "asked": line.model, "lane": "standard",
        "moved": False, "unproven": False, "status": UNKNOWN, "attempts": 1, "input": 0, "cached": 0,
        "output": 0, "estimated": True, "reserved": str(line.reserved),
    }  # fmt: skip


def _closed(line: Closed) -> dict[str, Any]:
    call = line.call
    tokens = call.tokens
    return _EMPTY | {
        "id": line.id, "at": call.at or 0, "day": day_of(call.at or 0), "response_id": call.id,
        "project": call.project, "key": call.key, "endpoint": call.endpoint, "workload": line.workload,
        "task": line.task, "depth": line.depth, "name": call.name, "session": call.session,
        "trace": call.trace, "asked": call.asked, "served": call.served, "rung": line.rung,
        "lane": call.lane, "rule": line.rule, "stage": line.stage, "moved": line.moved,
        "unproven": line.unproven, "status": call.status, "error": call.error, "reason": line.reason,
        "attempts": max(1, len(line.attempts)), "input": tokens.input_total if tokens is not None else 0,
        "cached": tokens.cached + tokens.audio_cached if tokens is not None else 0,
        "output": tokens.output_total if tokens is not None else 0, "estimated": call.estimated,
        "latency": call.latency, "cost": _money(call.cost), "as_asked": _money(call.as_asked),
        "unpriced": line.unpriced, "line": _line(call),
    }  # fmt: skip


def _line(call: Recorded) -> bytes:
    return encode_recorded(call).rstrip(b"\n")


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"


def _amount(text: str | None) -> Decimal | None:
    # A damaged budget is no missing one: this raises.
    return None if text is None else Decimal(text)


def day_of(at: int) -> str:
    """The UTC day of a time in microseconds, as ISO has it."""
    return dt.datetime.fromtimestamp(at / 1e6, dt.UTC).date().isoformat()


def _short(error: Exception) -> str:
    return str(getattr(error, "orig", error))[:160]
