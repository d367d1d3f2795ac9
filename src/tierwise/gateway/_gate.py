"""The gate: scopes and budgets before a call goes, its intent written down, its money settled after."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from tierwise.cascade import MOST_WRITTEN
from tierwise.catalog import Catalog, Lane, Tokens, utc_day
from tierwise.errors import CatalogError, LedgerUnavailable
from tierwise.gateway._errors import NO_LEASE, NO_MODEL, NO_PLACE, NO_WORKLOAD, error
from tierwise.ledger import Budget, Budgets, Closed, Correction, Held, Key, Opened, Over, Spool, Standing
from tierwise.online import Admitted, Answer, Entry, Routed
from tierwise.policy import Rung, Text

_LOG: Final = logging.getLogger("tierwise")
DEAREST: Final = Decimal("0.00018")
"""USD a token taken for a model without a price: the dearest output on the list, so that nothing unpriced
slips under a budget."""
ASSUMED_OUTPUT: Final = 4_000
"""Output tokens held for a call that sets no cap and of whose workload nothing is known, where its model
can write so many."""

MostOutput = Callable[[int, str, str | None], int | None]
"""Output tokens that 99 of 100 answers of a workload do not pass on a model at an effort; None: not known."""


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """What was let go: what is held for it, and what a line of it needs."""

    held: tuple[Held, ...]
    workload: str | None


class LedgerGate:
    """Lets calls of keys go within their scope and budget, and writes each down first.

    Args:
        spool: Where calls are written down.
        prices: The catalog.
        budgets: What is spent and held.
        key_of: The key behind a name, as access found it.
        owned: Told the id of each answer that can be looked up, and its project.
        clock: Unix seconds.
    """

    def __init__(
        self,
        spool: Spool,
        prices: Catalog,
        budgets: Budgets,
        key_of: Callable[[str], Key | None],
        owned: Callable[[str, str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._spool, self._prices, self._budgets = spool, prices, budgets
        self._key_of, self._owned, self._clock = key_of, owned, clock
        self._open: dict[str, Pass] = {}
        self._later: set[str] = set()
        self.most_output: MostOutput = _unknown
        """How much calls without a cap write; whoever remembers calls sets it."""
        self.budgets: dict[str, Budget] = {}
        """Budgets beside those of keys, as the ledger has them; whoever looks at it sets them."""
        self.settled = 0
        """Number of the newest settlement that budgets know of; set before the first call."""

    def open(self, identity: str, call: Admitted, routed: Routed) -> Answer | None:
        """Check scope and budget, hold money, write the intent down. An Answer refuses the call."""
        key = self._key_of(call.asked.key) if call.asked.key is not None else None
        workload = f"{routed.facts.workload:016x}" if routed.facts is not None else None
        held: tuple[Held, ...] = ()
        if key is not None:
            outside = _outside(key, call, workload)
            if outside is not None:
                return outside
            amount, capped = self.most(call, routed)
            try:
                found = self._hold(key, workload, amount, capped=capped)
            except LedgerUnavailable:
                return error(NO_LEASE, wait=5)
            if isinstance(found, Over):
                return _over(found)
            held = found
        passed = Pass(held=held, workload=workload)
        try:
            self._spool.append(self._opened(identity, call, routed, passed))
        except OSError:
            _LOG.exception("a call cannot be written down")
            self._let_go(held)
            return error(NO_PLACE, wait=5)
        self._open[identity] = passed
        return None

    def more(self, identity: str, call: Admitted, routed: Routed) -> bool:
        """Hold what a call may cost another way above what is held already, and write down that it goes there.

        Whether there is that much, and a place to write. What nobody knows the end of is then held for
        at what it may really have cost, under the model that it went to.
        """
        passed = self._open.get(identity)
        if passed is None:
            return True
        key = self._key_of(call.asked.key) if call.asked.key is not None else None
        if key is not None and passed.held and not self._hold_more(key, passed, *self.most(call, routed)):
            return False
        try:
            self._spool.append(self._opened(identity, call, routed, passed))
        except OSError:
            _LOG.exception("a fallback cannot be written down")
            return False
        return True

    def _opened(self, identity: str, call: Admitted, routed: Routed, passed: Pass) -> Opened:
        return Opened(
            id=identity,
            at=int(self._clock() * 1e6),
            project=call.asked.project,
            key=call.asked.key,
            endpoint=call.endpoint,
            model=routed.outgoing.model,
            workload=passed.workload,
            reserved=max((one.amount for one in passed.held), default=Decimal(0)),
        )

    def _hold_more(self, key: Key, passed: Pass, amount: Decimal, capped: bool) -> bool:
        """Bring what is held up to an amount, on every budget; nothing changes where one has no room."""
        need = amount - min(held.amount for held in passed.held)
        if need <= 0:
            return True
        try:
            found = self._hold(key, passed.workload, need, capped=capped)
        except LedgerUnavailable:
            return False
        if isinstance(found, Over):
            return False
        extra = {one.who: one for one in found}
        for held in passed.held:
            one = extra.pop(held.who, None)
            if one is not None and one.periods == held.periods:
                held.amount += one.amount
            elif one is not None:
                # Midnight passed in between: what the new day held is let go, the old one's stands.
                self._let_go((one,))
        self._let_go(tuple(extra.values()))
        return True

    def wait(self, identity: str, entry: Entry, text: Text | None = None) -> None:
        """Write down what is known of a background call; its money stays held until its answer was seen."""
        if entry.line.id and entry.line.project:
            self._owned(entry.line.id, entry.line.project)
        self._spool.append(closed(identity, entry, text))
        self._later.add(identity)

    @property
    def later(self) -> list[str]:
        """Calls let go here whose end is to come, from here or from another gateway."""
        return list(self._later)

    def ended_elsewhere(self, identities: Iterable[str]) -> None:
        """Let go what was held for calls whose end another gateway wrote down, who counted what they cost."""
        for identity in identities:
            self._later.discard(identity)
            passed = self._open.pop(identity, None)
            if passed is not None:
                self._let_go(passed.held)

    def close(self, identity: str, entry: Entry, text: Text | None = None) -> None:
        """Settle what was held, or count what somebody else spent, and write down how the call ended."""
        passed = self._open.pop(identity, None)
        self._later.discard(identity)
        if passed is not None:
            cost = entry.cost
            if cost is None and entry.line.status not in {"unknown", "abandoned"}:
                # Unpriced: what was held for it stands, as the best that is known.
                cost = max((held.amount for held in passed.held), default=None)
            for held in passed.held:
                self._budgets.settle(held, cost)
        elif entry.cost:
            self._count(entry)
        if entry.line.id and entry.line.project and entry.line.endpoint in {"chat", "responses"}:
            self._owned(entry.line.id, entry.line.project)
        self._spool.append(closed(identity, entry, text))

    def correct(self, found: list[Correction]) -> None:
        """Let budgets know what calls of unknown end of this process were settled at; oldest first."""
        for one in found:
            if one.call.startswith(self._spool.process):
                for who in one.who:
                    self._budgets.correct(who, one.day, one.change)
            self.settled = one.number

    def standings(self) -> tuple[Standing, ...]:
        """How far the budgets of today and this month are spent that calls of this process counted towards."""
        held: dict[str, Decimal] = {}
        for passed in list(self._open.values()):
            for one in passed.held:
                held[one.who] = held.get(one.who, Decimal(0)) + one.amount
        day = utc_day(self._clock())
        found = []
        for (who, period), total in self._budgets.sums(day).items():
            budget = self._budget_of(who)
            limit = budget.day if len(period) == 10 else budget.month
            if limit is not None:
                spent = max(Decimal(0), total - held.get(who, Decimal(0)))
                found.append(Standing(who=who, period=period, limit=limit, spent=spent))
        return tuple(found)

    def _budget_of(self, who: str) -> Budget:
        kind, _, name = who.partition(":")
        key = self._key_of(name) if kind == "key" else None
        return key.scope.budget if key is not None else self.budgets.get(who, Budget())

    def most(self, call: Admitted, routed: Routed) -> tuple[Decimal, bool]:
        """USD that a call may cost, and whether it can cost no more: it says how much it may write."""
        request, facts = call.request, routed.facts
        cap = request.max_output_tokens if request is not None else None
        if call.endpoint == "embeddings":
            cap = cap or 1
        choices = max(1, request.n or 1) if request is not None else 1
        # A token of text takes a byte at least, so that a body's bytes are never passed.
        media = facts is not None and bool({"images", "files", "audio"} & facts.needs)
        linked = request is not None and bool(request.previous_response_id or request.conversation)
        read = max(len(call.asked.body), facts.input_tokens if facts is not None else 0)
        if linked and routed.state is not None:
            read += routed.state.usage.input_total
        cost = Decimal(0)
        for rung, lane in _ways(call, routed):
            output = cap if cap is not None else self._output(routed, rung)
            cost = max(cost, self._cost(rung.model, lane, read, output * choices))
        # Each step that asks for more tools is the whole call again.
        cost *= routed.steps
        cost += self._tries(routed, read, cap)
        return cost, cap is not None and not media and not linked

    def _tries(self, routed: Routed, read: int, cap: int | None) -> Decimal:
        """USD of a cascade's rungs and checks, beside the answer that stands in the end."""
        cost = Decimal(0)
        for trial in routed.cascade.trials if routed.cascade is not None else ():
            output = cap if cap is not None else self._output(routed, trial.rung)
            for paid in (None, *trial.paid):
                judge = paid is not None and paid.name == "judge"
                model = paid.model if judge and paid is not None else trial.rung.model
                more, written = (2 * output, MOST_WRITTEN) if judge else (0, output)
                cost += self._cost(model, routed.outgoing.lane, read + more, written)
        return cost

    def _output(self, routed: Routed, rung: Rung) -> int:
        """Output tokens of an answer on a rung that has no cap: its workload's 99th percentile, else stated."""
        facts = routed.facts
        known = self.most_output(facts.workload, rung.model, rung.effort) if facts is not None else None
        try:
            largest = self._prices.resolve(rung.model).model.max_output
        except CatalogError:
            largest = None
        most = known if known is not None else ASSUMED_OUTPUT
        return min(most, largest) if largest is not None else most

    def _cost(self, model: str, lane: Lane, read: int, written: int) -> Decimal:
        day = utc_day(self._clock())
        try:
            card = self._prices.rate_card(model, lane, at=day)
            try:
                return card.total(Tokens(written=read, output=written))
            except CatalogError:
                return card.total(Tokens(uncached=read, output=written))
        except CatalogError:
            return DEAREST * (read + written)

    def _hold(
        self, key: Key, workload: str | None, amount: Decimal, *, capped: bool
    ) -> tuple[Held, ...] | Over:
        """Hold money on every budget that a call counts towards; on none where one has no room."""
        day = utc_day(self._clock())
        held: list[Held] = []
        for who, budget in self._limits(key, workload).items():
            try:
                found = self._budgets.hold(who, budget, day, amount, capped=capped)
            except LedgerUnavailable:
                self._let_go(tuple(held))
                raise
            if isinstance(found, Over):
                self._let_go(tuple(held))
                return found
            held.append(found)
        return tuple(held)

    def _limits(self, key: Key, workload: str | None) -> dict[str, Budget]:
        """Every budget that a call counts towards, by who."""
        limits = {f"key:{key.name}": key.scope.budget}
        for who in (f"project:{key.scope.project}", f"workload:{workload}"):
            if who in self.budgets:
                limits[who] = self.budgets[who]
        return limits

    def _count(self, entry: Entry) -> None:
        """The money of a call that somebody else sent: nothing was held for it, and it is spent."""
        key = self._key_of(entry.line.key) if entry.line.key is not None else None
        if key is None or entry.cost is None:
            return
        day = utc_day((entry.line.at or 0) / 1e6)
        workload = f"{entry.facts.workload:016x}" if entry.facts is not None else None
        for who, budget in self._limits(key, workload).items():
            self._budgets.spend(who, budget, day, entry.cost)

    def _let_go(self, held: tuple[Held, ...]) -> None:
        for one in held:
            self._budgets.settle(one, Decimal(0))


def closed(identity: str, entry: Entry, text: Text | None = None) -> Closed:
    """The line of a call that is over."""
    facts, decision = entry.facts, entry.decision
    return Closed(
        id=identity,
        call=entry.line,
        workload=f"{facts.workload:016x}" if facts is not None else None,
        task=facts.task if facts is not None else None,
        depth=facts.depth if facts is not None else None,
        rung=str(decision.plan.rung) if decision is not None else None,
        rule=decision.rule if decision is not None else None,
        stage=decision.stage if decision is not None else None,
        moved=decision is not None and decision.moved and entry.reason is None,
        unproven=decision is not None and decision.unproven and entry.reason is None,
        reason=entry.reason,
        unpriced=entry.unpriced,
        attempts=entry.tried,
        text=text,
    )


def _ways(call: Admitted, routed: Routed) -> set[tuple[Rung, Lane]]:
    """Rungs and lanes that a call may take: what was made of it may be refused, and it then goes as asked."""
    request, decision = call.request, routed.decision
    asked = Rung(request.model or "" if request is not None else "")
    if routed.facts is not None:
        asked = Rung(asked.model, routed.facts.effort)
    if decision is not None:
        asked = Rung(decision.baseline.model, decision.baseline.effort)
    carried = decision is not None and routed.carried
    effort = decision.plan.rung.effort if decision is not None and carried else asked.effort
    sent = Rung(routed.outgoing.model or "", effort)
    lane: Lane = routed.state.lane if routed.state is not None else "standard"
    return {(sent, routed.outgoing.lane), (asked, lane)}


def _unknown(workload: int, model: str, effort: str | None) -> int | None:
    """Of no workload is it known how much its calls write."""


def _outside(key: Key, call: Admitted, workload: str | None) -> Answer | None:
    """Why a call is outside of its key's scope."""
    scope, request = key.scope, call.request
    model = (request.model or "").lower() if request is not None else ""
    if scope.models and not any(fnmatchcase(model, allowed.lower()) for allowed in scope.models):
        return error(NO_MODEL)
    if scope.workloads and workload not in scope.workloads:
        return error(NO_WORKLOAD)
    return None


def _over(over: Over) -> Answer:
    """A budget that is used up: SDKs must not try again by themselves."""
    return error(
        (
            429,
            "budget_exceeded",
            (
                f"the {over.period}'s budget of {over.who} is {over.budget} dollars and {over.left:f} are left; "
                "its owner can raise it, or the call can say how little it may write"
            ),
        )
    )


class NoRecorder:
    """The gate writes calls down; nothing else has to."""

    def record(self, entry: Entry) -> None:
        """Nothing."""
