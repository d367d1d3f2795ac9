"""How near two texts lie for an embedding model."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from typing import Final

import msgspec

from tierwise.calls import Request, Response, Send
from tierwise.catalog import Catalog
from tierwise.prove._asking import Question, ask
from tierwise.prove._graders.texts import normalised
from tierwise.prove._score import Paid, Reference, Score, text_of

LONGEST: Final = 24_000
"""Characters of each text that are compared: about the 8,192 tokens that the endpoint takes, for most scripts."""


class _Vector(msgspec.Struct):
    embedding: list[float]
    index: int


class _Vectors(msgspec.Struct):
    data: list[_Vector]


class Embedding(msgspec.Struct, frozen=True, kw_only=True):
    """The cosine of two texts' embeddings; one that is negative counts as 0.

    Texts that are the same but for how they are written score 1 without a call.
    """

    model: str
    prices: Catalog
    day: dt.date
    """The UTC day that prices the calls."""

    @property
    def name(self) -> str:
        """`embedding(model="text-embedding-3-small")`."""
        return f'embedding(model="{self.model}")'

    async def grade(self, request: Request, candidate: Response, reference: Reference, send: Send) -> Paid:  # noqa: ARG002 - the protocol's
        """One call for both texts.

        `Paid.score` is None where the endpoint answered with an error or with no two vectors.

        Raises:
            UpstreamError: No reply came.
        """
        one, other = candidate.text, text_of(reference)
        if one.strip() == other.strip() or (normalised(one) and normalised(one) == normalised(other)):
            return Paid(score=Score(value=1.0, reason="the same text"))
        if not one.strip() or not other.strip():
            return Paid(score=Score(value=0.0, reason="no text"))
        body = {"model": self.model, "input": [_sent(one), _sent(other)], "encoding_format": "float"}
        question = Question(path="/v1/embeddings", model=self.model, body=msgspec.json.encode(body))
        replied = await ask(send, question, self.prices, self.day)
        score, why = None, f"status {replied.status}"
        if replied.status < 400:
            score, why = _score(replied.body)
        return Paid(score=score, why=why, tokens=replied.tokens, cost=replied.cost, calls=1)


def _sent(text: str) -> str:
    return text[:LONGEST].encode("utf-8", "replace").decode()


def _score(body: bytes) -> tuple[Score | None, str]:
    try:
        found = sorted(msgspec.json.decode(body, type=_Vectors).data, key=lambda vector: vector.index)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None, "no vectors came back"
    if len(found) != 2 or len(found[0].embedding) != len(found[1].embedding):
        return None, "no two vectors of one length came back"
    value = cosine(found[0].embedding, found[1].embedding)
    return (
        (None, "a vector without length") if value is None else (Score(value=min(max(value, 0.0), 1.0)), "")
    )


def cosine(one: Sequence[float], other: Sequence[float]) -> float | None:
    """The cosine of the angle between two vectors of one length; None where one has no length."""
    size = math.hypot(*one) * math.hypot(*other)
    if not size or not math.isfinite(size):
        return None
    return math.fsum(a * b for a, b in zip(one, other, strict=True)) / size
