"""What comes back: taught answers, valid JSON, tool calls, or plain text of a drawn length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from tierwise.simulator._ask import Ask
from tierwise.simulator._choose import HOSTED, Chooser, Chosen
from tierwise.simulator._draw import Dice
from tierwise.simulator._fields import json_text
from tierwise.simulator._teach import Given, School
from tierwise.simulator._tokens import Tokenizer
from tierwise.simulator._values import Values

Finish = Literal["stop", "length", "tool_calls"]

_EFFORT_TOKENS: Final[Mapping[str, tuple[int, int]]] = {
    "minimal": (0, 40), "low": (30, 220), "medium": (120, 900), "high": (500, 3_000),
    "xhigh": (1_200, 7_000), "max": (2_500, 15_000),
}  # fmt: skip
"""Reasoning tokens by effort, smallest and largest; none for 'none'."""
_THINKING: Final[Mapping[str, float]] = {"nano": 1.6, "mini": 1.25, "luna": 1.3}
"""Small models think longer for the same effort."""
_LENGTH: Final[Mapping[str, float]] = {"low": 0.5, "medium": 1.0, "high": 1.8}
_CALL_TOKENS: Final = 7
"""Tokens around one tool call, by the recordings."""
_SENTENCES: Final = (
    "The main point is clear from what was given.",
    "It follows from the second part of the request.",
    "There are three things to keep in mind here.",
    "First, the order of the steps matters more than their number.",
    "Second, each step can be checked on its own.",
    "Third, what is left out should be said in so many words.",
    "In short, the simplest reading is also the one that holds.",
    "A small example makes this easier to see.",
    "The figures agree with that as far as they go.",
    "Nothing in the material speaks against it.",
    "Where the two differ, the newer one is to be preferred.",
    "This leaves one question open, which more detail would settle.",
)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One choice of an answer."""

    text: str = ""
    chosen: Chosen = Chosen()
    reasoning: int = 0
    finish: Finish = "stop"
    output: int = 0
    """Output tokens, reasoning included."""
    fees: Mapping[str, int] = {}
    task: str | None = None
    right: bool | None = None


class Answerer:
    """Makes answers; the same ask under the same seed gets the same one."""

    def __init__(self, dice: Dice, tokenizer: Tokenizer) -> None:
        self._dice = dice
        self._tokenizer = tokenizer
        self._values = Values(dice)
        self._chooser = Chooser(dice)
        self.school = School(dice)

    def answer(self, ask: Ask, effort: str | None, choice: int = 0) -> Answer:
        """The answer to `ask`, cut at the cap."""
        if ask.prewarm:
            return Answer()
        lesson = self.school.lesson(ask)
        given = None if lesson is None else self.school.answer(lesson, ask, effort, choice)
        chosen, text = self._said(ask, given, effort, choice)
        reasoning = self._reasoning(ask, effort, choice)
        if lesson is not None and lesson.reasoning is not None and effort not in {None, "none"}:
            reasoning = lesson.reasoning
        made = Answer(
            text=text,
            chosen=chosen,
            reasoning=reasoning,
            fees=_fees(chosen),
            task=given.task if given else None,
            right=given.right if given else None,
        )
        return self._ended(ask, made)

    def _said(self, ask: Ask, given: Given | None, effort: str | None, choice: int) -> tuple[Chosen, str]:
        """Tool calls or a text, as taught or as the model would."""
        if given is None:
            chosen = self._chooser.choose(ask)
        elif isinstance(given.say, str):
            return Chosen(), given.say
        else:
            uses = given.say if isinstance(given.say, tuple) else (given.say,)
            chosen = self._chooser.use(ask, [(use.name, use.arguments) for use in uses])
        hosted = sum(call.tool.kind in HOSTED for call in chosen.calls)
        ends = hosted < len(chosen.calls) or chosen.client_search is not None
        return chosen, "" if ends else self._text(ask, effort, choice)

    def _ended(self, ask: Ask, made: Answer) -> Answer:
        """Stop words, the cap, the reason to end and the tokens."""
        text = made.text
        for stop in ask.stop:
            text = text.split(stop)[0]
        calls = self._call_tokens(made.chosen)
        visible = self._tokenizer.count(text)
        needed = made.reasoning + calls + visible
        if ask.cap is not None and needed > ask.cap:
            return self._cut(ask.cap, made, text, calls)
        functions = [c for c in made.chosen.calls if c.tool.kind not in HOSTED]
        finish: Finish = "tool_calls" if functions else "stop"
        return msgspec.structs.replace(made, text=text, finish=finish, output=max(needed, 1))

    def _cut(self, cap: int, made: Answer, text: str, calls: int) -> Answer:
        """Reasoning uses the cap up first, so a small cap gives an empty, billed answer."""
        reasoning = min(made.reasoning, cap)
        left = cap - reasoning
        if calls:
            # Half a tool call is no tool call.
            return msgspec.structs.replace(
                made, text="", chosen=Chosen(), reasoning=reasoning, finish="length", output=cap, fees={}
            )
        return msgspec.structs.replace(
            made, text=self._tokenizer.start(text, left), reasoning=reasoning, finish="length", output=cap
        )

    def _call_tokens(self, chosen: Chosen) -> int:
        total = 0
        for call in chosen.calls:
            total += _CALL_TOKENS + self._tokenizer.count(call.tool.name)
            total += self._tokenizer.count(json_text(call.arguments))
        if chosen.client_search is not None:
            total += _CALL_TOKENS + self._tokenizer.count(json_text(chosen.client_search))
        if chosen.found:
            total += _CALL_TOKENS + sum(
                self._tokenizer.count(t.namespace or t.name) for t in chosen.found[:1]
            )
        return total

    def _reasoning(self, ask: Ask, effort: str | None, choice: int) -> int:
        low, high = _EFFORT_TOKENS.get(effort or "none", (0, 0))
        if high == 0:
            return 0
        drawn = self._dice.share("reasoning", ask.question, len(ask.turns), choice)
        factor = next((f for word, f in _THINKING.items() if word in ask.model.name), 1.0)
        return int((low + (high - low) * drawn**2) * factor)

    def _text(self, ask: Ask, effort: str | None, choice: int) -> str:
        words = ("text", ask.everything, ask.model.name, effort, choice)
        if ask.schema is not None:
            return json_text(self._values.of(ask.schema, *words))
        if ask.json:
            return json_text({"answer": self._dice.pick(_SENTENCES, *words), "ok": True})
        count = 1 + int(9 * self._dice.share(*words, "length") ** 1.5 * _LENGTH.get(ask.verbosity, 1.0))
        return " ".join(self._dice.pick(_SENTENCES, *words, at) for at in range(count))


def _fees(chosen: Chosen) -> dict[str, int]:
    found: dict[str, int] = {}
    for call in chosen.calls:
        kind = HOSTED.get(call.tool.kind)
        if kind is not None:
            found[kind] = found.get(kind, 0) + 1
    return found
