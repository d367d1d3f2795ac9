"""What may be spent, and amounts of USD kept as text."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN, Context, Decimal, Inexact, InvalidOperation
from typing import Final

import msgspec

DIGITS: Final = 120
"""Significant digits that sums of money keep; twice what text of money has."""
LONGEST: Final = 60
"""Characters of text of money: an amount with an exponent beyond is damaged."""
FINEST: Final = Decimal("1e-12")
"""USD that shares are cut to, where the amount itself has no finer digits."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """USD that may be spent."""

    day: Decimal | None = None
    """In one UTC day."""
    month: Decimal | None = None
    """In one UTC month."""


def exact() -> Context:
    """A context in which sums of money are exact: a digit lost is an error. Of its own a use, for one thread."""
    return Context(prec=DIGITS, traps=[Inexact, InvalidOperation])


def read_amount(text: str | None) -> Decimal | None:
    """USD as a ledger keeps them; None for none, and for text that is damaged."""
    if text is None:
        return None
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found.adjusted()) < LONGEST else None


def plain(amount: Decimal) -> str:
    """An amount as text: no exponent, no zeros at its end."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def shares(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """An amount in parts that add up to it to the last digit, in proportion to weights.

    Each part is cut down to a digit; what that leaves goes to the largest weight, the first of equals.

    Args:
        amount: USD; may be negative.
        weights: At least one, none negative; where all are zero they count as equal.
    """
    if not any(weights):
        weights = [Decimal(1)] * len(weights)
    context, rounding = exact(), Context(prec=DIGITS, rounding=ROUND_DOWN)
    whole = Decimal(0)
    for weight in weights:
        whole = context.add(whole, weight)
    finest = amount.as_tuple().exponent
    digit = Decimal(1).scaleb(finest) if isinstance(finest, int) and finest < -12 else FINEST
    parts = [
        rounding.divide(rounding.multiply(amount, weight), whole).quantize(digit, context=rounding)
        for weight in weights
    ]
    left = amount
    for part in parts:
        left = context.subtract(left, part)
    largest = max(range(len(parts)), key=lambda place: (weights[place], -place))
    parts[largest] = context.add(parts[largest], left)
    return parts
