"""The page on which a live call is followed, from the caller's bytes to the answer.

admit, recognise, narrow, decide, shape, defer or run, price, record, reply: each step takes what the
last one returned. Deciding is in `_route`, what is kept for later in `_defer`. `Pipeline.follow` is a generator that yields what is to be sent and is sent what
came back, so that a blocking client and an asynchronous one drive the same lines:

    steps = pipeline.follow(asked)
    outgoing = next(steps)             # StopIteration carries the Answer
    outgoing = steps.send(reply)       # again, until it stops; steps.throw(fault) where sending failed

If routing breaks, the call goes as asked and the reason is taken down.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Generator, Mapping
from decimal import Decimal
from secrets import token_hex
from typing import Any, Final

import msgspec

from tierwise.batch import Found, Outcome
from tierwise.calls import ChatStream, Headers, Outgoing, Status, failed_reply, to_chat
from tierwise.catalog import Catalog, Lane
from tierwise.errors import RequestError
from tierwise.online._admit import admit, creates
from tierwise.online._cascade import trial_of
from tierwise.online._defer import Deferred, deferred, new_id, waits
from tierwise.online._elsewhere import FORGOTTEN, Decisions, Sent, as_sent, in_words
from tierwise.online._hide import hiding
from tierwise.online._keeper import Keeper
from tierwise.online._late import Waiting, under_way
from tierwise.online._memory import Memory
from tierwise.online._passage import Passage
from tierwise.online._record import Record
from tierwise.online._reply import refusal, told, without_body_headers
from tierwise.online._route import Router
from tierwise.online._scored import NO_SCORERS, Scorers
from tierwise.online._sending import Sending
from tierwise.online._shape import as_asked, as_asked_after, as_it_came, no_capacity, untouched
from tierwise.online._shown import AS_JSON, queued
from tierwise.online._texts import Texts
from tierwise.online._values import (
    Admitted,
    Answer,
    Asked,
    Entry,
    Gate,
    Look,
    Recorder,
    Reply,
    Routed,
    Run,
)
from tierwise.online._watch import watched
from tierwise.online._watched import Watched
from tierwise.policy import Learned, Policy

CARRIED: Final = frozenset[Lane]({"standard", "flex", "priority"})
"""Lanes that a call which is waited for can take."""
_OURS_TO_MEND: Final = frozenset({400, 403, 404, 422})
"""Statuses of a request that upstream will not take as it is: if we shaped it, it may be our doing."""

Steps = Generator[Outgoing | Look | Deferred, Any, Answer]


class Pipeline:
    """What live calls share: the policy, what was learned, memory, prices, the recorder.

    Args:
        prices: The catalog.
        recorder: Takes every followed call down.
        policy: What decides. None only observes: no call is changed.
        learned: What an audit learned: templates, lengths, times, roles.
        key: The owner's key for digests, the one that `learned` was made under.
        names: Whether the record keeps names of tools and the first words of instructions.
        callers: Who calls ('key:NAME', 'project:NAME'), for policies that trust hints.
        project: The project that calls belong to.
        lanes: Lanes that whoever sends can use.
        residency: Whether upstream is a data-residency endpoint, which carries an uplift.
        gate: Lets calls go or refuses them, once they are decided.
        strict: Whether a stream that closes before its end is an error for the caller.
        clock: Unix seconds.
        name: What ids of calls begin with; drawn by chance without it.
        scorers: What the policy's rules ask of a call, as `scorers_of` gives them.
    """

    def __init__(
        self,
        prices: Catalog,
        recorder: Recorder,
        *,
        policy: Policy | None = None,
        learned: Learned | None = None,
        key: bytes = b"",
        names: bool = False,
        callers: frozenset[str] = frozenset(),
        project: str | None = None,
        lanes: frozenset[Lane] = CARRIED,
        residency: bool = False,
        gate: Gate | None = None,
        strict: bool = False,
        clock: Callable[[], float] = time.time,
        name: str | None = None,
        scorers: Scorers = NO_SCORERS,
    ) -> None:
        self._prices = prices
        self._memory = Memory(prices, learned, key)
        self._residency = residency
        self._gate = gate
        self._strict = strict
        self._clock = clock
        # Recognising, memory and recording are not for several threads at once; sending is.
        self._lock = threading.Lock()
        self._router = Router(
            prices,
            policy,
            learned,
            key,
            self._memory,
            self._lock,
            callers=callers,
            lanes=lanes,
            scorers=scorers,
        )
        self._record = Record(
            prices,
            recorder,
            self._memory,
            Keeper(key, names=names),
            Texts(policy),
            self._lock,
            self._now,
            gate=gate,
            project=project,
            residency=self._resident(policy),
        )
        self._sending = Sending(self._record, self._router)
        # Ids are a name of this process and a number: asking the system for chance each time is slow.
        self.name, self._numbers = name or _new_name(), itertools.count(1)
        """Name of this process: what the ids of its calls begin with."""
        self._decisions = Decisions()

    def renew_lock(self) -> None:
        """Forget who holds the lock: for a process just forked, where nobody does."""
        self._lock = self._record.lock = self._router.lock = threading.Lock()
        self.name = _new_name()

    @property
    def policy(self) -> Policy | None:
        """What decides; None only observes."""
        return self._router.policy

    @property
    def off(self) -> bool:
        """Whether every call goes as asked, for whoever turns routing off."""
        return self._router.off

    @off.setter
    def off(self, off: bool) -> None:
        self._router.off = off

    @property
    def off_for(self) -> frozenset[str]:
        """Workloads whose calls go as asked, by fingerprint."""
        return self._router.off_for

    @off_for.setter
    def off_for(self, off_for: frozenset[str]) -> None:
        self._router.off_for = off_for

    @property
    def watched(self) -> Watched:
        """What the living proof says of rules, for whoever watches over them."""
        return self._memory.watched

    @watched.setter
    def watched(self, watched: Watched) -> None:
        self._memory.watched = watched

    @property
    def recorder(self) -> Recorder:
        """What takes every followed call down."""
        return self._record.recorder

    @property
    def waiting(self) -> Waiting:
        """Background calls whose end nobody has seen yet."""
        return self._record.waiting

    def takes_long(self, size: int) -> bool:
        """Whether a call with so many bytes of text takes long to take down: whoever drives others then uses a thread."""
        return self._record.texts.takes_long(size)

    def late(self, path: str, body: bytes) -> None:
        """Take down a background call whose end somebody has seen, by what a look at it brought."""
        self._record.late(path, body)

    def _now(self) -> int:
        """Microseconds since the epoch."""
        return int(self._clock() * 1e6)

    def _resident(self, policy: Policy | None) -> bool:
        return self._residency or (policy is not None and policy.limits.residency is not None)

    def follow(self, asked: Asked) -> Steps:
        """Follow one call.

        Yields:
            What to send; expects the Reply, or the fault thrown in. Or what is to be kept until its
            answer comes (Deferred); expects to be gone on with once it is.

        Returns:
            The Answer for the caller.

        Raises:
            Whatever was thrown in, once it is taken down.
        """
        endpoint = creates(asked.method, asked.path)
        if endpoint is None:
            looked = yield untouched(asked)
            if looked.body is not None and looked.status < 400:
                self.late(asked.path, looked.body)
            return as_it_came(looked)
        call = admit(asked, endpoint)
        if asked.watch is not None:
            call = watched(call, asked.watch)
        later = asked.later
        run = Run(id=(later.call if later is not None else None) or self._new_id(), at=self._now())
        routed = self._router.route(call, run.at)
        if routed.decision is not None and routed.decision.breach is not None:
            return self._refuse(call, routed, run, routed.decision.breach)
        refused = self._gate.open(run.id, call, routed) if self._gate is not None else None
        if refused is not None:
            return refused
        if waits(call, routed):
            return (yield from self._defer(call, routed, run))
        routed, reply, held = yield from self._run(call, routed, run)
        while (trial := trial_of(routed)) is not None:
            found, held = yield from self._sending.checked(call, routed, run, trial, reply, held)
            if found.accepted:
                run.cascade = "accepted"
                if reply.body is None:
                    return self._held(call, routed, run, reply, held)
                break
            routed = self._router.go_up(call, routed, run, found.why)
            run.cascade = "escalated"
            if self._gate is not None and not self._gate.more(run.id, call, routed):
                return self._not_written(call, routed, run)
            routed, reply, held = yield from self._run(call, routed, run)
        if reply.body is None:
            return self._pass_on(call, routed, run, reply, held)
        return self._answer(call, routed, run, reply)

    def _run(
        self, call: Admitted, routed: Routed, run: Run
    ) -> Generator[Outgoing | Look, Any, tuple[Routed, Reply, bytes]]:
        """Send a call, another way where upstream refuses it, and again with the tools that it asks for.

        Returns the reply that stands, how it was sent for, and what of its stream was looked into.
        """
        reply = yield from self._sending.send(call, routed, run)
        while (other := self._another_way(call, routed, run, reply)) is not None:
            before, routed = (routed, reply), other
            reply = yield from self._sending.send(call, routed, run)
            if run.fell_back and reply.status in _OURS_TO_MEND:
                # It was fit for where it was asked to go: what was said there is its answer.
                routed, reply = before
                break
        return (yield from self._sending.searched(call, routed, run, reply))

    def _held(self, call: Admitted, routed: Routed, run: Run, reply: Reply, held: bytes) -> Answer:
        """A stream that was held to its end: its bytes at once, as they would have come."""
        answer = self._pass_on(call, routed, run, reply, held)
        last = answer.passage.end() if answer.passage is not None else b""
        headers = without_body_headers(answer.headers)
        return Answer(status=answer.status, headers=headers, body=answer.held + last)

    def _not_written(self, call: Admitted, routed: Routed, run: Run) -> Answer:
        """A call that may not go on: what was spent on it so far is taken down."""
        self._record.settle(call, routed, run, None, "error", error="tierwise_no_place")
        message = (
            "the call cannot go on: it cannot be written down, or its budget has no more; try again later"
        )
        return refusal(503, "tierwise_no_place", message, self._told(routed, run, None))

    def decided(self, asked: Asked) -> dict[str, Any]:
        """What would be sent for a call, and why, for whoever sends it: nothing is sent or recorded.

        Its id is what `Sent.decision` names when the call is over.

        Raises:
            RequestError: A path that calls no model.
        """
        routed = self._router.route(_calling(asked), self._now(), whole=False)
        identity = self._new_id()
        self._decisions.keep(identity, asked.project, routed)
        return in_words(identity, routed)

    def took(self, asked: Asked, sent: Sent) -> Entry | None:
        """Price and take down a call that somebody else sent; None where it could not be taken down.

        Args:
            asked: The call as it was asked, before any decision.
            sent: How it went.

        Raises:
            RequestError: A path that calls no model.
        """
        call = _calling(asked)
        known = self._decisions.find(sent.decision, asked.project)
        identity, routed = known or (self._new_id(), self._not_decided(call, sent))
        run = Run(id=identity, at=sent.at, latency=sent.latency, attempts=1)
        return self._record.settle(
            call, as_sent(call, sent, routed), run, sent.reply, sent.status, error=sent.error
        )

    def _not_decided(self, call: Admitted, sent: Sent) -> Routed:
        """A call that went without a decision, or with one that is not known here."""
        reason = sent.reason or (FORGOTTEN if sent.decision is not None else None)
        routed = as_asked(call, reason=call.unread or reason)
        if call.request is None or not call.request.messages:
            return routed
        with self._lock:
            facts = self._router.recognise(call, call.request)
        return msgspec.structs.replace(routed, facts=facts)

    def go_by(
        self, policy: Policy | None, learned: Learned | None, key: bytes, scorers: Scorers = NO_SCORERS
    ) -> None:
        """Decide by another policy from the next call on; conversations under way keep their rungs."""
        with self._lock:
            self._router.go_by(policy, learned, key, scorers)
            self._record.keeper = Keeper(key, names=self._record.keeper.names)
            self._record.texts = Texts(policy)
            self._record.residency = self._resident(policy)

    def learn_completion(self, seconds: Mapping[Lane, int]) -> None:
        """How long lanes that wait take from now on: seconds, at a high percentile."""
        self._memory.completion = seconds

    def most_output(self, workload: int, model: str, effort: str | None) -> int | None:
        """Output tokens that 99 of 100 answers of a workload do not pass on a rung; None where nothing tells."""
        with self._lock:
            return self._memory.most_output(workload, model, effort)

    def seen(self, workload: int, model: str, effort: str | None, output: int) -> None:
        """Learn how much one answer of an earlier process wrote: output tokens, from 0."""
        with self._lock:
            self._memory.seen(workload, model, effort, output)

    def _another_way(self, call: Admitted, routed: Routed, run: Run, reply: Reply) -> Routed | None:
        """How a call goes that upstream refused before its first byte; None where the refusal stands.

        What we made of it goes as it was asked. A call as asked for which there is no room goes where
        its rule's `fallback` says, as long as the budget has the money.
        """
        full = no_capacity(reply)
        if run.fell_back or (not full and reply.status not in _OURS_TO_MEND):
            return None
        if routed.outgoing.model is not None:
            run.turned_away |= {routed.outgoing.model}
        again = as_asked_after(call, routed, reply)
        if again is not None:
            self._router.over_tools(routed, reply)
            return again
        if not full:
            return None
        run.fell_back = True
        other = self._router.fall_back(call, routed, run)
        if other is not None and self._gate is not None and not self._gate.more(run.id, call, other):
            return None
        return other

    def _defer(self, call: Admitted, routed: Routed, run: Run) -> Generator[Deferred, None, Answer]:
        """A call that is kept for a cheaper lane; the caller asks for its answer later."""
        later = call.asked.later
        identity = (later.identity if later is not None else None) or new_id(call.endpoint)
        try:
            entry = self._record.deferred(call, routed, run, identity)
            found = deferred(call, routed, run, identity, entry, self.policy, self._prices)
            yield found
        except GeneratorExit:
            raise
        except BaseException as fault:
            self._record.settle(call, routed, run, None, "error", error=type(fault).__name__)
            raise
        status, body = queued(found.item, found.body)
        return Answer(status=status, headers=(*AS_JSON, *self._told(routed, run, None)), body=body)

    def told(self, found: Found, end: Outcome, kept: bytes) -> Entry:
        """Price and take down what became of a call that waited; told again, nothing more comes of it.

        Args:
            found: The request that waited.
            end: Its end.
            kept: The `entry` that it was kept with.

        Raises:
            LedgerUnavailable: It could not be written down, and is to be told again.
        """
        return self._record.told(found, end, kept)

    def _refuse(self, call: Admitted, routed: Routed, run: Run, breach: str) -> Answer:
        """The owner's limits are hard: a call outside them does not go."""
        self._record.settle(call, routed, run, None, "error", error="tierwise_limits")
        message = f"refused by the policy: {breach}; ask for an approved model, or have the policy changed"
        return refusal(403, "tierwise_limits", message, self._told(routed, run, None))

    def _pass_on(self, call: Admitted, routed: Routed, run: Run, reply: Reply, held: bytes = b"") -> Answer:
        """A stream: settled when it ends, its expected cost told before. Of it, `held` came already."""
        request = call.request
        wants = request is not None and b'"include_usage":true' in call.asked.body.replace(b" ", b"")
        passage = Passage(
            "responses" if routed.translated else call.endpoint,
            translate=ChatStream(include_usage=wants) if routed.translated else None,
            hide_usage=routed.usage_added,
            strict=self._strict,
            hide=hiding(call, routed),
            ended=lambda body, how: self._record.settle(
                call, routed, run, body, how, goes_on=_goes_on(body, how)
            ),
        )
        headers = without_body_headers(reply.headers) if routed.translated else reply.headers
        headers = (*headers, *self._told(routed, run, None))
        first = passage.feed(held) if held else b""
        return Answer(status=reply.status, headers=headers, passage=passage, held=first)

    def _answer(self, call: Admitted, routed: Routed, run: Run, reply: Reply) -> Answer:
        """A whole reply: price it, take it down, answer in the form of the endpoint that was called."""
        body = reply.body or b""
        failed = reply.status >= 400
        goes_on = None if failed else under_way(body)
        entry = self._record.settle(call, routed, run, body, "error" if failed else None, goes_on=goes_on)
        headers, status = reply.headers, reply.status
        hide = hiding(call, routed)
        if hide is not None and status < 400:
            headers, body = without_body_headers(headers), hide.whole(body)
        if routed.translated and status < 400:
            headers = without_body_headers(headers)
            status, body = failed_reply(body) or (status, to_chat(body))
        cost = entry.cost if entry is not None else None
        return Answer(status=status, headers=(*headers, *self._told(routed, run, cost)), body=body)

    def _new_id(self) -> str:
        return f"{self.name}{next(self._numbers):x}"

    def _told(self, routed: Routed, run: Run, cost: Decimal | None) -> Headers:
        """Headers that tell what was decided; none where calls are only observed."""
        return told(run.id, routed, cost, run.cascade) if self.policy is not None else ()


def _calling(asked: Asked) -> Admitted:
    """A call to a model, read. Raises RequestError for any other."""
    endpoint = creates(asked.method, asked.path)
    if endpoint is None:
        raise RequestError(f"expected a path that calls a model, got {asked.path:.100}")
    return admit(asked, endpoint)


def _goes_on(body: Mapping[str, Any] | None, how: Status | None) -> str | None:
    """The id of a response whose stream was left before its end: in the background it goes on."""
    identity = body.get("id") if body is not None and how == "abandoned" else None
    return identity if isinstance(identity, str) else None


def _new_name() -> str:
    return f"tw_{token_hex(6)}_"
