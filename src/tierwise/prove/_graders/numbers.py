"""Numbers in answers, in whatever way and script they are written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Context, Decimal, InvalidOperation, Overflow
from typing import Final, Literal

import msgspec

from tierwise.calls import Request, Response
from tierwise.prove._graders.texts import normalised
from tierwise.prove._score import Reference, Score, text_of, wrong, yes_or_no

LONGEST: Final = 50_000
"""Characters of an answer that are looked at: its end, where the result stands."""
MOST: Final = 2_000
"""Numbers of one answer that are compared."""
_RUN: Final = re.compile(r"[0-9]+(?:[.,' ][0-9]+)*(?:[eE][+-]?[0-9]{1,3}(?![0-9A-Za-z]))?")
_GROUPED: Final = re.compile(r"[0-9]{1,3}(?:'[0-9]{3})+")
_NARROW: Final = str.maketrans(
    dict.fromkeys("\u00a0\u202f\u2009\u2007\u066c\u2019", "'") | {"\u066b": ".", "\u2212": "-", "\u066a": "%"}
)
"""Spaces that only stand inside numbers, and signs of Arabic numbers."""
_SYMBOLS: Final = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₩": "KRW", "₽": "RUB"}
_CODES: Final = frozenset(
    [
        "USD",
        "EUR",
        "GBP",
        "JPY",
        "INR",
        "KRW",
        "RUB",
        "CHF",
        "CNY",
        "RMB",
        "AUD",
        "CAD",
        "NZD",
        "SEK",
        "NOK",
        "DKK",
        "PLN",
        "CZK",
        "HUF",
        "BRL",
        "MXN",
        "ZAR",
        "TRY",
        "AED",
        "SAR",
        "ILS",
    ]
)
_EXACT: Final = Context(prec=60, traps=[InvalidOperation, Overflow])


class Number(msgspec.Struct, frozen=True):
    """A number as read."""

    value: Decimal
    percent: bool = False
    currency: str = ""
    """Its code or sign; '' for none."""


def numbers_in(text: str) -> list[Number]:
    """The numbers of a text, in order, at most the last `MOST`.

    Digits of any script; groups by comma, point, apostrophe or space; a comma as the decimal sign where
    it cannot be a group ('1,5'); one point is always the decimal sign ('1.234' is 1.234). Digits glued
    to Latin letters before them ('gpt5', 'A12') are names, currencies aside.
    """
    plain = unicodedata.normalize("NFKC", text[-LONGEST:].translate(_NARROW))
    plain = "".join(map(_digit, plain)) if not plain.isascii() else plain
    found = [number for run in _RUN.finditer(plain) for number in _read(plain, run)]
    return found[-MOST:]


def _digit(sign: str) -> str:
    value = unicodedata.decimal(sign, None)
    return sign if value is None else str(value)


def _read(text: str, run: re.Match[str]) -> Iterator[Number]:
    start, end = run.span()
    before = _word_before(text, start)
    if before and before.upper() not in _CODES:
        return
    body, mark, power = run[0].replace("E", "e").partition("e")
    parts = _parts(body)
    for place, part in enumerate(parts):
        first, last = place == 0, place == len(parts) - 1
        written = f"0.{part}" if first and _bare_point(text, start) and part.isdecimal() else part
        value = _EXACT.create_decimal(f"{written}{mark}{power}" if last else written)
        yield Number(
            -value if first and _negative(text, start) else value,
            last and text[end : end + 2].lstrip()[:1] == "%",
            _currency(text, start if first else None, end if last else None),
        )


def _word_before(text: str, start: int) -> str:
    """Latin letters that the digits are glued to."""
    at = start
    while (
        at and start - at < 8 and (text[at - 1] == "_" or (text[at - 1].isascii() and text[at - 1].isalpha()))
    ):
        at -= 1
    return text[at:start]


def _bare_point(text: str, start: int) -> bool:
    """'.5': the digits follow a point that follows no word."""
    return text[start - 1 : start] == "." and not text[max(start - 2, 0) : start - 1].strip(" (-$€£¥+")


def _negative(text: str, start: int) -> bool:
    at = start - 1
    while at >= 0 and (text[at] == "." or unicodedata.category(text[at]) == "Sc"):
        at -= 1
    return at >= 0 and text[at] == "-" and (at == 0 or not text[at - 1].isalnum())


def _currency(text: str, start: int | None, end: int | None) -> str:
    if start is not None:
        near = text[max(start - 5, 0) : start].rstrip(" -")
        if near and unicodedata.category(near[-1]) == "Sc":
            return _SYMBOLS.get(near[-1], near[-1])
        if near[-3:].upper() in _CODES and not near[:-3][-1:].isalpha():
            return near[-3:].upper()
    if end is not None:
        after = text[end : end + 5].lstrip()
        if after and unicodedata.category(after[0]) == "Sc":
            return _SYMBOLS.get(after[0], after[0])
        if after[:3].upper() in _CODES and not after[3:4].isalpha():
            return after[:3].upper()
    return ""


def _parts(body: str) -> list[str]:
    """A run of digits and separators as the numbers it is, each as Decimal reads it."""
    if " " in body:
        pieces = body.split(" ")
        whole = "'".join([*pieces[:-1], re.split(r"[.,]", pieces[-1], maxsplit=1)[0]])
        if _GROUPED.fullmatch(whole):
            return _parts("'".join(pieces))
        return [part for piece in pieces for part in _parts(piece)]
    body = body.replace("'", "")
    commas, points = body.count(","), body.count(".")
    if commas and points:
        return _mixed(body)
    if commas:
        groups = _in_groups(body, ",")
        if groups and not body.startswith("0"):
            return [body.replace(",", "")]
        return [body.replace(",", ".")] if commas == 1 else body.split(",")
    if points > 1:
        return [body.replace(".", "")] if _in_groups(body, ".") else body.split(".")
    return [body]


def _mixed(body: str) -> list[str]:
    """Both signs: the last one is the decimal sign where the other makes groups; else a list."""
    decimal, group = (",", ".") if body.rfind(",") > body.rfind(".") else (".", ",")
    whole, _, fraction = body.rpartition(decimal)
    if decimal not in whole and _in_groups(whole, group):
        return [f"{whole.replace(group, '')}.{fraction}"]
    return [part for piece in body.split(",") for part in _parts(piece)]


def _in_groups(body: str, sign: str) -> bool:
    first, *rest = body.split(sign)
    return 0 < len(first) <= 3 and all(len(group) == 3 for group in rest)


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """The same number, within a tolerance: the last one of each answer, or all of them."""

    tolerance: Decimal = Decimal(0)
    """How far apart they may be, absolute."""
    relative: Decimal = Decimal(0)
    """How far apart, as a share of the larger."""
    which: Literal["last", "all"] = "last"

    @property
    def name(self) -> str:
        """`number(tolerance=0,relative=0,which=last)`."""
        return f"number(tolerance={self.tolerance},relative={self.relative},which={self.which})"

    def grade(self, request: Request, candidate: Response, reference: Reference) -> Score:  # noqa: ARG002 - the protocol's
        """1 or 0 for the last number; the share of numbers that have a partner for all of them."""
        found, wanted = numbers_in(candidate.text), numbers_in(text_of(reference))
        if not found and not wanted:
            same = normalised(candidate.text) == normalised(text_of(reference))
            return yes_or_no(same, "no number on either side, and another text")
        if not found or not wanted:
            return wrong("no number" if not found else "the reference has no number")
        if self.which == "last":
            return yes_or_no(self.near(found[-1], wanted[-1]), "another number")
        matched = self._matched(found, wanted)
        total = max(len(found), len(wanted))
        return Score(
            value=matched / total, reason="" if matched == total else f"{matched} of {total} numbers"
        )

    def near(self, one: Number, other: Number) -> bool:
        """Whether two numbers are the same. A percentage is itself or its hundredth beside a plain number."""
        if one.currency and other.currency and one.currency != other.currency:
            return False
        pairs = [(one.value, other.value)]
        if one.percent != other.percent:
            share, plain = (one, other) if one.percent else (other, one)
            pairs.append((share.value / 100, plain.value))
        return any(close(a, b, self.tolerance, self.relative) for a, b in pairs)

    def _matched(self, found: list[Number], wanted: list[Number]) -> int:
        """Pairs among two lists, whatever their order: walked once from the smallest up."""
        left, right = (sorted(side, key=_size) for side in (found, wanted))
        matched = a = b = 0
        while a < len(left) and b < len(right):
            if self.near(left[a], right[b]):
                matched, a, b = matched + 1, a + 1, b + 1
            elif _size(left[a]) <= _size(right[b]):
                a += 1
            else:
                b += 1
        return matched


def _size(number: Number) -> tuple[Decimal, bool, str]:
    return number.value, number.percent, number.currency


def close(one: Decimal | int, other: Decimal | int, tolerance: Decimal, relative: Decimal) -> bool:
    """Whether two numbers are no further apart than the larger of both tolerances."""
    if one == other:
        return True
    try:
        a, b = _EXACT.create_decimal(one), _EXACT.create_decimal(other)
        room = max(tolerance, _EXACT.multiply(relative, max(abs(a), abs(b))))
        return abs(_EXACT.subtract(a, b)) <= room
    except (InvalidOperation, Overflow):
        return False
