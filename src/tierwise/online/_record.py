"""Record: a call that is over is priced, written down and learned from; one whose end is to come, later."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from tierwise.batch import Found, Outcome
from tierwise.calls import NOT_RECORDED, Around, Call, Flag, Status, failure, live_call
from tierwise.catalog import Catalog
from tierwise.errors import LedgerUnavailable
from tierwise.online._defer import how_ended, kept_entry
from tierwise.online._keeper import Keeper
from tierwise.online._late import Waiting, ended, ended_by
from tierwise.online._memory import Memory
from tierwise.online._price import day_of_call, kept_long, price, with_earlier, with_spent
from tierwise.online._recent import Recent
from tierwise.online._seen import with_estimate
from tierwise.online._texts import Texts
from tierwise.online._values import Admitted, Entry, Gate, Recorder, Routed, Run
from tierwise.online._watch import watched_to_its_end
from tierwise.policy import Text, canonical
from tierwise.workloads import Facts

_LOG: Final = logging.getLogger("tierwise")
TOLD: Final = 100_000
"""Calls that waited whose end this process wrote down: told again, they count towards no budget again."""


class Record:
    """Takes calls down. No fault here is the caller's: it is logged, and the reply goes on.

    Args:
        prices: The catalog.
        recorder: Takes every entry.
        memory: Learns from every call.
        keeper: Says what is kept of a call.
        texts: Says what text is kept of it.
        lock: Held while memory and recorder are used, by whoever else uses them too.
        now: Gives microseconds since the epoch.
        gate: Is told what became of calls that it let go.
        project: The project of calls that name none.
        residency: Whether upstream carries the residency uplift.
    """

    def __init__(
        self,
        prices: Catalog,
        recorder: Recorder,
        memory: Memory,
        keeper: Keeper,
        texts: Texts,
        lock: threading.Lock,
        now: Callable[[], int],
        *,
        gate: Gate | None,
        project: str | None,
        residency: bool,
    ) -> None:
        self.recorder, self.lock = recorder, lock
        self.keeper, self.texts = keeper, texts
        self.residency = residency
        """Of prices: changes with the policy."""
        self.waiting = Waiting()
        """Background calls whose end nobody has seen yet."""
        self._prices, self._memory, self._now = prices, memory, now
        self._gate, self._project = gate, project
        self._told: Recent[str, bool] = Recent(TOLD)

    def settle(
        self,
        call: Admitted,
        routed: Routed,
        run: Run,
        reply: bytes | Mapping[str, Any] | None,
        status: Status | None,
        *,
        error: str | None = None,
        goes_on: str | None = None,
    ) -> Entry | None:
        """Price, record, learn; `goes_on` is the id of a response whose end is to come.

        A fault here is logged and never the caller's.
        """
        try:
            done = live_call(
                call.endpoint,
                call.request,
                call.asked.body,
                reply,
                self._around(call, routed, run, status, error),
            )
            done = kept_long(done, routed.decision if routed.carried else None, call.asked.body)
            # Outside of the lock: a long text takes its time.
            text = self._text(run.id, routed.facts, run.at, call.asked.body, reply)
            run.useless = routed.decision is not None and _useless(done)
            with self.lock:
                run.loaded = self._memory.lists.loaded(reply, routed)
                if goes_on is not None and call.request is not None and call.request.background:
                    entry = self._wait(goes_on, done, routed, run, text)
                else:
                    entry = self._take_down(done, routed, run, text)
        except Exception:  # noqa: BLE001 - the reply is the caller's, whatever becomes of the record
            _LOG.exception("a call could not be taken down")
            return None
        if call.asked.watch is not None:
            watched_to_its_end(entry, call.asked.watch)
        return entry

    def late(self, path: str, body: bytes) -> None:
        """Take down a background call whose end somebody has seen, by what a look at it brought."""
        identity = ended_by(path, body)
        try:
            with self.lock:
                entry = self.waiting.take(identity) if identity is not None else None
                if entry is not None:
                    now = self._now()
                    text = self._text(entry.id, entry.facts, entry.line.at or now, None, body)
                    self._close(ended(entry, body, self._prices, now, residency=self.residency), text)
        except Exception:  # noqa: BLE001 - the reply is the caller's, whatever becomes of the record
            _LOG.exception("a background call could not be taken down")

    def deferred(self, call: Admitted, routed: Routed, run: Run, identity: str) -> Entry:
        """Write down a call whose answer comes later, under the id that its caller is given.

        Raises:
            LedgerUnavailable: It could not be written down, and is not to wait.
        """
        around = self._around(call, routed, run, None, None)
        done = live_call(call.endpoint, call.request, call.asked.body, None, around)
        text = self._text(run.id, routed.facts, run.at, call.asked.body, None)
        open_ended = msgspec.structs.replace(done, id=identity, status="unknown", tokens=None, error=None)
        with self.lock, _written():
            entry = self._entry(open_ended, routed, run)
            if self._gate is not None:
                self._gate.wait(run.id, entry, text)
            self.recorder.record(entry)
        if call.asked.watch is not None:
            watched_to_its_end(entry, call.asked.watch)
        return entry

    def told(self, found: Found, end: Outcome, kept: bytes) -> Entry:
        """Take down what became of a call that waited, as often as it is told: the ledger takes the first.

        Raises:
            LedgerUnavailable: It could not be written down, and is to be told again.
        """
        entry, now = kept_entry(found.item.call, kept), self._now()
        # A refusal holds no usage, and what the ledger needs of it stands beside it.
        body = end.body if end.state == "done" else b""
        done = ended(
            entry, body, self._prices, now, residency=self.residency, lane=end.lane, how=how_ended(end)
        )
        text = self._text(entry.id, entry.facts, entry.line.at or now, None, body or None)
        with self.lock, _written():
            if self._told.get(entry.id) is None or done.line.status == "unknown":
                self._close(done, text)
                self._told.put(entry.id, True)
        return done

    def _text(
        self,
        identity: str,
        facts: Facts | None,
        at: int,
        body: bytes | None,
        reply: bytes | Mapping[str, Any] | None,
    ) -> Text | None:
        """The text that the policy has kept; none without a gate, which alone can keep it."""
        workload = facts.workload if facts is not None else None
        return self.texts.of(identity, workload, at, body, reply) if self._gate is not None else None

    def _around(
        self, call: Admitted, routed: Routed, run: Run, status: Status | None, error: str | None
    ) -> Around:
        labels = call.labels
        return Around(
            at=run.at,
            latency=run.latency if run.latency is not None else max(0, self._now() - run.at),
            lane=routed.lane,
            status=status,
            error=error,
            project=call.asked.project or labels.project or self._project,
            key=call.asked.key,
            session=labels.session,
            trace=labels.trace,
            span=labels.span,
            parent=labels.parent,
            name=labels.name,
            tags=labels.tags,
            residency=self.residency,
        )

    def _wait(self, identity: str, done: Call, routed: Routed, run: Run, text: Text | None) -> Entry:
        """A background call that was taken on: what it costs is known once its end was seen."""
        open_ended = msgspec.structs.replace(done, id=identity, status="unknown", tokens=None, error=None)
        entry = self._entry(open_ended, routed, run)
        if self._gate is not None:
            self._gate.wait(run.id, entry, text)
        self.recorder.record(entry)
        self.waiting.add(identity, entry)
        return entry

    def _take_down(self, done: Call, routed: Routed, run: Run, text: Text | None) -> Entry:
        known, estimated = with_estimate(done, routed.facts)
        again = (
            self._memory.again(routed.facts, run.at, self._now()) if routed.decision is not None else False
        )
        entry = self._entry(known, routed, run, estimated=estimated, again=again)
        carried = routed.decision if routed.carried else None
        for spend in run.spent:
            self._memory.served(spend.served)
        if run.spent:
            # How long all of its requests took says nothing of the last one's model.
            known = msgspec.structs.replace(known, latency=None)
        self._memory.after(known, routed.facts, carried, routed.state, routed.left(run.loaded))
        self._memory.lists.after(known, routed)
        self._close(entry, text)
        return entry

    def _close(self, entry: Entry, text: Text | None) -> None:
        if self._gate is not None:
            self._gate.close(entry.id, entry, text)
        self.recorder.record(entry)

    def _entry(
        self, known: Call, routed: Routed, run: Run, *, estimated: bool = False, again: bool = False
    ) -> Entry:
        decision = routed.decision
        money = price(
            known,
            decision if routed.carried else None,
            self._prices,
            residency=self.residency,
            earlier=run.earlier,
            left=routed.left(run.loaded),
        )
        money, spent = with_spent(
            money, run.spent, self._prices, day_of_call(known), residency=self.residency
        )
        known = with_earlier(known, run.earlier)
        kept = self.keeper.keep(known, routed.facts)
        marks = _marks(useless=run.useless, again=again)
        line = msgspec.structs.replace(
            kept,
            flags=kept.flags | marks if marks else kept.flags,
            estimated=estimated,
            cost=money.cost,
            as_asked=money.as_asked,
            saved=money.saved,
            spent=spent,
            decision=msgspec.Raw(canonical(decision)) if decision is not None else NOT_RECORDED,
            state=msgspec.Raw(msgspec.json.encode(routed.state))
            if routed.state is not None
            else NOT_RECORDED,
        )
        return Entry(
            id=run.id,
            line=line,
            facts=routed.facts,
            state=routed.state,
            decision=decision,
            reason=routed.reason,
            attempts=run.attempts,
            cost=money.cost,
            as_asked=money.as_asked,
            unpriced=money.unpriced,
            reasoning_lost=routed.reasoning_lost,
            tried=run.tried,
        )


def _useless(done: Call) -> bool:
    """Whether an answer fails a check that costs nothing; one that never came is none."""
    request, response = done.request, done.response
    if request is None or response is None or done.status not in {"ok", "incomplete"}:
        return False
    return failure(request, response) is not None


def _marks(*, useless: bool, again: bool) -> frozenset[Flag]:
    found: list[Flag] = ["useless"] if useless else []
    return frozenset([*found, "again"] if again else found)


@contextmanager
def _written() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LedgerUnavailable(f"a call that waits cannot be written down: {error}") from None
