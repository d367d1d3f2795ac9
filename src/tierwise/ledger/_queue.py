"""What waits, in the ledger's database: a `tierwise.batch.Store`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from tierwise.batch import OPEN, Batch, Found, Group, Outcome, Waiting
from tierwise.ledger._store import Ledger
from tierwise.ledger._tables import batches, take_turn, waiting

_PAGE: Final = 500
_W: Final = waiting.c
_SHOWN: Final = (
    _W.id,
    _W.item,
    _W.tries,
    _W.state,
    _W.batch,
    _W.status,
    _W.error,
    _W.lane,
    _W.ended,
    _W.deleted,
)
_ITEM = msgspec.json.Decoder(Waiting)
_BATCH = msgspec.json.Decoder(Batch)
KEPT: Final = ("id", "sender", "path", "model", "job", "tokens", "size", "made", "due", "start", "tries")


class Queue:
    """Requests and batches of one ledger.

    Args:
        ledger: The ledger.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._engine = ledger.engine

    # ------------------------------------------------------------ requests

    def add(self, items: Sequence[tuple[Waiting, bytes, bytes]]) -> None:
        """Keep requests, their sealed bodies and their entries; all or none. Those that are there are left."""
        rows = [
            {**row, "state": "waiting", "body": body, "entry": entry}
            for row, (_, body, entry) in zip(rows_of([item for item, _, _ in items]), items, strict=True)
        ]
        if not rows:
            return
        with self._engine.begin() as connection:
            connection.execute(insert_waiting(connection), rows)

    def find(self, item: str) -> Found | None:
        """A request as it is now."""
        return self.find_all([item]).get(item)

    def find_all(self, items: Sequence[str]) -> dict[str, Found]:
        """Those requests that there are, by id."""
        found: dict[str, Found] = {}
        with self._engine.connect() as connection:
            for at in range(0, len(items), _PAGE):
                rows = connection.execute(sa.select(*_SHOWN).where(_W.id.in_(items[at : at + _PAGE])))
                found.update((row.id, _found(row._mapping)) for row in rows)
        return found

    def body(self, item: str) -> bytes | None:
        """The sealed body of a request; None once it is gone."""
        return self._bytes(_W.body, item)

    def entry(self, item: str) -> bytes | None:
        """What its call's end is written down by; None where there is no such request."""
        return self._bytes(_W.entry, item)

    def answer(self, item: str) -> bytes | None:
        """The sealed body of an answer; None before it is there, and once it is gone."""
        return self._bytes(_W.answer, item)

    def _bytes(self, column: sa.ColumnElement[Any], item: str) -> bytes | None:
        with self._engine.connect() as connection:
            found: bytes | None = connection.execute(sa.select(column).where(_W.id == item)).scalar()
        return found

    def fetched(self, items: Sequence[str], now: int) -> None:
        """Take note that answers reached whoever asked, from when on they are kept for a stated time."""
        with self._engine.begin() as connection:
            for at in range(0, len(items), _PAGE):
                some = _W.id.in_(items[at : at + _PAGE])
                connection.execute(
                    waiting.update()
                    .where(some, _W.ended.is_not(None), _W.fetched.is_(None))
                    .values(fetched=now)
                )

    def ask(self, item: str) -> Found | None:
        """Cancel a request: it is over once its batch is, or at the next look where it is in none; as it is then.

        One that is being sent by itself cannot be stopped.
        """
        with self._engine.begin() as connection:
            take_turn(connection, "batches")
            connection.execute(
                waiting.update()
                .where(_W.id == item, _W.state.in_(("waiting", "sent")))
                .values(state="cancelled")
            )
        return self.find(item)

    def delete(self, item: str, now: int) -> None:
        """Forget a request and its answer, and cancel it where it has none; its row stays for the ledger."""
        over = _W.ended.is_not(None)
        with self._engine.begin() as connection:
            take_turn(connection, "batches")
            connection.execute(
                waiting.update()
                .where(_W.id == item)
                .values(
                    deleted=now,
                    answer=None,
                    body=sa.case((over, None), else_=_W.body),
                    state=sa.case((_W.state.in_(("waiting", "sent")), "cancelled"), else_=_W.state),
                )
            )

    def unwanted(self, most: int) -> list[Found]:
        """Requests that were cancelled and are in no batch."""
        return self._some(sa.and_(_W.state == "cancelled", _W.batch.is_(None), _W.ended.is_(None)), most)

    def pressing(self, before: int, most: int) -> list[Found]:
        """Requests that wait and are due before then."""
        wanted = sa.and_(_W.state == "waiting", _W.due <= before)
        return self._some(wanted, most)

    def lost(self, now: int, most: int) -> list[Found]:
        """Requests that were being sent by a process that is gone."""
        return self._some(sa.and_(_W.state == "going", _W.until < now), most)

    def _some(self, wanted: sa.ColumnElement[bool], most: int) -> list[Found]:
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(*_SHOWN).where(wanted).order_by(_W.due).limit(most))
            return [_found(row._mapping) for row in rows]

    def go(self, item: str, runner: str, until: int) -> bool:
        """Take a request that waits, to send it by itself; whether one has it."""
        with self._engine.begin() as connection:
            done = connection.execute(
                waiting.update()
                .where(_W.id == item, _W.state == "waiting")
                .values(state="going", runner=runner, until=until)
            )
        return bool(done.rowcount)

    def settle(self, outcomes: Sequence[tuple[Outcome, bytes]], now: int) -> None:
        """Keep ends of requests with their sealed answers, where they have none yet."""
        rows = [
            {
                "one": end.id,
                "new_status": end.status,
                "new_error": end.error[:100] if end.error else None,
                "new_lane": end.lane,
                "new_answer": answer,
                "new_state": end.state,
            }
            for end, answer in outcomes
        ]
        if not rows:
            return
        # Who cancelled gets no answer any more; that it was paid for is in the ledger.
        state = sa.case((_W.state == "cancelled", "cancelled"), else_=sa.bindparam("new_state"))
        ended = (
            waiting.update()
            .where(_W.id == sa.bindparam("one"), _W.ended.is_(None))
            .values(
                state=state,
                status=sa.bindparam("new_status"),
                error=sa.bindparam("new_error"),
                lane=sa.bindparam("new_lane"),
                answer=sa.case((_W.deleted.is_(None), sa.bindparam("new_answer")), else_=None),
                ended=now,
                # Whoever sent one by one may ask what was asked; of a job its file is there.
                body=sa.case((sa.and_(_W.job.is_(None), _W.deleted.is_(None)), _W.body), else_=None),
            )
        )
        with self._engine.begin() as connection:
            connection.execute(ended, rows)

    def forget(self, fetched: int, ended: int) -> int:
        """Delete bodies of answers fetched, and of requests ended, before then; how many."""
        gone = sa.or_(_W.fetched < fetched, _W.ended < ended)
        with self._engine.begin() as connection:
            done = connection.execute(
                waiting.update()
                .where(gone, _W.ended.is_not(None), sa.or_(_W.answer.is_not(None), _W.body.is_not(None)))
                .values(answer=None, body=None)
            )
        return done.rowcount

    # ------------------------------------------------------------ batches

    def groups(self, after: int, now: int) -> list[Group]:
        """Requests that wait, may go now, and are due after then, by what may share a batch."""
        kind = (_W.sender, _W.path, _W.model)
        chosen = sa.select(
            *kind,
            sa.func.count().label("items"),
            sa.func.sum(_W.tokens).label("tokens"),
            sa.func.sum(_W.size).label("size"),
            sa.func.min(_W.made).label("oldest"),
            sa.func.min(_W.due).label("due"),
        )
        with self._engine.connect() as connection:
            rows = connection.execute(
                chosen.where(_W.state == "waiting", _W.due > after, _W.start <= now)
                .group_by(*kind)
                .order_by(sa.text("due"))
            )
            return [
                Group(
                    sender=row.sender,
                    path=row.path,
                    model=row.model,
                    items=row.items,
                    tokens=int(row.tokens),
                    size=int(row.size),
                    oldest=row.oldest,
                    due=row.due,
                )
                for row in rows
            ]

    def recent(self, since: int) -> list[Batch]:
        """Batches made since then, and those that are not at their end."""
        b = batches.c
        with self._engine.connect() as connection:
            rows = connection.execute(
                sa.select(b.line, b.runner, b.until, b.ended).where(sa.or_(b.made > since, b.ended.is_(None)))
            )
            return [batch_of(row._mapping) for row in rows]

    def batch(self, batch: str) -> Batch | None:
        """A batch as it is now."""
        b = batches.c
        with self._engine.connect() as connection:
            row = connection.execute(
                sa.select(b.line, b.runner, b.until, b.ended).where(b.id == batch)
            ).first()
        return batch_of(row._mapping) if row is not None else None

    def form(
        self, batch: Batch, after: int, most_tokens: int, most_bytes: int, most_items: int
    ) -> Batch | None:
        """Put requests of the batch's kind into it that are due after then; None where none is left.

        What is due first goes in first. One goes in whatever its size, since it could go in no other.
        """
        with self._engine.begin() as connection:
            take_turn(connection, "batches")
            chosen = _chosen(connection, batch, after, most_tokens, most_bytes, most_items)
            if not chosen:
                return None
            for at in range(0, len(chosen), _PAGE):
                some = [row.id for row in chosen[at : at + _PAGE]]
                connection.execute(
                    waiting.update().where(_W.id.in_(some)).values(state="sent", batch=batch.id)
                )
            made = msgspec.structs.replace(
                batch,
                items=len(chosen),
                tokens=sum(row.tokens for row in chosen),
                due=min(row.due for row in chosen),
            )
            connection.execute(batches.insert().values(**_columns(made), made=made.made))
        return made

    def lines(self, batch: str) -> Iterator[tuple[str, bytes]]:
        """Ids and sealed bodies of the requests in a batch, always in the same order.

        Those that have an end are left out.
        """
        after = -1
        while True:
            with self._engine.connect() as connection:
                rows = connection.execute(
                    sa.select(_W.id, _W.number, _W.body)
                    .where(_W.batch == batch, _W.number > after, _W.ended.is_(None))
                    .order_by(_W.number)
                    .limit(_PAGE)
                ).all()
            for row in rows:
                after = row.number
                yield row.id, row.body
            if len(rows) < _PAGE:
                return

    def note(self, batch: Batch) -> None:
        """Keep what is known of a batch now; who looks after it is not changed."""
        line = msgspec.json.encode(batch)
        with self._engine.begin() as connection:
            connection.execute(
                batches.update().where(batches.c.id == batch.id).values(line=line, upstream=batch.upstream)
            )

    def claim(self, batch: str, runner: str, now: int, until: int) -> bool:
        """Take a batch that nobody has at the moment, or keep one that one has."""
        b = batches.c
        with self._engine.begin() as connection:
            done = connection.execute(
                batches.update()
                .where(b.id == batch, b.ended.is_(None), sa.or_(b.runner == runner, b.until < now))
                .values(runner=runner, until=until)
            )
        return bool(done.rowcount)

    def left(self, batch: str) -> list[Found]:
        """Requests in a batch that have no end."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                sa.select(*_SHOWN).where(_W.batch == batch, _W.ended.is_(None)).order_by(_W.number)
            )
            return [_found(row._mapping) for row in rows]

    def due_in(self, batch: str) -> int | None:
        """By when the first answer in a batch is due that somebody still waits for; None where nobody does."""
        with self._engine.connect() as connection:
            found: int | None = connection.execute(
                sa.select(sa.func.min(_W.due)).where(_W.batch == batch, _W.state == "sent")
            ).scalar()
        return found

    def close(self, batch: Batch, now: int, *, counted: bool) -> int:
        """A batch is at its end; how many requests wait again.

        Those that were cancelled are over, the others without an end wait. `counted` says whether
        that was a try of theirs.
        """
        mine = sa.and_(_W.batch == batch.id, _W.ended.is_(None))
        with self._engine.begin() as connection:
            take_turn(connection, "batches")
            connection.execute(waiting.update().where(mine, _W.state == "cancelled").values(ended=now))
            back = connection.execute(
                waiting.update()
                .where(mine, _W.state == "sent")
                .values(state="waiting", batch=None, tries=_W.tries + int(counted))
            )
            ended = msgspec.structs.replace(batch, ended=now)
            connection.execute(
                batches.update()
                .where(batches.c.id == batch.id)
                .values(line=msgspec.json.encode(ended), ended=now, upstream=batch.upstream)
            )
        return back.rowcount

    def open_items(self) -> int:
        """Requests that have no end."""
        with self._engine.connect() as connection:
            found = connection.execute(sa.select(sa.func.count()).where(_W.state.in_(sorted(OPEN)))).scalar()
        return found or 0


def rows_of(items: Sequence[Waiting]) -> list[dict[str, Any]]:
    """What every row says of its request; numbers that grow keep the order in which they came."""
    first = time.time_ns()
    return [
        {
            **{name: getattr(item, name) for name in KEPT},
            "number": first + place,
            "item": msgspec.json.encode(item),
        }
        for place, item in enumerate(items)
    ]


def insert_waiting(connection: sa.Connection) -> Any:
    """An insert that leaves rows alone which are there already."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as insert_postgresql

        return insert_postgresql(waiting).on_conflict_do_nothing(index_elements=["id"])
    from sqlalchemy.dialects.sqlite import insert as insert_sqlite

    return insert_sqlite(waiting).on_conflict_do_nothing(index_elements=["id"])


def _chosen(
    connection: sa.Connection, batch: Batch, after: int, most_tokens: int, most_bytes: int, most_items: int
) -> list[Any]:
    rows = connection.execute(
        sa.select(_W.id, _W.tokens, _W.size, _W.due)
        .where(
            _W.state == "waiting",
            _W.sender == batch.sender,
            _W.path == batch.path,
            _W.model == batch.model,
            _W.due > after,
            _W.start <= batch.made,
        )
        .order_by(_W.due, _W.number)
        .limit(most_items)
    )
    chosen: list[Any] = []
    tokens = size = 0
    for row in rows:
        tokens, size = tokens + row.tokens, size + row.size
        if chosen and (tokens > most_tokens or size > most_bytes):
            break
        chosen.append(row)
    return chosen


def _columns(batch: Batch) -> dict[str, Any]:
    return {
        "id": batch.id,
        "runner": batch.runner,
        "until": batch.until,
        "upstream": batch.upstream,
        "ended": batch.ended,
        "line": msgspec.json.encode(batch),
    }


def batch_of(row: sa.RowMapping) -> Batch:
    kept = _BATCH.decode(row["line"])
    return msgspec.structs.replace(kept, runner=row["runner"], until=row["until"], ended=row["ended"])


def _found(row: sa.RowMapping) -> Found:
    item = msgspec.structs.replace(_ITEM.decode(row["item"]), tries=row["tries"])
    return Found(
        item=item,
        state=row["state"],
        batch=row["batch"],
        status=row["status"],
        error=row["error"],
        lane=row["lane"] or "batch",
        ended=row["ended"],
        deleted=row["deleted"] is not None,
    )
