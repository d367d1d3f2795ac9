"""One call taken apart: what each kind of its tokens cost as counted, at list and at contract prices."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import cache
from typing import Final, Literal

import msgspec

from tierwise.calls import NOT_RECORDED, Recorded, decode_recorded
from tierwise.catalog import Catalog, Lane, RateCard, Tokens
from tierwise.errors import CatalogError
from tierwise.ledger import Entered, shares
from tierwise.online import tokens_as_asked
from tierwise.policy import Decision

Basis = Literal["rates", "share", "settled", "whole"]
"""What a charge rests on: rates times tokens; a share of the call's cost, which no rates of now give; what
OpenAI charged for a call of unknown end; or the call's cost as it was counted, which cannot be taken apart."""
ZERO: Final = Decimal(0)
WHOLE: Final = "whole call"
_MILLION: Final = Decimal(1_000_000)


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """USD, exact, three ways."""

    counted: Decimal = ZERO
    """As the ledger has it, by the prices in force when the call was made."""
    listed: Decimal = ZERO
    """At list prices of the day."""
    contract: Decimal = ZERO
    """At the owner's prices of the day."""

    def plus(self, other: Sums) -> Sums:
        """Both together; in a context that is exact."""
        return Sums(
            counted=self.counted + other.counted,
            listed=self.listed + other.listed,
            contract=self.contract + other.contract,
        )

    def minus(self, other: Sums) -> Sums:
        """This without the other; in a context that is exact."""
        return Sums(
            counted=self.counted - other.counted,
            listed=self.listed - other.listed,
            contract=self.contract - other.contract,
        )


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """Money for one kind of what a call used."""

    kind: str
    """A kind of token, or of hosted tool; 'whole call' where it is not known what was used."""
    quantity: int | None
    unit: str | None
    """'Tokens', 'Requests' or 'Minutes'; priced by the million tokens, or by one."""
    long: bool
    """Whether the rates above the long-context step hold."""
    sums: Sums
    list_price: Decimal | None
    """USD a million tokens, or each; None where no list has it."""
    contract_price: Decimal | None
    basis: Basis


class Charges(msgspec.Struct, frozen=True, kw_only=True):
    """A call's charges, which add up to its cost, and what it would have cost as asked."""

    charges: tuple[Charge, ...]
    as_asked: Sums
    estimated: bool = False
    """Whether its tokens are an estimate, because no usage came back."""
    tags: tuple[str, ...] = ()
    damaged: bool = False
    """Whether its line cannot be read."""
    unasked: bool = False
    """Whether it was moved, and what it would have cost as asked could not be priced anew at one of both."""


class _Part(msgspec.Struct, frozen=True):
    """What one kind costs by one list of prices."""

    cost: Decimal
    price: Decimal
    long: bool


_Parts = dict[str, _Part]


def charges(entry: Entered, day: dt.date, listed: Catalog, contract: Catalog) -> Charges:
    """Take a call apart; one that has a cost. In a context that is exact.

    Args:
        entry: The call.
        day: Its UTC day, which prices are of.
        listed: List prices.
        contract: The owner's prices; the same object where there are none.
    """
    cost = entry.cost if entry.cost is not None else ZERO
    if entry.settled:
        return _undivided(cost, "settled")
    call = _decoded(entry.line)
    if call is None:
        return _undivided(cost, "whole", entry.as_asked, damaged=True)
    if call.tokens is None and not cost:
        return Charges(charges=(), as_asked=Sums(), tags=call.tags)
    found = _divided(entry, call, cost, day, listed, contract)
    if not found:
        whole = _undivided(cost, "whole", entry.as_asked) if cost else Charges(charges=(), as_asked=Sums())
        return msgspec.structs.replace(whole, estimated=call.estimated, tags=call.tags)
    own = Sums()
    for one in found:
        own = own.plus(one.sums)
    as_asked, unasked = _as_asked(entry, call, own, day, listed, contract)
    return Charges(
        charges=tuple(found), as_asked=as_asked, estimated=call.estimated, tags=call.tags, unasked=unasked
    )


def _undivided(
    cost: Decimal, basis: Basis, as_asked: Decimal | None = None, *, damaged: bool = False
) -> Charges:
    """A cost without what was used: it is the same at all prices, for nothing tells otherwise."""
    before = as_asked if as_asked is not None else cost
    sums = Sums(counted=cost, listed=cost, contract=cost)
    charge = Charge(
        kind=WHOLE, quantity=None, unit=None, long=False, sums=sums, list_price=None, contract_price=None, basis=basis
    )  # fmt: skip
    return Charges(
        charges=(charge,), as_asked=Sums(counted=before, listed=before, contract=before), damaged=damaged
    )


def _decoded(line: bytes | None) -> Recorded | None:
    if line is None:
        return None
    try:
        return decode_recorded(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _divided(
    entry: Entered, call: Recorded, cost: Decimal, day: dt.date, listed: Catalog, contract: Catalog
) -> list[Charge]:
    """The cost by kind: exact where rates of either list give it, else in shares; [] where nothing can be priced."""
    first: tuple[_Parts, _Parts | None] | None = None
    for residency in (False, True):
        found = _both(entry, call, day, listed, contract, residency=residency)
        if found is None:
            continue
        first = first or found
        own, at_list = found
        for parts in (own, at_list):
            if parts and sum((part.cost for part in parts.values()), ZERO) == cost:
                return _charged(call, own, at_list, [parts[kind].cost for kind in own], "rates")
    if first is None or not first[0]:
        return []
    own, at_list = first
    counted = shares(cost, [part.cost for part in own.values()])
    return _charged(call, own, at_list, counted, "share")


def _both(
    entry: Entered, call: Recorded, day: dt.date, listed: Catalog, contract: Catalog, *, residency: bool
) -> tuple[_Parts, _Parts | None] | None:
    """Parts at contract and at list prices; no list parts where no list has the model, None where neither has."""
    try:
        own = _parts(contract, entry.model, call.lane, day, call, residency=residency)
    except CatalogError:
        return None
    if listed is contract:
        return own, own
    try:
        name = contract.resolve(entry.model)
        known = entry.model if name.how not in {"alias", "azure"} else name.model.name
        return own, _parts(listed, known, call.lane, day, call, residency=residency)
    except CatalogError:
        return own, None


def _parts(
    catalog: Catalog, model: str, lane: Lane, day: dt.date, call: Recorded, *, residency: bool
) -> _Parts:
    tokens = call.tokens or Tokens()
    card = catalog.rate_card(model, lane, at=day, residency=residency)
    rates, long = card.rates(tokens.input_total), _long(card, tokens)
    parts = {
        kind: _Part(cost, rates.of(kind) or ZERO, long) for kind, cost in card.cost(tokens).parts.items()
    }
    for kind, count in call.hosted.items():
        if count:
            fee = catalog.hosted_fee(kind, day)
            parts[kind] = _Part(fee * count, fee, long=False)
    return parts


def _long(card: RateCard, tokens: Tokens) -> bool:
    return card.long is not None and card.threshold is not None and tokens.input_total > card.threshold


def _charged(
    call: Recorded, own: _Parts, at_list: _Parts | None, counted: list[Decimal], basis: Basis
) -> list[Charge]:
    found = []
    for (kind, part), cost in zip(own.items(), counted, strict=True):
        other = at_list.get(kind) if at_list is not None else None
        hosted = call.hosted.get(kind)
        found.append(
            Charge(
                kind=kind,
                quantity=hosted or getattr(call.tokens, kind),
                unit="Tokens" if not hosted else "Minutes" if "minute" in kind else "Requests",
                long=part.long,
                # Where no list has the model, what the owner pays is what it costs.
                sums=Sums(counted=cost, listed=(other or part).cost, contract=part.cost),
                list_price=other.price if other is not None else None,
                contract_price=part.price,
                basis=basis,
            )
        )
    return found


# ---------------------------------------------------------------- as asked


@cache
def _decider() -> msgspec.json.Decoder[Decision]:
    return msgspec.json.Decoder(Decision)


def _as_asked(
    entry: Entered, call: Recorded, own: Sums, day: dt.date, listed: Catalog, contract: Catalog
) -> tuple[Sums, bool]:
    """What a call would have cost as asked, three ways, and whether one of them could not be priced.

    A call that was not moved costs what it costs. One that was is priced with the tokens that its
    decision makes of those that came, at the model and lane that were asked for.
    """
    counted = entry.as_asked if entry.as_asked is not None else own.counted
    if not entry.moved and not call.saved:
        return Sums(counted=counted, listed=own.listed, contract=own.contract), False
    decision = _decision(call)
    ways = [_before(catalog, call, decision, day) for catalog in (listed, contract)]
    at_list, at_contract = ways
    return Sums(
        counted=counted,
        listed=at_list if at_list is not None else own.listed,
        contract=at_contract if at_contract is not None else own.contract,
    ), None in ways or entry.as_asked is None


def _decision(call: Recorded) -> Decision | None:
    if call.decision == NOT_RECORDED:
        return None
    try:
        return _decider().decode(call.decision)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _before(catalog: Catalog, call: Recorded, decision: Decision | None, day: dt.date) -> Decimal | None:
    if decision is None or not decision.steps or call.tokens is None:
        return None
    try:
        card = catalog.rate_card(decision.baseline.model, decision.lane_asked, at=day)
        fees = sum((catalog.hosted_fee(kind, day) * count for kind, count in call.hosted.items()), ZERO)
        return card.cost(tokens_as_asked(call.tokens, decision)).total + fees
    except CatalogError:
        return None
