"""What a grader is, and what it gives: a score in [0, 1], whether it failed hard, and why in a few words."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

import msgspec

from tierwise.calls import Request, Response, Send
from tierwise.catalog import Tokens

Reference = Response | str
"""What an answer is held against: another answer (the logged one, the baseline's), or the right one as text."""


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """How good one answer is.

    `reason` never holds text of a prompt or an answer: it may stand in a record.
    """

    value: float
    """0 to 1, higher is better."""
    hard: bool = False
    """The answer is of no use to whoever called: refused, cut, empty, or not of the form asked for."""
    reason: str = ""

    def __post_init__(self) -> None:
        # Written so that NaN, which compares false, is refused too.
        if not 0.0 <= self.value <= 1.0:
            raise ValueError(f"a score lies from 0 to 1, got {self.value!r}; map it there before giving it")


class Grader(Protocol):
    """Compares an answer with a reference, without I/O. The same input gives the same score."""

    @property
    def name(self) -> str:
        """The grader with its parameters, as evidence and policy write it; holds no text of calls."""

    def grade(self, request: Request, candidate: Response, reference: Reference) -> Score:
        """Score `candidate`, an answer to `request`. Never raises for what stands in an answer."""


class Paid(msgspec.Struct, frozen=True, kw_only=True):
    """A score that took calls to a model, and what they used."""

    score: Score | None
    """None where the model gave nothing that can be graded by."""
    why: str = ""
    """Why there is no score, in a few words."""
    tokens: Tokens = Tokens()
    """Of all calls made for it."""
    cost: Decimal | None = Decimal(0)
    """USD; None where a call was made whose usage or price is not known."""
    calls: int = 0


class PaidGrader(Protocol):
    """A grader that asks a model, by a `Send` that it was given."""

    @property
    def name(self) -> str:
        """As `Grader.name`."""

    async def grade(self, request: Request, candidate: Response, reference: Reference, send: Send) -> Paid:
        """Score `candidate`. Raises UpstreamError where no reply comes."""


def text_of(reference: Reference) -> str:
    """A reference's text."""
    return reference if isinstance(reference, str) else reference.text


def right(reason: str = "") -> Score:
    """The highest score."""
    return Score(value=1.0, reason=reason)


def wrong(reason: str) -> Score:
    """The lowest score."""
    return Score(value=0.0, reason=reason)


def yes_or_no(same: bool, reason: str) -> Score:
    """1 where the two are the same; else 0, for the reason given."""
    return right() if same else wrong(reason)
