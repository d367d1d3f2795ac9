"""What is taken out of text that is kept: patterns whose time grows with the text alone, each with its check.

A pattern begins only where its run of characters does and never gives a character back, so that no
text makes it slow.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import Final

from tierwise.policy import Redaction

Spans = Callable[[str], Iterator[tuple[int, int]]]
"""Places of a text that are to be taken out, in order, none over another."""

_SEPARATOR: Final = "[ \t\u00a0\u2007\u2009\u202f.\u00b7\u2010-\u2015\u2212-]"
_RUN: Final = re.compile(rf"(?<!\d)\d(?:{_SEPARATOR}{{0,2}}+\d)*+")
_GROUP: Final = re.compile(r"\d+")
_IBAN: Final = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?:[ \u00a0-]?+[A-Za-z0-9]){11,30}+")
_V6: Final = re.compile(r"(?<![:\w])(?:[0-9A-Fa-f]{0,4}+:){2,7}+[0-9A-Fa-f]{0,4}+(?:\.[0-9]{1,3}+){0,3}+")
_V4: Final = re.compile(r"(?<![\d.])[0-9]{1,3}+(?:\.[0-9]{1,3}+){3}+(?![\d])")
_LENGTHS: Final = {
    code: int(length)
    for length, codes in (
        entry.split(":")
        for entry in [
            "15:NO",
            "16:BE",
            "18:DK,FO,FI,GL,NL,SD",
            "19:MK,SI",
            "20:AT,BA,EE,KZ,XK,LT,LU,MN",
            "21:HR,LV,LI,CH",
            "22:BH,BG,CR,GE,DE,IE,ME,RS,GB,VA",
            "23:GI,IQ,IL,OM,TL,AE,SO",
            "24:AD,CZ,MD,PK,RO,SA,SK,ES,SE,TN,VG",
            "25:LY,PT,ST",
            "26:IS,TR",
            "27:BI,DJ,FR,GR,IT,MR,MC,SM",
            "28:AL,AZ,BY,CY,DO,SV,GT,HU,LB,NI,PL",
            "29:BR,EG,PS,QA,UA",
            "30:JO,KW,MU,YE",
            "31:MT,SC",
            "32:LC",
            "33:RU",
        ]
    )
    for code in codes.split(",")
}
"""Characters of an IBAN by country. Source: SWIFT's IBAN registry."""


_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
"""Digits of twice a digit, added up."""
_DIGIT: Final = re.compile(r"\d")


def _matching(pattern: str, flags: int = 0) -> Spans:
    found = re.compile(pattern, flags)
    return lambda text: (match.span() for match in found.finditer(text))


def _cards(text: str) -> Iterator[tuple[int, int]]:
    """Card numbers: whole groups of digits, 13 to 19 together, that begin with 2 to 6 and pass the Luhn check."""
    for run in _RUN.finditer(text):
        if run.end() - run.start() < 13:
            continue
        groups = [group.span() for group in _GROUP.finditer(text, *run.span())]
        first = 0
        while first < len(groups):
            last = _card_from(text, groups, first)
            if last is not None:
                yield groups[first][0], groups[last][1]
            first = first + 1 if last is None else last + 1


def _card_from(text: str, groups: list[tuple[int, int]], first: int) -> int | None:
    """The last group of the longest card number that begins with a group."""
    digits, found = "", None
    if not 2 <= int(text[groups[first][0]]) <= 6:
        return None
    for last in range(first, min(first + 19, len(groups))):
        start, end = groups[last]
        if len(digits) + end - start > 19:
            break
        digits += text[start:end]
        if len(digits) >= 13 and luhn(digits):
            found = last
    return found


def luhn(digits: str) -> bool:
    """Whether the last digit checks the others. Source: ISO/IEC 7812-1, annex B."""
    values = [int(digit) for digit in digits[::-1]]
    return (sum(values[::2]) + sum(map(_DOUBLED.__getitem__, values[1::2]))) % 10 == 0


def _ibans(text: str) -> Iterator[tuple[int, int]]:
    """International account numbers whose length is their country's and whose check digits hold (ISO 13616)."""
    at = 0
    while (run := _IBAN.search(text, at)) is not None:
        at = run.start() + 2
        length = _LENGTHS.get(run[0][:2].upper())
        places = [place for place in range(*run.span()) if text[place].isalnum()]
        if length is None or len(places) < length:
            continue
        letters = "".join(text[place] for place in places[:length]).upper()
        if int("".join(str(int(letter, 36)) for letter in letters[4:] + letters[:4])) % 97 == 1:
            at = places[length - 1] + 1
            yield run.start(), at


def _addresses(text: str) -> Iterator[tuple[int, int]]:
    """IP addresses of both versions."""
    for match in sorted((*_V4.finditer(text), *_V6.finditer(text)), key=lambda match: match.start()):
        if any(letter.isdigit() for letter in match[0]) and _is_address(match[0].rstrip(".")):
            yield match.span()


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


MARKS: Final[dict[Redaction, re.Pattern[str]]] = {
    "email": re.compile("@"),
    "iban": _DIGIT,
    "card": _DIGIT,
    "ip": _DIGIT,
    "phone": _DIGIT,
}
"""What a text must have for a pattern to be looked for: plain prose is passed over quickly."""

BUILT_IN: Final[dict[Redaction, Spans]] = {
    "jwt": _matching(
        r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{5,}+\.[A-Za-z0-9_-]{5,}+(?:\.[A-Za-z0-9_-]*+)?+", re.ASCII
    ),
    "bearer": _matching(r"(?<![A-Za-z])bearer[ \t]{1,8}+[A-Za-z0-9._~+/=-]{8,}+", re.IGNORECASE | re.ASCII),
    "key": _matching(
        r"(?<![A-Za-z0-9])(?:(?:sk|tw|pk|rk)[-_][A-Za-z0-9_-]{12,}+|gh[pousr]_[A-Za-z0-9]{20,}+"
        r"|xox[abprs]-[A-Za-z0-9-]{10,}+|AKIA[A-Z0-9]{16}+|AIza[A-Za-z0-9_-]{30,}+)",
        re.ASCII,
    ),
    "email": _matching(r"(?<![\w.%+-])[\w.%+-]++@[\w-]++(?:\.[\w-]++)++"),
    "iban": _ibans,
    "card": _cards,
    "ip": _addresses,
    "phone": _matching(
        rf"(?<![\w+])(?:\+|00)[1-9](?:{_SEPARATOR}?+[()]?+{_SEPARATOR}?+\d){{6,16}}+"
        rf"|(?<![\w+(])\(?+\d{{3}}\)?+{_SEPARATOR}{{1,2}}+\d{{3}}{_SEPARATOR}\d{{4}}(?!\d)"
        rf"|(?<![\w+(])\(?+0\d{{1,5}}+\)?+[ /-]{{1,3}}+\d{{3,4}}(?:[ -]?+\d){{1,8}}+"
    ),
}
"""In the order in which they are looked for."""
