"""What the process remembers of its calls: conversations, warm prefixes, lengths, times.

Out of it, and of the call at hand, comes the State of a decision: a value of its own, small
enough to be stored beside the decision. Not locked: the pipeline is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from tierwise.caching import read_of, window_of
from tierwise.calls import Call, Request
from tierwise.catalog import Catalog, Lane, Model, count_tokens
from tierwise.errors import CatalogError
from tierwise.online._admit import hint_headers
from tierwise.online._cache_state import PromptCache, Recognise, kept_warm
from tierwise.online._defer import lane_asked, opens_in
from tierwise.online._expect import expected_use, input_tokens, stated, windows_of
from tierwise.online._history import History
from tierwise.online._lists import Lists, Narrow
from tierwise.online._recent import Recent
from tierwise.online._saved import left_out
from tierwise.online._tools import NOTHING
from tierwise.online._values import NO_LABELS, Admitted
from tierwise.online._watched import NOTHING_WATCHED
from tierwise.policy import (
    HOLDBACK_SALT,
    Decision,
    Learned,
    Policy,
    Rung,
    State,
    ToolSettings,
    arm_of,
    effort_as_asked,
    hints_of,
    kept_metadata,
    sent_of,
)
from tierwise.workloads import Facts

TURNS: Final = 50_000
"""Prompts and responses that a next turn may build on."""
TEXTS: Final = 2_000
"""Texts whose exact token count is remembered."""
AGAIN: Final = 600_000_000
"""Microseconds after an answer within which the same request counts as asked again."""
AUTO: Final = "auto"
BATCH_KEPT: Final = 0
"""Per mille of what is warm now that a batch will read: assumed none. It runs within a day, its lines in any order, and
ignores the cache key; how much it reads all the same is not published."""


class Turn(msgspec.Struct, frozen=True):
    """A turn that a conversation may go on from."""

    rung: Rung
    tokens: int
    """Of its prompt."""
    at: int
    """Microseconds since the epoch."""
    root: str
    """What the conversation is known by: its first prompt."""


class Memory:
    """Remembers calls, and says what a decision may know.

    Args:
        prices: Models by name.
        learned: What an audit learned.
        key: The owner's key for digests.
    """

    def __init__(self, prices: Catalog, learned: Learned | None = None, key: bytes = b"") -> None:
        self._prices = prices
        self.lists = Lists(learned, key)
        """What is known of tool lists."""
        self._history = History(learned)
        self.completion: Mapping[Lane, int] = {}
        """Seconds in which lanes that wait answered, at a high percentile; whoever keeps what waits sets it."""
        self._prompts: Recent[int, Turn] = Recent(TURNS)
        self._responses: Recent[str, Turn] = Recent(TURNS)
        self.watched = NOTHING_WATCHED
        """What the living proof says; whoever watches over rules sets it."""
        self.cache = PromptCache(key)
        """What is known of the prompt cache."""
        self._answered: Recent[int, int] = Recent(TURNS)
        self._counts: Recent[int, int] = Recent(TEXTS)
        self._floors: Recent[tuple[str, str], int] = Recent(TEXTS)

    def state(
        self,
        call: Admitted,
        request: Request,
        facts: Facts,
        policy: Policy,
        at: int,
        *,
        callers: frozenset[str],
        lanes: frozenset[Lane] | None,
        recognise: Recognise | None = None,
    ) -> State:
        """What the decision on a call may know, at a time in microseconds since the epoch.

        `recognise` says what the call would be with its tools in another order.
        """
        asked, effort = self._asked(facts, policy)
        turn = self._turn(request, facts)
        labels = call.labels
        hints = {**request.metadata} if request.metadata else {}
        session = labels.session or labels.trace or (turn.root if turn is not None else _root(facts))
        drawn = session if session is not None else f"{facts.request:016x}"
        found = self.cache.look(call, request, facts, policy, at, asked, session, recognise)
        # What upstream adds to a linked call, and what images hold, no block covers.
        told = len(facts.blocks) == 4 and not _linked(request)
        held = self._held(turn, at, found.warm if told else None)
        unseen = 0 if told else held
        history = self._history
        learned = history.answer(facts.workload, asked.name, effort) if asked is not None else None
        output, reasoning = stated(effort)
        if learned is not None:
            output, reasoning = learned[0], reasoning if learned[1] is None else learned[1]
        before = turn.tokens if turn is not None and _linked(request) else 0
        size = len(call.asked.body)
        tools = self.lists.tools.unneeded(request, call.asked.body, facts) if policy.narrows else NOTHING
        windows: tuple[int, ...] = ()
        if size > self._surely_fits(policy, asked):
            windows = windows_of(self._models(policy, asked), facts.max_output_tokens or output + reasoning)
        return State(
            usage=expected_use(
                facts,
                effort,
                (output, reasoning),
                input_tokens=before + input_tokens(request, facts, size, windows, self._count),
                cached=max(found.cached, unseen) if asked is not None else 0,
                writes=asked is not None and asked.cache.write_fee,
            ),
            lane=lane_asked(call, request),
            opens=opens_in(policy, at) if lanes is None or "batch" in lanes else 0,
            completion=self.completion,
            batch_kept=BATCH_KEPT,
            unused_tools=tools.digests,
            unused_tokens=tools.tokens,
            unused_sessions=tools.sessions,
            kept_tools=tools.kept,
            warm=found.warm,
            readable=max(found.readable, unseen) if asked is not None else 0,
            kept_warm=kept_warm(found.warmth),
            cache=found.warmth,
            lengths=history.lengths(facts.workload, asked.name, effort) if asked is not None else {},
            deadline=labels.deadline,
            sent=sent_of(request, call.keys),
            callers=callers,
            hints=hints_of(hints, hint_headers(labels)) if hints or labels is not NO_LABELS else None,
            tags=frozenset(labels.tags),
            metadata=kept_metadata(request.metadata, policy) if request.metadata else {},
            arm=arm_of(drawn, policy),
            draw=arm_of(drawn, policy, HOLDBACK_SALT) if policy.holds_back else None,
            held_back=self.watched.held_back,
            alarms=self.watched.against(facts.workload),
            session_rung=turn.rung if turn is not None else None,
            session_warm=held,
            latency=history.latency,
            snapshots=history.snapshots,
            lanes=lanes,
        )

    def most_output(self, workload: int, model: str, effort: str | None) -> int | None:
        """Output tokens that 99 of 100 answers of a workload do not pass on a rung; None where nothing tells."""
        try:
            found = self._prices.resolve(model).model
        except CatalogError:
            return None
        return self._history.most_output(workload, found.name, effort_as_asked(effort, found))

    def seen(self, workload: int, model: str, effort: str | None, output: int) -> None:
        """Learn how much one answer of an earlier process wrote: output tokens, from 0."""
        try:
            found = self._prices.resolve(model).model
        except CatalogError:
            return
        self._history.add_most(workload, found.name, effort_as_asked(effort, found), output)

    def served(self, name: str) -> None:
        """Learn which snapshot a model is served by, from a request that was no call's answer."""
        found = self._named(name)
        if found is not None and name != found.name:
            self._history.add_snapshot(found.name, name)

    def narrowed(
        self,
        call: Admitted,
        request: Request,
        facts: Facts,
        policy: Policy,
        settings: ToolSettings,
        unused: frozenset[int],
        at: int,
    ) -> Narrow:
        """The tools that a call goes out with under a rule's settings."""
        return self.lists.narrowed(
            call,
            request,
            facts,
            settings,
            unused=unused,
            root=self._conversation(request, facts),
            model=self._asked(facts, policy)[0],
            at=at,
        )

    def again(self, facts: Facts | None, began: int, now: int) -> bool:
        """Whether the very same was asked, and its answer came, shortly before a call began. Times in microseconds."""
        if facts is None or not facts.request:
            return False
        before = self._answered.get(facts.request)
        self._answered.put(facts.request, now)
        return before is not None and 0 <= began - before <= AGAIN

    def _conversation(self, request: Request, facts: Facts) -> str:
        """What the conversation is known by; '' where it would not be known again."""
        turn = self._turn(request, facts)
        return (turn.root if turn is not None else _root(facts)) or ""

    def after(
        self,
        call: Call,
        facts: Facts | None,
        decision: Decision | None,
        state: State | None = None,
        left: int | None = None,
    ) -> None:
        """Learn from a call that is over; `decision` is None for one that went as asked.

        `left`: input tokens of tool definitions that were left out, where not as decided.
        """
        if facts is None or call.tokens is None or call.status not in {"ok", "incomplete"}:
            return
        try:
            model = self._prices.resolve(call.model_served or call.model_asked or "").model
        except CatalogError:
            return
        plan = decision.plan if decision is not None else None
        sent = plan.rung.effort if plan is not None else facts.effort
        effort = effort_as_asked(sent, model)
        name = plan.rung.model if plan is not None else facts.model or model.name
        at = call.at or 0
        root = self._remember(call, facts, Rung(name, effort), at)
        answers = max(1, call.request.n or 1) if call.request is not None else 1
        self._history.add_most(facts.workload, model.name, effort, -(-call.tokens.output_total // answers))
        asked = self._named(decision.baseline.model if decision is not None else facts.model) or model
        whole = _whole(call, decision, left)
        self.cache.after(whole, facts, decision, state, model, asked, call.session or call.trace or root)
        if call.status == "ok":
            self._history.add(facts.workload, model.name, effort, call.tokens)
        if call.latency:
            self._history.add_time(model.name, call.lane, call.tokens.output_total, call.latency)
        if call.model_served and call.model_served != model.name:
            self._history.add_snapshot(model.name, call.model_served)

    def _remember(self, call: Call, facts: Facts, rung: Rung, at: int) -> str | None:
        """The turn, for the next one to be found by. Gives what its conversation is known by."""
        request = call.request
        before = self._turn(request, facts) if request is not None else None
        root = before.root if before is not None else _root(facts)
        tokens = call.tokens.input_total if call.tokens is not None else facts.input_tokens
        turn = Turn(rung, tokens, at, root or call.id or "")
        if len(facts.blocks) == 4:
            self._prompts.put(facts.blocks[3].digest, turn)
        for name in (call.id, request.conversation if request is not None else None):
            if name:
                self._responses.put(name, turn)
        return root

    def _turn(self, request: Request | None, facts: Facts) -> Turn | None:
        """The turn that this one goes on from."""
        if request is not None:
            for name in (request.previous_response_id, request.conversation):
                found = self._responses.get(name) if name else None
                if found is not None:
                    return found
        if facts.turn and len(facts.blocks) == 4:
            return self._prompts.get(facts.blocks[2].digest)
        return None

    def _held(self, turn: Turn | None, at: int, warm: Mapping[str, int] | None) -> int:
        """Tokens of the turn before that are warm on its rung: as found by its prefixes, else as it was long."""
        model = self._named(turn.rung.model) if turn is not None else None
        if turn is None or model is None:
            return 0
        if warm is not None:
            return warm.get(model.name, 0)
        return read_of(turn.tokens, model) if at - turn.at <= window_of(model) else 0

    def _named(self, name: str | None) -> Model | None:
        try:
            return self._prices.resolve(name or "").model
        except CatalogError:
            return None

    def _asked(self, facts: Facts, policy: Policy) -> tuple[Model | None, str | None]:
        """The model that the call asks for, and the effort it would run at there."""
        name, effort = facts.model or "", facts.effort
        if name.strip().lower() == AUTO and policy.baseline is not None:
            name, effort = policy.baseline.model, effort or policy.baseline.effort
        try:
            model = self._prices.resolve(name).model
        except CatalogError:
            return None, effort
        return model, effort_as_asked(effort, model)

    def _surely_fits(self, policy: Policy, asked: Model | None) -> int:
        """Bytes of a request that fit every window, whatever it may write: no window is then looked at."""
        key = (policy.digest, asked.name if asked is not None else "")
        found = self._floors.get(key)
        if found is None:
            limits = windows_of(self._models(policy, asked), 1 << 40)
            found = self._floors.put(key, min(limits, default=0))
        return found

    def _models(self, policy: Policy, asked: Model | None) -> list[Model]:
        """Models whose windows matter: the ladder's and the one asked for."""
        models = [self._prices.resolve(name).model for name in policy.ladder.models]
        return [*models, asked] if asked is not None else models

    def _count(self, text: str) -> int:
        """Exact tokens of a text, remembered: the texts before the newest come again with each turn."""
        key = hash(text)
        found = self._counts.get(key)
        return found if found is not None else self._counts.put(key, count_tokens(text))


def _whole(call: Call, decision: Decision | None, left: int | None) -> Call:
    """The call with the tool definitions that were left out of it: prefixes are known by the prompt as asked."""
    gone = left_out(decision) if left is None and decision is not None else left or 0
    tokens = call.tokens
    if tokens is None or gone <= 0:
        return call
    # Definitions stand at the start: where anything was read, they would have been too.
    found = (
        msgspec.structs.replace(tokens, cached=tokens.cached + gone)
        if tokens.cached
        else msgspec.structs.replace(tokens, uncached=tokens.uncached + gone)
    )
    return msgspec.structs.replace(call, tokens=found)


def _linked(request: Request) -> bool:
    """Whether the turns before are upstream's to add."""
    return bool(request.previous_response_id or request.conversation)


def _root(facts: Facts) -> str | None:
    """What a conversation that begins with this call is known by."""
    return f"{facts.blocks[3].digest:016x}" if len(facts.blocks) == 4 else None
