"""Regular expressions in time that grows with the text and not faster: no backtracking.

After R. Cox, 'Regular Expression Matching: the Virtual Machine Approach' (2009): the expression becomes a
program of at most `MOST_STEPS` instructions, and all its threads walk the text together, each place of
the program at most once a character. What a program cannot say (references back, looking around) is
refused. Single characters and classes are left to Python's `re`, one character at a time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from tierwise.errors import ConfigurationError

MOST_STEPS: Final = 500
"""Instructions of a program."""
LONGEST_PATTERN: Final = 500
LONGEST_TEXT: Final = 5_000
"""Characters of a text that are looked at: with `MOST_STEPS`, 2.5 million steps at most."""
_COUNT: Final = re.compile(r"\{(\d{1,3})(?:(,)(\d{0,3}))?\}", re.ASCII)
_ATOMS: Final = frozenset("dDwWsS")
_CONTROLS: Final = frozenset("nrtfv")
_Test = Callable[[str], bool]


class _Char(NamedTuple):
    test: _Test


class _Split(NamedTuple):
    """Go on at both places, the first one first."""

    first: int
    second: int


class _Jump(NamedTuple):
    to: int


class _Save(NamedTuple):
    """Note the place in the text: 0 and 1 for the whole, 2 and 3 for the first group."""

    slot: int


class _Edge(NamedTuple):
    kind: str


_Step = _Char | _Split | _Jump | _Save | _Edge
_Program = list[_Step]


class Expression:
    """A compiled expression."""

    def __init__(self, pattern: str) -> None:
        """Compile.

        Raises:
            ConfigurationError: Not an expression, or one that has no linear form; names the character.
        """
        self.pattern = pattern
        body, has_group = _Parser(pattern).whole()
        self.groups = int(has_group)
        self._program: _Program = [_Save(0), *(_shift(step, 1) for step in body), _Save(1)]

    def search(self, text: str) -> tuple[str, str | None] | None:
        """The first match in the first `LONGEST_TEXT` characters: it, and its first group; None for none."""
        text = text[:LONGEST_TEXT]
        found: tuple[int, ...] | None = None
        threads: list[tuple[int, tuple[int, ...]]] = []
        for place in range(len(text) + 1):
            if found is None:
                self._add(threads, {at for at, _ in threads}, 0, place, (-1, -1, -1, -1), text)
            elif not threads:
                break
            after: list[tuple[int, tuple[int, ...]]] = []
            seen: set[int] = set()
            for at, saved in threads:
                if at == len(self._program):
                    found = saved
                    break  # what comes later is of lower rank
                step = self._program[at]
                if isinstance(step, _Char) and place < len(text) and step.test(text[place]):
                    self._add(after, seen, at + 1, place + 1, saved, text)
            threads = after
        if found is None:
            return None
        group = text[found[2] : found[3]] if found[3] >= 0 else None
        return text[found[0] : found[1]], group

    def _add(
        self,
        threads: list[tuple[int, tuple[int, ...]]],
        seen: set[int],
        start: int,
        place: int,
        saved: tuple[int, ...],
        text: str,
    ) -> None:
        """Follow everything that takes no character, in order of rank."""
        waiting = [(start, saved)]
        while waiting:
            at, noted = waiting.pop()
            if at in seen:
                continue
            seen.add(at)
            step = self._program[at] if at < len(self._program) else None
            match step:
                case _Jump(to):
                    waiting.append((to, noted))
                case _Split(first, second):
                    waiting += [(second, noted), (first, noted)]
                case _Save(slot):
                    waiting.append((at + 1, (*noted[:slot], place, *noted[slot + 1 :])))
                case _Edge(kind):
                    if _at_edge(kind, text, place):
                        waiting.append((at + 1, noted))
                case _:
                    threads.append((at, noted))


def _at_edge(kind: str, text: str, place: int) -> bool:
    if kind == "^":
        return place == 0
    if kind == "$":
        return place == len(text) or (place == len(text) - 1 and text[place] == "\n")
    before = place > 0 and (text[place - 1].isalnum() or text[place - 1] == "_")
    after = place < len(text) and (text[place].isalnum() or text[place] == "_")
    return (before != after) == (kind == "b")


def _shift(step: _Step, by: int) -> _Step:
    match step:
        case _Split(first, second):
            return _Split(first + by, second + by)
        case _Jump(to):
            return _Jump(to + by)
    return step


def _joined(first: _Program, second: _Program) -> _Program:
    return [*first, *(_shift(step, len(first)) for step in second)]


class _Parser:
    """Recursive descent over the pattern; every piece it makes counts its places from 0."""

    def __init__(self, pattern: str) -> None:
        self.text = pattern
        self.at = 0
        self.depth = 0
        self.ignore_case = False
        self.has_group = False

    def whole(self) -> tuple[_Program, bool]:
        if not self.text or len(self.text) > LONGEST_PATTERN:
            self._refuse(f"an expression has 1 to {LONGEST_PATTERN} characters")
        if self.text.startswith("(?i)"):
            self.ignore_case, self.at = True, 4
        program = self._either()
        if self.at < len(self.text):
            self._refuse("a ) without its (")
        return program, self.has_group

    def _refuse(self, why: str) -> None:
        raise ConfigurationError(
            f"regex: at character {self.at + 1} of the pattern: {why}; allowed are characters, classes, "
            "groups, |, ^, $, \\b, and the counts * + ? {m,n}, without references back or looking around"
        )

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _either(self) -> _Program:
        first = self._sequence()
        if self._peek() != "|":
            return first
        self.at += 1
        second = self._either()
        end = len(first) + 2 + len(second)
        return [
            _Split(1, len(first) + 2),
            *(_shift(step, 1) for step in first),
            _Jump(end),
            *(_shift(step, len(first) + 2) for step in second),
        ]

    def _sequence(self) -> _Program:
        program: _Program = []
        while self._peek() not in {"", "|", ")"}:
            program = _joined(program, self._counted())
            if len(program) > MOST_STEPS:
                self._refuse(f"it makes more than {MOST_STEPS} steps")
        return program

    def _counted(self) -> _Program:
        piece = self._atom()
        least, most = self._count()
        if least is None:
            return piece
        lazy = self._peek() == "?"
        if lazy:
            self.at += 1
        if self._peek() in {"*", "+", "?"} or _COUNT.match(self.text, self.at):
            self._refuse("a count of a count")
        copies = least + (1 if most is None else most - least)
        if copies * (len(piece) + 2) > MOST_STEPS:
            self._refuse(f"it makes more than {MOST_STEPS} steps")
        program: _Program = []
        for _ in range(least):
            program = _joined(program, piece)
        if most is None:
            return _joined(program, _loop(piece, lazy=lazy))
        for _ in range(most - least):
            program = _joined(program, _maybe(piece, lazy=lazy))
        return program

    def _count(self) -> tuple[int | None, int | None]:
        sign = self._peek()
        simple: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        if sign in simple:
            self.at += 1
            return simple[sign]
        found = _COUNT.match(self.text, self.at)
        if found is None:
            return None, None
        least = int(found[1])
        most = least if not found[2] else int(found[3]) if found[3] else None
        if most is not None and most < least:
            self._refuse("a count whose end is below its start")
        self.at = found.end()
        return least, most

    def _atom(self) -> _Program:
        sign = self._peek()
        if sign == "(":
            return self._group()
        if sign in {"*", "+", "?"}:
            self._refuse("a count of nothing")
        if sign in {"^", "$"}:
            self.at += 1
            return [_Edge(sign)]
        if sign == "\\":
            return self._escaped()
        start = self.at
        self.at = self._class_end() if sign == "[" else start + 1
        literal = self.text[start : self.at]
        return [_Char(self._test(literal if sign in {"[", "."} else re.escape(literal), start))]

    def _class_end(self) -> int:
        at = self.at + 1
        at += self.text[at : at + 1] == "^"
        at += self.text[at : at + 1] == "]"
        while at < len(self.text) and self.text[at] != "]":
            at += 2 if self.text[at] == "\\" else 1
        if at >= len(self.text):
            self._refuse("a [ without its ]")
        return at + 1

    def _escaped(self) -> _Program:
        start, sign = self.at, self.text[self.at + 1 : self.at + 2]
        self.at += 2
        if sign in {"b", "B"}:
            return [_Edge(sign)]
        if sign == "" or (sign.isalnum() and sign not in _ATOMS | _CONTROLS):
            self.at = start
            self._refuse("an escape that has no linear form")
        return [_Char(self._test(self.text[start : self.at], start))]

    def _test(self, source: str, start: int) -> _Test:
        try:
            one = re.compile(source, re.IGNORECASE if self.ignore_case else 0)
        except (re.error, FutureWarning, OverflowError):
            self.at = start
            self._refuse("a class that cannot be read")
            raise
        return lambda sign: one.fullmatch(sign) is not None

    def _group(self) -> _Program:
        start = self.at
        plain = self.text.startswith("(?:", start)
        if self.text.startswith("(?", start) and not plain:
            self._refuse("a group that looks around, or is named")
        self.at += 3 if plain else 1
        self.depth += 1
        if self.depth > 50:
            self._refuse("groups nested too deeply")
        first = not plain and not self.has_group
        self.has_group = self.has_group or not plain
        inner = self._either()
        if self._peek() != ")":
            self.at = start
            self._refuse("a ( without its )")
        self.at += 1
        self.depth -= 1
        return [_Save(2), *(_shift(step, 1) for step in inner), _Save(3)] if first else inner


def _loop(piece: _Program, *, lazy: bool) -> _Program:
    """Any number of times."""
    end = len(piece) + 2
    return [
        _Split(end, 1) if lazy else _Split(1, end),
        *(_shift(step, 1) for step in piece),
        _Jump(0),
    ]


def _maybe(piece: _Program, *, lazy: bool) -> _Program:
    end = len(piece) + 1
    return [_Split(end, 1) if lazy else _Split(1, end), *(_shift(step, 1) for step in piece)]
