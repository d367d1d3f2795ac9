"""Which grader fits a workload, told from its answers alone; the policy may say otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

import msgspec

from tierwise.calls import Call, Request, Response, failure, json_in, wanted
from tierwise.prove._graders.calls import ToolCalls
from tierwise.prove._graders.fields import Fields
from tierwise.prove._graders.labels import Label
from tierwise.prove._graders.numbers import Numbers, numbers_in
from tierwise.prove._graders.texts import Text, normalised
from tierwise.prove._score import Grader

LOOKED_AT: Final = 1_000
"""Answers that are looked at: the first of those given."""
FEWEST: Final = 10
"""Usable answers without which nothing is chosen."""
MOST: Final = 0.9
"""Share of answers that must be of a kind for the kind to decide."""
FEW_LABELS: Final = 25
SEEN_OFTEN: Final = 4
"""Answers a distinct label, on average, for labels to be a closed set."""
SHORT: Final = 8
"""Words of a short answer; where words have no spaces, four characters count as one."""
PROSE: Final = 12
"""Words from which a field of JSON is prose, which no comparison of texts can judge."""


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """A grader for a workload, and why."""

    grader: Grader | None
    """None where the answers can only be judged: by a judge model or by people."""
    reason: str
    """A sentence without text of calls."""
    answers: int
    """Answers it rests on."""

    @property
    def name(self) -> str:
        """The grader's name, 'judge' where there is none."""
        return self.grader.name if self.grader is not None else "judge"


def choose_grader(calls: Iterable[Call]) -> Chosen:
    """The grader for calls of one workload, by what most of their logged answers are.

    Looked at in this order: tool calls, JSON, few short labels, short answers with a number, short texts;
    what is left is prose, which needs a judge. Answers that failed are passed over. The same calls in the
    same order give the same choice.
    """
    usable = list(islice(_usable(calls), LOOKED_AT))
    total = len(usable)
    if total < FEWEST:
        return Chosen(
            grader=None, reason=f"only {total} usable answers, {FEWEST} are needed to tell", answers=total
        )
    called = sum(bool(response.tool_calls) for _, response in usable)
    if called * 2 >= total:
        reason = f"{called} of {total} answers call tools"
        return Chosen(grader=ToolCalls(), reason=reason, answers=total)
    texts = [(request, response.text) for request, response in usable if not response.tool_calls]
    return _of_json(texts, total) or _of_text([text for _, text in texts], total)


def _usable(calls: Iterable[Call]) -> Iterable[tuple[Request, Response]]:
    for call in calls:
        request, response = call.request, call.response
        if request is not None and response is not None and failure(request, response) is None:
            yield request, response


def _of_json(texts: list[tuple[Request, str]], total: int) -> Chosen | None:
    values = [value for _, text in texts if isinstance(value := json_in(text), dict | list)]
    if len(values) < MOST * len(texts):
        return None
    prose = sum(_words_of_prose(value) * 2 > _words_in(value) for value in values)
    if prose * 2 >= len(values):
        reason = f"{prose} of {total} answers are JSON that is mostly prose, which only a judge can compare"
        return Chosen(grader=None, reason=reason, answers=total)
    asked = sum(wanted(request).schema is not None for request, _ in texts)
    by = f", {asked} by a schema" if asked else ""
    return Chosen(grader=Fields(), reason=f"{len(values)} of {total} answers are JSON{by}", answers=total)


def _strings(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


def _words_of_prose(value: Any) -> int:
    return sum(count for text in _strings(value) if (count := words(text)) > PROSE)


def _words_in(value: Any) -> int:
    return sum(map(words, _strings(value)))


def words(text: str) -> int:
    """Words of a text; characters of scripts without spaces count a quarter each."""
    wide = sum("\u2e80" <= sign <= "\u9fff" or "\uac00" <= sign <= "\ud7a3" for sign in text)
    return len(text.split()) + wide // 4


def _of_text(texts: list[str], total: int) -> Chosen:
    short = [text for text in texts if words(text) <= SHORT]
    if len(short) < MOST * len(texts):
        reason = f"{len(texts) - len(short)} of {total} answers are prose, which only a judge can compare"
        return Chosen(grader=None, reason=reason, answers=total)
    numeric = sum(bool(numbers_in(text)) for text in short)
    distinct = frozenset(normalised(text) or text.strip() for text in texts)
    if (
        len(distinct) <= FEW_LABELS
        and len(distinct) * SEEN_OFTEN <= len(texts)
        and numeric < MOST * len(texts)
    ):
        reason = f"{total} answers are {len(distinct)} short texts again and again"
        return Chosen(grader=Label(labels=distinct), reason=reason, answers=total)
    if numeric >= MOST * len(texts):
        reason = f"{numeric} of {total} answers are short and hold a number"
        return Chosen(grader=Numbers(), reason=reason, answers=total)
    return Chosen(grader=Text(), reason=f"{len(short)} of {total} answers are short texts", answers=total)
