"""A model that compares two answers, in both orders, and whose word is taken only where it is plain.

Source of the two orders and of ties: L. Zheng et al., 'Judging LLM-as-a-Judge with MT-Bench and Chatbot
Arena' (2023), section 3.4: judges favour a place, and answers that are long or their own.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, Literal

import msgspec

from tierwise.calls import Request, Response, Send, failure
from tierwise.catalog import Catalog, Tokens
from tierwise.errors import CatalogError, ConfigurationError
from tierwise.prove._asking import Question, Replied, added, ask
from tierwise.prove._judge_text import LONGEST_ANSWER, answer_of, bodies, instructs, prompts
from tierwise.workloads import Task

_DATED: Final = re.compile(r".+-\d{4}-\d{2}-\d{2}")
_PATHS: Final = {"responses": "/v1/responses", "chat": "/v1/chat/completions"}
CAP: Final = 4_000
"""Tokens that one answer of the judge may have, reasoning included."""

Outcome = Literal["decided", "tie", "contradiction", "same", "failed", "no verdict"]
"""How a comparison ended.

'decided': one answer was better in both orders, or better in one and as good in the other; 'tie': as good in
both; 'contradiction': each order gave the other answer, so its place decided; 'same': the texts are one;
'failed': a free check decided, and nobody was asked; 'no verdict': the judge was not asked or not
understood.
"""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one comparison."""

    score: float | None
    """Of the candidate against the baseline: 0, 0.25, 0.5, 0.75 or 1, the mean of both orders; None for no
    verdict."""
    outcome: Outcome
    reason: str = ""
    """In a few words, without text of the answers."""
    tokens: Tokens = Tokens()
    cost: Decimal | None = Decimal(0)
    """USD of both orders; None where usage or price is not known."""
    calls: int = 0


class _Said(msgspec.Struct, forbid_unknown_fields=True):
    verdict: Literal["first", "second", "tie"]


_SAID: Final = msgspec.json.Decoder(_Said)
_POINTS: Final = {"first": 1.0, "second": 0.0, "tie": 0.5}


class Judge(msgspec.Struct, frozen=True, kw_only=True):
    """A judge for one pair of rungs. Made with `judge`, which refuses a model that must not judge them."""

    model: str
    """A dated snapshot."""
    effort: str | None
    endpoint: Literal["responses", "chat"]
    prices: Catalog
    day: dt.date
    """The UTC day that prices the calls."""

    @property
    def name(self) -> str:
        """`judge(model="...",effort=low)`."""
        effort = f",effort={self.effort}" if self.effort is not None else ""
        return f'judge(model="{self.model}"{effort})'

    async def compare(
        self, task: Task, request: Request, candidate: Response, baseline: Response, send: Send
    ) -> Verdict:
        """Whether the candidate is as good as the baseline, asked in both orders.

        Nothing is asked where a free check decides, where both answers are the same text, where one is
        too long, or where one speaks to its judge.

        Raises:
            UpstreamError: No reply came.
        """
        questions = self.questions(task, request, candidate, baseline)
        if isinstance(questions, Verdict):
            return questions
        replies: list[Replied] = []
        for question in questions:
            replies.append(await ask(send, question, self.prices, self.day))
            if self._read(replies[-1])[0] is None:
                break  # the other order could not make a verdict of it
        return self.verdict(replies)

    def questions(
        self, task: Task, request: Request, candidate: Response, baseline: Response
    ) -> tuple[Question, Question] | Verdict:
        """Both orders, the candidate second and then first; or the verdict, where nobody is to be asked."""
        if (known := _unasked(request, candidate, baseline)) is not None:
            return known
        ours, theirs = answer_of(candidate), answer_of(baseline)
        return (
            self._question(task, request, theirs, ours),
            self._question(task, request, ours, theirs),
        )

    def _question(self, task: Task, request: Request, first: str, second: str) -> Question:
        rules, material = prompts(task, request, first, second)
        body = bodies(self.endpoint, self.model, self.effort, rules, material, CAP)
        return Question(path=_PATHS[self.endpoint], model=self.model, body=msgspec.json.encode(body))

    def verdict(self, replies: Sequence[Replied]) -> Verdict:
        """The verdict of replies to `questions`, in their order; fewer than two are no verdict."""
        points: list[float] = []
        for ours_first, reply in zip((False, True), replies, strict=False):
            said, why = self._read(reply)
            if said is None:
                return _none(why, replies)
            points.append(_POINTS[said] if ours_first else 1.0 - _POINTS[said])
        if len(points) < 2:
            return _none("an order was not asked", replies)
        tokens, cost = added(replies)
        return Verdict(
            score=sum(points) / 2, outcome=_outcome(points), tokens=tokens, cost=cost, calls=len(replies)
        )

    def _read(self, replied: Replied) -> tuple[str | None, str]:
        """What the judge said, or why it said nothing that counts."""
        response = replied.response
        if response is None:
            return None, f"the judge's reply has status {replied.status}"
        if response.model != self.model:
            return None, "another model than the pinned one judged"
        if response.refusal or response.status != "ok" or response.tool_calls:
            return None, "the judge refused" if response.refusal else "the judge did not finish"
        try:
            return _SAID.decode(response.text.encode("utf-8", "replace")).verdict, ""
        except msgspec.DecodeError:
            return None, "the judge gave no verdict in the form asked for"


def _unasked(request: Request, candidate: Response, baseline: Response) -> Verdict | None:
    """The verdict where the judge need not, or must not, be asked."""
    ours, theirs = failure(request, candidate), failure(request, baseline)
    if ours is not None or theirs is not None:
        if ours == theirs:
            return Verdict(score=0.5, outcome="failed", reason=f"both: {ours}")
        if ours is not None:
            return Verdict(score=0.0, outcome="failed", reason=ours)
        return Verdict(score=1.0, outcome="failed", reason=f"the baseline: {theirs}")
    one, other = answer_of(candidate), answer_of(baseline)
    if one.strip() == other.strip():
        return Verdict(score=0.5, outcome="same")
    if max(len(one), len(other)) > LONGEST_ANSWER:
        return Verdict(score=None, outcome="no verdict", reason="an answer is too long to be judged")
    if instructs(one) or instructs(other):
        return Verdict(score=None, outcome="no verdict", reason="an answer speaks to its judge")
    return None


def _none(why: str, replies: Sequence[Replied]) -> Verdict:
    tokens, cost = added(replies)
    return Verdict(score=None, outcome="no verdict", reason=why, tokens=tokens, cost=cost, calls=len(replies))


def _outcome(points: list[float]) -> Outcome:
    if points == [0.5, 0.5]:
        return "tie"
    return "contradiction" if sum(points) == 1.0 else "decided"


def judge(
    model: str,
    compared: Iterable[str],
    prices: Catalog,
    day: dt.date,
    *,
    effort: str | None = None,
    endpoint: Literal["responses", "chat"] = "responses",
) -> Judge:
    """The judge for answers of the models `compared`.

    Raises:
        ConfigurationError: Not a dated snapshot, not in the catalog, of the family of a model that is
            compared, or one that does not have the effort.
    """
    if not _DATED.fullmatch(model):
        raise ConfigurationError(
            f"judge: expected a dated snapshot such as gpt-5.4-2026-03-05, got {model!r:.80}: "
            "a name without a date is another model tomorrow"
        )
    try:
        found = prices.resolve(model).model
    except CatalogError as error:
        raise ConfigurationError(f"judge: {error}") from None
    for other in compared:
        if _family(other, prices) == found.name:
            raise ConfigurationError(
                f"judge: {model} would judge an answer of its own family ({other}), which judges favour; "
                "name a snapshot of a third model"
            )
    if effort is not None and effort not in found.efforts:
        offered = ", ".join(found.efforts) or "none: it does not reason"
        raise ConfigurationError(f"judge: {found.name} has no effort {effort!r:.20}; it has {offered}")
    if found.endpoints and endpoint not in found.endpoints:
        raise ConfigurationError(f"judge: {found.name} does not serve {endpoint}")
    return Judge(model=model, effort=effort, endpoint=endpoint, prices=prices, day=day)


def _family(name: str, prices: Catalog) -> str:
    try:
        return prices.resolve(name).model.name
    except CatalogError:
        return name
