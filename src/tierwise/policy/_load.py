"""Reading `tierwise.toml`: bytes to a Policy, or every problem with its line."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path as FilePath

import msgspec

from tierwise.catalog import Catalog
from tierwise.errors import ConfigurationError
from tierwise.policy._build import Builder
from tierwise.policy._checks import check_rule
from tierwise.policy._file import RuleTable
from tierwise.policy._learned import Learned
from tierwise.policy._lines import key_lines
from tierwise.policy._problems import Problem, Sheet
from tierwise.policy._reach import unreachable
from tierwise.policy._shape import shape
from tierwise.policy._types import Bar, Policy, Rule

LARGEST = 10_000_000
"""Bytes of a policy file; more is none."""
_PLACE = re.compile(r"^(.*?) \(at line (\d+), column \d+\)$", re.DOTALL)


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A policy file as read: the policy where it holds, else what is wrong."""

    policy: Policy | None
    problems: tuple[Problem, ...]
    learned: Learned | None = None
    """What an audit learned, where the file names it."""
    key: bytes = b""
    """The owner's key, where the file names it."""
    scorers: Mapping[str, bytes] = {}
    """Files of the scorers that rules name, by digest."""


def load_policy(path: FilePath | str, prices: Catalog, *, now: dt.date | None = None) -> Policy:
    """The policy in a file.

    Args:
        path: `tierwise.toml`; evidence paths in it start from its folder.
        prices: Models, ladders and lanes that it may name.
        now: Day that evidence must not have expired on; today by default.

    Raises:
        ConfigurationError: the file does not hold; one line a problem, each with file, line,
            key, what was expected and what was found.
        OSError: the file cannot be read.
    """
    checked = check_policy(path, prices, now=now)
    if checked.policy is None:
        raise ConfigurationError("\n".join(map(str, checked.problems)))
    return checked.policy


def check_policy(path: FilePath | str, prices: Catalog, *, now: dt.date | None = None) -> Checked:
    """As `load_policy`, but problems are returned. Raises OSError where there is no such file."""
    file = FilePath(path)
    data = file.read_bytes()
    return parse_policy(data, prices, place=str(path), folder=file.parent, now=now)


def parse_policy(
    data: bytes,
    prices: Catalog,
    *,
    place: str = "tierwise.toml",
    folder: FilePath | None = None,
    now: dt.date | None = None,
) -> Checked:
    """The policy in the bytes of a file. Never raises for what stands in them."""
    day = now or dt.datetime.now(dt.UTC).date()
    try:
        if len(data) > LARGEST:
            return _damaged(place, 1, f"expected a policy file of at most {LARGEST} bytes, found {len(data)}")
        text = data.decode("utf-8").replace("\r\n", "\n")
        raw = tomllib.loads(text, parse_float=Decimal)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return _damaged(place, line, f"expected UTF-8 text, found {error.reason} at byte {error.start}")
    except (tomllib.TOMLDecodeError, RecursionError, ArithmeticError, ValueError) as error:
        found = _PLACE.match(str(error))
        said, line = (found[1], int(found[2])) if found else (str(error) or "nested too deep", 1)
        return _damaged(place, line, f"expected TOML, found none that reads: {said}")
    sheet = Sheet(place, key_lines(text))
    tables = shape(raw, sheet)
    margin = tables.top.bar.margin if tables.top is not None else Bar().margin
    builder = Builder(sheet, prices, folder or FilePath(), margin)
    if tables.top is not None:
        given = tables.top.fallback
        builder.fallback = (given,) if isinstance(given, str) else given
    rules = [builder.rule(table, ("rule", n)) for n, table in enumerate(tables.rules) if table is not None]
    numbers = [n for n, table in enumerate(tables.rules) if table is not None]
    _names(tables.rules, sheet)
    default = builder.default(tables.default) if tables.default is not None else Rule(name="default")
    policy = builder.policy(tables.top, tuple(rules), default) if tables.top is not None else None
    _reach(rules, numbers, prices, sheet)
    if policy is not None:
        for number, rule in zip(numbers, rules, strict=True):
            check_rule(rule, ("rule", number), policy, prices, day, sheet)
        check_rule(default, ("default",), policy, prices, day, sheet)
    problems = sheet.problems
    if problems:
        return Checked(policy=None, problems=problems)
    return Checked(
        policy=policy, problems=(), learned=builder.learned, key=builder.key, scorers=builder.scorers
    )


def _damaged(place: str, line: int, text: str) -> Checked:
    return Checked(policy=None, problems=(Problem(place=place, line=line, key="", text=text),))


def _names(rules: Sequence[RuleTable | None], sheet: Sheet) -> None:
    met: dict[str, int] = {"default": -1}
    for number, rule in enumerate(rules):
        if rule is None:
            continue
        if rule.name in met:
            other = "[default]" if met[rule.name] < 0 else f"rule[{met[rule.name] + 1}]"
            sheet.say(("rule", number, "name"), f"expected a name of its own, found that of {other}")
        met.setdefault(rule.name, number)


def _reach(rules: Sequence[Rule], numbers: Sequence[int], prices: Catalog, sheet: Sheet) -> None:
    for index, hiding in unreachable([rule.match for rule in rules], prices):
        by = ", ".join(repr(rules[number].name) for number in hiding)
        sheet.say(
            ("rule", numbers[index]), f"{rules[index].name!r} is never reached: {by} before it takes all"
        )
