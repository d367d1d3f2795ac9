"""Graders by name: 'number(tolerance=0.01)' to the grader, with errors that name the place."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Final, NamedTuple, NoReturn

import msgspec

from tierwise.catalog import Catalog
from tierwise.errors import ConfigurationError
from tierwise.prove._graders.calls import ToolCalls
from tierwise.prove._graders.embedding import Embedding
from tierwise.prove._graders.fields import Fields
from tierwise.prove._graders.labels import Label
from tierwise.prove._graders.numbers import Numbers
from tierwise.prove._graders.own import own
from tierwise.prove._graders.regex import regex
from tierwise.prove._graders.texts import Exact, Text, normalised
from tierwise.prove._score import Grader

LONGEST: Final = 2_000
_WORD: Final = re.compile(r"[A-Za-z][\w.\-]*", re.ASCII)
_VALUE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\w.+\-:]+', re.ASCII)


class JudgeNamed(msgspec.Struct, frozen=True, kw_only=True):
    """A judge as the policy names it; `judge` makes it, once the models compared are known."""

    model: str
    effort: str | None = None


class EmbeddingNamed(msgspec.Struct, frozen=True, kw_only=True):
    """An embedding model as the policy names it."""

    model: str = "text-embedding-3-small"

    def at(self, prices: Catalog, day: dt.date) -> Embedding:
        """The grader, its calls priced on that day."""
        return Embedding(model=self.model, prices=prices, day=day)


Named = Grader | JudgeNamed | EmbeddingNamed


def _text(value: str) -> str:
    return value


def _truth(value: str) -> bool:
    if value not in {"true", "false"}:
        raise ValueError("true or false")
    return value == "true"


def _amount(value: str) -> Decimal:
    try:
        found = Decimal(value)
    except ArithmeticError:
        raise ValueError("a number from 0") from None
    if not found.is_finite() or found < 0 or abs(found.adjusted()) > 30:
        raise ValueError("a number from 0")
    return found


def _which(value: str) -> str:
    if value not in {"last", "all"}:
        raise ValueError("last or all")
    return value


def _several(value: str) -> tuple[str, ...]:
    found = tuple(sorted({part.strip() for part in value.split("|")} - {""}))
    if not found:
        raise ValueError('words with | between them, in quotes: "a|b"')
    return found


def _label(labels: tuple[str, ...] = ()) -> Label:
    return Label(labels=frozenset(normalised(one) or one for one in labels), given=bool(labels))


class _Kind(NamedTuple):
    make: Callable[..., Named]
    takes: Mapping[str, Callable[[str], Any]]
    needs: tuple[str, ...] = ()


_KINDS: Final[Mapping[str, _Kind]] = {
    "label": _Kind(_label, {"labels": _several}),
    "exact": _Kind(Exact, {}),
    "text": _Kind(Text, {"case": _truth, "punctuation": _truth}),
    "number": _Kind(Numbers, {"tolerance": _amount, "relative": _amount, "which": _which}),
    "json": _Kind(Fields, {"tolerance": _amount, "relative": _amount, "ignore": _several}),
    "tools": _Kind(ToolCalls, {"arguments": _truth}),
    "regex": _Kind(regex, {"pattern": _text}, ("pattern",)),
    "function": _Kind(own, {"call": _text}, ("call",)),
    "embedding": _Kind(EmbeddingNamed, {"model": _text}),
    "judge": _Kind(JudgeNamed, {"model": _text, "effort": _text}, ("model",)),
}


def grader(text: str) -> Named:
    """The grader that a string names: a name, and in brackets its parameters.

    Args:
        text: Such as `label`, `number(tolerance=0.01)`, `regex(pattern="^[A-D]")`. Values with other signs
            than letters, digits and `_ . + - :` stand in double quotes, written as in JSON.

    Raises:
        ConfigurationError: No such grader or parameter, or a value that does not fit; names the character.
    """
    reader = _Reader(text)
    name, given = reader.read()
    kind = _KINDS[name]
    if missing := [key for key in kind.needs if key not in given]:
        reader.refuse(len(text), f"{name} needs {missing[0]}=...")
    return kind.make(**given)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def refuse(self, at: int, why: str) -> NoReturn:
        raise ConfigurationError(f"grader {self.text:.80}: at character {at + 1}: {why}")

    def read(self) -> tuple[str, dict[str, Any]]:
        if len(self.text) > LONGEST:
            self.refuse(LONGEST, f"a grader has at most {LONGEST} characters")
        name = self._word("the name of a grader")
        if name not in _KINDS:
            self.refuse(0, f"no grader is called {name!r:.40}; {_nearest(name, _KINDS)}")
        given: dict[str, Any] = {}
        if self._took("("):
            while not self._took(")"):
                if given and not self._took(","):
                    self.refuse(self.at, "expected , or )")
                self._parameter(name, given)
        if self.at < len(self.text):
            self.refuse(self.at, "nothing more was expected")
        return name, given

    def _parameter(self, name: str, given: dict[str, Any]) -> None:
        self._space()
        start, takes = self.at, _KINDS[name].takes
        key = self._word("the name of a parameter")
        if key not in takes:
            self.refuse(start, f"{name} has no parameter {key!r:.40}; {_nearest(key, takes)}")
        if key in given:
            self.refuse(start, f"{key} is given twice")
        if not self._took("="):
            self.refuse(self.at, f"expected {key}=value")
        self._space()
        start = self.at
        found = _VALUE.match(self.text, self.at)
        if found is None:
            self.refuse(
                start, f"expected a value of {key}; put other signs than letters and digits in quotes"
            )
        self.at = found.end()
        self._space()
        try:
            value = msgspec.json.decode(found[0], type=str) if found[0].startswith('"') else found[0]
            given[key] = takes[key](value)
        except (ValueError, UnicodeError) as error:
            wanted = "text in quotes, as in JSON" if isinstance(error, msgspec.DecodeError) else str(error)
            self.refuse(start, f"expected {wanted} for {key}")

    def _word(self, what: str) -> str:
        self._space()
        found = _WORD.match(self.text, self.at)
        if found is None:
            self.refuse(self.at, f"expected {what}")
        self.at = found.end()
        self._space()
        return found[0]

    def _took(self, sign: str) -> bool:
        if not self.text.startswith(sign, self.at):
            return False
        self.at += 1
        self._space()
        return True

    def _space(self) -> None:
        while self.text[self.at : self.at + 1] == " ":
            self.at += 1


def _nearest(word: str, known: Mapping[str, Any]) -> str:
    if not known:
        return "it takes none"
    near = get_close_matches(word, known, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
