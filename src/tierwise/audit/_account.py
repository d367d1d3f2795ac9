"""Calls with their prices: counts and exact spend by any grouping."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from tierwise.audit._decisions import day_column
from tierwise.audit._findings import Counts
from tierwise.audit._layout import ENDPOINTS, HAS_TOKENS, ODD_TIER, RESIDENCY, STATUSES
from tierwise.audit._money import DECISIONS, RESIDENT, UNPRICED, PriceBook, money_by
from tierwise.audit._table import CallTable
from tierwise.catalog import KINDS, Catalog, Model, Resolution
from tierwise.errors import CatalogError

NO_USAGE = "no usage in the log"
NO_MODEL = "no model name in the log"
ODD_TIER_SAID = "served in a tier without published prices"


class Account:
    """A table of calls, what each cost, and the models behind the names."""

    def __init__(self, calls: CallTable, catalog: Catalog, today: dt.date) -> None:
        self.calls = calls
        self.catalog = catalog
        self.today = today
        self.book = PriceBook(catalog, today)
        self.names = [*calls.tables["served"], *calls.tables["asked"]]
        """Model names as logged; `name` indexes them."""
        offset = len(calls.tables["served"])
        self.name = np.where(calls["served"] != 0, calls["served"], calls["asked"].astype(np.int64) + offset)
        self.resolutions: list[Resolution | CatalogError] = [self._resolve(name) for name in self.names]
        self.models, self.model = self._canonical()
        self.day = day_column(calls)
        self.counts = {kind: calls[kind] for kind in KINDS}
        self.unpriced: Counter[str] = Counter()
        """Calls without a price by reason; adds up to the calls that are unpriced."""
        self.unpriced_fees: Counter[str] = Counter()
        """Uses of hosted tools whose fee is unknown, by reason; the call's tokens may have a price."""
        self.card = self._priced()
        self.fees = self._hosted_fees()

    def _resolve(self, name: str | None) -> Resolution | CatalogError:
        try:
            return self.catalog.resolve(name or "")
        except CatalogError as error:
            return error

    def known(self, name: str) -> Model | None:
        """The catalog's model of that name, None where it has none."""
        found = self._resolve(name)
        return found.model if isinstance(found, Resolution) else None

    def _canonical(self) -> tuple[list[str], Any]:
        """Model names of the catalog (or as logged, where it knows none), and each call's index."""
        index: dict[str, int] = {}
        of_name = np.zeros(len(self.names), dtype=np.int64)
        for i, (name, found) in enumerate(zip(self.names, self.resolutions, strict=True)):
            label = found.model.name if isinstance(found, Resolution) else name or "(no model)"
            of_name[i] = index.setdefault(label, len(index))
        return list(index), of_name[self.name]

    def _priced(self) -> Any:
        """A rate card per call; calls without one are counted in `unpriced` by reason."""
        flags = self.calls["flags"]
        special = np.where(flags & RESIDENCY != 0, RESIDENT, 0)
        special |= np.where(self.calls["endpoint"] == ENDPOINTS.index("decisions"), DECISIONS, 0)
        card = self.book.numbers(self.names, self.name, self.calls["lane"], self.day, special)
        silent = flags & HAS_TOKENS == 0
        nameless = (card == UNPRICED) & np.array([not name for name in self.names])[self.name] & ~silent
        # A call that failed and carries no usage was not billed: OpenAI charges for tokens.
        self._note(self._billed_silent(silent), NO_USAGE)
        self._note(nameless, NO_MODEL)
        odd = (flags & ODD_TIER != 0) & ~silent
        self._note(odd & (card != UNPRICED), ODD_TIER_SAID)
        self._note_unknown((card == UNPRICED) & ~silent & ~nameless)
        card[silent | odd] = UNPRICED
        self.unpriced.update(self.book.refuse_unrated(card, self.counts))
        return card

    def _billed_silent(self, silent: Any) -> Any:
        return silent & (self.calls["status"] != STATUSES.index("error"))

    def _note(self, rows: Any, reason: str) -> None:
        if rows.any():
            self.unpriced[reason] += int(rows.sum())

    def _note_unknown(self, rows: Any) -> None:
        """Reasons of the catalog, per name and lane."""
        from tierwise.catalog import LANES

        pairs = self.name[rows] * len(LANES) + self.calls["lane"][rows]
        unique, counts = np.unique(pairs, return_counts=True)
        for pair, count in zip(unique.tolist(), counts.tolist(), strict=True):
            name, lane = divmod(pair, len(LANES))
            why = next(
                (w for key, w in self.book.whys.items() if key[:2] == (self.names[name], LANES[lane])),
                "no price",
            )
            self.unpriced[why] += count

    @property
    def priced(self) -> Any:
        """True for calls that have a price."""
        return self.card != UNPRICED

    @property
    def unpriced_rows(self) -> Any:
        """True for calls that should have a price and have none."""
        return (self.card == UNPRICED) & ~self._free

    @property
    def _free(self) -> Any:
        """Failed calls without usage: not billed."""
        silent = self.calls["flags"] & HAS_TOKENS == 0
        return silent & ~self._billed_silent(silent)

    def _hosted_fees(self) -> dict[int, Decimal]:
        """Row to the fee of the hosted tools it used, where there is any."""
        fees: dict[int, Decimal] = {}
        known: dict[tuple[str, int], Decimal | str] = {}
        hosted = self.calls["hosted"]
        for row in np.flatnonzero(hosted).tolist():
            for kind, count in self.calls.words("hosted", int(hosted[row])):
                key = (kind, int(self.day[row]))
                if key not in known:
                    known[key] = self._fee(*key)
                fee = known[key]
                if isinstance(fee, str):
                    self.unpriced_fees[fee] += count
                elif fee:
                    fees[row] = fees.get(row, Decimal(0)) + fee * count
        return fees

    def _fee(self, kind: str, day: int) -> Decimal | str:
        """USD of one use of a hosted tool, or why that is unknown."""
        try:
            return self.catalog.hosted_fee(kind, self.book.day(day))
        except CatalogError as error:
            return str(error)

    def fees_by(self, groups: Any, n: int, rows: Any = None) -> list[Decimal]:
        """Hosted-tool fees of each of n groups; `rows` limits them to a mask."""
        totals = [Decimal(0)] * n
        for row, fee in self.fees.items():
            if groups[row] >= 0 and (rows is None or rows[row]):
                totals[groups[row]] += fee
        return totals

    def spend_by(self, groups: Any, n: int) -> list[Decimal]:
        """USD spent in each of n groups, fees included."""
        money = money_by(self.book, groups, n, self.card, self.counts)
        return [a + b for a, b in zip(money, self.fees_by(groups, n), strict=True)]

    def counts_by(self, groups: Any, n: int) -> list[Counts]:
        """Calls, tokens and spend of each of n groups."""
        chosen = groups >= 0
        group = groups[chosen].astype(np.int64)

        def total(*kinds: str) -> list[int]:
            column = sum(self.counts[kind][chosen].astype(np.float64) for kind in kinds)
            return [int(x) for x in np.bincount(group, weights=column, minlength=n).tolist()]

        calls = np.bincount(group, minlength=n).tolist()
        missing = np.bincount(group, weights=self.unpriced_rows[chosen], minlength=n).tolist()
        columns = zip(
            calls,
            total("uncached", "audio_input"),
            total("cached", "audio_cached"),
            total("written", "written_12h"),
            total("output", "audio_output"),
            total("reasoning"),
            self.spend_by(groups, n),
            missing,
            strict=True,
        )
        return [
            Counts(
                calls=c,
                input=i,
                cached=ca,
                written=w,
                output=o,
                reasoning=r,
                spend=s,
                unpriced_calls=int(u),
            )
            for c, i, ca, w, o, r, s, u in columns
        ]

    def total(self) -> Counts:
        """The whole table as one group."""
        return self.counts_by(np.zeros(len(self.calls), dtype=np.int64), 1)[0]

    def grouped(self, labels: Sequence[str | None], index: Any, otherwise: str) -> list[tuple[str, Counts]]:
        """Counts by label, most spend first; None becomes `otherwise`."""
        names = [label if label is not None else otherwise for label in labels]
        rows = list(zip(names, self.counts_by(index, len(names)), strict=True))
        return sorted((r for r in rows if r[1].calls), key=lambda r: (-r[1].spend, -r[1].calls, r[0]))
