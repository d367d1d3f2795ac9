"""Exact money over columns: tokens are summed as integers, then multiplied by Decimal rates.

A sum of counts times a rate equals the sum of the products, so nothing is rounded and any
grouping of the calls adds up to the total to the last digit.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from tierwise.audit._columns import numbered
from tierwise.catalog import KINDS, LANES, Catalog, Lane, RateCard
from tierwise.errors import CatalogError

MILLION = Decimal(1_000_000)
UNPRICED = -1
MICROSECONDS_A_DAY = 86_400_000_000
NO_STEP = 2**40

Key = tuple[str, Lane, int, int]
"""Model name, lane, day since the epoch, and what else moves a price: RESIDENT, DECISIONS."""

RESIDENT = 1
DECISIONS = 2


class PriceBook:
    """Rate cards by number: each key is looked up once."""

    def __init__(self, catalog: Catalog, today: dt.date) -> None:
        self._catalog = catalog
        self._today = today
        self.cards: list[RateCard] = []
        self.whys: dict[Key, str] = {}
        """Why a key has no price."""
        self._by_key: dict[Key, int] = {}
        self._by_card: dict[RateCard, int] = {}

    def day(self, days: int) -> dt.date:
        """The date of a day number; today for calls without a time."""
        return self._today if days < 0 else dt.date.fromordinal(dt.date(1970, 1, 1).toordinal() + days)

    def number(self, key: Key) -> int:
        """The card's number, or UNPRICED with the reason kept in `whys`."""
        number = self._by_key.get(key)
        if number is None:
            number = self._by_key[key] = self._find(key)
        return number

    def _find(self, key: Key) -> int:
        model, lane, days, special = key
        try:
            card = self._catalog.rate_card(
                model,
                lane,
                at=self.day(days),
                residency=bool(special & RESIDENT),
                endpoint="decisions" if special & DECISIONS else None,
            )
        except CatalogError as error:
            self.whys[key] = str(error)
            return UNPRICED
        return self._numbered(card)

    def _numbered(self, card: RateCard) -> int:
        number = self._by_card.get(card)
        if number is None:
            number = self._by_card[card] = len(self.cards)
            self.cards.append(card)
        return number

    def numbers(self, models: Sequence[str | None], model: Any, lane: Any, day: Any, special: Any) -> Any:
        """Card numbers for columns: index into `models`, lane code, day, RESIDENT and DECISIONS bits."""
        lanes, bound = len(LANES), 100_000
        mixed = ((model.astype(np.int64) * lanes + lane) * 4 + special) * bound
        mixed += np.clip(day, -1, bound - 2) + 1
        unique, inverse = np.unique(mixed, return_inverse=True)
        found = np.empty(len(unique), dtype=np.int32)
        for i, value in enumerate(unique.tolist()):
            rest, days = divmod(value, bound)
            rest, bits = divmod(rest, 4)
            index, code = divmod(rest, lanes)
            found[i] = self.number((models[index] or "", LANES[code], days - 1, bits))
        return found[inverse]

    def refuse_unrated(self, card: Any, counts: Mapping[str, Any]) -> dict[str, int]:
        """Set UNPRICED in `card` where a call has tokens without a rate; reasons to calls.

        A call needs the rates of its own side of the long-context step, not those of the other.
        """
        reasons: dict[str, int] = {}
        long = over_step(self, card, counts)
        for number, of in enumerate(self.cards):
            for rates, side in ((of.short, ~long), (of.long, long)):
                for kind, column in counts.items():
                    if rates is None or (rates.of(kind) is not None and kind not in of.unpublished):
                        continue
                    unrated = (card == number) & side & (column > 0)
                    if unrated.any():
                        why = _no_rate(of, kind, above=rates is of.long)
                        reasons[why] = reasons.get(why, 0) + int(unrated.sum())
                        card[unrated] = UNPRICED
        return reasons


def _no_rate(card: RateCard, kind: str, *, above: bool) -> str:
    step = f" above {card.threshold:,} input tokens" if above and card.threshold is not None else ""
    return f"{card.model} has no published rate for {kind.replace('_', ' ')} tokens in the {card.lane} lane{step}"


def over_step(book: PriceBook, card: Any, counts: Mapping[str, Any]) -> Any:
    """True per call whose input is above the long-context step of its card; False where it has none."""
    # A last entry for UNPRICED, which indexes as -1.
    steps = [c.threshold if c.threshold is not None and c.long is not None else NO_STEP for c in book.cards]
    total = sum(
        (counts[kind].astype(np.int64) for kind in _INPUT if kind in counts), np.zeros(len(card), np.int64)
    )
    return total > np.array([*steps, NO_STEP], dtype=np.int64)[card]


def money_by(book: PriceBook, groups: Any, n: int, card: Any, counts: Mapping[str, Any]) -> list[Decimal]:
    """USD of each of n groups, exact.

    Args:
        book: the cards.
        groups: a group number per call, from 0 to n - 1; negative leaves the call out.
        n: number of groups.
        card: a card number per call; UNPRICED calls cost nothing here and are counted elsewhere.
        counts: kind of token to a count per call.
    """
    totals = [Decimal(0)] * n
    sums = token_sums(book, groups, card, counts)
    for (group, number, long), kinds in sums.items():
        rates = (book.cards[number].long if long else None) or book.cards[number].short
        for kind, tokens in kinds.items():
            totals[group] += Decimal(tokens) * (rates.of(kind) or 0) / MILLION
    return totals


def token_sums(
    book: PriceBook, groups: Any, card: Any, counts: Mapping[str, Any]
) -> dict[tuple[int, int, bool], dict[str, int]]:
    """Tokens by kind for each (group, card, long context) that occurs."""
    used = np.flatnonzero((card >= 0) & (groups >= 0))
    if not len(used):
        return {}
    numbers = card[used].astype(np.int64)
    long = over_step(book, numbers, {kind: column[used] for kind, column in counts.items()})
    groups = groups[used].astype(np.int64)
    bound = (int(groups.max()) + 1) * len(book.cards) * 2
    unique, inverse = numbered((groups * len(book.cards) + numbers) * 2 + long, bound)
    result: dict[tuple[int, int, bool], dict[str, int]] = {}
    for value in unique.tolist():
        rest, is_long = divmod(value, 2)
        group, number = divmod(rest, len(book.cards))
        result[(group, number, bool(is_long))] = {}
    for kind, column in counts.items():
        if not column.any():
            continue
        # Sums of token counts stay far below 2**53, so float64 weights add them exactly.
        sums = np.bincount(inverse, weights=column[used], minlength=len(unique))
        for key, tokens in zip(result, sums.tolist(), strict=True):
            if tokens:
                result[key][kind] = int(tokens)
    return result


_INPUT = tuple(kind for kind in KINDS if kind not in {"output", "reasoning", "audio_output"})
