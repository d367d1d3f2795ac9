"""Numbers and foreign text as people read them. Rounding happens here and nowhere else."""

from __future__ import annotations

import math
import unicodedata
from decimal import ROUND_HALF_UP, Context, Decimal

CENT = Decimal("0.01")
# Sums of a whole log stay far below 80 digits; the default context's 28 could refuse to round.
EXACT = Context(prec=80, rounding=ROUND_HALF_UP)
STEPS = ((10**9, "B"), (10**6, "M"), (10**3, "k"))
# Marks that reorder or hide the text around them: bidirectional overrides and isolates.
REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\ufeff")


def money(amount: Decimal) -> str:
    """USD to the cent, halves away from zero: '$1,234.56', '-$2.00', '<$0.01', '$0.00'."""
    size = amount.copy_abs()
    sign = "-" if amount < 0 else ""
    if not size:
        return "$0.00"
    if size < CENT:
        return f"{sign}<$0.01"
    return f"{sign}${size.quantize(CENT, context=EXACT):,f}"


def money_short(amount: Decimal) -> str:
    """USD for an axis, two or three figures: '$0.35', '$12', '$1.2k', '$3.4M'."""
    if amount.copy_abs() < 10:
        return money(amount)
    sign = "-" if amount < 0 else ""
    return f"{sign}${_stepped(int(amount.copy_abs().to_integral_value(ROUND_HALF_UP)))}"


def money_each(amount: Decimal) -> str:
    """USD of one call, session or task: below a dollar to a hundredth of a cent: '$0.0123'."""
    size = amount.copy_abs()
    if not size or size >= 1:
        return money(amount)
    sign = "-" if amount < 0 else ""
    fine = size.quantize(Decimal("0.0001"), context=EXACT)
    return f"{sign}${fine:f}" if fine else f"{sign}<$0.0001"


def share(part: float) -> str:
    """A share from 0 to 1 as a percentage that says 0% and 100% only where they are exact."""
    if not math.isfinite(part):
        return "n/a"
    if part in {0, 1}:
        return f"{part:.0%}"
    sign = "-" if part < 0 else ""
    size = abs(part)
    if size < 0.001:
        return f"{sign}<0.1%"
    if 0.999 < size < 1:
        return f"{sign}>99.9%"
    decimals = 1 if size < 0.0995 or 0.99 <= size < 1 else 0
    return f"{sign}{size:,.{decimals}%}"


def share_of(part: Decimal, whole: Decimal) -> str:
    """`part` of `whole` as a percentage; 'n/a' where the whole is 0."""
    return share(float(part / whole)) if whole else "n/a"


def count(number: int) -> str:
    """A whole number with thousands separators."""
    return f"{number:,d}"


def count_short(number: int) -> str:
    """A whole number to two or three figures: '912', '845k', '1.2M'."""
    return _stepped(number)


def plural(number: int, one: str, many: str | None = None) -> str:
    """'1 call', '20,000 calls'; `many` for words that take more than an s."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def clean(text: str) -> str:
    """Foreign text on one line: no control characters, no reordering marks, no half characters.

    A label, a path or an example comes from a log. It must not move a terminal's cursor,
    reverse the line around it, or fail to encode.
    """
    return " ".join("".join(_safe(c) for c in text).split())


def _safe(char: str) -> str:
    if " " <= char < "\x7f":
        return char
    kind = unicodedata.category(char)
    if kind in {"Cc", "Zl", "Zp"}:
        return " "
    if kind == "Cs":
        return "\ufffd"
    return "" if char in REORDERING else char


def _stepped(number: int) -> str:
    size = abs(number)
    for step, letter in STEPS:
        # 999,950 is 1.0M, never 1000k.
        if size * 2000 >= step * 1999 and size >= 1000:
            value = number / step
            return f"{value:.1f}{letter}" if abs(value) < 9.95 else f"{value:.0f}{letter}"
    return str(number)
