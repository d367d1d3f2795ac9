"""What an answer shows of itself, for nothing: numbers by which its worth can be told from others'."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tierwise.calls import Request, Response, failure
from tierwise.cascade._language import unlike
from tierwise.cascade._sums import figures, sums

READ: Final = 20_000
"""Characters of a text that are looked at."""
_SORRY: Final = re.compile(
    r"\b(?:i(?:'m| am) (?:sorry|unable|not able)|i can(?:'t|not)|as an ai\b|i (?:do not|don't) have access"
    r"|es tut mir leid|ich kann (?:das |dabei |ihnen )?(?:leider )?nicht|je (?:suis désolé|ne peux pas)|lo siento|no puedo"
    r"|mi dispiace|non posso|desculpe|não posso|het spijt me|ik kan (?:dat |u )?niet)",
    re.IGNORECASE,
)
_DOUBT: Final = re.compile(
    r"\b(?:wait|however|actually|mistake|not sure|unclear|assum(?:e|ing)|approximately|perhaps|probably|might|cannot be"
    r" determined|not enough information|does not say|vielleicht|unklar|peut-être|quizás|forse|talvez|misschien)\b",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(r"\d[\d,.]*")
_ENDS: Final = tuple(".!?…。！？)]}\"'»”*`|:;%>")


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of one answer."""

    hard: str | None
    """Why it is of no use, whatever its score; None where it may be of use."""
    values: dict[str, float]
    """Signals by name. `length` is ln(1 + characters), which a score takes as its distance from the usual."""


def seen(request: Request, response: Response, body: Mapping[str, Any] | None = None) -> Seen:
    """Look at an answer to a request. Pure; never raises for what stands in either.

    Args:
        request: As asked.
        response: The answer, as read.
        body: The reply's own JSON, where log probabilities are looked for; None where it is not at hand.
    """
    hard = failure(request, response)
    text, question = response.text[:READ], _question(request)[:READ]
    right, wrong = sums(text)
    lines = [line.strip() for line in text.splitlines() if len(line.strip()) > 10]
    values = {
        "length": math.log1p(len(response.text) + sum(map(len, response.arguments))),
        "language": float(unlike(question, text)),
        "refusal in words": float(_SORRY.search(text[:400]) is not None),
        "doubt": math.log1p(len(_DOUBT.findall(text))),
        "unfinished": float(_unfinished(text)),
        "repeats": 1 - len(set(lines)) / len(lines) if lines else 0.0,
        "arithmetic.right": math.log1p(right),
        "arithmetic.wrong": math.log1p(wrong),
        "question.length": math.log1p(len(question)),
        "question.numbers": math.log1p(len(_NUMBER.findall(question))),
        **{f"figures.{name}": value for name, value in figures(question, text).items()},
        "tools": float(len(response.tool_calls)),
    }
    chances = _logprobs(body)
    if chances:
        values["logprobs.mean"] = sum(chances) / len(chances)
        values["logprobs.least"] = min(chances)
    return Seen(hard=hard, values=values)


def _question(request: Request) -> str:
    for message in reversed(request.messages):
        if message.role == "user" and message.text:
            return message.text
    return ""


def _unfinished(text: str) -> bool:
    """Whether a text of several words breaks off: no mark ends it, or a fence of code is left open."""
    bare = text.rstrip()
    if bare.count("```") % 2:
        return True
    return len(bare.split()) > 12 and not bare.endswith(_ENDS) and not bare[-1].isdigit()


def _logprobs(body: Mapping[str, Any] | None) -> list[float]:
    """Log probabilities of the answer's tokens, of either endpoint, each from -20 to 0."""
    found: list[float] = []
    for choice in _objects(body.get("choices") if body is not None else None)[:1]:
        given = choice.get("logprobs")
        found += _numbers(given.get("content") if isinstance(given, dict) else None)
    for item in _objects(body.get("output") if body is not None else None):
        for part in _objects(item.get("content")):
            found += _numbers(part.get("logprobs"))
    return found


def _numbers(tokens: Any) -> list[float]:
    values = [token.get("logprob") for token in _objects(tokens)]
    return [
        min(0.0, max(-20.0, float(value)))
        for value in values
        if isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
    ]


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
