"""One call of a trial: the rung asked, the baseline where it is needed, and the grade."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

import msgspec

from tierwise.calls import Call, Outgoing, Response, failure
from tierwise.catalog import Catalog, Lane, Tokens
from tierwise.errors import OutcomeUnknown, UpstreamError
from tierwise.policy import Limits, Rule, Rung
from tierwise.prove._answers import Careful
from tierwise.prove._asking import Question, Replied, replied
from tierwise.prove._free import score, unless_failed
from tierwise.prove._graders.embedding import Embedding
from tierwise.prove._hypothesis import Hypothesis
from tierwise.prove._judge import Judge
from tierwise.prove._judge_text import answer_of, call_text
from tierwise.prove._labels import Pair, draw
from tierwise.prove._population import call_id
from tierwise.prove._replayed import prepare
from tierwise.prove._score import Grader, Reference
from tierwise.workloads import Recogniser

_CAPS: Final = ("max_completion_tokens", "max_output_tokens", "max_tokens")
HOPELESS: Final = frozenset({401, 403})
"""Statuses after which no other call would fare better."""


class People(msgspec.Struct, frozen=True, kw_only=True):
    """Labels by people of calls drawn at random."""

    probability: float
    """With which each call was drawn."""
    scores: Mapping[str, float]
    """Call id to the mean of its raters' scores of the rung's answer against the baseline's."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """All that grading a call takes, fixed beforehand."""

    hypothesis: Hypothesis
    rule: Rule
    limits: Limits
    prices: Catalog
    day: dt.date
    grader: Grader | Embedding | Judge
    right: Mapping[str, str] = {}
    """Right answers by call id."""
    people: People | None = None
    cap: int
    """Output tokens allowed to calls that name no cap of their own."""
    key: bytes
    """The owner's, for digests in names of slices."""


class Graded(msgspec.Struct, frozen=True, kw_only=True):
    """A call that has scores."""

    call: Call
    rung: float
    baseline: float | None
    """None where it is asked afresh on a share of calls and this is not one of them."""
    corrected: float | None = None
    """What people said of a judged call that was drawn for them."""
    hard_rung: bool
    hard_baseline: bool
    response: Response
    cost: Replied
    snapshots: dict[str, str]
    reference: Reference
    pair: Pair | None = None
    """What people could be shown; None where nothing is to be decided."""


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """A call without a score."""

    reason: str
    refused: bool = False
    """The rung may not take it, so that it is not of the claim's population."""
    hopeless: bool = False
    """No other call would fare better."""
    unlabelled: bool = False
    """It was drawn for people and nobody was shown it: what comes after cannot be corrected."""


class _Gone(Exception):
    """A reply that cannot be used; carries what is missing."""

    def __init__(self, missing: Missing) -> None:
        super().__init__(missing.reason)
        self.missing = missing


class Grading:
    """Asks and grades calls on one rung.

    Args:
        case: What is fixed.
        rung: Where the calls go.
        send: Pays.
        recogniser: Gives facts of requests.
    """

    def __init__(self, case: Case, rung: Rung, send: Careful, recogniser: Recogniser) -> None:
        self.case, self.rung = case, rung
        self._send, self._recogniser = send, recogniser

    async def grade(self, call: Call) -> Graded | Missing:
        """One call, asked and graded.

        Raises:
            SpendReached: No money is left for it.
            GraderError: The owner's own function failed.
        """
        try:
            replied_ = await self._asked(call, self.rung)
            return await self._graded(call, replied_)
        except _Gone as gone:
            return gone.missing
        except OutcomeUnknown as error:
            return Missing(reason=f"outcome not known: {str(error)[:80]}")
        except UpstreamError as error:
            return Missing(reason=f"no reply: {type(error).__name__}")

    async def _asked(self, call: Call, rung: Rung) -> Replied:
        case = self.case
        tier: Any = "flex" if case.hypothesis.lane == "flex" else "default"
        ready = prepare(call, rung, case.rule, case.prices, case.limits, self._recogniser, tier=tier)
        if ready.refused is not None:
            raise _Gone(Missing(reason=ready.refused, refused=True))
        body = capped(ready.body, ready.path, case.cap)
        question = Question(path=ready.path, model=rung.model, body=body)
        found = await self._sent(question)
        if found.status >= 400:
            said = f"{rung.model} answers {found.status} {_code(found.body)}".strip()
            raise _Gone(Missing(reason=said, hopeless=found.status in HOPELESS))
        if found.response is None or found.response.status == "error":
            raise _Gone(Missing(reason=f"{rung.model} gave no answer that reads"))
        return found

    async def _sent(self, question: Question) -> Replied:
        lane: Lane = "flex" if self.case.hypothesis.lane == "flex" else "standard"
        outgoing = Outgoing(
            path=question.path,
            body=question.body,
            model=question.model,
            headers=(("content-type", "application/json"),),
            lane=lane,
        )
        incoming = await self._send.send(outgoing)
        return replied(question, incoming.status, await incoming.read(), self.case.prices, self.case.day)

    async def _graded(self, call: Call, asked: Replied) -> Graded:
        request, logged, ours = call.request, call.response, asked.response
        if request is None or logged is None or ours is None:
            raise AssertionError("a population has calls with both")
        case, grader = self.case, self.case.grader
        ids = {"rung": ours.model or self.rung.model}
        reference: Reference = logged
        baseline: float | None
        corrected: float | None = None
        pair: Pair | None = None
        if isinstance(grader, Judge):
            rung, corrected, pair = await self._judged(call, ours)
            baseline = 1.0 - rung
            ids["judge"] = grader.model
        elif case.hypothesis.reference == "right answers":
            reference = case.right[call_id(call)]
            rung = await self._scored(call, ours, reference)
            baseline = await self._scored(call, logged, reference)
        else:
            rung = await self._scored(call, ours, logged)
            baseline = None
            if chosen(case.hypothesis.seed, "baseline", call, case.hypothesis.repeats):
                afresh = (await self._asked(call, self._as_asked(call))).response
                if afresh is not None:
                    ids["baseline"] = afresh.model or case.hypothesis.baseline.model
                    baseline = await self._scored(call, afresh, logged)
        return Graded(
            call=call,
            rung=rung,
            baseline=baseline,
            corrected=corrected,
            hard_rung=failure(request, ours) is not None,
            hard_baseline=failure(request, logged) is not None,
            response=ours,
            cost=asked,
            snapshots=ids,
            reference=reference,
            pair=pair,
        )

    def _as_asked(self, call: Call) -> Rung:
        request = call.request
        model = (request.model if request is not None else None) or self.case.hypothesis.baseline.model
        return Rung(model, request.effort if request is not None else None)

    async def _scored(self, call: Call, answer: Response, reference: Reference) -> float:
        grader, request = self.case.grader, call.request
        if request is None or isinstance(grader, Judge):
            raise AssertionError("judged calls are scored by their judge")
        if isinstance(grader, Embedding):
            agreed = unless_failed(request, answer, reference)
            if agreed is not None:
                return agreed.value
            paid = await grader.grade(request, answer, reference, self._send)
            if paid.score is None:
                raise _Gone(Missing(reason=f"no score: {paid.why}"))
            return paid.score.value
        return score(grader, request, answer, reference).value

    async def _judged(self, call: Call, ours: Response) -> tuple[float, float | None, Pair | None]:
        """The judge's score, the people's where they were asked, and what they could be shown."""
        grader, request, logged = self.case.grader, call.request, call.response
        if request is None or logged is None or not isinstance(grader, Judge):
            raise AssertionError("a judged call has both answers")
        task = self._recogniser.recognise(request).task
        verdict = await grader.compare(task, request, ours, logged, self._send)
        if verdict.score is None:
            raise _Gone(Missing(reason=verdict.reason))
        if verdict.outcome in {"same", "failed"}:
            return verdict.score, verdict.score, None
        pair = Pair(
            id=call_id(call),
            request=call_text(request),
            candidate=answer_of(ours),
            baseline=answer_of(logged),
        )
        return verdict.score, self._by_people(pair), pair

    def _by_people(self, pair: Pair) -> float | None:
        """What people said of a call that was drawn for them; None where it was not."""
        people = self.case.people
        if people is None or not draw([pair], self.case.hypothesis.seed, people.probability):
            return None
        if pair.id not in people.scores:
            raise _Gone(Missing(reason="drawn for people after the labels were made", unlabelled=True))
        return people.scores[pair.id]


def chosen(seed: str, use: str, call: Call, share: float) -> bool:
    """Whether a call is among a share of calls, by a hash of the seed and its id."""
    data = f"{seed}\x1f{use}\x1f{call_id(call)}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little") / 2**64 < share


def capped(body: bytes, path: str, cap: int) -> bytes:
    """The body with a cap on its output, where it has none."""
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    if any(name in fields and bytes(fields[name]) != b"null" for name in _CAPS):
        return body
    name = "max_output_tokens" if path.endswith("/responses") else "max_completion_tokens"
    for other in _CAPS:
        fields.pop(other, None)
    return msgspec.json.encode(fields | {name: msgspec.Raw(str(cap).encode())})


def _code(body: bytes) -> str:
    """The code of an error reply, if it has a plain one."""
    try:
        error = msgspec.json.decode(body)["error"]
        code = error.get("code") or error.get("type") or ""
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError, KeyError, AttributeError, RecursionError):
        return ""
    return code if isinstance(code, str) and code.replace("_", "").isalnum() and len(code) <= 60 else ""


def tokens_of(graded: Graded) -> tuple[Tokens, Tokens]:
    """What the rung's answer and the logged one used."""
    return graded.cost.tokens, graded.call.tokens or Tokens()
