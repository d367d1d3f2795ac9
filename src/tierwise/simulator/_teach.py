"""What the models know: tasks with right and wrong answers, and how often each model is right."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tierwise.simulator._ask import Ask
from tierwise.simulator._draw import Dice


class ToolUse(msgspec.Struct, frozen=True):
    """An answer that is a tool call."""

    name: str
    arguments: Mapping[str, Any] = {}


Said = str | ToolUse | tuple[ToolUse, ...]
"""A text, a tool call, or several in parallel."""
Say = Said | Callable[[str], Said]
"""An answer, or a function from the newest user text to one."""
Matcher = str | re.Pattern[str] | Callable[[str], bool]
"""A regular expression searched in the whole prompt text, or a function of it."""


class Lesson(msgspec.Struct, frozen=True, kw_only=True):
    """One taught task."""

    name: str
    matcher: Matcher
    answer: Say
    wrong: Say | list[Say]
    """A list is one of several wrong answers, drawn by the prompt."""
    skill: Mapping[str, float]
    """Chance to be right, by 'model:effort' or 'model'; '*' for all others."""
    alike: float = 1.0
    """How much models share what is hard: 1 means one difficulty for all, so that a better model is
    right wherever a worse one is; 0 means independent draws. The chances above hold either way."""
    steady: float = 1.0
    """Chance that the same model gives the same question the same answer again."""
    reasoning: int | None = None
    """Reasoning tokens of each answer, where the model reasons; drawn by effort by default."""


class Given(msgspec.Struct, frozen=True):
    """A lesson's answer to one ask."""

    say: Said
    task: str
    right: bool


class School:
    """All lessons, and the draws by them."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self.lessons: list[Lesson] = []
        self._asked: dict[tuple[str, str, str, int], int] = {}

    def lesson(self, ask: Ask) -> Lesson | None:
        """The first lesson that matches; later ones are tried last."""
        text = ask.everything
        for lesson in self.lessons:
            if _matches(lesson.matcher, text):
                return lesson
        return None

    def answer(self, lesson: Lesson, ask: Ask, effort: str | None, choice: int = 0) -> Given:
        """Right or wrong as skill and seed say; `choice` numbers the answers of one call."""
        model, text = ask.model.name, ask.everything
        level = effort or ""
        skill = lesson.skill.get(f"{model}:{level}", lesson.skill.get(model, lesson.skill.get("*", 1.0)))
        again = self._again(lesson, (lesson.name, model, f"{level}\x1f{text}", choice))
        own = self._dice.share(lesson.name, "alike", text) >= lesson.alike
        words: tuple[object, ...] = (lesson.name, "right", text)
        if own or again or choice:
            words = (*words, model, level, choice, again)
        right = self._dice.share(*words) < skill
        say = lesson.answer if right else self._wrong(lesson, text, model, again)
        given = say(ask.question) if callable(say) else say
        return Given(given, lesson.name, right)

    def _again(self, lesson: Lesson, key: tuple[str, str, str, int]) -> int:
        """0 where the first answer is given again, else the number of the repeat."""
        if lesson.steady >= 1:
            return 0
        number = self._asked[key] = self._asked.get(key, -1) + 1
        return 0 if self._dice.share("steady", *key, number) < lesson.steady else number

    def _wrong(self, lesson: Lesson, text: str, model: str, again: int) -> Say:
        wrong = lesson.wrong
        if not isinstance(wrong, list):
            return wrong
        return self._dice.pick(wrong, lesson.name, "wrong", text, model, again)


def _matches(matcher: Matcher, text: str) -> bool:
    if isinstance(matcher, str):
        return re.search(matcher, text) is not None
    if isinstance(matcher, re.Pattern):
        return matcher.search(text) is not None
    return bool(matcher(text))
