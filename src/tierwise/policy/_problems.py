"""What is wrong with a policy file, each with its line; and the words for what was expected."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import msgspec

from tierwise.policy._lines import Path, line_of

_KINDS: Final = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    Decimal: "a number",
    dt.date: "a date such as 2026-11-25",
}


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, where, and what to do."""

    place: str
    """The file."""
    line: int
    key: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}:{self.line}: {self.key}: {self.text}" if self.key else self._bare()

    def _bare(self) -> str:
        return f"{self.place}:{self.line}: {self.text}"


class Sheet:
    """Collects the problems of one file."""

    def __init__(self, place: str, lines: dict[Path, int]) -> None:
        self.place = place
        self._lines = lines
        self._found: list[Problem] = []

    def say(self, path: Path, text: str) -> None:
        """Note a problem at a path."""
        problem = Problem(place=self.place, line=line_of(self._lines, path), key=shown(path), text=text)
        if problem not in self._found:
            self._found.append(problem)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was noted, by line."""
        return tuple(sorted(self._found, key=lambda problem: problem.line))


def shown(path: Path) -> str:
    """A path as a reader knows it: `rule[2].match.task`, entries counted from 1."""
    return "".join(f"[{key + 1}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


def nearest(key: str, known: tuple[str, ...]) -> str:
    """What an unknown key may have been meant to be, for the end of a sentence."""
    near = get_close_matches(key, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"


def expected(kind: Any) -> str:
    """A type in words, such as 'one of off, on' or 'text or an array of text'."""
    origin = get_origin(kind)
    if origin is Annotated:
        if any(isinstance(meta, msgspec.Meta) and meta.pattern for meta in kind.__metadata__):
            return "a duration such as '30s', '15m' or '24h'"
        return expected(get_args(kind)[0])
    if origin is Literal:
        return f"one of {', '.join(map(str, get_args(kind)))}"
    if origin in {Union, UnionType}:
        return _either([part for part in get_args(kind) if part is not type(None)])
    if origin is tuple:
        inner = [part for part in get_args(kind) if part is not Ellipsis]
        many = "an array" if Ellipsis in get_args(kind) else f"an array of {len(inner)}"
        return f"{many} of {expected(inner[0]).removeprefix('one of ')}"
    if origin is dict:
        return "a table"
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return f"a table with {', '.join(kind.__struct_fields__)}"
    return _KINDS.get(kind, str(kind))


def _either(parts: list[Any]) -> str:
    said = [expected(part) for part in parts]
    if len(said) == 2 and said[1] == f"an array of {said[0].removeprefix('one of ')}":
        return f"{said[0]}, or an array of them"
    return " or ".join(said)


def found(value: object) -> str:
    """A value as it was found, short."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return repr(value[:60])
    return f"{value!s:.60}"
