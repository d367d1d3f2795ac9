"""Route: recognise, narrow, decide, shape. A call that cannot be routed goes as asked, and the reason is taken down."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from secrets import token_hex
from typing import Final

import msgspec

from tierwise.calls import Request, named_place
from tierwise.catalog import WINDOWS, Catalog, Lane, utc_day
from tierwise.errors import TierwiseError
from tierwise.online._cascade import with_cascade
from tierwise.online._defer import may_wait, takes_window
from tierwise.online._lists import AS_SENT
from tierwise.online._memory import Memory
from tierwise.online._shape import as_asked, shape, with_selection, with_usage
from tierwise.online._tools import REFUSED
from tierwise.online._values import Admitted, Reply, Routed, Run, Search
from tierwise.policy import Learned, Policy, decide, rule_of
from tierwise.workloads import Facts, Recogniser, Role, TraceMemory, step_of

_LOG: Final = logging.getLogger("tierwise")
_ROUTED: Final = frozenset({"chat", "responses"})
"""Endpoints whose calls are decided; the others are taken down."""


class Router:
    """Decides calls by a policy and by what is remembered.

    Args:
        prices: The catalog.
        policy: What decides. None only observes: no call is changed.
        learned: What an audit learned: templates, roles.
        key: The owner's key for digests, the one that `learned` was made under.
        memory: What is remembered of calls; used under the lock.
        lock: Recognising and memory are not for several threads at once.
        callers: Who calls, of every call.
        lanes: Lanes that whoever sends can use.
    """

    def __init__(
        self,
        prices: Catalog,
        policy: Policy | None,
        learned: Learned | None,
        key: bytes,
        memory: Memory,
        lock: threading.Lock,
        *,
        callers: frozenset[str],
        lanes: frozenset[Lane],
    ) -> None:
        self.policy, self.lock = policy, lock
        self.off = False
        """Whether every call goes as asked."""
        self.off_for: frozenset[str] = frozenset()
        """Workloads whose calls go as asked, by fingerprint."""
        self._prices, self._memory, self._callers, self._lanes = prices, memory, callers, lanes
        self._traces = TraceMemory()
        self._recogniser = Recogniser(key, learned.templates if learned is not None else None)
        self._learned = learned

    def go_by(self, policy: Policy | None, learned: Learned | None, key: bytes) -> None:
        """Decide by another policy from the next call on. Under the lock."""
        self._recogniser = Recogniser(key, learned.templates if learned is not None else None)
        self._learned, self.policy = learned, policy
        self._memory.lists.tools.go_by(learned, key)
        self._memory.cache.key = key

    def route(self, call: Admitted, at: int, *, whole: bool = True) -> Routed:
        """Recognise, narrow, decide, shape; as asked wherever that cannot be done."""
        if call.request is None:
            return as_asked(call, reason=call.unread)
        facts: Facts | None = None
        try:
            with self.lock:
                facts = self.recognise(call, call.request)
            if self.policy is None:
                return msgspec.structs.replace(as_asked(call), facts=facts)
            unrouted = not call.labels.route and call.asked.may_unroute
            off = self.off or (bool(self.off_for) and f"{facts.workload:016x}" in self.off_for)
            if call.endpoint not in _ROUTED or unrouted or off:
                why = "routing is off" if off else "asked not to be routed" if unrouted else None
                return with_usage(call, msgspec.structs.replace(as_asked(call, reason=why), facts=facts))
            return with_usage(call, self._decide(call, call.request, facts, self.policy, at, whole=whole))
        except Exception as fault:  # noqa: BLE001 - the call is worth more than our opinion of it
            if not isinstance(fault, TierwiseError):
                _LOG.exception("routing failed; the call goes as asked")
            said = str(fault) if isinstance(fault, TierwiseError) else type(fault).__name__
            return msgspec.structs.replace(as_asked(call, reason=f"routing failed: {said}"), facts=facts)

    def recognise(self, call: Admitted, request: Request) -> Facts:
        """Facts of the request, completed by what the audit learned and by its trace. Under the lock."""
        facts, labels = self._recogniser.recognise(request), call.labels
        workload, role = facts.workload, facts.role
        if self._learned is not None:
            workload = self._learned.workload_of(workload, labels.name or named_place(request.metadata))
            if role == "unknown":
                role = self._learned.roles.get(workload, role)
        facts = _placed(facts, workload, role)
        if labels.trace is None:
            return facts
        span = labels.span or token_hex(8)
        step = step_of(request, facts, span=span, parent=labels.parent, name=labels.name)
        return _placed(facts, workload, self._traces.role(labels.trace, step))

    def _decide(
        self, call: Admitted, request: Request, facts: Facts, policy: Policy, at: int, *, whole: bool
    ) -> Routed:
        """Ask the policy, and shape the request as it says; its day is that of the call's own time.

        Tools are only searched for where the `whole` call, its replies too, comes by here, and at once.
        """
        waits, lanes = may_wait(call, policy), self._lanes
        if waits:
            lanes |= {"batch"}
        if takes_window(request):
            lanes |= WINDOWS.keys()
        with self.lock:
            state = self._memory.state(
                call,
                request,
                facts,
                policy,
                at,
                callers=self._callers | call.asked.callers,
                lanes=lanes,
                recognise=self._recogniser.recognise,
            )
        narrow = AS_SENT
        if whole and not waits and request.tools and policy.narrows:
            settings, unused = rule_of(facts, policy, state, self._prices).tools, state.unused_tools
            with self.lock:
                narrow = self._memory.narrowed(call, request, facts, policy, settings, unused, at)
            state = msgspec.structs.replace(state, search=narrow.counts)
        later = call.asked.later
        if not whole or (later is not None and later.always):
            state = msgspec.structs.replace(state, unchecked=True)
        decision = decide(facts, policy, state, self._prices, day_of(at))
        if decision.plan.tools.search == "off" and not decision.plan.drop_tools:
            return with_cascade(shape(call, facts, state, decision), policy)
        with self.lock:
            box = self._memory.lists.tools.box(request)
        return with_cascade(shape(call, facts, state, decision, box, narrow), policy)

    def fall_back(self, call: Admitted, routed: Routed, run: Run) -> Routed | None:
        """Where a call goes that upstream has no room for; None where the policy has no place for it."""
        policy, facts, state = self.policy, routed.facts, routed.state
        if policy is None or facts is None or state is None or call.request is None:
            return None
        try:
            away = frozenset(self._prices.resolve(name).model.name for name in run.turned_away)
            state = msgspec.structs.replace(state, full=away)
            decision = decide(facts, policy, state, self._prices, utc_day(run.at / 1e6))
            if decision.plan.rung == decision.baseline or decision.breach is not None:
                return None
            return with_usage(call, shape(call, facts, state, decision))
        except TierwiseError:
            return None
        except Exception:  # noqa: BLE001 - upstream's refusal is then the answer
            _LOG.exception("no way around a lack of capacity could be found")
            return None

    def go_up(self, call: Admitted, routed: Routed, run: Run, why: str) -> Routed:
        """The call on the next rung of its cascade, or as asked once none is left, or deciding fails."""
        policy, facts, state, decision = self.policy, routed.facts, routed.state, routed.decision
        model = routed.outgoing.model or "the rung tried"
        reason = f"its answer on {model} was not accepted: {why}"
        plain = msgspec.structs.replace(
            as_asked(call, reason=reason), facts=facts, state=state, decision=decision
        )
        if policy is None or facts is None or state is None or decision is None:
            return with_usage(call, plain)
        if policy.digest != decision.policy:
            # What was certified is another policy's to say.
            return with_usage(call, plain)
        try:
            state = msgspec.structs.replace(state, tried=state.tried + 1)
            other = decide(facts, policy, state, self._prices, day_of(run.at))
            found = with_cascade(shape(call, facts, state, other), policy)
            if found.cascade is None:
                found = msgspec.structs.replace(found, reason=reason)
            return with_usage(call, found)
        except Exception:  # noqa: BLE001 - the call goes as asked
            _LOG.exception("a cascade could not go up by its policy; the call goes as asked")
            return with_usage(call, plain)

    def with_more(self, call: Admitted, routed: Routed, search: Search, needs: list[str]) -> Routed:
        """The call with more tools."""
        facts = routed.facts
        workload = facts.workload if facts is not None else 0
        with self.lock:
            selection = self._memory.lists.search.grown(search.selection, search.box, workload, needs)
        return with_usage(call, with_selection(routed, search, selection))

    def over_tools(self, routed: Routed, reply: Reply) -> None:
        """Leave tools in from now on that upstream refused to go without."""
        facts, decision = routed.facts, routed.decision
        if facts is not None and decision is not None and b"tool" in (reply.body or b"").lower():
            with self.lock:
                self._memory.lists.tools.keep(facts.workload, decision.plan.drop_tools, REFUSED)


def day_of(at: int) -> dt.date:
    """The UTC day of a time in microseconds."""
    return utc_day(at / 1e6)


def _placed(facts: Facts, workload: int, role: Role) -> Facts:
    if (workload, role) == (facts.workload, facts.role):
        return facts
    return msgspec.structs.replace(facts, workload=workload, role=role)
